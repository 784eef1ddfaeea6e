//! Who is too slow, too fast or too big.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt};
use muster_model::document::DocId;
use muster_model::id::EventId;
use muster_model::time::Timestamp;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::storage::{
    DocumentWrite, MemoryStore, NewQuarantined, QuarantineLimits, Quarantined, StorageError, StoredDocument,
    SyncStateKey,
};
use crate::sync_socket::SocketConfig;
use crate::testing::{Phone, Setup, TestServer, in_time, until};

/// A store that stores nothing until told to.
struct Gated {
    inner: MemoryStore,
    gate: Arc<Semaphore>,
}

type Answer<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

impl DocumentStore for Gated {
    fn keep(&self, key: &'static str, proposed: String) -> Answer<'_, String> {
        self.inner.keep(key, proposed)
    }
    fn has_event(&self, event: EventId) -> Answer<'_, bool> {
        self.inner.has_event(event)
    }
    fn documents(&self, event: EventId) -> Answer<'_, Vec<DocRef>> {
        self.inner.documents(event)
    }
    fn epochs(&self, event: EventId) -> Answer<'_, Vec<(DocRef, u32)>> {
        self.inner.epochs(event)
    }
    fn event_bytes(&self, event: EventId) -> Answer<'_, u64> {
        self.inner.event_bytes(event)
    }
    fn load(&self, document: DocId) -> Answer<'_, Option<StoredDocument>> {
        self.inner.load(document)
    }
    fn append(&self, write: DocumentWrite) -> Answer<'_, i64> {
        async move {
            let _open = self.gate.acquire().await.unwrap();
            self.inner.append(write).await
        }
        .boxed()
    }
    fn compact(&self, document: DocId, snapshot: Vec<u8>, up_to_seq: i64) -> Answer<'_, i64> {
        self.inner.compact(document, snapshot, up_to_seq)
    }
    fn sync_state(&self, key: SyncStateKey) -> Answer<'_, Option<Vec<u8>>> {
        self.inner.sync_state(key)
    }
    fn put_sync_states(&self, states: Vec<(SyncStateKey, Vec<u8>)>, now: Timestamp, max: u32) -> Answer<'_, ()> {
        self.inner.put_sync_states(states, now, max)
    }
    fn expire_sync_states(&self, before: Timestamp) -> Answer<'_, usize> {
        self.inner.expire_sync_states(before)
    }
    fn quarantine(&self, entry: NewQuarantined) -> Answer<'_, Quarantined> {
        self.inner.quarantine(entry)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_before_it_is_stored_and_a_flood_waits_outside() {
    let gate = Arc::new(Semaphore::new(0));
    let store = Gated { inner: MemoryStore::new([event()], QuarantineLimits::default()), gate: Arc::clone(&gate) };
    let hub = HubConfig { mailbox: 4, inbound_bytes_per_peer: 64 << 10, ..quick() };
    let server = TestServer::start(store, Setup { hub, ..Setup::default() }).await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    let other = Phone::staff(&server, 2).await;
    other.sync(ROOMS).await;
    let before = server.hub.stats().frames_in;
    for key in 0..500 {
        phone.write(CHECKINS, &format!("k{key}"), &"x".repeat(16 << 10));
    }
    until("the first ones are in", || server.hub.stats().frames_in > before).await;
    // Others are served meanwhile: the flood has had its chance.
    for key in 0..200 {
        other.send_ephemeral(ROOMS, key + 1, b"x");
    }
    until("others are served", || server.hub.stats().frames_in >= before + 200).await;
    let taken = server.hub.stats().frames_in - before - 200;
    assert!(taken <= 12, "{taken} messages of 16 KiB were taken in, with room for 4 and one commit");
    assert!(!phone.look(|state| state.is_acknowledged(CHECKINS)));
    assert_eq!(server.hub.stats().changes, 0);
    gate.add_permits(1);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    assert_eq!(hub_facts(&server.hub, CHECKINS).await, 500);
}

/// Two phones that are level, the second of which reads no more.
async fn a_writer_and_a_deaf_phone(server: &TestServer) -> (Phone, Phone) {
    let writer = Phone::staff(server, 1).await;
    writer.sync(CHECKINS).await;
    let deaf = Phone::staff(server, 2).await;
    deaf.sync(CHECKINS).await;
    deaf.stop_reading();
    (writer, deaf)
}

/// Writes what is too much for what lies between server and phone, piece by piece, each stored before the next.
async fn write_at_length(writer: &Phone, pieces: u32) {
    for key in 1..=pieces {
        writer.write(CHECKINS, &format!("k{key}"), &"x".repeat(100_000));
        writer.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_does_not_read_holds_nobody_up_and_gets_the_rest_at_once() {
    let store = MemoryStore::new([event()], QuarantineLimits::default());
    let server = TestServer::start(store, Setup { hub: quick(), ..Setup::default() }).await;
    let (writer, deaf) = a_writer_and_a_deaf_phone(&server).await;
    let before = server.hub.stats().frames_out;
    write_at_length(&writer, 120).await;
    // Each piece is acknowledged to the writer; the deaf one was told of the first few.
    let told = server.hub.stats().frames_out - before - 120;
    assert!(told < 100, "{told} frames for somebody who reads none");
    deaf.read_again();
    deaf.until("everything", |state| state.facts(CHECKINS) == 120).await;
    let stats = server.hub.stats();
    assert_eq!((stats.queue_overflows, stats.peers), (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_too_much_to_be_written_the_rest_is_told_later() {
    let store = MemoryStore::new([event()], QuarantineLimits::default());
    let hub = HubConfig { outbound_bytes: 1, ..quick() };
    let server = TestServer::start(store, Setup { hub, ..Setup::default() }).await;
    let (writer, deaf) = a_writer_and_a_deaf_phone(&server).await;
    let before = server.hub.stats().frames_out;
    for key in 1..=120 {
        writer.write(CHECKINS, &format!("k{key}"), &"x".repeat(100_000));
    }
    // What the deaf phone does not read keeps the only place there is; what is written is stored all the same.
    until("all is stored", || server.hub.stats().changes >= 120).await;
    deaf.read_again();
    for phone in [&writer, &deaf] {
        phone.until("everything", |state| state.facts(CHECKINS) == 120 && state.is_acknowledged(CHECKINS)).await;
    }
    let told = server.hub.stats().frames_out - before;
    assert!(told < 120, "{told} frames, most of what is new at once");
    assert_eq!(server.hub.stats().peers, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_never_reads_again_is_disconnected() {
    let store = MemoryStore::new([event()], QuarantineLimits::default());
    let socket = SocketConfig { write_timeout_ms: 300, min_bytes_per_s: 1 << 30, ..SocketConfig::default() };
    let server = TestServer::start(store, Setup { hub: quick(), socket, ..Setup::default() }).await;
    let (writer, _deaf) = a_writer_and_a_deaf_phone(&server).await;
    write_at_length(&writer, 120).await;
    until("the deaf one is gone", || server.hub.stats().peers == 1).await;
    writer.record(CHECKINS, [1]);
    writer.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_full_refuses_more() {
    let dir = tempfile::tempdir().unwrap();
    let hub = HubConfig { max_document_bytes: 10_000, ..quick() };
    let server = TestServer::start(database(dir.path()).await, Setup { hub, ..Setup::default() }).await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    phone.write(CHECKINS, "small", "x");
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    phone.write(CHECKINS, "big", &"x".repeat(20_000));
    phone.until("the notice", |state| !state.notices.is_empty()).await;
    assert_eq!(facts(&on_disk(dir.path(), CHECKINS).await), 1);
}

/// Documents that have room of their own take nothing more when the event has none left, after a restart too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_full_refuses_more_in_every_document() {
    let dir = tempfile::tempdir().unwrap();
    for (number, document) in [(1, CHECKINS), (2, DocRef::whole(DocKind::Arrivals))] {
        let hub = HubConfig { max_event_bytes: 20_000, ..quick() };
        let server = TestServer::start(database(dir.path()).await, Setup { hub, ..Setup::default() }).await;
        let phone = Phone::staff(&server, number).await;
        phone.sync(document).await;
        phone.write(document, "fits", &"x".repeat(7_000));
        phone.until("the acknowledgement", |state| state.is_acknowledged(document)).await;
        phone.write(document, "does not", &"y".repeat(14_000));
        phone.until("the notice", |state| !state.notices.is_empty()).await;
        assert_eq!(facts(&on_disk(dir.path(), document).await), 1, "{document}");
        server.hub.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_nobody_can_apply_end_the_connection_before_they_pile_up() {
    let server = TestServer::in_memory().await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    phone.orphans(CHECKINS, 3_000).into_iter().for_each(|frame| phone.send(Some(frame)));
    assert_eq!(phone.closed().await, (1008, "guard_orphans".to_owned()));
    let witness = Phone::staff(&server, 2).await;
    witness.sync(CHECKINS).await;
    witness.record(CHECKINS, [1]);
    witness.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_or_is_gone_is_disconnected() {
    let socket = SocketConfig {
        handshake_timeout_ms: 100,
        ping_ms: 50,
        silence_ms: 200,
        close_timeout_ms: 100,
        ..Default::default()
    };
    let store = MemoryStore::new([event()], QuarantineLimits::default());
    let server = TestServer::start(store, Setup { hub: quick(), socket, ..Setup::default() }).await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    let mut silent = crate::testing::raw_socket(&server, &phone.principal).await;
    let said = in_time("the close", crate::testing::last_words(&mut silent)).await;
    assert_eq!(said.1, Some((1008, "handshake_timeout".to_owned())));
    // A phone that answers pings stays; one that does not is gone.
    for _ in 0..3 {
        let mut dead = crate::testing::raw_socket(&server, &phone.principal).await;
        dead.send(Message::Binary(crate::testing::join("dead").into())).await.unwrap();
        until("it has joined", || server.hub.stats().peers == 2).await;
        until("it is gone", || server.hub.stats().peers == 1).await;
    }
    phone.record(CHECKINS, [1]);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
}
