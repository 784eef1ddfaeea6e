//! What a run has come to so far.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;
use tokio::sync::Notify;

/// The longest delay that is told apart, in microseconds.
const LONGEST_US: u64 = 600_000_000;

/// Counts and delays of a run.
#[derive(Debug)]
pub(super) struct Tally {
    expected: u64,
    deliveries: AtomicU64,
    written: AtomicU64,
    /// From a change's being written to another phone's having it.
    delays_us: Mutex<Histogram<u64>>,
    complete: Notify,
    is_over: AtomicBool,
    over: Notify,
}

impl Tally {
    /// A run in which so many deliveries are to be made.
    pub(super) fn new(expected: u64) -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            expected,
            deliveries: AtomicU64::new(0),
            written: AtomicU64::new(0),
            delays_us: Mutex::new(Histogram::new_with_bounds(1, LONGEST_US, 3)?),
            complete: Notify::new(),
            is_over: AtomicBool::new(false),
            over: Notify::new(),
        })
    }

    pub(super) fn wrote(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    /// A phone has changes that were written at these times.
    pub(super) fn delivered(&self, written: impl Iterator<Item = Instant>) {
        let now = Instant::now();
        let mut count: u64 = 0;
        {
            let mut delays = self.delays_us.lock().unwrap_or_else(PoisonError::into_inner);
            for at in written {
                let us = u64::try_from(now.saturating_duration_since(at).as_micros()).unwrap_or(LONGEST_US);
                delays.saturating_record(us);
                count = count.saturating_add(1);
            }
        }
        if count > 0 && self.deliveries.fetch_add(count, Ordering::AcqRel).saturating_add(count) >= self.expected {
            self.complete.notify_one();
        }
    }

    /// Waits until everybody has everything.
    pub(super) async fn complete(&self) {
        if self.deliveries() < self.expected {
            self.complete.notified().await;
        }
    }

    pub(super) fn deliveries(&self) -> u64 {
        self.deliveries.load(Ordering::Acquire)
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// The delay that this share of deliveries did not exceed, in milliseconds.
    pub(super) fn delay_ms(&self, quantile: f64) -> f64 {
        let delays = self.delays_us.lock().unwrap_or_else(PoisonError::into_inner);
        crate::report::float(delays.value_at_quantile(quantile)) / 1_000.0
    }

    /// Ends the run: phones hang up.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.over.notify_waiters();
    }

    /// Waits until the run has ended.
    pub(super) async fn ended(&self) {
        let over = self.over.notified();
        tokio::pin!(over);
        over.as_mut().enable();
        if !self.is_over.load(Ordering::Acquire) {
            over.await;
        }
    }
}
