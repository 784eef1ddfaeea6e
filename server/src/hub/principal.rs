//! Who is at the other end of a connection, as its token says.

use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;

/// A device with a valid token. [`Hub::revoke`](super::Hub::revoke) ends its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// The device.
    pub device: DeviceId,
    /// The event it is enrolled for.
    pub event: EventId,
    /// What it may do there.
    pub role: Role,
    /// When its token ends, and with it the connection. `None`: never.
    pub token_expires_at: Option<Timestamp>,
}

impl Principal {
    /// Whether it may send whole documents and changes of any size: only those who import.
    #[must_use]
    pub const fn may_import(&self) -> bool {
        matches!(self.role, Role::Coordinator)
    }
}
