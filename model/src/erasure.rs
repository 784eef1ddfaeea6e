//! Erasing: what goes of an attendee, and what stays so that the counts stay right.
//!
//! Records go whole. Of a fact about the attendee stays that it happened, when, where and to which id, which alone names
//! nobody; what somebody wrote, the name of a walk-in and the ticket go. Facts are treated as the JSON they are, by the
//! fields that may stay: so also those of later versions lose what they must.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ReadDoc};
use serde_json::{Map, Value as Json};

use crate::document::{DocKind, collection};
use crate::id::AttendeeId;
use crate::record::RecordError;

/// What may stay of a fact about an erased attendee. `by` is who acted, not whom it is about.
const KEPT: &[&str] = &[
    "at_ms",
    "skew_ms",
    "skew_age_ms",
    "by",
    "kind",
    "attendee",
    "checkpoint",
    "via",
    "fact",
    "facts",
    "found",
    "category",
];

/// The shortest text that is looked for in what others wrote: a shorter one stands in too many words.
const SHORTEST_WORD: usize = 5;

/// What stands in the place of a name.
const INSTEAD: &str = "\u{2026}";

/// Whom to erase, and what names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erasure {
    attendees: BTreeSet<AttendeeId>,
    words: Vec<String>,
    everybody: bool,
}

impl Erasure {
    /// Erases these attendees. `words`, their names and addresses, are struck out of what others wrote in facts.
    #[must_use]
    pub fn of(attendees: BTreeSet<AttendeeId>, words: impl IntoIterator<Item = String>) -> Self {
        let mut words: Vec<String> = words.into_iter().map(|word| word.trim().to_owned()).collect();
        words.retain(|word| word.chars().count() >= SHORTEST_WORD);
        // The longest first: one may be a part of another.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.dedup();
        Self { attendees, words, everybody: false }
    }

    /// Erases every attendee, and everything that somebody wrote in a fact.
    #[must_use]
    pub const fn everybody() -> Self {
        Self { attendees: BTreeSet::new(), words: Vec::new(), everybody: true }
    }

    /// Whether a record under this key goes.
    #[must_use]
    pub fn takes_record(&self, kind: DocKind, key: &str) -> bool {
        match kind {
            DocKind::Roster | DocKind::Contacts => {
                self.everybody || key.parse().is_ok_and(|id| self.attendees.contains(&id))
            }
            DocKind::Presenter => self.everybody,
            _ => false,
        }
    }

    /// Whether a text names whom is erased.
    #[must_use]
    pub fn is_named_in(&self, text: &str) -> bool {
        self.words.iter().any(|word| text.contains(word.as_str()))
    }

    /// Whether a fact has to change.
    #[must_use]
    pub fn changes_fact(&self, text: &str, about: bool) -> bool {
        self.of_fact(text, about) != text
    }

    /// The keys of the facts of a document that are about whom is erased: what happened to them, and what takes that back.
    ///
    /// # Errors
    /// If the document holds no facts.
    pub fn facts_about(&self, doc: &Automerge) -> Result<BTreeSet<String>, RecordError> {
        Ok(self.about(&facts_of(doc)?))
    }

    /// The keys of those of these facts that are about whom is erased: what happened to them, and what takes that back.
    #[must_use]
    pub fn about(&self, facts: &BTreeMap<String, String>) -> BTreeSet<String> {
        let (mut about, mut undoes) = (BTreeSet::new(), BTreeMap::<String, Vec<String>>::new());
        for (key, text) in facts {
            let key = key.clone();
            let Ok(fields) = serde_json::from_str::<Map<String, Json>>(text) else { continue };
            if self.is_about(&fields) {
                about.insert(key);
            } else if let Some(Json::String(target)) = fields.get("fact") {
                undoes.entry(target.clone()).or_default().push(key);
            }
        }
        let mut waiting: Vec<String> = about.iter().cloned().collect();
        while let Some(target) = waiting.pop() {
            for undo in undoes.remove(&target).unwrap_or_default() {
                waiting.push(undo.clone());
                about.insert(undo);
            }
        }
        about
    }

    fn is_about(&self, fields: &Map<String, Json>) -> bool {
        let attendee = fields.get("attendee").and_then(Json::as_str);
        self.everybody || attendee.and_then(|id| id.parse().ok()).is_some_and(|id| self.attendees.contains(&id))
    }

    /// A fact's JSON without what is erased.
    #[must_use]
    pub fn of_fact(&self, text: &str, about: bool) -> String {
        let Ok(mut fields) = serde_json::from_str::<Map<String, Json>>(text) else {
            return if self.everybody { "{}".to_owned() } else { self.struck(text) };
        };
        let before = fields.clone();
        if about || self.is_about(&fields) {
            fields.retain(|field, _| KEPT.contains(&field.as_str()) || self.stays(field));
            // Without these it could not be read any more, and not be counted.
            match fields.get("kind").and_then(Json::as_str) {
                Some("walk_in") => drop(fields.insert("name".to_owned(), Json::from(""))),
                Some("incident") => drop(fields.insert("text".to_owned(), Json::from(""))),
                _ => {}
            }
        }
        fields.values_mut().for_each(|value| self.strike(value));
        if fields == before { text.to_owned() } else { Json::Object(fields).to_string() }
    }

    /// Where an observation, an incident or an arrival was stays when everybody is erased; the words of an incident go.
    fn stays(&self, field: &str) -> bool {
        self.everybody && matches!(field, "session" | "item" | "state" | "room" | "severity" | "presenter" | "own")
    }

    fn strike(&self, value: &mut Json) {
        match value {
            Json::String(text) if self.is_named_in(text) => *text = self.struck(text),
            Json::Array(items) => items.iter_mut().for_each(|item| self.strike(item)),
            Json::Object(fields) => fields.values_mut().for_each(|value| self.strike(value)),
            _ => {}
        }
    }

    fn struck(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, word| text.replace(word.as_str(), INSTEAD))
    }
}

/// The facts of a document: their JSON, by their keys.
///
/// # Errors
/// If the document holds no facts.
pub fn facts_of(doc: &Automerge) -> Result<BTreeMap<String, String>, RecordError> {
    let facts = collection(doc, "facts")?;
    let text = |value: &automerge::Value<'_>| value.as_str().map(str::to_owned);
    let items = doc.map_range(&facts, ..);
    Ok(items.filter_map(|item| Some((item.key.to_string(), text(&item.value.into_value())?))).collect())
}

#[cfg(test)]
mod tests;
