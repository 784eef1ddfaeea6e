use muster_model::document::{self, DocKind, DocRef};
use muster_model::fact::{self, Fact, FactBody, Incident, Severity};
use muster_model::id::{DeviceId, EventId, FactId};
use muster_model::time::Timestamp;
use reqwest::StatusCode;
use serde_json::json;

use super::test_app::TestApp;
use crate::storage::DATABASE_FILE;

const ROOMS: DocRef = DocRef::whole(DocKind::Rooms);

fn incident(seed: u8, counter: u64) -> Fact {
    let body = Incident { room: None, session: None, severity: Severity::Urgent, text: "smoke".into() };
    let id = FactId { device: DeviceId::from_random([seed; 8]), counter };
    Fact { id, at: Timestamp::from_ms(5), skew: None, by: "Ada".into(), body: FactBody::Incident(body) }
}

/// A refused message as a device sends it.
fn changes(event: EventId, facts: &[Fact]) -> Vec<u8> {
    let mut doc = document::create(event, &ROOMS, DeviceId::from_random([1; 8]).actor([1; 8])).unwrap();
    let before = doc.get_heads();
    for fact in facts {
        let mut transaction = doc.transaction();
        fact::append(&mut transaction, fact).unwrap();
        transaction.commit();
    }
    doc.get_changes(&before).iter().flat_map(|change| change.raw_bytes().to_vec()).collect()
}

fn keep(app: &TestApp, event: EventId, bytes: &[u8]) -> i64 {
    let database = rusqlite::Connection::open(app.dir.path().join(DATABASE_FILE)).unwrap();
    let insert = "INSERT INTO quarantine (doc_id, event_id, device_id, author, code, reason, bytes, digest, received_at)
                  VALUES (?1, ?2, '0101010101010101', '0101010101010101', 'author_revoked', 'revoked', ?3, randomblob(32), 7)";
    database.execute(insert, rusqlite::params![ROOMS.id(event).as_bytes(), event.to_string(), bytes]).unwrap();
    database.last_insert_rowid()
}

async fn incidents(app: &TestApp, event: EventId) -> usize {
    let database = rusqlite::Connection::open(app.dir.path().join(DATABASE_FILE)).unwrap();
    let select = "SELECT bytes FROM chunks WHERE doc_id = ?1 ORDER BY kind = 'snapshot' DESC, seq";
    let mut statement = database.prepare(select).unwrap();
    let rows = statement.query_map([ROOMS.id(event).as_bytes()], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let bytes: Vec<u8> = rows.flat_map(Result::unwrap).collect();
    let doc = document::load(&bytes, DeviceId::from_random([9; 8]).actor([9; 8])).unwrap();
    fact::read_all(&doc).unwrap().facts.len()
}

#[tokio::test]
async fn a_coordinator_looks_at_an_entry_and_accepts_it_once() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let before = incidents(&app, event).await;
    let entry = keep(&app, event, &changes(event, &[incident(1, 4), incident(1, 5)]));
    let path = format!("/api/v1/events/{event}/quarantine");
    let listed = app.get(&app.operator(), &path).await.json();
    assert_eq!(
        (listed["entries"][0]["id"].as_i64(), &listed["entries"][0]["document"]),
        (Some(entry), &json!("rooms"))
    );
    assert_eq!(listed["entries"][0]["code"], "author_revoked");
    let shown = app.get(&app.operator(), &format!("{path}/{entry}")).await.json();
    assert_eq!(shown["facts"][0]["id"], "0101010101010101-4");
    assert_eq!(shown["facts"][1]["fact"]["text"], "smoke");
    let accept = format!("{path}/{entry}/accept");
    let accepted = app.post(&app.operator(), &accept, &json!({"note": "seen by Bo"})).await.json();
    assert_eq!(accepted, json!({"written": 2, "there": 0, "left_out": 0}));
    assert_eq!(incidents(&app, event).await, before + 2);
    let again = app.post(&app.operator(), &accept, &json!({})).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "quarantine_decided"));
    assert_eq!(app.get(&app.operator(), &path).await.json()["entries"], json!([]));
    let decided = app.get(&app.operator(), &format!("{path}?decided=true")).await.json();
    assert_eq!(
        (&decided["entries"][0]["decision"], &decided["entries"][0]["note"]),
        (&json!("accepted"), &json!("seen by Bo"))
    );
    assert_eq!(decided["entries"][0]["bytes"], 0);
    // The same facts from somebody else are there already; other words for one of them are left out.
    let other = Fact { by: "Eve".into(), ..incident(1, 5) };
    let entry = keep(&app, event, &changes(event, &[incident(1, 4), other]));
    let accepted = app.post(&app.operator(), &format!("{path}/{entry}/accept"), &json!({})).await.json();
    assert_eq!(accepted, json!({"written": 0, "there": 1, "left_out": 1}));
    let log = app.get(&app.operator(), "/api/v1/audit").await.json().to_string();
    assert_eq!(log.matches("quarantine.accepted").count(), 2, "{log}");
    app.stop().await;
}

#[tokio::test]
async fn discarding_changes_nothing_and_needs_the_right() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let before = incidents(&app, event).await;
    let entry = keep(&app, event, &changes(event, &[incident(1, 4)]));
    let path = format!("/api/v1/events/{event}/quarantine/{entry}");
    let staff = app.staff(event).await.token;
    for (method, path) in
        [("get", path.clone()), ("post", format!("{path}/accept")), ("post", format!("{path}/discard"))]
    {
        let answer = match method {
            "get" => app.get(&staff, &path).await,
            _ => app.post(&staff, &path, &json!({})).await,
        };
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
    }
    let discarded = app.post(&app.operator(), &format!("{path}/discard"), &json!({"note": "made up"})).await;
    assert_eq!(discarded.status, StatusCode::OK);
    assert_eq!(incidents(&app, event).await, before);
    let unknown = app.post(&app.operator(), &format!("/api/v1/events/{event}/quarantine/999/accept"), &json!({})).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (StatusCode::NOT_FOUND, "quarantine_not_found"));
    let nothing = keep(&app, event, b"no changes");
    let answer =
        app.post(&app.operator(), &format!("/api/v1/events/{event}/quarantine/{nothing}/accept"), &json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "quarantine_nothing"));
    app.stop().await;
}
