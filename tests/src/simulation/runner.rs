//! Many seeds, on all processors.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Counters, Finding, Options, Outcome, run};

/// Which seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    count: u64,
}

/// Why there are no such seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeedsError {
    /// None at all.
    #[error("--seeds 0 simulates nothing: say how many, from 1")]
    None,
    /// The last would be beyond the largest number.
    #[error(
        "there is no seed after {}: {count} seeds from {first} on are too many, take at most {}",
        u64::MAX,
        (u64::MAX - .first).saturating_add(1)
    )]
    Beyond {
        /// The first seed.
        first: u64,
        /// How many.
        count: u64,
    },
}

impl Seeds {
    /// So many seeds from `first` on.
    ///
    /// # Errors
    /// If there are none, or not so many.
    pub const fn new(first: u64, count: u64) -> Result<Self, SeedsError> {
        if count == 0 {
            return Err(SeedsError::None);
        }
        if first.checked_add(count - 1).is_none() {
            return Err(SeedsError::Beyond { first, count });
        }
        Ok(Self { first, count })
    }

    /// How many.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }
}

/// A seed that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was found.
    pub finding: Finding,
    /// The last steps.
    pub steps: Vec<String>,
}

/// How many seeds went.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Seeds simulated.
    pub seeds: u64,
    /// What happened in all of them, in numbers.
    pub counters: Counters,
    /// The seeds that failed, in their order.
    pub failures: Vec<Failure>,
}

impl Summary {
    /// Counts a seed that is done.
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.counters += outcome.counters;
        if let Some(finding) = &outcome.finding {
            let steps = outcome.trace.lines().map(str::to_owned).collect();
            self.failures.push(Failure { seed: outcome.seed, finding: finding.clone(), steps });
        }
    }
}

/// Simulates seeds on all processors. `seen` hears of each that is done, in no particular order.
pub fn run_all(seeds: Seeds, options: &Options, seen: &(dyn Fn(&Outcome) + Sync)) -> Summary {
    let next = AtomicU64::new(0);
    let summary = Mutex::new(Summary::default());
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= seeds.count {
                return;
            }
            let outcome = run(seeds.first.saturating_add(place), options);
            seen(&outcome);
            summary.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = workers.min(usize::try_from(seeds.count).unwrap_or(usize::MAX));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.failures.sort_by_key(|failure| failure.seed);
    summary
}
