//! Accounts: people who sign in, and what they are in which event. A sign-in makes a device, and everything after that is a
//! device's.

use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use unicode_normalization::UnicodeNormalization;

use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::devices::{self, Device, Newcomer};
use crate::storage::{Storage, StorageError};

/// How many characters a name may have.
const NAME_CHARS: usize = 100;

/// The name of an account as it is kept: found however it is typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountName(String);

impl AccountName {
    /// Reads a name, such as an e-mail address; `None` if it is empty, too long, or has spaces or control characters.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let folded: String = text.trim().nfkc().flat_map(char::to_lowercase).collect();
        let good = |c: char| !c.is_whitespace() && !c.is_control();
        let fits = !folded.is_empty() && folded.chars().count() <= NAME_CHARS && folded.chars().all(good);
        fits.then_some(Self(folded))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its id: 16 hexadecimal digits.
    pub(crate) id: String,
    /// The PHC string of its password.
    pub(crate) password: String,
}

/// An account in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The account's id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// What it is there.
    pub(crate) role: Role,
    /// When it was created.
    pub(crate) created_at: Timestamp,
}

/// An invitation.
#[derive(Debug, Clone)]
pub(crate) struct NewInvitation {
    /// The hash of its code.
    pub(crate) hash: [u8; 32],
    /// The event.
    pub(crate) event: EventId,
    /// What the account will be there.
    pub(crate) role: Role,
    /// Until when it is good.
    pub(crate) expires_at: Timestamp,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// There is another account of this name.
    #[error("the name is taken")]
    Taken,
    /// There is no such invitation, or it was used.
    #[error("there is no such invitation")]
    InvitationUnknown,
    /// The invitation has expired.
    #[error("the invitation has expired")]
    InvitationExpired,
    /// The database refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<rusqlite::Error> for AccountError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

fn new_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// The account of this name.
pub(crate) async fn find(storage: &Storage, name: AccountName) -> Result<Option<Account>, StorageError> {
    storage.read(move |conn| find_in(conn, &name)).await
}

fn find_in(conn: &Connection, name: &AccountName) -> Result<Option<Account>, StorageError> {
    let select = "SELECT account_id, password FROM accounts WHERE name = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok(Account { id: row.get(0)?, password: row.get(1)? });
    Ok(conn.prepare_cached(select)?.query_row([name.as_str()], read).optional()?)
}

/// What an account is in which events, in the order of their ids.
pub(crate) async fn roles(storage: &Storage, account: String) -> Result<Vec<(EventId, Role)>, StorageError> {
    storage
        .read(move |conn| {
            let select = "SELECT event_id, role FROM account_roles WHERE account_id = ?1 ORDER BY event_id";
            let mut statement = conn.prepare_cached(select)?;
            let rows =
                statement.query_map([account], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            let bad = |column| StorageError::Value { table: "account_roles", column };
            rows.map(|row| {
                let (event, role) = row?;
                Ok((event.parse().map_err(|_| bad("event_id"))?, role.parse().map_err(|_| bad("role"))?))
            })
            .collect()
        })
        .await
}

/// The accounts of an event, by name.
pub(crate) async fn members(storage: &Storage, event: EventId) -> Result<Vec<Member>, StorageError> {
    storage
        .read(move |conn| {
            let select = "SELECT account_id, name, role, created_at FROM accounts JOIN account_roles USING (account_id)
                          WHERE event_id = ?1 ORDER BY name";
            let mut statement = conn.prepare_cached(select)?;
            let rows = statement.query_map([event.to_string()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?))
            })?;
            rows.map(|row| {
                let (id, name, role, created_at) = row?;
                let bad = |_| StorageError::Value { table: "account_roles", column: "role" };
                Ok(Member { id, name, role: role.parse().map_err(bad)?, created_at: Timestamp::from_ms(created_at) })
            })
            .collect()
        })
        .await
}

/// Makes an account with a role in an event; gives its id.
pub(crate) async fn create(
    storage: &Storage,
    (name, password): (AccountName, String),
    (event, role): (EventId, Role),
    (actor, now): (Actor, Timestamp),
) -> Result<String, AccountError> {
    storage
        .write_with(move |tx| {
            if find_in(tx, &name)?.is_some() {
                return Err(AccountError::Taken);
            }
            let id = insert(tx, &name, &password, now)?;
            grant(tx, &id, (event, role))?;
            let entry = Entry::new(now, actor, Action::AccountCreated).event(event);
            audit::append(tx, &entry.subject(Subject::Account(id.clone())).detail("role", role.kind()))?;
            Ok(id)
        })
        .await
}

fn insert(tx: &Transaction<'_>, name: &AccountName, password: &str, now: Timestamp) -> Result<String, StorageError> {
    let id = new_id();
    let insert = "INSERT INTO accounts (account_id, name, password, created_at) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(insert, params![id, name.as_str(), password, now.ms()])?;
    Ok(id)
}

fn grant(tx: &Transaction<'_>, account: &str, (event, role): (EventId, Role)) -> Result<(), StorageError> {
    let insert = "INSERT INTO account_roles (account_id, event_id, role) VALUES (?1, ?2, ?3)
                  ON CONFLICT (account_id, event_id) DO UPDATE SET role = excluded.role";
    tx.execute(insert, params![account, event.to_string(), role.to_string()])?;
    Ok(())
}

/// Keeps an invitation.
pub(crate) async fn invite(
    storage: &Storage,
    new: NewInvitation,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StorageError> {
    storage
        .write(move |tx| {
            let insert = "INSERT INTO invitations (code_hash, event_id, role, expires_at) VALUES (?1, ?2, ?3, ?4)";
            tx.execute(insert, params![new.hash, new.event.to_string(), new.role.to_string(), new.expires_at.ms()])?;
            let entry = Entry::new(now, actor, Action::AccountInvited).event(new.event);
            audit::append(tx, &entry.subject(Subject::Code(new.hash)).detail("role", new.role.kind()))
        })
        .await
}

/// Spends an invitation: on a new account of this name and password hash, or, if the caller has checked its password, on
/// the account that has the name. Gives the event and the role.
pub(crate) async fn accept(
    storage: &Storage,
    hash: [u8; 32],
    (name, password): (AccountName, String),
    known: Option<Account>,
    now: Timestamp,
) -> Result<(EventId, Role), AccountError> {
    storage
        .write_with(move |tx| {
            let (event, role) = invitation_in(tx, &hash, now)?;
            let there = find_in(tx, &name)?;
            let id = match (there, known) {
                (Some(there), Some(known)) if there == known => there.id,
                (None, None) => insert(tx, &name, &password, now)?,
                // Somebody was faster, or changed the account meanwhile.
                _ => return Err(AccountError::Taken),
            };
            grant(tx, &id, (event, role))?;
            let update = "UPDATE invitations SET used_at = ?2, account_id = ?3 WHERE code_hash = ?1";
            tx.execute(update, params![hash, now.ms(), id])?;
            let entry = Entry::new(now, Actor::Account(id.clone()), Action::AccountCreated).event(event);
            let entry = entry.subject(Subject::Account(id)).subject(Subject::Code(hash));
            audit::append(tx, &entry.detail("role", role.kind()))?;
            Ok((event, role))
        })
        .await
}

/// The event and role of an invitation that is good.
pub(crate) async fn invitation(
    storage: &Storage,
    hash: [u8; 32],
    now: Timestamp,
) -> Result<(EventId, Role), AccountError> {
    storage.read_with(move |conn| invitation_in(conn, &hash, now)).await
}

fn invitation_in(conn: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<(EventId, Role), AccountError> {
    let select = "SELECT event_id, role, expires_at, used_at FROM invitations WHERE code_hash = ?1";
    let found = conn
        .query_row(select, [hash], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get::<_, Option<i64>>(3)?))
        })
        .optional()?;
    let Some((event, role, expires_at, None)) = found else { return Err(AccountError::InvitationUnknown) };
    if now >= Timestamp::from_ms(expires_at) {
        return Err(AccountError::InvitationExpired);
    }
    let bad = |column| StorageError::Value { table: "invitations", column };
    Ok((event.parse().map_err(|_| bad("event_id"))?, role.parse().map_err(|_| bad("role"))?))
}

/// Makes a device of somebody who has signed in.
pub(crate) async fn sign_in(
    storage: &Storage,
    account: String,
    (event, role): (EventId, Role),
    newcomer: Newcomer,
    now: Timestamp,
) -> Result<Device, StorageError> {
    storage
        .write(move |tx| {
            let device = devices::insert_signed_in(tx, &account, (event, role), newcomer, now)?;
            let entry = Entry::new(now, Actor::Account(account), Action::LoginSucceeded).event(event);
            audit::append(tx, &entry.subject(Subject::Device(device.id)).detail("role", role.kind()))?;
            Ok(device)
        })
        .await
}

/// Takes an account out of an event; gives the devices with which it signed in there, which are to be revoked. `None` if it
/// is not in the event. The account itself stays, so that its name is nobody else's.
pub(crate) async fn remove(
    storage: &Storage,
    event: EventId,
    account: String,
    (actor, now): (Actor, Timestamp),
) -> Result<Option<Vec<DeviceId>>, StorageError> {
    storage
        .write(move |tx| {
            let delete = "DELETE FROM account_roles WHERE event_id = ?1 AND account_id = ?2";
            if tx.execute(delete, params![event.to_string(), account])? == 0 {
                return Ok(None);
            }
            let select = "SELECT device_id FROM devices WHERE event_id = ?1 AND account_id = ?2";
            let mut statement = tx.prepare(select)?;
            let ids = statement.query_map(params![event.to_string(), account], |row| row.get::<_, String>(0))?;
            let bad = |_| StorageError::Value { table: "devices", column: "device_id" };
            let ids: Vec<DeviceId> = ids.map(|id| id?.parse().map_err(bad)).collect::<Result<_, StorageError>>()?;
            let entry = Entry::new(now, actor, Action::AccountClosed).event(event);
            audit::append(tx, &entry.subject(Subject::Account(account)))?;
            Ok(Some(ids))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_typed() {
        let name = |text| AccountName::parse(text).unwrap();
        assert_eq!(name(" Anna@Example.org "), name("anna@example.org"));
        assert_eq!(name("JĀNIS"), name("ja\u{304}nis"));
        for text in ["", "  ", "two words", "line\nbreak", &"x".repeat(101)] {
            assert!(AccountName::parse(text).is_none(), "{text}");
        }
    }
}
