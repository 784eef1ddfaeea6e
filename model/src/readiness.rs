//! Readiness: whether a room is as its next session needs it, in time.

use serde::{Deserialize, Serialize};

use crate::document::DocKind;
use crate::id::{ItemId, TemplateId};
use crate::record::Record;

/// What an item of readiness is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Projector, screen, microphones, sound.
    Av,
    /// Chairs and tables as the session needs them.
    Seating,
    /// Water for presenters.
    Water,
    /// Hand-outs, name plates, flip charts.
    Materials,
    /// Signs that lead there and say what it is.
    Signage,
    /// Enough seats, and no more people than are safe.
    Capacity,
    /// Anything else.
    #[default]
    Other,
}

/// Something to be looked at before a session starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// What is to be looked at, in the words of the crew.
    pub label: String,
    /// What it is about.
    #[serde(default)]
    pub kind: ItemKind,
    /// How many minutes before the start it is due.
    #[serde(default)]
    pub due_min: u32,
}

/// What has to be looked at before sessions of some kinds start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadinessTemplate {
    /// Its name.
    pub name: String,
    /// The kinds of session it is for; all, if empty.
    pub session_kinds: Vec<String>,
    /// What has to be looked at.
    pub items: Vec<Item>,
}

impl Record for ReadinessTemplate {
    type Key = TemplateId;
    const DOCUMENT: DocKind = DocKind::Rooms;
    const COLLECTION: &'static str = "templates";
}
