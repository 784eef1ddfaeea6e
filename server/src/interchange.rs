//! Import and export: other systems' files to records and back.
//!
//! Three pure steps, none of which reads a file, a clock or a document: [`read`] turns bytes into a [`Draft`] of what the
//! source says; [`plan::plan`] merges a draft with what the documents hold and what the source said last time into the
//! records to write; [`export`] turns records into files.
//!
//! Importing the same file twice writes nothing; an updated file writes only what the source changed, and never what a
//! coordinator changed meanwhile. A programme that is exported and imported again is the same programme.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::attendee::{Attendee, Contact};
use muster_model::checkpoint::{Checkpoint, Question};
use muster_model::event::Event;
use muster_model::id::{AttendeeId, CheckpointId, EventId, PresenterId, RoomId, SessionId, TrackId};
use muster_model::program::{PresenterProfile, Room, Session, Track};
use muster_model::ticket::TicketHash;
use muster_model::ticket::key::{KeyId, TicketKey};
use muster_model::ticket::withdrawn::Withdrawal;
use muster_model::time::TimeZone;
use serde::{Deserialize, Serialize};

mod attendees;
mod detect;
mod error;
pub mod export;
mod guid;
mod json;
mod logistics;
mod note;
pub mod plan;
mod presenters;
mod pretix;
mod rooms;
mod schedule;
mod table;
mod text;

pub use detect::detect;
pub use error::{ExportError, ImportError};
pub use logistics::Logistics;
pub use note::{ImportNote, ImportNotes, MAX_NOTES, NoteCode};

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// schedule.xml as Pentabarf, frab and pretalx write it (voc/schedule, `validator/xsd/schedule.xml.xsd`).
    ScheduleXml,
    /// schedule.json (voc/schedule, `validator/json/schema.json`).
    ScheduleJson,
    /// A list of attendees as CSV, with the headings of a known system or of Muster.
    AttendeesCsv,
    /// Resources of the pretix API as JSON: orders, items, questions, check-in lists, the event; one or many, paged or
    /// not, one after the other.
    PretixOrders,
    /// Muster's own list of rooms as CSV: `samples/README.md` has its columns.
    RoomsCsv,
    /// Muster's own list of presenters' logistics as CSV: `samples/README.md` has its columns.
    PresentersCsv,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [
        Self::ScheduleXml,
        Self::ScheduleJson,
        Self::AttendeesCsv,
        Self::PretixOrders,
        Self::RoomsCsv,
        Self::PresentersCsv,
    ];

    /// The name in the API and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ScheduleXml => "schedule_xml",
            Self::ScheduleJson => "schedule_json",
            Self::AttendeesCsv => "attendees_csv",
            Self::PretixOrders => "pretix_orders",
            Self::RoomsCsv => "rooms_csv",
            Self::PresentersCsv => "presenters_csv",
        }
    }

    /// What the format is, in an error's words.
    #[must_use]
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::ScheduleXml => "a schedule.xml",
            Self::ScheduleJson => "a schedule.json",
            Self::AttendeesCsv => "a list of attendees (CSV)",
            Self::PretixOrders => "JSON of the pretix API",
            Self::RoomsCsv => "a list of rooms (CSV)",
            Self::PresentersCsv => "a list of presenters (CSV)",
        }
    }
}

/// How much of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// The most bytes of a file.
    pub bytes: usize,
    /// The most sessions of a schedule, rooms or presenters of a list.
    pub sessions: usize,
    /// The most attendees (rows, ticket positions).
    pub attendees: usize,
    /// The most JSON values, or XML elements within one record.
    pub values: usize,
    /// The most levels of nesting.
    pub depth: usize,
    /// The most characters of one text; longer ones are cut, with a note.
    pub text_chars: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            bytes: 64 * 1024 * 1024,
            sessions: 200_000,
            attendees: 1_000_000,
            values: 4_000_000,
            depth: 64,
            text_chars: 100_000,
        }
    }
}

/// What a reader has to know besides the bytes.
#[derive(Debug, Clone)]
pub struct ReadContext {
    /// The event imported into: ids and ticket hashes depend on it.
    pub event: EventId,
    /// The zone of local times if the file names none.
    pub time_zone: TimeZone,
    /// How much is read.
    pub limits: ReadLimits,
}

/// What a source says: records under the ids they have in the event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// The event itself, if the source knows it; only the fields of `event_fields` count.
    pub event: Option<Event>,
    /// The fields of the event that the source speaks about.
    pub event_fields: BTreeSet<&'static str>,
    /// Rooms.
    pub rooms: BTreeMap<RoomId, Room>,
    /// Tracks.
    pub tracks: BTreeMap<TrackId, Track>,
    /// Sessions.
    pub sessions: BTreeMap<SessionId, Session>,
    /// Presenters.
    pub presenters: BTreeMap<PresenterId, PresenterProfile>,
    /// Checkpoints.
    pub checkpoints: BTreeMap<CheckpointId, Checkpoint>,
    /// Keys of signed tickets.
    pub ticket_keys: BTreeMap<KeyId, TicketKey>,
    /// Tickets that let nobody in, and those that do again (`None`).
    pub withdrawn: BTreeMap<TicketHash, Option<Withdrawal>>,
    /// The categories of the products that tickets name by a number.
    pub products: BTreeMap<String, String>,
    /// What is asked at the checkpoints of this source, if the file has the questions and not the checkpoints.
    pub questions: Vec<Question>,
    /// Attendees.
    pub attendees: BTreeMap<AttendeeId, Attendee>,
    /// How to reach the attendees.
    pub contacts: BTreeMap<AttendeeId, Contact>,
    /// The presenters' logistics.
    pub logistics: BTreeMap<PresenterId, Logistics>,
    /// The records that go by a number or a name rather than by an id.
    pub rows: Rows,
    /// Fields of records that this source never speaks about, by collection: a list without a column for notes does not
    /// take notes away.
    pub silent: BTreeSet<(&'static str, &'static str)>,
    /// Fields of records that the source could only guess, by collection: they count where nothing better is known.
    pub guessed: BTreeSet<(&'static str, &'static str)>,
    /// Whether the source names everything it knows, so that what it no longer names is dropped.
    pub complete: bool,
    /// What was counted while reading.
    pub counts: Counts,
    /// What was skipped or assumed.
    pub notes: ImportNotes,
}

/// Records of a list that knows no ids: the rows they stand in, by the ids they get if nobody in the event is meant.
///
/// Which record of the event a row means, by its number or name, is found when the import is planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Rooms, which go by their name.
    pub rooms: BTreeMap<RoomId, u64>,
    /// Presenters, who go by their number in the schedule, else by their name.
    pub presenters: BTreeMap<PresenterId, u64>,
}

/// What was counted while reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records, rows or elements read.
    pub read: u64,
    /// Of these, skipped.
    pub skipped: u64,
    /// Days of the schedule.
    pub days: u64,
    /// Check-ins that the source holds and that are not imported.
    pub check_ins: u64,
}

/// A programme with its event: what schedules are exported from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Programme {
    /// The event.
    pub event: Event,
    /// Its rooms.
    pub rooms: BTreeMap<RoomId, Room>,
    /// Its tracks.
    pub tracks: BTreeMap<TrackId, Track>,
    /// Its sessions.
    pub sessions: BTreeMap<SessionId, Session>,
    /// The public profiles of its presenters.
    pub presenters: BTreeMap<PresenterId, PresenterProfile>,
}

impl From<Draft> for Programme {
    fn from(draft: Draft) -> Self {
        Self {
            event: draft.event.unwrap_or_default(),
            rooms: draft.rooms,
            tracks: draft.tracks,
            sessions: draft.sessions,
            presenters: draft.presenters,
        }
    }
}

/// Reads a file.
///
/// # Errors
/// If the file is not of this format, is broken, or exceeds a limit. What is wrong with single records is not an error
/// but a note.
pub fn read(format: Format, bytes: &[u8], context: &ReadContext) -> Result<Draft, ImportError> {
    if bytes.len() > context.limits.bytes {
        let limit = u64::try_from(context.limits.bytes).unwrap_or(u64::MAX);
        return Err(ImportError::TooLarge { what: "bytes", limit });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ImportError::Empty);
    }
    detect::refuse_other(format, bytes)?;
    match format {
        Format::ScheduleXml => schedule::xml::read(bytes, context),
        Format::ScheduleJson => schedule::json::read(bytes, context),
        Format::AttendeesCsv => attendees::read(bytes, context),
        Format::PretixOrders => pretix::read(bytes, context),
        Format::RoomsCsv => rooms::read(bytes, context),
        Format::PresentersCsv => presenters::read(bytes, context),
    }
}
