//! Devices come back to a server that was restored from a backup.

use muster_model::access::Role;
use muster_model::time::Timestamp;
use serde_json::{Value, json};

use super::cli::{muster, muster_json};
use super::test_app::TestApp;
use crate::auth::refresh::RefreshToken;
use crate::auth::token::Bearer;
use crate::clock;

const ONE: &str = "nonce-one-nonce-one-1";
const TWO: &str = "nonce-two-nonce-two-2";

fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap().to_owned()
}

/// The server as it was when the backup was made.
async fn restored(copies: &std::path::Path) -> TestApp {
    let data = tempfile::tempdir().unwrap();
    let copy = copies.join("copy");
    muster(data.path(), &["restore", copy.to_str().unwrap()]).await.unwrap();
    TestApp::start_with(data, |_| {}).await
}

async fn back_up(app: &TestApp, copies: &std::path::Path) {
    let made = app.post(&app.operator(), "/api/v1/backups", &json!({"target": copies.join("copy")})).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

#[tokio::test]
async fn a_token_that_was_forgotten_is_good_once_with_the_access_token_of_that_time() {
    let copies = tempfile::tempdir().unwrap();
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    back_up(&app, copies.path()).await;
    let last = app.refresh(&staff.refresh, ONE).await.json();
    let (refresh, access) = (text(&last, "refresh_token"), text(&last, "access_token"));
    app.stop().await;

    let app = restored(copies.path()).await;
    let hour_ago = Timestamp::from_ms(clock::now().ms() - 3_600_000);
    let bearer = Bearer::Device { device: staff.id.parse().unwrap(), event, role: Role::Staff };
    let from_before = app.tokens().mint(&bearer, hour_ago, 900).unwrap();
    for proof in ["nonsense", &app.operator(), &from_before] {
        let refused = app.refresh_with(&refresh, TWO, proof).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "refresh_token_unknown"), "{proof}");
    }
    assert_eq!(app.refresh(&refresh, TWO).await.code(), "refresh_token_unknown");

    let back = app.refresh_with(&refresh, TWO, &access).await.json();
    assert_eq!((&back["device_id"], &back["pending"]), (&json!(staff.id), &json!(false)));
    // It did not hear the answer, and asks again.
    assert_eq!(app.refresh_with(&refresh, TWO, &access).await.json()["refresh_token"], back["refresh_token"]);
    let next = app.refresh(&text(&back, "refresh_token"), ONE).await.json();
    assert_eq!(app.get(&text(&next, "access_token"), "/api/v1/events").await.status, 200);

    // Whoever else has the access token has a copy of the device, or is the one that was copied.
    let other = app.refresh_with(&RefreshToken::random().reveal(), ONE, &access).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (401, "refresh_token_reused"));
    let alerts = app.get(&app.operator(), &format!("/api/v1/events/{event}/device-alerts")).await.json();
    assert_eq!(alerts["alerts"][0]["device_id"], staff.id);
    app.stop().await;
}

#[tokio::test]
async fn a_device_that_was_forgotten_waits_for_a_coordinator() {
    let copies = tempfile::tempdir().unwrap();
    let app = TestApp::start().await;
    let event = app.event().await;
    back_up(&app, copies.path()).await;
    let late = app.staff(event).await;
    app.stop().await;

    let app = restored(copies.path()).await;
    let waits = app.refresh_with(&late.refresh, ONE, &late.token).await;
    assert_eq!(waits.code(), "enrolment_pending");
    assert_eq!(app.get(&late.token, "/api/v1/events").await.code(), "enrolment_pending");
    let approve = format!("/api/v1/events/{event}/devices/{}/approve", late.id);
    assert!(app.post(&app.operator(), &approve, &json!({})).await.status.is_success());
    let back = app.refresh(&late.refresh, ONE).await.json();
    assert_eq!((&back["device_id"], &back["role"]), (&json!(late.id), &json!("staff")));
    app.stop().await;
}

#[tokio::test]
async fn a_server_that_was_never_restored_forgets_nothing() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let unknown = RefreshToken::random().reveal();
    assert_eq!(app.refresh_with(&unknown, ONE, &staff.token).await.code(), "refresh_token_unknown");
    app.stop().await;
}

#[tokio::test]
async fn a_device_that_was_revoked_since_the_backup_is_revoked_again() {
    let copies = tempfile::tempdir().unwrap();
    let app = TestApp::start().await;
    let event = app.event().await;
    let (lost, other) = (app.staff(event).await, app.staff(event).await);
    back_up(&app, copies.path()).await;
    let revoked = app.delete(&app.operator(), &format!("/api/v1/events/{event}/devices/{}", lost.id)).await;
    assert!(revoked.status.is_success(), "{}", revoked.text());
    let log = copies.path().join("audit.jsonl");
    let log = log.to_str().unwrap();
    muster(app.dir.path(), &["audit", "export", "--output", log]).await.unwrap();
    app.stop().await;

    let (data, copy) = (tempfile::tempdir().unwrap(), copies.path().join("copy"));
    let done = muster_json(data.path(), &["restore", copy.to_str().unwrap(), "--erased", log]).await;
    assert_eq!((&done["revoked_again"], &done["erased_again"]), (&json!(1), &json!(0)));
    let app = TestApp::start_with(data, |_| {}).await;
    assert_eq!(app.refresh(&lost.refresh, ONE).await.code(), "device_revoked");
    assert_eq!(app.refresh(&other.refresh, ONE).await.status, 200);
    app.stop().await;
}
