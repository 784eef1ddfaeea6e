//! What the engine is told and what it asks for: events in, effects out.

use std::fmt;

use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::Command;

/// A server, by the storage id or name under which it enrolled this device. Sync states and acknowledgements are kept
/// per server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerId(pub String);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A connection to a server or to another phone, whatever carries it.
///
/// The engine numbers the links that it asks for with [`Effect::Connect`]; the host numbers those it brings itself with
/// [`LinkId::of_host`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl LinkId {
    const HOST: u64 = 1 << 63;

    pub(crate) const fn of_engine(number: u64) -> Self {
        Self(number & !Self::HOST)
    }

    /// A link that the host opened or accepted. Use a new `number` for every link.
    #[must_use]
    pub const fn of_host(number: u64) -> Self {
        Self(number | Self::HOST)
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & Self::HOST == 0 { write!(f, "{}", self.0) } else { write!(f, "host-{}", self.0 & !Self::HOST) }
    }
}

/// A secret that must not reach a log: its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Takes the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the `Authorization` header.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What enrolling at a server gave. The exchange of the code (HTTP) happens outside of the core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Where the server's sync endpoint is (`wss://host/sync`).
    pub server_url: String,
    /// The server.
    pub server_id: ServerId,
    /// The event.
    pub event: EventId,
    /// The id that the server gave this device.
    pub device: DeviceId,
    /// What the device may do.
    pub role: Role,
    /// The device's token.
    pub token: Token,
    /// What the coordinator called the device.
    pub device_name: String,
}

/// Which side of the handshake we are on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We opened the carrier: we say `join`.
    Initiator,
    /// The other side opened it.
    Acceptor,
}

/// Why a link went down or never came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownReason {
    /// The carrier closed, or the other side could not be reached: the usual, tried again with backoff.
    Closed,
    /// The other side asked to come back no sooner than this many milliseconds from now.
    RetryAfter {
        /// How long to wait, in milliseconds.
        ms: i64,
    },
    /// The server does not take the device's token (HTTP 401 or 403): not tried again until the device is enrolled anew
    /// or sync is started anew.
    Unauthorized,
}

/// What the engine is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The database was opened: to be told once, first.
    Opened,
    /// The device was enrolled. A second enrolment for the same event and device adds or renews a server.
    Enrolled(Box<Enrolment>),
    /// The person at the device wants something.
    Command(Command),
    /// Connect to the servers and stay connected.
    SyncStart,
    /// Close the links to servers and stay so.
    SyncStop,
    /// The carrier that [`Effect::Connect`] asked for is open.
    LinkUp {
        /// The link that was asked for.
        link: LinkId,
    },
    /// The host brought a carrier to another phone, whose role it has verified. Documents that this role may read are
    /// shared.
    PeerUp {
        /// A number of the host's own.
        link: LinkId,
        /// What the other phone may read and write.
        role: Role,
        /// Who says `join`.
        side: Side,
    },
    /// A carrier closed, or could not be opened.
    LinkDown {
        /// The link.
        link: LinkId,
        /// Why.
        reason: DownReason,
    },
    /// A binary message came.
    LinkFrame {
        /// The link.
        link: LinkId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A text message came, which is against the protocol.
    LinkText {
        /// The link.
        link: LinkId,
    },
    /// The time asked for with [`Effect::WakeAt`] has come. Harmless at any other time.
    Wake,
}

/// What the shell has to do. Handed out only when everything it rests on is durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Open a carrier, then tell [`Event::LinkUp`] or [`Event::LinkDown`].
    Connect {
        /// The link to tell about.
        link: LinkId,
        /// The server.
        server: ServerId,
        /// Where its sync endpoint is.
        url: String,
        /// What to show it.
        token: Token,
    },
    /// Close a carrier after what was to be sent; no need to tell about it.
    Disconnect {
        /// The link.
        link: LinkId,
    },
    /// Send a binary message, in order; if that cannot be, close the carrier and tell [`Event::LinkDown`].
    Send {
        /// The link.
        link: LinkId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Tell [`Event::Wake`] at this time, or as soon as other work is done if the time has passed. A later call with an
    /// earlier time moves it; one timer is enough. It must not be put off by a clock that is set back meanwhile.
    WakeAt(Timestamp),
    /// Tell listeners that views of these topics may differ now.
    Changed(Vec<Topic>),
}

/// What a listener may look at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// The event and its checkpoints.
    Event,
    /// Rooms, tracks, sessions and presenters.
    Program,
    /// Attendees and search.
    Attendees,
    /// Check-ins and counts.
    Checkins,
    /// Double admissions.
    DoubleAdmissions,
    /// Readiness of rooms.
    Readiness,
    /// Incidents.
    Incidents,
    /// Who has arrived.
    Arrivals,
    /// A presenter's logistics.
    Logistics,
    /// Links, last contact, facts not yet on the server, parked documents.
    Status,
}
