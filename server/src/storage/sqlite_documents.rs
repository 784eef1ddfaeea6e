//! Documents in SQLite.

use automerge::ChangeHash;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use muster_model::document::{DocId, DocRef};
use muster_model::id::EventId;
use muster_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, named_params, params};
use sha2::{Digest, Sha256};

use super::document_store::{
    DocumentStore, DocumentWrite, NewQuarantined, QuarantineLimits, Quarantined, StoredDocument, SyncStateKey,
};
use super::{Storage, StorageError};

impl DocumentStore for Storage {
    fn keep(&self, key: &'static str, proposed: String) -> BoxFuture<'_, Result<String, StorageError>> {
        self.write(move |tx| {
            tx.execute("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![key, proposed])?;
            Ok(tx.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))?)
        })
        .boxed()
    }

    fn has_event(&self, event: EventId) -> BoxFuture<'_, Result<bool, StorageError>> {
        self.read(move |conn| has_event(conn, event)).boxed()
    }

    fn documents(&self, event: EventId) -> BoxFuture<'_, Result<Vec<DocRef>, StorageError>> {
        self.read(move |conn| {
            let mut statement = conn.prepare_cached("SELECT ref FROM documents WHERE event_id = ?1 ORDER BY ref")?;
            let names = statement.query_map([event.to_string()], |row| row.get::<_, String>(0))?;
            let parse =
                |name: String| name.parse().map_err(|_| StorageError::Value { table: "documents", column: "ref" });
            names.map(|name| parse(name?)).collect()
        })
        .boxed()
    }

    fn epochs(&self, event: EventId) -> BoxFuture<'_, Result<Vec<(DocRef, u32)>, StorageError>> {
        self.read(move |conn| epochs(conn, event)).boxed()
    }

    fn event_bytes(&self, event: EventId) -> BoxFuture<'_, Result<u64, StorageError>> {
        self.read(move |conn| {
            let select = "SELECT coalesce(sum(length(bytes)), 0) FROM chunks JOIN documents USING (doc_id)
                          WHERE event_id = ?1";
            let bytes = conn.prepare_cached(select)?.query_row([event.to_string()], |row| row.get::<_, i64>(0))?;
            Ok(u64::try_from(bytes).unwrap_or_default())
        })
        .boxed()
    }

    fn load(&self, document: DocId) -> BoxFuture<'_, Result<Option<StoredDocument>, StorageError>> {
        self.read(move |conn| load(conn, document)).boxed()
    }

    fn append(&self, write: DocumentWrite) -> BoxFuture<'_, Result<i64, StorageError>> {
        self.write(move |tx| append(tx, &write)).boxed()
    }

    fn compact(&self, document: DocId, snapshot: Vec<u8>, up_to_seq: i64) -> BoxFuture<'_, Result<i64, StorageError>> {
        self.write(move |tx| {
            let seq = insert_chunk(tx, document, "snapshot", &snapshot)?;
            let delete = "DELETE FROM chunks WHERE doc_id = ?1 AND seq <= ?2";
            tx.prepare_cached(delete)?.execute(params![document.as_bytes(), up_to_seq])?;
            Ok(seq)
        })
        .boxed()
    }

    fn sync_state(&self, key: SyncStateKey) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        self.read(move |conn| {
            let select = "SELECT bytes FROM sync_states WHERE device_id = ?1 AND storage_id = ?2 AND doc_id = ?3";
            let values = params![key.device.to_string(), key.storage_id, key.document.as_bytes()];
            Ok(conn.prepare_cached(select)?.query_row(values, |row| row.get(0)).optional()?)
        })
        .boxed()
    }

    fn put_sync_states(
        &self,
        states: Vec<(SyncStateKey, Vec<u8>)>,
        now: Timestamp,
        max_per_device: u32,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        self.write(move |tx| {
            for (key, bytes) in &states {
                put_sync_state(tx, key, bytes, now, max_per_device)?;
            }
            Ok(())
        })
        .boxed()
    }

    fn expire_sync_states(&self, before: Timestamp) -> BoxFuture<'_, Result<usize, StorageError>> {
        self.write(move |tx| Ok(tx.execute("DELETE FROM sync_states WHERE updated_at < ?1", [before.ms()])?)).boxed()
    }

    fn quarantine(&self, entry: NewQuarantined) -> BoxFuture<'_, Result<Quarantined, StorageError>> {
        let limits = self.inner.config.quarantine;
        self.write(move |tx| quarantine(tx, &entry, &limits)).boxed()
    }
}

fn has_event(conn: &Connection, event: EventId) -> Result<bool, StorageError> {
    let mut statement = conn.prepare_cached("SELECT 1 FROM events WHERE event_id = ?1")?;
    Ok(statement.exists([event.to_string()])?)
}

/// Snapshots come first: a snapshot may be written after changes that it does not hold.
const SELECT_CHUNKS: &str =
    "SELECT seq, kind = 'snapshot', bytes, checksum FROM chunks WHERE doc_id = ?1 ORDER BY kind = 'snapshot' DESC, seq";

pub(crate) fn load(conn: &Connection, document: DocId) -> Result<Option<StoredDocument>, StorageError> {
    let mut statement = conn.prepare_cached(SELECT_CHUNKS)?;
    let mut rows = statement.query([document.as_bytes()])?;
    let mut stored = StoredDocument { bytes: Vec::new(), snapshot_bytes: 0, last_seq: 0 };
    while let Some(row) = rows.next()? {
        let (seq, is_snapshot): (i64, bool) = (row.get(0)?, row.get(1)?);
        let bytes = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        if row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)? != checksum(bytes) {
            return Err(StorageError::DamagedChunk { document, seq });
        }
        stored.bytes.extend_from_slice(bytes);
        if is_snapshot {
            stored.snapshot_bytes = stored.snapshot_bytes.saturating_add(bytes.len());
        }
        stored.last_seq = stored.last_seq.max(seq);
    }
    Ok((stored.last_seq != 0).then_some(stored))
}

fn append(tx: &Transaction<'_>, write: &DocumentWrite) -> Result<i64, StorageError> {
    let document = write.document.id_in(write.event, write.epoch);
    let heads = heads(&write.heads);
    let update = "UPDATE documents SET heads = ?2 WHERE doc_id = ?1";
    if tx.prepare_cached(update)?.execute(params![document.as_bytes(), heads])? == 0 {
        if !has_event(tx, write.event)? {
            return Err(StorageError::UnknownEvent);
        }
        insert_document(tx, write, &heads)?;
    }
    insert_chunk(tx, document, "change", &write.bytes)
}

fn heads(heads: &[ChangeHash]) -> Vec<u8> {
    heads.iter().flat_map(|ChangeHash(hash)| hash).copied().collect()
}

fn insert_document(tx: &Transaction<'_>, write: &DocumentWrite, heads: &[u8]) -> Result<(), StorageError> {
    let document = write.document.id_in(write.event, write.epoch);
    let names = (write.event.to_string(), write.document.to_string());
    tx.execute(
        "INSERT INTO documents (doc_id, event_id, ref, heads, epoch) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![document.as_bytes(), names.0, names.1, heads, write.epoch],
    )?;
    Ok(())
}

/// Puts a document's new epoch, whole as its snapshot, in the place of everything that is kept of the one before.
pub(crate) fn replace(tx: &Transaction<'_>, write: &DocumentWrite) -> Result<(), StorageError> {
    let select = "SELECT doc_id FROM documents WHERE event_id = ?1 AND ref = ?2";
    let names = [write.event.to_string(), write.document.to_string()];
    let before: Option<Vec<u8>> = tx.query_row(select, names, |row| row.get(0)).optional()?;
    if let Some(before) = before {
        for table in ["chunks", "sync_states", "documents"] {
            tx.execute(&format!("DELETE FROM {table} WHERE doc_id = ?1"), [&before])?;
        }
    }
    insert_document(tx, write, &heads(&write.heads))?;
    insert_chunk(tx, write.document.id_in(write.event, write.epoch), "snapshot", &write.bytes)?;
    Ok(())
}

pub(crate) fn epochs(conn: &Connection, event: EventId) -> Result<Vec<(DocRef, u32)>, StorageError> {
    let select = "SELECT ref, epoch FROM documents WHERE event_id = ?1 AND epoch > 0 ORDER BY ref";
    let mut statement = conn.prepare_cached(select)?;
    let mut found = Vec::new();
    let mut rows = statement.query([event.to_string()])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let document = name.parse().map_err(|_| StorageError::Value { table: "documents", column: "ref" })?;
        found.push((document, row.get(1)?));
    }
    Ok(found)
}

fn insert_chunk(tx: &Transaction<'_>, document: DocId, kind: &str, bytes: &[u8]) -> Result<i64, StorageError> {
    let insert = "INSERT INTO chunks (doc_id, kind, bytes, checksum) VALUES (?1, ?2, ?3, ?4)";
    let values = params![document.as_bytes(), kind, bytes, checksum(bytes)];
    Ok(tx.prepare_cached(insert)?.insert(values)?)
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hash.first_chunk().copied().unwrap_or_default()
}

fn put_sync_state(
    tx: &Transaction<'_>,
    key: &SyncStateKey,
    bytes: &[u8],
    now: Timestamp,
    max_per_device: u32,
) -> Result<(), StorageError> {
    let device = key.device.to_string();
    tx.prepare_cached(
        "INSERT INTO sync_states (device_id, storage_id, doc_id, bytes, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET bytes = excluded.bytes, updated_at = excluded.updated_at",
    )?
    .execute(params![device, key.storage_id, key.document.as_bytes(), bytes, now.ms()])?;
    tx.prepare_cached(
        "DELETE FROM sync_states WHERE (device_id, storage_id, doc_id) IN
         (SELECT device_id, storage_id, doc_id FROM sync_states WHERE device_id = ?1
          ORDER BY updated_at DESC, storage_id, doc_id LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![device, max_per_device])?;
    Ok(())
}

fn quarantine(
    tx: &Transaction<'_>,
    entry: &NewQuarantined,
    limits: &QuarantineLimits,
) -> Result<Quarantined, StorageError> {
    let (event, device) = (entry.event.to_string(), entry.device.to_string());
    let digest: [u8; 32] = Sha256::digest(&entry.bytes).into();
    let known = "SELECT 1 FROM quarantine WHERE device_id = ?1 AND doc_id = ?2 AND digest = ?3";
    if tx.prepare_cached(known)?.exists(params![device, entry.document.as_bytes(), digest])? {
        return Ok(Quarantined::KnownAlready);
    }
    if !has_event(tx, entry.event)? {
        return Err(StorageError::UnknownEvent);
    }
    let more = u64::try_from(entry.bytes.len()).unwrap_or(u64::MAX);
    let has_room = |column: &str, value: &str, count_max: u64, bytes_max: u64| -> Result<bool, StorageError> {
        let select = format!(
            "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM quarantine WHERE {column} = ?1 AND decided_at IS NULL"
        );
        let (count, bytes): (i64, i64) =
            tx.prepare_cached(&select)?.query_row([value], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(unsigned(count) < count_max && unsigned(bytes).saturating_add(more) <= bytes_max)
    };
    let fits = has_room("device_id", &device, limits.per_device, limits.bytes_per_device)?
        && has_room("event_id", &event, limits.per_event, limits.bytes_per_event)?;
    if !fits {
        return Ok(Quarantined::Full);
    }
    tx.prepare_cached(
        "INSERT INTO quarantine (doc_id, event_id, device_id, author, code, reason, bytes, digest, received_at)
         VALUES (:document, :event, :device, :author, :code, :reason, :bytes, :digest, :at)",
    )?
    .execute(named_params! {
        ":document": entry.document.as_bytes(), ":event": event, ":device": device,
        ":author": entry.author.map(|author| author.to_string()), ":code": entry.code,
        ":reason": entry.reason, ":bytes": entry.bytes, ":digest": digest, ":at": entry.received_at.ms(),
    })?;
    Ok(Quarantined::Kept)
}
