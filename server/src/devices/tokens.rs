//! The refresh tokens of devices, as the database keeps them.

use muster_model::id::DeviceId;
use muster_model::time::Timestamp;
use rand::Rng;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Device, alerts, find_in, forgotten};
use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::auth::refresh::{Nonce, RefreshToken};
use crate::auth::token::Issued;
use crate::storage::{Storage, StorageError};

/// What becomes of a refresh token that was shown.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// Here is the next one, good until then.
    Granted { device: Device, token: RefreshToken, expires_at: Timestamp },
    /// The device waits for a coordinator; its token stays as it is.
    Pending,
    /// It was exchanged before by somebody else: the device is revoked, and an alert raised.
    Reused(Device),
    /// The device was revoked.
    Revoked,
    /// This very question was answered before, and the answer used.
    Replayed,
    /// The token has ended.
    Expired,
    /// There is no such token.
    Unknown,
}

/// Keeps a device's first token.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    device: DeviceId,
    token: &RefreshToken,
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<(), StorageError> {
    let insert = "INSERT INTO refresh_tokens (token_hash, device_id, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(insert, params![token.hash(), device.to_string(), now.ms(), expires_at.ms()])?;
    Ok(())
}

/// Exchanges a token for the next, which is good for `lifetime_ms`. With the access token that came with it, a token that a
/// restore made this database forget is good, too.
pub(crate) async fn exchange(
    storage: &Storage,
    (token, nonce, proof): (RefreshToken, Nonce, Option<Issued>),
    now: Timestamp,
    lifetime_ms: i64,
) -> Result<Exchange, StorageError> {
    storage
        .write(move |tx| {
            if let Some(proof) = proof.filter(|proof| now < proof.issued_at.plus_ms(lifetime_ms))
                && find(tx, &token)?.is_none()
            {
                forgotten::remember(tx, &token, &proof, (now, now.plus_ms(lifetime_ms)))?;
            }
            exchange_in(tx, &token, &nonce, (now, now.plus_ms(lifetime_ms)))
        })
        .await
}

struct Row {
    device: DeviceId,
    expires_at: Timestamp,
    used_at: Option<i64>,
    nonce_hash: Option<[u8; 32]>,
    salt: Option<[u8; 32]>,
}

fn exchange_in(
    tx: &Transaction<'_>,
    token: &RefreshToken,
    nonce: &Nonce,
    (now, ends_at): (Timestamp, Timestamp),
) -> Result<Exchange, StorageError> {
    let Some(row) = find(tx, token)? else { return Ok(Exchange::Unknown) };
    let bad = StorageError::Value { table: "refresh_tokens", column: "device_id" };
    let device = find_in(tx, row.device)?.ok_or(bad)?;
    if device.revoked_at.is_some() {
        return Ok(Exchange::Revoked);
    }
    if now >= row.expires_at {
        return Ok(Exchange::Expired);
    }
    if device.approved_at.is_none() {
        return Ok(Exchange::Pending);
    }
    tx.execute("UPDATE devices SET last_seen_at = ?2 WHERE device_id = ?1", params![device.id.to_string(), now.ms()])?;
    if row.used_at.is_none() {
        let salt: [u8; 32] = rand::rng().random();
        let next = token.successor(nonce, &salt);
        let update =
            "UPDATE refresh_tokens SET used_at = ?2, nonce_hash = ?3, successor_salt = ?4 WHERE token_hash = ?1";
        tx.execute(update, params![token.hash(), now.ms(), nonce.hash(), salt])?;
        let ended = "DELETE FROM refresh_tokens WHERE device_id = ?1 AND expires_at <= ?2";
        tx.execute(ended, params![device.id.to_string(), now.ms()])?;
        insert(tx, device.id, &next, (now, ends_at))?;
        return Ok(Exchange::Granted { device, token: next, expires_at: ends_at });
    }
    let same_question = row.nonce_hash == Some(nonce.hash());
    let (Some(salt), true) = (row.salt, same_question) else {
        alerts::insert(tx, &device, alerts::REFRESH_TOKEN_REUSED, now)?;
        let entry = Entry::new(now, Actor::Unknown, Action::RefreshReused).event(device.event);
        audit::append(tx, &entry.subject(Subject::Device(device.id)))?;
        super::revoke_in(tx, device.event, device.id, (Actor::Server, now))?;
        return Ok(Exchange::Reused(device));
    };
    let next = token.successor(nonce, &salt);
    // Somebody who uses the successor has heard the answer: this is a copy of the question that was late on its way.
    match find(tx, &next)? {
        Some(Row { used_at: None, expires_at, .. }) => Ok(Exchange::Granted { device, token: next, expires_at }),
        _ => Ok(Exchange::Replayed),
    }
}

fn find(conn: &Connection, token: &RefreshToken) -> Result<Option<Row>, StorageError> {
    let select = "SELECT device_id, expires_at, used_at, nonce_hash, successor_salt FROM refresh_tokens
                  WHERE token_hash = ?1";
    let found = conn
        .prepare_cached(select)?
        .query_row([token.hash()], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((device, expires_at, used_at, nonce_hash, salt)) = found else { return Ok(None) };
    let bad = |_| StorageError::Value { table: "refresh_tokens", column: "device_id" };
    let expires_at = Timestamp::from_ms(expires_at);
    Ok(Some(Row { device: device.parse().map_err(bad)?, expires_at, used_at, nonce_hash, salt }))
}

/// Whose token this is, whatever has become of it; `None` if it is nobody's, or would have ended by itself.
pub(crate) async fn owner(storage: &Storage, token: RefreshToken) -> Result<Option<Device>, StorageError> {
    storage
        .read(move |conn| match find(conn, &token)? {
            Some(row) => find_in(conn, row.device),
            None => Ok(None),
        })
        .await
}
