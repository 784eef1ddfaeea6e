//! What a scan came to.

use muster_client_core::{command, view};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId};
use muster_model::time::Timestamp;
use muster_model::verdict;

use crate::attendee::{AttendeeCard, Durability};
use crate::checkpoint::Question;
use crate::mirror::list;

/// What staff should do, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// Let them in.
    Admitted,
    /// They are in already.
    AlreadyIn {
        /// Since when, corrected.
        at: Timestamp,
        /// Where.
        checkpoint: CheckpointId,
        /// Which device let them in.
        device: DeviceId,
        /// The admission.
        fact: FactId,
    },
    /// This phone knows nobody with this code.
    Unknown,
    /// The registration was cancelled.
    Cancelled,
    /// It is not paid for.
    Unpaid,
    /// The organiser does not let this person in.
    Blocked,
    /// The ticket was replaced by another.
    Revoked,
    /// This checkpoint does not admit the category.
    WrongCategory {
        /// The attendee's.
        category: String,
        /// Those admitted.
        admits: Vec<String>,
    },
    /// Not yet.
    TooEarly {
        /// From when.
        admits_from: Timestamp,
    },
    /// No longer.
    TooLate {
        /// Until when it was.
        admitted_until: Timestamp,
    },
    /// A ticket of another event.
    WrongEvent,
    /// Ask these first, then scan again with the answers.
    AnswersRequired {
        /// What to ask.
        questions: Vec<Question>,
    },
    /// Several attendees fit: choose one.
    Ambiguous {
        /// Those that fit.
        candidates: Vec<AttendeeId>,
    },
    /// The ticket has the form of a signed one, but no key of this event signed it: it is forged, damaged, or another
    /// event's.
    BadSignature,
    /// The ticket says that it was signed with a key that this phone has not heard of yet: connect once, or look for the
    /// name.
    UnknownKey,
    /// The checkpoint's own rules refuse it.
    Rules {
        /// What they refuse for, in plain words.
        reasons: Vec<String>,
    },
    /// The checkpoint has rules that this version cannot read; they might refuse it.
    RulesUnreadable,
}

/// What a signed ticket says of an attendee who is not known on this phone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Bearer {
    /// The id that their check-ins are recorded under; `exit` and `settle` take it.
    pub attendee: AttendeeId,
    /// What kind of attendee the ticket is for, as far as its name is known here.
    pub category: String,
    /// From when it is good.
    pub valid_from: Option<Timestamp>,
    /// Until when it is good.
    pub valid_until: Option<Timestamp>,
}

/// A fact was recorded, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// Its id; `undo` takes it.
    pub fact: FactId,
    /// Where it is by now.
    pub durability: Durability,
    /// The attendee that a walk-in became.
    pub attendee: Option<AttendeeId>,
}

/// What a scan or a check-in came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ScanResult {
    /// What staff should do.
    pub verdict: Verdict,
    /// The stable name of the verdict (`already_in`).
    pub code: String,
    /// The entry, if one was recorded.
    pub recorded: Option<Recorded>,
    /// Who it is, if it is one attendee. Shows the new entry already.
    pub card: Option<AttendeeCard>,
    /// What the ticket says, if it is a good one and nothing has arrived of its attendee.
    pub bearer: Option<Bearer>,
    /// The same code was scanned on this device a moment ago: this is the same answer again, nothing new was recorded.
    pub repeated: bool,
}

impl From<verdict::Verdict> for Verdict {
    fn from(verdict: verdict::Verdict) -> Self {
        use verdict::Verdict as Theirs;
        match verdict {
            Theirs::Admitted => Self::Admitted,
            Theirs::AlreadyIn { at, checkpoint, device, fact } => Self::AlreadyIn { at, checkpoint, device, fact },
            Theirs::Unknown => Self::Unknown,
            Theirs::Cancelled => Self::Cancelled,
            Theirs::Unpaid => Self::Unpaid,
            Theirs::Blocked => Self::Blocked,
            Theirs::Revoked => Self::Revoked,
            Theirs::WrongCategory { category, admits } => Self::WrongCategory { category, admits },
            Theirs::TooEarly { from } => Self::TooEarly { admits_from: from },
            Theirs::TooLate { until } => Self::TooLate { admitted_until: until },
            Theirs::WrongEvent => Self::WrongEvent,
            Theirs::AnswersRequired { questions } => Self::AnswersRequired { questions: list(questions) },
            Theirs::Ambiguous { candidates } => Self::Ambiguous { candidates },
            Theirs::BadSignature => Self::BadSignature,
            Theirs::UnknownKey => Self::UnknownKey,
            Theirs::Rules { reasons } => Self::Rules { reasons },
            Theirs::RulesUnreadable => Self::RulesUnreadable,
        }
    }
}

impl From<command::Recorded> for Recorded {
    fn from(recorded: command::Recorded) -> Self {
        Self { fact: recorded.fact, durability: recorded.durability.into(), attendee: recorded.attendee }
    }
}

impl From<view::BearerView> for Bearer {
    fn from(bearer: view::BearerView) -> Self {
        let view::BearerView { attendee, category, valid_from, valid_until } = bearer;
        Self { attendee, category, valid_from, valid_until }
    }
}

impl From<command::ScanResult> for ScanResult {
    fn from(result: command::ScanResult) -> Self {
        Self {
            code: result.verdict.code().to_owned(),
            verdict: result.verdict.into(),
            recorded: result.recorded.map(Into::into),
            card: result.card.map(Into::into),
            bearer: result.bearer.map(Into::into),
            repeated: result.repeated,
        }
    }
}
