//! Facts: what a device saw or a person did. Written once, never changed.
//!
//! A fact is one JSON text in one Automerge value, under its id in the collection `facts`: it has no fields that could
//! be edited apart, so one operation holds it (see `docs/adr/`). What changed since is another fact.

use std::collections::BTreeMap;

use automerge::transaction::Transactable;
use automerge::{Automerge, ReadDoc, Value};
use serde::{Deserialize, Serialize};

use crate::document::{DocKind, collection};
use crate::id::{AttendeeId, CheckpointId, DeviceId, FactId, ItemId, PresenterId, QuestionId, RoomId, SessionId};
use crate::record::RecordError;
use crate::ticket::TicketHash;
use crate::time::Timestamp;

/// The most bytes of a fact's JSON.
pub const MAX_FACT_BYTES: usize = 16 * 1024;

/// How far the device's clock was off when it last met a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// Milliseconds to add to the device's clock to get the server's.
    #[serde(rename = "skew_ms")]
    pub ms: i64,
    /// How long before the fact this was measured, in milliseconds.
    #[serde(rename = "skew_age_ms")]
    pub age_ms: i64,
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The device and its running number.
    pub id: FactId,
    /// What the device's clock said.
    pub at: Timestamp,
    /// How far that clock was off, if the device has ever met a server.
    pub skew: Option<Skew>,
    /// Who acted: the label that staff gave their device, or the person signed in on it.
    pub by: String,
    /// What happened.
    pub body: FactBody,
}

impl Fact {
    /// When it happened by the server's clock, as well as the device could know.
    #[must_use]
    pub fn corrected_at(&self) -> Timestamp {
        self.at.plus_ms(self.skew.map_or(0, |skew| skew.ms))
    }

    /// The device that recorded it.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.id.device
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FactBody {
    /// An attendee was admitted at a checkpoint.
    Entry(Entry),
    /// An attendee was seen leaving.
    Exit {
        /// Who left.
        attendee: AttendeeId,
        /// Where.
        checkpoint: CheckpointId,
    },
    /// An earlier fact is taken back.
    Undo {
        /// The fact taken back.
        fact: FactId,
        /// Why.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// Somebody without a registration was registered and admitted at the door.
    WalkIn(WalkIn),
    /// A double admission was settled.
    Resolution(Resolution),
    /// An item of a session's readiness was looked at.
    Observation(Observation),
    /// Something went wrong.
    Incident(Incident),
    /// A presenter is here.
    Arrival {
        /// Who is here.
        presenter: PresenterId,
        /// Whether they said so themselves; otherwise staff saw them.
        own: bool,
    },
    /// A fact of a later version: kept and passed on, not understood.
    #[serde(other)]
    Unknown,
}

/// An attendee was admitted at a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who was admitted.
    pub attendee: AttendeeId,
    /// Where.
    pub checkpoint: CheckpointId,
    /// How staff knew who it was.
    #[serde(default)]
    pub via: EntryVia,
    /// The ticket that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketHash>,
    /// What was answered at the door.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<QuestionId, String>,
    /// Why staff admitted somebody whom the verdict would not have admitted; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub despite: String,
}

/// How staff knew who stood before them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryVia {
    /// A ticket was scanned.
    #[default]
    Scan,
    /// Found by name.
    Search,
    /// Came with others of the same order.
    Group,
}

/// Somebody without a registration was registered and admitted at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkIn {
    /// The attendee they become.
    pub attendee: AttendeeId,
    /// Where they were admitted.
    pub checkpoint: CheckpointId,
    /// The name for the badge.
    pub name: String,
    /// The organisation for the badge.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub organisation: String,
    /// What kind of attendee they become.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub category: String,
}

/// What was found about a double admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionKind {
    /// One person was scanned twice; nobody else came in.
    SamePerson,
    /// A second person came in on the ticket and may stay.
    SecondAdmitted,
    /// A second person came in on the ticket and was sent out.
    SecondRemoved,
}

/// A double admission was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Whose ticket it was.
    pub attendee: AttendeeId,
    /// Where it was admitted twice.
    pub checkpoint: CheckpointId,
    /// The admissions that were looked at.
    pub facts: Vec<FactId>,
    /// What was found.
    pub found: ResolutionKind,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What somebody found who looked at an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Problem,
    /// This session does not need it.
    NotNeeded,
}

/// An item of a session's readiness was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The session the room is made ready for.
    pub session: SessionId,
    /// The item that was looked at.
    pub item: ItemId,
    /// What was found.
    pub state: ItemState,
    /// Anything else worth knowing; what is wrong, for a problem.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// How bad an incident is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Notice,
    /// Somebody must act.
    Urgent,
    /// Somebody is in danger.
    Emergency,
}

/// Something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// In which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// What happened.
    pub text: String,
}

impl FactBody {
    /// The kind of document that facts of this kind are appended to; `None` for an undo, which goes where the fact is
    /// that it takes back, and for a fact of a later version.
    #[must_use]
    pub const fn document(&self) -> Option<DocKind> {
        match self {
            Self::Entry(_) | Self::Exit { .. } | Self::WalkIn(_) | Self::Resolution(_) => Some(DocKind::Checkins),
            Self::Observation(_) | Self::Incident(_) => Some(DocKind::Rooms),
            Self::Arrival { .. } => Some(DocKind::Arrivals),
            Self::Undo { .. } | Self::Unknown => None,
        }
    }

    /// Whether it let somebody in.
    #[must_use]
    pub const fn is_admission(&self) -> bool {
        matches!(self, Self::Entry(_) | Self::WalkIn(_))
    }

    /// The attendee and checkpoint it is about, if it is about any.
    #[must_use]
    pub const fn attendance(&self) -> Option<(AttendeeId, CheckpointId)> {
        match self {
            Self::Entry(entry) => Some((entry.attendee, entry.checkpoint)),
            Self::Exit { attendee, checkpoint } => Some((*attendee, *checkpoint)),
            Self::WalkIn(walk_in) => Some((walk_in.attendee, walk_in.checkpoint)),
            Self::Resolution(resolution) => Some((resolution.attendee, resolution.checkpoint)),
            _ => None,
        }
    }
}

/// The JSON of a fact; its id is the key it stands under.
#[derive(Serialize)]
struct FactJson<'f> {
    at_ms: Timestamp,
    #[serde(flatten)]
    skew: Option<Skew>,
    #[serde(skip_serializing_if = "str::is_empty")]
    by: &'f str,
    #[serde(flatten)]
    body: &'f FactBody,
}

/// What facts of all kinds say. It is read apart from the body: every phone reads every fact, and a flattened body takes
/// twice as long.
#[derive(Deserialize)]
struct FactFrame {
    at_ms: Timestamp,
    skew_ms: Option<i64>,
    skew_age_ms: Option<i64>,
    #[serde(default)]
    by: String,
}

/// Why a text is not a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// It is longer than [`MAX_FACT_BYTES`].
    #[error("a fact has at most {MAX_FACT_BYTES} bytes: shorten the note")]
    TooLong,
    /// It is not the JSON of a fact.
    #[error("not the JSON of a fact")]
    Malformed,
}

impl Fact {
    /// The JSON text that a document holds.
    ///
    /// # Errors
    /// [`FactError::TooLong`] if a note or a name in it is.
    pub fn to_json(&self) -> Result<String, FactError> {
        let json = FactJson { at_ms: self.at, skew: self.skew, by: &self.by, body: &self.body };
        let text = serde_json::to_string(&json).map_err(|_| FactError::Malformed)?;
        if text.len() > MAX_FACT_BYTES { Err(FactError::TooLong) } else { Ok(text) }
    }

    /// The fact of this id that a document holds as `text`.
    ///
    /// # Errors
    /// If it is too long or not a fact.
    pub fn from_json(id: FactId, text: &str) -> Result<Self, FactError> {
        if text.len() > MAX_FACT_BYTES {
            return Err(FactError::TooLong);
        }
        // Serde takes lists for structures, too.
        if !text.starts_with('{') {
            return Err(FactError::Malformed);
        }
        let frame: FactFrame = serde_json::from_str(text).map_err(|_| FactError::Malformed)?;
        let body = serde_json::from_str(text).map_err(|_| FactError::Malformed)?;
        let skew = frame.skew_ms.zip(frame.skew_age_ms).map(|(ms, age_ms)| Skew { ms, age_ms });
        Ok(Self { id, at: frame.at_ms, skew, by: frame.by, body })
    }
}

/// Appends a fact to a document.
///
/// # Errors
/// If the fact is too long or the document does not hold facts.
pub fn append<D: Transactable + ReadDoc>(doc: &mut D, fact: &Fact) -> Result<(), AppendError> {
    let facts = collection(doc, "facts").map_err(RecordError::from)?;
    doc.put(&facts, fact.id.to_string(), fact.to_json()?).map_err(RecordError::from)?;
    Ok(())
}

/// Why a fact could not be appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The fact itself will not do.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// The document will not do.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The fact of this id, if the document holds it and it can be read.
///
/// # Errors
/// If the document does not hold facts.
pub fn read(doc: &Automerge, id: FactId) -> Result<Option<Fact>, RecordError> {
    let facts = collection(doc, "facts")?;
    let Some((value, _)) = doc.get(&facts, id.to_string())? else { return Ok(None) };
    Ok(parse(&id.to_string(), &value))
}

fn parse(key: &str, value: &Value<'_>) -> Option<Fact> {
    let text = value.as_str()?;
    Fact::from_json(key.parse().ok()?, text).ok()
}

/// All facts of a document.
#[derive(Debug, Default)]
pub struct Facts {
    /// Those that could be read.
    pub facts: Vec<Fact>,
    /// The keys of those that could not.
    pub unreadable: Vec<String>,
}

/// Reads all facts of a document, in the order of their ids.
///
/// # Errors
/// If the document does not hold facts.
pub fn read_all(doc: &Automerge) -> Result<Facts, RecordError> {
    let id = collection(doc, "facts")?;
    let mut found = Facts::default();
    for item in doc.map_range(&id, ..) {
        match parse(&item.key, &item.value.into_value()) {
            Some(fact) => found.facts.push(fact),
            None => found.unreadable.push(item.key.to_string()),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
