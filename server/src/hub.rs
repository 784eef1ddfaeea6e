//! The hub: every open document is one task, and whoever reads or writes it goes through that task.

mod config;
mod error;
mod principal;
mod stats;

use std::sync::Arc;

use automerge::transaction::Transaction;
use automerge::{Automerge, ChangeHash};
use muster_model::document::DocRef;
use muster_model::id::{DeviceId, EventId};

pub use config::HubConfig;
pub use error::{EditError, Ending, HubError};
pub use principal::Principal;
pub use stats::HubStats;

use crate::storage::DocumentStore;

/// The hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub {}

/// What an edit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited<T> {
    /// What the edit returned.
    pub value: T,
    /// The document's heads after it, sorted.
    pub heads: Vec<ChangeHash>,
    /// Whether it changed anything.
    pub changed: bool,
}

impl Hub {
    /// Begins with what the store holds.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub async fn new(_store: impl DocumentStore, _config: HubConfig) -> Result<Self, HubError> {
        todo!()
    }

    /// Looks at a document. Runs on a thread for blocking work; the document waits meanwhile.
    ///
    /// # Errors
    /// If the event is unknown or the document cannot be loaded.
    pub async fn read<T, F>(&self, _event: EventId, _document: DocRef, _look: F) -> Result<T, HubError>
    where
        F: FnOnce(&Automerge) -> T + Send + 'static,
        T: Send + 'static,
    {
        todo!()
    }

    /// Edits a document as the server. What it did is on disk when this returns.
    ///
    /// # Errors
    /// What the edit said, with the document unchanged; or why it could not be stored, with nothing of it stored.
    pub async fn edit<T, E, F>(
        &self,
        _event: EventId,
        _document: DocRef,
        _edit: F,
    ) -> Result<Edited<T>, EditError<E>>
    where
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        todo!()
    }

    /// The documents of an event: those of every kind, shard and presenter that it has.
    ///
    /// # Errors
    /// If the event is unknown or its documents cannot be read.
    pub async fn documents(&self, _event: EventId) -> Result<Vec<DocRef>, HubError> {
        todo!()
    }

    /// Ends the connections of a device, and those it opens later.
    pub fn revoke(&self, _device: DeviceId) {
        todo!()
    }

    /// What the hub is doing and has done.
    #[must_use]
    pub fn stats(&self) -> HubStats {
        todo!()
    }

    /// Takes in no more, stores everything, ends all connections. Idempotent.
    pub async fn shutdown(&self) {
        todo!()
    }
}
