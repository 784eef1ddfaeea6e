//! The server's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use muster_model::time::Timestamp;

/// Now, by the machine's clock; the epoch if the clock is before it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The same for the wire.
pub(crate) fn wire(at: Timestamp) -> muster_protocol::Timestamp {
    muster_protocol::Timestamp::from_ms(at.ms())
}
