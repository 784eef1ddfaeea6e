use std::path::Path;

use serde_json::{Value, json};

use super::cli::{muster, muster_json};
use super::test_app::TestApp;
use crate::cli::CliError;
use crate::storage::DATABASE_FILE;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Everything that is recorded today, by everybody who can do it.
async fn a_day(app: &TestApp, copy: &Path) -> (String, [String; 2]) {
    let event = app.event().await;
    app.fill(event).await;
    let boss = app.device(event, &json!({"role": "coordinator", "name": "Ilze"})).await;
    let path = format!("/api/v1/events/{event}/devices");
    let code = app.post(&boss.token, &path, &json!({"role": "staff", "name": "Gate A"})).await.json();
    let staff = app.post("", "/api/v1/devices/enrol", &json!({ "code": code["code"] })).await.json();
    let staff = staff["device_id"].as_str().unwrap().to_owned();
    for format in ["attendees-csv", "schedule-xml"] {
        let answer = app.get(&boss.token, &format!("/api/v1/events/{event}/exports/{format}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for _ in 0..2 {
        assert_eq!(app.delete(&boss.token, &format!("{path}/{staff}")).await.status, 204);
    }
    let target = copy.join("copy");
    app.post(&app.operator(), "/api/v1/backups", &json!({ "target": target })).await.json();
    let refused = app.post(&app.operator(), "/api/v1/backups", &json!({ "target": target })).await;
    assert_eq!(refused.code(), "backup_target");
    (event.to_string(), [boss.id, staff])
}

#[tokio::test]
async fn what_is_done_is_recorded_with_who_did_it() {
    let (app, copy) = (TestApp::start().await, tempfile::tempdir().unwrap());
    let (event, [boss, staff]) = a_day(&app, copy.path()).await;
    let exported = muster(app.dir.path(), &["audit", "export"]).await.unwrap();
    let told: Vec<String> = lines(&exported)
        .iter()
        .map(|entry| ["actor", "action", "detail"].map(|field| entry[field].as_str().unwrap().to_owned()).join(" "))
        .collect();
    let (by_boss, by_staff) = (format!("device:{boss}"), format!("device:{staff}"));
    let wanted = [
        "operator event.created ".to_owned(),
        "operator event.import_began format=schedule-xml source=schedule_xml".to_owned(),
        "operator event.imported format=schedule-xml source=schedule_xml created=7 changed=1 cancelled=0".to_owned(),
        "operator event.import_began format=attendees-csv source=attendees_csv".to_owned(),
        "operator event.imported format=attendees-csv source=attendees_csv created=6 changed=0 cancelled=0".to_owned(),
        "operator device.code_made role=coordinator".to_owned(),
        format!("{by_boss} device.enrolled role=coordinator"),
        format!("{by_boss} device.code_made role=staff"),
        format!("{by_staff} device.enrolled role=staff"),
        format!("{by_boss} event.exported format=attendees-csv"),
        format!("{by_boss} device.revoked "),
        "operator backup.made ".to_owned(),
    ];
    assert_eq!(told, wanted);
    for personal in ["Ilze", "Gate", "Baltic", "Bērziņš", "example.org", "TICKET"] {
        assert!(!exported.contains(personal), "{personal}");
    }
    let of_event = muster(app.dir.path(), &["audit", "export", "--event", &event]).await.unwrap();
    assert_eq!(lines(&of_event).len(), wanted.len() - 1);
    let entries = lines(&exported);
    let (made, enrolled) = (&entries[7], &entries[8]);
    let code = made["subjects"].as_str().unwrap();
    assert_eq!(enrolled["subjects"], format!("{by_staff} {code}"), "who invited whom can be seen");
    app.stop().await;
    // The copy ends with the entry about itself, and its chain is whole.
    let copied = muster(&copy.path().join("copy"), &["audit", "export"]).await.unwrap();
    assert_eq!(copied, exported);
    muster(&copy.path().join("copy"), &["audit", "verify"]).await.unwrap();
}

#[tokio::test]
async fn the_command_line_says_what_is_wrong_with_the_log() {
    let (app, copy) = (TestApp::start().await, tempfile::tempdir().unwrap());
    a_day(&app, copy.path()).await;
    let found = muster_json(app.dir.path(), &["audit", "verify"]).await;
    assert_eq!((&found["sound"], &found["entries"], &found["head"]["seq"]), (&json!(true), &json!(12), &json!(12)));
    let head = found["head"]["hash"].as_str().unwrap().to_owned();
    muster(app.dir.path(), &["audit", "verify", "--head", &head]).await.unwrap();
    let unknown = "0".repeat(64);
    let error = muster(app.dir.path(), &["audit", "verify", "--head", &unknown]).await.unwrap_err();
    assert!(matches!(error, CliError::AuditUnsound), "{error}");
    let error = muster(app.dir.path(), &["audit", "verify", "--head", "../x"]).await.unwrap_err();
    assert!(matches!(error, CliError::Refused(body) if body.code == "bad_parameter"));
    let file = copy.path().join("audit.jsonl");
    let line = ["audit", "export", "--output", file.to_str().unwrap()];
    assert_eq!(muster(app.dir.path(), &line).await.unwrap(), "");
    assert_eq!(lines(&std::fs::read_to_string(file).unwrap()).len(), 12);
    let dir = app.stop().await;
    let conn = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    conn.execute_batch("DROP TRIGGER audit_entries_never_change; UPDATE audit SET actor = 'server' WHERE seq = 11")
        .unwrap();
    drop(conn);
    let error = muster(dir.path(), &["audit", "verify"]).await.unwrap_err();
    assert!(matches!(error, CliError::AuditUnsound), "{error}");
}

#[tokio::test]
async fn only_the_local_administrator_reads_the_log() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let boss = app.device(event, &json!({"role": "coordinator"})).await;
    for path in ["/api/v1/audit", "/api/v1/audit/verification"] {
        assert_eq!(app.get(&boss.token, path).await.code(), "forbidden");
        assert_eq!(app.get("", path).await.code(), "token_missing");
    }
    let first = app.get(&app.operator(), "/api/v1/audit?limit=1").await.json();
    assert_eq!(first["entries"].as_array().unwrap().len(), 1);
    let rest = app.get(&app.operator(), "/api/v1/audit?after=1&limit=100000").await.json();
    assert_eq!(rest["entries"].as_array().unwrap().len(), 2);
    assert_eq!(app.get(&app.operator(), "/api/v1/audit?event=x").await.code(), "bad_parameter");
    assert_eq!(app.get(&app.operator(), "/api/v1/audit/verification?head=abc").await.code(), "bad_parameter");
    app.stop().await;
}
