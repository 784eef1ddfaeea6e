//! What the store holds, row by row.

use automerge::ChangeHash;
use muster_model::attendance::Count;
use muster_model::attendee::Attendee;
use muster_model::document::DocRef;
use muster_model::fact::Fact;
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId, SessionId};
use muster_model::record::RecordEdit;
use muster_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::ServerId;

/// What facts are about: those at one place decide one thing together. An undo is at the place of what it takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// One attendee at one checkpoint.
    Attendance(AttendeeId, CheckpointId),
    /// The readiness of one session.
    Session(SessionId),
    /// All incidents.
    Incidents,
    /// All arrivals.
    Arrivals,
    /// An undo of a fact that is not here, or a fact of a later version.
    Unplaced,
}

impl Place {
    /// The key in tables. Those of one attendee have the prefix [`Place::of_attendee`].
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Attendance(attendee, checkpoint) => format!("a/{attendee}/{checkpoint}"),
            Self::Session(session) => format!("s/{session}"),
            Self::Incidents => "i".to_owned(),
            Self::Arrivals => "r".to_owned(),
            Self::Unplaced => "-".to_owned(),
        }
    }

    /// The prefix of the keys of one attendee's places.
    #[must_use]
    pub fn of_attendee(attendee: AttendeeId) -> String {
        format!("a/{attendee}/")
    }

    /// Reads a key back.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        match key.split_once('/') {
            None if key == "i" => Some(Self::Incidents),
            None if key == "r" => Some(Self::Arrivals),
            None if key == "-" => Some(Self::Unplaced),
            Some(("s", session)) => Some(Self::Session(session.parse().ok()?)),
            Some(("a", rest)) => {
                let (attendee, checkpoint) = rest.split_once('/')?;
                Some(Self::Attendance(attendee.parse().ok()?, checkpoint.parse().ok()?))
            }
            _ => None,
        }
    }
}

/// A fact and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRow {
    /// The fact.
    pub fact: Fact,
    /// The document that holds it.
    pub doc: DocRef,
    /// What it is about.
    pub place: Place,
    /// Whether it was recorded for the bearer of a ticket whose attendee was not known.
    pub borne: bool,
}

/// Where an attendee is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A record of this roster.
    Roster(DocRef),
    /// A standing walk-in fact; there is no record.
    WalkIn(FactId),
}

/// An attendee and where they are known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttendeeRow {
    /// The id.
    pub id: AttendeeId,
    /// Where they are known from.
    pub origin: Origin,
    /// What the door needs to know.
    pub attendee: Attendee,
}

/// What one attendee counts for at one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Who.
    pub attendee: AttendeeId,
    /// Where.
    pub checkpoint: CheckpointId,
    /// Under which category.
    pub category: String,
    /// For how much.
    pub count: Count,
}

/// A change to the counts of a category at a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountDelta {
    /// Where.
    pub checkpoint: CheckpointId,
    /// Under which category.
    pub category: String,
    /// To be taken off.
    pub minus: Count,
    /// To be added.
    pub plus: Count,
}

/// A double admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubleRow {
    /// Whose ticket it is.
    pub attendee: AttendeeId,
    /// Where it was admitted.
    pub checkpoint: CheckpointId,
    /// The admissions, in their order.
    pub admissions: Vec<FactId>,
    /// The resolution that settles it.
    pub settled_by: Option<FactId>,
}

/// What a change of ours edits of a record: kept beside the change, so that it can be shown, and made once more when the
/// change itself cannot stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnsentEdit {
    /// The edit.
    pub edit: RecordEdit,
    /// When it was made, on this device's clock.
    pub at: Timestamp,
    /// Its place among this device's edits of the document.
    pub order: u64,
}

/// Fields of a record that were given several values at once, and wait for somebody to settle them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConflictRow {
    /// The document.
    pub doc: DocRef,
    /// The collection that the record is in.
    pub collection: String,
    /// The record's key.
    pub key: String,
    /// The fields.
    pub fields: Vec<String>,
}

/// A change of ours that a server is not known to have.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// The server.
    pub server: ServerId,
    /// The document.
    pub doc: DocRef,
    /// The change.
    pub change: ChangeHash,
    /// The fact that it appends.
    pub fact: Option<FactId>,
    /// What it edits of a record.
    pub edit: Option<UnsentEdit>,
}

/// What is known of another device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardRow {
    /// The device.
    pub device: DeviceId,
    /// Who acted with it last.
    pub by: String,
    /// The corrected time of its latest fact.
    pub last_fact_at: Timestamp,
    /// When that came.
    pub received_at: Timestamp,
}

/// How many bytes of a document are in its snapshot and in the chunks since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocSize {
    /// The document.
    pub doc: DocRef,
    /// Bytes of the snapshot; 0 if there is none.
    pub snapshot_bytes: u64,
    /// Bytes of the chunks since.
    pub incremental_bytes: u64,
}
