//! One connection, from `join` to the end: a state machine without I/O, the same for both sides.
//!
//! The owner feeds [`ConnectionEvent`]s with the time, sends what comes out, hands on what is
//! delivered, and closes the carrier when told to. Every frame is checked: it must be binary, of
//! bounded size, from the peer that joined and for us.

mod awaiting_join;
mod closed;
mod connecting;
mod ephemeral;
mod established;
mod outgoing;

use std::collections::BTreeMap;

use automerge::ChangeHash;

use crate::frame::{Frame, FrameLimits, MusterMetadata, PROTOCOL_VERSION, PeerMetadata, RemoteHeads, Secret};
use crate::{DocumentId, PeerId, ProtocolCode, StorageId, Timestamp};
pub use outgoing::EphemeralMessage;

use established::Established;

/// How a connection behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionConfig {
    /// Our own id on this connection.
    pub peer_id: PeerId,
    /// What we say about ourselves. The clock in `muster` is filled in when it is sent.
    pub metadata: PeerMetadata,
    /// For frames after the handshake.
    pub limits: FrameLimits,
    /// The largest `join` or `peer` frame, in bytes.
    pub handshake_bytes: usize,
    /// How long to wait for `join` or `peer` after the carrier opened, in milliseconds.
    pub handshake_timeout_ms: i64,
    /// Ephemeral sessions remembered, to drop what arrives twice.
    pub ephemeral_sessions: usize,
    /// Frames of unknown type tolerated.
    pub unknown_frames: u64,
}

impl ConnectionConfig {
    /// The usual: 64 KiB and 10 s for the handshake, 1,024 ephemeral sessions, 1,000 unknown frames,
    /// and our extension with the `notice` feature.
    #[must_use]
    pub fn new(peer_id: PeerId, storage_id: Option<StorageId>) -> Self {
        let muster = Some(MusterMetadata::with_features(&[crate::FEATURE_NOTICE]));
        Self {
            peer_id,
            metadata: PeerMetadata { is_ephemeral: storage_id.is_none(), storage_id, muster },
            limits: FrameLimits::default(),
            handshake_bytes: 64 << 10,
            handshake_timeout_ms: 10_000,
            ephemeral_sessions: 1_024,
            unknown_frames: 1_000,
        }
    }

    fn metadata_at(&self, now: Timestamp) -> PeerMetadata {
        let mut metadata = self.metadata.clone();
        if let Some(muster) = &mut metadata.muster {
            muster.now = Some(now);
        }
        metadata
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEvent<'a> {
    /// The carrier is open.
    Opened,
    /// A binary message came.
    Frame(&'a [u8]),
    /// A text message came.
    Text,
    /// The carrier is closed.
    Closed,
    /// Time went by. Needed during the handshake, once a second or so.
    Tick,
}

/// What is to be done now, in this order: send, deliver, close.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionOutput {
    /// Binary messages for the carrier.
    pub send: Vec<Vec<u8>>,
    /// Messages for the owner.
    pub deliver: Vec<PeerMessage>,
    /// Close the carrier, after sending. The connection is at its end.
    pub close: Option<CloseReason>,
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The stable code.
    pub code: ProtocolCode,
    /// More about it, without personal data.
    pub detail: String,
}

impl CloseReason {
    fn new(code: ProtocolCode) -> Self {
        Self { code, detail: code.remedy().to_owned() }
    }
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerInfo {
    /// Its id on this connection.
    pub peer_id: PeerId,
    /// What it said about itself.
    pub metadata: PeerMetadata,
    /// Its clock minus ours, in milliseconds, if it told its clock and ours was not set during the
    /// handshake. A client knows it to within half the round trip; a server sees it too low by the way
    /// of the `join` to it.
    pub skew_ms: Option<i64>,
    /// From `join` to `peer`, in milliseconds; 0 on the server's side.
    pub round_trip_ms: i64,
}

impl PeerInfo {
    /// Whether it advertised this extension.
    #[must_use]
    pub fn has_feature(&self, feature: &str) -> bool {
        self.metadata.muster.as_ref().is_some_and(|muster| muster.has(feature))
    }

    /// Whether sync states are worth keeping for it, and for which storage.
    #[must_use]
    pub fn durable_storage(&self) -> Option<&StorageId> {
        self.metadata.storage_id.as_ref().filter(|_| !self.metadata.is_ephemeral)
    }
}

/// A checked message from the peer.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerMessage {
    /// The handshake is done. When it comes again, the peer started over: drop its sync states.
    Established(PeerInfo),
    /// A sync message, not yet guarded.
    Sync {
        /// Which document.
        document: DocumentId,
        /// The Automerge sync message.
        data: Vec<u8>,
        /// It came as a `request`.
        is_request: bool,
    },
    /// The peer lacks the document, or does not let us have it.
    DocUnavailable {
        /// Which document.
        document: DocumentId,
    },
    /// Something for those who have the document open now, not seen before on this connection.
    Ephemeral {
        /// Who wrote it, possibly not the peer itself.
        author: PeerId,
        /// Which document.
        document: DocumentId,
        /// The author's session.
        session: String,
        /// Its number in the session.
        count: u64,
        /// CBOR.
        data: Vec<u8>,
    },
    /// Which storages the peer wants to hear about.
    SubscriptionChange {
        /// From now on.
        add: Vec<StorageId>,
        /// No longer.
        remove: Vec<StorageId>,
    },
    /// What storages are known to have.
    RemoteHeads {
        /// Which document.
        document: DocumentId,
        /// By storage.
        heads: BTreeMap<StorageId, RemoteHeads>,
    },
    /// Why the peer refused something.
    Notice {
        /// About which document, if about one.
        document: Option<DocumentId>,
        /// A stable code.
        code: String,
        /// For people.
        detail: String,
        /// The changes it is about; those that depend on them are meant too.
        changes: Vec<ChangeHash>,
    },
    /// The peer goes on with a fresh token.
    Token {
        /// An access token, not yet checked.
        token: Secret,
    },
    /// The peer reports an error and will close.
    Error {
        /// For people.
        message: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// Where the connection stands; transitions are the functions of the files of the same name.
#[derive(Debug)]
enum State {
    /// Client: waiting for the carrier, then for `peer`.
    Connecting(connecting::Connecting),
    /// Server: waiting for the carrier, then for `join`.
    AwaitingJoin(awaiting_join::AwaitingJoin),
    /// Messages go both ways.
    Established(Box<Established>),
    /// Nothing happens any more.
    Closed,
}

/// What an event leads to.
enum Next {
    /// The state as it is now.
    Stay(State),
    /// The end, with a word to the other side if it can read it.
    Close(CloseReason),
}

/// One end of a connection. See the [module](self).
#[derive(Debug)]
pub struct Connection {
    config: ConnectionConfig,
    side: Side,
    state: State,
    ignored_frames: u64,
}

impl Connection {
    /// The side that opened the carrier and says `join`.
    #[must_use]
    pub fn client(config: ConnectionConfig) -> Self {
        let state = State::Connecting(connecting::Connecting::default());
        Self { config, side: Side::Client, state, ignored_frames: 0 }
    }

    /// The side that answers `peer`.
    #[must_use]
    pub fn server(config: ConnectionConfig) -> Self {
        let state = State::AwaitingJoin(awaiting_join::AwaitingJoin::default());
        Self { config, side: Side::Server, state, ignored_frames: 0 }
    }

    /// Who is at the other end, between handshake and close.
    #[must_use]
    pub fn peer(&self) -> Option<&PeerInfo> {
        match &self.state {
            State::Established(established) => Some(&established.peer),
            _ => None,
        }
    }

    /// Whether the connection has ended.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Frames that were valid and of no concern to us: unknown types, documents of other kinds,
    /// repeated ephemeral messages.
    #[must_use]
    pub const fn ignored_frames(&self) -> u64 {
        self.ignored_frames
    }

    /// Takes in one event. After the end, events do nothing.
    pub fn handle(&mut self, now: Timestamp, event: ConnectionEvent<'_>) -> ConnectionOutput {
        let mut output = ConnectionOutput::default();
        let target = self.peer().map(|peer| peer.peer_id.clone());
        let state = std::mem::replace(&mut self.state, State::Closed);
        let next = match (state, event) {
            (State::Closed, _) => Next::Stay(State::Closed),
            (_, ConnectionEvent::Closed) => Next::Close(CloseReason::new(ProtocolCode::CarrierClosed)),
            (_, ConnectionEvent::Text) => Next::Close(CloseReason::new(ProtocolCode::FrameText)),
            (State::Connecting(state), event) => self.while_connecting(state, now, event, &mut output),
            (State::AwaitingJoin(state), event) => self.while_awaiting_join(state, now, event, &mut output),
            (State::Established(state), event) => self.while_established(state, now, event, &mut output),
        };
        match next {
            Next::Stay(state) => self.state = state,
            Next::Close(reason) => {
                let can_read = event != ConnectionEvent::Closed;
                self.end(reason, target, can_read, &mut output);
            }
        }
        output
    }

    /// Ends the connection for a reason of the owner's, for example a refused sync message. Send
    /// what comes out, then close the carrier.
    pub fn close(&mut self, code: ProtocolCode, detail: &str) -> ConnectionOutput {
        let mut output = ConnectionOutput::default();
        let target = self.peer().map(|peer| peer.peer_id.clone());
        if !self.is_closed() {
            let reason = CloseReason { code, detail: detail.to_owned() };
            self.end(reason, target, true, &mut output);
        }
        output
    }

    fn decode(&self, bytes: &[u8], limits: &FrameLimits) -> Result<Frame, CloseReason> {
        Frame::decode(bytes, limits).map_err(|error| CloseReason { code: error.code(), detail: error.to_string() })
    }

    fn handshake_limits(&self) -> FrameLimits {
        FrameLimits { max_frame_bytes: self.config.handshake_bytes, ..self.config.limits.clone() }
    }
}

fn speaks_our_version(versions: &[String]) -> bool {
    versions.iter().any(|version| version == PROTOCOL_VERSION)
}

#[cfg(test)]
mod tests;
