//! What is acknowledged is on disk.

use std::time::Duration;

use super::*;
use crate::storage::StorageError;
use crate::testing::{Phone, PhoneOptions, Setup, TestServer, until};
use muster_model::access::Role;

fn setup(hub: HubConfig) -> Setup {
    Setup { hub, ..Setup::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let server = TestServer::start(database(dir.path()).await, Setup::default()).await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    for key in 1..=20 {
        phone.record(CHECKINS, [key]);
        phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
        let found = on_disk(dir.path(), CHECKINS).await;
        assert_eq!(found.get_heads(), phone.look(|state| state.doc(CHECKINS).get_heads()), "fact {key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_died_goes_on_from_what_it_acknowledged() {
    let (dir, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = TestServer::start(database(dir.path()).await, Setup::default()).await;
    let options = || PhoneOptions { storage: Some("gate-disk".to_owned()), ..PhoneOptions::new(1, Role::Staff) };
    let phone = Phone::connect(&server, options()).await;
    phone.sync(CHECKINS).await;
    phone.record(CHECKINS, 1..=30);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    crash_image(dir.path(), image.path());
    phone.record(CHECKINS, 31..=40);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    let copy = phone.hang_up().pop_first().map(|(_, doc)| doc);
    let storage_id = server.hub.storage_id().clone();
    // The new server has lost the last ten; the phone brings them again.
    let server = TestServer::start(database(image.path()).await, Setup::default()).await;
    assert_eq!(server.hub.storage_id(), &storage_id);
    assert_eq!(hub_facts(&server.hub, CHECKINS).await, 30);
    let phone = Phone::connect(&server, options()).await;
    phone.open(CHECKINS, copy);
    phone.until("all of it", |state| state.is_acknowledged(CHECKINS)).await;
    assert_eq!(hub_facts(&server.hub, CHECKINS).await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_stores_everything_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let server = TestServer::start(database(dir.path()).await, Setup::default()).await;
    let options = PhoneOptions { storage: Some("gate-disk".to_owned()), ..PhoneOptions::new(1, Role::Staff) };
    let phone = Phone::connect(&server, options).await;
    phone.sync(CHECKINS).await;
    phone.record(CHECKINS, 1..=5);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    let silent = crate::testing::raw_socket(&server, &phone.principal).await;
    server.hub.shutdown().await;
    assert_eq!(phone.closed().await, (1001, "shutting_down".to_owned()));
    drop(silent);
    let stats = server.hub.stats();
    assert_eq!((stats.peers, stats.open_documents, stats.attachments, stats.document_failures), (0, 0, 0, 0));
    let read = server.hub.read(event(), CHECKINS, facts).await;
    assert!(matches!(read, Err(crate::hub::HubError::Stopped)));
    assert_eq!(facts(&on_disk(dir.path(), CHECKINS).await), 5);
    let storage = Storage::open(&dir.path().join("muster.db")).unwrap();
    let states = "SELECT count(*) FROM sync_states";
    let states = storage.read(move |conn| Ok(conn.query_row(states, [], |row| row.get::<_, i64>(0))?));
    assert_eq!(states.await.unwrap(), 1);
    server.hub.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_nobody_uses_leaves_memory_as_a_snapshot_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let storage = database(dir.path()).await;
    let hub = HubConfig { idle_unload_s: 0, compact_idle_bytes: 100, ..quick() };
    let server = TestServer::start(storage.clone(), setup(hub)).await;
    let options = || PhoneOptions { storage: Some("gate-disk".to_owned()), ..PhoneOptions::new(1, Role::Staff) };
    let phone = Phone::connect(&server, options()).await;
    phone.sync(CHECKINS).await;
    phone.record(CHECKINS, 1..=200);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    let copy = phone.hang_up().pop_first().map(|(_, doc)| doc);
    until("everything has left memory", || server.hub.stats().open_documents == 0).await;
    let kinds = storage
        .read(|conn| {
            let mut select = conn.prepare("SELECT kind, length(bytes) FROM chunks")?;
            let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
        .unwrap();
    assert_eq!((kinds.len(), kinds[0].0.as_str()), (1, "snapshot"));
    assert!(kinds[0].1 < 200 * 40, "{} bytes for 200 facts", kinds[0].1);
    let before = server.hub.stats().bytes_out;
    let phone = Phone::connect(&server, options()).await;
    phone.open(CHECKINS, copy);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    phone.record(CHECKINS, [201]);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    assert_eq!(hub_facts(&server.hub, CHECKINS).await, 201);
    assert!(server.hub.stats().bytes_out - before < 2_000, "nothing was sent again");
    assert_eq!(facts(&on_disk(dir.path(), CHECKINS).await), 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_in_use_is_compacted_without_anybody_noticing() {
    let dir = tempfile::tempdir().unwrap();
    let storage = database(dir.path()).await;
    let server = TestServer::start(storage.clone(), setup(HubConfig { compact_bytes: 4_096, ..quick() })).await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    for from in (0..500).step_by(50) {
        phone.record(CHECKINS, from..from + 50);
        phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    }
    let snapshots = "SELECT count(*) FROM chunks WHERE kind = 'snapshot'";
    let snapshots = storage.read(move |conn| Ok(conn.query_row(snapshots, [], |row| row.get::<_, i64>(0))?));
    assert_eq!(snapshots.await.unwrap(), 1);
    assert_eq!(facts(&on_disk(dir.path(), CHECKINS).await), 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_acknowledged_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let storage = database(dir.path()).await;
    let server = TestServer::start(storage.clone(), Setup::default()).await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    phone.record(CHECKINS, [1]);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    let limit = |pages: &'static str| {
        storage.write(move |tx| Ok(tx.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?))
    };
    limit("1").await.unwrap();
    phone.write(CHECKINS, "big", &"x".repeat(100_000));
    let (code, reason) = phone.closed().await;
    assert_eq!((code, reason.starts_with("overload; retry_after_ms=")), (1013, true), "{reason}");
    assert!(!phone.look(|state| state.is_acknowledged(CHECKINS)));
    let big = "x".repeat(100_000);
    let edit = server
        .hub
        .edit(event(), ROOMS, move |tx| automerge::transaction::Transactable::put(tx, automerge::ROOT, "big", big));
    let full = edit.await;
    assert!(
        matches!(full, Err(crate::hub::EditError::Hub(crate::hub::HubError::Storage(StorageError::Full)))),
        "{full:?}"
    );
    assert_eq!(facts(&on_disk(dir.path(), CHECKINS).await), 1);
    assert!(server.hub.stats().document_failures >= 2);
    limit("1000000").await.unwrap();
    let copy = phone.hang_up().pop_first().map(|(_, doc)| doc);
    let phone = Phone::staff(&server, 1).await;
    phone.open(CHECKINS, copy);
    phone.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    assert_eq!(facts(&on_disk(dir.path(), CHECKINS).await), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shaking_hands_over_a_document_is_not_held_up_by_the_tick() {
    let dir = tempfile::tempdir().unwrap();
    let hub = HubConfig { tick_ms: 60_000, tick_max_ms: 60_000, ..quick() };
    let server = TestServer::start(database(dir.path()).await, setup(hub)).await;
    let phone = Phone::staff(&server, 1).await;
    // Shaking hands over a document is never held up, or this would take a minute.
    let begun = std::time::Instant::now();
    phone.sync(CHECKINS).await;
    assert!(begun.elapsed() < Duration::from_secs(30));
}
