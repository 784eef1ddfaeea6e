//! Checkpoints, what is counted there, and what was admitted twice.

use muster_client_core::view;
use muster_model::id::{AttendeeId, CheckpointId, FactId, QuestionId, SessionId};
use muster_model::time::Timestamp;
use muster_model::{attendance, checkpoint, double_admission};

use crate::attendee::Attendee;
use crate::fact::{Fact, ResolutionKind};
use crate::mirror::{list, mirror};

mirror! {
    /// What a checkpoint stands in front of.
    CheckpointKind of checkpoint::CheckpointKind {
        /// The venue.
        Entrance,
        /// A session.
        Session,
        /// A meal.
        Meal,
        /// Anything else.
        Custom,
    }
}

mirror! {
    both
    /// How often an attendee is admitted.
    AdmissionRule of checkpoint::AdmissionRule {
        /// Once.
        Once,
        /// Once on each day of the event.
        OncePerDay,
        /// As often as they come.
        Many,
        /// Again only after they have been seen leaving.
        EntryAndExit,
    }
}

mirror! {
    /// How a question is answered.
    AnswerKind of checkpoint::AnswerKind {
        /// In free words.
        Text,
        /// Yes or no.
        YesNo,
        /// One of the choices.
        Choice,
        /// A number.
        Number,
    }
}

/// A question that staff ask before they admit somebody.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Question {
    /// Its id.
    pub id: QuestionId,
    /// What is asked.
    pub text: String,
    /// How it is answered.
    pub answer: AnswerKind,
    /// What can be chosen.
    pub choices: Vec<String>,
    /// Whether nobody is admitted without an answer.
    pub required: bool,
    /// Which categories are asked; all, if empty.
    pub categories: Vec<String>,
}

/// A place where attendees are checked in. Several gates may serve one.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Checkpoint {
    /// The id.
    pub id: CheckpointId,
    /// Its name.
    pub name: String,
    /// What it stands in front of.
    pub kind: CheckpointKind,
    /// The session it stands in front of.
    pub session: Option<SessionId>,
    /// Which categories it admits; all, if empty.
    pub categories: Vec<String>,
    /// How often it admits an attendee.
    pub rule: AdmissionRule,
    /// From when it admits.
    pub valid_from: Option<Timestamp>,
    /// Until when it admits.
    pub valid_until: Option<Timestamp>,
    /// What is asked there.
    pub questions: Vec<Question>,
    /// How many people fit behind it.
    pub capacity: Option<u32>,
    /// Whether those who have not paid are let in.
    pub admits_unpaid: bool,
}

/// Counts of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Count {
    /// Attendees admitted at least once.
    pub admitted: u64,
    /// Attendees whose last move was in.
    pub inside: u64,
    /// Admissions in all.
    pub admissions: u64,
    /// People inside beyond the attendees: second persons who came in on a ticket and may stay.
    pub extra_inside: u64,
}

/// The counts of a category.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CategoryCount {
    /// The category.
    pub category: String,
    /// Its counts.
    pub count: Count,
}

/// The counts of a checkpoint, with what this phone knows.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Counts {
    /// All categories together.
    pub total: Count,
    /// By category, in alphabetical order; categories that count nothing are left out.
    pub by_category: Vec<CategoryCount>,
}

/// One ticket, admitted more often than the checkpoint's rule allows.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DoubleAdmission {
    /// Whose ticket it is.
    pub attendee: AttendeeId,
    /// The name and the rest, if the record is here.
    pub card: Option<Attendee>,
    /// Where it was admitted.
    pub checkpoint: CheckpointId,
    /// The admissions, in their order.
    pub admissions: Vec<Fact>,
    /// The fact that settled it; none while it waits for somebody.
    pub settled_by: Option<FactId>,
    /// What was found, once it is settled.
    pub found: Option<ResolutionKind>,
    /// What was noted with that.
    pub note: String,
}

impl From<checkpoint::Question> for Question {
    fn from(question: checkpoint::Question) -> Self {
        Self {
            id: question.id,
            text: question.text,
            answer: question.answer.into(),
            choices: question.choices,
            required: question.required,
            categories: question.categories,
        }
    }
}

impl From<view::CheckpointView> for Checkpoint {
    fn from(view::CheckpointView { id, checkpoint }: view::CheckpointView) -> Self {
        Self {
            id,
            name: checkpoint.name,
            kind: checkpoint.kind.into(),
            session: checkpoint.session,
            categories: checkpoint.categories,
            rule: checkpoint.rule.into(),
            valid_from: checkpoint.valid_from,
            valid_until: checkpoint.valid_until,
            questions: list(checkpoint.questions),
            capacity: checkpoint.capacity,
            admits_unpaid: checkpoint.admits_unpaid,
        }
    }
}

impl From<attendance::Count> for Count {
    fn from(count: attendance::Count) -> Self {
        Self {
            admitted: count.admitted,
            inside: count.inside,
            admissions: count.admissions,
            extra_inside: count.extra_inside,
        }
    }
}

impl From<(String, attendance::Count)> for CategoryCount {
    fn from((category, count): (String, attendance::Count)) -> Self {
        Self { category, count: count.into() }
    }
}

impl From<view::CountsView> for Counts {
    fn from(counts: view::CountsView) -> Self {
        Self { total: counts.total.into(), by_category: list(counts.by_category) }
    }
}

impl From<view::DoubleView> for DoubleAdmission {
    fn from(double: view::DoubleView) -> Self {
        let (settled_by, found, note) = match double.state {
            double_admission::State::Open => (None, None, String::new()),
            double_admission::State::Settled { by, resolution } => {
                (Some(by), Some(resolution.found.into()), resolution.note)
            }
        };
        Self {
            attendee: double.attendee,
            card: double.card.map(Into::into),
            checkpoint: double.checkpoint,
            admissions: list(double.admissions),
            settled_by,
            found,
            note,
        }
    }
}
