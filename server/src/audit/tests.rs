use rusqlite::Connection;

use super::*;
use crate::storage::DATABASE_FILE;

const TRIGGERS: [&str; 3] = ["audit_entries_never_change", "audit_entries_never_go", "audit_entries_follow_each_other"];

/// A log of so many entries, and the file that it is in.
struct Log {
    dir: tempfile::TempDir,
    storage: Storage,
}

fn entry(number: i64) -> Entry {
    let device = DeviceId::from_random([u8::try_from(number).unwrap(); 8]);
    let entry = Entry::new(Timestamp::from_ms(number), Actor::Operator, Action::DeviceRevoked);
    entry.subject(Subject::Device(device)).detail("role", "staff")
}

impl Log {
    async fn of(count: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join(DATABASE_FILE)).unwrap();
        for number in 1..=count {
            record(&storage, entry(number)).await.unwrap();
        }
        Self { dir, storage }
    }

    /// What somebody can do who may write the file.
    fn tamper(&self, sql: &str) {
        let conn = Connection::open(self.dir.path().join(DATABASE_FILE)).unwrap();
        for trigger in TRIGGERS {
            conn.execute_batch(&format!("DROP TRIGGER IF EXISTS {trigger}")).unwrap();
        }
        conn.execute_batch(sql).unwrap();
    }

    /// Puts a new entry in after another one, with a hash that is right, and renumbers those behind it.
    fn insert_after(&self, after: i64) {
        let conn = Connection::open(self.dir.path().join(DATABASE_FILE)).unwrap();
        let previous: Hash =
            conn.query_row("SELECT hash FROM audit WHERE seq = ?1", [after], |row| row.get(0)).unwrap();
        let hash = chain::hash(&previous, &Content { at_ms: 7, texts: ["server", "event.created", "", "", ""] });
        self.tamper(&format!(
            "UPDATE audit SET seq = -seq - 1 WHERE seq > {after}; UPDATE audit SET seq = -seq WHERE seq < 0;
             INSERT INTO audit VALUES ({}, 7, 'server', 'event.created', NULL, '', '', x'{}', x'{}');",
            after + 1,
            hex::encode(previous),
            hex::encode(hash)
        ));
    }

    async fn faults(&self) -> Vec<(FaultKind, i64, i64)> {
        let found = verify(&self.storage, None).await.unwrap();
        found.faults.iter().map(|fault| (fault.kind, fault.first, fault.last)).collect()
    }
}

#[tokio::test]
async fn what_was_recorded_reads_back_and_is_sound() {
    let log = Log::of(0).await;
    assert_eq!(verify(&log.storage, None).await.unwrap(), Verification::default());
    assert_eq!(head(&log.storage).await.unwrap(), None);
    let event = EventId::from_random([5; 16]);
    let told = Entry::new(Timestamp::from_ms(1), Actor::Account("Jānis Bērziņš".into()), Action::CodeMade)
        .event(event)
        .subject(Subject::Code([0xab; 32]))
        .subject(Subject::Quarantined(17))
        .detail("role", "presenter 1\n")
        .detail("text", "x".repeat(200));
    record(&log.storage, told).await.unwrap();
    record(&log.storage, entry(2)).await.unwrap();
    let entries = page(&log.storage, None, 0, 10).await.unwrap();
    let first = &entries[0];
    assert_eq!((first.seq, first.at.ms(), first.actor.as_str()), (1, 1, "account:J_nis_B_rzi__"));
    assert_eq!(first.action, "device.code_made");
    assert_eq!(first.event_id, Some(event.to_string()));
    assert_eq!(first.subjects, "code:abababababababab quarantined:17");
    assert_eq!(first.detail, format!("role=presenter_1_ text={}", "x".repeat(MAX_WORD)));
    assert_eq!(first.hash, entries[1].previous);
    let found = verify(&log.storage, None).await.unwrap();
    assert_eq!((found.entries, found.is_sound(), found.head), (2, true, head(&log.storage).await.unwrap()));
    assert_eq!(page(&log.storage, Some(event), 0, 10).await.unwrap(), entries[..1]);
    assert_eq!(page(&log.storage, None, 1, 10).await.unwrap(), entries[1..]);
    assert_eq!(page(&log.storage, None, 0, 1).await.unwrap(), entries[..1]);
}

#[tokio::test]
async fn an_entry_shares_the_fate_of_what_it_records() {
    let log = Log::of(1).await;
    let undone = log.storage.write(|tx| {
        append(tx, &entry(2))?;
        tx.execute("INSERT INTO meta (key, value) VALUES ('a', '1'), ('a', '2')", [])?;
        Ok(())
    });
    assert!(undone.await.is_err());
    assert_eq!(head(&log.storage).await.unwrap().unwrap().seq, 1);
    // Jobs that share one transaction follow each other; the failed one leaves no gap.
    let jobs = (2..40).map(|number| {
        log.storage.write(move |tx| {
            append(tx, &entry(number))?;
            if number % 3 == 0 { Err(StorageError::Panicked) } else { Ok(()) }
        })
    });
    let kept = futures_util::future::join_all(jobs).await.iter().filter(|done| done.is_ok()).count();
    let found = verify(&log.storage, None).await.unwrap();
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.entries, kept), (26, 25));
}

#[tokio::test]
async fn the_database_refuses_all_but_adding() {
    let log = Log::of(3).await;
    for sql in [
        "UPDATE audit SET actor = 'server' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 3",
        "INSERT OR REPLACE INTO audit SELECT seq, at, 'server', action, event_id, subjects, detail, previous, hash FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 5, at, actor, action, event_id, subjects, detail, hash, hash FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 4, at, actor, action, event_id, subjects, detail, previous, hash FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 0, at, actor, action, event_id, subjects, detail, hash, hash FROM audit WHERE seq = 3",
    ] {
        let refused = log.storage.write(move |tx| Ok(tx.execute(sql, []).map(drop)?)).await;
        assert!(refused.is_err(), "{sql}");
    }
    assert_eq!(log.faults().await, []);
    assert_eq!(head(&log.storage).await.unwrap().unwrap().seq, 3);
}

#[tokio::test]
async fn a_changed_entry_is_named() {
    let log = Log::of(5).await;
    log.tamper("UPDATE audit SET actor = 'server' WHERE seq = 3");
    assert_eq!(log.faults().await, [(FaultKind::Changed, 3, 3)]);
    log.tamper("UPDATE audit SET at = at + 1 WHERE seq = 5");
    assert_eq!(log.faults().await, [(FaultKind::Changed, 3, 3), (FaultKind::Changed, 5, 5)]);
    for change in [
        "action = 'event.created'",
        "event_id = 'x'",
        "subjects = ''",
        "detail = detail || 'x'",
        "hash = zeroblob(32)",
        "previous = zeroblob(32)",
        "seq = 9",
    ] {
        let log = Log::of(5).await;
        log.tamper(&format!("UPDATE audit SET {change} WHERE seq = 5"));
        assert_eq!(log.faults().await.len(), 1, "{change}: {:?}", log.faults().await);
        assert_eq!(log.faults().await[0].0, FaultKind::Changed, "{change}");
    }
}

#[tokio::test]
async fn an_entry_that_was_exchanged_with_its_hash_breaks_the_chain() {
    let log = Log::of(5).await;
    let (at_ms, previous) = (3, page(&log.storage, None, 2, 1).await.unwrap().remove(0).previous);
    let hash = chain::hash(&previous, &Content { at_ms, texts: ["server", "event.created", "", "", ""] });
    log.tamper(&format!(
        "UPDATE audit SET actor = 'server', action = 'event.created', subjects = '', detail = '', hash = x'{}'
         WHERE seq = 3",
        hex::encode(hash)
    ));
    assert_eq!(log.faults().await, [(FaultKind::Broken, 3, 4)]);
}

#[tokio::test]
async fn removed_entries_are_named() {
    let log = Log::of(9).await;
    log.tamper("DELETE FROM audit WHERE seq IN (1, 4, 5)");
    assert_eq!(log.faults().await, [(FaultKind::Missing, 1, 1), (FaultKind::Missing, 4, 5)]);
    let log = Log::of(5).await;
    log.tamper("DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3");
    assert_eq!(log.faults().await, [(FaultKind::Broken, 2, 3)]);
}

#[tokio::test]
async fn an_inserted_entry_is_named() {
    let log = Log::of(5).await;
    log.insert_after(2);
    assert_eq!(log.faults().await, [(FaultKind::Inserted, 3, 3)]);
    log.insert_after(3);
    assert_eq!(log.faults().await, [(FaultKind::Inserted, 3, 4)]);
    log.tamper(
        "INSERT INTO audit SELECT -1, at, actor, action, event_id, subjects, detail, previous, hash FROM audit LIMIT 1",
    );
    assert_eq!(log.faults().await, [(FaultKind::Inserted, -1, -1), (FaultKind::Inserted, 3, 4)]);
}

#[tokio::test]
async fn a_noted_head_finds_what_was_cut_off_or_made_anew() {
    let log = Log::of(3).await;
    let noted = head(&log.storage).await.unwrap().unwrap();
    record(&log.storage, entry(4)).await.unwrap();
    assert!(verify(&log.storage, Some(noted.hash)).await.unwrap().is_sound());
    log.tamper("DELETE FROM audit WHERE seq > 2");
    assert_eq!(log.faults().await, [], "nobody can see by itself that the end is gone");
    let found = verify(&log.storage, Some(noted.hash)).await.unwrap();
    assert_eq!(found.faults, [Fault { kind: FaultKind::Unnoted, first: 2, last: 2 }]);
}

#[tokio::test]
async fn faults_are_counted_beyond_what_is_told() {
    let log = Log::of(110).await;
    log.tamper("UPDATE audit SET actor = 'server'");
    let found = verify(&log.storage, None).await.unwrap();
    assert_eq!((found.faults.len(), found.more_faults), (100, 10));
}

#[test]
fn every_action_is_in_the_docs() {
    let docs = include_str!("../../../docs/API.md");
    for action in Action::ALL {
        assert!(docs.contains(&format!("`{}`", action.as_str())), "{} is not in docs/API.md", action.as_str());
    }
}
