//! Epochs: how a document loses its history.
//!
//! Automerge keeps every value that a document ever held. What has to be forgotten goes only with the document: the server
//! begins it anew under another id, with what it holds now and without its past. Each such time is an *epoch*, counted from
//! 0. Which one is current, and which attendees were erased, stands in the document `event`, which every device reads; only
//! the server writes it there. See `docs/adr/0005-erasing-replaces-documents.md`.

use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue, Value, hydrate};

use crate::document::{self, DocKind, DocRef, collection};
use crate::erasure::Erasure;
use crate::id::{AttendeeId, EventId};
use crate::record::RecordError;
use crate::time::Timestamp;

/// The map in the document `event` that says which epochs are current. It is not of the genesis: the server alone writes it.
const EPOCHS: &str = "epochs";

/// The map in the document `event` that names whom was erased.
const ERASED: &str = "erased";

/// Stands in that map when all were, at the end of the event's retention.
const EVERYBODY: &str = "everybody";

/// Written with the server's last change that begins an epoch: whoever has it has everything before it.
const BEGUN: &str = "begun";

/// How many entries one change of a new epoch holds: what a phone takes in at once.
const ENTRIES_PER_CHANGE: usize = 500;

/// Which epochs of an event's documents are current, and who was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Epochs {
    current: BTreeMap<DocRef, u32>,
    erased: BTreeSet<AttendeeId>,
    everybody: bool,
}

impl Epochs {
    /// Those of these documents; all others are in epoch 0.
    #[must_use]
    pub fn new(current: BTreeMap<DocRef, u32>, erased: BTreeSet<AttendeeId>) -> Self {
        Self { current, erased, everybody: false }
    }

    /// With everybody erased, or not.
    #[must_use]
    pub fn everybody_erased(self, everybody: bool) -> Self {
        Self { everybody, ..self }
    }

    /// What the document `event` says. Where servers said different things (one was restored from a backup), the later
    /// epoch holds.
    ///
    /// # Errors
    /// If Automerge cannot read the document.
    pub fn read(event: &Automerge) -> Result<Self, RecordError> {
        let mut found = Self::default();
        for (key, number) in entries(event, EPOCHS)? {
            let (Ok(document), Ok(epoch)) = (key.parse(), u32::try_from(number)) else { continue };
            let current: &mut u32 = found.current.entry(document).or_default();
            *current = epoch.max(*current);
        }
        for (key, _) in entries(event, ERASED)? {
            found.everybody |= key == EVERYBODY;
            found.erased.extend(key.parse::<AttendeeId>());
        }
        Ok(found)
    }

    /// The current epoch of a document.
    #[must_use]
    pub fn of(&self, document: &DocRef) -> u32 {
        self.current.get(document).copied().unwrap_or_default()
    }

    /// The documents that are not in their first epoch.
    pub fn moved(&self) -> impl Iterator<Item = (DocRef, u32)> {
        self.current.iter().map(|(document, epoch)| (*document, *epoch)).filter(|(_, epoch)| *epoch > 0)
    }

    /// What late facts lose, that come from before a document was begun anew.
    #[must_use]
    pub fn erasure(&self) -> Erasure {
        if self.everybody { Erasure::everybody() } else { Erasure::of(self.erased.clone(), []) }
    }

    /// Notes that a document is in a later epoch.
    pub fn move_on(&mut self, document: DocRef, epoch: u32) {
        self.current.insert(document, epoch);
    }

    /// Writes into the document `event` what it does not say yet.
    ///
    /// # Errors
    /// If the document refuses the write.
    pub fn write<D: Transactable + ReadDoc>(&self, event: &mut D, known: &Self) -> Result<(), RecordError> {
        for (document, epoch) in self.moved().filter(|(document, epoch)| known.of(document) < *epoch) {
            let epochs = map(event, EPOCHS)?;
            event.put(&epochs, document.to_string(), i64::from(epoch))?;
        }
        for attendee in self.erased.difference(&known.erased) {
            let erased = map(event, ERASED)?;
            event.put(&erased, attendee.to_string(), 1_i64)?;
        }
        if self.everybody && !known.everybody {
            let erased = map(event, ERASED)?;
            event.put(&erased, EVERYBODY, 1_i64)?;
        }
        Ok(())
    }
}

/// The numbers in every map that was ever put under a name at the root.
fn entries(doc: &Automerge, name: &str) -> Result<Vec<(String, i64)>, RecordError> {
    let mut found = Vec::new();
    for (value, id) in doc.get_all(ROOT, name)? {
        if !matches!(value, Value::Object(ObjType::Map)) {
            continue;
        }
        for key in doc.keys(&id) {
            let numbers = doc.get_all(&id, key.as_str())?;
            let numbers = numbers.into_iter().filter_map(|(value, _)| value.as_i64());
            found.extend(numbers.max().map(|number| (key, number)));
        }
    }
    Ok(found)
}

fn map<D: Transactable + ReadDoc>(doc: &mut D, name: &str) -> Result<ObjId, RecordError> {
    match doc.get(ROOT, name)? {
        Some((Value::Object(ObjType::Map), id)) => Ok(id),
        _ => Ok(doc.put_object(ROOT, name, ObjType::Map)?),
    }
}

/// Which document is begun anew, and by whom.
#[derive(Debug, Clone)]
pub struct Founding {
    /// The event.
    pub event: EventId,
    /// The document.
    pub document: DocRef,
    /// The epoch that begins.
    pub epoch: u32,
    /// Under which the server writes.
    pub actor: ActorId,
    /// When.
    pub at: Timestamp,
}

/// Begins a document anew: with what `old` holds, less what is erased, and without its past. A field with several values
/// that nobody settled keeps the one that readers see.
///
/// # Errors
/// If the old document is not one of its kind, or the new one refuses a write.
pub fn found(founding: &Founding, old: &Automerge, erasure: &Erasure) -> Result<Automerge, RecordError> {
    let Founding { event, document, epoch, actor, at } = founding;
    let mut doc = document::create_in(*event, document, *epoch, actor.clone())?;
    let committed = || CommitOptions::default().with_time(at.ms().div_euclid(1_000));
    for name in document.kind.collections() {
        let from = collection(old, name)?;
        let about = if *name == "facts" { erasure.facts_about(old)? } else { BTreeSet::new() };
        let keys: Vec<String> = old.keys(&from).collect();
        for some in keys.chunks(ENTRIES_PER_CHANGE) {
            let mut tx = doc.transaction();
            let to = collection(&tx, name)?;
            for key in some {
                let Some((value, id)) = old.get(&from, key.as_str())? else { continue };
                match value {
                    Value::Object(_) if erasure.takes_record(document.kind, key) => {}
                    Value::Object(_) => {
                        let value = ReadDoc::hydrate(old, &id, None)?;
                        put(&mut tx, &to, Prop::Map(key.clone()), &value)?;
                    }
                    Value::Scalar(scalar) => match scalar.as_ref() {
                        ScalarValue::Str(text) if *name == "facts" => {
                            tx.put(&to, key.as_str(), erasure.of_fact(text, about.contains(key)))?;
                        }
                        scalar => tx.put(&to, key.as_str(), scalar.clone())?,
                    },
                }
            }
            tx.commit_with(committed());
        }
    }
    let mut tx = doc.transaction();
    tx.put(ROOT, BEGUN, i64::from(*epoch))?;
    tx.commit_with(committed());
    Ok(doc)
}

/// Whether a replica of a later epoch has everything with which the server began it.
///
/// # Errors
/// If Automerge cannot read the document.
pub fn is_begun(doc: &Automerge) -> Result<bool, RecordError> {
    Ok(doc.get(ROOT, BEGUN)?.is_some())
}

/// Whether documents of this kind can be begun anew: all but the one that says which epochs are current.
#[must_use]
pub const fn is_replaceable(kind: DocKind) -> bool {
    !matches!(kind, DocKind::Event)
}

fn put<D: Transactable>(doc: &mut D, obj: &ObjId, prop: Prop, value: &hydrate::Value) -> Result<(), RecordError> {
    let object = match value {
        hydrate::Value::Scalar(scalar) => {
            match prop {
                Prop::Map(key) => doc.put(obj, key, scalar.clone())?,
                Prop::Seq(index) => doc.insert(obj, index, scalar.clone())?,
            }
            return Ok(());
        }
        hydrate::Value::Map(_) => ObjType::Map,
        hydrate::Value::List(_) => ObjType::List,
        hydrate::Value::Text(_) => ObjType::Text,
    };
    let id = match prop {
        Prop::Map(key) => doc.put_object(obj, key, object)?,
        Prop::Seq(index) => doc.insert_object(obj, index, object)?,
    };
    match value {
        hydrate::Value::Map(map) => {
            // In one order always, so that the same document is begun anew in the same way.
            for (key, value) in map.iter().collect::<BTreeMap<_, _>>() {
                put(doc, &id, Prop::Map(key.clone()), &value.value)?;
            }
        }
        hydrate::Value::List(list) => {
            for (index, item) in list.iter().enumerate() {
                put(doc, &id, Prop::Seq(index), &item.value)?;
            }
        }
        hydrate::Value::Text(text) => doc.splice_text(&id, 0, 0, &text.to_string())?,
        hydrate::Value::Scalar(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
