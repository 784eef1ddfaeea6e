//! Backups are looked at and restored here, without a server: a backup is worth what can be read of it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use automerge::ReadDoc;
use muster_model::document::{self, DocRef};
use muster_model::id::{DeviceId, EventId};
use rusqlite::{Connection, OpenFlags, Transaction};
use serde::Serialize;

use crate::audit::{self, Action, Actor, Entry};
use crate::auth::keys;
use crate::auth::ring::KeyRing;
use crate::backup::copy_keys;
use crate::clock;
use crate::devices::forgotten;
use crate::storage::sqlite_documents::load;
use crate::storage::{DATABASE_FILE, Storage, StorageError, layout};

/// The most faults that are told one by one.
const MAX_FAULTS: usize = 100;

/// Why a backup cannot be looked at or restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no backup.
    #[error("{} is no backup: it has no file muster.db", path.display())]
    NoBackup {
        /// The folder.
        path: PathBuf,
    },
    /// The data directory holds something.
    #[error("{} is not empty: name another --data, so that nothing is written over", path.display())]
    NotEmpty {
        /// The data directory.
        path: PathBuf,
    },
    /// What is wrong with the backup.
    #[error("the backup is not sound ({first}): see `muster restore --check`")]
    Unsound {
        /// The first fault.
        first: String,
    },
    /// Its database cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What a look at a backup found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Whether everything in it can be used.
    pub sound: bool,
    /// Events.
    pub events: u64,
    /// Documents; each was loaded.
    pub documents: u64,
    /// Their changes.
    pub changes: u64,
    /// Devices, revoked ones too.
    pub devices: u64,
    /// Refused changes that wait for somebody.
    pub quarantined: u64,
    /// Entries of the audit log; each was verified.
    pub audit_entries: u64,
    /// The hash of the last entry: compare it with what was noted elsewhere.
    pub audit_head: Option<String>,
    /// How large the database is.
    pub database_bytes: u64,
    /// What is wrong: the first hundred.
    pub faults: Vec<String>,
    /// How many more there are.
    pub more_faults: u64,
}

impl Checked {
    fn fault(&mut self, fault: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault.into());
        } else {
            self.more_faults = self.more_faults.saturating_add(1);
        }
    }
}

/// Looks at everything in a backup; changes nothing in it.
///
/// # Errors
/// If there is none, or it cannot be read at all. What is wrong with it otherwise is in the result.
pub fn check(backup: &Path) -> Result<Checked, RestoreError> {
    let path = backup.join(DATABASE_FILE);
    let no_backup = |_| RestoreError::NoBackup { path: backup.to_owned() };
    let mut found = Checked { database_bytes: fs::metadata(&path).map_err(no_backup)?.len(), ..Checked::default() };
    let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(StorageError::from)?;
    layout(&conn, &path)?;
    for line in lines(&conn, "PRAGMA integrity_check(100)")?.into_iter().filter(|line| line != "ok") {
        found.fault(format!("the database is damaged: {line}"));
    }
    let broken = count(&conn, "SELECT count(*) FROM pragma_foreign_key_check")?;
    if broken > 0 {
        found.fault(format!("{broken} rows of the database belong to rows that are not there"));
    }
    found.events = count(&conn, "SELECT count(*) FROM events")?;
    found.devices = count(&conn, "SELECT count(*) FROM devices")?;
    found.quarantined = count(&conn, "SELECT count(*) FROM quarantine")?;
    check_documents(&conn, &mut found)?;
    // A copy of an earlier version may have none.
    if count(&conn, "SELECT count(*) FROM pragma_table_info('audit')")? > 0 {
        let log = audit::verify_in(&conn)?;
        found.audit_entries = log.entries;
        found.audit_head = log.head.map(|head| hex::encode(head.hash));
        for fault in &log.faults {
            found.fault(format!("the audit log: {fault}"));
        }
    }
    if let Err(error) = KeyRing::load(backup) {
        found.fault(format!("the signing keys cannot be used: {error}"));
    }
    found.sound = found.faults.is_empty();
    Ok(found)
}

fn check_documents(conn: &Connection, found: &mut Checked) -> Result<(), StorageError> {
    let has_epochs = count(conn, "SELECT count(*) FROM pragma_table_info('documents') WHERE name = 'epoch'")? > 0;
    let epoch = if has_epochs { "epoch" } else { "0" };
    let mut statement =
        conn.prepare(&format!("SELECT event_id, ref, {epoch}, heads FROM documents ORDER BY event_id, ref"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (event, name): (String, String) = (row.get(0)?, row.get(1)?);
        let heads: Vec<u8> = row.get(3)?;
        found.documents = found.documents.saturating_add(1);
        match check_document(conn, (&event, &name, row.get(2)?), &heads)? {
            Ok(changes) => found.changes = found.changes.saturating_add(changes),
            Err(fault) => found.fault(format!("document {name} of event {event}: {fault}")),
        }
    }
    Ok(())
}

/// How many changes a document has, or what is wrong with it.
fn check_document(
    conn: &Connection,
    (event, name, epoch): (&str, &str, u32),
    heads: &[u8],
) -> Result<Result<u64, String>, StorageError> {
    let (Ok(event), Ok(document)) = (event.parse::<EventId>(), name.parse::<DocRef>()) else {
        return Ok(Err("it has no such name".to_owned()));
    };
    let stored = match load(conn, document.id_in(event, epoch)) {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(Err("nothing of it is there".to_owned())),
        Err(error @ StorageError::DamagedChunk { .. }) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let reader = DeviceId::from_random([0; 8]).actor([0; 8]);
    let doc = match document::load(&stored.bytes, reader).and_then(|doc| document::check_version(&doc).map(|()| doc)) {
        Ok(doc) => doc,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut there = doc.get_heads();
    there.sort_unstable();
    let there: Vec<u8> = there.iter().flat_map(|head| head.0).collect();
    // Heads in memory are written with each change, a snapshot keeps them.
    Ok(if there == heads { Ok(doc.stats().num_changes) } else { Err("it lacks changes that were stored".to_owned()) })
}

fn lines(conn: &Connection, select: &str) -> Result<Vec<String>, StorageError> {
    let mut statement = conn.prepare(select)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
}

fn count(conn: &Connection, select: &str) -> Result<u64, StorageError> {
    Ok(u64::try_from(conn.query_row(select, [], |row| row.get::<_, i64>(0))?).unwrap_or_default())
}

/// Puts a sound backup into a data directory that is empty or not there: whole, or nothing of it. Its audit log says so.
/// `finish` is done with the copy before it is put there, and says whether it is fit to be.
///
/// # Errors
/// If the backup is not sound, the data directory is not empty, a file cannot be read or written, or what `finish` said.
pub async fn restore<T, E: From<RestoreError>>(
    backup: &Path,
    data: &Path,
    finish: impl AsyncFnOnce(&Path) -> Result<T, E>,
) -> Result<(Checked, T), E> {
    let (found, draft) = prepare(backup, data).await?;
    let done = finish(&draft).await?;
    let failed = |source| RestoreError::File { path: data.to_owned(), source };
    publish(&draft, data).map_err(failed)?;
    Ok((found, done))
}

/// Checks the backup and copies it beside the data directory.
async fn prepare(backup: &Path, data: &Path) -> Result<(Checked, PathBuf), RestoreError> {
    let looked = backup.to_owned();
    let checking = tokio::task::spawn_blocking(move || check(&looked)).await;
    let found = checking.unwrap_or(Err(StorageError::Panicked.into()))?;
    if let Some(first) = found.faults.first() {
        return Err(RestoreError::Unsound { first: first.clone() });
    }
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| RestoreError::File { path: path.clone(), source }
    };
    match fs::read_dir(data).map(|mut entries| entries.next().is_some()) {
        Ok(true) => return Err(RestoreError::NotEmpty { path: data.to_owned() }),
        Ok(false) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(file(data)(source)),
    }
    let mut draft = data.file_name().unwrap_or_default().to_owned();
    draft.push(".restoring");
    let draft = data.with_file_name(draft);
    match fs::remove_dir_all(&draft) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(file(&draft)(source)),
        // What a restore left behind that was killed.
        _ => {}
    }
    copy(backup, &draft).map_err(file(&draft))?;
    let storage = Storage::open(&draft.join(DATABASE_FILE))?;
    let now = clock::now();
    let note = move |tx: &Transaction<'_>| {
        forgotten::note_restore(tx, now)?;
        audit::append(tx, &Entry::new(now, Actor::Operator, Action::BackupRestored))
    };
    storage.write(note).await?;
    storage.close().await;
    Ok((found, draft))
}

fn copy(backup: &Path, draft: &Path) -> io::Result<()> {
    let folder = draft.join(keys::FOLDER);
    fs::DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
    let database = draft.join(DATABASE_FILE);
    fs::copy(backup.join(DATABASE_FILE), &database)?;
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600))?;
    File::open(&database)?.sync_all()?;
    copy_keys(backup, &folder)
}

/// The data directory appears whole: a rename replaces an empty folder.
fn publish(draft: &Path, data: &Path) -> io::Result<()> {
    File::open(draft)?.sync_all()?;
    fs::rename(draft, data)?;
    match data.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
