//! What the server keeps: one SQLite database, `muster.db`, and what is asked of any other store of documents.
//!
//! - One thread writes ([`Storage::write`]). Jobs that wait at the same time share one transaction, each in a savepoint
//!   of its own, and are answered after its COMMIT, which is an fsync (`synchronous=FULL`). A failed job rolls back
//!   alone; a failed commit fails every job in it.
//! - A few read-only connections read ([`Storage::read`]), each read a consistent snapshot.
//! - Documents are behind [`DocumentStore`], so that another backend can come; [`MemoryStore`] is one for tests.

mod backup;
mod document_store;
mod error;
mod memory;
mod migrations;
pub(crate) mod sqlite_documents;
mod stats;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use backup::BackupProgress;
pub use document_store::{
    DocumentStore, DocumentWrite, NewQuarantined, QuarantineLimits, Quarantined, StoredDocument, SyncStateKey,
};
pub use error::StorageError;
pub use memory::MemoryStore;
pub(crate) use stats::Histogram;
pub use stats::{DURATION_BUCKETS_US, DurationHistogram, StorageStats};

use migrations::MigrationError;
use stats::StorageCounters;
use writer::Order;

/// The database's file name in the data folder.
pub const DATABASE_FILE: &str = "muster.db";

/// How the storage is set up.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Read-only connections. Default 4.
    pub readers: usize,
    /// Jobs that may wait for the writer; more wait outside. Default 1,024.
    pub write_queue: usize,
    /// Jobs that share one transaction at most. Default 512.
    pub batch_max: usize,
    /// How long to wait for another process that holds the database, in milliseconds. Default 5,000.
    pub busy_timeout_ms: u64,
    /// How much of refused changes is kept.
    pub quarantine: QuarantineLimits,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            readers: 4,
            write_queue: 1_024,
            batch_max: 512,
            busy_timeout_ms: 5_000,
            quarantine: QuarantineLimits::default(),
        }
    }
}

/// The server's database. Cheap to clone; the database closes when the last clone is dropped.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    config: StorageConfig,
    jobs: mpsc::Sender<Order>,
    readers: Mutex<Vec<Connection>>,
    reading: Semaphore,
    counters: Arc<StorageCounters>,
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Storage {
    /// Opens the database file, creates it if there is none, and brings it to the newest layout.
    ///
    /// # Errors
    /// If it cannot be opened, is damaged, is not ours, or was written by a later version. The file is left as it is.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        Self::open_with(path, StorageConfig::default())
    }

    /// As [`open`](Self::open), set up otherwise.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: &Path, config: StorageConfig) -> Result<Self, StorageError> {
        let mut conn = Connection::open(path).map_err(|error| StorageError::opening(path, error))?;
        prepare(&mut conn, &config).map_err(|error| match error {
            MigrationError::Foreign => StorageError::Foreign { path: path.to_owned() },
            MigrationError::Storage(error) => error,
        })?;
        let (jobs, queue) = mpsc::channel(config.write_queue.max(1));
        let counters = Arc::new(StorageCounters::default());
        let (batch_max, shared) = (config.batch_max.max(1), Arc::clone(&counters));
        std::thread::Builder::new()
            .name("muster-writer".to_owned())
            .spawn(move || writer::run(conn, queue, batch_max, &shared))?;
        let reading = Semaphore::new(config.readers.max(1));
        let readers = Mutex::new(Vec::new());
        Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), config, jobs, readers, reading, counters }) })
    }

    /// Runs a job on the writer and answers once it is on disk. Waits while the queue is full.
    ///
    /// # Errors
    /// What the job returned, in which case it alone was rolled back; or why the commit failed, in which case nothing
    /// of it was stored.
    pub async fn write<T, F>(&self, run: F) -> Result<T, StorageError>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, StorageError> + Send + 'static,
        T: Send + 'static,
    {
        self.write_with(run).await
    }

    /// As [`write`](Self::write), for jobs with an error type of their own.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_with<T, E, F>(&self, run: F) -> Result<T, E>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        let (job, answer) = writer::job(run);
        self.inner.jobs.send(Order::Write(job)).await.map_err(|_| E::from(StorageError::Stopped))?;
        answer.await.map_err(|_| E::from(StorageError::Stopped))?
    }

    /// Writes the database anew, so that its files hold nothing of what was deleted. Writers wait meanwhile: some seconds
    /// for a gigabyte.
    ///
    /// # Errors
    /// [`StorageError::Busy`] if somebody reads all the time: what was deleted is gone from the database, but not from its
    /// log; or why it cannot be written. Nothing is lost.
    pub async fn purge(&self) -> Result<(), StorageError> {
        let (caller, answer) = oneshot::channel();
        self.inner.jobs.send(Order::Purge(caller)).await.map_err(|_| StorageError::Stopped)?;
        answer.await.map_err(|_| StorageError::Stopped)?
    }

    /// Reads a consistent snapshot on a thread for blocking work. Waits while all readers are busy.
    ///
    /// # Errors
    /// What the job returned, or why the database could not be read.
    pub async fn read<T, F>(&self, run: F) -> Result<T, StorageError>
    where
        F: FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
        T: Send + 'static,
    {
        self.read_with(run).await
    }

    /// As [`read`](Self::read), for jobs with an error type of their own.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_with<T, E, F>(&self, run: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        let _turn = self.inner.reading.acquire().await.map_err(|_| E::from(StorageError::Stopped))?;
        let storage = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let conn = storage.reader()?;
            let result = {
                let _snapshot = conn.unchecked_transaction().map_err(StorageError::from)?;
                run(&conn)
            };
            storage.readers().push(conn);
            result
        });
        match task.await {
            Ok(result) => result,
            Err(panicked) if panicked.is_panic() => Err(StorageError::Panicked.into()),
            Err(_) => Err(StorageError::Stopped.into()),
        }
    }

    /// Waits until everything that was asked for is written and the log is folded into the database, and ends. Clones can no
    /// longer write.
    pub(crate) async fn close(self) {
        let (caller, answer) = oneshot::channel();
        // A writer that has ended has nothing left to do.
        if self.inner.jobs.send(Order::End(caller)).await.is_ok() {
            drop(answer.await);
        }
    }

    /// What the storage has done since it was opened.
    #[must_use]
    pub fn stats(&self) -> StorageStats {
        self.inner.counters.snapshot()
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> Result<Connection, StorageError> {
        let idle = self.readers().pop();
        idle.map_or_else(|| self.open_reader(), Ok)
    }

    fn open_reader(&self) -> Result<Connection, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = &self.inner.path;
        let conn = Connection::open_with_flags(path, flags).map_err(|error| StorageError::opening(path, error))?;
        conn.busy_timeout(Duration::from_millis(self.inner.config.busy_timeout_ms))?;
        Ok(conn)
    }
}

/// Settings, damage check and migrations of a connection that will write.
fn prepare(conn: &mut Connection, config: &StorageConfig) -> Result<(), MigrationError> {
    conn.busy_timeout(Duration::from_millis(config.busy_timeout_ms))?;
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StorageError::Damaged { source: None }.into());
    }
    migrations::migrate(conn)
}

/// Checks that a database is one of ours, in the layout of this version: a backup is read as it is, never changed.
///
/// # Errors
/// If it is foreign, or of another version.
pub(crate) fn layout(conn: &Connection, path: &Path) -> Result<(), StorageError> {
    migrations::check(conn).map_err(|error| match error {
        MigrationError::Foreign => StorageError::Foreign { path: path.to_owned() },
        MigrationError::Storage(error) => error,
    })
}

#[cfg(test)]
mod tests;
