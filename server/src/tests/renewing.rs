//! Open connections: renewed before their token ends, ended when their device changes.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use muster_protocol::{Frame, FrameLimits, PeerId, Secret};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::test_app::TestApp;
use crate::testing::{self, in_time};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket after its handshake, and the server's id on it.
async fn connected(app: &TestApp, token: &str) -> (Socket, PeerId) {
    let url = format!("ws://{}/sync?access_token={token}", app.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::Binary(testing::join("phone").into())).await.unwrap();
    let Some(Ok(Message::Binary(answer))) = socket.next().await else { panic!("no answer") };
    let Ok(Frame::Peer { sender, metadata, .. }) = Frame::decode(&answer, &FrameLimits::default()) else { panic!() };
    assert!(metadata.muster.unwrap().has("renew"));
    (socket, sender)
}

fn token_frame(server: &PeerId, token: &str) -> Message {
    let sender = PeerId::new("phone").unwrap();
    Message::Binary(Frame::Token { sender, target: server.clone(), token: Secret::new(token) }.encode().into())
}

/// The codes of the notices and the reason of the close.
async fn last_words(socket: &mut Socket) -> (Vec<String>, String) {
    let (mut notices, mut reason) = (Vec::new(), String::new());
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(frame) => {
                if let Ok(Frame::Notice { code, .. }) = Frame::decode(&frame, &FrameLimits::default()) {
                    notices.push(code);
                }
            }
            Message::Close(Some(close)) => reason = close.reason.to_string(),
            _ => {}
        }
    }
    (notices, reason)
}

async fn is_open(socket: &mut Socket) -> bool {
    socket.send(Message::Ping("there?".into())).await.unwrap();
    matches!(in_time("an answer", socket.next()).await, Some(Ok(Message::Pong(_))))
}

#[tokio::test]
async fn a_connection_ends_with_its_token_unless_it_is_renewed() {
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), |config| config.auth.access_token_s = 2).await;
    let event = app.event().await;
    let (staff, other) = (app.staff(event).await, app.staff(event).await);
    let (mut renewed, server) = connected(&app, &staff.token).await;
    let (mut forgetful, _) = connected(&app, &other.token).await;
    let long = app.tokens().mint(&bearer(&staff.id, event), crate::clock::now(), 60).unwrap();
    renewed.send(token_frame(&server, &long)).await.unwrap();
    let short = app.refresh(&staff.refresh, "nonce-of-twenty-chars").await.json();
    renewed.send(token_frame(&server, short["access_token"].as_str().unwrap())).await.unwrap();
    let ended = in_time("the end of the other", last_words(&mut forgetful)).await;
    assert_eq!(ended, (vec!["token_expired".to_owned()], "token_expired".to_owned()));
    assert!(is_open(&mut renewed).await, "a token that ends sooner shortens nothing");
    app.stop().await;
}

fn bearer(id: &str, event: muster_model::id::EventId) -> crate::auth::token::Bearer {
    let role = muster_model::access::Role::Staff;
    crate::auth::token::Bearer::Device { device: id.parse().unwrap(), event, role }
}

#[tokio::test]
async fn the_list_of_devices_says_which_are_connected() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let (staff, other) = (app.staff(event).await, app.staff(event).await);
    let are = async || {
        let list = app.get(&app.operator(), &format!("/api/v1/events/{event}/devices")).await.json();
        let of =
            |id: &str| list["devices"].as_array().unwrap().iter().find(|one| one["device_id"] == id).unwrap().clone();
        [&staff.id, &other.id].map(|id| of(id)["connected"].as_bool().unwrap())
    };
    assert_eq!(are().await, [false, false]);
    let (socket, _) = connected(&app, &staff.token).await;
    in_time("one to be there", async { while are().await != [true, false] {} }).await;
    drop(socket);
    in_time("it to be gone", async { while are().await != [false, false] {} }).await;
    app.stop().await;
}

#[tokio::test]
async fn a_connection_is_renewed_only_with_a_good_token_of_its_own_device() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let (staff, other) = (app.staff(event).await, app.staff(event).await);
    let old = app.tokens().mint(&bearer(&staff.id, event), crate::clock::now().plus_minutes(-10), 60).unwrap();
    let operator = app.operator();
    for (token, code) in [
        (other.token.as_str(), "token_invalid"),
        (operator.as_str(), "token_invalid"),
        ("garbage", "token_invalid"),
        (old.as_str(), "token_expired"),
    ] {
        let (mut socket, server) = connected(&app, &staff.token).await;
        socket.send(token_frame(&server, token)).await.unwrap();
        let ended = in_time("the end", last_words(&mut socket)).await;
        assert_eq!(ended, (vec![code.to_owned()], code.to_owned()));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_revoked_device_is_told_within_a_second_and_its_next_contact_too() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let (mut socket, _) = connected(&app, &staff.token).await;
    app.delete(&app.operator(), &format!("/api/v1/events/{event}/devices/{}", staff.id)).await;
    let ended = tokio::time::timeout(Duration::from_secs(1), last_words(&mut socket)).await.expect("within a second");
    assert_eq!(ended, (vec!["device_revoked".to_owned()], "device_revoked".to_owned()));
    assert_eq!(app.refresh(&staff.refresh, "nonce-of-twenty-chars").await.code(), "device_revoked");
    app.stop().await;
}

#[tokio::test]
async fn another_role_counts_at_once_on_open_connections_too() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let (staff, other) = (app.staff(event).await, app.staff(event).await);
    let (mut socket, _) = connected(&app, &staff.token).await;
    let (mut witness, _) = connected(&app, &other.token).await;
    let path = format!("/api/v1/events/{event}/devices/{}/role", staff.id);
    assert_eq!(app.put(&staff.token, &path, &json!({"role": "coordinator"})).await.code(), "forbidden");
    assert_eq!(app.put(&app.operator(), &path, &json!({"role": "boss"})).await.code(), "bad_field");
    assert_eq!(app.put(&app.operator(), &path, &json!({"role": "finance"})).await.status, 204);
    let ended = tokio::time::timeout(Duration::from_secs(1), last_words(&mut socket)).await.expect("within a second");
    assert_eq!(ended, (vec!["role_changed".to_owned()], "role_changed".to_owned()));
    assert_eq!(app.get(&staff.token, "/api/v1/events").await.code(), "role_changed");
    assert_eq!(app.get(&staff.token, "/sync").await.code(), "role_changed");
    let fresh = app.refresh(&staff.refresh, "nonce-of-twenty-chars").await.json();
    assert_eq!(fresh["role"], "finance");
    let (mut again, _) = connected(&app, fresh["access_token"].as_str().unwrap()).await;
    assert!(is_open(&mut again).await && is_open(&mut witness).await);
    let nobody = format!("/api/v1/events/{event}/devices/0000000000000000/role");
    assert_eq!(app.put(&app.operator(), &nobody, &json!({"role": "staff"})).await.code(), "device_not_found");
    app.stop().await;
}
