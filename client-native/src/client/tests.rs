use std::path::Path;

use muster_client_core::event::{Credentials, Enrolment, ServerId, Token};
use muster_model::id::{DeviceId, EventId};
use tokio::sync::broadcast::error::RecvError;

use super::*;
use crate::carrier::{BoxFuture, CarrierError, Target};

/// There is no network here.
#[derive(Debug)]
struct Nowhere;

impl Carrier for Nowhere {
    fn connect<'a>(&'a self, _: &'a Target) -> BoxFuture<'a, Result<Link, CarrierError>> {
        Box::pin(async { Err(CarrierError::Unreachable) })
    }
}

async fn client(database: &Path) -> Client {
    Client::open(ClientConfig::new(database.to_owned(), Arc::new(Nowhere))).await.unwrap()
}

async fn enrolled(database: &Path) -> Client {
    let client = client(database).await;
    let enrolment = Enrolment {
        server_url: "wss://muster.example.org/sync".into(),
        api_url: "https://muster.example.org".into(),
        server_id: ServerId("server".into()),
        event: EventId::from_random([1; 16]),
        device: DeviceId::from_random([2; 8]),
        role: Role::Staff,
        credentials: Credentials::fixed(Token::new("secret")),
        device_name: "Gate A".into(),
    };
    client.tell(Event::Enrolled(Box::new(enrolment))).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_client_says_so_and_its_database_can_be_opened_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("event.db");
    let first = enrolled(&database).await;
    let (clone, mut changes) = (first.clone(), first.changes());
    let label = first.set_label("Gate A");
    let (_, labelled) = tokio::join!(first.close(), label);
    assert!(matches!(labelled, Ok(()) | Err(ClientError::Closed)));
    let again = client(&database).await;
    assert!(again.read(|core, now| core.me(now)).await.unwrap().is_some());

    assert!(matches!(clone.read(|core, now| core.status(now)).await, Err(ClientError::Closed)));
    assert!(matches!(first.set_label("Gate B").await, Err(ClientError::Closed)));
    first.close().await;
    while let Ok(_topics) = changes.recv().await {}
    assert_eq!(changes.recv().await, Err(RecvError::Closed), "listeners hear the end although handles are left");
    assert_eq!(clone.changes().recv().await, Err(RecvError::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_before_the_end_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("event.db");
    let first = enrolled(&database).await;
    let asking: Vec<_> = (0..20)
        .map(|nth| {
            let client = first.clone();
            async move { client.set_label(&format!("Gate {nth}")).await }
        })
        .collect();
    let asked = futures_util::future::join_all(asking);
    // Both are polled in their order: all questions are handed over before the end is.
    let (answers, ()) = tokio::join!(biased; asked, first.close());
    assert!(answers.iter().all(Result::is_ok));
    let again = client(&database).await;
    assert_eq!(again.read(|core, now| core.status(now)).await.unwrap().label, "Gate 19");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_hears_that_its_link_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let client = enrolled(&folder.path().join("event.db")).await;
    let (link, mut end) = Link::new();
    client.attach(link, Role::Staff, Side::Initiator).await.unwrap();
    assert!(end.to_send.recv().await.is_some(), "join");
    end.deliver.send(Ok(b"not a frame".to_vec())).await.unwrap();
    // Perhaps a last word why; then the end, while the host still holds its half.
    while end.to_send.recv().await.is_some() {}

    let (link, mut end) = Link::new();
    client.attach(link, Role::Staff, Side::Acceptor).await.unwrap();
    client.close().await;
    while end.to_send.recv().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_cannot_be_taken_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder.path().join("event.db")).await;
    let (link, mut end) = Link::new();
    let error = client.attach(link, Role::Staff, Side::Initiator).await.unwrap_err();
    assert_eq!(error.code(), "not_enrolled");
    assert_eq!(end.to_send.recv().await, None);
}
