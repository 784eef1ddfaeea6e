//! What the person at the device wants recorded.

use std::collections::HashMap;

use muster_client_core::command;
use muster_model::id::{AttendeeId, CheckpointId, FactId, QuestionId, RoomId, SessionId};

use crate::fact::{EntryVia, ResolutionKind, Severity};

/// What was answered at the door, by question.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, tsify::Tsify)]
#[serde(transparent)]
pub struct Answers(#[tsify(type = "Record<QuestionId, string>")] HashMap<QuestionId, String>);

impl From<Answers> for command::Answers {
    fn from(answers: Answers) -> Self {
        answers.0.into_iter().collect()
    }
}

/// An attendee found by name, or of the same order, is to be checked in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct CheckIn {
    /// Where.
    pub checkpoint: CheckpointId,
    /// Who.
    pub attendee: AttendeeId,
    /// How staff know who it is.
    pub via: EntryVia,
    /// What was answered already.
    #[serde(default)]
    pub answers: Answers,
    /// Why staff admit them whatever the verdict; empty to follow the verdict.
    #[serde(default)]
    pub despite: String,
}

/// Somebody without a registration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct NewWalkIn {
    /// Where they are admitted.
    pub checkpoint: CheckpointId,
    /// The name for the badge.
    pub name: String,
    /// The organisation for the badge.
    #[serde(default)]
    pub organisation: String,
    /// What kind of attendee they become.
    #[serde(default)]
    pub category: String,
}

/// What was found about a double admission.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Settle {
    /// Whose ticket it was.
    pub attendee: AttendeeId,
    /// Where it was admitted twice.
    pub checkpoint: CheckpointId,
    /// What was found.
    pub found: ResolutionKind,
    /// The admissions that were looked at; empty for all that this phone knows.
    #[serde(default)]
    pub admissions: Vec<FactId>,
    /// Anything else worth knowing.
    #[serde(default)]
    pub note: String,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct NewIncident {
    /// What happened.
    pub text: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    #[serde(default)]
    pub room: Option<RoomId>,
    /// In which session.
    #[serde(default)]
    pub session: Option<SessionId>,
}

impl From<CheckIn> for command::CheckIn {
    fn from(wish: CheckIn) -> Self {
        Self {
            checkpoint: wish.checkpoint,
            attendee: wish.attendee,
            via: wish.via.into(),
            answers: wish.answers.into(),
            despite: wish.despite,
        }
    }
}

impl From<NewWalkIn> for command::NewWalkIn {
    fn from(wish: NewWalkIn) -> Self {
        Self { checkpoint: wish.checkpoint, name: wish.name, organisation: wish.organisation, category: wish.category }
    }
}

impl From<Settle> for command::Settle {
    fn from(wish: Settle) -> Self {
        Self {
            attendee: wish.attendee,
            checkpoint: wish.checkpoint,
            admissions: wish.admissions,
            found: wish.found.into(),
            note: wish.note,
        }
    }
}

impl From<NewIncident> for command::NewIncident {
    fn from(wish: NewIncident) -> Self {
        Self { room: wish.room, session: wish.session, severity: wish.severity.into(), text: wish.text }
    }
}
