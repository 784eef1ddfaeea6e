//! What can go wrong with the database, and what to do about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_model::document::DocId;
use rusqlite::ErrorCode;

/// Why the storage refused. Cloneable, since one failed commit answers many callers. Texts name no data.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// The file cannot be opened or created.
    #[error("the database {} cannot be opened: check that the folder exists and that it may be written", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The file is a database, but not one of Muster.
    #[error("{} is not a database of Muster: choose another data folder", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// A later version of the program wrote it.
    #[error("the database has version {found}, this program knows {known}: update muster, or restore an older backup")]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// The file is damaged. It is left as it is.
    #[error(
        "the database is damaged: stop muster, copy muster.db and muster.db-wal aside, then restore the last \
         `muster backup`, or read what can be read with `sqlite3 muster.db .recover`"
    )]
    Damaged {
        /// What SQLite said, where it said something.
        #[source]
        source: Option<Arc<rusqlite::Error>>,
    },
    /// A stored chunk is not what was written.
    #[error("chunk {seq} of document {document:?} is damaged: restore the last `muster backup`")]
    DamagedChunk {
        /// The document.
        document: DocId,
        /// The chunk.
        seq: i64,
    },
    /// A stored value is not of the form it should have.
    #[error("a value in {table}.{column} is not of the form it should have: restore the last `muster backup`")]
    Value {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The event that was written to does not exist.
    #[error("there is no such event")]
    UnknownEvent,
    /// The disk, or the space the database may use, is full. Nothing was written.
    #[error("the disk is full: free some space; nothing of this was stored")]
    Full,
    /// Another process holds the database for longer than the busy timeout.
    #[error("the database is busy: another process holds it; try again")]
    Busy,
    /// SQLite refused.
    #[error("the database refused the operation")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// A file operation beside the database failed.
    #[error("a file could not be written")]
    Io(#[source] Arc<std::io::Error>),
    /// The job panicked; it was rolled back alone.
    #[error("an operation failed unexpectedly and was rolled back")]
    Panicked,
    /// The storage has stopped.
    #[error("the storage has stopped")]
    Stopped,
}

impl StorageError {
    /// Whether trying again later may succeed with nothing else changed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Full)
    }

    pub(super) fn opening(path: &Path, error: rusqlite::Error) -> Self {
        match Self::from(error) {
            Self::Sqlite(source) => Self::Open { path: path.to_owned(), source },
            other => other,
        }
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { source: Some(Arc::new(error)) }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite(Arc::new(error)),
        }
    }
}

impl From<std::io::Error> for StorageError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::Full,
            _ => Self::Io(Arc::new(error)),
        }
    }
}
