use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use serde_json::json;

use super::test_app::TestApp;
use crate::auth::keys::ServerKey;
use crate::auth::token::{Bearer, Tokens};
use crate::clock;

async fn code(app: &TestApp, token: &str) -> String {
    let answer = app.get(token, "/api/v1/events").await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    answer.code()
}

#[tokio::test]
async fn only_good_tokens_of_known_devices_open_the_door() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    assert_eq!(app.get(&staff.token, "/api/v1/events").await.status, 200);
    assert_eq!(code(&app, "").await, "token_missing");
    assert_eq!(code(&app, "not-a-token").await, "token_invalid");

    let id: DeviceId = staff.id.parse().unwrap();
    let bearer = |device, event, role| Bearer::Device { device, event, role };
    let good = bearer(id, event, Role::Staff);
    let old = app.tokens().mint(&good, clock::now().plus_minutes(-10), 60).unwrap();
    assert_eq!(code(&app, &old).await, "token_expired");
    let early = app.tokens().mint(&good, clock::now().plus_minutes(10), 60).unwrap();
    assert_eq!(code(&app, &early).await, "token_not_yet_valid");
    let foreign = Tokens::new(&ServerKey::from_seed(&[1; 32])).unwrap().mint(&good, clock::now(), 60).unwrap();
    assert_eq!(code(&app, &foreign).await, "token_invalid");
    let mint = |bearer| app.tokens().mint(&bearer, clock::now(), 60).unwrap();
    let higher = mint(bearer(id, event, Role::Coordinator));
    assert_eq!(code(&app, &higher).await, "token_invalid", "the database says another role");
    let elsewhere = mint(bearer(id, EventId::from_random([1; 16]), Role::Staff));
    assert_eq!(code(&app, &elsewhere).await, "token_invalid", "the database says another event");
    let unknown = mint(bearer(DeviceId::from_random([1; 8]), event, Role::Staff));
    assert_eq!(code(&app, &unknown).await, "device_unknown");

    let (head, rest) = staff.token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    assert_eq!(code(&app, &format!("{none}.{claims}.")).await, "token_invalid");
    let mut raised: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    raised["role"] = json!("coordinator");
    let raised = URL_SAFE_NO_PAD.encode(raised.to_string());
    assert_eq!(code(&app, &format!("{head}.{raised}.{signature}")).await, "token_invalid");
    app.stop().await;
}

#[tokio::test]
async fn a_token_survives_a_restart_but_not_another_server() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let dir = app.stop().await;
    let app = TestApp::start_with(dir, |_| {}).await;
    assert_eq!(app.get(&staff.token, "/api/v1/events").await.status, 200);
    let other = TestApp::start().await;
    assert_eq!(code(&other, &staff.token).await, "token_invalid");
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn a_token_in_the_query_opens_only_sync() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let answer = app.get("", &format!("/sync?access_token={}", staff.token)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (426, "not_a_web_socket"));
    assert_eq!(app.get("", "/sync?access_token=x").await.code(), "token_invalid");
    assert_eq!(app.get("", "/sync").await.code(), "token_missing");
    assert_eq!(app.get(&app.operator(), "/sync").await.code(), "forbidden");
    let answer = app.get("", &format!("/api/v1/events?access_token={}", staff.token)).await;
    assert_eq!(answer.code(), "token_missing");
    app.stop().await;
}
