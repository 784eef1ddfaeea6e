//! Readiness: whether a room is as its next session needs it.

use muster_client_core::view;
use muster_model::id::{FactId, ItemId};
use muster_model::readiness;
use muster_model::time::Timestamp;

use crate::fact::ItemState;
use crate::mirror::{list, mirror};
use crate::program::Session;

mirror! {
    /// What an item of readiness is about.
    ItemKind of readiness::ItemKind {
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
        Other,
    }
}

mirror! {
    /// How far a session's room is.
    ReadinessState of readiness::State {
        /// Nothing has been looked at.
        NotStarted,
        /// Some of it has.
        UnderWay,
        /// All is as it should be.
        Ready,
        /// Something is not as it should be.
        Problem,
        /// Something that was due has not been looked at.
        Overdue,
    }
}

/// The last look at an item.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct LastLook {
    /// The observation.
    pub fact: FactId,
    /// What was found.
    pub state: ItemState,
    /// Anything else; what is wrong, for a problem.
    pub note: String,
}

/// An item of a session's checklist, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ChecklistItem {
    /// Its id.
    pub id: ItemId,
    /// What is to be looked at, in the words of the crew.
    pub label: String,
    /// What it is about.
    pub kind: ItemKind,
    /// When it is due.
    pub due_at: Timestamp,
    /// The last look at it; none if nobody has looked.
    pub last: Option<LastLook>,
    /// Whether it was due and has not been looked at.
    pub overdue: bool,
}

/// A session on the readiness board.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct BoardRow {
    /// The session.
    pub session: Session,
    /// How far its room is.
    pub state: ReadinessState,
    /// When the next thing to do is due; none if nothing is left to do.
    pub deadline: Option<Timestamp>,
    /// How many items need no more work.
    pub done: u32,
    /// The items, in the order in which they are due.
    pub items: Vec<ChecklistItem>,
}

impl From<readiness::ItemStatus> for ChecklistItem {
    fn from(status: readiness::ItemStatus) -> Self {
        let last = status.last.map(|(fact, seen)| LastLook { fact, state: seen.state.into(), note: seen.note });
        Self {
            id: status.item.id,
            label: status.item.label,
            kind: status.item.kind.into(),
            due_at: status.due_at,
            last,
            overdue: status.overdue,
        }
    }
}

impl From<view::BoardRow> for BoardRow {
    fn from(view::BoardRow { session, readiness }: view::BoardRow) -> Self {
        Self {
            session: session.into(),
            state: readiness.state.into(),
            deadline: readiness.deadline,
            done: u32::try_from(readiness.done()).unwrap_or(u32::MAX),
            items: list(readiness.items),
        }
    }
}
