//! Who gets which document, and what becomes of changes that are not let in.

use muster_model::access::Role;
use muster_model::id::{EventId, PresenterId, RecordId};

use super::*;
use crate::storage::{MemoryStore, QuarantineLimits};
use crate::testing::{Phone, PhoneOptions, Setup, TestServer, wire_id};

async fn is_unavailable(phone: &Phone, document: DocRef) {
    let id = wire_id(phone.principal.event, document);
    phone.open(document, None);
    phone.until("unavailable", |state| state.unavailable.contains(&id)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_gets_only_what_its_role_may_read() {
    let server = TestServer::in_memory().await;
    let staff = Phone::staff(&server, 1).await;
    for kind in [DocKind::Plan, DocKind::Budget, DocKind::Survey] {
        is_unavailable(&staff, DocRef::whole(kind)).await;
    }
    is_unavailable(&staff, DocRef::shard(DocKind::Contacts, 0)).await;
    staff.sync(DocRef::shard(DocKind::Roster, 0)).await;
    let (own, other) = (PresenterId::from_random([1; 10]), PresenterId::from_random([2; 10]));
    let presenter = Phone::connect(&server, PhoneOptions::new(2, Role::Presenter(own))).await;
    is_unavailable(&presenter, DocRef::presenter(other)).await;
    is_unavailable(&presenter, CHECKINS).await;
    is_unavailable(&presenter, DocRef::shard(DocKind::Answers, 0)).await;
    presenter.sync(DocRef::presenter(own)).await;
    presenter.sync(PROGRAM).await;
    assert!(!presenter.look(|state| state.closed.is_some()), "none of it ends the connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_another_event_are_not_there() {
    let other = EventId::from_random([8; 16]);
    let store = MemoryStore::new([event(), other], QuarantineLimits::default());
    let server = TestServer::start(store, Setup::default()).await;
    let theirs = Phone::connect(&server, PhoneOptions { event: other, ..PhoneOptions::new(1, Role::Staff) }).await;
    theirs.open(CHECKINS, None);
    let ours = Phone::staff(&server, 2).await;
    let frame = theirs.request(wire_id(event(), CHECKINS));
    theirs.send(Some(frame));
    theirs.until("unavailable", |state| state.unavailable.contains(&wire_id(event(), CHECKINS))).await;
    ours.sync(CHECKINS).await;
    let nowhere = EventId::from_random([9; 16]);
    let lost = Phone::connect(&server, PhoneOptions { event: nowhere, ..PhoneOptions::new(3, Role::Staff) }).await;
    assert_eq!(lost.closed().await.0, 1008);
    let read = server.hub.read(nowhere, CHECKINS, facts).await;
    assert!(matches!(read, Err(crate::hub::HubError::UnknownEvent)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_are_not_let_in_are_kept_aside_and_the_phone_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let storage = database(dir.path()).await;
    let server = TestServer::start(storage.clone(), Setup::default()).await;
    let (phone, coordinator) = (Phone::staff(&server, 1).await, Phone::coordinator(&server, 2).await);
    phone.sync(PROGRAM).await;
    coordinator.sync(PROGRAM).await;
    phone.write(PROGRAM, "hall", "forged");
    phone.until("the notice", |state| !state.notices.is_empty()).await;
    assert_eq!(phone.look(|state| state.notices.clone()), ["read_only"]);
    let hash = phone.look(|state| state.doc(PROGRAM).get_heads());
    assert_eq!(hub_changes(&server.hub, PROGRAM).await, 1);
    let kept = storage
        .read(|conn| {
            let select = "SELECT code, device_id, bytes FROM quarantine";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            Ok(conn.query_row::<(String, String, Vec<u8>), _, _>(select, [], row)?)
        })
        .await
        .unwrap();
    assert_eq!((kept.0.as_str(), kept.1), ("read_only", phone.principal.device.to_string()));
    let change = automerge::Change::from_bytes(kept.2).unwrap();
    assert_eq!([change.hash()].as_slice(), hash.as_slice(), "nothing of it is lost");
    // The exchange ends, and what others write still arrives.
    coordinator.write(PROGRAM, "lab", "real");
    phone.until("the real room", |state| state.doc(PROGRAM).stats().num_changes == 3).await;
    assert!(!phone.look(|state| state.is_acknowledged(PROGRAM)));
    assert_eq!(server.hub.stats().refused, 1);
    assert_eq!(coordinator.look(|state| state.doc(PROGRAM).stats().num_changes), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_and_one_whose_token_ends_are_disconnected() {
    let server = TestServer::in_memory().await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    server.hub.revoke(phone.principal.device);
    assert_eq!(phone.closed().await, (1008, "device_revoked".to_owned()));
    let again = Phone::staff(&server, 1).await;
    assert_eq!(again.closed().await, (1008, "device_revoked".to_owned()));
    let soon = crate::clock::now().plus_ms(300);
    let brief =
        Phone::connect(&server, PhoneOptions { expires_at: Some(soon), ..PhoneOptions::new(2, Role::Staff) }).await;
    assert_eq!(brief.closed().await, (1008, "token_expired".to_owned()));
    assert!(crate::clock::now() >= soon);
}
