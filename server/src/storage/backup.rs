//! Online backup: a consistent copy while the server carries on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{Storage, StorageError};

/// Pages copied between two looks at the progress: 4 MiB.
const PAGES_PER_STEP: i32 = 1_024;

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupProgress {
    /// Pages still to be copied.
    pub remaining_pages: u64,
    /// Pages in all.
    pub total_pages: u64,
}

impl Storage {
    /// Copies the database as it is now to `target`. The copy is made beside it and renamed when it is whole and on
    /// disk, so that `target` is never half a backup. Writers are not held up; the write-ahead log grows meanwhile.
    ///
    /// # Errors
    /// If the target cannot be written or the source cannot be read.
    pub async fn backup<P>(&self, target: &Path, mut progress: P) -> Result<(), StorageError>
    where
        P: FnMut(BackupProgress) + Send + 'static,
    {
        let target = target.to_owned();
        self.read(move |conn| {
            let partial = partial_path(&target);
            let copied = copy(conn, &partial, &mut progress).and_then(|()| publish(&partial, &target));
            if copied.is_err() {
                // What is left of a failed copy; that it cannot be removed either changes nothing.
                drop(std::fs::remove_file(&partial));
            }
            copied
        })
        .await
    }
}

fn partial_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    target.with_file_name(name)
}

fn copy(source: &Connection, target: &Path, progress: &mut dyn FnMut(BackupProgress)) -> Result<(), StorageError> {
    if target.exists() {
        std::fs::remove_file(target)?;
    }
    let mut copy = Connection::open(target).map_err(|error| StorageError::opening(target, error))?;
    // A read pins the snapshot of the transaction around us: otherwise every commit would make the copy start over.
    source.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
    {
        let backup = Backup::new(source, &mut copy)?;
        loop {
            let step = backup.step(PAGES_PER_STEP)?;
            let done = backup.progress();
            let pages = |count: i32| u64::try_from(count).unwrap_or(0);
            progress(BackupProgress { remaining_pages: pages(done.remaining), total_pages: pages(done.pagecount) });
            match step {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked => std::thread::sleep(Duration::from_millis(10)),
                _ => {}
            }
        }
    }
    // A single file, with no log beside it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn publish(partial: &Path, target: &Path) -> Result<(), StorageError> {
    std::fs::File::open(partial)?.sync_all()?;
    std::fs::rename(partial, target)?;
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
