//! How often an address may be wrong.
//!
//! Only what was wrong counts, and that is known afterwards: so whoever tries waits for a [`turn`](Throttle::turn), of which
//! there are few, and at most so many can be wrong beyond the limit at once. A crew of fifty that enrols in the same second
//! from behind one address waits for some milliseconds, and nobody of it is refused.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many addresses are remembered. More than this within a window only make room for each other.
const MAX_ADDRESSES: usize = 10_000;

/// Attempts of all addresses together that are under way at once.
const TURNS: usize = 16;

/// Counts the wrong attempts of each address in windows of fixed length.
#[derive(Debug)]
pub struct Throttle {
    attempts: u32,
    window: Duration,
    turns: Semaphore,
    seen: Mutex<HashMap<IpAddr, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    wrong: u32,
}

impl Throttle {
    /// At most `attempts` wrong ones in each `window`.
    #[must_use]
    pub fn new(attempts: u32, window: Duration) -> Self {
        Self { attempts, window, turns: Semaphore::new(TURNS), seen: Mutex::new(HashMap::new()) }
    }

    /// Waits until an attempt may begin; it is under way for as long as the turn is held.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes the semaphore.
        self.turns.acquire().await.ok()
    }

    /// Whether `address` may try at `now`.
    ///
    /// # Errors
    /// How long to wait, if it was wrong too often.
    pub fn check(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Ok(seen) = self.seen.lock() else { return Err(self.window) };
        let Some(window) = seen.get(&network(address)) else { return Ok(()) };
        let age = now.saturating_duration_since(window.began);
        if age < self.window && window.wrong >= self.attempts { Err(self.window.saturating_sub(age)) } else { Ok(()) }
    }

    /// Counts an attempt of `address` that was wrong.
    pub fn was_wrong(&self, address: IpAddr, now: Instant) {
        let key = network(address);
        let Ok(mut seen) = self.seen.lock() else { return };
        if seen.len() >= MAX_ADDRESSES && !seen.contains_key(&key) {
            seen.retain(|_, window| now.saturating_duration_since(window.began) < self.window);
            if seen.len() >= MAX_ADDRESSES {
                let oldest = seen.iter().min_by_key(|(_, window)| window.began).map(|(address, _)| *address);
                oldest.map(|oldest| seen.remove(&oldest));
            }
        }
        let window = seen.entry(key).or_insert(Window { began: now, wrong: 0 });
        if now.saturating_duration_since(window.began) >= self.window {
            *window = Window { began: now, wrong: 0 };
        }
        window.wrong = window.wrong.saturating_add(1);
    }
}

/// A name whose wrong attempts are counted, as a hash: no list of names grows in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameKey(IpAddr);

impl Throttle {
    /// The key of a name. It has the form of a subscriber's address, which is 64 bits.
    #[must_use]
    pub fn name_key(name: &str) -> NameKey {
        let mut octets = [0; 16];
        let hash = Sha256::digest(name.as_bytes());
        for (octet, byte) in octets.iter_mut().zip(hash.iter().take(8)) {
            *octet = *byte;
        }
        NameKey(Ipv6Addr::from(octets).into())
    }

    /// As [`check`](Self::check), for a name.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_key(&self, NameKey(key): NameKey, now: Instant) -> Result<(), Duration> {
        self.check(key, now)
    }

    /// As [`was_wrong`](Self::was_wrong), for a name.
    pub fn key_was_wrong(&self, NameKey(key): NameKey, now: Instant) {
        self.was_wrong(key, now);
    }
}

/// What counts as one address: of IPv6 the /64, which is what one subscriber gets.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// A wrong attempt, if one is let through.
    fn wrong(throttle: &Throttle, address: IpAddr, now: Instant) -> Result<(), Duration> {
        throttle.check(address, now)?;
        throttle.was_wrong(address, now);
        Ok(())
    }

    #[test]
    fn one_too_many_waits_for_the_next_window() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        let (start, one) = (Instant::now(), ip("192.0.2.1"));
        assert_eq!(wrong(&throttle, one, start), Ok(()));
        assert_eq!(wrong(&throttle, one, start + Duration::from_secs(10)), Ok(()));
        assert_eq!(wrong(&throttle, one, start + Duration::from_secs(20)), Err(Duration::from_secs(40)));
        assert_eq!(wrong(&throttle, ip("192.0.2.2"), start), Ok(()), "others are not held up");
        assert_eq!(wrong(&throttle, one, start + Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn only_what_was_wrong_counts() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let (now, address) = (Instant::now(), ip("192.0.2.1"));
        for _ in 0..10 {
            assert_eq!(throttle.check(address, now), Ok(()));
        }
        assert!(wrong(&throttle, address, now).is_ok());
        assert!(wrong(&throttle, address, now).is_err());
    }

    #[test]
    fn a_subscriber_has_one_address() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let now = Instant::now();
        assert!(wrong(&throttle, ip("2001:db8:1:2::1"), now).is_ok());
        assert!(wrong(&throttle, ip("2001:db8:1:2:ffff::9"), now).is_err());
        assert!(wrong(&throttle, ip("2001:db8:1:3::1"), now).is_ok());
        assert!(wrong(&throttle, ip("192.0.2.1"), now).is_ok());
        assert!(wrong(&throttle, ip("::ffff:192.0.2.1"), now).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let now = Instant::now();
        for number in 0..=u32::try_from(MAX_ADDRESSES).unwrap() {
            throttle.was_wrong(IpAddr::from(number.to_be_bytes()), now);
        }
        assert_eq!(throttle.seen.lock().unwrap().len(), MAX_ADDRESSES);
    }
}
