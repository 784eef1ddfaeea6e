//! Devices and the codes with which they enrol, as the database keeps them.

use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::storage::{Storage, StorageError};

/// An enrolled device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// The event it is enrolled in.
    pub event: EventId,
    /// Its role there.
    pub role: Role,
    /// What a coordinator calls it.
    pub name: String,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// When it was last heard of, to within a few minutes.
    pub last_seen_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A one-time code, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// The code's hash.
    pub hash: [u8; 32],
    /// The event it enrols in.
    pub event: EventId,
    /// The role it gives.
    pub role: Role,
    /// What the device will be called; empty: what it calls itself.
    pub name: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Why a code enrols nobody.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// There is no such code.
    #[error("there is no such enrolment code")]
    Unknown,
    /// It was used before.
    #[error("the enrolment code was used before")]
    Used,
    /// It has expired.
    #[error("the enrolment code has expired")]
    Expired,
    /// The database refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<rusqlite::Error> for EnrolError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

const COLUMNS: &str = "device_id, event_id, role, name, enrolled_at, last_seen_at, revoked_at";

/// Keeps a code.
pub(crate) async fn insert_code(
    storage: &Storage,
    code: NewCode,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StorageError> {
    storage
        .write(move |tx| {
            tx.execute(
                "INSERT INTO enrolment_codes (code_hash, event_id, role, name, checkpoints, expires_at)
                 VALUES (?1, ?2, ?3, ?4, '[]', ?5)",
                params![code.hash, code.event.to_string(), code.role.to_string(), code.name, code.expires_at.ms()],
            )?;
            let entry = Entry::new(now, actor, Action::CodeMade).event(code.event).subject(Subject::Code(code.hash));
            audit::append(tx, &entry.detail("role", code.role.kind()))
        })
        .await
}

/// Spends a code: the device `id` is enrolled, and the code is never good again. Both or neither.
pub(crate) async fn enrol(
    storage: &Storage,
    hash: [u8; 32],
    id: DeviceId,
    own_name: String,
    now: Timestamp,
) -> Result<Device, EnrolError> {
    storage.write_with(move |tx| spend(tx, &hash, id, own_name, now)).await
}

fn spend(
    tx: &Transaction<'_>,
    hash: &[u8; 32],
    id: DeviceId,
    own_name: String,
    now: Timestamp,
) -> Result<Device, EnrolError> {
    let select = "SELECT event_id, role, name, expires_at, used_at FROM enrolment_codes WHERE code_hash = ?1";
    let code = tx
        .query_row(select, [hash], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let (event, role, name, expires_at, used_at) = code.ok_or(EnrolError::Unknown)?;
    let used_at: Option<i64> = used_at;
    if used_at.is_some() {
        return Err(EnrolError::Used);
    }
    if now >= Timestamp::from_ms(expires_at) {
        return Err(EnrolError::Expired);
    }
    let bad = |column| StorageError::Value { table: "enrolment_codes", column };
    let device = Device {
        id,
        event: event.parse().map_err(|_| bad("event_id"))?,
        role: role.parse().map_err(|_| bad("role"))?,
        name: if name.is_empty() { own_name } else { name },
        enrolled_at: now,
        last_seen_at: None,
        revoked_at: None,
    };
    tx.execute(
        "INSERT INTO devices (device_id, event_id, role, name, enrolled_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id.to_string(), event, role, device.name, now.ms()],
    )?;
    let update = "UPDATE enrolment_codes SET used_at = ?2, device_id = ?3 WHERE code_hash = ?1";
    tx.execute(update, params![hash, now.ms(), id.to_string()])?;
    let entry = Entry::new(now, Actor::Device(id), Action::DeviceEnrolled).event(device.event);
    let entry = entry.subject(Subject::Device(id)).subject(Subject::Code(*hash)).detail("role", device.role.kind());
    audit::append(tx, &entry)?;
    Ok(device)
}

/// A device; `None` if there is none of this id.
pub(crate) async fn find(storage: &Storage, id: DeviceId) -> Result<Option<Device>, StorageError> {
    storage
        .read(move |conn| {
            let select = format!("SELECT {COLUMNS} FROM devices WHERE device_id = ?1");
            let mut statement = conn.prepare_cached(&select)?;
            statement.query_row([id.to_string()], |row| Ok(device(row))).optional()?.transpose()
        })
        .await
}

/// The devices of an event, revoked ones too, the oldest first.
pub(crate) async fn list(storage: &Storage, event: EventId) -> Result<Vec<Device>, StorageError> {
    storage
        .read(move |conn| {
            let select = format!("SELECT {COLUMNS} FROM devices WHERE event_id = ?1 ORDER BY enrolled_at, device_id");
            let mut statement = conn.prepare_cached(&select)?;
            statement.query_map([event.to_string()], |row| Ok(device(row)))?.map(|row| row?).collect()
        })
        .await
}

/// Revokes a device; says whether the event has it. Revoking again changes nothing.
pub(crate) async fn revoke(
    storage: &Storage,
    event: EventId,
    id: DeviceId,
    actor: Actor,
    now: Timestamp,
) -> Result<bool, StorageError> {
    storage
        .write(move |tx| {
            let select = "SELECT revoked_at FROM devices WHERE event_id = ?1 AND device_id = ?2";
            let found =
                tx.query_row(select, params![event.to_string(), id.to_string()], |row| row.get(0)).optional()?;
            if let Some(None::<i64>) = found {
                let update = "UPDATE devices SET revoked_at = ?2 WHERE device_id = ?1";
                tx.execute(update, params![id.to_string(), now.ms()])?;
                let entry = Entry::new(now, actor, Action::DeviceRevoked).event(event).subject(Subject::Device(id));
                audit::append(tx, &entry)?;
            }
            Ok(found.is_some())
        })
        .await
}

/// Notes that a device was heard of.
pub(crate) async fn seen(storage: &Storage, id: DeviceId, now: Timestamp) -> Result<(), StorageError> {
    storage
        .write(move |tx| {
            let update = "UPDATE devices SET last_seen_at = ?2 WHERE device_id = ?1";
            tx.execute(update, params![id.to_string(), now.ms()])?;
            Ok(())
        })
        .await
}

fn device(row: &Row<'_>) -> Result<Device, StorageError> {
    let text = |index: usize| row.get::<_, String>(index);
    let bad = |column| StorageError::Value { table: "devices", column };
    Ok(Device {
        id: text(0)?.parse().map_err(|_| bad("device_id"))?,
        event: text(1)?.parse().map_err(|_| bad("event_id"))?,
        role: text(2)?.parse().map_err(|_| bad("role"))?,
        name: text(3)?,
        enrolled_at: Timestamp::from_ms(row.get(4)?),
        last_seen_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_ms),
        revoked_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_ms),
    })
}

#[cfg(test)]
mod tests;
