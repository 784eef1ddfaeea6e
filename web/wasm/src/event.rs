//! The event, and who this device is in it.

use muster_client_core::Me as CoreMe;
use muster_model::id::{DeviceId, EventId, PresenterId};
use muster_model::time::Timestamp;
use muster_model::{access, event};

use crate::mirror::mirror;

mirror! {
    /// How people take part.
    Format of event::Format {
        /// Everybody comes to the venue.
        OnSite,
        /// Some come, some are connected.
        Hybrid,
        /// Nobody comes.
        Remote,
    }
}

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Role {
    /// Plans and runs the event; edits everything.
    Coordinator,
    /// Edits the budget, reads the plan.
    Finance,
    /// Checks people in and makes rooms ready.
    Staff,
    /// Reads the programme and their own logistics.
    Presenter {
        /// Whose device it is.
        presenter: PresenterId,
    },
}

/// Who this device is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The event.
    pub event: EventId,
    /// The device.
    pub device: DeviceId,
    /// What it may do.
    pub role: Role,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The name people know it by.
    pub name: String,
    /// A short name.
    pub acronym: String,
    /// A line under the name.
    pub subtitle: String,
    /// What the organiser wants of it.
    pub goals: String,
    /// How people take part.
    pub format: Format,
    /// Where it is held.
    pub venue: String,
    /// The city it is held in.
    pub city: String,
    /// The beginning of its first day.
    pub starts_at: Timestamp,
    /// The end of its last day.
    pub ends_at: Timestamp,
    /// The zone its times are shown in, by its name in the IANA database.
    pub time_zone: String,
    /// Minutes after midnight at which a day of the event begins, for checkpoints that admit once a day.
    pub day_starts_min: u16,
    /// Minutes after midnight at which a day of the published programme begins.
    pub program_day_starts_min: u16,
    /// Where the programme is published.
    pub base_url: String,
    /// The version of the programme, as its makers call it.
    pub program_version: String,
    /// BCP 47 tags of the languages spoken.
    pub languages: Vec<String>,
    /// ISO 4217 code of the budget's currency.
    pub currency: String,
}

impl From<access::Role> for Role {
    fn from(role: access::Role) -> Self {
        match role {
            access::Role::Coordinator => Self::Coordinator,
            access::Role::Finance => Self::Finance,
            access::Role::Staff => Self::Staff,
            access::Role::Presenter(presenter) => Self::Presenter { presenter },
        }
    }
}

impl From<Role> for access::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Coordinator => Self::Coordinator,
            Role::Finance => Self::Finance,
            Role::Staff => Self::Staff,
            Role::Presenter { presenter } => Self::Presenter(presenter),
        }
    }
}

impl From<CoreMe> for Me {
    fn from(me: CoreMe) -> Self {
        Self { event: me.event, device: me.device, role: me.role.into() }
    }
}

impl From<event::Event> for Event {
    fn from(event: event::Event) -> Self {
        Self {
            name: event.name,
            acronym: event.acronym,
            subtitle: event.subtitle,
            goals: event.goals,
            format: event.format.into(),
            venue: event.venue,
            city: event.city,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            time_zone: event.time_zone.name().to_owned(),
            day_starts_min: event.day_starts_min,
            program_day_starts_min: event.program_day_starts_min,
            base_url: event.base_url,
            program_version: event.program_version,
            languages: event.languages,
            currency: event.currency,
        }
    }
}
