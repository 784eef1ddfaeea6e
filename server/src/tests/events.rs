use muster_model::id::EventId;
use serde_json::{Value, json};

use super::test_app::TestApp;

#[tokio::test]
async fn an_event_begins_with_an_entrance_and_a_template() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let shown = app.get(&app.operator(), &format!("/api/v1/events/{event}")).await.json();
    assert_eq!((shown["name"].as_str(), shown["acronym"].as_str()), (Some("Baltic Summit"), Some("baltic-2027")));
    assert_eq!(shown["time_zone"], "Europe/Riga");
    assert_eq!(shown["ends_at_ms"].as_i64().unwrap() - shown["starts_at_ms"].as_i64().unwrap(), 2 * 86_400_000);
    let counts = app.get(&app.operator(), &format!("/api/v1/events/{event}/counts")).await.json();
    assert_eq!(counts["checkpoints"][0]["name"], "Entrance");
    assert_eq!(
        counts["checkpoints"][0]["total"],
        json!({
            "admitted": 0, "inside": 0, "admissions": 0, "extra_inside": 0
        })
    );
    app.fill(event).await;
    let counts = app.get(&app.operator(), &format!("/api/v1/events/{event}/counts")).await.json();
    assert_eq!(counts["attendees"], 3);
    assert_eq!(counts["readiness"]["not_started"], 2, "the template is for every session");
    assert_eq!(counts["double_admissions"], json!({"open": 0, "settled": 0}));
    app.stop().await;
}

#[tokio::test]
async fn what_an_event_is_asked_to_be_is_checked() {
    let app = TestApp::start().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "E", "time_zone": "Riga"}), "time_zone"),
        (json!({"name": "E", "starts": "soon"}), "starts"),
        (json!({"name": "E", "zone": "UTC"}), "time_zone"),
        (json!({"name": "E", "starts": "2027-05-21", "ends": "2027-05-20"}), "ends"),
    ] {
        let answer = app.post(&app.operator(), "/api/v1/events", &body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "bad_field"), "{body}");
        assert!(answer.text().contains(field), "{}", answer.text());
    }
    assert_eq!(app.get(&app.operator(), "/api/v1/events").await.json()["events"], json!([]));
    app.stop().await;
}

#[tokio::test]
async fn other_events_do_not_exist() {
    let app = TestApp::start().await;
    let (mine, theirs) = (app.event().await, app.event().await);
    let staff = app.staff(mine).await;
    let seen = app.get(&staff.token, "/api/v1/events").await.json();
    let ids: Vec<&Value> = seen["events"].as_array().unwrap().iter().map(|event| &event["event_id"]).collect();
    assert_eq!(ids, [&json!(mine.to_string())]);
    let nowhere = EventId::from_random([9; 16]);
    for path in ["", "/documents", "/counts", "/devices", "/exports/schedule-xml"] {
        let answer = app.get(&staff.token, &format!("/api/v1/events/{theirs}{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "event_not_found"), "{path}");
        let answer = app.get(&app.operator(), &format!("/api/v1/events/{nowhere}{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "event_not_found"), "{path}");
    }
    assert_eq!(app.get(&app.operator(), "/api/v1/events").await.json()["events"].as_array().unwrap().len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn each_role_is_shown_the_documents_it_may_read() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    let documents = async |token: &str| {
        let answer = app.get(token, &format!("/api/v1/events/{event}/documents")).await.json();
        let line = |document: &Value| {
            let text = |field: &str| document[field].as_str().unwrap_or("-").to_owned();
            assert!(text("document_id").parse::<muster_protocol::DocumentId>().is_ok());
            [text("kind"), text("part"), text("access")].join(" ")
        };
        answer["documents"].as_array().unwrap().iter().map(line).collect::<Vec<_>>()
    };
    let staff = documents(&app.staff(event).await.token).await;
    let seen_by_staff = ["event - read", "program - read", "roster 00 read", "checkins 00 append", "rooms - append"];
    for line in seen_by_staff {
        assert!(staff.iter().any(|found| found == line), "{line} in {staff:?}");
    }
    assert!(!staff.iter().any(|line| line.starts_with("contacts") || line.starts_with("plan")), "{staff:?}");
    let coordinator = app.device(event, &json!({"role": "coordinator"})).await;
    let coordinator = documents(&coordinator.token).await;
    assert!(coordinator.iter().any(|line| line == "contacts 00 edit"), "{coordinator:?}");
    assert_eq!(documents(&app.operator()).await, coordinator);
    app.stop().await;
}

#[tokio::test]
async fn a_presenter_sees_their_own_logistics_only() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    let exported = app.get(&app.operator(), &format!("/api/v1/events/{event}/exports/schedule-json")).await.text();
    let presenters = presenter_ids(&app, event).await;
    assert_eq!(presenters.len(), 2, "{exported}");
    let me = app.device(event, &json!({"role": "presenter", "presenter": presenters[0]})).await;
    let answer = app.get(&me.token, &format!("/api/v1/events/{event}/documents")).await.json();
    let mine = answer["documents"].as_array().unwrap().iter().filter(|document| document["kind"] == "presenter");
    assert_eq!(mine.map(|document| &document["part"]).collect::<Vec<_>>(), [&json!(presenters[0])]);
    assert_eq!(app.get(&me.token, &format!("/api/v1/events/{event}/counts")).await.code(), "forbidden");
    let programme = app.get(&me.token, &format!("/api/v1/events/{event}/exports/schedule-xml")).await;
    assert_eq!(programme.status, 200);
    app.stop().await;
}

/// The coordinator's list has a document for each presenter.
pub(super) async fn presenter_ids(app: &TestApp, event: EventId) -> Vec<String> {
    let answer = app.get(&app.operator(), &format!("/api/v1/events/{event}/documents")).await.json();
    let all = answer["documents"].as_array().unwrap().iter().filter(|document| document["kind"] == "presenter");
    all.map(|document| document["part"].as_str().unwrap().to_owned()).collect()
}
