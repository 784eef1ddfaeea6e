//! A damaged database is put aside, never deleted, and what it had not sent is exported as far as it can be read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value as Json, json};

use super::{DatabaseKey, failed};
use crate::store::StoreError;

/// Where a damaged database went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutAside {
    /// The database under its new name.
    pub database: PathBuf,
    /// A JSON file beside it: the facts that no server is known to have.
    pub export: PathBuf,
    /// How many facts were exported.
    pub facts: usize,
    /// Whether the list is known to be whole. If not, the damage hides some; the file that was put aside still holds
    /// whatever is left of them.
    pub complete: bool,
}

/// The facts of a damaged database that no server is known to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentExport {
    /// A JSON object: `complete`, `facts` and `edits`.
    pub text: String,
    /// How many facts there are.
    pub facts: usize,
    /// Whether the list is known to be whole.
    pub complete: bool,
}

/// Reads what a damaged database had not sent, and changes nothing; for shells that keep files in ways of their own and put
/// it aside themselves.
///
/// # Errors
/// [`StoreError::Busy`] if somebody has it open.
pub fn export_unsent(path: &Path, key: Option<&DatabaseKey>) -> Result<UnsentExport, StoreError> {
    let Unsent { facts: entries, edits, complete } = unsent(path, key)?;
    let facts = entries.len();
    let text = serde_json::to_string_pretty(&json!({ "complete": complete, "facts": entries, "edits": edits }));
    Ok(UnsentExport { text: text.map_err(|error| StoreError::Io(error.into()))?, facts, complete })
}

/// Puts the database of this file aside, so that a new one can be opened in its place. An encrypted one stays encrypted; the
/// export beside it is plain, for somebody to read: delete it when it has been handed over.
///
/// # Errors
/// [`StoreError::Busy`] if somebody has it open: what they recorded after this could not be exported any more. If the file
/// system does not let it be renamed or the export be written. Then the database stays where it is.
pub fn put_aside(path: &Path, key: Option<&DatabaseKey>) -> Result<PutAside, StoreError> {
    let UnsentExport { text, facts, complete } = export_unsent(path, key)?;
    let database = free_name(path);
    let export = with_suffix(&database, ".unsent.json");
    std::fs::write(&export, text)?;
    std::fs::File::open(&export)?.sync_all()?;
    // The log first: a database without its log is older, a log without its database is lost.
    for suffix in ["-wal", "-shm", "-journal"] {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&database, suffix));
        if from.exists() {
            std::fs::rename(from, to)?;
        }
    }
    std::fs::rename(path, &database)?;
    Ok(PutAside { database, export, facts, complete })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// `<name>.damaged-1`, or the first number that is free.
fn free_name(path: &Path) -> PathBuf {
    let numbered = (1..=u32::MAX).map(|number| with_suffix(path, &format!(".damaged-{number}")));
    numbered.into_iter().find(|name| !name.exists()).unwrap_or_else(|| with_suffix(path, ".damaged"))
}

/// What is in an outbox.
#[derive(Default)]
struct Unsent {
    facts: Vec<Json>,
    edits: Vec<Json>,
    complete: bool,
}

/// The facts in the outbox, as far as they can be read; and whether all could. If the outbox itself cannot be read, every
/// fact that can be: too many are better than too few.
///
/// # Errors
/// [`StoreError::Busy`] if somebody has the database open.
fn unsent(path: &Path, key: Option<&DatabaseKey>) -> Result<Unsent, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(path, flags) else { return Ok(Unsent::default()) };
    connection.busy_timeout(super::BUSY_TIMEOUT).map_err(failed)?;
    // With a key that does not fit nothing can be read, as with damage.
    if let Some(Err(StoreError::Busy)) = key.map(|key| key.unlock(&connection)) {
        return Err(StoreError::Busy);
    }
    // Any read asks for the lock; how else it fails is what the rest of this function is about.
    let asked = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    if let Err(StoreError::Busy) = asked.map_err(failed) {
        return Err(StoreError::Busy);
    }
    let sent_or_not = "SELECT facts.id, facts.doc, facts.json FROM outbox JOIN facts ON facts.id = outbox.fact
                       GROUP BY facts.id";
    let waiting: Option<i64> = connection
        .query_row("SELECT count(DISTINCT fact) FROM outbox WHERE fact IS NOT NULL", [], |row| row.get(0))
        .ok();
    let (mut found, mut whole) = rows(&connection, sent_or_not);
    whole &= waiting.is_some_and(|waiting| usize::try_from(waiting) == Ok(found.len()));
    if !whole {
        let (all, _) = rows(&connection, "SELECT id, doc, json FROM facts");
        if all.len() > found.len() {
            found = all;
        }
    }
    // A database of before has no such column, and nothing was edited in it.
    let has_edits = connection.prepare("SELECT edit FROM outbox").is_ok();
    let (edits, all_edits) = if has_edits { edits(&connection) } else { (Vec::new(), true) };
    Ok(Unsent { facts: found, edits, complete: whole && all_edits })
}

/// The edits in the outbox, once each; and whether all could be read.
fn edits(connection: &Connection) -> (Vec<Json>, bool) {
    let edits = "SELECT hex(change), doc, edit FROM outbox WHERE edit IS NOT NULL
                 GROUP BY change ORDER BY doc, json_extract(edit, '$.order')";
    let (found, whole) = rows(connection, edits);
    let edit = |row: Json| json!({ "document": row.get("document"), "edit": row.get("fact") });
    (found.into_iter().map(edit).collect(), whole)
}

/// Reads until the first row that does not read.
fn rows(connection: &Connection, sql: &str) -> (Vec<Json>, bool) {
    let mut found = Vec::new();
    let Ok(mut statement) = connection.prepare(sql) else { return (found, false) };
    let Ok(mut rows) = statement.query([]) else { return (found, false) };
    loop {
        match rows.next() {
            Ok(Some(row)) => {
                let text = |column: usize| row.get::<_, String>(column);
                let (Ok(id), Ok(doc), Ok(json)) = (text(0), text(1), text(2)) else { return (found, false) };
                let Ok(fact) = serde_json::from_str::<Json>(&json) else { return (found, false) };
                found.push(json!({ "id": id, "document": doc, "fact": fact }));
            }
            Ok(None) => return (found, true),
            Err(_) => return (found, false),
        }
    }
}
