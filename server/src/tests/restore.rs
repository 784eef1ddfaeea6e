//! Backups are looked at and restored.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::cli::{muster, muster_json};
use super::test_app::TestApp;
use crate::cli::CliError;
use crate::restore::{self, RestoreError};
use crate::storage::DATABASE_FILE;

/// A server that was backed up while it ran; gives the folder with the backup `copy` in it.
async fn backed_up() -> (tempfile::TempDir, String) {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    app.staff(event).await;
    let place = tempfile::tempdir().unwrap();
    let body = json!({"target": place.path().join("copy")});
    app.post(&app.operator(), "/api/v1/backups", &body).await.json();
    app.stop().await;
    (place, event.to_string())
}

async fn as_it_is(_: &Path) -> Result<(), RestoreError> {
    Ok(())
}

fn damage(copy: &Path, sql: &str) {
    let database = rusqlite::Connection::open(copy.join(DATABASE_FILE)).unwrap();
    database.pragma_update(None, "foreign_keys", false).unwrap();
    database.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_backup_is_checked_unchanged_and_restored_once() {
    let (place, event) = backed_up().await;
    let (copy, data) = (place.path().join("copy"), place.path().join("data"));
    let before = fs::read(copy.join(DATABASE_FILE)).unwrap();
    let words = ["restore", copy.to_str().unwrap()];
    let found = muster_json(&data, &[words[0], words[1], "--check"]).await;
    assert_eq!((&found["sound"], &found["events"], &found["devices"]), (&json!(true), &json!(1), &json!(1)));
    assert!(found["documents"].as_u64().unwrap() >= 5 && found["changes"].as_u64() > found["documents"].as_u64());
    assert_eq!(fs::read(copy.join(DATABASE_FILE)).unwrap(), before);
    assert!(!data.exists(), "looking restores nothing");

    fs::create_dir(&data).unwrap();
    let said = muster(&data, &words).await.unwrap();
    assert!(said.contains("Complete and readable.") && said.contains("muster serve --data"), "{said}");
    let list = muster(&data, &["event", "export", &event, "--format", "attendees-csv"]).await.unwrap();
    assert!(list.contains("Jānis Bērziņš"));
    let verified = muster_json(&data, &["audit", "verify"]).await;
    assert_eq!(verified["sound"], true);
    let log = muster(&data, &["audit", "export"]).await.unwrap();
    assert!(log.contains("\"backup.restored\""), "{log}");
    let again = muster(&data, &words).await.unwrap_err();
    assert!(matches!(again, CliError::Restore(RestoreError::NotEmpty { .. })), "{again}");
    let nothing = restore::check(place.path()).unwrap_err();
    assert!(matches!(nothing, RestoreError::NoBackup { .. }), "{nothing}");
}

#[tokio::test]
async fn what_is_wrong_with_a_backup_is_said_and_it_is_not_restored() {
    let cases = [
        ("DELETE FROM chunks WHERE seq = (SELECT max(seq) FROM chunks)", "document"),
        ("UPDATE chunks SET bytes = zeroblob(100) WHERE seq = (SELECT min(seq) FROM chunks)", "document"),
        ("UPDATE documents SET heads = zeroblob(32) WHERE ref = 'program'", "it lacks changes that were stored"),
        ("DELETE FROM events", "belong to rows that are not there"),
        ("DROP TRIGGER audit_entries_never_change; UPDATE audit SET at = 1 WHERE seq = 2", "the audit log"),
    ];
    let (place, _) = backed_up().await;
    for (number, (sql, fault)) in cases.into_iter().enumerate() {
        let copy = place.path().join(format!("damaged-{number}"));
        fs::create_dir_all(copy.join("keys")).unwrap();
        for file in [DATABASE_FILE, "keys/signing.pem"] {
            fs::copy(place.path().join("copy").join(file), copy.join(file)).unwrap();
        }
        damage(&copy, sql);
        let found = restore::check(&copy).unwrap();
        assert!(!found.sound && found.faults.iter().any(|said| said.contains(fault)), "{sql}: {:?}", found.faults);
        let data = place.path().join("data");
        let refused = restore::restore(&copy, &data, as_it_is).await.unwrap_err();
        assert!(matches!(refused, RestoreError::Unsound { .. }), "{refused}");
        assert!(!data.exists());
        let check = muster(&data, &["restore", copy.to_str().unwrap(), "--check"]).await.unwrap_err();
        assert!(matches!(check, CliError::BackupUnsound), "{check}");
    }
    let copy = place.path().join("copy");
    fs::remove_file(copy.join("keys/signing.pem")).unwrap();
    assert!(restore::check(&copy).unwrap().faults[0].contains("signing keys"));
    damage(&copy, "PRAGMA user_version = 99");
    assert!(matches!(restore::check(&copy).unwrap_err(), RestoreError::Storage(_)));
}

#[tokio::test]
async fn a_restore_that_was_killed_is_begun_again() {
    let (place, _) = backed_up().await;
    let data = place.path().join("data");
    fs::create_dir(place.path().join("data.restoring")).unwrap();
    fs::write(place.path().join("data.restoring").join(DATABASE_FILE), "half").unwrap();
    restore::restore(&place.path().join("copy"), &data, as_it_is).await.unwrap();
    assert!(!place.path().join("data.restoring").exists());
    muster(&data, &["event", "list"]).await.unwrap();
}
