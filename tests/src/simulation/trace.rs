//! What happened, step by step: to be read when a seed fails, and to prove that a replay is exact.

use std::collections::VecDeque;
use std::fmt;

/// How many steps are kept for a failure's report, unless all are.
const KEPT: usize = 80;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A number that differs if the bytes do (FNV-1a, 64 bits).
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    extend(FNV_OFFSET, bytes)
}

fn extend(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// The steps of one run.
#[derive(Debug)]
pub struct Trace {
    lines: VecDeque<String>,
    hash: u64,
    steps: u64,
    keep_all: bool,
}

impl Trace {
    /// An empty trace, that keeps all steps or only the last.
    #[must_use]
    pub const fn new(keep_all: bool) -> Self {
        Self { lines: VecDeque::new(), hash: FNV_OFFSET, steps: 0, keep_all }
    }

    /// Notes a step at a time of the simulated day.
    pub(super) fn step(&mut self, at_ms: i64, what: fmt::Arguments<'_>) {
        let line = format!("{:>5}.{:03}  {what}", at_ms / 1_000, at_ms.rem_euclid(1_000));
        self.hash = extend(extend(self.hash, line.as_bytes()), b"\n");
        self.steps += 1;
        if !self.keep_all && self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// A number over all steps, kept or not.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// How many steps there were.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The steps that were kept: seconds since the doors opened, and what happened.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
