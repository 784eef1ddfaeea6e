//! A backup is a folder like the data directory: the database, the signing keys and the keys of tickets, so that `muster serve
//! --data` runs on
//! it and enrolled devices stay enrolled.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use muster_model::time::Timestamp;
use rusqlite::{Transaction, params};

use crate::app::App;
use crate::audit::{self, Action, Actor, Entry};
use crate::auth::keys;
use crate::clock;
use crate::error::{ApiError, ErrorCode};
use crate::storage::{DATABASE_FILE, Storage, StorageError};
use crate::tickets::secrets;

/// Copies the server's data into a new folder, all of it or nothing; says how large the database is, in bytes. That it is
/// copied is recorded first, so the copy ends with that entry.
///
/// # Errors
/// `backup_target` if the folder is there already or cannot be made, or why the database cannot be copied.
pub async fn back_up(app: &App, actor: Actor, target: &Path) -> Result<u64, ApiError> {
    let draft = draft_path(target).ok_or(ErrorCode::BackupTarget)?;
    prepare(app.data(), target, &draft).map_err(|error| unusable(&error))?;
    note(&app.storage, target, Entry::new(clock::now(), actor.clone(), Action::BackupMade)).await?;
    let copied = match app.storage.backup(&draft.join(DATABASE_FILE), |_| {}).await {
        Ok(()) => publish(&draft, target).map_err(|error| unusable(&error)),
        Err(error) => Err(error.into()),
    };
    if copied.is_err() {
        // What is left of a failed copy; that it cannot be removed either changes nothing.
        drop(fs::remove_dir_all(&draft));
        let entry = Entry::new(clock::now(), actor, Action::BackupFailed);
        let folder = target.display().to_string();
        let forget = move |tx: &Transaction<'_>| {
            tx.execute("DELETE FROM backups WHERE id = (SELECT max(id) FROM backups WHERE folder = ?1)", [folder])?;
            audit::append(tx, &entry)
        };
        app.storage.write(forget).await?;
    }
    copied
}

/// A copy that was made of this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where it was put, on the server's machine.
    pub folder: String,
    /// When.
    pub made_at: Timestamp,
    /// How many attendees it knows that were erased since.
    pub erased_since: u64,
}

impl Copy {
    /// Whether it is still where it was put. Whoever moved it has to remember.
    #[must_use]
    pub fn is_there(&self) -> bool {
        Path::new(&self.folder).exists()
    }
}

async fn note(storage: &Storage, target: &Path, entry: Entry) -> Result<(), StorageError> {
    let folder = target.display().to_string();
    storage
        .write(move |tx| {
            let now = clock::now().ms();
            tx.execute("INSERT INTO backups (folder, made_at) VALUES (?1, ?2)", params![folder, now])?;
            audit::append(tx, &entry)
        })
        .await
}

/// The copies that were made of this database, the latest first.
///
/// # Errors
/// If the database cannot be read.
pub async fn copies(storage: &Storage) -> Result<Vec<Copy>, StorageError> {
    storage
        .read(|conn| {
            // An event whose time was over counts as one: who was in it is known no more.
            let select = "SELECT folder, made_at,
                (SELECT count(*) FROM erasures WHERE erased_at > made_at)
                    + (SELECT count(*) FROM retention WHERE erased_at > made_at)
                FROM backups ORDER BY id DESC";
            let mut statement = conn.prepare_cached(select)?;
            let rows = statement.query_map([], |row| {
                let erased_since = u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
                Ok(Copy { folder: row.get(0)?, made_at: Timestamp::from_ms(row.get(1)?), erased_since })
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<Copy>>>()?)
        })
        .await
}

fn unusable(error: &io::Error) -> ApiError {
    match error.kind() {
        io::ErrorKind::StorageFull => ErrorCode::DiskFull.into(),
        _ => ApiError::logged(ErrorCode::BackupTarget, error),
    }
}

fn draft_path(target: &Path) -> Option<PathBuf> {
    let mut name = target.file_name()?.to_owned();
    name.push(".partial");
    Some(target.with_file_name(name))
}

/// Makes the folder beside its later place, with the keys in it. `.partial` that is there is another backup at work, or one
/// that was killed.
fn prepare(data: &Path, target: &Path, draft: &Path) -> io::Result<()> {
    if target.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let private = |folder: &Path| fs::DirBuilder::new().mode(0o700).create(folder);
    private(draft)?;
    let folder = draft.join(keys::FOLDER);
    private(&folder)?;
    for entry in fs::read_dir(data.join(keys::FOLDER))? {
        let from = entry?.path();
        // What else lies there is no key: the draft of one that is being made.
        if !from.extension().is_some_and(|kind| kind == "pem" || kind == "json") {
            continue;
        }
        let to = folder.join(from.file_name().unwrap_or_default());
        fs::copy(&from, &to)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600))?;
        File::open(&to)?.sync_all()?;
    }
    secrets::copy_all(data, &folder)?;
    File::open(&folder)?.sync_all()
}

fn publish(draft: &Path, target: &Path) -> io::Result<u64> {
    let bytes = fs::metadata(draft.join(DATABASE_FILE))?.len();
    fs::rename(draft, target)?;
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(bytes)
}
