//! What the hub asks of whatever keeps its documents.

use automerge::ChangeHash;
use futures_util::future::BoxFuture;
use muster_model::document::{DocId, DocRef};
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;

use super::StorageError;

/// A document as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its chunks one after the other, as Automerge loads them: a snapshot, then changes.
    pub bytes: Vec<u8>,
    /// How many of the bytes are the snapshot's.
    pub snapshot_bytes: usize,
    /// The last chunk; [`DocumentStore::compact`] wants it.
    pub last_seq: i64,
}

/// Changes to be added to a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentWrite {
    /// The event it belongs to.
    pub event: EventId,
    /// Which of the event's documents it is.
    pub document: DocRef,
    /// The epoch in which it is.
    pub epoch: u32,
    /// Change chunks, one after the other, dependencies first.
    pub bytes: Vec<u8>,
    /// The document's heads with these changes, sorted.
    pub heads: Vec<ChangeHash>,
}

/// Changes that were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQuarantined {
    /// The event.
    pub event: EventId,
    /// The document they were meant for.
    pub document: DocId,
    /// The device that sent them.
    pub device: DeviceId,
    /// Whose change the first of them is, if that is known.
    pub author: Option<DeviceId>,
    /// The stable code of the reason.
    pub code: String,
    /// The reason in words, without personal data.
    pub reason: String,
    /// The change chunks, as they came.
    pub bytes: Vec<u8>,
    /// When they came.
    pub received_at: Timestamp,
}

/// What became of refused changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarantined {
    /// They are kept.
    Kept,
    /// The same bytes were kept before.
    KnownAlready,
    /// The device's or the event's share is used up: they are not kept, earlier ones stay.
    Full,
}

/// How much of refused changes is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineLimits {
    /// Entries of one device. Default 1,000.
    pub per_device: u64,
    /// Bytes of one device. Default 16 MiB.
    pub bytes_per_device: u64,
    /// Entries of one event. Default 20,000.
    pub per_event: u64,
    /// Bytes of one event. Default 256 MiB.
    pub bytes_per_event: u64,
}

impl Default for QuarantineLimits {
    fn default() -> Self {
        Self { per_device: 1_000, bytes_per_device: 16 << 20, per_event: 20_000, bytes_per_event: 256 << 20 }
    }
}

/// Whose sync state of which document. The device is part of it, so that no device can spoil another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SyncStateKey {
    /// The device.
    pub device: DeviceId,
    /// Where the device stores its documents.
    pub storage_id: String,
    /// The document.
    pub document: DocId,
}

/// Where the hub keeps its documents. Every write is durable when its future is ready.
pub trait DocumentStore: Send + Sync + 'static {
    /// Keeps `proposed` under `key` unless there is a value already; gives the one that is kept.
    fn keep(&self, key: &'static str, proposed: String) -> BoxFuture<'_, Result<String, StorageError>>;

    /// Whether there is such an event.
    fn has_event(&self, event: EventId) -> BoxFuture<'_, Result<bool, StorageError>>;

    /// The documents of an event that have been written.
    fn documents(&self, event: EventId) -> BoxFuture<'_, Result<Vec<DocRef>, StorageError>>;

    /// The documents of an event that are not in their first epoch.
    fn epochs(&self, event: EventId) -> BoxFuture<'_, Result<Vec<(DocRef, u32)>, StorageError>>;

    /// How many bytes an event's documents have.
    fn event_bytes(&self, event: EventId) -> BoxFuture<'_, Result<u64, StorageError>>;

    /// A document, or `None` if nothing of it was ever written.
    fn load(&self, document: DocId) -> BoxFuture<'_, Result<Option<StoredDocument>, StorageError>>;

    /// Adds changes; gives the chunk's number. [`StorageError::UnknownEvent`] if there is no such event.
    fn append(&self, write: DocumentWrite) -> BoxFuture<'_, Result<i64, StorageError>>;

    /// Puts a snapshot in the place of all chunks up to `up_to_seq`, all or nothing; gives the snapshot's number.
    fn compact(&self, document: DocId, snapshot: Vec<u8>, up_to_seq: i64) -> BoxFuture<'_, Result<i64, StorageError>>;

    /// A kept sync state.
    fn sync_state(&self, key: SyncStateKey) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>>;

    /// Keeps sync states. At most `max_per_device` of each device stay, the latest.
    fn put_sync_states(
        &self,
        states: Vec<(SyncStateKey, Vec<u8>)>,
        now: Timestamp,
        max_per_device: u32,
    ) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Forgets sync states not used since `before`; says how many.
    fn expire_sync_states(&self, before: Timestamp) -> BoxFuture<'_, Result<usize, StorageError>>;

    /// Keeps refused changes, within limits.
    fn quarantine(&self, entry: NewQuarantined) -> BoxFuture<'_, Result<Quarantined, StorageError>>;
}
