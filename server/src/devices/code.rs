//! A code that somebody has shown: whether it is good, and what it gives.

use muster_model::access::Role;
use muster_model::id::{CheckpointId, EventId};
use muster_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::EnrolError;
use crate::storage::{Storage, StorageError};

/// A code with which a device could enrol now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoodCode {
    /// The event it enrols in.
    pub(crate) event: EventId,
    /// The role it gives.
    pub(crate) role: Role,
    /// What the device will be called; empty: what it calls itself.
    pub(crate) name: String,
    /// The checkpoints that the device may serve; none named means all.
    pub(crate) checkpoints: Vec<CheckpointId>,
    /// Until when it is good.
    pub(crate) expires_at: Timestamp,
    /// How many devices it enrols in all.
    pub(crate) limit: u32,
    /// How many it has enrolled.
    pub(crate) devices: u32,
    /// Whether each of them waits until a coordinator lets it in.
    pub(crate) approve: bool,
}

/// Looks at a code and does not spend it.
pub(crate) async fn look_at_code(storage: &Storage, hash: [u8; 32], now: Timestamp) -> Result<GoodCode, EnrolError> {
    storage.read_with(move |conn| good(conn, &hash, now)).await
}

/// The code, if a device can enrol with it.
pub(super) fn good(conn: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<GoodCode, EnrolError> {
    let select = "SELECT event_id, role, name, checkpoints, expires_at, device_limit, devices, approve
                  FROM enrolment_codes WHERE code_hash = ?1";
    let found = conn.query_row(select, [hash], |row| Ok(code(row))).optional()?;
    let code = found.ok_or(EnrolError::Unknown)??;
    if code.devices >= code.limit {
        return Err(EnrolError::Used);
    }
    if now >= code.expires_at {
        return Err(EnrolError::Expired);
    }
    Ok(code)
}

fn code(row: &Row<'_>) -> Result<GoodCode, StorageError> {
    let text = |index: usize| row.get::<_, String>(index);
    let bad = |column| StorageError::Value { table: "enrolment_codes", column };
    Ok(GoodCode {
        event: text(0)?.parse().map_err(|_| bad("event_id"))?,
        role: text(1)?.parse().map_err(|_| bad("role"))?,
        name: text(2)?,
        checkpoints: serde_json::from_str(&text(3)?).map_err(|_| bad("checkpoints"))?,
        expires_at: Timestamp::from_ms(row.get(4)?),
        limit: row.get(5)?,
        devices: row.get(6)?,
        approve: row.get(7)?,
    })
}
