//! The store in one SQLite file.
//!
//! Write-ahead log: a batch that was committed survives the death of the process, and the loss of power as
//! [`Flush`] says. The database is
//! locked for this process alone (`locking_mode = EXCLUSIVE`), which also spares SQLite the shared-memory file.

mod key;
mod migrations;
mod put_aside;
mod read;
mod search;
mod write;

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, ErrorCode};

pub use key::DatabaseKey;
pub use put_aside::{PutAside, UnsentExport, export_unsent, put_aside};

use crate::store::{Flush, Store, StoreError, WriteBatch};

/// How long another process may hold the database before we give up: a moment, in case it is just closing.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// After how many pages of 4 KiB the write-ahead log is folded into the database. Each time costs some ten milliseconds,
/// so it should come seldom; 4,000 pages are 16 MiB of log.
const CHECKPOINT_PAGES: i64 = 4_000;

/// How many prepared statements are kept.
const STATEMENT_CACHE: usize = 64;

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    /// What `synchronous` is set for.
    flush: Flush,
}

impl SqliteStore {
    /// Opens the database in this file, and creates it if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if another process has it, [`StoreError::Newer`] if a later version wrote it,
    /// [`StoreError::Damaged`] if it does not read (see [`put_aside`]), [`StoreError::Full`] if there is no space.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with_key(path, None)
    }

    /// Opens the database in this file, and creates it if it is not there; with a key, an encrypted one.
    ///
    /// # Errors
    /// [`StoreError::Key`] if it was encrypted with another key or not at all, which cannot be told from a file that is no
    /// database, and [`StoreError::NoEncryption`] if this build cannot encrypt; else as [`SqliteStore::open`].
    pub fn open_with_key(path: &Path, key: Option<&DatabaseKey>) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(failed)?;
        if let Some(key) = key {
            key.unlock(&connection)?;
        }
        Self::on(connection)
    }

    /// A database in memory, which ends with it.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::on(Connection::open_in_memory().map_err(failed)?)
    }

    fn on(mut connection: Connection) -> Result<Self, StoreError> {
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        // Plans do not depend on values: without this SQLite plans some statements anew at every call, 6 % of indexing.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(failed)?;
        // What is deleted is written over, so that whoever was erased does not stay in free pages.
        connection.pragma_update(None, "secure_delete", true).map_err(failed)?;
        migrations::migrate(&mut connection)?;
        Ok(Self { connection, flush: Flush::Now })
    }

    /// In WAL mode `FULL` waits for the disk at every commit and `NORMAL` at none; a later `FULL` commit brings all before
    /// it to the disk, and a log whose tail is missing reads as if that tail had not been written.
    fn flush_at(&mut self, flush: Flush) -> Result<(), StoreError> {
        if self.flush != flush {
            let level = match flush {
                Flush::Now => "FULL",
                Flush::WithNext => "NORMAL",
            };
            self.connection.pragma_update(None, "synchronous", level).map_err(failed)?;
            self.flush = flush;
        }
        Ok(())
    }

    /// Writes the database anew without what was deleted, and empties the log. The batch is committed: a failure, on a full
    /// disk for example, leaves bytes behind that no query finds.
    fn scrub(&mut self) {
        self.connection.flush_prepared_statement_cache();
        let scrubbed = self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
        if let Err(error) = scrubbed {
            tracing::warn!(%error, "what was forgotten could not be scrubbed from the file");
        }
    }

    /// Lets the database grow to at most so many pages of 4 KiB, for tests of a full disk.
    ///
    /// # Errors
    /// If SQLite fails.
    #[cfg(any(test, feature = "testing"))]
    pub fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.connection.pragma_update(None, "max_page_count", pages).map_err(failed)
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, batch: &WriteBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.flush_at(batch.flush)?;
        let transaction = self.connection.transaction().map_err(failed)?;
        write::apply_all(&transaction, &batch.writes)?;
        transaction.commit().map_err(failed)?;
        if batch.forgets() {
            self.scrub();
        }
        Ok(())
    }
}

/// What SQLite's error means for the core.
fn failed(error: rusqlite::Error) -> StoreError {
    match &error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreError::Full,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy,
            ErrorCode::NotADatabase => StoreError::Damaged { what: "the file is not a database" },
            ErrorCode::DatabaseCorrupt => StoreError::Damaged { what: "SQLite finds its pages inconsistent" },
            _ => StoreError::Sqlite(error),
        },
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
            StoreError::Damaged { what: "a column does not read back" }
        }
        _ => StoreError::Sqlite(error),
    }
}

/// A column that holds the text form of something.
struct Parsed<T>(T);

impl<T: std::str::FromStr> FromSql for Parsed<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

#[cfg(test)]
mod tests;
