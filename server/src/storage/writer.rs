//! The one thread that writes: jobs that wait at the same time share one transaction, so one fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::StorageError;
use super::stats::StorageCounters;

/// A write job on its way through a transaction.
pub(super) trait Job: Send {
    /// Does the work inside a savepoint; `false` rolls the savepoint back.
    fn run(&mut self, tx: &Transaction<'_>) -> bool;
    /// Answers the caller, once it is known how the commit went.
    fn finish(self: Box<Self>, committed: Result<(), StorageError>);
}

struct Closure<T, E, F> {
    run: Option<F>,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

/// Packs a closure into a job.
pub(super) fn job<T, E, F>(run: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    (Box::new(Closure { run: Some(run), result: None, caller }), answer)
}

impl<T, E, F> Job for Closure<T, E, F>
where
    F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StorageError> + Send,
{
    fn run(&mut self, tx: &Transaction<'_>) -> bool {
        let Some(run) = self.run.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| run(tx))).unwrap_or_else(|_| {
            // The panic's text may hold data, so only the fact is logged.
            tracing::error!("a write job panicked and was rolled back");
            Err(StorageError::Panicked.into())
        });
        self.result.insert(result).is_ok()
    }

    fn finish(self: Box<Self>, committed: Result<(), StorageError>) {
        let result = match (self.result, committed) {
            // A failed job keeps its own reason, whatever became of the others.
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(StorageError::Stopped.into()),
        };
        // The caller may have gone; what was committed stays committed.
        drop(self.caller.send(result));
    }
}

/// What the writer is told.
pub(super) enum Order {
    /// To do something in a transaction.
    Write(Box<dyn Job>),
    /// To leave nothing in the files of what was deleted.
    Purge(oneshot::Sender<Result<(), StorageError>>),
    /// To do no more; answered when the log is folded in.
    End(oneshot::Sender<()>),
}

/// Runs jobs until every sender is gone, then folds the log into the database.
pub(super) fn run(
    mut conn: Connection,
    mut orders: mpsc::Receiver<Order>,
    batch_max: usize,
    counters: &StorageCounters,
) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| orders.blocking_recv()) {
        let mut batch = match first {
            Order::Write(job) => vec![job],
            Order::Purge(caller) => {
                // The caller may have gone.
                drop(caller.send(purge(&conn)));
                continue;
            }
            Order::End(caller) => {
                fold(&conn);
                drop(conn);
                // The caller may have gone.
                let _ = caller.send(());
                return;
            }
        };
        while batch.len() < batch_max {
            match orders.try_recv() {
                Ok(Order::Write(job)) => batch.push(job),
                Ok(other) => {
                    next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let started = Instant::now();
        let outcome = commit(&mut conn, &mut batch);
        match &outcome {
            Ok(()) => counters.committed(batch.len(), started.elapsed()),
            Err(error) => {
                counters.failed();
                tracing::error!(%error, jobs = batch.len(), "a commit failed; nothing of it was stored");
            }
        }
        for job in batch {
            job.finish(outcome.clone());
        }
    }
    fold(&conn);
}

fn fold(conn: &Connection) {
    if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log could not be folded in; the next start does it");
    }
}

/// Writes the database anew and empties the log: deleted rows otherwise stay in free pages, and in the log until it is
/// written over.
fn purge(conn: &Connection) -> Result<(), StorageError> {
    let began = Instant::now();
    conn.execute_batch("VACUUM")?;
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        return Err(StorageError::Busy);
    }
    tracing::info!(
        ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "the database was written anew"
    );
    Ok(())
}

/// One transaction, one savepoint a job; a job that is alone needs none. An error means that nothing of the batch was
/// stored: dropping the transaction rolls it back.
fn commit(conn: &mut Connection, batch: &mut [Box<dyn Job>]) -> Result<(), StorageError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_alone = batch.len() == 1;
    for job in batch {
        if !is_alone {
            tx.prepare_cached("SAVEPOINT job")?.execute([])?;
        }
        let keep = job.run(&tx);
        if tx.is_autocommit() {
            // SQLite itself rolled the whole transaction back, which it does when the disk is full.
            return Err(StorageError::Full);
        }
        match (is_alone, keep) {
            (true, true) => {}
            (true, false) => return Ok(tx.rollback()?),
            (false, true) => drop(tx.prepare_cached("RELEASE job")?.execute([])?),
            (false, false) => tx.execute_batch("ROLLBACK TO job; RELEASE job")?,
        }
    }
    tx.commit()?;
    Ok(())
}
