//! What a caller may ask of the HTTP API: one table.
//!
//! Which documents a role reads and writes is another one, [`muster_model::access`].

use muster_model::access::RoleKind;

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Create an event.
    CreateEvent,
    /// Copy the server's data elsewhere.
    BackUp,
    /// See that the event exists, and its name and dates.
    SeeEvent,
    /// List the documents that can be read.
    ListDocuments,
    /// Import a file.
    Import,
    /// Erase an attendee, and say for how long personal data is kept.
    Erase,
    /// Export the public programme.
    ExportProgramme,
    /// Export attendees or check-ins.
    ExportPeople,
    /// List, enrol and revoke devices.
    ManageDevices,
    /// Look at refused changes, accept or discard them.
    SettleQuarantine,
    /// List, invite and remove accounts.
    ManageAccounts,
    /// Issue and withdraw tickets, manage their keys.
    ManageTickets,
    /// Read how many are in and how many rooms are ready.
    ReadCounts,
}

/// Whether a role may do this in its own event. The local administrator may do everything.
#[must_use]
pub const fn allows(role: RoleKind, action: Action) -> bool {
    use Action::{
        BackUp, CreateEvent, Erase, ExportPeople, ExportProgramme, Import, ListDocuments, ManageAccounts,
        ManageDevices, ManageTickets, ReadCounts, SeeEvent, SettleQuarantine,
    };
    let [coordinator, finance, staff, presenter] = match action {
        CreateEvent | BackUp => [false, false, false, false],
        SeeEvent | ListDocuments | ExportProgramme => [true, true, true, true],
        ReadCounts => [true, true, true, false],
        Import | Erase | ExportPeople | ManageAccounts | ManageDevices | ManageTickets | SettleQuarantine => {
            [true, false, false, false]
        }
    };
    match role {
        RoleKind::Coordinator => coordinator,
        RoleKind::Finance => finance,
        RoleKind::Staff => staff,
        RoleKind::Presenter => presenter,
    }
}
