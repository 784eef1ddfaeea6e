//! What the storage counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the buckets of a duration histogram, in microseconds; the last bucket has none.
pub const DURATION_BUCKETS_US: [u64; 11] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// A histogram of durations, as a metrics endpoint shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DurationHistogram {
    /// How many fell into each bucket of [`DURATION_BUCKETS_US`]; the last counts those beyond. Not cumulative.
    pub buckets: [u64; DURATION_BUCKETS_US.len() + 1],
    /// The sum of all durations, in microseconds.
    pub sum_us: u64,
}

/// What the storage has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorageStats {
    /// Transactions committed.
    pub commits: u64,
    /// Jobs in them.
    pub jobs: u64,
    /// Transactions that failed.
    pub failed_commits: u64,
    /// How long the commits took, jobs and fsync together.
    pub commit_duration: DurationHistogram,
}

#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; DURATION_BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let at = DURATION_BUCKETS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(us, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> DurationHistogram {
        DurationHistogram {
            buckets: std::array::from_fn(|at| self.buckets.get(at).map_or(0, |bucket| bucket.load(Relaxed))),
            sum_us: self.sum_us.load(Relaxed),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct StorageCounters {
    commits: AtomicU64,
    jobs: AtomicU64,
    failed_commits: AtomicU64,
    commit_duration: Histogram,
}

impl StorageCounters {
    pub(super) fn committed(&self, jobs: usize, took: Duration) {
        self.commits.fetch_add(1, Relaxed);
        self.jobs.fetch_add(u64::try_from(jobs).unwrap_or(u64::MAX), Relaxed);
        self.commit_duration.record(took);
    }

    pub(super) fn failed(&self) {
        self.failed_commits.fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot(&self) -> StorageStats {
        StorageStats {
            commits: self.commits.load(Relaxed),
            jobs: self.jobs.load(Relaxed),
            failed_commits: self.failed_commits.load(Relaxed),
            commit_duration: self.commit_duration.snapshot(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_bucket_that_bounds_it() {
        let histogram = Histogram::default();
        for us in [0, 250, 251, 999_999, 1_000_000, 1_000_001] {
            histogram.record(Duration::from_micros(us));
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]);
        assert_eq!(snapshot.sum_us, 3_000_501);
    }
}
