//! The audit log: who enrolled, revoked, imported, exported, accepted or copied what, and when.
//!
//! - An entry is [`append`]ed in the transaction that does what it records: both are on disk, or neither. What is no
//!   transaction of the database (an export, a backup, the documents of an import) is recorded before it happens.
//! - Entries can only be added. Triggers refuse everything else, and each entry holds the hash of the one before, so
//!   whoever changes the file itself is found out by [`Verification`]. Against somebody who can write the file and
//!   computes all hashes anew helps a [`Head`] that was noted elsewhere.
//! - Nothing personal is in it: ids, stable names and numbers. So it never has to forget.

use muster_model::id::{AttendeeId, DeviceId, EventId};
use muster_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

mod action;
mod chain;
mod verify;

pub use action::Action;
pub use verify::{Fault, FaultKind, Verification};

use crate::auth::extract::Caller;
use crate::storage::{Storage, StorageError};
use chain::{BEGINNING, Content, Hash};

/// The longest word of an entry.
const MAX_WORD: usize = 64;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The local administrator.
    Operator,
    /// An enrolled device.
    Device(DeviceId),
    /// An account, by its id.
    Account(String),
    /// The server by itself, such as a job that runs every night.
    Server,
    /// Somebody who has not said who they are, or not proved it.
    Unknown,
}

impl Actor {
    fn text(&self) -> String {
        match self {
            Self::Operator => "operator".to_owned(),
            Self::Device(id) => format!("device:{id}"),
            Self::Account(id) => format!("account:{}", plain(id)),
            Self::Server => "server".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        match caller {
            Caller::Operator => Self::Operator,
            Caller::Device(device) => Self::Device(device.id),
        }
    }
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A device.
    Device(DeviceId),
    /// An account, by its id.
    Account(String),
    /// A one-time code, by its hash: the entry has the beginning of it, so that the device can be found that used it.
    Code([u8; 32]),
    /// An attendee.
    Attendee(AttendeeId),
    /// A refused change, by its number in the quarantine.
    Quarantined(i64),
    /// A signing key, by its id.
    Key(String),
}

impl Subject {
    fn text(&self) -> String {
        match self {
            Self::Device(id) => format!("device:{id}"),
            Self::Account(id) => format!("account:{}", plain(id)),
            Self::Code(hash) => format!("code:{}", hex::encode(hash.first_chunk::<8>().unwrap_or(&[0; 8]))),
            Self::Attendee(id) => format!("attendee:{id}"),
            Self::Quarantined(number) => format!("quarantined:{number}"),
            Self::Key(id) => format!("key:{}", plain(id)),
        }
    }
}

/// Something to be recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    at: Timestamp,
    actor: Actor,
    action: Action,
    event: Option<EventId>,
    subjects: Vec<Subject>,
    detail: Vec<(&'static str, String)>,
}

impl Entry {
    /// That somebody did something.
    #[must_use]
    pub fn new(at: Timestamp, actor: Actor, action: Action) -> Self {
        Self { at, actor, action, event: None, subjects: Vec::new(), detail: Vec::new() }
    }

    /// In this event.
    #[must_use]
    pub fn event(self, event: EventId) -> Self {
        Self { event: Some(event), ..self }
    }

    /// To this; there can be several.
    #[must_use]
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subjects.push(subject);
        self
    }

    /// A number or a stable name, such as a role or a format; nothing that somebody wrote, since that may be a name. What
    /// is not plain in it is replaced.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl ToString) -> Self {
        self.detail.push((name, value.to_string()));
        self
    }
}

/// A word of an entry: no spaces, and too short for a story.
fn plain(text: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() || "-_.:/+".contains(c) { c } else { '_' };
    text.chars().map(known).take(MAX_WORD).collect()
}

/// Where the log ends: its last entry's number and hash. Noted elsewhere, it proves later that nothing before it was
/// changed or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; they are counted from 1.
    pub seq: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub seq: i64,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it: `operator`, `device:<id>`, `account:<id>`, `server` or `unknown`.
    pub actor: String,
    /// What was done, by its stable name.
    pub action: String,
    /// The event, if it was in one.
    pub event_id: Option<String>,
    /// What it was done to, such as `device:<id>`, with spaces between them.
    pub subjects: String,
    /// Numbers and stable names, such as `role=staff`, with spaces between them.
    pub detail: String,
    /// The hash of the entry before.
    pub previous: Vec<u8>,
    /// Its hash.
    pub hash: Vec<u8>,
}

impl Recorded {
    const COLUMNS: &'static str = "seq, at, actor, action, event_id, subjects, detail, previous, hash";

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            at: Timestamp::from_ms(row.get(1)?),
            actor: row.get(2)?,
            action: row.get(3)?,
            event_id: row.get(4)?,
            subjects: row.get(5)?,
            detail: row.get(6)?,
            previous: row.get(7)?,
            hash: row.get(8)?,
        })
    }

    fn content(&self) -> Content<'_> {
        let event = self.event_id.as_deref().unwrap_or_default();
        let texts = [self.actor.as_str(), self.action.as_str(), event, self.subjects.as_str(), self.detail.as_str()];
        Content { at_ms: self.at.ms(), texts }
    }
}

/// Adds an entry in the transaction that does what it records.
///
/// # Errors
/// If the database refuses; what is being recorded must not be done then.
pub fn append(tx: &Transaction<'_>, entry: &Entry) -> Result<(), StorageError> {
    let (seq, previous) = last(tx)?.map_or((0, BEGINNING), |head| (head.seq, head.hash));
    let event = entry.event.map(|event| event.to_string());
    let subjects: Vec<String> = entry.subjects.iter().map(Subject::text).collect();
    let detail: Vec<String> =
        entry.detail.iter().map(|(name, value)| format!("{}={}", plain(name), plain(value))).collect();
    let (actor, subjects, detail) = (entry.actor.text(), subjects.join(" "), detail.join(" "));
    let texts = [actor.as_str(), entry.action.as_str(), event.as_deref().unwrap_or_default(), &subjects, &detail];
    let hash = chain::hash(&previous, &Content { at_ms: entry.at.ms(), texts });
    tx.prepare_cached(
        "INSERT INTO audit (seq, at, actor, action, event_id, subjects, detail, previous, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        seq.saturating_add(1),
        entry.at.ms(),
        actor,
        entry.action.as_str(),
        event,
        subjects,
        detail,
        previous,
        hash
    ])?;
    Ok(())
}

/// Adds an entry in a transaction of its own: for what is not done in the database.
///
/// # Errors
/// As [`append`].
pub async fn record(storage: &Storage, entry: Entry) -> Result<(), StorageError> {
    storage.write(move |tx| append(tx, &entry)).await
}

/// Where the log ends; `None` if nothing was recorded yet.
///
/// # Errors
/// If the database cannot be read.
pub async fn head(storage: &Storage) -> Result<Option<Head>, StorageError> {
    storage.read(last).await
}

fn last(conn: &Connection) -> Result<Option<Head>, StorageError> {
    let mut statement = conn.prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?;
    let row = statement.query_row([], |row| Ok((row.get(0)?, row.get::<_, Hash>(1)?))).optional()?;
    Ok(row.map(|(seq, hash)| Head { seq, hash }))
}

/// The entries after a number, of one event or of all, the oldest first.
///
/// # Errors
/// If the database cannot be read.
pub async fn page(
    storage: &Storage,
    event: Option<EventId>,
    after: i64,
    limit: u32,
) -> Result<Vec<Recorded>, StorageError> {
    storage
        .read(move |conn| {
            let columns = Recorded::COLUMNS;
            let of_event = if event.is_some() { "event_id = ?3 AND" } else { "?3 IS NULL AND" };
            let select = format!("SELECT {columns} FROM audit WHERE {of_event} seq > ?1 ORDER BY seq LIMIT ?2");
            let mut statement = conn.prepare_cached(&select)?;
            let event = event.map(|event| event.to_string());
            let rows = statement.query_map(params![after, limit, event], Recorded::of)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Recorded>>>()?)
        })
        .await
}

/// Looks at every entry whether it is what was recorded. `noted` is the hash of an entry that was noted elsewhere.
///
/// # Errors
/// If the database cannot be read.
pub async fn verify(storage: &Storage, noted: Option<[u8; 32]>) -> Result<Verification, StorageError> {
    storage.read(move |conn| verify::all(conn, noted)).await
}

/// As [`verify`], in a database that is open already.
///
/// # Errors
/// If the database cannot be read.
pub(crate) fn verify_in(conn: &Connection) -> Result<Verification, StorageError> {
    verify::all(conn, None)
}

#[cfg(test)]
mod tests;
