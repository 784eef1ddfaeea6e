//! Which documents an event has. Their ids are hashes of their names, so the names must be known to find one.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use automerge::Automerge;
use muster_model::document::{Division, DocId, DocKind, DocRef};
use muster_model::epoch::Epochs;
use muster_model::event::{Event, OnlyKey};
use muster_model::id::{EventId, PresenterId};
use muster_model::{document, record};
use tokio::sync::{OnceCell, watch};

/// The documents of one event. It only grows; a document that begins a new epoch gets another id.
pub(super) struct Catalog {
    pub(super) event: EventId,
    /// Done once the store and the event's own documents have been asked.
    pub(super) read: OnceCell<()>,
    known: RwLock<Known>,
    /// How often it grew.
    growth: watch::Sender<u64>,
}

#[derive(Default)]
struct Known {
    documents: HashMap<DocId, DocRef>,
    epochs: Epochs,
    /// The ids of documents in epochs that have ended.
    ended: HashSet<DocId>,
}

impl Known {
    /// Notes in which epoch a document is; says whether that is news.
    fn move_on(&mut self, event: EventId, document: DocRef, epoch: u32) -> bool {
        let before = self.epochs.of(&document);
        if before >= epoch {
            return false;
        }
        self.ended.extend((before..epoch).map(|ended| document.id_in(event, ended)));
        self.documents.remove(&document.id_in(event, before));
        self.documents.insert(document.id_in(event, epoch), document);
        self.epochs.move_on(document, epoch);
        true
    }
}

impl Catalog {
    pub(super) fn new(event: EventId) -> Self {
        let catalog = Self { event, read: OnceCell::new(), known: RwLock::default(), growth: watch::Sender::new(0) };
        catalog.add(DocKind::ALL.into_iter().filter_map(|kind| match kind.division() {
            Division::Whole => Some(DocRef::whole(kind)),
            Division::Shards => Some(DocRef::shard(kind, 0)),
            Division::Presenters => None,
        }));
        catalog
    }

    /// Adds documents, and tells those who wait for them.
    pub(super) fn add(&self, documents: impl IntoIterator<Item = DocRef>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.documents.len();
        for document in documents {
            let id = document.id_in(self.event, known.epochs.of(&document));
            known.documents.insert(id, document);
        }
        if known.documents.len() != before {
            self.growth.send_modify(|times| *times = times.wrapping_add(1));
        }
    }

    /// Notes in which epochs documents are; those who asked for them in vain are told.
    pub(super) fn move_on(&self, epochs: impl IntoIterator<Item = (DocRef, u32)>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut news = false;
        for (document, epoch) in epochs {
            news |= known.move_on(self.event, document, epoch);
        }
        if news {
            self.growth.send_modify(|times| *times = times.wrapping_add(1));
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The epoch in which a document is.
    pub(super) fn epoch(&self, document: &DocRef) -> u32 {
        self.known().epochs.of(document)
    }

    /// The id of a document in its epoch.
    pub(super) fn id(&self, document: &DocRef) -> DocId {
        document.id_in(self.event, self.epoch(document))
    }

    pub(super) fn find(&self, id: DocId) -> Option<DocRef> {
        self.known().documents.get(&id).copied()
    }

    /// Whether a document had this id in an epoch that has ended.
    pub(super) fn has_ended(&self, id: DocId) -> bool {
        self.known().ended.contains(&id)
    }

    pub(super) fn all(&self) -> Vec<DocRef> {
        let mut all: Vec<DocRef> = self.known().documents.values().copied().collect();
        all.sort_unstable();
        all
    }

    /// Changes whenever the catalogue grows.
    pub(super) fn growth(&self) -> watch::Receiver<u64> {
        self.growth.subscribe()
    }

    /// Whether other documents follow from what this kind says.
    pub(super) const fn is_told_by(kind: DocKind) -> bool {
        matches!(kind, DocKind::Event | DocKind::Program)
    }

    /// Takes in what the event's own document says of shards, or the programme of presenters.
    pub(super) fn learn(&self, kind: DocKind, doc: &Automerge) {
        match kind {
            DocKind::Event => {
                // A record that cannot be read tells of no shards; those already known stay.
                let Ok(Some(event)) = record::read::<Event>(doc, &OnlyKey) else { return };
                let sharded = DocKind::ALL.into_iter().filter(|kind| kind.division() == Division::Shards);
                self.add(sharded.flat_map(|kind| event.shard_range().map(move |shard| DocRef::shard(kind, shard))));
            }
            DocKind::Program => {
                let Ok(presenters) = document::collection(doc, "presenters") else { return };
                let keys = automerge::ReadDoc::keys(doc, &presenters);
                self.add(keys.filter_map(|key| key.parse::<PresenterId>().ok()).map(DocRef::presenter));
            }
            _ => {}
        }
    }
}
