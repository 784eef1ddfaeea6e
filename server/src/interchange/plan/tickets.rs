//! Keys and withdrawn tickets, and questions that come without the checkpoints they are asked at.

use std::collections::BTreeMap;

use muster_model::checkpoint::Checkpoint;
use muster_model::document::{DocKind, DocRef};
use muster_model::record::Record;
use muster_model::ticket::key::{KeyId, Scheme, TicketKey};
use muster_model::ticket::withdrawn::{self, MAX_WITHDRAWN};

use super::super::Draft;
use super::super::error::ImportError;
use super::super::note::NoteCode;
use super::{Current, Planner, RecordWrite, Tally};

/// The draft with the checkpoints of its source, if it has questions and no checkpoints of its own; nothing but the
/// questions is said about them.
pub(super) fn asked_elsewhere(draft: &Draft, current: &Current) -> Option<Draft> {
    if draft.questions.is_empty() || !draft.checkpoints.is_empty() {
        return None;
    }
    let mut asked = draft.clone();
    let imported = current.checkpoints.iter().filter(|(_, checkpoint)| !checkpoint.source_id.is_empty());
    asked.checkpoints =
        imported.map(|(id, one)| (*id, Checkpoint { questions: draft.questions.clone(), ..one.clone() })).collect();
    if asked.checkpoints.is_empty() {
        asked.notes.add(
            NoteCode::QuestionsWithoutLists,
            "file",
            "no check-in list is here yet: import the questions after them",
        );
    }
    asked.silent.extend(FIELDS.map(|field| (Checkpoint::COLLECTION, field)));
    Some(asked)
}

/// The fields of a checkpoint but for its questions.
const FIELDS: [&str; 12] = [
    "name",
    "kind",
    "session",
    "categories",
    "rule",
    "valid_from",
    "valid_until",
    "capacity",
    "admits_unpaid",
    "rules",
    "position",
    "source_id",
];

impl<'a> Planner<'a> {
    /// Keys and withdrawn tickets go into the event's document.
    pub(super) fn tickets(&mut self, current: &'a Current) -> Result<(), ImportError> {
        let document = DocRef::whole(DocKind::Event);
        let draft = self.draft;
        let merged = self.merge(&draft.ticket_keys, |id| current.ticket_keys.get(id));
        let mut keys: BTreeMap<KeyId, TicketKey> = merged.into_iter().collect();
        if !draft.products.is_empty() {
            // What the products are called may come with another file than the keys.
            for (id, key) in &current.ticket_keys {
                if !keys.contains_key(id) && key.scheme == Scheme::PretixSig1 && named(key, draft) != *key {
                    keys.insert(*id, key.clone());
                }
            }
        }
        for (id, key) in keys {
            self.write(document, RecordWrite::TicketKey(id, named(&key, draft)));
        }
        self.withdrawn(current, document)
    }

    fn withdrawn(&mut self, current: &Current, document: DocRef) -> Result<(), ImportError> {
        let mut after = current.withdrawn.clone();
        let mut tally = Tally::default();
        for (ticket, withdrawal) in &self.draft.withdrawn {
            let before = match withdrawal {
                Some(withdrawal) => after.insert(*ticket, *withdrawal),
                None => after.remove(ticket),
            };
            match (before == *withdrawal, before) {
                (true, _) => tally.unchanged += 1,
                (false, None) => tally.created += 1,
                (false, Some(_)) => tally.changed += 1,
            }
            if before != *withdrawal {
                self.write(document, RecordWrite::Withdrawn(*ticket, *withdrawal));
            }
        }
        if after.len() > MAX_WITHDRAWN {
            let limit = u64::try_from(MAX_WITHDRAWN).unwrap_or(u64::MAX);
            return Err(ImportError::TooLarge { what: "withdrawn tickets", limit });
        }
        if tally != Tally::default() {
            self.plan.report.collections.insert(withdrawn::COLLECTION.to_owned(), tally);
        }
        Ok(())
    }
}

fn named(key: &TicketKey, draft: &Draft) -> TicketKey {
    let mut key = key.clone();
    if key.scheme == Scheme::PretixSig1 {
        key.products.extend(draft.products.clone());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_checkpoint_is_listed() {
        let fields = serde_json::to_value(Checkpoint::default()).unwrap();
        let mut known: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        known.retain(|field| *field != "questions");
        let mut listed = FIELDS.to_vec();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
