//! What the person at the device wants done, and what comes of it.

use std::collections::BTreeMap;

use muster_model::document::DocRef;
use muster_model::edit::{AttendeeEdit, CheckpointEdit, NeedsEdit, RoomEdit, SessionEdit};
use muster_model::fact::{EntryVia, ItemState, ResolutionKind, Severity};
use muster_model::id::{AttendeeId, CheckpointId, FactId, ItemId, PresenterId, QuestionId, RoomId, SessionId};
use muster_model::verdict::Verdict;

use crate::view::{AttendeeCard, BearerView, Durability};

/// What was answered at the door.
pub type Answers = BTreeMap<QuestionId, String>;

/// What the person at the device wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A code was scanned; whoever is admitted is checked in at once.
    Scan {
        /// Where.
        checkpoint: CheckpointId,
        /// The text of the code, as the scanner gave it.
        code: String,
        /// What was answered already.
        answers: Answers,
    },
    /// An attendee found by name, or of the same order, is to be checked in.
    CheckIn(CheckIn),
    /// An attendee leaves.
    Exit {
        /// Where.
        checkpoint: CheckpointId,
        /// Who.
        attendee: AttendeeId,
    },
    /// A fact is taken back.
    Undo {
        /// Which.
        fact: FactId,
        /// Why.
        reason: String,
    },
    /// Somebody without a registration is registered and admitted.
    WalkIn(NewWalkIn),
    /// A double admission is settled.
    Settle(Settle),
    /// An item of a session's checklist was looked at.
    Observe {
        /// The session.
        session: SessionId,
        /// The item.
        item: ItemId,
        /// What was found.
        state: ItemState,
        /// Anything else; what is wrong, for a problem.
        note: String,
    },
    /// Something went wrong.
    ReportIncident(NewIncident),
    /// A presenter is here: they say so themselves (a presenter's device), or staff saw them.
    Arrive {
        /// Who.
        presenter: PresenterId,
    },
    /// Fields of a record are to say something else.
    Edit(Edit),
    /// One of the values that a field was given at once is chosen.
    Choose(Choice),
    /// Say again what of this device's own work a server refused: a coordinator may have given its rights back, or the server
    /// may be a restored one that knows nothing of it. What is refused once more is put aside once more.
    OfferAgain,
    /// Staff name who works with this device; facts carry it.
    SetLabel {
        /// The label.
        label: String,
    },
}

/// What is edited, field by field: what nobody names is left alone, so that two people who edit different fields both keep
/// their edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// An attendee. One who registered at the door gets a record with it.
    Attendee(AttendeeId, Vec<AttendeeEdit>),
    /// A session.
    Session(SessionId, Vec<SessionEdit>),
    /// A room.
    Room(RoomId, Vec<RoomEdit>),
    /// A checkpoint.
    Checkpoint(CheckpointId, Vec<CheckpointEdit>),
    /// What a presenter needs.
    Needs(PresenterId, Vec<NeedsEdit>),
}

/// One of the values that a field was given at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The document.
    pub document: DocRef,
    /// The collection that the record is in.
    pub collection: String,
    /// The record's key.
    pub key: String,
    /// The field.
    pub field: String,
    /// The value's id; [`ConflictValue`](crate::view::ConflictValue) has it.
    pub value: String,
}

/// An attendee found by name, or of the same order, is to be checked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckIn {
    /// Where.
    pub checkpoint: CheckpointId,
    /// Who.
    pub attendee: AttendeeId,
    /// How staff know who it is.
    pub via: EntryVia,
    /// What was answered already.
    pub answers: Answers,
    /// Why staff admit them whatever the verdict; empty to follow the verdict.
    pub despite: String,
}

/// Somebody without a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWalkIn {
    /// Where they are admitted.
    pub checkpoint: CheckpointId,
    /// The name for the badge.
    pub name: String,
    /// The organisation for the badge.
    pub organisation: String,
    /// What kind of attendee they become.
    pub category: String,
}

/// What was found about a double admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// Whose ticket it was.
    pub attendee: AttendeeId,
    /// Where it was admitted twice.
    pub checkpoint: CheckpointId,
    /// The admissions that were looked at; empty for all that this phone knows.
    pub admissions: Vec<FactId>,
    /// What was found.
    pub found: ResolutionKind,
    /// Anything else worth knowing.
    pub note: String,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    /// Where.
    pub room: Option<RoomId>,
    /// In which session.
    pub session: Option<SessionId>,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub text: String,
}

/// What came of an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Answer {
    /// Nothing to tell.
    #[default]
    Nothing,
    /// Of a scan or a check-in.
    Scan(Box<ScanResult>),
    /// Of everything else that records a fact.
    Recorded(Recorded),
    /// Of an edit: whether anything differed. If so it is in the outbox.
    Edited(bool),
}

/// A fact was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its id; [`Command::Undo`] takes it.
    pub fact: FactId,
    /// Where it is by now.
    pub durability: Durability,
    /// The attendee that a walk-in became.
    pub attendee: Option<AttendeeId>,
}

/// What a scan or a check-in came to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanResult {
    /// What staff should do.
    pub verdict: Verdict,
    /// The entry, if one was recorded: always when the verdict is "admitted", and when staff overrode another.
    pub recorded: Option<Recorded>,
    /// Who it is, if it is one attendee. Shows the new entry already.
    pub card: Option<AttendeeCard>,
    /// What the ticket says, if it is a good one and nothing has arrived of its attendee.
    pub bearer: Option<BearerView>,
    /// The same code was scanned on this device a moment ago: this is the same answer again, nothing new was recorded.
    pub repeated: bool,
}
