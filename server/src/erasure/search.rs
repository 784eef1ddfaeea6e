//! Where an attendee stands.

use std::collections::BTreeSet;

use automerge::legacy::Key;
use automerge::{Automerge, ReadDoc, hydrate};
use muster_model::attendee::{Attendee, Contact};
use muster_model::document::{DocKind, DocRef, Part, checkins_shard, collection};
use muster_model::erasure::Erasure;
use muster_model::fact::{self, FactBody};
use muster_model::id::{AttendeeId, EventId};
use muster_model::record::{self, RecordError};

use crate::documents::Documents;
use crate::error::ApiError;
use crate::records;

/// Where an attendee stands.
#[derive(Debug)]
pub struct Search {
    /// The documents that name them, or may get to from a phone that is away.
    pub documents: Vec<DocRef>,
    /// What to strike out.
    pub erasure: Erasure,
    /// Documents in which somebody's record has the name.
    pub named_in: Vec<DocRef>,
    known: bool,
}

/// What one document says.
#[derive(Default)]
struct Found {
    /// It has a record or a fact about them.
    is_there: bool,
    /// Their name and addresses.
    words: Vec<String>,
}

impl Search {
    /// Whether the event knows them.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// Looks through all documents of the event.
    ///
    /// # Errors
    /// If there is no such event, or one of its documents cannot be loaded or read.
    pub async fn of(documents: &Documents, event: EventId, id: AttendeeId) -> Result<Self, ApiError> {
        let shards = records::event_data(documents, event).await?.event.shards;
        let all = documents.list(event).await?;
        let (mut holding, mut words) = (BTreeSet::new(), Vec::new());
        for document in all.iter().copied() {
            let found = documents.read(event, document, move |doc| current(doc, document.kind, id)).await?;
            if found.is_there {
                holding.insert(document);
            }
            words.extend(found.words);
        }
        if holding.is_empty() {
            // A record that was deleted stands in the history all the same.
            for document in all.iter().copied().filter(|document| is_of_people(document.kind)) {
                if documents.read(event, document, move |doc| Ok(was_there(doc, id))).await? {
                    holding.insert(document);
                }
            }
        }
        let known = !holding.is_empty();
        if known {
            holding.insert(checkins_shard(id, shards));
        }
        let parts: BTreeSet<Part> =
            holding.iter().filter(|document| is_of_people(document.kind)).map(|document| document.part).collect();
        for kind in [DocKind::Roster, DocKind::Contacts, DocKind::Checkins] {
            holding.extend(parts.iter().map(|part| DocRef { kind, part: *part }));
        }
        let erasure = Erasure::of([id].into(), words);
        let mut named_in = Vec::new();
        for document in all {
            let erasure = erasure.clone();
            let (changes, named) =
                documents.read(event, document, move |doc| still(doc, document.kind, (id, &erasure))).await?;
            if changes {
                holding.insert(document);
            }
            if named {
                named_in.push(document);
            }
        }
        Ok(Self { documents: holding.into_iter().collect(), erasure, named_in, known })
    }
}

const fn is_of_people(kind: DocKind) -> bool {
    matches!(kind, DocKind::Roster | DocKind::Contacts)
}

fn current(doc: &Automerge, kind: DocKind, id: AttendeeId) -> Result<Found, RecordError> {
    match kind {
        DocKind::Roster => {
            let is_there = has(doc, "attendees", id)?;
            // A record that cannot be read is erased all the same; what it names nobody knows.
            let record = record::read::<Attendee>(doc, &id).ok().flatten();
            Ok(Found { is_there, words: record.into_iter().map(|record| record.name).collect() })
        }
        DocKind::Contacts => {
            let is_there = has(doc, "contacts", id)?;
            let record = record::read::<Contact>(doc, &id).ok().flatten();
            Ok(Found { is_there, words: record.into_iter().flat_map(|record| [record.email, record.phone]).collect() })
        }
        DocKind::Checkins => {
            let about = Erasure::of([id].into(), []).facts_about(doc)?;
            let facts = about.iter().filter_map(|key| fact::read(doc, key.parse().ok()?).ok().flatten());
            let words = facts.filter_map(|fact| match fact.body {
                FactBody::WalkIn(walk_in) => Some(walk_in.name),
                _ => None,
            });
            Ok(Found { is_there: !about.is_empty(), words: words.collect() })
        }
        _ => Ok(Found::default()),
    }
}

fn has(doc: &Automerge, name: &'static str, id: AttendeeId) -> Result<bool, RecordError> {
    Ok(doc.get(&collection(doc, name)?, id.to_string())?.is_some())
}

fn was_there(doc: &Automerge, id: AttendeeId) -> bool {
    let id = id.to_string();
    let names = |key: &Key| matches!(key, Key::Map(key) if *key == id);
    doc.get_changes(&[]).iter().any(|change| change.decode().operations.iter().any(|op| names(&op.key)))
}

/// Whether facts have to change, and whether the name stands in a record of somebody else.
fn still(doc: &Automerge, kind: DocKind, (id, erasure): (AttendeeId, &Erasure)) -> Result<(bool, bool), RecordError> {
    let (mut changes, mut named) = (false, false);
    let own = id.to_string();
    for name in kind.collections() {
        let entries = collection(doc, name)?;
        if *name == "facts" {
            for item in doc.map_range(&entries, ..) {
                let value = item.value.into_value();
                changes |= value.as_str().is_some_and(|text| erasure.changes_fact(text, false));
            }
        } else if let hydrate::Value::Map(records) = ReadDoc::hydrate(doc, &entries, None)? {
            named |= records.iter().any(|(key, record)| *key != own && is_named(&record.value, erasure));
        }
    }
    Ok((changes, named))
}

fn is_named(value: &hydrate::Value, erasure: &Erasure) -> bool {
    match value {
        hydrate::Value::Scalar(scalar) => scalar.as_str().is_some_and(|text| erasure.is_named_in(text)),
        hydrate::Value::Map(map) => map.iter().any(|(_, value)| is_named(&value.value, erasure)),
        hydrate::Value::List(list) => list.iter().any(|item| is_named(&item.value, erasure)),
        hydrate::Value::Text(text) => erasure.is_named_in(&text.to_string()),
    }
}
