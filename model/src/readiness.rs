//! Readiness: whether a room is as its next session needs it, in time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::document::DocKind;
use crate::fact::{Fact, FactBody, ItemState, Observation};
use crate::fact_order::standing_among;
use crate::id::{FactId, ItemId, SessionId, TemplateId};
use crate::program::Session;
use crate::record::Record;
use crate::time::Timestamp;

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

/// How far a session's room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
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

/// How far one item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemStatus {
    /// The item.
    pub item: Item,
    /// When it is due.
    pub due_at: Timestamp,
    /// The last look at it, and what was found; `None` if nobody has looked.
    pub last: Option<(FactId, Observation)>,
    /// Whether it was due and has not been looked at.
    pub overdue: bool,
}

/// How far a session's room is, item by item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// The whole.
    pub state: State,
    /// When the next thing to do is due; `None` if nothing is left to do.
    pub deadline: Option<Timestamp>,
    /// The items, in the order in which they are due.
    pub items: Vec<ItemStatus>,
}

impl Readiness {
    /// How many items need no more work.
    #[must_use]
    pub fn done(&self) -> usize {
        let done = |item: &&ItemStatus| item.last.as_ref().is_some_and(|(_, seen)| seen.state != ItemState::Problem);
        self.items.iter().filter(done).count()
    }
}

/// The items that a session's room needs, in the order in which they are due: those of every template for its kind, each
/// item once, by the earliest time it is due. A session that does not take place needs none.
#[must_use]
pub fn items_for<'a>(session: &Session, templates: impl IntoIterator<Item = &'a ReadinessTemplate>) -> Vec<Item> {
    let wanted = |template: &&ReadinessTemplate| {
        let fits = template.session_kinds.is_empty() || template.session_kinds.contains(&session.kind);
        fits && !session.cancelled
    };
    let mut items: Vec<Item> = templates.into_iter().filter(wanted).flat_map(|t| t.items.iter().cloned()).collect();
    items.sort_by(|one, other| other.due_min.cmp(&one.due_min).then(one.id.cmp(&other.id)));
    let mut seen = BTreeSet::new();
    items.retain(|item| seen.insert(item.id));
    items
}

/// How far the room of a session is.
///
/// `observations` are facts about this session, undos included; others are ignored. The last look at an item counts. A
/// problem outweighs what is overdue: somebody has been there and needs help.
#[must_use]
pub fn of_session(
    (id, session): (SessionId, &Session),
    items: &[Item],
    observations: &[Fact],
    now: Timestamp,
) -> Readiness {
    let mut last: BTreeMap<ItemId, (FactId, Observation)> = BTreeMap::new();
    let of_this = |body: &FactBody| matches!(body, FactBody::Observation(seen) if seen.session == id);
    for fact in standing_among(observations, of_this) {
        if let FactBody::Observation(observation) = &fact.body {
            last.insert(observation.item, (fact.id, observation.clone()));
        }
    }
    let status = |item: &Item| {
        let due_at = session.starts_at.plus_minutes(-i64::from(item.due_min));
        let last = last.get(&item.id).cloned();
        ItemStatus { item: item.clone(), due_at, overdue: last.is_none() && now >= due_at, last }
    };
    let items: Vec<ItemStatus> = items.iter().map(status).collect();
    let open = |item: &&ItemStatus| item.last.as_ref().is_none_or(|(_, seen)| seen.state == ItemState::Problem);
    Readiness { state: state(&items), deadline: items.iter().filter(open).map(|item| item.due_at).min(), items }
}

fn state(items: &[ItemStatus]) -> State {
    let looked_at = items.iter().filter(|item| item.last.is_some()).count();
    let problem = |item: &ItemStatus| item.last.as_ref().is_some_and(|(_, seen)| seen.state == ItemState::Problem);
    match looked_at {
        _ if items.iter().any(problem) => State::Problem,
        _ if items.iter().any(|item| item.overdue) => State::Overdue,
        0 if !items.is_empty() => State::NotStarted,
        some if some < items.len() => State::UnderWay,
        _ => State::Ready,
    }
}

#[cfg(test)]
mod tests;
