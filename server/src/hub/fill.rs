//! How much of its share of the disk an event has used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_model::id::EventId;
use tokio::time::Instant;

use crate::storage::DocumentStore;

/// How often the storage is asked. In between it is counted what is added; what documents that were begun anew leave free is
/// found then, and so is what was added while the storage looked.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// The bytes of an event's documents.
#[derive(Debug, Default)]
pub(super) struct EventFill {
    bytes: AtomicU64,
    looked_at: Mutex<Option<Instant>>,
}

impl EventFill {
    /// Asks the storage, if that was not done lately. If it cannot say, what was counted stays.
    pub(super) async fn look(&self, store: &dyn DocumentStore, event: EventId) {
        {
            let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            if looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
                return;
            }
            *looked_at = Some(Instant::now());
        }
        match store.event_bytes(event).await {
            Ok(bytes) => self.bytes.store(bytes, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%event, %error, "could not find how much the event's documents hold");
                *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
        }
    }

    /// Counts what a document grew by.
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether there is no room for so many bytes more.
    pub(super) fn is_full(&self, more: usize, limit: u64) -> bool {
        self.bytes.load(Ordering::Relaxed).saturating_add(u64::try_from(more).unwrap_or(u64::MAX)) > limit
    }
}
