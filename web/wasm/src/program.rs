//! The programme: rooms, sessions and presenters.

use muster_client_core::view;
use muster_model::id::{PresenterId, RoomId, SessionId, TrackId};
use muster_model::program;
use muster_model::time::Timestamp;

use crate::mirror::list;

/// A room of the venue.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// The id.
    pub id: RoomId,
    /// Its name on the door.
    pub name: String,
    /// How many people it seats.
    pub capacity: Option<u32>,
    /// What stands in it.
    pub equipment: Vec<String>,
    /// Floor or part of the building.
    pub floor: String,
}

/// A link or an attachment of a session.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct WebLink {
    /// What it is.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// What kind of thing it is ("slides").
    pub kind: String,
}

/// Something that happens in a room at a time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// Its title.
    pub title: String,
    /// A line under the title.
    pub subtitle: String,
    /// When it starts.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// How long it lasts, in minutes.
    pub duration_min: u32,
    /// Where it is.
    pub room: Option<RoomId>,
    /// The room's name; empty if it has none.
    pub room_name: String,
    /// The track it belongs to.
    pub track: Option<TrackId>,
    /// What kind of session it is ("keynote", "workshop").
    pub kind: String,
    /// BCP 47 tag of its language.
    pub language: String,
    /// What it is about, short.
    pub abstract_text: String,
    /// What it is about, long.
    pub description: String,
    /// Who presents, in the order of the programme.
    pub presenters: Vec<PresenterId>,
    /// Their names, in the same order.
    pub presenter_names: Vec<String>,
    /// Links to read on.
    pub links: Vec<WebLink>,
    /// Papers and slides.
    pub attachments: Vec<WebLink>,
    /// Its page.
    pub url: String,
    /// Whether it must not be recorded.
    pub recording_optout: bool,
    /// Whether it does not take place.
    pub cancelled: bool,
}

/// What the public knows of a presenter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct PresenterProfile {
    /// The name they present under.
    pub name: String,
    /// The organisation they speak for.
    pub organisation: String,
    /// Who they are.
    pub biography: String,
    /// The address of their picture.
    pub avatar: String,
    /// Their page.
    pub url: String,
}

/// Which sessions to list. Times are compared with the session's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct SessionFilter {
    /// Only those in this room.
    #[serde(default)]
    pub room: Option<RoomId>,
    /// Only those that start at or after.
    #[serde(default)]
    pub starts_from: Option<Timestamp>,
    /// Only those that start before.
    #[serde(default)]
    pub starts_before: Option<Timestamp>,
}

impl From<(RoomId, program::Room)> for Room {
    fn from((id, room): (RoomId, program::Room)) -> Self {
        Self { id, name: room.name, capacity: room.capacity, equipment: room.equipment, floor: room.floor }
    }
}

impl From<program::Link> for WebLink {
    fn from(link: program::Link) -> Self {
        Self { title: link.title, url: link.url, kind: link.kind }
    }
}

impl From<view::SessionView> for Session {
    fn from(view::SessionView { id, session, room, presenters }: view::SessionView) -> Self {
        Self {
            id,
            ends_at: session.ends_at(),
            title: session.title,
            subtitle: session.subtitle,
            starts_at: session.starts_at,
            duration_min: session.duration_min,
            room: session.room,
            room_name: room,
            track: session.track,
            kind: session.kind,
            language: session.language,
            abstract_text: session.r#abstract,
            description: session.description,
            presenters: session.presenters,
            presenter_names: presenters,
            links: list(session.links),
            attachments: list(session.attachments),
            url: session.url,
            recording_optout: session.recording_optout,
            cancelled: session.cancelled,
        }
    }
}

impl From<program::PresenterProfile> for PresenterProfile {
    fn from(profile: program::PresenterProfile) -> Self {
        Self {
            name: profile.name,
            organisation: profile.organisation,
            biography: profile.biography,
            avatar: profile.avatar,
            url: profile.url,
        }
    }
}

impl From<SessionFilter> for view::SessionFilter {
    fn from(filter: SessionFilter) -> Self {
        Self { room: filter.room, from: filter.starts_from, until: filter.starts_before }
    }
}
