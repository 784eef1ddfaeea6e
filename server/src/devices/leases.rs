//! For how long a device works without contact, by its role.
//!
//! A phone that is lost is one that does not come back. When its lease ends, it keeps to itself what it knows of the event
//! until it has asked the server again.

use muster_model::access::RoleKind;
use muster_model::id::EventId;
use muster_model::time::Timestamp;
use rusqlite::params;

use crate::audit::{self, Action, Actor, Entry};
use crate::storage::{Storage, StorageError};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A week: longer than most events, shorter than the time in which a lost phone is forgotten.
pub(crate) const DEFAULT_LEASE_MS: i64 = 7 * DAY_MS;

/// The longest lease that can be set.
pub(crate) const MAX_LEASE_MS: i64 = 366 * DAY_MS;

/// The shortest.
pub(crate) const MIN_LEASE_MS: i64 = 60 * 60 * 1_000;

/// The lease of each role in an event.
pub(crate) async fn all(storage: &Storage, event: EventId) -> Result<Vec<(RoleKind, i64)>, StorageError> {
    let set: Vec<(String, i64)> = storage
        .read(move |conn| {
            let mut statement = conn.prepare_cached("SELECT role, lease_ms FROM leases WHERE event_id = ?1")?;
            let rows = statement.query_map([event.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await?;
    let of =
        |kind: RoleKind| set.iter().find(|(role, _)| role == kind.as_str()).map_or(DEFAULT_LEASE_MS, |(_, ms)| *ms);
    Ok(RoleKind::ALL.into_iter().map(|kind| (kind, of(kind))).collect())
}

/// The lease of one role in an event.
pub(crate) async fn of(storage: &Storage, event: EventId, kind: RoleKind) -> Result<i64, StorageError> {
    let all = all(storage, event).await?;
    Ok(all.into_iter().find(|(role, _)| *role == kind).map_or(DEFAULT_LEASE_MS, |(_, ms)| ms))
}

/// Sets the lease of a role. Devices hear of it when they next refresh.
pub(crate) async fn set(
    storage: &Storage,
    event: EventId,
    kind: RoleKind,
    lease_ms: i64,
    (actor, now): (Actor, Timestamp),
) -> Result<(), StorageError> {
    storage
        .write(move |tx| {
            let insert = "INSERT INTO leases (event_id, role, lease_ms) VALUES (?1, ?2, ?3)
                          ON CONFLICT (event_id, role) DO UPDATE SET lease_ms = excluded.lease_ms";
            tx.execute(insert, params![event.to_string(), kind.as_str(), lease_ms])?;
            let entry = Entry::new(now, actor, Action::LeaseSet).event(event);
            audit::append(tx, &entry.detail("role", kind).detail("lease_ms", lease_ms))
        })
        .await
}
