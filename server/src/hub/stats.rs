//! What the hub counts, for the metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::storage::{DurationHistogram, Histogram};

/// What the hub is doing and has done since it began. Counters only grow; gauges say so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubStats {
    /// Gauge: documents in memory.
    pub open_documents: u64,
    /// Gauge: connections.
    pub peers: u64,
    /// Gauge: pairs of connection and document.
    pub attachments: u64,
    /// Changes taken in from peers and edits, and stored; joins too.
    pub changes: u64,
    /// Changes of the server's own that join heads and say nothing else.
    pub joins: u64,
    /// Changes passed on, counted once for each receiver.
    pub deliveries: u64,
    /// Frames taken in.
    pub frames_in: u64,
    /// Bytes of frames taken in.
    pub bytes_in: u64,
    /// Frames handed to connections.
    pub frames_out: u64,
    /// Bytes of frames handed to connections.
    pub bytes_out: u64,
    /// Sync messages that were encoded once for many peers.
    pub shared_encodings: u64,
    /// Messages whose changes were refused and put into quarantine.
    pub refused: u64,
    /// Messages that the guard refused, each of which ended its connection.
    pub guarded: u64,
    /// Connections closed because their queue was full.
    pub queue_overflows: u64,
    /// Messages that had to wait because their device takes more than its share.
    pub slowed: u64,
    /// Connections closed because their device takes more than its share, or has too many.
    pub sent_away: u64,
    /// Documents that failed (a panic, a failed commit) and were dropped from memory.
    pub document_failures: u64,
    /// Commits of document changes.
    pub commits: u64,
    /// From the first change of a commit taken in to the commit on disk.
    pub commit_duration: DurationHistogram,
}

#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicI64);

impl Gauge {
    pub(super) fn add(&self, by: i64) {
        self.0.fetch_add(by, Relaxed);
    }

    fn get(&self) -> u64 {
        u64::try_from(self.0.load(Relaxed)).unwrap_or(0)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, by: usize) {
        self.0.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) open_documents: Gauge,
    pub(super) peers: Gauge,
    pub(super) attachments: Gauge,
    pub(super) changes: Counter,
    pub(super) joins: Counter,
    pub(super) deliveries: Counter,
    pub(super) frames_in: Counter,
    pub(super) bytes_in: Counter,
    pub(super) frames_out: Counter,
    pub(super) bytes_out: Counter,
    pub(super) shared_encodings: Counter,
    pub(super) refused: Counter,
    pub(super) guarded: Counter,
    pub(super) queue_overflows: Counter,
    pub(super) slowed: Counter,
    pub(super) sent_away: Counter,
    pub(super) document_failures: Counter,
    pub(super) commits: Counter,
    pub(super) commit_duration: Histogram,
}

impl Counters {
    pub(super) fn snapshot(&self) -> HubStats {
        HubStats {
            open_documents: self.open_documents.get(),
            peers: self.peers.get(),
            attachments: self.attachments.get(),
            changes: self.changes.get(),
            joins: self.joins.get(),
            deliveries: self.deliveries.get(),
            frames_in: self.frames_in.get(),
            bytes_in: self.bytes_in.get(),
            frames_out: self.frames_out.get(),
            bytes_out: self.bytes_out.get(),
            shared_encodings: self.shared_encodings.get(),
            refused: self.refused.get(),
            guarded: self.guarded.get(),
            queue_overflows: self.queue_overflows.get(),
            slowed: self.slowed.get(),
            sent_away: self.sent_away.get(),
            document_failures: self.document_failures.get(),
            commits: self.commits.get(),
            commit_duration: self.commit_duration.snapshot(),
        }
    }
}
