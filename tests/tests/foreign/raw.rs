//! Frames of our own making: what no stock client can be made to send.

use automerge::Automerge;
use automerge::sync::{Message as SyncMessage, State, SyncDoc};
use futures_util::{SinkExt, StreamExt};
use muster_model::access::Role;
use muster_model::document;
use muster_model::fact;
use muster_model::time::Timestamp;
use muster_protocol::{DocumentId, Frame, FrameLimits, PeerId, PeerMetadata};
use muster_server::auth::keys::ServerKey;
use muster_server::auth::ring::KeyRing;
use muster_server::auth::token::{Bearer, Tokens};
use serde_json::Value as Json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::client::in_time;
use crate::scene::{Device, Scene, admitted, attendee, entrance, entry, ticket, until};

/// A WebSocket to the server and nothing above it.
struct Raw {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    us: PeerId,
    server: PeerId,
}

/// What the server says.
#[derive(Debug, PartialEq)]
enum Said {
    Frame(Frame),
    /// The close code and its reason.
    Close(u16, String),
}

impl Raw {
    async fn open(scene: &Scene, device: &Device) -> Self {
        let (socket, _) = connect_async(scene.dial(device, scene.address()).url).await.unwrap();
        let us = PeerId::new(&device.peer).unwrap();
        Self { socket, server: us.clone(), us }
    }

    /// A connection whose `join` is answered.
    async fn join(scene: &Scene, device: &Device) -> Self {
        let mut raw = Self::open(scene, device).await;
        raw.send(&raw.join_frame("1")).await;
        match raw.next().await {
            Said::Frame(Frame::Peer { sender, .. }) => raw.server = sender,
            said => panic!("not the answer to a join: {said:?}"),
        }
        raw
    }

    fn join_frame(&self, version: &str) -> Frame {
        let versions = vec![version.to_owned()];
        Frame::Join { sender: self.us.clone(), metadata: PeerMetadata::default(), versions }
    }

    async fn send(&mut self, frame: &Frame) {
        self.socket.send(Message::Binary(frame.encode().into())).await.unwrap();
    }

    /// Bytes under the WebSocket.
    async fn send_bytes(&mut self, bytes: &[u8]) {
        let MaybeTlsStream::Plain(tcp) = self.socket.get_mut() else { panic!("no TLS here") };
        tcp.write_all(bytes).await.unwrap();
        tcp.flush().await.unwrap();
    }

    async fn next(&mut self) -> Said {
        let said = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Binary(bytes))) => {
                        return Said::Frame(Frame::decode(&bytes, &FrameLimits::default()).unwrap());
                    }
                    Some(Ok(Message::Close(Some(close)))) => {
                        return Said::Close(close.code.into(), close.reason.to_string());
                    }
                    Some(Ok(_)) => {}
                    ended => panic!("the connection ended without a word: {ended:?}"),
                }
            }
        };
        in_time("the server says something", said).await
    }

    fn sync_frame(&self, document: DocumentId, message: SyncMessage) -> Frame {
        let (sender, target) = (self.us.clone(), self.server.clone());
        Frame::Sync { sender, target, document, data: message.encode() }
    }

    /// Asks for a document and gets it.
    async fn fetch(&mut self, document: DocumentId) -> (Automerge, State) {
        let (mut doc, mut state) = (Automerge::new(), State::new());
        let asking = doc.generate_sync_message(&mut state).unwrap();
        self.send(&self.sync_frame(document, asking)).await;
        match self.next().await {
            Said::Frame(Frame::Sync { data, .. }) => {
                doc.receive_sync_message(&mut state, SyncMessage::decode(&data).unwrap()).unwrap();
            }
            said => panic!("not the document: {said:?}"),
        }
        (doc, state)
    }

    /// The code of an `error` frame, then the close.
    async fn refusal(&mut self) -> (String, Said) {
        let code = match self.next().await {
            Said::Frame(Frame::Error { message, .. }) => message.split(':').next().unwrap().to_owned(),
            said => panic!("not an error: {said:?}"),
        };
        (code, self.next().await)
    }
}

/// A masked WebSocket frame: the first byte, then the length that it claims, then so much of it as is there.
fn ws_frame(first: u8, claimed: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | 127];
    bytes.extend_from_slice(&u64::try_from(claimed).unwrap().to_be_bytes());
    // A mask of zeros leaves the payload as it is.
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_protocol_is_refused_in_words_and_then_closed() {
    let scene = Scene::set().await;
    let device = scene.device("staff").await;
    let mut raw = Raw::open(&scene, &device).await;
    raw.send(&raw.join_frame("2")).await;
    let closed = Said::Close(1008, "protocol_version".to_owned());
    assert_eq!(raw.refusal().await, ("protocol_version".to_owned(), closed));
    // One that knows the old one, too, is served.
    let mut raw = Raw::open(&scene, &device).await;
    let versions = vec!["2".to_owned(), "1".to_owned()];
    raw.send(&Frame::Join { sender: raw.us.clone(), metadata: PeerMetadata::default(), versions }).await;
    let Said::Frame(Frame::Peer { version, .. }) = raw.next().await else { panic!("no answer") };
    assert_eq!(version, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_types_that_do_not_exist_yet_are_passed_over() {
    let scene = Scene::set().await;
    let device = scene.device("staff").await;
    let mut raw = Raw::join(&scene, &device).await;
    for kind in ["presence", "sync-v3", "", "join2"] {
        raw.send(&Frame::Unknown { kind: kind.to_owned() }).await;
    }
    // The next thing that comes is the answer to the next thing that means something.
    let (doc, _) = raw.fetch(scene.program()).await;
    assert!(document::collection(&doc, "sessions").is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_frame_ends_the_connection_and_says_why() {
    let scene = Scene::set().await;
    let device = scene.device("staff").await;
    let mut raw = Raw::join(&scene, &device).await;
    raw.socket.send(Message::Text(r#"{"type":"join"}"#.into())).await.unwrap();
    assert_eq!(raw.refusal().await, ("frame_text".to_owned(), Said::Close(1003, "frame_text".to_owned())));
}

/// How many connections the server counts.
pub(crate) async fn connections(scene: &Scene) -> u64 {
    let metrics = reqwest::get(format!("http://{}/metrics", scene.stage.server.admin_address()))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix("muster_hub_peers "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn vanishing_in_the_middle_of_a_message_costs_nobody_anything() {
    let scene = Scene::set().await;
    let phone = scene.phone().await;
    let device = scene.device("staff").await;
    let (checkpoint, guest) = (entrance(&phone).await, attendee(&phone, 2).await);
    let checkins = scene.checkins();
    let mut raw = Raw::join(&scene, &device).await;
    let (doc, mut state) = raw.fetch(checkins).await;
    let mut doc = doc.with_actor(device.id.actor([1; 8]));
    let mut tx = doc.transaction();
    fact::append(&mut tx, &entry(&device, 1, guest, checkpoint)).unwrap();
    tx.commit();
    let message = doc.generate_sync_message(&mut state).unwrap();
    let whole = raw.sync_frame(checkins, message).encode();
    let half = whole.get(..whole.len() / 2).unwrap();

    // In the middle of a WebSocket frame; between two fragments, each of which is whole; within the frame's header.
    raw.send_bytes(&ws_frame(0x82, whole.len(), half)).await;
    drop(raw);
    let mut raw = Raw::join(&scene, &device).await;
    raw.send_bytes(&ws_frame(0x02, half.len(), half)).await;
    drop(raw);
    let mut raw = Raw::join(&scene, &device).await;
    raw.send_bytes(&[0x82]).await;
    drop(raw);
    until(&phone.client, "only the phone is connected", || async { connections(&scene).await == 1 }).await;

    // Nothing of it has come to anything, and the phone was not held up.
    let recorded = phone.client.scan(checkpoint, &ticket(4)).await.unwrap().recorded.unwrap();
    until(&phone.client, "the phone's check-in is on the server", || async {
        phone.facts_here_only().await.unwrap() == 0
    })
    .await;
    let held = scene.stage.replica().await.unwrap().facts().unwrap();
    assert_eq!(held.keys().collect::<Vec<_>>(), [&recorded.fact]);

    // Once more, whole, in two fragments: it counts once.
    let mut raw = Raw::join(&scene, &device).await;
    let rest = whole.get(half.len()..).unwrap();
    raw.fetch(checkins).await;
    raw.send_bytes(&ws_frame(0x02, half.len(), half)).await;
    raw.send_bytes(&ws_frame(0x80, rest.len(), rest)).await;
    until(&phone.client, "the phone counts both", || async { admitted(&phone, checkpoint).await == 2 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_connection_of_the_same_peer_closes_the_first_and_works() {
    let scene = Scene::set().await;
    let device = scene.device("staff").await;
    let mut older = Raw::join(&scene, &device).await;
    older.fetch(scene.program()).await;
    let mut newer = Raw::join(&scene, &device).await;
    assert_eq!(older.next().await, Said::Close(1013, "replaced".to_owned()));
    let (doc, _) = newer.fetch(scene.program()).await;
    assert!(document::collection(&doc, "sessions").is_ok());
    // The same id on another device is somebody else.
    let other = Device { peer: device.peer.clone(), ..scene.device("staff").await };
    let mut other = Raw::join(&scene, &other).await;
    other.fetch(scene.program()).await;
    newer.fetch(scene.checkins()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_will_not_do_opens_no_socket() {
    let scene = Scene::set().await;
    let device = scene.device("staff").await;
    let keys = KeyRing::load(scene.stage.server.data()).unwrap();
    let bearer = Bearer::Device { device: device.id, event: scene.stage.event, role: Role::Staff };
    let long_ago = Timestamp::from_ms(1_700_000_000_000);
    let expired = Tokens::of(&keys).unwrap().mint(&bearer, long_ago, 3_600).unwrap();
    let strange = Tokens::new(ServerKey::from_seed(&[7; 32])).unwrap();
    let strange = strange.mint(&bearer, long_ago, 3_600_000_000).unwrap();
    let cut = device.token.get(..device.token.len() - 1).unwrap().to_owned();
    for (query, code) in [
        (String::new(), "token_missing"),
        ("?access_token=".to_owned(), "token_invalid"),
        ("?access_token=nonsense".to_owned(), "token_invalid"),
        (format!("?access_token={cut}"), "token_invalid"),
        (format!("?access_token={strange}"), "token_invalid"),
        (format!("?access_token={expired}"), "token_expired"),
    ] {
        let refused = connect_async(format!("ws://{}/sync{query}", scene.address())).await;
        let Err(Error::Http(response)) = refused else { panic!("{query}: {refused:?}") };
        let body: Json = serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), body["code"].as_str()), (401, Some(code)), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_whose_ids_have_another_length_are_said_to_be_unavailable() {
    let scene = Scene::set().await;
    let device = scene.device("staff").await;
    let mut raw = Raw::join(&scene, &device).await;
    let document = bs58::encode([5; 32]).with_check().into_string();
    let foreign = |kind: &str, sender: &PeerId, target: &PeerId| {
        let (kind, sender, target) = (kind.to_owned(), sender.clone(), target.clone());
        Frame::ForeignDocument { kind, sender, target, document: document.clone() }
    };
    raw.send(&foreign("request", &raw.us, &raw.server)).await;
    assert_eq!(raw.next().await, Said::Frame(foreign("doc-unavailable", &raw.server, &raw.us)));
    raw.fetch(scene.program()).await;
}
