//! Devices and the codes with which they enrol, as the database keeps them.

use muster_model::access::Role;
use muster_model::id::{CheckpointId, DeviceId, EventId};
use muster_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::auth::refresh::RefreshToken;
use crate::storage::{Storage, StorageError};

pub(crate) use code::look_at_code;

pub(crate) mod alerts;
mod code;
pub(crate) mod forgotten;
pub(crate) mod leases;
pub(crate) mod tokens;

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
    /// The checkpoints that it may serve; none named means all.
    pub checkpoints: Vec<CheckpointId>,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// When a coordinator let it in, or its code did; `None` while it waits.
    pub approved_at: Option<Timestamp>,
    /// When it was last heard of, to within a few minutes.
    pub last_seen_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A code, as it is kept.
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
    /// The checkpoints that its devices may serve; none named means all.
    pub checkpoints: Vec<CheckpointId>,
    /// How many devices it enrols.
    pub limit: u32,
    /// Whether each of them waits until a coordinator lets it in.
    pub approve: bool,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// A device that wants to enrol.
#[derive(Debug)]
pub(crate) struct Newcomer {
    /// The id drawn for it.
    pub(crate) id: DeviceId,
    /// What it calls itself.
    pub(crate) name: String,
    /// Its first refresh token.
    pub(crate) token: RefreshToken,
    /// Until when that is good.
    pub(crate) token_expires_at: Timestamp,
}

/// Why a code enrols nobody.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// There is no such code.
    #[error("there is no such enrolment code")]
    Unknown,
    /// It was used before, as often as it may be.
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

const COLUMNS: &str =
    "device_id, event_id, role, name, enrolled_at, last_seen_at, revoked_at, approved_at, checkpoints";

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
                "INSERT INTO enrolment_codes
                     (code_hash, event_id, role, name, checkpoints, expires_at, device_limit, approve)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    code.hash,
                    code.event.to_string(),
                    code.role.to_string(),
                    code.name,
                    list_of(&code.checkpoints),
                    code.expires_at.ms(),
                    code.limit,
                    code.approve
                ],
            )?;
            let entry = Entry::new(now, actor, Action::CodeMade).event(code.event).subject(Subject::Code(code.hash));
            audit::append(tx, &entry.detail("role", code.role.kind()))
        })
        .await
}

/// Checkpoints as their column holds them. Ids need no escapes.
fn list_of(checkpoints: &[CheckpointId]) -> String {
    let quoted: Vec<String> = checkpoints.iter().map(|id| format!("\"{id}\"")).collect();
    format!("[{}]", quoted.join(","))
}

/// Spends a code: the newcomer is a device from now on, and the code is good for one device less. Both or neither.
pub(crate) async fn enrol(
    storage: &Storage,
    hash: [u8; 32],
    newcomer: Newcomer,
    now: Timestamp,
) -> Result<Device, EnrolError> {
    storage.write_with(move |tx| spend(tx, &hash, newcomer, now)).await
}

fn spend(tx: &Transaction<'_>, hash: &[u8; 32], newcomer: Newcomer, now: Timestamp) -> Result<Device, EnrolError> {
    let code = code::good(tx, hash, now)?;
    let nth = code.devices.saturating_add(1);
    let device = Device {
        id: newcomer.id,
        event: code.event,
        role: code.role,
        name: match (code.limit, code.name.as_str(), newcomer.name) {
            (_, "", own) => own,
            (1, given, _) => given.to_owned(),
            (_, given, own) if own.is_empty() => format!("{given} {nth}"),
            (_, _, own) => own,
        },
        checkpoints: code.checkpoints,
        enrolled_at: now,
        approved_at: (!code.approve).then_some(now),
        last_seen_at: None,
        revoked_at: None,
    };
    insert(tx, &device)?;
    tokens::insert(tx, device.id, &newcomer.token, (now, newcomer.token_expires_at))?;
    let update = "UPDATE enrolment_codes SET used_at = ?2, device_id = ?3, devices = ?4 WHERE code_hash = ?1";
    tx.execute(update, params![hash, now.ms(), device.id.to_string(), nth])?;
    let entry = Entry::new(now, Actor::Device(device.id), Action::DeviceEnrolled).event(device.event);
    let entry =
        entry.subject(Subject::Device(device.id)).subject(Subject::Code(*hash)).detail("role", device.role.kind());
    audit::append(tx, &entry)?;
    Ok(device)
}

/// Makes a device of somebody who has signed in with an account.
pub(crate) fn insert_signed_in(
    tx: &Transaction<'_>,
    account: &str,
    (event, role): (EventId, Role),
    newcomer: Newcomer,
    now: Timestamp,
) -> Result<Device, StorageError> {
    let device = Device {
        id: newcomer.id,
        event,
        role,
        name: newcomer.name,
        checkpoints: Vec::new(),
        enrolled_at: now,
        approved_at: Some(now),
        last_seen_at: None,
        revoked_at: None,
    };
    insert(tx, &device)?;
    let update = "UPDATE devices SET account_id = ?2 WHERE device_id = ?1";
    tx.execute(update, params![device.id.to_string(), account])?;
    tokens::insert(tx, device.id, &newcomer.token, (now, newcomer.token_expires_at))?;
    Ok(device)
}

fn insert(tx: &Transaction<'_>, device: &Device) -> Result<(), StorageError> {
    tx.execute(
        "INSERT INTO devices (device_id, event_id, role, name, enrolled_at, approved_at, checkpoints)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            device.id.to_string(),
            device.event.to_string(),
            device.role.to_string(),
            device.name,
            device.enrolled_at.ms(),
            device.approved_at.map(Timestamp::ms),
            list_of(&device.checkpoints)
        ],
    )?;
    Ok(())
}

/// A device; `None` if there is none of this id.
pub(crate) async fn find(storage: &Storage, id: DeviceId) -> Result<Option<Device>, StorageError> {
    storage.read(move |conn| find_in(conn, id)).await
}

fn find_in(conn: &Connection, id: DeviceId) -> Result<Option<Device>, StorageError> {
    let select = format!("SELECT {COLUMNS} FROM devices WHERE device_id = ?1");
    let mut statement = conn.prepare_cached(&select)?;
    statement.query_row([id.to_string()], |row| Ok(device(row))).optional()?.transpose()
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
    storage.write(move |tx| revoke_in(tx, event, id, (actor, now))).await
}

fn revoke_in(
    tx: &Transaction<'_>,
    event: EventId,
    id: DeviceId,
    (actor, now): (Actor, Timestamp),
) -> Result<bool, StorageError> {
    let select = "SELECT revoked_at FROM devices WHERE event_id = ?1 AND device_id = ?2";
    let found = tx.query_row(select, params![event.to_string(), id.to_string()], |row| row.get(0)).optional()?;
    if let Some(None::<i64>) = found {
        let update = "UPDATE devices SET revoked_at = ?2 WHERE device_id = ?1";
        tx.execute(update, params![id.to_string(), now.ms()])?;
        let entry = Entry::new(now, actor, Action::DeviceRevoked).event(event).subject(Subject::Device(id));
        audit::append(tx, &entry)?;
    }
    Ok(found.is_some())
}

/// Lets a device in that waited for a coordinator; says whether the event has it. Again changes nothing.
pub(crate) async fn approve(
    storage: &Storage,
    event: EventId,
    id: DeviceId,
    actor: Actor,
    now: Timestamp,
) -> Result<bool, StorageError> {
    storage
        .write(move |tx| {
            let select = "SELECT approved_at FROM devices WHERE event_id = ?1 AND device_id = ?2";
            let found =
                tx.query_row(select, params![event.to_string(), id.to_string()], |row| row.get(0)).optional()?;
            if let Some(None::<i64>) = found {
                let update = "UPDATE devices SET approved_at = ?2 WHERE device_id = ?1";
                tx.execute(update, params![id.to_string(), now.ms()])?;
                let entry = Entry::new(now, actor, Action::DeviceApproved).event(event).subject(Subject::Device(id));
                audit::append(tx, &entry)?;
            }
            Ok(found.is_some())
        })
        .await
}

/// Gives a device another role; says whether the event has it.
pub(crate) async fn set_role(
    storage: &Storage,
    event: EventId,
    id: DeviceId,
    role: Role,
    (actor, now): (Actor, Timestamp),
) -> Result<bool, StorageError> {
    storage
        .write(move |tx| {
            let update = "UPDATE devices SET role = ?3 WHERE event_id = ?1 AND device_id = ?2";
            let found = tx.execute(update, params![event.to_string(), id.to_string(), role.to_string()])? > 0;
            if found {
                let entry = Entry::new(now, actor, Action::RoleChanged).event(event).subject(Subject::Device(id));
                audit::append(tx, &entry.detail("role", role.kind()))?;
            }
            Ok(found)
        })
        .await
}

/// Gives a device another name; says whether the event has it. The name it had, and the one it has, are in no log.
pub(crate) async fn rename(
    storage: &Storage,
    event: EventId,
    id: DeviceId,
    name: String,
    (actor, now): (Actor, Timestamp),
) -> Result<bool, StorageError> {
    storage
        .write(move |tx| {
            let update = "UPDATE devices SET name = ?3 WHERE event_id = ?1 AND device_id = ?2";
            let found = tx.execute(update, params![event.to_string(), id.to_string(), name])? > 0;
            if found {
                let entry = Entry::new(now, actor, Action::DeviceRenamed).event(event).subject(Subject::Device(id));
                audit::append(tx, &entry)?;
            }
            Ok(found)
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
        checkpoints: serde_json::from_str(&text(8)?).map_err(|_| bad("checkpoints"))?,
        enrolled_at: Timestamp::from_ms(row.get(4)?),
        approved_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_ms),
        last_seen_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_ms),
        revoked_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_ms),
    })
}

#[cfg(test)]
mod tests;
