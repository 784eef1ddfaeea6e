//! Drawing with integers only, so that a seed means the same on every machine and with every library version.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded source of draws.
#[derive(Debug)]
pub(super) struct Draw(ChaCha8Rng);

/// Things to draw from, never none, each with a weight.
#[derive(Debug)]
pub(super) struct Weighted<T> {
    first: T,
    /// The others, each with the sum of the weights before it.
    rest: Vec<(u32, T)>,
    total: u32,
}

impl Draw {
    /// The seed is ChaCha's key as it stands: what `seed_from_u64` makes of it is not promised for ever.
    pub(super) fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        for (to, from) in key.iter_mut().zip(seed.to_le_bytes()) {
            *to = from;
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number below `bound` (0 for 0), by wide multiplication; its bias is at most `bound` in 2^32.
    fn below(&mut self, bound: u32) -> u32 {
        let wide = u64::from(self.0.next_u32()).saturating_mul(u64::from(bound));
        // The upper half of a product of two 32-bit numbers has 32 bits.
        u32::try_from(wide >> 32).unwrap_or_default()
    }

    /// True `per_mille` times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// One of some things, by weight.
    pub(super) fn pick<'a, T>(&mut self, items: &'a Weighted<T>) -> &'a T {
        let at = self.below(items.total);
        let before = items.rest.partition_point(|(starts, _)| *starts <= at);
        let other = before.checked_sub(1).and_then(|index| items.rest.get(index));
        other.map_or(&items.first, |(_, item)| item)
    }
}

impl<T> Weighted<T> {
    /// Things with a weight each.
    pub(super) fn new(first: (u32, T), others: impl IntoIterator<Item = (u32, T)>) -> Self {
        let (mut total, first) = first;
        let mut rest = Vec::new();
        for (weight, item) in others {
            rest.push((total, item));
            total = total.saturating_add(weight);
        }
        Self { first, rest, total }
    }

    /// Things that are all alike likely.
    pub(super) fn even(first: T, others: impl IntoIterator<Item = T>) -> Self {
        Self::new((1, first), others.into_iter().map(|item| (1, item)))
    }

    /// Things of which the first are the most common, as surnames and employers are (Zipf's law, flattened at the
    /// top so that no name is one in ten). `None` for no things at all.
    pub(super) fn by_rank(items: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut weighted = (10..).map(|rank: u32| 1_000_000 / rank).zip(items);
        weighted.next().map(|first| Self::new(first, weighted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_follow_the_weights() {
        let items = Weighted::new((1, 'a'), [(0, 'b'), (3, 'c')]);
        let mut draw = Draw::new(7);
        let picked: String = (0..4_000).map(|_| *draw.pick(&items)).collect();
        let of_c = picked.matches('c').count();
        assert!((2_850..3_150).contains(&of_c), "{of_c}");
        assert_eq!(picked.matches('b').count(), 0);
        assert_eq!(picked.matches('a').count(), 4_000 - of_c);
    }

    #[test]
    fn the_first_of_a_ranking_is_the_most_common() {
        let items = Weighted::by_rank(0..100_usize).unwrap();
        let mut draw = Draw::new(1);
        let mut counts = [0_u32; 100];
        for _ in 0..50_000 {
            counts[*draw.pick(&items)] += 1;
        }
        assert!(counts[0] > 2 * counts[20] && counts[20] > 2 * counts[90] && counts[99] > 0, "{counts:?}");
        assert!(Weighted::by_rank([0; 0]).is_none());
    }
}
