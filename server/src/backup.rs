//! A backup is a folder like the data directory: the database and the signing keys, so that `muster serve --data` runs on
//! it and enrolled devices stay enrolled.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::audit::{self, Action, Actor, Entry};
use crate::auth::keys;
use crate::clock;
use crate::error::{ApiError, ErrorCode};
use crate::storage::DATABASE_FILE;

/// Copies the server's data into a new folder, all of it or nothing; says how large the database is, in bytes. That it is
/// copied is recorded first, so the copy ends with that entry.
///
/// # Errors
/// `backup_target` if the folder is there already or cannot be made, or why the database cannot be copied.
pub async fn back_up(app: &App, actor: Actor, target: &Path) -> Result<u64, ApiError> {
    let draft = draft_path(target).ok_or(ErrorCode::BackupTarget)?;
    prepare(app.data(), target, &draft).map_err(|error| unusable(&error))?;
    audit::record(&app.storage, Entry::new(clock::now(), actor.clone(), Action::BackupMade)).await?;
    let copied = match app.storage.backup(&draft.join(DATABASE_FILE), |_| {}).await {
        Ok(()) => publish(&draft, target).map_err(|error| unusable(&error)),
        Err(error) => Err(error.into()),
    };
    if copied.is_err() {
        // What is left of a failed copy; that it cannot be removed either changes nothing.
        drop(fs::remove_dir_all(&draft));
        audit::record(&app.storage, Entry::new(clock::now(), actor, Action::BackupFailed)).await?;
    }
    copied
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
