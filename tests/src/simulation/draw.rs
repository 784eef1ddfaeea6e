//! Randomness that a seed decides.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A source of draws. Each purpose has its own, so that drawing once more for one does not change all the others.
#[derive(Debug, Clone)]
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The draws of a seed for one purpose.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose);
        Self(rng)
    }

    /// A generator for somebody who draws on their own.
    pub(super) fn generator(&mut self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0.next_u64())
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Anything from `from` to `to`, both included.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        self.0.random_range(from..=to.max(from))
    }

    /// A place in a list of so many; 0 if there is none.
    pub(super) fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { self.0.random_range(0..count) }
    }

    /// Whether something happens that does so in so many of a hundred cases.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.0.random_range(0..100) < chance
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let place = self.below(from.len());
        from.get(place)
    }

    /// A wait around a mean: short ones often, long ones seldom, none over four times the mean.
    pub(super) fn wait(&mut self, mean_ms: i64) -> i64 {
        let percent = self.pick(&EXPONENTIAL).copied().unwrap_or(100);
        (mean_ms.saturating_mul(percent) / 100 + self.between(0, mean_ms / 20)).max(1)
    }
}

/// The exponential distribution in sixteen equally likely steps, in percent of its mean: whole numbers, so that a seed is
/// the same day on every machine.
const EXPONENTIAL: [i64; 16] = [3, 10, 17, 25, 33, 43, 54, 65, 79, 94, 112, 134, 162, 200, 259, 387];
