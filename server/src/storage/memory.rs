//! Documents in memory: a second implementation, which keeps the contract honest, and a quick one for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use muster_model::document::{DocId, DocRef};
use muster_model::id::EventId;
use muster_model::time::Timestamp;

use super::StorageError;
use super::document_store::{
    DocumentStore, DocumentWrite, NewQuarantined, QuarantineLimits, Quarantined, StoredDocument, SyncStateKey,
};

/// A store that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    limits: QuarantineLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    meta: BTreeMap<&'static str, String>,
    events: BTreeSet<EventId>,
    documents: BTreeMap<DocId, Document>,
    last_seq: i64,
    sync_states: BTreeMap<SyncStateKey, (Vec<u8>, Timestamp)>,
    quarantine: Vec<NewQuarantined>,
}

#[derive(Debug)]
struct Document {
    event: EventId,
    document: DocRef,
    epoch: u32,
    snapshot: Vec<u8>,
    snapshot_seq: i64,
    changes: BTreeMap<i64, Vec<u8>>,
}

impl MemoryStore {
    /// An empty store that knows these events.
    #[must_use]
    pub fn new(events: impl IntoIterator<Item = EventId>, limits: QuarantineLimits) -> Self {
        let state = State { events: events.into_iter().collect(), ..State::default() };
        Self { limits, state: Mutex::new(state) }
    }

    /// Puts new epochs of documents, each whole as its snapshot, in the place of everything that is kept of those before.
    pub fn replace(&self, writes: impl IntoIterator<Item = DocumentWrite>) {
        let mut state = self.state();
        writes.into_iter().for_each(|write| state.replace(write));
    }

    /// What was refused and kept, the oldest first.
    #[must_use]
    pub fn quarantined(&self) -> Vec<NewQuarantined> {
        self.state().quarantine.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_seq(&mut self) -> i64 {
        self.last_seq = self.last_seq.saturating_add(1);
        self.last_seq
    }

    fn append(&mut self, write: DocumentWrite) -> Result<i64, StorageError> {
        if !self.events.contains(&write.event) {
            return Err(StorageError::UnknownEvent);
        }
        let seq = self.next_seq();
        let DocumentWrite { event, document, epoch, bytes, .. } = write;
        let new =
            || Document { event, document, epoch, snapshot: Vec::new(), snapshot_seq: 0, changes: BTreeMap::new() };
        let stored = self.documents.entry(document.id_in(event, epoch)).or_insert_with(new);
        stored.changes.insert(seq, bytes);
        Ok(seq)
    }

    fn replace(&mut self, write: DocumentWrite) {
        let DocumentWrite { event, document, epoch, bytes, .. } = write;
        let (gone, kept) = std::mem::take(&mut self.documents)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, stored)| stored.event == event && stored.document == document);
        self.documents = kept;
        self.sync_states.retain(|key, _| !gone.contains_key(&key.document));
        let snapshot_seq = self.next_seq();
        let new = Document { event, document, epoch, snapshot: bytes, snapshot_seq, changes: BTreeMap::new() };
        self.documents.insert(document.id_in(event, epoch), new);
    }

    fn quarantine(&mut self, entry: NewQuarantined, limits: &QuarantineLimits) -> Result<Quarantined, StorageError> {
        let same = |kept: &NewQuarantined| {
            kept.device == entry.device && kept.document == entry.document && kept.bytes == entry.bytes
        };
        if self.quarantine.iter().any(same) {
            return Ok(Quarantined::KnownAlready);
        }
        if !self.events.contains(&entry.event) {
            return Err(StorageError::UnknownEvent);
        }
        let used = |of: &dyn Fn(&NewQuarantined) -> bool| {
            let kept = self.quarantine.iter().filter(|kept| of(kept));
            kept.fold((0_u64, 0_u64), |(count, bytes), kept| (count + 1, bytes + len(&kept.bytes)))
        };
        let more = len(&entry.bytes);
        let (count, bytes) = used(&|kept| kept.device == entry.device);
        let device_fits = count < limits.per_device && bytes + more <= limits.bytes_per_device;
        let (count, bytes) = used(&|kept| kept.event == entry.event);
        if !device_fits || count >= limits.per_event || bytes + more > limits.bytes_per_event {
            return Ok(Quarantined::Full);
        }
        self.quarantine.push(entry);
        Ok(Quarantined::Kept)
    }

    fn put_sync_states(&mut self, states: Vec<(SyncStateKey, Vec<u8>)>, now: Timestamp, max_per_device: u32) {
        for (key, bytes) in states {
            let device = key.device;
            self.sync_states.insert(key, (bytes, now));
            let mut own: Vec<(Timestamp, SyncStateKey)> = self
                .sync_states
                .iter()
                .filter(|(key, _)| key.device == device)
                .map(|(key, (_, at))| (*at, key.clone()))
                .collect();
            own.sort_by(|(at, key), (other_at, other)| other_at.cmp(at).then_with(|| key.cmp(other)));
            for (_, key) in own.into_iter().skip(usize::try_from(max_per_device).unwrap_or(usize::MAX)) {
                self.sync_states.remove(&key);
            }
        }
    }
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn answer<T: Send + 'static>(value: Result<T, StorageError>) -> BoxFuture<'static, Result<T, StorageError>> {
    ready(value).boxed()
}

impl DocumentStore for MemoryStore {
    fn keep(&self, key: &'static str, proposed: String) -> BoxFuture<'_, Result<String, StorageError>> {
        answer(Ok(self.state().meta.entry(key).or_insert(proposed).clone()))
    }

    fn has_event(&self, event: EventId) -> BoxFuture<'_, Result<bool, StorageError>> {
        answer(Ok(self.state().events.contains(&event)))
    }

    fn documents(&self, event: EventId) -> BoxFuture<'_, Result<Vec<DocRef>, StorageError>> {
        let state = self.state();
        let of_event = state.documents.values().filter(|stored| stored.event == event);
        let mut found: Vec<DocRef> = of_event.map(|stored| stored.document).collect();
        found.sort_by_key(ToString::to_string);
        answer(Ok(found))
    }

    fn epochs(&self, event: EventId) -> BoxFuture<'_, Result<Vec<(DocRef, u32)>, StorageError>> {
        let state = self.state();
        let later = state.documents.values().filter(|stored| stored.event == event && stored.epoch > 0);
        let mut found: Vec<(DocRef, u32)> = later.map(|stored| (stored.document, stored.epoch)).collect();
        found.sort_by_key(|(document, _)| document.to_string());
        answer(Ok(found))
    }

    fn event_bytes(&self, event: EventId) -> BoxFuture<'_, Result<u64, StorageError>> {
        let state = self.state();
        let of_event = state.documents.values().filter(|stored| stored.event == event);
        let bytes = of_event.map(|stored| len(&stored.snapshot) + stored.changes.values().map(|c| len(c)).sum::<u64>());
        answer(Ok(bytes.sum()))
    }

    fn load(&self, document: DocId) -> BoxFuture<'_, Result<Option<StoredDocument>, StorageError>> {
        let state = self.state();
        let loaded = state.documents.get(&document).map(|stored| {
            let mut bytes = stored.snapshot.clone();
            stored.changes.values().for_each(|change| bytes.extend_from_slice(change));
            let last_change = stored.changes.keys().next_back().copied().unwrap_or(0);
            let last_seq = last_change.max(stored.snapshot_seq);
            StoredDocument { bytes, snapshot_bytes: stored.snapshot.len(), last_seq }
        });
        answer(Ok(loaded))
    }

    fn append(&self, write: DocumentWrite) -> BoxFuture<'_, Result<i64, StorageError>> {
        answer(self.state().append(write))
    }

    fn compact(&self, document: DocId, snapshot: Vec<u8>, up_to_seq: i64) -> BoxFuture<'_, Result<i64, StorageError>> {
        let mut state = self.state();
        let seq = state.next_seq();
        if let Some(stored) = state.documents.get_mut(&document) {
            stored.snapshot = snapshot;
            stored.snapshot_seq = seq;
            stored.changes.retain(|seq, _| *seq > up_to_seq);
        }
        answer(Ok(seq))
    }

    fn sync_state(&self, key: SyncStateKey) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        answer(Ok(self.state().sync_states.get(&key).map(|(bytes, _)| bytes.clone())))
    }

    fn put_sync_states(
        &self,
        states: Vec<(SyncStateKey, Vec<u8>)>,
        now: Timestamp,
        max_per_device: u32,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        self.state().put_sync_states(states, now, max_per_device);
        answer(Ok(()))
    }

    fn expire_sync_states(&self, before: Timestamp) -> BoxFuture<'_, Result<usize, StorageError>> {
        let mut state = self.state();
        let there = state.sync_states.len();
        state.sync_states.retain(|_, (_, at)| *at >= before);
        answer(Ok(there - state.sync_states.len()))
    }

    fn quarantine(&self, entry: NewQuarantined) -> BoxFuture<'_, Result<Quarantined, StorageError>> {
        answer(self.state().quarantine(entry, &self.limits))
    }
}
