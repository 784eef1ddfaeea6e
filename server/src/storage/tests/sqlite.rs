//! Opening, group commit, failures and backup.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::Notify;

use crate::storage::{BackupProgress, Storage, StorageError};
use crate::testing::sql_event;

fn open(dir: &Path) -> Result<Storage, StorageError> {
    Storage::open(&dir.join("muster.db"))
}

async fn put(storage: &Storage, key: usize, value: String) -> Result<(), StorageError> {
    storage
        .write(move |tx| {
            tx.execute("INSERT INTO meta (key, value) VALUES (?1, ?2)", (format!("k{key}"), value))?;
            Ok(())
        })
        .await
}

async fn count(storage: &Storage) -> i64 {
    let select = "SELECT count(*) FROM meta WHERE key LIKE 'k%'";
    storage.read(move |conn| Ok(conn.query_row(select, [], |row| row.get(0))?)).await.unwrap()
}

/// Holds the writer until told to go on.
async fn hold(storage: &Storage) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), StorageError>>) {
    let (release, held) = std::sync::mpsc::channel();
    let begun = Arc::new(Notify::new());
    let (storage, signal) = (storage.clone(), Arc::clone(&begun));
    let job = tokio::spawn(async move {
        storage
            .write(move |_| {
                signal.notify_one();
                held.recv().unwrap();
                Ok(())
            })
            .await
    });
    begun.notified().await;
    (release, job)
}

/// Starts writes and waits until all of them are queued.
async fn queue_up(storage: &Storage, values: Vec<String>) -> Vec<tokio::task::JoinHandle<Result<(), StorageError>>> {
    let before = storage.inner.jobs.capacity();
    let jobs = values.len();
    let writes: Vec<_> = values
        .into_iter()
        .enumerate()
        .map(|(key, value)| {
            let storage = storage.clone();
            tokio::spawn(async move { put(&storage, key, value).await })
        })
        .collect();
    crate::testing::until("all writes wait", || storage.inner.jobs.capacity() + jobs == before).await;
    writes
}

#[tokio::test]
async fn jobs_that_wait_together_share_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path()).unwrap();
    let (release, held) = hold(&storage).await;
    let writes = queue_up(&storage, vec![String::new(); 200]).await;
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    for write in writes {
        write.await.unwrap().unwrap();
    }
    let stats = storage.stats();
    assert_eq!((stats.commits, stats.jobs, stats.failed_commits), (2, 201, 0));
    assert_eq!(stats.commit_duration.buckets.iter().sum::<u64>(), 2);
    assert_eq!(count(&storage).await, 200);
}

#[tokio::test]
async fn a_job_that_fails_or_panics_rolls_back_alone() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path()).unwrap();
    let (release, _held) = hold(&storage).await;
    let good = queue_up(&storage, vec![String::new()]).await;
    let clone = storage.clone();
    let bad = tokio::spawn(async move {
        clone
            .write(|tx| -> Result<(), StorageError> {
                tx.execute("INSERT INTO meta VALUES ('k-bad', '')", [])?;
                Err(StorageError::Busy)
            })
            .await
    });
    let clone = storage.clone();
    let worse = tokio::spawn(async move {
        clone
            .write(|tx| -> Result<(), StorageError> {
                tx.execute("INSERT INTO meta VALUES ('k-worse', '')", [])?;
                panic!("deliberate")
            })
            .await
    });
    crate::testing::until("all wait", || storage.inner.jobs.capacity() == 1_024 - 3).await;
    release.send(()).unwrap();
    for write in good {
        write.await.unwrap().unwrap();
    }
    assert!(matches!(bad.await.unwrap(), Err(StorageError::Busy)));
    assert!(matches!(worse.await.unwrap(), Err(StorageError::Panicked)));
    assert_eq!(count(&storage).await, 1);
    put(&storage, 7, String::new()).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_fails_every_job_of_the_commit_and_stores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path()).unwrap();
    let pages: i64 = storage
        .write(|tx| {
            let pages: i64 = tx.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            Ok(tx.query_row(&format!("PRAGMA max_page_count = {}", pages + 8), [], |row| row.get(0))?)
        })
        .await
        .unwrap();
    assert!(pages > 8);
    let (release, _held) = hold(&storage).await;
    let writes = queue_up(&storage, vec!["x".repeat(10_000); 20]).await;
    release.send(()).unwrap();
    let mut failed = 0;
    for write in writes {
        match write.await.unwrap() {
            Ok(()) => {}
            Err(StorageError::Full) => failed += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(failed > 0);
    assert_eq!(count(&storage).await, 20 - failed, "what was said to be stored is stored, and nothing else");
    storage.write(|tx| Ok(tx.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(()))?)).await.unwrap();
    put(&storage, 99, String::new()).await.unwrap();
}

#[tokio::test]
async fn a_newer_a_foreign_and_a_damaged_database_are_refused_and_left_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("muster.db");
    drop(open(dir.path()).unwrap());
    let edit = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    crate::testing::until("the writer has closed", || !dir.path().join("muster.db-wal").exists()).await;
    edit("PRAGMA user_version = 99");
    let newer = open(dir.path()).unwrap_err();
    assert!(matches!(newer, StorageError::Newer { found: 99, .. }), "{newer}");
    assert!(newer.to_string().contains("update muster"));
    std::fs::remove_file(&path).unwrap();
    edit("CREATE TABLE theirs (x)");
    let foreign = open(dir.path()).unwrap_err();
    assert!(matches!(foreign, StorageError::Foreign { .. }), "{foreign}");
    std::fs::write(&path, b"this is not a database, but it is long enough to be taken for one".repeat(100)).unwrap();
    let damaged = open(dir.path()).unwrap_err();
    assert!(matches!(damaged, StorageError::Damaged { .. }), "{damaged}");
    assert!(damaged.to_string().contains("backup"));
    assert_eq!(std::fs::read(&path).unwrap().len(), 6_500, "never deleted");
    let nowhere = Storage::open(&dir.path().join("no/such/muster.db")).unwrap_err();
    assert!(matches!(nowhere, StorageError::Open { .. }), "{nowhere}");
}

#[tokio::test]
async fn pages_torn_out_of_the_middle_are_noticed_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("muster.db");
    let storage = open(dir.path()).unwrap();
    for key in 0..50 {
        put(&storage, key, "x".repeat(2_000)).await.unwrap();
    }
    drop(storage);
    crate::testing::until("the writer has closed", || !dir.path().join("muster.db-wal").exists()).await;
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let damaged = open(dir.path()).unwrap_err();
    assert!(matches!(damaged, StorageError::Damaged { .. }), "{damaged}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn a_backup_is_whole_and_consistent_while_writing_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path()).unwrap();
    sql_event(&storage).await;
    for key in 0..300 {
        put(&storage, key, "x".repeat(20_000)).await.unwrap();
    }
    let target = dir.path().join("backup.db");
    let (seen, progress) = std::sync::mpsc::channel::<BackupProgress>();
    // Every step of the copy waits for a write that came after it began.
    let (step, steps) = std::sync::mpsc::sync_channel::<()>(0);
    let writer = storage.clone();
    let handle = tokio::runtime::Handle::current();
    let writing = std::thread::spawn(move || {
        let mut written = 0;
        while steps.recv().is_ok() {
            handle.block_on(put(&writer, 1_000 + written, String::new())).unwrap();
            written += 1;
        }
        written
    });
    storage
        .backup(&target, move |at| {
            seen.send(at).unwrap();
            step.send(()).unwrap();
        })
        .await
        .unwrap();
    let written = tokio::task::spawn_blocking(move || writing.join().unwrap()).await.unwrap();
    assert!(written >= 2, "the copy took {written} steps");
    let last = progress.iter().last().unwrap();
    assert_eq!(last.remaining_pages, 0);
    assert!(!dir.path().join("backup.db.partial").exists());
    let copy = Storage::open(&target).unwrap();
    assert_eq!(count(&copy).await, 300, "what was there when it began");
    assert_eq!(count(&storage).await, 300 + i64::try_from(written).unwrap());
    let nowhere = storage.backup(&dir.path().join("no/such/backup.db"), |_| {}).await;
    assert!(nowhere.is_err());
}

#[tokio::test]
async fn readers_see_a_snapshot_and_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path()).unwrap();
    put(&storage, 1, String::new()).await.unwrap();
    let refused = storage.read(|conn| Ok(conn.execute("DELETE FROM meta", [])?)).await;
    assert!(matches!(refused, Err(StorageError::Sqlite(_))), "{refused:?}");
    let panicked = storage.read(|_| -> Result<(), StorageError> { panic!("deliberate") }).await;
    assert!(matches!(panicked, Err(StorageError::Panicked)));
    assert_eq!(count(&storage).await, 1);
}
