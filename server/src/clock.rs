//! The server's clock.

use muster_model::time::Timestamp;

/// The time.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}
