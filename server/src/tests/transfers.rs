use muster_model::id::EventId;
use serde_json::json;

use super::test_app::{ATTENDEES, SCHEDULE, TestApp};

async fn import(app: &TestApp, event: EventId, query: &str, file: &str) -> serde_json::Value {
    app.upload(&app.operator(), &format!("/api/v1/events/{event}/imports{query}"), file).await.json()
}

#[tokio::test]
async fn a_second_import_changes_nothing_and_an_update_only_what_it_changed() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let first = import(&app, event, "", SCHEDULE).await;
    assert_eq!((&first["format"], &first["source"]), (&json!("schedule-xml"), &json!("schedule_xml")));
    assert_eq!((&first["changed"], &first["collections"]["sessions"]["created"]), (&json!(true), &json!(2)));
    assert_eq!(first["collections"]["presenters"]["created"], 2);
    let list = import(&app, event, "?format=auto&source=registration", ATTENDEES).await;
    assert_eq!((&list["format"], &list["source"]), (&json!("attendees-csv"), &json!("registration")));
    assert_eq!(list["collections"]["attendees"]["created"], 3);

    let export =
        async |format: &str| app.get(&app.operator(), &format!("/api/v1/events/{event}/exports/{format}")).await.text();
    let before = (export("schedule-xml").await, export("attendees-csv").await);
    for (query, file) in [("", SCHEDULE), ("?source=registration", ATTENDEES)] {
        let again = import(&app, event, query, file).await;
        assert_eq!(again["changed"], false, "{again}");
    }
    assert_eq!((export("schedule-xml").await, export("attendees-csv").await), before);

    let updated = ATTENDEES.replace("Hafen GmbH", "Hafen AG");
    let update = import(&app, event, "?source=registration", &updated).await;
    assert_eq!(update["collections"]["attendees"]["changed"], 1);
    assert_eq!(update["collections"]["attendees"]["unchanged"], 2);
    assert!(export("attendees-csv").await.contains("Hafen AG"));
    app.stop().await;
}

#[tokio::test]
async fn a_crash_before_the_source_is_remembered_costs_nothing() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    let database = rusqlite::Connection::open(app.dir.path().join(crate::storage::DATABASE_FILE)).unwrap();
    // As if the server had been killed after the documents were written, before the base was.
    assert!(database.execute("DELETE FROM import_bases", []).unwrap() > 0);
    for file in [SCHEDULE, ATTENDEES] {
        let again = import(&app, event, "", file).await;
        assert_eq!(again["changed"], false, "{again}");
    }
    let remembered: i64 = database.query_row("SELECT count(*) FROM import_bases", [], |row| row.get(0)).unwrap();
    assert!(remembered > 0);
    app.stop().await;
}

#[tokio::test]
async fn imports_at_once_follow_each_other() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let all = futures_util::future::join_all((0..6).map(|_| import(&app, event, "", ATTENDEES))).await;
    let changed = all.iter().filter(|report| report["changed"] == true).count();
    assert_eq!(changed, 1);
    let counts = app.get(&app.operator(), &format!("/api/v1/events/{event}/counts")).await.json();
    assert_eq!(counts["attendees"], 3);
    app.stop().await;
}

#[tokio::test]
async fn a_bad_file_is_refused_with_its_code() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let bomb = "<!DOCTYPE schedule [<!ENTITY a \"b\">]><schedule>&a;</schedule>";
    for (query, file, status, code) in [
        ("?format=schedule-xml", "", 422, "import_empty"),
        ("?format=schedule-xml", "<schedule><day", 422, "import_not_xml"),
        ("?format=schedule-xml", bomb, 422, "import_entities"),
        ("?format=schedule-xml", ATTENDEES, 422, "import_wrong_kind"),
        ("?format=schedule-json", "{\"schedule\": [", 422, "import_not_json"),
        ("?format=attendees-csv", "Organisation,Town\nA,B\n", 422, "import_missing_column"),
        ("", "nothing that is known", 422, "format_not_detected"),
        ("?format=word", SCHEDULE, 400, "format_unknown"),
        ("?source=a%20b", SCHEDULE, 400, "bad_parameter"),
        ("?fromat=auto", SCHEDULE, 400, "bad_parameter"),
    ] {
        let path = format!("/api/v1/events/{event}/imports{query}");
        let answer = app.upload(&app.operator(), &path, file).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{query} {file:.20}");
    }
    app.stop().await;
}

#[tokio::test]
async fn every_format_is_exported_as_what_it_is() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    for (format, media_type, name, holds) in [
        ("schedule-xml", "application/xml; charset=utf-8", "baltic-2027-schedule.xml", "<title>Opening</title>"),
        ("schedule-json", "application/json", "baltic-2027-schedule.json", "\"Opening\""),
        ("icalendar", "text/calendar; charset=utf-8", "baltic-2027-schedule.ics", "SUMMARY:Opening"),
        ("attendees-csv", "text/csv; charset=utf-8; header=present", "baltic-2027-attendees.csv", "Jānis Bērziņš"),
        ("checkins-csv", "text/csv; charset=utf-8; header=present", "baltic-2027-check-ins.csv", "Muster ID"),
    ] {
        let answer = app.get(&app.operator(), &format!("/api/v1/events/{event}/exports/{format}")).await;
        assert_eq!(answer.status, 200, "{format}");
        assert_eq!(answer.headers["content-type"], media_type);
        assert_eq!(answer.headers["content-disposition"], format!("attachment; filename=\"{name}\""));
        assert!(answer.text().contains(holds), "{format}: {}", answer.text());
    }
    let answer = app.get(&app.operator(), &format!("/api/v1/events/{event}/exports/pdf")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "format_unknown"));
    app.stop().await;
}

#[tokio::test]
async fn an_exported_programme_is_the_same_programme() {
    let app = TestApp::start().await;
    let (event, copy) = (app.event().await, app.event().await);
    app.fill(event).await;
    let export = async |event: EventId, format: &str| {
        app.get(&app.operator(), &format!("/api/v1/events/{event}/exports/{format}")).await.text()
    };
    let exported = export(event, "schedule-xml").await;
    import(&app, copy, "?format=schedule-xml", &exported).await;
    assert_eq!(export(copy, "schedule-xml").await, exported);
    app.stop().await;
}

#[tokio::test]
async fn a_backup_is_a_server_with_equal_events() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    let staff = app.staff(event).await;
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("copy");
    let body = json!({ "target": target });
    let made = app.post(&app.operator(), "/api/v1/backups", &body).await.json();
    assert!(made["database_bytes"].as_u64().unwrap() > 0);
    assert_eq!(app.post(&app.operator(), "/api/v1/backups", &body).await.code(), "backup_target");
    let unwritable = json!({"target": app.dir.path().join(crate::storage::DATABASE_FILE).join("copy")});
    assert_eq!(app.post(&app.operator(), "/api/v1/backups", &unwritable).await.code(), "backup_target");

    let shown = async |app: &TestApp, operator: &str| {
        let mut shown = Vec::new();
        for path in ["", "/documents", "/exports/schedule-xml", "/exports/attendees-csv", "/exports/checkins-csv"] {
            let answer = app.get(operator, &format!("/api/v1/events/{event}{path}")).await;
            assert_eq!(answer.status, 200, "{path}");
            shown.push(answer.text());
        }
        shown
    };
    let operator = app.operator();
    let before = shown(&app, &operator).await;
    app.stop().await;
    let restored = TestApp::start_with(place, |config| config.data.dir = target).await;
    assert_eq!(shown(&restored, &operator).await, before);
    let answer = restored.get(&staff.token, "/api/v1/events").await;
    assert_eq!(answer.status, 200, "a device's token is good there too");
    restored.stop().await;
}
