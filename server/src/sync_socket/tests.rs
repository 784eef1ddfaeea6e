//! Hostile frames over a real WebSocket: each costs its connection and nobody else anything.

use futures_util::SinkExt;
use muster_model::access::Role;
use muster_model::document::{DocKind, DocRef};
use muster_model::id::DeviceId;
use muster_protocol::{DocumentId, Frame, PeerId, Timestamp};
use tokio_tungstenite::tungstenite::Message;

use super::SocketConfig;
use crate::hub::Principal;
use crate::storage::{MemoryStore, QuarantineLimits};
use crate::testing::{Phone, Setup, TestServer, event, in_time, join, last_words, raw_socket, until, wire_id};

#[path = "../../../protocol/tests/hostile/build.rs"]
mod build;

const CHECKINS: DocRef = DocRef::shard(DocKind::Checkins, 0);

fn attacker() -> Principal {
    let device = DeviceId::from_random([66; 8]);
    Principal { device, event: event(), role: Role::Staff, token_expires_at: None }
}

/// A sync frame of the attacker about a document.
fn sync_frame(server: &TestServer, document: DocumentId, data: Vec<u8>) -> Vec<u8> {
    let sender = PeerId::new("attacker").unwrap();
    Frame::Sync { sender, target: server.hub.peer_id().clone(), document, data }.encode()
}

/// Joins, sends, and gives the codes of the error frame and of the close frame.
async fn attack(server: &TestServer, messages: Vec<Message>) -> (Vec<String>, Option<(u16, String)>) {
    let mut socket = raw_socket(server, &attacker()).await;
    socket.send(Message::Binary(join("attacker").into())).await.unwrap();
    for message in messages {
        // The server may close before it has read everything.
        drop(socket.send(message).await);
    }
    in_time("the close", last_words(&mut socket)).await
}

fn binary(frame: Vec<u8>) -> Vec<Message> {
    vec![Message::Binary(frame.into())]
}

fn hostile_sync_messages() -> Vec<(&'static str, Vec<u8>)> {
    let bloom = |bloom| build::Message { bloom, ..Default::default() }.encode();
    let change = |body: &build::ChangeBody| build::Message::of(vec![build::change_chunk(&body.encode())]).encode();
    let inflating = build::compressed_chunk(&vec![b'x'; 20_000_000]);
    vec![
        ("guard_bloom", bloom(build::bloom(1, 0, 7, &[]))),
        ("guard_bloom", bloom(build::bloom(1, 8, 50_000_000, &[0]))),
        ("guard_inflate", build::Message::of(vec![inflating]).encode()),
        ("guard_ops", change(&build::list_inserts(2_000_000))),
        ("guard_ops", change(&build::puts(20_000_000, b"k"))),
        ("guard_document", build::Message::of(vec![build::document_chunk(&[0; 8])]).encode()),
        ("guard_malformed", b"not a sync message".to_vec()),
        ("guard_malformed", Vec::new()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_sync_message_costs_its_connection_only() {
    let server = TestServer::in_memory().await;
    let witness = Phone::staff(&server, 1).await;
    witness.sync(CHECKINS).await;
    let messages = hostile_sync_messages();
    for (at, (code, data)) in messages.iter().enumerate() {
        let frame = sync_frame(&server, wire_id(event(), CHECKINS), data.clone());
        let (errors, closed) = attack(&server, binary(frame)).await;
        assert_eq!(errors, [*code], "message {at}");
        assert_eq!(closed, Some((1008, (*code).to_owned())), "message {at}");
    }
    witness.record(CHECKINS, [1]);
    witness.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    assert!(witness.look(|state| state.closed.is_none()));
    let stats = server.hub.stats();
    assert_eq!(stats.guarded, u64::try_from(messages.len()).unwrap());
    assert_eq!(stats.document_failures, 0);
    until("the attackers are gone", || server.hub.stats().peers == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_frame_costs_its_connection_only() {
    let config = SocketConfig { max_frame_bytes: 100_000, max_frame_bytes_import: 200_000, ..SocketConfig::default() };
    let store = MemoryStore::new([event()], QuarantineLimits::default());
    let server = TestServer::start(store, Setup { socket: config, ..Setup::default() }).await;
    let witness = Phone::staff(&server, 1).await;
    witness.sync(CHECKINS).await;
    let id = wire_id(event(), CHECKINS);
    let (ours, theirs) = (server.hub.peer_id().clone(), PeerId::new("attacker").unwrap());
    let somebody = PeerId::new("somebody").unwrap();
    let data = vec![0x42];
    let forged = Frame::Sync { sender: somebody.clone(), target: ours, document: id, data: data.clone() };
    let strayed = Frame::Sync { sender: theirs, target: somebody, document: id, data };
    for (code, close, messages) in [
        ("frame_text", 1003, vec![Message::Text("{}".into())]),
        ("frame_malformed", 1008, binary(vec![0xff, 0x00])),
        ("frame_malformed", 1008, binary(Vec::new())),
        ("frame_malformed", 1008, binary(vec![0x9f; 50_000])),
        ("frame_too_large", 1009, binary(sync_frame(&server, id, vec![0; 150_000]))),
        ("sender_mismatch", 1008, binary(forged.encode())),
        ("target_mismatch", 1008, binary(strayed.encode())),
    ] {
        let (errors, closed) = attack(&server, messages).await;
        assert_eq!(errors, [code]);
        assert_eq!(closed, Some((close, code.to_owned())));
    }
    // Beyond what the upgrade lets through nothing of the frame is kept.
    let (_, closed) = attack(&server, binary(vec![0; 300_000])).await;
    assert_eq!(closed.map(|(code, _)| code), Some(1008));
    witness.record(CHECKINS, [1]);
    witness.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    assert!(witness.look(|state| state.closed.is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_is_none_is_refused() {
    let server = TestServer::in_memory().await;
    let before_join = sync_frame(&server, wire_id(event(), CHECKINS), vec![0x42]);
    for (code, close, first) in [
        ("frame_text", 1003, Message::Text("join".into())),
        ("handshake_order", 1008, Message::Binary(before_join.into())),
        ("frame_too_large", 1009, Message::Binary(vec![0; 70_000].into())),
    ] {
        let mut socket = raw_socket(&server, &attacker()).await;
        socket.send(first).await.unwrap();
        let (errors, closed) = in_time("the close", last_words(&mut socket)).await;
        assert_eq!((errors, closed), (vec![code.to_owned()], Some((close, code.to_owned()))));
    }
    let mut polite = raw_socket(&server, &attacker()).await;
    let leave = Frame::Leave { sender: PeerId::new("attacker").unwrap() }.encode();
    polite.send(Message::Binary(join("attacker").into())).await.unwrap();
    polite.send(Message::Binary(leave.into())).await.unwrap();
    let (errors, closed) = in_time("the close", last_words(&mut polite)).await;
    assert_eq!((errors.len(), closed.map(|(code, _)| code)), (0, Some(1000)));
    assert_eq!(server.hub.stats().peers, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_introduces_itself() {
    let server = TestServer::in_memory().await;
    let mut socket = raw_socket(&server, &attacker()).await;
    socket.send(Message::Binary(join("phone").into())).await.unwrap();
    let Some(Ok(Message::Binary(answer))) = futures_util::StreamExt::next(&mut socket).await else {
        panic!("no answer")
    };
    let frame = Frame::decode(&answer, &muster_protocol::FrameLimits::default()).unwrap();
    let Frame::Peer { metadata, version, target, .. } = frame else { panic!("{frame:?}") };
    assert_eq!((version.as_str(), target.as_str(), metadata.is_ephemeral), ("1", "phone", false));
    let storage = metadata.storage_id.unwrap();
    assert_eq!(storage.as_str().as_bytes()[14], b'4', "a UUID of version 4");
    let muster = metadata.muster.unwrap();
    assert!(muster.has("notice") && muster.version == 1);
    assert!(muster.now.is_some_and(|now| now > Timestamp::from_ms(1_700_000_000_000)));
}
