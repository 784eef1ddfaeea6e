use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use muster_model::id::EventId;
use reqwest::StatusCode;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::events::presenter_ids;
use super::test_app::TestApp;
use crate::storage::DATABASE_FILE;
use crate::testing;

#[tokio::test]
async fn a_code_becomes_a_device_once() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let request = json!({"role": "staff", "name": "Gate A, phone 2", "expires_min": 30});
    let made = app.post(&app.operator(), &format!("/api/v1/events/{event}/devices"), &request).await.json();
    let code = made["code"].as_str().unwrap();
    assert_eq!(made["link"], format!("http://{}/enrol#{code}", app.address));
    assert_eq!((made["role"].as_str(), code.len()), (Some("staff"), 26));
    let enrol = json!({"code": code.to_lowercase(), "device_name": "My phone"});
    let enrolled = app.post("", "/api/v1/devices/enrol", &enrol).await.json();
    assert_eq!(enrolled["event_id"], event.to_string());
    assert_eq!(enrolled["event_name"], "Baltic Summit");
    assert_eq!((enrolled["role"].as_str(), enrolled["sync_url"].as_str()), (Some("staff"), Some("/sync")));
    assert!(!enrolled["server_id"].as_str().unwrap().is_empty());
    let left_ms = |field: &str| enrolled[field].as_i64().unwrap() - crate::clock::now().ms();
    assert!((890_000..=900_000).contains(&left_ms("access_expires_at_ms")));
    assert_eq!(enrolled["access_expires_in_s"], 900);
    assert!((89 * 86_400_000..=90 * 86_400_000).contains(&left_ms("refresh_expires_at_ms")));
    assert_eq!((&enrolled["pending"], &enrolled["lease_ms"]), (&json!(false), &json!(7 * 86_400_000)));

    let again = app.post("", "/api/v1/devices/enrol", &enrol).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::GONE, "enrolment_code_used"));
    let devices = app.get(&app.operator(), &format!("/api/v1/events/{event}/devices")).await.json();
    let devices = devices["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0]["name"].as_str(), &devices[0]["role"]), (Some("Gate A, phone 2"), &json!("staff")));
    app.stop().await;
}

#[tokio::test]
async fn a_code_that_is_looked_at_is_still_good() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let wish = json!({"role": "staff", "name": "Phone of Anna", "approve": true, "expires_min": 30});
    let code = app.code(event, &wish).await;
    for _ in 0..2 {
        let seen = app.post("", "/api/v1/devices/enrol/preview", &json!({ "code": code.to_lowercase() })).await;
        assert!(!seen.text().contains("Anna"), "{}", seen.text());
        let seen = seen.json();
        assert_eq!((&seen["event_name"], &seen["role"]), (&json!("Baltic Summit"), &json!("staff")));
        assert_eq!((&seen["named"], &seen["approve"]), (&json!(true), &json!(true)));
        assert_eq!((&seen["checkpoints"], &seen["devices_left"]), (&json!(0), &json!(1)));
        assert_eq!(seen["lease_ms"], 7 * 86_400_000);
        let left_ms = seen["expires_at_ms"].as_i64().unwrap() - crate::clock::now().ms();
        assert!((1_700_000..=1_800_000).contains(&left_ms), "{left_ms}");
    }
    assert!(app.post("", "/api/v1/devices/enrol", &json!({ "code": code })).await.status.is_success());
    let used = app.post("", "/api/v1/devices/enrol/preview", &json!({ "code": code })).await;
    assert_eq!((used.status, used.code().as_str()), (StatusCode::GONE, "enrolment_code_used"));

    let crew = app.code(event, &json!({"role": "finance", "name": "Desk", "devices": 3})).await;
    let seen = app.post("", "/api/v1/devices/enrol/preview", &json!({ "code": crew })).await.json();
    assert_eq!((&seen["role"], &seen["named"], &seen["devices_left"]), (&json!("finance"), &json!(false), &json!(3)));
    app.stop().await;
}

#[tokio::test]
async fn a_presenters_code_does_not_say_whose_it_is() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    let presenter = presenter_ids(&app, event).await.remove(0);
    let code = app.code(event, &json!({"role": "presenter", "presenter": presenter, "name": "Dace"})).await;
    let seen = app.post("", "/api/v1/devices/enrol/preview", &json!({ "code": code })).await;
    assert_eq!(seen.json()["role"], "presenter");
    assert!(!seen.text().contains(&presenter) && !seen.text().contains("Dace"), "{}", seen.text());
    app.stop().await;
}

#[tokio::test]
async fn looking_at_codes_is_slowed_down_as_trying_them_is() {
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), |config| config.auth.enrol_attempts = 3).await;
    let guess = json!({"code": "00000000000000000000000000"});
    for path in ["/api/v1/devices/enrol/preview", "/api/v1/devices/enrol", "/api/v1/devices/enrol/preview"] {
        assert_eq!(app.post("", path, &guess).await.code(), "enrolment_code_unknown");
    }
    for path in ["/api/v1/devices/enrol/preview", "/api/v1/devices/enrol"] {
        let answer = app.post("", path, &guess).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "too_many_attempts"), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_device_is_called_something_else() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let path = format!("/api/v1/events/{event}/devices/{}/name", staff.id);
    for bad in [json!({"name": " "}), json!({"name": "a\nb"}), json!({"name": "n".repeat(101)}), json!({})] {
        assert_eq!(app.put(&app.operator(), &path, &bad).await.code(), "bad_field", "{bad}");
    }
    assert_eq!(app.put(&app.operator(), &path, &json!({"name": " Gate B "})).await.status, StatusCode::NO_CONTENT);
    let devices = app.get(&app.operator(), &format!("/api/v1/events/{event}/devices")).await.json();
    assert_eq!(devices["devices"][0]["name"], "Gate B");
    // It goes on working as it did, and the log has no name.
    assert!(app.get(&staff.token, "/api/v1/events").await.status.is_success());
    let log = app.get(&app.operator(), &format!("/api/v1/audit?event={event}")).await;
    assert!(log.text().contains("device.renamed") && !log.text().contains("Gate B"), "{}", log.text());
    let other = app.event().await;
    let elsewhere = format!("/api/v1/events/{other}/devices/{}/name", staff.id);
    assert_eq!(app.put(&app.operator(), &elsewhere, &json!({"name": "x"})).await.code(), "device_not_found");
    app.stop().await;
}

#[tokio::test]
async fn expired_and_unknown_codes_enrol_nobody() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let code = app.code(event, &json!({"role": "staff"})).await;
    let database = rusqlite::Connection::open(app.dir.path().join(DATABASE_FILE)).unwrap();
    assert_eq!(database.execute("UPDATE enrolment_codes SET expires_at = 1", []).unwrap(), 1);
    let answer = app.post("", "/api/v1/devices/enrol", &json!({ "code": code })).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::GONE, "enrolment_code_expired"));
    let answer = app.post("", "/api/v1/devices/enrol/preview", &json!({ "code": code })).await;
    assert_eq!(answer.code(), "enrolment_code_expired");
    for code in ["", "0", "00000000000000000000000000"] {
        for path in ["/api/v1/devices/enrol", "/api/v1/devices/enrol/preview"] {
            let answer = app.post("", path, &json!({ "code": code })).await;
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "enrolment_code_unknown"));
        }
    }
    let stored: Vec<u8> = database.query_row("SELECT code_hash FROM enrolment_codes", [], |row| row.get(0)).unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains(&code), "only its hash is kept");
    app.stop().await;
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), |config| config.auth.enrol_attempts = 3).await;
    let guess = json!({"code": "00000000000000000000000000"});
    for _ in 0..3 {
        assert_eq!(app.post("", "/api/v1/devices/enrol", &guess).await.code(), "enrolment_code_unknown");
    }
    let answer = app.post("", "/api/v1/devices/enrol", &guess).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "too_many_attempts"));
    assert!(answer.headers.contains_key("retry-after"));
    app.stop().await;
}

#[tokio::test]
async fn what_a_code_is_asked_for_is_checked() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    let path = format!("/api/v1/events/{event}/devices");
    for request in [
        json!({"role": "admin"}),
        json!({"role": "operator"}),
        json!({"role": "presenter"}),
        json!({"role": "presenter", "presenter": "x"}),
        json!({"role": "presenter", "presenter": "0000000000000000"}),
        json!({"role": "staff", "presenter": "0000000000000000"}),
        json!({"role": "staff", "expires_min": 0}),
        json!({"role": "staff", "expires_min": 10_081}),
        json!({"role": "staff", "devices": 0}),
        json!({"role": "staff", "devices": 1_001}),
        json!({"role": "staff", "checkpoints": ["x"]}),
        json!({"role": "staff", "checkpoints": ["0000000000000000"]}),
        json!({"role": "staff", "name": "a\nb"}),
        json!({"role": "staff", "name": "n".repeat(101)}),
        json!({"role": "staff", "nme": "typo"}),
        json!({"name": "no role"}),
    ] {
        let answer = app.post(&app.operator(), &path, &request).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "bad_field"), "{request}");
    }
    let nowhere = format!("/api/v1/events/{}/devices", EventId::from_random([9; 16]));
    let answer = app.post(&app.operator(), &nowhere, &json!({"role": "staff"})).await;
    assert_eq!(answer.code(), "event_not_found");
    app.stop().await;
}

#[tokio::test]
async fn a_revoked_device_is_refused_and_its_connections_end() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let (staff, other) = (app.staff(event).await, app.staff(event).await);
    let mut sockets = Vec::new();
    for token in [&staff.token, &other.token] {
        let url = format!("ws://{}/sync?access_token={token}", app.address);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        socket.send(Message::Binary(testing::join("phone").into())).await.unwrap();
        assert!(matches!(socket.next().await, Some(Ok(Message::Binary(_)))), "the server introduces itself");
        sockets.push(socket);
    }

    let path = |id: &str| format!("/api/v1/events/{event}/devices/{id}");
    let answer = app.delete(&app.operator(), &path(&staff.id)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get(&staff.token, "/api/v1/events").await.code(), "device_revoked");
    assert_eq!(app.get(&staff.token, "/sync").await.code(), "device_revoked");
    assert_eq!(app.get(&other.token, "/api/v1/events").await.status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(1), testing::last_words(&mut sockets[0])).await;
    let (_, close) = ended.expect("the connection must end within a second");
    assert_eq!(close, Some((1008, "device_revoked".to_owned())));
    sockets[1].send(Message::Ping("still here".into())).await.unwrap();
    assert!(matches!(sockets[1].next().await, Some(Ok(Message::Pong(_)))));

    let devices = app.get(&app.operator(), &format!("/api/v1/events/{event}/devices")).await.json();
    let revoked = |id: &str| {
        let found = devices["devices"].as_array().unwrap().iter().find(|device| device["device_id"] == id).unwrap();
        found["revoked_at_ms"].is_i64()
    };
    assert!(revoked(&staff.id) && !revoked(&other.id));
    assert_eq!(app.delete(&app.operator(), &path("0000000000000000")).await.code(), "device_not_found");
    assert_eq!(app.delete(&app.operator(), &path("nobody")).await.code(), "bad_parameter");
    app.stop().await;
}
