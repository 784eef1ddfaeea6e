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
use crate::rules;
use crate::ticket::TicketHash;
use crate::ticket::signed::SignedTicket;
use crate::ticket::withdrawn::Withdrawal;
use crate::time::Timestamp;

/// Whom a code or a name belongs to, as far as this phone knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nobody.
    Nobody,
    /// The code is a ticket of another event.
    OtherEvent,
    /// The code is a signed ticket by its form, and no key of the event signed it.
    BadSignature,
    /// The code says that a key of the event signed it of which nothing has been heard here.
    UnknownKey,
    /// The code is a ticket of nobody known here that was withdrawn, or whose key was retired.
    Withdrawn(Withdrawal),
    /// A good signed ticket whose attendee is not known here.
    Ticket(&'a SignedTicket),
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
    /// Whether the event has withdrawn that ticket.
    pub withdrawn: Option<Withdrawal>,
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
            Self::BadSignature => "bad_signature",
            Self::UnknownKey => "unknown_key",
            Self::Rules { .. } => "rules",
            Self::RulesUnreadable => "rules_unreadable",
        }
    }
}

/// Whoever may be admitted, as far as it decides: an attendee, or the ticket of one who is not known here.
struct Bearer<'a> {
    id: AttendeeId,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    known: Known<'a>,
}

enum Known<'a> {
    Attendee(&'a Attendee),
    Ticket(&'a SignedTicket),
}

impl Bearer<'_> {
    fn is(&self, category: &str) -> bool {
        match self.known {
            Known::Attendee(attendee) => attendee.category == category,
            Known::Ticket(ticket) => ticket.category.is(category),
        }
    }

    fn is_one_of(&self, categories: &[String]) -> bool {
        categories.is_empty() || categories.iter().any(|category| self.is(category))
    }

    fn product(&self) -> (Option<i64>, Option<i64>) {
        match self.known {
            Known::Attendee(attendee) => (attendee.product, attendee.variation),
            Known::Ticket(ticket) => (ticket.product, ticket.variation),
        }
    }
}

/// Decides what staff should do.
///
/// The first reason that applies is given, in the order in which it helps staff: who it is, whether the ticket is good,
/// whether this is the place, whether this is the time, whether they are in already, what the checkpoint's own rules say,
/// what is still to be asked.
#[must_use]
pub fn decide(scan: &Scan<'_>) -> Verdict {
    let bearer = match scan.found {
        Found::Nobody | Found::Several([]) => return Verdict::Unknown,
        Found::OtherEvent => return Verdict::WrongEvent,
        Found::BadSignature => return Verdict::BadSignature,
        Found::UnknownKey => return Verdict::UnknownKey,
        Found::Withdrawn(withdrawal) => return refusal(withdrawal),
        Found::Several(candidates) => return Verdict::Ambiguous { candidates: candidates.to_vec() },
        Found::One(id, attendee) => {
            let (valid_from, valid_until) = (attendee.valid_from, attendee.valid_until);
            Bearer { id, valid_from, valid_until, known: Known::Attendee(attendee) }
        }
        Found::Ticket(ticket) => {
            let (valid_from, valid_until) = (ticket.valid_from, ticket.valid_until);
            Bearer { id: ticket.holder, valid_from, valid_until, known: Known::Ticket(ticket) }
        }
    };
    registration(scan, &bearer)
        .or_else(|| category(scan, &bearer))
        .or_else(|| time(scan, &bearer))
        .or_else(|| already_in(scan, bearer.id))
        .or_else(|| against_rules(scan, &bearer))
        .or_else(|| unanswered(scan, &bearer))
        .unwrap_or(Verdict::Admitted)
}

const fn refusal(withdrawal: Withdrawal) -> Verdict {
    match withdrawal {
        Withdrawal::Revoked => Verdict::Revoked,
        Withdrawal::Blocked => Verdict::Blocked,
    }
}

fn registration(scan: &Scan<'_>, bearer: &Bearer<'_>) -> Option<Verdict> {
    let withdrawn = scan.withdrawn.map(refusal);
    let Known::Attendee(attendee) = bearer.known else { return withdrawn };
    match attendee.registration {
        Registration::Blocked => Some(Verdict::Blocked),
        Registration::Cancelled => Some(Verdict::Cancelled),
        _ if scan.ticket.is_some_and(|ticket| attendee.revoked_tickets.contains(&ticket)) => Some(Verdict::Revoked),
        _ if withdrawn.is_some() => withdrawn,
        Registration::Unpaid if !scan.checkpoint.admits_unpaid => Some(Verdict::Unpaid),
        Registration::Unpaid | Registration::Confirmed => None,
    }
}

fn category(scan: &Scan<'_>, bearer: &Bearer<'_>) -> Option<Verdict> {
    let admits = &scan.checkpoint.categories;
    if bearer.is_one_of(admits) {
        return None;
    }
    let category = match bearer.known {
        Known::Attendee(attendee) => attendee.category.clone(),
        Known::Ticket(ticket) => ticket.category.name([]).to_owned(),
    };
    Some(Verdict::WrongCategory { category, admits: admits.clone() })
}

fn time(scan: &Scan<'_>, bearer: &Bearer<'_>) -> Option<Verdict> {
    let from = scan.checkpoint.valid_from.max(bearer.valid_from);
    let until = match (scan.checkpoint.valid_until, bearer.valid_until) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    match (from, until) {
        (_, Some(until)) if scan.now > until => Some(Verdict::TooLate { until }),
        (Some(from), _) if scan.now < from => Some(Verdict::TooEarly { from }),
        _ => None,
    }
}

fn against_rules(scan: &Scan<'_>, bearer: &Bearer<'_>) -> Option<Verdict> {
    if scan.checkpoint.rules.is_empty() {
        return None;
    }
    let here = standing_at(scan.facts, (bearer.id, scan.checkpoint_id));
    let (product, variation) = bearer.product();
    let about = rules::About { event: scan.event, now: scan.now, product, variation, here: &here };
    match rules::evaluate(&scan.checkpoint.rules, &about) {
        Ok(reasons) if reasons.is_empty() => None,
        Ok(reasons) => Some(Verdict::Rules { reasons }),
        Err(_) => Some(Verdict::RulesUnreadable),
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

fn unanswered(scan: &Scan<'_>, bearer: &Bearer<'_>) -> Option<Verdict> {
    let answered = |question: &Question| match bearer.known {
        Known::Attendee(attendee) => attendee.answered.contains(&question.id),
        Known::Ticket(_) => false,
    };
    let asked = |question: &&Question| bearer.is_one_of(&question.categories) && !answered(question);
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
