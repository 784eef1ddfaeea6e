//! Access tokens for refresh tokens: each good once, and nobody honest locked out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_model::id::EventId;
use serde_json::json;

use super::test_app::TestApp;
use crate::storage::DATABASE_FILE;

const ONE: &str = "nonce-one-nonce-one-1";
const TWO: &str = "nonce-two-nonce-two-2";
const THREE: &str = "nonce-three-nonce-33";

fn refresh_of(answer: &serde_json::Value) -> String {
    answer["refresh_token"].as_str().unwrap().to_owned()
}

async fn alerts(app: &TestApp, event: EventId) -> Vec<serde_json::Value> {
    let answer = app.get(&app.operator(), &format!("/api/v1/events/{event}/device-alerts")).await.json();
    answer["alerts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn each_refresh_token_gives_the_next() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let mut token = staff.refresh.clone();
    for nonce in [ONE, TWO, ONE] {
        let answer = app.refresh(&token, nonce).await.json();
        assert_eq!((&answer["device_id"], &answer["role"]), (&json!(staff.id), &json!("staff")));
        let access = answer["access_token"].as_str().unwrap();
        assert_eq!(app.get(access, "/api/v1/events").await.status, 200);
        let next = refresh_of(&answer);
        assert_ne!(next, token);
        token = next;
    }
    assert_eq!(app.get(&staff.token, "/api/v1/events").await.status, 200, "the first access token runs on");
    let database = rusqlite::Connection::open(app.dir.path().join(DATABASE_FILE)).unwrap();
    let mut kept = Vec::new();
    for column in ["token_hash", "nonce_hash", "successor_salt"] {
        let select = format!("SELECT hex({column}) FROM refresh_tokens");
        let mut statement = database.prepare(&select).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
        kept.extend(rows.filter_map(Result::unwrap).filter(|hex| !hex.is_empty()));
    }
    let secret = crate::auth::refresh::RefreshToken::parse(&token).unwrap();
    assert!(kept.contains(&hex::encode_upper(secret.hash())));
    let bits = URL_SAFE_NO_PAD.decode(token.strip_prefix("mrt_").unwrap()).unwrap();
    assert!(!kept.contains(&hex::encode_upper(bits)), "only hashes are kept");
    app.stop().await;
}

#[tokio::test]
async fn a_phone_that_lost_the_answer_asks_again_and_gets_the_same() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let lost = app.refresh(&staff.refresh, ONE).await.json();
    let again = app.refresh(&staff.refresh, ONE).await.json();
    assert_eq!(refresh_of(&again), refresh_of(&lost), "the same successor");
    assert!(alerts(&app, event).await.is_empty());
    let next = app.refresh(&refresh_of(&again), TWO).await.json();
    // A copy of the question that was long on its way harms nobody, and tells nobody anything.
    assert_eq!(app.refresh(&staff.refresh, ONE).await.code(), "refresh_replayed");
    assert!(app.refresh(&refresh_of(&next), THREE).await.status.is_success());
    assert!(alerts(&app, event).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn an_old_token_revokes_the_device_and_alarms() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let (staff, other) = (app.staff(event).await, app.staff(event).await);
    // A database is copied; both of the device go on.
    let thief = app.refresh(&staff.refresh, ONE).await.json();
    let owner = app.refresh(&staff.refresh, TWO).await;
    assert_eq!((owner.status.as_u16(), owner.code().as_str()), (401, "refresh_token_reused"));
    for token in [&staff.token, thief["access_token"].as_str().unwrap()] {
        assert_eq!(app.get(token, "/api/v1/events").await.code(), "device_revoked");
    }
    assert_eq!(app.refresh(&refresh_of(&thief), THREE).await.code(), "device_revoked");
    assert_eq!(app.refresh(&staff.refresh, TWO).await.code(), "device_revoked");
    let alerts = alerts(&app, event).await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&alerts[0]["device_id"], &alerts[0]["code"]), (&json!(staff.id), &json!("refresh_token_reused")));
    assert!(app.refresh(&other.refresh, ONE).await.status.is_success(), "others are not concerned");
    app.stop().await;
}

#[tokio::test]
async fn many_that_race_for_one_token_end_with_one_successor_or_an_alarm() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let asked = (0..8).map(|_| app.refresh(&staff.refresh, ONE));
    let answers = futures_util::future::join_all(asked).await;
    let first = refresh_of(&answers[0].json());
    assert!(answers.iter().all(|answer| refresh_of(&answer.json()) == first));
    assert!(alerts(&app, event).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_good_token_is_refused() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    for token in ["", "x", &staff.token, &crate::auth::refresh::RefreshToken::random().reveal()] {
        let answer = app.refresh(token, ONE).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "refresh_token_unknown"));
    }
    for nonce in ["", "short", &"n".repeat(65), "with a space in it, so not"] {
        assert_eq!(app.refresh(&staff.refresh, nonce).await.code(), "bad_field");
    }
    let database = rusqlite::Connection::open(app.dir.path().join(DATABASE_FILE)).unwrap();
    database.execute("UPDATE refresh_tokens SET expires_at = 1", []).unwrap();
    assert_eq!(app.refresh(&staff.refresh, ONE).await.code(), "refresh_token_expired");
    app.stop().await;
}

#[tokio::test]
async fn a_crew_enrols_with_one_code_and_waits_to_be_let_in() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let code = app.code(event, &json!({"role": "staff", "name": "Crew", "devices": 3, "approve": true})).await;
    let mut crew = Vec::new();
    for name in ["Anna", "", "Ben"] {
        let body = json!({"code": code, "device_name": name});
        let answer = app.post("", "/api/v1/devices/enrol", &body).await.json();
        assert_eq!((&answer["pending"], &answer["access_token"]), (&json!(true), &json!(null)));
        assert!(answer["retry_after_ms"].as_u64().unwrap() > 0);
        crew.push(answer);
    }
    let fourth = app.post("", "/api/v1/devices/enrol", &json!({ "code": code })).await;
    assert_eq!(fourth.code(), "enrolment_code_used");
    let waiting = app.refresh(&refresh_of(&crew[0]), ONE).await;
    assert_eq!((waiting.status.as_u16(), waiting.code().as_str()), (403, "enrolment_pending"));
    assert!(waiting.headers.contains_key("retry-after"));

    let path = format!("/api/v1/events/{event}/devices");
    let listed = app.get(&app.operator(), &path).await.json();
    let names: Vec<_> = listed["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| device["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(["Anna", "Crew 2", "Ben"].iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    let id = |at: usize| crew[at]["device_id"].as_str().unwrap();
    let approved = app.post(&app.operator(), &format!("{path}/{}/approve", id(0)), &json!({})).await;
    assert_eq!(approved.status, 204);
    let in_now = app.refresh(&refresh_of(&crew[0]), TWO).await.json();
    assert_eq!(app.get(in_now["access_token"].as_str().unwrap(), "/api/v1/events").await.status, 200);
    // Who is not let in is revoked, and hears it.
    app.delete(&app.operator(), &format!("{path}/{}", id(1))).await;
    assert_eq!(app.refresh(&refresh_of(&crew[1]), ONE).await.code(), "device_revoked");
    let unknown = app.post(&app.operator(), &format!("{path}/0000000000000000/approve"), &json!({})).await;
    assert_eq!(unknown.code(), "device_not_found");
    app.stop().await;
}

#[tokio::test]
async fn a_device_is_told_which_checkpoints_it_serves() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let counts = app.get(&app.operator(), &format!("/api/v1/events/{event}/counts")).await.json();
    let entrance = counts["checkpoints"][0]["checkpoint_id"].as_str().unwrap().to_owned();
    let code = app.code(event, &json!({"role": "staff", "checkpoints": [entrance, entrance]})).await;
    let enrolled = app.post("", "/api/v1/devices/enrol", &json!({ "code": code })).await.json();
    assert_eq!(enrolled["checkpoints"], json!([entrance]));
    let refreshed = app.refresh(&refresh_of(&enrolled), ONE).await.json();
    assert_eq!(refreshed["checkpoints"], json!([entrance]));
    app.stop().await;
}

#[tokio::test]
async fn leases_are_set_by_role_and_heard_of_with_the_next_token() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let path = format!("/api/v1/events/{event}/leases");
    let day_ms = 86_400_000;
    let before = app.get(&app.operator(), &path).await.json();
    assert_eq!(before["lease_ms"]["staff"], 7 * day_ms);
    let set =
        app.put(&app.operator(), &path, &json!({"lease_ms": {"staff": 2 * day_ms, "coordinator": 0}})).await.json();
    assert_eq!((&set["lease_ms"]["staff"], &set["lease_ms"]["coordinator"]), (&json!(2 * day_ms), &json!(0)));
    assert_eq!(set["lease_ms"]["finance"], 7 * day_ms);
    for wrong in
        [json!({"lease_ms": {"staff": 1}}), json!({"lease_ms": {"guest": 0}}), json!({"lease_ms": {"staff": -1}})]
    {
        assert_eq!(app.put(&app.operator(), &path, &wrong).await.code(), "bad_field");
    }
    assert_eq!(app.refresh(&staff.refresh, ONE).await.json()["lease_ms"], 2 * day_ms);
    assert_eq!(app.put(&staff.token, &path, &json!({"lease_ms": {}})).await.code(), "forbidden");
    let log = app.get(&app.operator(), &format!("/api/v1/audit?event={event}")).await.json();
    let set = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "device.lease_set");
    assert_eq!(set.count(), 2, "one for each role that was set: {log}");
    app.stop().await;
}

#[tokio::test]
async fn a_revoked_device_hands_over_into_the_quarantine_and_nothing_else() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let (staff, other) = (app.staff(event).await, app.staff(event).await);
    let path = "/api/v1/devices/hand-over";
    let body = |token: &str, document: &str, change: &str| json!({"refresh_token": token, "changes": [{"document": document, "change": change}]});
    app.delete(&app.operator(), &format!("/api/v1/events/{event}/devices/{}", staff.id)).await;
    for _ in 0..2 {
        let answer = app.post("", path, &body(&staff.refresh, "checkins/00", "hW9Kgw==")).await;
        assert_eq!(answer.json()["kept"], 1);
    }
    // A device that is not revoked has got another role, or so it says: its changes are set aside all the same.
    assert_eq!(app.post("", path, &body(&other.refresh, "rooms", "AAAA")).await.json()["kept"], 1);
    let database = rusqlite::Connection::open(app.dir.path().join(DATABASE_FILE)).unwrap();
    let mut statement = database.prepare("SELECT device_id, code, hex(bytes) FROM quarantine ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let found: Vec<(String, String, String)> = rows.map(Result::unwrap).collect();
    let row = |id: &str, code: &str, hex: &str| (id.to_owned(), code.to_owned(), hex.to_owned());
    assert_eq!(found, [row(&staff.id, "device_revoked", "856F4A83"), row(&other.id, "role_changed", "000000")]);

    for (wrong, code) in [
        (body("mrt_x", "rooms", "AAAA"), "refresh_token_unknown"),
        (body(&staff.token, "rooms", "AAAA"), "refresh_token_unknown"),
        (body(&staff.refresh, "no document", "AAAA"), "bad_field"),
        (body(&staff.refresh, "rooms", "not base 64!"), "bad_field"),
        (
            json!({"refresh_token": staff.refresh, "changes": vec![json!({"document": "rooms", "change": ""}); 501]}),
            "bad_field",
        ),
        (body(&staff.refresh, "rooms", &"A".repeat(1 << 20)), "body_too_large"),
    ] {
        assert_eq!(app.post("", path, &wrong).await.code(), code);
    }
    let large = body(&staff.refresh, "rooms", &"A".repeat(200_000));
    assert!(app.post("", path, &large).await.status.is_success(), "more than other requests may hold");
    app.stop().await;
}
