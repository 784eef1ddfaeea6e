//! Whether the peer is still there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What reading knows and pinging asks.
#[derive(Debug)]
pub(super) struct Liveness(Mutex<State>);

#[derive(Debug)]
struct State {
    heard_at: Instant,
    busy: bool,
}

/// Reading is at work on something that came: what comes next waits for us, not for the peer.
pub(super) struct Busy<'a>(&'a Liveness);

impl Liveness {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { heard_at: Instant::now(), busy: false }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn busy(&self) -> Busy<'_> {
        self.state().busy = true;
        Busy(self)
    }

    /// The peer gave a sign of life.
    pub(super) fn heard(&self) {
        self.state().heard_at = Instant::now();
    }

    /// For how long nothing has come.
    pub(super) fn silence(&self) -> Duration {
        let state = self.state();
        if state.busy { Duration::ZERO } else { state.heard_at.elapsed() }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        *self.0.state() = State { heard_at: Instant::now(), busy: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_waits_for_us_is_not_silent() {
        let liveness = Liveness::new();
        let pass = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        pass(5).await;
        assert_eq!(liveness.silence(), Duration::from_secs(5));
        let busy = liveness.busy();
        pass(60).await;
        assert_eq!(liveness.silence(), Duration::ZERO);
        drop(busy);
        pass(1).await;
        assert_eq!(liveness.silence(), Duration::from_secs(1));
        liveness.heard();
        assert_eq!(liveness.silence(), Duration::ZERO);
    }
}
