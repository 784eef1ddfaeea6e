//! Events as the server lists them: which there are. What an event is, its documents say.

use muster_model::id::EventId;
use muster_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::storage::{Storage, StorageError};

pub mod create;

/// An event the server keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// The name it was created with; the current one is in its document.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Adds an event.
pub(crate) fn insert(tx: &Transaction<'_>, event: &EventRow) -> Result<(), StorageError> {
    let insert = "INSERT INTO events (event_id, name, created_at) VALUES (?1, ?2, ?3)";
    tx.execute(insert, params![event.id.to_string(), event.name, event.created_at.ms()])?;
    Ok(())
}

/// All events, the oldest first.
pub(crate) async fn list(storage: &Storage) -> Result<Vec<EventRow>, StorageError> {
    storage
        .read(|conn| {
            let select = "SELECT event_id, name, created_at FROM events ORDER BY created_at, event_id";
            let mut statement = conn.prepare_cached(select)?;
            statement.query_map([], |row| Ok(event(row)))?.map(|row| row?).collect()
        })
        .await
}

/// One event; `None` if there is none of this id.
pub(crate) async fn find(storage: &Storage, id: EventId) -> Result<Option<EventRow>, StorageError> {
    storage.read(move |conn| find_in(conn, id)).await
}

fn find_in(conn: &Connection, id: EventId) -> Result<Option<EventRow>, StorageError> {
    let mut statement = conn.prepare_cached("SELECT event_id, name, created_at FROM events WHERE event_id = ?1")?;
    statement.query_row([id.to_string()], |row| Ok(event(row))).optional()?.transpose()
}

fn event(row: &Row<'_>) -> Result<EventRow, StorageError> {
    let id: String = row.get(0)?;
    let value = |_| StorageError::Value { table: "events", column: "event_id" };
    Ok(EventRow { id: id.parse().map_err(value)?, name: row.get(1)?, created_at: Timestamp::from_ms(row.get(2)?) })
}
