//! What one device takes of the hub, over all its connections and beyond their end.
//!
//! A device that takes more than its share is read more slowly, which costs it nothing but time. Only one that has taken so
//! much that it would have to wait for longer than a connection lives without a word is sent away, with the time to come
//! back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_model::id::DeviceId;
use tokio::time::Instant;

use super::{Ending, Principal};
use crate::limits::Bucket;

/// How many devices are remembered before those are forgotten that have nothing to pay back.
const REMEMBERED: usize = 16_384;

/// How much more a device may take that imports.
const IMPORTING: u32 = 8;

/// How much one device may take.
#[derive(Debug, Clone)]
pub struct DeviceLimits {
    /// Connections at once. Default 8.
    pub connections: usize,
    /// Messages a second in the long run; 0 for no limit. Default 200.
    pub messages_per_s: u32,
    /// Messages at once after a pause. Default 4,000.
    pub messages_burst: u32,
    /// KiB a second in the long run; 0 for no limit. Default 1,024.
    pub kib_per_s: u32,
    /// KiB at once after a pause. Default 65,536.
    pub kib_burst: u32,
    /// Milliseconds of documents' work a second in the long run; 0 for no limit. Default 250.
    pub work_ms_per_s: u32,
    /// Milliseconds of work at once after a pause. Default 10,000.
    pub work_ms_burst: u32,
    /// How long a connection may have to wait, in milliseconds; beyond, it ends. Default 10,000.
    pub wait_ms: u64,
}

impl Default for DeviceLimits {
    fn default() -> Self {
        Self {
            connections: 8,
            messages_per_s: 200,
            messages_burst: 4_000,
            kib_per_s: 1_024,
            kib_burst: 65_536,
            work_ms_per_s: 250,
            work_ms_burst: 10_000,
            wait_ms: 10_000,
        }
    }
}

#[derive(Debug)]
struct Buckets {
    messages: Bucket,
    kib: Bucket,
    work_ms: Bucket,
}

/// One device.
#[derive(Debug)]
struct Usage {
    connections: usize,
    buckets: Arc<Mutex<Buckets>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All devices.
#[derive(Debug)]
pub(super) struct Usages {
    limits: DeviceLimits,
    known: Mutex<HashMap<DeviceId, Usage>>,
}

/// A connection's part in what its device takes.
#[derive(Debug)]
pub(super) struct Share {
    all: Arc<Usages>,
    device: DeviceId,
    buckets: Arc<Mutex<Buckets>>,
}

impl Usages {
    pub(super) fn new(limits: &DeviceLimits) -> Arc<Self> {
        Arc::new(Self { limits: limits.clone(), known: Mutex::default() })
    }

    /// One more connection of a device.
    ///
    /// # Errors
    /// If it has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, principal: &Principal) -> Result<Share, Ending> {
        let now = Instant::now();
        let limits = &self.limits;
        let times = if principal.may_import() { IMPORTING } else { 1 };
        let bucket =
            |per_s: u32, burst: u32| Bucket::new(per_s.saturating_mul(times), burst.saturating_mul(times), now);
        let new = || Usage {
            connections: 0,
            buckets: Arc::new(Mutex::new(Buckets {
                messages: bucket(limits.messages_per_s, limits.messages_burst),
                kib: bucket(limits.kib_per_s, limits.kib_burst),
                work_ms: bucket(limits.work_ms_per_s, limits.work_ms_burst),
            })),
        };
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED && !known.contains_key(&principal.device) {
            known.retain(|_, usage| usage.connections > 0 || lock(&usage.buckets).wait(now) > Duration::ZERO);
        }
        let usage = known.entry(principal.device).or_insert_with(new);
        if usage.connections >= limits.connections.max(1) {
            return Err(Ending::TooManyConnections { retry_after_ms: limits.wait_ms });
        }
        usage.connections = usage.connections.saturating_add(1);
        Ok(Share { all: Arc::clone(self), device: principal.device, buckets: Arc::clone(&usage.buckets) })
    }
}

impl Share {
    /// A message of so many bytes has come.
    pub(super) fn came(&self, bytes: usize) {
        let now = Instant::now();
        let kib = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1_024.0;
        let mut buckets = lock(&self.buckets);
        buckets.messages.spend(1.0, now);
        buckets.kib.spend(kib, now);
    }

    /// A document has worked for so long on what came.
    pub(super) fn worked(&self, took: Duration) {
        lock(&self.buckets).work_ms.spend(took.as_secs_f64() * 1_000.0, Instant::now());
    }

    /// How long the next message is to wait.
    ///
    /// # Errors
    /// If that is longer than a connection waits.
    pub(super) fn wait(&self) -> Result<Duration, Ending> {
        let wait = lock(&self.buckets).wait(Instant::now());
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        if wait_ms > self.all.limits.wait_ms {
            return Err(Ending::RateLimited { retry_after_ms: wait_ms });
        }
        Ok(wait)
    }
}

impl Buckets {
    fn wait(&mut self, now: Instant) -> Duration {
        self.messages.wait(now).max(self.kib.wait(now)).max(self.work_ms.wait(now))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(usage) = lock(&self.all.known).get_mut(&self.device) {
            usage.connections = usage.connections.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_model::access::Role;
    use muster_model::id::EventId;

    use super::*;

    fn principal(seed: u8, role: Role) -> Principal {
        let (device, event) = (DeviceId::from_random([seed; 8]), EventId::from_random([1; 16]));
        Principal { device, event, role, token_expires_at: None }
    }

    fn ms(share: &Share) -> u128 {
        share.wait().unwrap().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_takes_too_much_waits_and_the_others_do_not() {
        let limits = DeviceLimits { messages_per_s: 10, messages_burst: 5, ..DeviceLimits::default() };
        let usages = Usages::new(&limits);
        let (one, other) = (usages.enter(&principal(1, Role::Staff)), usages.enter(&principal(2, Role::Staff)));
        let (one, other) = (one.unwrap(), other.unwrap());
        (0..6).for_each(|_| one.came(100));
        assert_eq!((ms(&one), ms(&other)), (100, 0));
        let second = usages.enter(&principal(1, Role::Staff)).unwrap();
        assert_eq!(ms(&second), 100, "all its connections together");
        drop((one, second));
        let back = usages.enter(&principal(1, Role::Staff)).unwrap();
        assert_eq!(ms(&back), 100, "coming back wipes nothing out");
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(ms(&back), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_and_work_count_too_and_who_owes_much_is_sent_away() {
        let usages = Usages::new(&DeviceLimits::default());
        let share = usages.enter(&principal(1, Role::Staff)).unwrap();
        share.came(68 << 20);
        assert_eq!(ms(&share), 4_000);
        share.worked(Duration::from_secs(12));
        assert_eq!(ms(&share), 8_000, "the longest wait counts");
        share.worked(Duration::from_secs(1));
        assert_eq!(share.wait(), Err(Ending::RateLimited { retry_after_ms: 12_000 }));
        let importing = usages.enter(&principal(2, Role::Coordinator)).unwrap();
        importing.came(300 << 20);
        importing.worked(Duration::from_secs(60));
        assert_eq!(ms(&importing), 0, "an import is more than a phone ever sends");
    }

    #[test]
    fn a_device_has_so_many_connections_and_no_more() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let usages = Usages::new(&DeviceLimits { connections: 2, ..DeviceLimits::default() });
        let enter = || usages.enter(&principal(1, Role::Staff));
        let (one, _other) = (enter().unwrap(), enter().unwrap());
        assert_eq!(enter().unwrap_err().code(), "too_many_connections");
        drop(one);
        assert!(enter().is_ok());
    }
}
