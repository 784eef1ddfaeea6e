//! What fails costs one document a reload, or one connection.

use std::sync::Arc;

use muster_model::admission::reading::Awaited;

use super::*;
use crate::hub::admission::{Decision, Upload};
use crate::hub::{Admission, HubError};
use crate::testing::{Phone, Setup, TestServer, until, wire_id};

/// Panics at changes from one device.
struct Fragile(DeviceId);

impl Admission for Fragile {
    fn check(&self, upload: &Upload<'_>, _: &mut Awaited) -> Decision {
        assert_ne!(upload.principal.device, self.0, "deliberate");
        Decision::Admit(Vec::new())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_costs_one_document_a_reload() {
    let dir = tempfile::tempdir().unwrap();
    let admission = Arc::new(Fragile(DeviceId::from_random([3; 8])));
    let setup = Setup { admission, ..Setup::default() };
    let server = TestServer::start(database(dir.path()).await, setup).await;
    let (gate, hall) = (Phone::staff(&server, 1).await, Phone::staff(&server, 2).await);
    gate.sync(CHECKINS).await;
    hall.sync(ROOMS).await;
    gate.record(CHECKINS, [1]);
    gate.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    let culprit = Phone::staff(&server, 3).await;
    culprit.sync(CHECKINS).await;
    culprit.record(CHECKINS, [1]);
    assert_eq!(culprit.closed().await, (1008, "sync_apply".to_owned()));
    let (code, reason) = gate.closed().await;
    assert_eq!((code, reason.as_str()), (1013, "overload; retry_after_ms=2000"));
    assert_eq!(server.hub.stats().document_failures, 1);
    // The other document did not notice, and this one is back at the next use.
    hall.record(ROOMS, [1]);
    hall.until("the acknowledgement", |state| state.is_acknowledged(ROOMS)).await;
    let gate = Phone::staff(&server, 1).await;
    gate.sync(CHECKINS).await;
    assert_eq!(gate.look(|state| state.facts(CHECKINS)), 1);
    gate.record(CHECKINS, [2]);
    gate.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    assert_eq!(facts(&on_disk(dir.path(), CHECKINS).await), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_panics_is_an_error_to_its_caller() {
    let server = TestServer::in_memory().await;
    let failed = server.hub.read(event(), CHECKINS, |_| -> usize { panic!("deliberate") }).await;
    assert!(matches!(failed, Err(HubError::Failed)), "{failed:?}");
    until("the document has left memory", || server.hub.stats().open_documents == 0).await;
    assert_eq!(hub_facts(&server.hub, CHECKINS).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_document_is_unavailable_and_the_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let storage = database(dir.path()).await;
    let first = TestServer::start(storage.clone(), Setup::default()).await;
    let put = |document| {
        first.hub.edit(event(), document, |tx| automerge::transaction::Transactable::put(tx, automerge::ROOT, "x", 1))
    };
    put(CHECKINS).await.unwrap();
    put(ROOMS).await.unwrap();
    first.hub.shutdown().await;
    storage
        .write(|tx| {
            let damage = "UPDATE chunks SET bytes = zeroblob(length(bytes)) WHERE doc_id = ?1";
            tx.execute(damage, [CHECKINS.id(event()).as_bytes()])?;
            Ok(())
        })
        .await
        .unwrap();
    let server = TestServer::start(storage, Setup::default()).await;
    let phone = Phone::staff(&server, 1).await;
    phone.open(CHECKINS, None);
    let id = wire_id(event(), CHECKINS);
    phone.until("unavailable", |state| state.unavailable.contains(&id) && !state.notices.is_empty()).await;
    assert_eq!(phone.look(|state| state.notices.clone()), ["document_unavailable"]);
    phone.sync(ROOMS).await;
    let read = server.hub.read(event(), CHECKINS, facts).await;
    assert!(matches!(read, Err(HubError::Storage(crate::storage::StorageError::DamagedChunk { .. }))), "{read:?}");
    server.hub.shutdown().await;
    assert_eq!(phone.closed().await.0, 1001);
}
