//! The server's disk: it takes its time, fills up, and keeps through a crash what was written before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use automerge::ChangeHash;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use muster_model::document::{DocId, DocRef};
use muster_model::id::{AttendeeId, DeviceId, EventId};
use muster_model::time::Timestamp;
use muster_server::storage::{
    DocumentStore, DocumentWrite, MemoryStore, NewQuarantined, QuarantineLimits, Quarantined, StorageError,
    StoredDocument, SyncStateKey,
};
use tokio::time::{Instant, sleep};

use super::finding::{Checked, Rule, own_fault};
use super::sabotage::Sabotage;
use super::trace::fingerprint;

/// How long a disk that lies keeps what it says that it has written.
const LIE: Duration = Duration::from_secs(8);

/// How much is kept of what was refused: so little that a flood reaches it.
const LIMITS: QuarantineLimits =
    QuarantineLimits { per_device: 80, bytes_per_device: 1 << 20, per_event: 2_000, bytes_per_event: 16 << 20 };

/// What lies on the disk, whether a server runs or not.
#[derive(Clone)]
pub(super) struct ServerDisk {
    inner: Arc<Inner>,
}

struct Inner {
    store: MemoryStore,
    state: Mutex<State>,
    sabotage: Option<Sabotage>,
}

#[derive(Default)]
struct State {
    full: bool,
    /// How often something failed on purpose.
    failures: u64,
    /// All heads that were ever stored.
    heads: BTreeSet<ChangeHash>,
    /// What was written, in order: the documents' chunks.
    chunks: BTreeMap<DocRef, Vec<Vec<u8>>>,
    /// How often each document was written to.
    writes: BTreeMap<DocId, u64>,
    /// What a disk that lies has not written yet.
    promised: Vec<(Instant, DocumentWrite)>,
    /// How far each device was, as the server noted it last.
    sync_states: BTreeMap<SyncStateKey, (Vec<u8>, Timestamp, u32)>,
    /// In which epochs documents are, but for the first, and who was erased.
    epochs: BTreeMap<DocRef, u32>,
    erased: BTreeSet<AttendeeId>,
    /// Documents that ended since it was looked at.
    ended: Vec<Ended>,
    /// A document that was written to after it had ended.
    stray: Option<DocRef>,
}

/// A document that ended, and how the one begins that took its place.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) document: DocRef,
    pub(super) chunks: Vec<Vec<u8>>,
    pub(super) successor: Vec<u8>,
}

/// What an operator keeps elsewhere: everything that was on the disk at one moment.
#[derive(Debug)]
pub(super) struct Backup {
    heads: BTreeSet<ChangeHash>,
    chunks: BTreeMap<DocRef, Vec<Vec<u8>>>,
    sync_states: BTreeMap<SyncStateKey, (Vec<u8>, Timestamp, u32)>,
    epochs: BTreeMap<DocRef, u32>,
    erased: BTreeSet<AttendeeId>,
    quarantined: Vec<NewQuarantined>,
}

impl ServerDisk {
    pub(super) fn new(event: EventId, sabotage: Option<Sabotage>) -> Self {
        let store = MemoryStore::new([event], LIMITS);
        Self { inner: Arc::new(Inner { store, state: Mutex::default(), sabotage }) }
    }

    pub(super) fn back_up(&self) -> Backup {
        let state = self.state();
        Backup {
            heads: state.heads.clone(),
            chunks: state.chunks.clone(),
            sync_states: state.sync_states.clone(),
            epochs: state.epochs.clone(),
            erased: state.erased.clone(),
            quarantined: self.inner.store.quarantined(),
        }
    }

    /// A disk with what a backup has, and nothing that came later. It works as soon as it is asked.
    pub(super) fn restored(event: EventId, sabotage: Option<Sabotage>, backup: Backup) -> Checked<Self> {
        let disk = Self::new(event, sabotage);
        let store = &disk.inner.store;
        for (document, chunks) in &backup.chunks {
            let epoch = backup.epochs.get(document).copied().unwrap_or_default();
            for bytes in chunks.iter().cloned() {
                let write = DocumentWrite { event, document: *document, epoch, bytes, heads: Vec::new() };
                at_once(store.append(write))?;
            }
        }
        for (key, (bytes, at, most)) in &backup.sync_states {
            at_once(store.put_sync_states(vec![(key.clone(), bytes.clone())], *at, *most))?;
        }
        for entry in backup.quarantined {
            at_once(store.quarantine(entry))?;
        }
        let Backup { heads, chunks, sync_states, epochs, erased, .. } = backup;
        *disk.state() = State { heads, chunks, sync_states, epochs, erased, ..State::default() };
        Ok(disk)
    }

    /// What was refused and kept, the oldest first.
    pub(super) fn quarantined(&self) -> Vec<NewQuarantined> {
        self.inner.store.quarantined()
    }

    pub(super) fn sabotage(&self) -> Option<Sabotage> {
        self.inner.sabotage
    }

    /// No more is kept of what was refused than may be.
    pub(super) fn check_quarantine(&self) -> Checked {
        let mut by_device: BTreeMap<DeviceId, (u64, usize)> = BTreeMap::new();
        for entry in self.quarantined() {
            let used = by_device.entry(entry.device).or_default();
            *used = (used.0 + 1, used.1 + entry.bytes.len());
        }
        let most = usize::try_from(LIMITS.bytes_per_device).unwrap_or(usize::MAX);
        match by_device.iter().find(|(_, (entries, bytes))| *entries > LIMITS.per_device || *bytes > most) {
            Some((device, used)) => Err(Rule::LetIn.broken(format!("{used:?} are kept of what {device} was refused"))),
            None => Ok(()),
        }
    }

    /// In which epochs documents are, but for the first.
    pub(super) fn epochs(&self) -> BTreeMap<DocRef, u32> {
        self.state().epochs.clone()
    }

    /// Who was erased.
    pub(super) fn erased(&self) -> BTreeSet<AttendeeId> {
        self.state().erased.clone()
    }

    /// Documents that ended since it was looked at.
    pub(super) fn take_ended(&self) -> Vec<Ended> {
        std::mem::take(&mut self.state().ended)
    }

    /// A document that was written to after it had ended.
    pub(super) fn stray(&self) -> Option<DocRef> {
        self.state().stray
    }

    /// Puts new epochs of documents in the place of those before and notes who was erased, all or nothing.
    pub(super) async fn begin_anew(
        &self,
        writes: Vec<DocumentWrite>,
        erased: impl IntoIterator<Item = AttendeeId>,
    ) -> Result<(), StorageError> {
        let first = writes.first().map(|write| write.document.id_in(write.event, write.epoch));
        let pause = |half| first.map_or(Duration::ZERO, |first| self.pause(first, half));
        sleep(pause(0)).await;
        self.check_room()?;
        {
            let mut state = self.state();
            for write in &writes {
                let (document, successor) = (write.document, write.bytes.clone());
                state.heads.extend(write.heads.iter().copied());
                let before = state.epochs.insert(document, write.epoch).unwrap_or_default();
                let chunks = state.chunks.insert(document, vec![successor.clone()]).unwrap_or_default();
                state.ended.push(Ended { document, chunks, successor });
                let gone = document.id_in(write.event, before);
                state.sync_states.retain(|key, _| key.document != gone);
            }
            state.erased.extend(erased);
            self.inner.store.replace(writes);
        }
        sleep(pause(1)).await;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    pub(super) fn failures(&self) -> u64 {
        self.state().failures
    }

    /// Whether these heads were ever stored.
    pub(super) fn has_stored(&self, head: &ChangeHash) -> bool {
        self.state().heads.contains(head)
    }

    /// The chunks of a document, in the order in which they were written.
    pub(super) fn chunks(&self, document: &DocRef) -> Vec<Vec<u8>> {
        self.state().chunks.get(document).cloned().unwrap_or_default()
    }

    /// The documents that were written to.
    pub(super) fn documents(&self) -> Vec<DocRef> {
        self.state().chunks.keys().copied().collect()
    }

    /// The server is dead: what was not written never will be.
    pub(super) fn crash(&self) {
        self.state().promised.clear();
    }

    /// How long one of the two halves of a write takes: before it is there, and until whoever asked is told.
    fn pause(&self, document: DocId, half: u8) -> Duration {
        let mut state = self.state();
        let writes = state.writes.entry(document).or_default();
        *writes += 1;
        let mut of = document.as_bytes().to_vec();
        of.push(half);
        of.extend(writes.to_be_bytes());
        Duration::from_millis(fingerprint(&of) % 12)
    }

    fn check_room(&self) -> Result<(), StorageError> {
        let mut state = self.state();
        if state.full {
            state.failures += 1;
            return Err(StorageError::Full);
        }
        Ok(())
    }

    async fn write(&self, write: DocumentWrite) -> Result<i64, StorageError> {
        let (document, epoch) = (write.document, write.epoch);
        let (chunk, heads) = (write.bytes.clone(), write.heads.clone());
        let seq = self.inner.store.append(write).await?;
        let mut state = self.state();
        if state.epochs.get(&document).copied().unwrap_or_default() != epoch {
            state.stray = Some(document);
            return Ok(seq);
        }
        state.heads.extend(heads);
        state.chunks.entry(document).or_default().push(chunk);
        Ok(seq)
    }

    /// Writes what a disk that lies promised to have written, where its time has come.
    async fn keep_promises(&self) -> Result<(), StorageError> {
        let now = Instant::now();
        let due: Vec<DocumentWrite> = {
            let mut state = self.state();
            let (due, later) = std::mem::take(&mut state.promised).into_iter().partition(|(at, _)| *at <= now);
            state.promised = later;
            let due: Vec<(Instant, DocumentWrite)> = due;
            due.into_iter().map(|(_, write)| write).collect()
        };
        for write in due {
            self.write(write).await?;
        }
        Ok(())
    }
}

/// The answer of a store in memory, which nobody has to wait for.
fn at_once<T>(answer: BoxFuture<'_, Result<T, StorageError>>) -> Checked<T> {
    answer.now_or_never().ok_or_else(|| own_fault("memory is busy"))?.map_err(own_fault)
}

impl DocumentStore for ServerDisk {
    fn keep(&self, key: &'static str, _: String) -> BoxFuture<'_, Result<String, StorageError>> {
        // The server proposes what it drew. For a day that can be repeated nothing may be drawn elsewhere.
        let fixed = match key {
            "device_id" => "5e5e5e5e5e5e5e5e",
            _ => "5e5e5e5e-0000-4000-8000-000000000000",
        };
        self.inner.store.keep(key, fixed.to_owned())
    }

    fn has_event(&self, event: EventId) -> BoxFuture<'_, Result<bool, StorageError>> {
        self.inner.store.has_event(event)
    }

    fn documents(&self, event: EventId) -> BoxFuture<'_, Result<Vec<DocRef>, StorageError>> {
        self.inner.store.documents(event)
    }

    fn epochs(&self, event: EventId) -> BoxFuture<'_, Result<Vec<(DocRef, u32)>, StorageError>> {
        self.inner.store.epochs(event)
    }

    fn event_bytes(&self, event: EventId) -> BoxFuture<'_, Result<u64, StorageError>> {
        self.inner.store.event_bytes(event)
    }

    fn load(&self, document: DocId) -> BoxFuture<'_, Result<Option<StoredDocument>, StorageError>> {
        self.inner.store.load(document)
    }

    fn append(&self, write: DocumentWrite) -> BoxFuture<'_, Result<i64, StorageError>> {
        async move {
            if self.inner.sabotage == Some(Sabotage::ServerDiskLies) {
                self.keep_promises().await?;
                let mut state = self.state();
                state.heads.extend(write.heads.iter().copied());
                state.promised.push((Instant::now() + LIE, write));
                return Ok(0);
            }
            let id = write.document.id_in(write.event, write.epoch);
            sleep(self.pause(id, 0)).await;
            self.check_room()?;
            let seq = self.write(write).await?;
            sleep(self.pause(id, 1)).await;
            Ok(seq)
        }
        .boxed()
    }

    fn compact(&self, document: DocId, snapshot: Vec<u8>, up_to_seq: i64) -> BoxFuture<'_, Result<i64, StorageError>> {
        async move {
            sleep(self.pause(document, 0)).await;
            self.check_room()?;
            self.inner.store.compact(document, snapshot, up_to_seq).await
        }
        .boxed()
    }

    fn sync_state(&self, key: SyncStateKey) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        self.inner.store.sync_state(key)
    }

    fn put_sync_states(
        &self,
        states: Vec<(SyncStateKey, Vec<u8>)>,
        now: Timestamp,
        max_per_device: u32,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        async move {
            self.check_room()?;
            let noted = states.iter().map(|(key, bytes)| (key.clone(), (bytes.clone(), now, max_per_device)));
            self.state().sync_states.extend(noted);
            self.inner.store.put_sync_states(states, now, max_per_device).await
        }
        .boxed()
    }

    fn expire_sync_states(&self, before: Timestamp) -> BoxFuture<'_, Result<usize, StorageError>> {
        self.inner.store.expire_sync_states(before)
    }

    fn quarantine(&self, entry: NewQuarantined) -> BoxFuture<'_, Result<Quarantined, StorageError>> {
        async move {
            self.check_room()?;
            self.inner.store.quarantine(entry).await
        }
        .boxed()
    }
}
