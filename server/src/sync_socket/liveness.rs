//! Whether the peer is still there.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What reading knows and pinging asks. Both run on the connection's one task.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    heard: AtomicBool,
    busy: AtomicBool,
}

/// Reading is at work on something that came: what comes next waits for us, not for the peer.
pub(super) struct Busy<'a>(&'a Liveness);

impl Liveness {
    pub(super) fn busy(&self) -> Busy<'_> {
        self.busy.store(true, Relaxed);
        Busy(self)
    }

    /// Whether anything came since this was asked last.
    pub(super) fn heard_since_last_time(&self) -> bool {
        self.heard.swap(false, Relaxed) || self.busy.load(Relaxed)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.store(false, Relaxed);
        self.0.heard.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_waits_for_us_is_alive() {
        let liveness = Liveness::default();
        assert!(!liveness.heard_since_last_time());
        let busy = liveness.busy();
        assert!(liveness.heard_since_last_time());
        assert!(liveness.heard_since_last_time());
        drop(busy);
        assert!(liveness.heard_since_last_time());
        assert!(!liveness.heard_since_last_time());
    }
}
