//! Which documents an event has. Their ids are hashes of their names, so the names must be known to find one.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use automerge::Automerge;
use muster_model::document::{Division, DocId, DocKind, DocRef};
use muster_model::event::{Event, OnlyKey};
use muster_model::id::{EventId, PresenterId};
use muster_model::{document, record};
use tokio::sync::{OnceCell, watch};

/// The documents of one event. It only grows.
pub(super) struct Catalog {
    pub(super) event: EventId,
    /// Done once the store and the event's own documents have been asked.
    pub(super) read: OnceCell<()>,
    documents: RwLock<HashMap<DocId, DocRef>>,
    size: watch::Sender<usize>,
}

impl Catalog {
    pub(super) fn new(event: EventId) -> Self {
        let catalog =
            Self { event, read: OnceCell::new(), documents: RwLock::new(HashMap::new()), size: watch::Sender::new(0) };
        catalog.add(DocKind::ALL.into_iter().filter_map(|kind| match kind.division() {
            Division::Whole => Some(DocRef::whole(kind)),
            Division::Shards => Some(DocRef::shard(kind, 0)),
            Division::Presenters => None,
        }));
        catalog
    }

    /// Adds documents, and tells those who wait for them.
    pub(super) fn add(&self, documents: impl IntoIterator<Item = DocRef>) {
        let mut known = self.documents.write().unwrap_or_else(PoisonError::into_inner);
        for document in documents {
            known.insert(document.id(self.event), document);
        }
        let size = known.len();
        self.size.send_if_modified(|before| std::mem::replace(before, size) != size);
    }

    pub(super) fn find(&self, id: DocId) -> Option<DocRef> {
        self.documents.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    pub(super) fn all(&self) -> Vec<DocRef> {
        let known = self.documents.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<DocRef> = known.values().copied().collect();
        all.sort_unstable();
        all
    }

    /// Changes whenever the catalogue grows.
    pub(super) fn growth(&self) -> watch::Receiver<usize> {
        self.size.subscribe()
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
