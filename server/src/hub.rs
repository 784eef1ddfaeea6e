//! The hub: every open document is one task, and whoever reads or writes it goes through that task.
//!
//! ```text
//! socket ── Session ──(bounded mailbox)── Document ── DocumentStore
//!    └───── Outbox ──────(bounded queue)─────┘
//! ```
//!
//! - A `Session` belongs to a connection. It knows what its principal may read, guards every sync message, and waits
//!   while a document or a budget is full, so a peer that floods is read more slowly.
//! - A document's task applies, stores, and only then answers, so heads that a peer hears are on disk. It never waits for a
//!   peer: whoever does not read fast enough is disconnected, since no sync message may be dropped.
//! - Documents that nobody uses are stored as a snapshot and leave memory.

mod admission;
mod authors;
mod catalog;
mod clock;
mod config;
mod document;
mod error;
mod fill;
mod link;
mod principal;
mod registry;
mod replace;
mod session;
mod shared;
mod stats;
mod surroundings;
mod usage;
mod work;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use automerge::transaction::Transaction;
use automerge::{Automerge, ChangeHash};
use muster_model::access::Role;
use muster_model::document::{DocId, DocRef};
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use muster_protocol::{PeerId, PeerInfo, StorageId};

pub use admission::{AccessAdmission, Admission, Decision, RefusedChange, RuleAdmission, Upload};
pub use authors::{Authors, Known, NoAuthors, Standing};
pub use clock::Clock;
pub use config::HubConfig;
pub use error::{EditError, Ending, HubError};
pub use principal::Principal;
pub use replace::Taken;
pub use stats::HubStats;
pub use surroundings::Surroundings;
pub use usage::DeviceLimits;

pub(crate) use clock::wire;
pub use link::OutFrame;
pub(crate) use link::Outbox;
pub(crate) use session::Session;
use shared::{Shared, TaskCount};

use crate::storage::DocumentStore;

/// The hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

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

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("storage_id", &self.shared.storage_id.as_str()).finish_non_exhaustive()
    }
}

impl Hub {
    /// Begins with what the store holds. Only one hub may use a store at a time.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub async fn new(store: impl DocumentStore, config: HubConfig) -> Result<Self, HubError> {
        Self::in_surroundings(Arc::new(store), config, Surroundings::default()).await
    }

    /// As [`new`](Self::new), with other rules for what is let in, or another clock.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn in_surroundings(
        store: Arc<dyn DocumentStore>,
        config: HubConfig,
        surroundings: Surroundings,
    ) -> Result<Self, HubError> {
        Ok(Self { shared: Arc::new(Shared::new(store, config, surroundings).await?) })
    }

    /// Looks at a document as it is stored. The document waits meanwhile.
    ///
    /// # Errors
    /// If the event is unknown or the document cannot be loaded.
    pub async fn read<T, F>(&self, event: EventId, document: DocRef, look: F) -> Result<T, HubError>
    where
        F: FnOnce(&Automerge) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.known(event).await?;
        work::read(&self.shared, event, document, look).await
    }

    /// Edits a document as the server. What it did is on disk when this returns. The edit runs in one transaction: if it
    /// says no, nothing has happened.
    ///
    /// # Errors
    /// What the edit said, with the document unchanged; or why it could not be stored, with nothing of it stored.
    pub async fn edit<T, E, F>(&self, event: EventId, document: DocRef, edit: F) -> Result<Edited<T>, EditError<E>>
    where
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.shared.known(event).await?;
        work::edit(&self.shared, event, document, edit).await
    }

    /// Takes documents from their tasks, so that `swap` can put a new epoch of each on the disk; from then on the new ones are
    /// used, and connections hear that the old ones have ended. Each gets the next epoch, or the one that is said if that is
    /// later. Meanwhile nobody can use them. If `swap` says no, they are as they were, and those who used them come back.
    ///
    /// # Errors
    /// What `swap` said, or why a document could not be taken.
    pub async fn replace<T, E>(
        &self,
        event: EventId,
        documents: BTreeMap<DocRef, u32>,
        swap: impl AsyncFnOnce(Vec<Taken>) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<HubError>,
    {
        self.shared.known(event).await?;
        replace::replace(&self.shared, event, documents, swap).await
    }

    /// The documents of an event: those of every kind, shard and presenter that it has.
    ///
    /// # Errors
    /// If the event is unknown or its documents cannot be listed.
    pub async fn documents(&self, event: EventId) -> Result<Vec<DocRef>, HubError> {
        Ok(self.shared.catalog(event).await?.all())
    }

    /// The device has this role from now on: ends its connections, and those it would open with another role.
    pub fn set_role(&self, device: DeviceId, role: Role) {
        self.shared.set_role(device, role);
    }

    /// The document of an event that has this id, or had it in an epoch that has ended.
    ///
    /// # Errors
    /// As [`documents`](Self::documents).
    pub async fn find_document(&self, event: EventId, id: DocId) -> Result<Option<DocRef>, HubError> {
        let catalog = self.shared.catalog(event).await?;
        let has_id = |document: &DocRef| (0..=catalog.epoch(document)).any(|epoch| document.id_in(event, epoch) == id);
        Ok(catalog.all().into_iter().find(has_id))
    }

    /// The devices that have a connection open to an event.
    #[must_use]
    pub fn connected(&self, event: EventId) -> HashSet<DeviceId> {
        self.shared.connected(event)
    }

    /// Ends the connections of a device, and those it would open later.
    pub fn revoke(&self, device: DeviceId) {
        self.shared.revoke(device);
    }

    /// What the hub is doing and has done.
    #[must_use]
    pub fn stats(&self) -> HubStats {
        self.shared.counters.snapshot()
    }

    /// The id under which the server's storage is known to peers; drawn once and kept in the store.
    #[must_use]
    pub fn storage_id(&self) -> &StorageId {
        &self.shared.storage_id
    }

    /// Takes in no more, stores everything and ends all connections; ready when all that is done. Idempotent.
    pub async fn shutdown(&self) {
        self.shared.stopping.send_replace(true);
        self.shared.end_all(&Ending::ShuttingDown);
        for handle in self.shared.registry.all() {
            // A document whose task has ended is stored already.
            drop(handle.mailbox.send(document::Message::Stop).await);
        }
        let mut tasks = self.shared.tasks.subscribe();
        // The sender is in our hands, so this ends only when no task is left.
        drop(tasks.wait_for(|tasks| *tasks == 0).await);
    }

    /// Counts a socket among what the end waits for.
    pub(crate) fn count_task(&self) -> TaskCount {
        TaskCount::new(&self.shared)
    }

    /// Whether the hub is shutting down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shared.is_stopping()
    }

    /// Waits until the hub is shutting down.
    pub(crate) async fn stopping(&self) {
        let mut stopping = self.shared.stopping.subscribe();
        // The sender is in our hands, so the wait ends only when it says so.
        drop(stopping.wait_for(|stopping| *stopping).await);
    }

    /// The time by the hub's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.now()
    }

    pub(crate) fn peer_id(&self) -> &PeerId {
        &self.shared.peer_id
    }

    pub(crate) async fn join(&self, principal: Principal, peer: &PeerInfo) -> Result<(Session, Outbox), Ending> {
        Session::join(&self.shared, principal, peer).await
    }
}

#[cfg(test)]
mod tests;
