//! The programme: rooms, tracks, sessions and the presenters' public profiles.

use serde::{Deserialize, Serialize};

use crate::document::DocKind;
use crate::id::{PresenterId, RoomId, SessionId, TrackId};
use crate::record::Record;
use crate::time::Timestamp;

/// A room of the venue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Room {
    /// Its name on the door.
    pub name: String,
    /// How many people it seats.
    pub capacity: Option<u32>,
    /// What stands in it: projector, microphones, hearing loop...
    pub equipment: Vec<String>,
    /// Floor or part of the building.
    pub floor: String,
    /// Its place in lists.
    pub position: u32,
    /// Its id in the file it was imported from.
    pub source_id: String,
    /// Its globally unique id (`guid`) in schedule files.
    pub guid: String,
    /// Other attributes of the file it came from, kept for export.
    pub extra: std::collections::BTreeMap<String, String>,
}

/// Sessions that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// Its colour, as `#rrggbb`.
    pub color: String,
    /// Its short name in addresses.
    pub slug: String,
    /// Its place in lists.
    pub position: u32,
    /// Other attributes of the file it came from, kept for export.
    pub extra: std::collections::BTreeMap<String, String>,
}

/// A link or an attachment of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// What it is.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// What kind of thing it is, as the file says ("slides").
    pub kind: String,
}

/// Something that happens in a room at a time: a talk, a workshop, a lunch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Its title.
    pub title: String,
    /// A line under the title.
    pub subtitle: String,
    /// When it starts.
    pub starts_at: Timestamp,
    /// How long it lasts, in minutes.
    pub duration_min: u32,
    /// Where it is.
    pub room: Option<RoomId>,
    /// The track it belongs to.
    pub track: Option<TrackId>,
    /// What kind of session it is, as the organiser calls it ("keynote", "workshop").
    pub kind: String,
    /// BCP 47 tag of its language.
    pub language: String,
    /// What it is about, short.
    pub r#abstract: String,
    /// What it is about, long.
    pub description: String,
    /// Who presents, in the order of the programme.
    pub presenters: Vec<PresenterId>,
    /// Links to read on.
    pub links: Vec<Link>,
    /// Papers and slides.
    pub attachments: Vec<Link>,
    /// Its page.
    pub url: String,
    /// Its short name in addresses and file names.
    pub slug: String,
    /// Its number in the file it was imported from.
    pub source_id: String,
    /// Its globally unique id (`guid`) in schedule files.
    pub guid: String,
    /// Its public code ("ABC123") in pretalx.
    pub code: String,
    /// The address of its picture.
    pub logo: String,
    /// Where feedback is given.
    pub feedback_url: String,
    /// The licence of its recording.
    pub recording_license: String,
    /// Whether it must not be recorded.
    pub recording_optout: bool,
    /// Whether it does not take place.
    pub cancelled: bool,
    /// Other elements of the file it came from, kept for export.
    pub extra: std::collections::BTreeMap<String, String>,
}

impl Session {
    /// When it ends.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.starts_at.plus_minutes(i64::from(self.duration_min))
    }
}

/// What the public knows of a presenter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Their id in the file they were imported from.
    pub source_id: String,
    /// Their globally unique id (`guid`) in schedule files.
    pub guid: String,
    /// Their code in pretalx.
    pub code: String,
    /// Other attributes of the file they came from, kept for export.
    pub extra: std::collections::BTreeMap<String, String>,
}

macro_rules! record {
    ($type:ty, $key:ty, $collection:literal) => {
        impl Record for $type {
            type Key = $key;
            const DOCUMENT: DocKind = DocKind::Program;
            const COLLECTION: &'static str = $collection;
        }
    };
}

record!(Room, RoomId, "rooms");
record!(Track, TrackId, "tracks");
record!(Session, SessionId, "sessions");
record!(PresenterProfile, PresenterId, "presenters");
