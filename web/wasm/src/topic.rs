//! What a listener may look at again.

use muster_client_core::event;

crate::mirror::mirror! {
    /// What a listener may look at again.
    Topic of event::Topic {
        /// The event and its checkpoints.
        Event,
        /// Rooms, tracks, sessions and presenters.
        Program,
        /// Attendees and search.
        Attendees,
        /// Check-ins and counts.
        Checkins,
        /// Double admissions.
        DoubleAdmissions,
        /// Readiness of rooms.
        Readiness,
        /// Incidents.
        Incidents,
        /// Who has arrived.
        Arrivals,
        /// A presenter's logistics.
        Logistics,
        /// Links, last contact, facts not yet on the server, parked documents.
        Status,
        /// Fields that wait to be settled.
        Conflicts,
    }
}
