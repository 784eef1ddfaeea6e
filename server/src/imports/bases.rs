//! What the sources of an event said last time, in the table `import_bases`.

use muster_model::id::EventId;
use rusqlite::{Transaction, params};

use crate::interchange::plan::{Base, Fields};
use crate::storage::{Storage, StorageError};

/// What a source said last time; nothing, if it is new.
pub(super) async fn load(storage: &Storage, event: EventId, source: String) -> Result<Base, StorageError> {
    storage
        .read(move |conn| {
            let select = "SELECT collection, key, json FROM import_bases WHERE event_id = ?1 AND source = ?2";
            let mut statement = conn.prepare_cached(select)?;
            let mut rows = statement.query(params![event.to_string(), source])?;
            let mut base = Base::default();
            while let Some(row) = rows.next()? {
                let (collection, key, json): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let fields: Fields = serde_json::from_str(&json).map_err(|_| malformed())?;
                base.collections.entry(collection).or_default().insert(key, fields);
            }
            Ok(base)
        })
        .await
}

/// Keeps what a source says now; only what differs from `old` is written.
pub(super) fn store(
    tx: &Transaction<'_>,
    event: EventId,
    source: &str,
    old: &Base,
    new: &Base,
) -> Result<(), StorageError> {
    let event = event.to_string();
    let mut upsert = tx.prepare_cached(
        "INSERT INTO import_bases (event_id, source, collection, key, json) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (event_id, source, collection, key) DO UPDATE SET json = excluded.json",
    )?;
    let of =
        |base: &Base, collection: &str, key: &str| -> Option<Fields> { base.collection(collection)?.get(key).cloned() };
    for (collection, records) in &new.collections {
        for (key, fields) in records.iter().filter(|(key, fields)| of(old, collection, key).as_ref() != Some(*fields)) {
            let json = serde_json::to_string(fields).map_err(|_| malformed())?;
            upsert.execute(params![event, source, collection, key, json])?;
        }
    }
    let mut delete = tx.prepare_cached(
        "DELETE FROM import_bases WHERE event_id = ?1 AND source = ?2 AND collection = ?3 AND key = ?4",
    )?;
    for (collection, records) in &old.collections {
        for key in records.keys().filter(|key| of(new, collection, key).is_none()) {
            delete.execute(params![event, source, collection, key])?;
        }
    }
    Ok(())
}

fn malformed() -> StorageError {
    StorageError::Value { table: "import_bases", column: "json" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{self, EventRow};
    use crate::storage::DATABASE_FILE;

    fn base(entries: &[(&str, &str, i64)]) -> Base {
        let mut base = Base::default();
        for (collection, key, value) in entries {
            let fields = Fields::from_iter([("field".to_owned(), (*value).into())]);
            base.collections.entry((*collection).to_owned()).or_default().insert((*key).to_owned(), fields);
        }
        base
    }

    #[tokio::test]
    async fn a_source_is_remembered_apart_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join(DATABASE_FILE)).unwrap();
        let event = EventId::from_random([1; 16]);
        let row = EventRow { id: event, name: "E".into(), created_at: muster_model::time::Timestamp::default() };
        storage.write(move |tx| events::insert(tx, &row)).await.unwrap();
        let first = base(&[("rooms", "a", 1), ("rooms", "b", 1), ("sessions", "a", 1)]);
        let second = base(&[("rooms", "a", 2), ("sessions", "a", 1), ("sessions", "c", 3)]);
        let store = async |source: &'static str, old: &Base, new: &Base| {
            let (old, new) = (old.clone(), new.clone());
            storage.write(move |tx| super::store(tx, event, source, &old, &new)).await.unwrap();
        };
        store("one", &Base::default(), &first).await;
        store("other", &Base::default(), &first).await;
        store("one", &first, &second).await;
        assert_eq!(load(&storage, event, "one".into()).await.unwrap(), second);
        assert_eq!(load(&storage, event, "other".into()).await.unwrap(), first);
        assert_eq!(load(&storage, event, "third".into()).await.unwrap(), Base::default());
    }
}
