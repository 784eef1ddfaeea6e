//! The verdict of a scan: what staff at the door should do with whoever stands before them.
//!
//! It is decided with what this phone knows, at once and with no network. What other phones know and have not said yet
//! can make it wrong; that is what [`crate::double_admission`] is for.

use std::collections::BTreeMap;

use crate::attendee::{Attendee, Registration};
use crate::checkpoint::{AdmissionRule, Checkpoint, Question};
use crate::event::Event;
use crate::fact::{Fact, FactBody};
use crate::fact_order::standing_at;
use crate::id::{AttendeeId, CheckpointId, DeviceId, FactId, QuestionId};
use crate::ticket::TicketHash;
use crate::time::Timestamp;

/// Whom a code or a name belongs to, as far as this phone knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nobody.
    Nobody,
    /// The code is a ticket of another event.
    OtherEvent,
    /// One attendee.
    One(AttendeeId, &'a Attendee),
    /// Several attendees: staff must choose.
    Several(&'a [AttendeeId]),
}

/// What a verdict is decided from.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// The time, corrected by the measured skew.
    pub now: Timestamp,
    /// The event.
    pub event: &'a Event,
    /// Where it happens.
    pub checkpoint_id: CheckpointId,
    /// The rules there.
    pub checkpoint: &'a Checkpoint,
    /// Whom the code belongs to.
    pub found: Found<'a>,
    /// The ticket that was shown; `None` when the attendee was found by name.
    pub ticket: Option<TicketHash>,
    /// The facts about that attendee that this phone knows, at least those of this checkpoint.
    pub facts: &'a [Fact],
    /// What was answered already.
    pub answers: &'a BTreeMap<QuestionId, String>,
}

/// What staff should do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Let them in.
    Admitted,
    /// They are in already. Names the first admission that stands in the way: of all, of the day, or since they were
    /// last seen leaving, as the checkpoint's rule has it.
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
        from: Timestamp,
    },
    /// No longer.
    TooLate {
        /// Until when it was.
        until: Timestamp,
    },
    /// A ticket of another event.
    WrongEvent,
    /// Ask these first, then decide again.
    AnswersRequired {
        /// What to ask.
        questions: Vec<Question>,
    },
    /// Several attendees fit: choose one.
    Ambiguous {
        /// Those that fit.
        candidates: Vec<AttendeeId>,
    },
}

impl Verdict {
    /// The stable name of the verdict, for interfaces and statistics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::AlreadyIn { .. } => "already_in",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Unpaid => "unpaid",
            Self::Blocked => "blocked",
            Self::Revoked => "revoked",
            Self::WrongCategory { .. } => "wrong_category",
            Self::TooEarly { .. } => "too_early",
            Self::TooLate { .. } => "too_late",
            Self::WrongEvent => "wrong_event",
            Self::AnswersRequired { .. } => "answers_required",
            Self::Ambiguous { .. } => "ambiguous",
        }
    }
}

/// Decides what staff should do.
///
/// The first reason that applies is given, in the order in which it helps staff: who it is, whether the ticket is good,
/// whether this is the place, whether this is the time, whether they are in already, what is still to be asked.
#[must_use]
pub fn decide(scan: &Scan<'_>) -> Verdict {
    let (attendee_id, attendee) = match scan.found {
        Found::Nobody | Found::Several([]) => return Verdict::Unknown,
        Found::OtherEvent => return Verdict::WrongEvent,
        Found::Several(candidates) => return Verdict::Ambiguous { candidates: candidates.to_vec() },
        Found::One(id, attendee) => (id, attendee),
    };
    registration(scan, attendee)
        .or_else(|| category(scan, attendee))
        .or_else(|| time(scan, attendee))
        .or_else(|| already_in(scan, attendee_id))
        .or_else(|| unanswered(scan, attendee))
        .unwrap_or(Verdict::Admitted)
}

fn registration(scan: &Scan<'_>, attendee: &Attendee) -> Option<Verdict> {
    match attendee.registration {
        Registration::Blocked => Some(Verdict::Blocked),
        Registration::Cancelled => Some(Verdict::Cancelled),
        _ if scan.ticket.is_some_and(|ticket| attendee.revoked_tickets.contains(&ticket)) => Some(Verdict::Revoked),
        Registration::Unpaid if !scan.checkpoint.admits_unpaid => Some(Verdict::Unpaid),
        Registration::Unpaid | Registration::Confirmed => None,
    }
}

fn category(scan: &Scan<'_>, attendee: &Attendee) -> Option<Verdict> {
    let admits = &scan.checkpoint.categories;
    let refused = !admits.is_empty() && !admits.contains(&attendee.category);
    refused.then(|| Verdict::WrongCategory { category: attendee.category.clone(), admits: admits.clone() })
}

fn time(scan: &Scan<'_>, attendee: &Attendee) -> Option<Verdict> {
    let from = scan.checkpoint.valid_from.max(attendee.valid_from);
    let until = match (scan.checkpoint.valid_until, attendee.valid_until) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    match (from, until) {
        (_, Some(until)) if scan.now > until => Some(Verdict::TooLate { until }),
        (Some(from), _) if scan.now < from => Some(Verdict::TooEarly { from }),
        _ => None,
    }
}

fn already_in(scan: &Scan<'_>, attendee: AttendeeId) -> Option<Verdict> {
    let here = standing_at(scan.facts, (attendee, scan.checkpoint_id));
    let mut admissions = here.iter().filter(|fact| fact.body.is_admission());
    let admission = match scan.checkpoint.rule {
        AdmissionRule::Many => None,
        AdmissionRule::Once => admissions.next(),
        AdmissionRule::OncePerDay => {
            let today = scan.event.day_of(scan.now);
            admissions.find(|fact| scan.event.day_of(fact.corrected_at()) == today)
        }
        AdmissionRule::EntryAndExit => {
            let is_exit = |fact: &&Fact| matches!(fact.body, FactBody::Exit { .. });
            let since = here.iter().rposition(is_exit).map_or(0, |exit| exit + 1);
            here.iter().skip(since).find(|fact| fact.body.is_admission())
        }
    }?;
    Some(Verdict::AlreadyIn {
        at: admission.corrected_at(),
        checkpoint: scan.checkpoint_id,
        device: admission.device(),
        fact: admission.id,
    })
}

fn unanswered(scan: &Scan<'_>, attendee: &Attendee) -> Option<Verdict> {
    let asked =
        |question: &&Question| question.categories.is_empty() || question.categories.contains(&attendee.category);
    let missing = |question: &&Question| match scan.answers.get(&question.id) {
        // A question that need not be answered is still asked once: an empty answer says that it was.
        None => true,
        Some(answer) => question.required && answer.trim().is_empty(),
    };
    let questions: Vec<_> = scan.checkpoint.questions.iter().filter(asked).filter(missing).cloned().collect();
    (!questions.is_empty()).then_some(Verdict::AnswersRequired { questions })
}

#[cfg(test)]
mod tests;
