//! Every role at every door.

use serde_json::json;

use super::test_app::{SCHEDULE, TestApp};

/// Statuses for: operator, coordinator, finance, staff.
const TABLE: &[(&str, &str, [u16; 4])] = &[
    ("POST", "/api/v1/events", [422, 403, 403, 403]),
    ("GET", "/api/v1/events", [200, 200, 200, 200]),
    ("GET", "/api/v1/events/{event}", [200, 200, 200, 200]),
    ("GET", "/api/v1/events/{event}/documents", [200, 200, 200, 200]),
    ("GET", "/api/v1/events/{event}/counts", [200, 200, 200, 200]),
    ("GET", "/api/v1/events/{event}/devices", [200, 200, 403, 403]),
    ("POST", "/api/v1/events/{event}/devices", [422, 422, 403, 403]),
    ("DELETE", "/api/v1/events/{event}/devices/0000000000000000", [404, 404, 403, 403]),
    ("POST", "/api/v1/events/{event}/devices/0000000000000000/approve", [404, 404, 403, 403]),
    ("PUT", "/api/v1/events/{event}/devices/0000000000000000/role", [422, 422, 403, 403]),
    ("PUT", "/api/v1/events/{event}/devices/0000000000000000/name", [422, 422, 403, 403]),
    ("GET", "/api/v1/events/{event}/device-alerts", [200, 200, 403, 403]),
    ("GET", "/api/v1/events/{event}/leases", [200, 200, 403, 403]),
    ("GET", "/api/v1/events/{event}/accounts", [200, 200, 403, 403]),
    ("POST", "/api/v1/events/{event}/accounts", [422, 403, 403, 403]),
    ("DELETE", "/api/v1/events/{event}/accounts/0000000000000000", [404, 404, 403, 403]),
    ("POST", "/api/v1/events/{event}/invitations", [422, 422, 403, 403]),
    ("GET", "/api/v1/keys", [200, 403, 403, 403]),
    ("GET", "/api/v1/events/{event}/ticket-keys", [200, 200, 403, 403]),
    ("DELETE", "/api/v1/events/{event}/ticket-keys/0a1b2c", [404, 404, 403, 403]),
    ("POST", "/api/v1/events/{event}/tickets", [422, 422, 403, 403]),
    ("POST", "/api/v1/events/{event}/withdrawn-tickets", [404, 404, 403, 403]),
    ("POST", "/api/v1/events/{event}/ticket-keys", [201, 201, 403, 403]),
    ("IMPORT", "/api/v1/events/{event}/imports", [200, 200, 403, 403]),
    ("GET", "/api/v1/events/{event}/exports/schedule-xml", [200, 200, 200, 200]),
    ("GET", "/api/v1/events/{event}/exports/schedule-json", [200, 200, 200, 200]),
    ("GET", "/api/v1/events/{event}/exports/icalendar", [200, 200, 200, 200]),
    ("GET", "/api/v1/events/{event}/exports/attendees-csv", [200, 200, 403, 403]),
    ("GET", "/api/v1/events/{event}/exports/checkins-csv", [200, 200, 403, 403]),
    ("POST", "/api/v1/backups", [422, 403, 403, 403]),
    ("GET", "/api/v1/backups", [200, 403, 403, 403]),
    ("DELETE", "/api/v1/events/{event}/attendees/0000000000000000", [404, 404, 403, 403]),
    ("GET", "/api/v1/events/{event}/retention", [200, 200, 403, 403]),
    ("PUT", "/api/v1/events/{event}/retention", [422, 422, 403, 403]),
];

#[tokio::test]
async fn every_role_may_do_what_the_table_says() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let mut tokens = vec![app.operator()];
    for role in ["coordinator", "finance", "staff"] {
        tokens.push(app.device(event, &json!({ "role": role })).await.token);
    }
    // Bodies that are refused past the door, so that nothing is made.
    let refused = |path: &str| match path {
        "/api/v1/events" => json!({"name": ""}),
        path if path.ends_with("/accounts") => json!({"name": "", "password": "", "role": "nobody"}),
        "/api/v1/backups" => json!({"target": "relative"}),
        path if path.ends_with("/tickets") => json!({}),
        path if path.ends_with("/withdrawn-tickets") => json!({"attendee": "0000000000000000", "state": "good"}),
        path if path.ends_with("/name") => json!({"name": ""}),
        path if path.ends_with("/retention") => json!({"days": 40_000}),
        _ => json!({"role": "nobody"}),
    };
    for (method, path, wanted) in TABLE {
        let path = path.replace("{event}", &event.to_string());
        for (token, wanted) in tokens.iter().zip(wanted) {
            let answer = match *method {
                "GET" => app.get(token, &path).await,
                "PUT" => app.put(token, &path, &refused(&path)).await,
                "DELETE" => app.delete(token, &path).await,
                "IMPORT" => app.upload(token, &path, SCHEDULE).await,
                _ => app.post(token, &path, &refused(&path)).await,
            };
            assert_eq!(answer.status.as_u16(), *wanted, "{method} {path} {}", answer.text());
        }
    }
    app.stop().await;
}
