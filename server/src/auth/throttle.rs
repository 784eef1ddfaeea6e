//! How often an address may try something.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How many addresses are remembered. More than this within a window only make room for each other.
const MAX_ADDRESSES: usize = 10_000;

/// Counts the attempts of each address in windows of fixed length.
#[derive(Debug)]
pub struct Throttle {
    attempts: u32,
    window: Duration,
    seen: Mutex<HashMap<IpAddr, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    attempts: u32,
}

impl Throttle {
    /// At most `attempts` in each `window`.
    #[must_use]
    pub fn new(attempts: u32, window: Duration) -> Self {
        Self { attempts, window, seen: Mutex::new(HashMap::new()) }
    }

    /// Counts an attempt of `address` at `now`.
    ///
    /// # Errors
    /// How long to wait, if it is one too many.
    pub fn attempt(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let key = network(address);
        let Ok(mut seen) = self.seen.lock() else { return Err(self.window) };
        if seen.len() >= MAX_ADDRESSES && !seen.contains_key(&key) {
            seen.retain(|_, window| now.saturating_duration_since(window.began) < self.window);
            if seen.len() >= MAX_ADDRESSES {
                let oldest = seen.iter().min_by_key(|(_, window)| window.began).map(|(address, _)| *address);
                oldest.map(|oldest| seen.remove(&oldest));
            }
        }
        let window = seen.entry(key).or_insert(Window { began: now, attempts: 0 });
        let age = now.saturating_duration_since(window.began);
        if age >= self.window {
            *window = Window { began: now, attempts: 0 };
        }
        if window.attempts >= self.attempts {
            return Err(self.window.saturating_sub(age));
        }
        window.attempts += 1;
        Ok(())
    }

    /// Takes back an attempt of `address` that was right: a hall full of phones behind one address may all enrol.
    pub fn forgive(&self, address: IpAddr) {
        if let Ok(mut seen) = self.seen.lock()
            && let Some(window) = seen.get_mut(&network(address))
        {
            window.attempts = window.attempts.saturating_sub(1);
        }
    }
}

/// What counts as one address: of IPv6 the /64, which is what one subscriber gets.
fn network(address: IpAddr) -> IpAddr {
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

    #[test]
    fn one_too_many_waits_for_the_next_window() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        let (start, one) = (Instant::now(), ip("192.0.2.1"));
        assert_eq!(throttle.attempt(one, start), Ok(()));
        assert_eq!(throttle.attempt(one, start + Duration::from_secs(10)), Ok(()));
        assert_eq!(throttle.attempt(one, start + Duration::from_secs(20)), Err(Duration::from_secs(40)));
        assert_eq!(throttle.attempt(ip("192.0.2.2"), start), Ok(()), "others are not held up");
        assert_eq!(throttle.attempt(one, start + Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn only_what_was_wrong_counts() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let (now, address) = (Instant::now(), ip("192.0.2.1"));
        for _ in 0..10 {
            assert_eq!(throttle.attempt(address, now), Ok(()));
            throttle.forgive(address);
        }
        assert!(throttle.attempt(address, now).is_ok());
        assert!(throttle.attempt(address, now).is_err());
    }

    #[test]
    fn a_subscriber_has_one_address() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let now = Instant::now();
        assert!(throttle.attempt(ip("2001:db8:1:2::1"), now).is_ok());
        assert!(throttle.attempt(ip("2001:db8:1:2:ffff::9"), now).is_err());
        assert!(throttle.attempt(ip("2001:db8:1:3::1"), now).is_ok());
        assert!(throttle.attempt(ip("192.0.2.1"), now).is_ok());
        assert!(throttle.attempt(ip("::ffff:192.0.2.1"), now).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let now = Instant::now();
        for number in 0..=u32::try_from(MAX_ADDRESSES).unwrap() {
            throttle.attempt(IpAddr::from(number.to_be_bytes()), now).unwrap();
        }
        assert_eq!(throttle.seen.lock().unwrap().len(), MAX_ADDRESSES);
    }
}
