//! A moment, given by the owner: this crate has no clock.

/// Milliseconds since 1970-01-01T00:00:00Z on the clock of whoever made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `ms` milliseconds after the epoch.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was, in milliseconds; negative when it lies ahead.
    #[must_use]
    pub const fn ms_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The number JavaScript has for it. Exact within 2^53 ms of the epoch.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "there is no From<i64> for f64; exact below 2^53")]
    pub const fn as_js_number(self) -> f64 {
        self.0 as f64
    }

    /// Reads a JavaScript number. `None` for NaN, infinities and what lies beyond 2^53 ms.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "the range is checked just before")]
    pub fn from_js_number(ms: f64) -> Option<Self> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        (ms.is_finite() && ms.abs() <= EXACT).then_some(Self(ms as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javascript_numbers_survive_both_ways_and_nonsense_does_not() {
        let now = Timestamp::from_ms(1_763_897_000_123);
        assert_eq!(Timestamp::from_js_number(now.as_js_number()), Some(now));
        for bad in [f64::NAN, f64::INFINITY, -1e300] {
            assert_eq!(Timestamp::from_js_number(bad), None);
        }
    }
}
