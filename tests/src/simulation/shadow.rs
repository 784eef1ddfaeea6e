//! Documents as a disk has them, read without the product's own readers of disks: what a replica can be held to.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{AutoSerde, Automerge, ChangeHash, ReadDoc, Value};
use muster_model::attendee::Attendee;
use muster_model::checkpoint::Checkpoint;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::event::{Event, OnlyKey};
use muster_model::fact::Fact;
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId};
use muster_model::record;

use super::finding::{Checked, own_fault};
use super::trace::fingerprint;

/// One document, brought up to date from its chunks when it is asked for.
#[derive(Debug)]
struct Shadow {
    doc: Automerge,
    /// How many chunks were read, the first of them and the last: a snapshot takes the place of all, and may be the same as
    /// the one before when what came since was refused.
    chunks: usize,
    ends: (u64, u64),
    /// The facts read so far. A fact is never changed.
    facts: BTreeMap<FactId, Fact>,
    records: Records,
}

/// The records of one document.
#[derive(Debug, Default)]
struct Records {
    read_at: Vec<ChangeHash>,
    event: Option<Event>,
    checkpoints: BTreeMap<CheckpointId, Checkpoint>,
    attendees: BTreeMap<AttendeeId, Attendee>,
}

/// The documents of one disk.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    documents: BTreeMap<DocRef, Shadow>,
}

/// Nothing is written by whoever looks.
pub(super) fn reader() -> automerge::ActorId {
    DeviceId::from_random([0; 8]).actor([0; 8])
}

fn ends(chunks: &[Vec<u8>]) -> (u64, u64) {
    let end = |chunk: Option<&Vec<u8>>| chunk.map(|chunk| fingerprint(chunk)).unwrap_or_default();
    (end(chunks.first()), end(chunks.last()))
}

impl Shadow {
    fn read(chunks: &[Vec<u8>]) -> Checked<Self> {
        let doc = document::load(&chunks.concat(), reader()).map_err(own_fault)?;
        let ends = ends(chunks);
        Ok(Self { doc, chunks: chunks.len(), ends, facts: BTreeMap::new(), records: Records::default() })
    }

    fn update(&mut self, chunks: &[Vec<u8>]) -> Checked {
        match chunks.split_at_checked(self.chunks) {
            Some((read, news)) if ends(read) == self.ends => {
                if !news.is_empty() {
                    self.doc.load_incremental(&news.concat()).map_err(own_fault)?;
                    (self.chunks, self.ends) = (chunks.len(), ends(chunks));
                }
            }
            _ => *self = Self::read(chunks)?,
        }
        Ok(())
    }

    fn read_facts(&mut self) -> Checked {
        let Ok(collection) = document::collection(&self.doc, "facts") else { return Ok(()) };
        for item in self.doc.map_range(&collection, ..) {
            let id: FactId = item.key.parse().map_err(own_fault)?;
            if self.facts.contains_key(&id) {
                continue;
            }
            let value = item.value.into_value();
            // What hostile devices told a phone may be anything, until it meets the server.
            let fact = value.as_str().and_then(|text| Fact::from_json(id, text).ok());
            self.facts.extend(fact.map(|fact| (id, fact)));
        }
        Ok(())
    }

    fn read_records(&mut self, kind: DocKind) -> Checked {
        let heads = self.doc.get_heads();
        if self.records.read_at == heads {
            return Ok(());
        }
        let doc = &self.doc;
        self.records = match kind {
            DocKind::Event => Records {
                event: record::read(doc, &OnlyKey).map_err(own_fault)?,
                checkpoints: record::read_all(doc).map_err(own_fault)?.records,
                ..Records::default()
            },
            DocKind::Roster => {
                Records { attendees: record::read_all(doc).map_err(own_fault)?.records, ..Records::default() }
            }
            _ => Records::default(),
        };
        self.records.read_at = heads;
        Ok(())
    }
}

impl Shadows {
    /// Reads what a disk has of a document.
    pub(super) fn update(&mut self, document: DocRef, chunks: &[Vec<u8>]) -> Checked {
        if chunks.is_empty() {
            self.documents.remove(&document);
            return Ok(());
        }
        if let Some(shadow) = self.documents.get_mut(&document) {
            shadow.update(chunks)?;
        } else {
            self.documents.insert(document, Shadow::read(chunks)?);
        }
        if let Some(shadow) = self.documents.get_mut(&document) {
            shadow.read_facts()?;
            shadow.read_records(document.kind)?;
        }
        Ok(())
    }

    /// Forgets documents of which nothing is on the disk any more.
    pub(super) fn keep_only(&mut self, is_there: impl Fn(&DocRef) -> bool) {
        self.documents.retain(|document, _| is_there(document));
    }

    pub(super) fn fact(&self, id: FactId) -> Option<(&DocRef, &Fact)> {
        self.documents.iter().find_map(|(document, shadow)| shadow.facts.get(&id).map(|fact| (document, fact)))
    }

    /// All facts, document by document.
    pub(super) fn facts(&self) -> impl Iterator<Item = (&DocRef, &Fact)> {
        self.documents.iter().flat_map(|(document, shadow)| shadow.facts.values().map(move |fact| (document, fact)))
    }

    pub(super) fn event(&self) -> Option<&Event> {
        self.documents.get(&DocRef::whole(DocKind::Event))?.records.event.as_ref()
    }

    pub(super) fn checkpoints(&self) -> impl Iterator<Item = (&CheckpointId, &Checkpoint)> {
        let event = self.documents.get(&DocRef::whole(DocKind::Event));
        event.into_iter().flat_map(|shadow| &shadow.records.checkpoints)
    }

    pub(super) fn attendees(&self) -> impl Iterator<Item = (&AttendeeId, &Attendee)> {
        self.documents.values().flat_map(|shadow| &shadow.records.attendees)
    }

    /// Whether a document has these heads, or knows of them.
    pub(super) fn knows(&self, document: &DocRef, heads: &[ChangeHash]) -> bool {
        let Some(shadow) = self.documents.get(document) else { return false };
        heads.iter().all(|head| shadow.doc.get_change_by_hash(head).is_some())
    }

    /// The changes of a document.
    pub(super) fn changes(&self, document: &DocRef) -> BTreeSet<ChangeHash> {
        let changes = self.documents.get(document).map(|shadow| shadow.doc.get_changes(&[]));
        changes.into_iter().flatten().map(|change| change.hash()).collect()
    }

    /// All changes that a device made.
    pub(super) fn changes_of(&self, device: DeviceId) -> BTreeSet<ChangeHash> {
        let changes = self.documents.values().flat_map(|shadow| shadow.doc.get_changes(&[]));
        let own = changes.filter(|change| DeviceId::of_actor(change.actor_id()) == Some(device));
        own.map(|change| change.hash()).collect()
    }

    /// One of these changes, if any document has one.
    pub(super) fn holds_any(&self, changes: &BTreeSet<ChangeHash>) -> Option<(DocRef, ChangeHash)> {
        self.documents.iter().find_map(|(document, shadow)| {
            let held = changes.iter().find(|hash| shadow.doc.get_change_by_hash(hash).is_some())?;
            Some((*document, *held))
        })
    }

    /// The heads of a document, sorted, and what it says.
    pub(super) fn contents(&self, document: &DocRef) -> Option<(Vec<ChangeHash>, serde_json::Value)> {
        let doc = &self.documents.get(document)?.doc;
        let mut heads = doc.get_heads();
        heads.sort_unstable();
        Some((heads, serde_json::to_value(AutoSerde::from(doc)).ok()?))
    }

    /// What is found in something that any change of a document ever said.
    pub(super) fn said<T>(&self, finds: impl Fn(&str) -> Option<T>) -> Option<(DocRef, T)> {
        self.documents.iter().find_map(|(document, shadow)| {
            let changes = shadow.doc.get_changes(&[]);
            let found = changes.iter().find_map(|change| finds(&format!("{:?}", change.decode().operations)))?;
            Some((*document, found))
        })
    }

    /// A key under which two changes wrote different facts, which is an error of whoever wrote them. The same fact may be
    /// there twice, from its author and from a coordinator who accepted it.
    pub(super) fn twice_written(&self) -> Option<(DocRef, String)> {
        self.documents.iter().find_map(|(document, shadow)| {
            let facts = document::collection(&shadow.doc, "facts").ok()?;
            let mut keys = shadow.doc.keys(&facts);
            let differs = |all: Vec<(Value<'_>, _)>| {
                let values: Vec<_> = all.into_iter().map(|(value, _)| value).collect();
                values.windows(2).any(|two| two.first() != two.last())
            };
            let twice = keys.find(|key| shadow.doc.get_all(&facts, key.as_str()).is_ok_and(differs))?;
            Some((*document, twice))
        })
    }
}
