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
    let foreign = Tokens::new(ServerKey::from_seed(&[1; 32])).unwrap().mint(&good, clock::now(), 60).unwrap();
    assert_eq!(code(&app, &foreign).await, "token_invalid");
    let mint = |bearer| app.tokens().mint(&bearer, clock::now(), 60).unwrap();
    let higher = mint(bearer(id, event, Role::Coordinator));
    assert_eq!(code(&app, &higher).await, "role_changed", "the database says another role");
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

#[tokio::test]
async fn a_new_key_signs_and_what_the_old_one_signed_stays_good() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let before = app.operator();
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_eq!(app.post(&staff.token, "/api/v1/keys", &json!({})).await.code(), "forbidden");
    let answer = app.post(&before, "/api/v1/keys", &json!({})).await;
    assert_eq!(answer.status, 201);
    let keys = answer.json();
    let [old, new] = keys["keys"].as_array().unwrap().as_slice() else { panic!("{keys}") };
    assert_eq!((&old["key_id"], &old["signs"], &new["signs"]), (&json!(kid(&before)), &json!(false), &json!(true)));
    let left_ms = old["verifies_until_ms"].as_i64().unwrap() - clock::now().ms();
    assert!((890_000..=900_000).contains(&left_ms), "its longest token runs for 15 minutes");

    for token in [&before, &staff.token, &app.operator()] {
        assert_eq!(app.get(token, "/api/v1/events").await.status, 200);
    }
    let fresh = app.refresh(&staff.refresh, "nonce-of-twenty-chars").await.json();
    assert_eq!(json!(kid(fresh["access_token"].as_str().unwrap())), new["key_id"]);
    let jwks = app.get("", "/.well-known/jwks.json").await.json();
    let jwks = jwks["keys"].as_array().unwrap();
    assert_eq!(jwks.iter().map(|key| &key["kid"]).collect::<Vec<_>>(), [&old["key_id"], &new["key_id"]]);
    assert!(jwks.iter().all(|key| key["crv"] == "Ed25519" && key.get("d").is_none()));
    // Whoever verifies with what is published finds the tokens good.
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwks[1].clone()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_audience(&["muster"]);
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let token = fresh["access_token"].as_str().unwrap();
    let claims = jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation).unwrap().claims;
    assert_eq!(claims["sub"], staff.id.as_str());

    let dir = app.stop().await;
    let app = TestApp::start_with(dir, |_| {}).await;
    assert_eq!(app.get(&staff.token, "/api/v1/events").await.status, 200, "after a restart too");
    app.stop().await;
}
