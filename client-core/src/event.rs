//! What the engine is told and what it asks for: events in, effects out.

use std::fmt;

use muster_model::access::Role;
use muster_model::document::DocRef;
use muster_model::id::{CheckpointId, DeviceId, EventId};
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

/// What a server gave the device to show, and what holds with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access token; `None` while a coordinator has not let the device in.
    pub access: Option<Token>,
    /// For how long that is good from now, in milliseconds; `None` for one that does not end as far as is known.
    pub access_lifetime_ms: Option<i64>,
    /// The refresh token, which gets the next of both; `None` if there is no way to get another.
    pub refresh: Option<Token>,
    /// For how long the device works without contact, in milliseconds; 0 for no end.
    pub lease_ms: i64,
    /// The checkpoints that it may serve; none named means all.
    pub checkpoints: Vec<CheckpointId>,
}

impl Credentials {
    /// A token that does not end and needs no other.
    #[must_use]
    pub const fn fixed(token: Token) -> Self {
        Self { access: Some(token), access_lifetime_ms: None, refresh: None, lease_ms: 0, checkpoints: Vec::new() }
    }
}

/// What came of [`Effect::Refresh`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// Here are the next tokens, and what the device may do now.
    Granted {
        /// Its role.
        role: Role,
        /// What it shows from now on.
        credentials: Box<Credentials>,
    },
    /// A coordinator has not let it in yet.
    Pending {
        /// When to ask again, in milliseconds from now.
        retry_after_ms: i64,
    },
    /// The device was revoked: it hands over what it has not sent, and forgets the event.
    Revoked,
    /// The server does not take the token: only enrolling anew helps.
    Refused,
    /// No answer, or none of substance: the same question is asked again.
    Failed {
        /// When to ask again, in milliseconds from now, if the server said so.
        retry_after_ms: Option<i64>,
    },
}

/// A change that no server is known to have, of a document that this device has to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// What the engine calls it.
    pub key: String,
    /// The document.
    pub doc: DocRef,
    /// The change, as Automerge writes it.
    pub change: Vec<u8>,
}

/// What came of [`Effect::HandOver`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandOverOutcome {
    /// The server keeps these for a coordinator to look at.
    Taken {
        /// Their keys.
        keys: Vec<String>,
    },
    /// The server will not take them: they stay here.
    Refused,
    /// No answer, or none of substance: to be tried again.
    Failed {
        /// When, in milliseconds from now, if the server said so.
        retry_after_ms: Option<i64>,
    },
}

/// What enrolling at a server gave. The exchange of the code (HTTP) happens outside of the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Where the server's sync endpoint is (`wss://host/sync`).
    pub server_url: String,
    /// The server's address, without a path (`https://host`).
    pub api_url: String,
    /// The server.
    pub server_id: ServerId,
    /// The event.
    pub event: EventId,
    /// The id that the server gave this device.
    pub device: DeviceId,
    /// What the device may do.
    pub role: Role,
    /// What the device shows.
    pub credentials: Credentials,
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
    /// The server does not take the device's token (HTTP 401 or 403), or takes it no longer. Another is asked for, if there
    /// is a way; else it is not tried again until the device is enrolled anew or sync is started anew.
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
    /// What came of [`Effect::Refresh`].
    Refreshed {
        /// The server.
        server: ServerId,
        /// What it said.
        outcome: RefreshOutcome,
    },
    /// What came of [`Effect::HandOver`].
    HandedOver {
        /// The server.
        server: ServerId,
        /// What it said.
        outcome: HandOverOutcome,
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
    /// Exchange the refresh token (`POST <url>/api/v1/devices/refresh`), then tell [`Event::Refreshed`].
    Refresh {
        /// The server to tell about.
        server: ServerId,
        /// Its address, without a path.
        url: String,
        /// The refresh token.
        token: Token,
        /// What goes with it.
        nonce: String,
        /// The last access token, also if it has ended: a server that was restored from a backup knows us by it.
        access: Option<Token>,
    },
    /// Hand over what was not sent (`POST <url>/api/v1/devices/hand-over`), then tell [`Event::HandedOver`].
    HandOver {
        /// The server to tell about.
        server: ServerId,
        /// Its address, without a path.
        url: String,
        /// The refresh token, which says whose these are.
        token: Token,
        /// The changes.
        changes: Vec<Unsent>,
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
    /// Fields that wait to be settled.
    Conflicts,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 11] = [
        Self::Event,
        Self::Program,
        Self::Attendees,
        Self::Checkins,
        Self::DoubleAdmissions,
        Self::Readiness,
        Self::Incidents,
        Self::Arrivals,
        Self::Logistics,
        Self::Status,
        Self::Conflicts,
    ];
}
