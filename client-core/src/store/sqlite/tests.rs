use muster_model::document::{DocKind, DocRef};
use muster_model::record::{FieldEdit, RecordEdit};
use muster_model::time::Timestamp;

use super::*;
use crate::event::ServerId;
use crate::store::{OutboxRow, StoreRead, UnsentEdit, Write};

fn batch(key: &str, bytes: usize) -> WriteBatch {
    WriteBatch { writes: vec![Write::Meta(key.into(), Some(vec![7; bytes]))], ..WriteBatch::default() }
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    SqliteStore::open(&path).unwrap().commit(&batch("a", 3)).unwrap();
    assert_eq!(SqliteStore::open(&path).unwrap().meta("a").unwrap(), Some(vec![7; 3]));
}

/// Whether these bytes are in the database's file or its log.
fn files_hold(dir: &std::path::Path, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

#[test]
fn no_byte_of_what_is_forgotten_is_left_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&dir.path().join("event.db")).unwrap();
    let doc = DocRef::shard(DocKind::Roster, 0);
    let chunk = |name: &str| Write::AppendChunk(doc, name.repeat(500).into_bytes());
    let commit =
        |store: &mut SqliteStore, writes| store.commit(&WriteBatch { writes, ..WriteBatch::default() }).unwrap();
    commit(&mut store, vec![chunk("Berzins")]);
    // An older copy, in pages that are free by now.
    commit(&mut store, vec![Write::Snapshot(doc, b"Ozolins".repeat(500))]);
    assert!(files_hold(dir.path(), b"Berzins") && files_hold(dir.path(), b"Ozolins"));
    commit(&mut store, vec![Write::ForgetDocument(doc), Write::Purge]);
    assert!(!files_hold(dir.path(), b"Berzins") && !files_hold(dir.path(), b"Ozolins"));
    commit(&mut store, vec![chunk("Berzins"), Write::Meta("label".into(), Some(b"Kalnins".to_vec()))]);
    commit(&mut store, vec![Write::Wipe]);
    assert!(!files_hold(dir.path(), b"Berzins") && !files_hold(dir.path(), b"Kalnins"));
    commit(&mut store, vec![chunk("Liepa")]);
    assert_eq!(store.chunks(&doc).unwrap().len(), 1, "it works on");
}

#[test]
fn a_database_is_for_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    let mut first = SqliteStore::open(&path).unwrap();
    first.commit(&batch("a", 3)).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Busy)));
    drop(first);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_full_disk_keeps_nothing_of_the_batch_and_all_from_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&dir.path().join("event.db")).unwrap();
    store.limit_pages(60).unwrap();
    let mut kept = 0;
    let error = loop {
        match store.commit(&batch(&format!("{kept}"), 3_000)) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full), "{error:?}");
    assert!(kept > 3, "{kept}");
    assert_eq!(store.meta_with_prefix("").unwrap().len(), kept);
    store.limit_pages(600).unwrap();
    store.commit(&batch("more", 3_000)).unwrap();
    assert_eq!(store.meta_with_prefix("").unwrap().len(), kept + 1);
}

#[test]
fn a_torn_write_at_the_end_of_the_log_is_as_if_it_had_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    let log = dir.path().join("event.db-wal");
    let mut store = SqliteStore::open(&path).unwrap();
    store.commit(&batch("shown", 10_000)).unwrap();
    let committed = std::fs::metadata(&log).unwrap().len();
    store.commit(&batch("torn", 10_000)).unwrap();
    let whole = std::fs::read(&log).unwrap();
    // The process is gone, and of its last write only a part has reached the disk.
    std::mem::forget(store);
    let copy = tempfile::tempdir().unwrap();
    for length in (committed..u64::try_from(whole.len()).unwrap()).step_by(777) {
        let length = usize::try_from(length).unwrap();
        let there = copy.path().join("event.db");
        std::fs::copy(&path, &there).unwrap();
        let mut torn = whole[..length].to_vec();
        torn.extend(std::iter::repeat_n(0xA5, 500));
        std::fs::write(copy.path().join("event.db-wal"), torn).unwrap();
        let reopened = SqliteStore::open(&there).unwrap();
        assert_eq!(reopened.meta("shown").unwrap(), Some(vec![7; 10_000]), "cut at {length}");
        assert_eq!(reopened.meta("torn").unwrap(), None, "cut at {length}");
    }
}

#[test]
fn a_damaged_database_is_put_aside_with_what_it_had_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    let mut store = SqliteStore::open(&path).unwrap();
    let rows = crate::store::contract::unsent_facts(40);
    store.commit(&WriteBatch { writes: rows, ..WriteBatch::default() }).unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    // A page in the middle: some of it reads, some does not.
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xFF);
    std::fs::write(&path, &bytes).unwrap();
    let aside = put_aside(&path, None).unwrap();
    assert!(!path.exists());
    assert_eq!(std::fs::read(&aside.database).unwrap().len(), bytes.len());
    let export: serde_json::Value = serde_json::from_slice(&std::fs::read(&aside.export).unwrap()).unwrap();
    assert_eq!(export["facts"].as_array().unwrap().len(), aside.facts);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn what_had_not_been_sent_is_exported_whole_where_it_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    let mut store = SqliteStore::open(&path).unwrap();
    store.commit(&WriteBatch { writes: crate::store::contract::unsent_facts(40), ..WriteBatch::default() }).unwrap();
    let field = FieldEdit { field: "name".into(), before: "A".into(), after: "B".into() };
    let edit = RecordEdit { collection: "rooms".into(), key: "k".into(), fields: vec![field] };
    let edit = Some(UnsentEdit { edit, at: Timestamp::from_ms(5), order: 1 });
    let doc = DocRef::whole(DocKind::Program);
    let row = |server: &str| OutboxRow {
        server: ServerId(server.into()),
        doc,
        change: automerge::ChangeHash([200; 32]),
        fact: None,
        edit: edit.clone(),
    };
    let edits = ["s1", "s2"].map(|server| Write::OutboxAdd(row(server)));
    store.commit(&WriteBatch { writes: edits.into(), ..WriteBatch::default() }).unwrap();
    drop(store);
    let first = put_aside(&path, None).unwrap();
    assert_eq!((first.facts, first.complete), (40, true));
    let export: serde_json::Value = serde_json::from_slice(&std::fs::read(&first.export).unwrap()).unwrap();
    assert_eq!(export["edits"].as_array().unwrap().len(), 1, "once, whatever the servers");
    assert_eq!(export["edits"][0]["edit"]["edit"]["fields"][0]["after"], "B");
    SqliteStore::open(&path).unwrap();
    let second = put_aside(&path, None).unwrap();
    assert_eq!((second.facts, second.complete), (0, true));
    assert_ne!(first.database, second.database, "the first stays");
}

#[test]
fn a_database_that_somebody_has_open_is_not_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    let mut open = SqliteStore::open(&path).unwrap();
    assert!(matches!(put_aside(&path, None), Err(StoreError::Busy)));
    open.commit(&batch("later", 1)).unwrap();
    drop(open);
    assert_eq!(SqliteStore::open(&path).unwrap().meta("later").unwrap(), Some(vec![7; 1]));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was put beside it");
}

#[test]
fn a_file_that_is_no_database_says_so_and_can_be_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    std::fs::write(&path, "not a database ".repeat(1_000)).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Damaged { .. })));
    let aside = put_aside(&path, None).unwrap();
    assert_eq!((aside.facts, aside.complete), (0, false));
    SqliteStore::open(&path).unwrap().commit(&batch("a", 1)).unwrap();
}

#[test]
fn documents_are_listed_with_their_sizes() {
    let mut store = SqliteStore::in_memory().unwrap();
    let doc = DocRef::whole(DocKind::Event);
    store.commit(&WriteBatch { writes: vec![Write::AppendChunk(doc, vec![1; 5])], ..WriteBatch::default() }).unwrap();
    assert_eq!(store.documents().unwrap()[0].incremental_bytes, 5);
}
