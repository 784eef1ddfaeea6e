//! A token bucket.

use std::time::Duration;

use tokio::time::Instant;

/// Fills up at a steady rate, up to a limit. It may be overdrawn: what a thing costs is often known only afterwards, and
/// then it is the next one that waits.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    per_s: f64,
    burst: f64,
    /// Below 0 if it is overdrawn.
    left: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket; with a rate of 0 it is never empty.
    #[must_use]
    pub fn new(per_s: u32, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst.max(1));
        Self { per_s: f64::from(per_s), burst, left: burst, filled_at: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at);
        self.left = (self.left + passed.as_secs_f64() * self.per_s).min(self.burst);
        self.filled_at = self.filled_at.max(now);
    }

    /// Spends so much, whether it is there or not.
    pub fn spend(&mut self, amount: f64, now: Instant) {
        if self.per_s > 0.0 {
            self.fill(now);
            self.left -= amount;
        }
    }

    /// How long until it is not overdrawn.
    #[must_use]
    pub fn wait(&mut self, now: Instant) -> Duration {
        if self.per_s <= 0.0 {
            return Duration::ZERO;
        }
        self.fill(now);
        Duration::try_from_secs_f64((-self.left).max(0.0) / self.per_s).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(wait: Duration) -> u128 {
        wait.as_millis()
    }

    #[test]
    fn a_burst_is_free_and_then_it_goes_at_the_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10, 5, now);
        for _ in 0..5 {
            bucket.spend(1.0, now);
            assert_eq!(ms(bucket.wait(now)), 0);
        }
        bucket.spend(1.0, now);
        assert_eq!(ms(bucket.wait(now)), 100);
        assert_eq!(ms(bucket.wait(now + Duration::from_millis(60))), 40);
        assert_eq!(ms(bucket.wait(now + Duration::from_millis(100))), 0);
        let later = now + Duration::from_secs(3_600);
        assert_eq!(ms(bucket.wait(later)), 0);
        bucket.spend(6.0, later);
        assert_eq!(ms(bucket.wait(later)), 100, "it holds no more than its burst, however long nobody asked");
    }

    #[test]
    fn what_costs_more_than_it_holds_is_paid_back_in_time() {
        let now = Instant::now();
        let mut bucket = Bucket::new(100, 10, now);
        bucket.spend(1_010.0, now);
        assert_eq!(ms(bucket.wait(now)), 10_000);
    }

    #[test]
    fn without_a_rate_there_is_no_limit_and_time_may_stand_still() {
        let now = Instant::now();
        let mut bucket = Bucket::new(0, 1, now);
        bucket.spend(1e9, now);
        assert_eq!(ms(bucket.wait(now)), 0);
        let mut bucket = Bucket::new(1, 1, now + Duration::from_secs(9));
        bucket.spend(2.0, now);
        assert_eq!(ms(bucket.wait(now)), 1_000);
    }
}
