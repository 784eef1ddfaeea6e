//! What every [`DocumentStore`] does.

use automerge::ChangeHash;
use muster_model::document::{DocId, DocKind, DocRef};
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;

use crate::storage::sqlite_documents::replace;
use crate::storage::{
    DocumentStore, DocumentWrite, MemoryStore, NewQuarantined, QuarantineLimits, Quarantined, Storage, StorageConfig,
    StorageError, SyncStateKey,
};
use crate::testing::{event, sql_event};

const LIMITS: QuarantineLimits =
    QuarantineLimits { per_device: 3, bytes_per_device: 100, per_event: 5, bytes_per_event: 150 };

macro_rules! contract {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::MemoryStore::new([super::event()], super::LIMITS)).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let config = super::StorageConfig { quarantine: super::LIMITS, ..super::StorageConfig::default() };
                let storage = super::Storage::open_with(&dir.path().join("muster.db"), config).unwrap();
                super::sql_event(&storage).await;
                super::$name(&storage).await;
            })*
        }
    };
}

contract! {
    what_is_kept_first_stays
    a_document_is_its_chunks_in_order
    a_snapshot_takes_the_place_of_what_it_holds
    an_unknown_event_has_no_documents
    sync_states_are_kept_per_device_and_bounded
    quarantine_keeps_each_thing_once_and_not_without_end
    a_new_epoch_takes_the_place_of_all_that_was_kept_of_the_one_before
}

/// How a store puts a document's new epoch in the place of the one before.
trait BeginsAnew: DocumentStore {
    async fn begin_anew(&self, write: DocumentWrite);
}

impl BeginsAnew for MemoryStore {
    async fn begin_anew(&self, write: DocumentWrite) {
        self.replace([write]);
    }
}

impl BeginsAnew for Storage {
    async fn begin_anew(&self, write: DocumentWrite) {
        self.write(move |tx| replace(tx, &write)).await.unwrap();
    }
}

const ROOMS: DocRef = DocRef::whole(DocKind::Rooms);

fn write(event: EventId, bytes: &[u8]) -> DocumentWrite {
    DocumentWrite { event, document: ROOMS, epoch: 0, bytes: bytes.to_vec(), heads: vec![ChangeHash([1; 32])] }
}

async fn what_is_kept_first_stays(store: &impl DocumentStore) {
    assert_eq!(store.keep("a", "one".to_owned()).await.unwrap(), "one");
    assert_eq!(store.keep("a", "two".to_owned()).await.unwrap(), "one");
    assert_eq!(store.keep("b", "two".to_owned()).await.unwrap(), "two");
}

async fn a_document_is_its_chunks_in_order(store: &impl DocumentStore) {
    let id = ROOMS.id(event());
    assert_eq!(store.load(id).await.unwrap(), None);
    assert!(store.documents(event()).await.unwrap().is_empty());
    let first = store.append(write(event(), b"one ")).await.unwrap();
    let second = store.append(write(event(), b"two ")).await.unwrap();
    assert!(second > first);
    let stored = store.load(id).await.unwrap().unwrap();
    assert_eq!((stored.bytes.as_slice(), stored.snapshot_bytes, stored.last_seq), (&b"one two "[..], 0, second));
    assert_eq!(store.documents(event()).await.unwrap(), [ROOMS]);
}

async fn a_snapshot_takes_the_place_of_what_it_holds(store: &impl DocumentStore) {
    let id = ROOMS.id(event());
    let seq = store.append(write(event(), b"one two ")).await.unwrap();
    store.append(write(event(), b"three ")).await.unwrap();
    let snapshot_seq = store.compact(id, b"ONE TWO ".to_vec(), seq).await.unwrap();
    let stored = store.load(id).await.unwrap().unwrap();
    assert_eq!((stored.bytes.as_slice(), stored.snapshot_bytes), (&b"ONE TWO three "[..], 8));
    assert_eq!(stored.last_seq, snapshot_seq);
    store.compact(id, b"ONE TWO THREE ".to_vec(), stored.last_seq).await.unwrap();
    store.append(write(event(), b"four ")).await.unwrap();
    let stored = store.load(id).await.unwrap().unwrap();
    assert_eq!((stored.bytes.as_slice(), stored.snapshot_bytes), (&b"ONE TWO THREE four "[..], 14));
}

async fn an_unknown_event_has_no_documents(store: &impl DocumentStore) {
    let unknown = EventId::from_random([9; 16]);
    assert!(store.has_event(event()).await.unwrap());
    assert!(!store.has_event(unknown).await.unwrap());
    let refused = store.append(write(unknown, b"one")).await;
    assert!(matches!(refused, Err(StorageError::UnknownEvent)), "{refused:?}");
    assert_eq!(store.load(ROOMS.id(unknown)).await.unwrap(), None);
    assert!(store.documents(unknown).await.unwrap().is_empty());
}

fn state(device: u8, storage: &str, document: u8) -> SyncStateKey {
    SyncStateKey {
        device: DeviceId::from_random([device; 8]),
        storage_id: storage.to_owned(),
        document: DocId::from_bytes([document; 16]),
    }
}

async fn sync_states_are_kept_per_device_and_bounded(store: &impl DocumentStore) {
    let at = Timestamp::from_ms;
    for (key, now) in [(state(1, "a", 1), 1), (state(1, "a", 2), 2), (state(2, "a", 1), 3)] {
        let bytes = vec![u8::try_from(now).unwrap()];
        store.put_sync_states(vec![(key, bytes)], at(now), 2).await.unwrap();
    }
    assert_eq!(store.sync_state(state(1, "a", 1)).await.unwrap(), Some(vec![1]));
    assert_eq!(store.sync_state(state(2, "a", 1)).await.unwrap(), Some(vec![3]), "a device of its own");
    assert_eq!(store.sync_state(state(1, "b", 1)).await.unwrap(), None);
    store.put_sync_states(vec![(state(1, "a", 1), vec![4])], at(4), 2).await.unwrap();
    store.put_sync_states(vec![(state(1, "b", 1), vec![5])], at(5), 2).await.unwrap();
    assert_eq!(store.sync_state(state(1, "a", 1)).await.unwrap(), Some(vec![4]));
    assert_eq!(store.sync_state(state(1, "a", 2)).await.unwrap(), None, "the oldest made room");
    assert_eq!(store.expire_sync_states(at(4)).await.unwrap(), 1);
    assert_eq!(store.sync_state(state(2, "a", 1)).await.unwrap(), None);
    assert_eq!(store.sync_state(state(1, "a", 1)).await.unwrap(), Some(vec![4]));
}

async fn quarantine_keeps_each_thing_once_and_not_without_end(store: &impl DocumentStore) {
    let entry = |device: u8, bytes: &[u8]| NewQuarantined {
        author: None,
        event: event(),
        document: DocId::from_bytes([1; 16]),
        device: DeviceId::from_random([device; 8]),
        code: "read_only".to_owned(),
        reason: "not allowed".to_owned(),
        bytes: bytes.to_vec(),
        received_at: Timestamp::from_ms(1),
    };
    let mut outcomes = Vec::new();
    for (device, bytes) in [
        (1, &b"a"[..]),
        (1, b"a"),
        (1, &[0; 100]),
        (1, &[0; 99]),
        (2, b"a"),
        (2, &[0; 60]),
        (2, b"b"),
        (2, b"c"),
        (2, b"d"),
        (3, b"a"),
    ] {
        outcomes.push(store.quarantine(entry(device, bytes)).await.unwrap());
    }
    use Quarantined::{Full, Kept, KnownAlready};
    let expected = [Kept, KnownAlready, Full, Kept, Kept, Full, Kept, Kept, Full, Full];
    assert_eq!(outcomes, expected);
    let unknown = NewQuarantined { event: EventId::from_random([9; 16]), ..entry(9, b"x") };
    assert!(matches!(store.quarantine(unknown).await, Err(StorageError::UnknownEvent)));
}

async fn a_new_epoch_takes_the_place_of_all_that_was_kept_of_the_one_before(store: &impl BeginsAnew) {
    let other = DocRef::whole(DocKind::Program);
    store.append(write(event(), b"one ")).await.unwrap();
    store.append(DocumentWrite { document: other, ..write(event(), b"talks ") }).await.unwrap();
    let key = |document: DocId| SyncStateKey {
        device: DeviceId::from_random([1; 8]),
        storage_id: "disk".to_owned(),
        document,
    };
    let states = [ROOMS.id(event()), other.id(event())].map(|id| (key(id), b"so far".to_vec()));
    store.put_sync_states(states.to_vec(), Timestamp::from_ms(1), 10).await.unwrap();
    assert!(store.epochs(event()).await.unwrap().is_empty());

    store.begin_anew(DocumentWrite { epoch: 2, ..write(event(), b"ONE ") }).await;
    assert_eq!(store.epochs(event()).await.unwrap(), [(ROOMS, 2)]);
    assert_eq!(store.documents(event()).await.unwrap(), [other, ROOMS]);
    assert_eq!(store.load(ROOMS.id(event())).await.unwrap(), None);
    assert_eq!(store.sync_state(key(ROOMS.id(event()))).await.unwrap(), None);
    assert_eq!(store.sync_state(key(other.id(event()))).await.unwrap(), Some(b"so far".to_vec()));
    store.append(DocumentWrite { epoch: 2, ..write(event(), b"two ") }).await.unwrap();
    let stored = store.load(ROOMS.id_in(event(), 2)).await.unwrap().unwrap();
    assert_eq!((stored.bytes.as_slice(), stored.snapshot_bytes), (&b"ONE two "[..], 4));
}
