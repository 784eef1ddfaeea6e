//! From what is stored to an open document.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use automerge::ChangeHash;
use muster_model::admission::reading::Awaited;
use muster_model::document;
use muster_protocol::{DocLedger, DocumentId, PendingLimits, RemoteHeadsBook, RemoteHeadsLimits};

use super::flush::{Stored, Tick};
use super::{Document, heavy};
use crate::hub::HubError;
use crate::hub::catalog::Catalog;
use crate::hub::registry::Handle;
use crate::hub::shared::Shared;
use crate::storage::{StorageError, StoredDocument};

impl Document {
    /// Loads the document, or begins it with its genesis if nothing of it was ever stored.
    pub(super) async fn open(shared: &Arc<Shared>, handle: &Arc<Handle>) -> Result<Self, HubError> {
        let stored = shared.store.load(handle.id).await?;
        if stored.is_none() && !shared.store.has_event(handle.event).await? {
            return Err(StorageError::UnknownEvent.into());
        }
        let actor = shared.device.actor(shared.surroundings.session);
        let doc = match &stored {
            Some(stored) => heavy(|| document::load(&stored.bytes, actor))?,
            None => document::create_in(handle.event, &handle.document, handle.epoch, actor)?,
        };
        document::check_version(&doc)?;
        let actor = doc.get_actor().clone();
        let genesis = document::create_in(handle.event, &handle.document, handle.epoch, actor)?.get_heads();
        let genesis = genesis.first().copied().unwrap_or(ChangeHash([0; 32]));
        let ledger = DocLedger::read(&doc, PendingLimits::default());
        handle.stored_changes.store(ledger.size().stored_changes, Ordering::Release);
        if Catalog::is_told_by(handle.document.kind) {
            shared.catalog_of(handle.event).learn(handle.document.kind, &doc);
        }
        let fill = shared.fill_of(handle.event);
        fill.look(&*shared.store, handle.event).await;
        Ok(Self {
            shared: Arc::clone(shared),
            handle: Arc::clone(handle),
            fill,
            id: DocumentId::from_bytes(*handle.id.as_bytes()),
            genesis,
            heads: doc.get_heads(),
            whole: None,
            doc,
            ledger,
            awaited: Awaited::default(),
            stored: stored.as_ref().map(Stored::from).unwrap_or_default(),
            tick: Tick::default(),
            peers: BTreeMap::new(),
            owing: false,
            compact_from: 0,
            one_by_one: shared.is_suspect(handle.id),
            gossip: RemoteHeadsBook::new(RemoteHeadsLimits { entries: 4_096, ..RemoteHeadsLimits::default() }),
        })
    }
}

impl From<&StoredDocument> for Stored {
    fn from(stored: &StoredDocument) -> Self {
        Self {
            exists: true,
            snapshot_bytes: stored.snapshot_bytes,
            change_bytes: stored.bytes.len().saturating_sub(stored.snapshot_bytes),
            last_seq: stored.last_seq,
        }
    }
}

impl HubError {
    /// Whether opening the document again may succeed with nothing repaired.
    pub(super) const fn is_transient(&self) -> bool {
        match self {
            Self::Storage(error) => !matches!(
                error,
                StorageError::DamagedChunk { .. } | StorageError::Damaged { .. } | StorageError::UnknownEvent
            ),
            Self::Failed | Self::Replaced | Self::Stopped => true,
            Self::UnknownEvent | Self::Document(_) | Self::DocumentFull { .. } | Self::EventFull { .. } => false,
        }
    }
}
