//! Devices that come back to a server which was restored from a backup.
//!
//! Tokens that were given since the backup was made are not in it, so an honest device shows one that the server does not
//! know. What it can show besides is its last access token: the server signed it, and it says whom it was given to and
//! when. If that was in the time which the restore made the server forget, the refresh token is taken for the device's, once.

use muster_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Device, find_in, tokens};
use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::auth::refresh::RefreshToken;
use crate::auth::token::Issued;
use crate::storage::StorageError;

/// What a restore made the database forget: what was after the one time and before the other.
struct Forgotten {
    knew_until: Timestamp,
    restored_at: Timestamp,
}

/// Notes that a database is a copy that was put back at this time.
pub(crate) fn note_restore(tx: &Transaction<'_>, now: Timestamp) -> Result<(), StorageError> {
    tx.execute(
        "INSERT OR REPLACE INTO restores (restored_at, knew_until) VALUES (?1, max(
             (SELECT coalesce(max(at), 0) FROM audit),
             (SELECT coalesce(max(issued_at), 0) FROM refresh_tokens)))",
        [now.ms()],
    )?;
    Ok(())
}

fn last_restore(conn: &Connection) -> Result<Option<Forgotten>, StorageError> {
    let select = "SELECT knew_until, restored_at FROM restores ORDER BY restored_at DESC LIMIT 1";
    let times = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let found = conn.prepare_cached(select)?.query_row([], times).optional()?;
    Ok(found.map(|(knew_until, restored_at)| Forgotten {
        knew_until: Timestamp::from_ms(knew_until),
        restored_at: Timestamp::from_ms(restored_at),
    }))
}

/// Keeps a refresh token that the database does not know, if a restore made it forget the token: as the device's only one. A
/// device that it forgot as well is kept, too, and waits for a coordinator. The second token that is shown for a device is
/// kept as one that was used, since two cannot both be the last.
pub(super) fn remember(
    tx: &Transaction<'_>,
    token: &RefreshToken,
    proof: &Issued,
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<(), StorageError> {
    let Issued { device, event, role, issued_at } = *proof;
    let Some(Forgotten { knew_until, restored_at }) = last_restore(tx)? else { return Ok(()) };
    // A token says when it was made in whole seconds.
    if issued_at.plus_ms(999) < knew_until || restored_at < issued_at {
        return Ok(());
    }
    let select = "SELECT count(*) FROM events WHERE event_id = ?1";
    if tx.query_row(select, [event.to_string()], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(());
    }
    match find_in(tx, device)? {
        Some(known) if known.event != event => return Ok(()),
        Some(_) => {}
        None => super::insert(tx, &unknown(proof))?,
    }
    let select = "SELECT count(*) FROM refresh_tokens WHERE device_id = ?1 AND issued_at > ?2";
    let given_since: i64 = tx.query_row(select, params![device.to_string(), restored_at.ms()], |row| row.get(0))?;
    tokens::insert(tx, device, token, (now, expires_at))?;
    let used = "UPDATE refresh_tokens SET used_at = ?2 WHERE device_id = ?1 AND used_at IS NULL";
    if given_since > 0 {
        tx.execute(&format!("{used} AND token_hash = ?3"), params![device.to_string(), now.ms(), token.hash()])?;
        return Ok(());
    }
    tx.execute(&format!("{used} AND token_hash <> ?3"), params![device.to_string(), now.ms(), token.hash()])?;
    tracing::info!(%device, %event, %role, "a device is known again that a restore had made us forget");
    let entry = Entry::new(now, Actor::Device(device), Action::DeviceRecovered).event(event);
    audit::append(tx, &entry.subject(Subject::Device(device)))?;
    Ok(())
}

/// A device of which nothing is known but what its token says.
fn unknown(proof: &Issued) -> Device {
    Device {
        id: proof.device,
        event: proof.event,
        role: proof.role,
        name: String::new(),
        checkpoints: Vec::new(),
        enrolled_at: proof.issued_at,
        approved_at: None,
        last_seen_at: None,
        revoked_at: None,
    }
}
