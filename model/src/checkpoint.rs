//! Checkpoints: the places where attendees are checked in.

use serde::{Deserialize, Serialize};

use crate::document::DocKind;
use crate::id::{CheckpointId, QuestionId, SessionId};
use crate::record::Record;
use crate::time::Timestamp;

/// What a checkpoint stands in front of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointKind {
    /// The venue.
    #[default]
    Entrance,
    /// A session.
    Session,
    /// A meal.
    Meal,
    /// Anything else.
    Custom,
}

/// How often an attendee is admitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdmissionRule {
    /// Once.
    #[default]
    Once,
    /// Once on each day of the event.
    OncePerDay,
    /// As often as they come.
    Many,
    /// Again only after they have been seen leaving.
    EntryAndExit,
}

/// How a question is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// In free words.
    #[default]
    Text,
    /// Yes or no.
    YesNo,
    /// One of the choices.
    Choice,
    /// A number.
    Number,
}

/// A question that staff ask before they admit somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its id.
    pub id: QuestionId,
    /// What is asked.
    pub text: String,
    /// How it is answered.
    #[serde(default)]
    pub answer: AnswerKind,
    /// What can be chosen, for [`AnswerKind::Choice`].
    #[serde(default)]
    pub choices: Vec<String>,
    /// Whether nobody is admitted without an answer.
    #[serde(default)]
    pub required: bool,
    /// Which categories are asked; all, if empty.
    #[serde(default)]
    pub categories: Vec<String>,
}

/// A place where attendees are checked in: an entrance, a session, a meal. Several gates may serve one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkpoint {
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
    /// Whether those who have not paid are let in (and pay at the door).
    pub admits_unpaid: bool,
    /// What else must be true of whoever is admitted: rules in JSONLogic, as [`crate::rules`] reads them.
    pub rules: String,
    /// Its place in lists.
    pub position: u32,
    /// Its id in the system it was imported from.
    pub source_id: String,
}

impl Record for Checkpoint {
    type Key = CheckpointId;
    const DOCUMENT: DocKind = DocKind::Event;
    const COLLECTION: &'static str = "checkpoints";
}
