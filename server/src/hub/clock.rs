//! The hub's clock.

use std::sync::Arc;

use muster_model::time::Timestamp;

/// Where the hub takes the time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock.
pub(super) fn machine_clock() -> Clock {
    Arc::new(crate::clock::now)
}

/// The same for the wire.
pub(crate) fn wire(at: Timestamp) -> muster_protocol::Timestamp {
    muster_protocol::Timestamp::from_ms(at.ms())
}
