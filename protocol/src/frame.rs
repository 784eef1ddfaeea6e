//! Frames: one WebSocket binary message is one CBOR map.
//!
//! The wire is automerge-repo protocol "1" as its JavaScript packages speak it, 1.1 to 2.6. Reading
//! is lenient where those encoders differ (any head width, indefinite lengths, tagged byte strings,
//! `null` and `undefined` for absent, integers as floats), writing is what all of them can read.
//! Source: the README and code of the npm package `@automerge/automerge-repo-network-websocket`.

mod decode;
mod encode;

use std::collections::BTreeMap;

use automerge::ChangeHash;

pub use decode::FrameError;
pub use encode::{SharedSync, encode_sync_shared};

use crate::{DocumentId, PeerId, StorageId, Timestamp};

/// The one protocol version there is.
pub const PROTOCOL_VERSION: &str = "1";

/// The feature a peer advertises when it understands [`Frame::Notice`].
pub const FEATURE_NOTICE: &str = "notice";

/// The feature a server advertises when it takes [`Frame::Token`].
pub const FEATURE_RENEW: &str = "renew";

/// A secret that must not reach a log: its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How big a frame and its parts may be. What exceeds them is an error, not cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// The whole frame, in bytes.
    pub max_frame_bytes: usize,
    /// Any text that is not an id, in bytes.
    pub max_text_bytes: usize,
    /// Entries of any list or map.
    pub max_entries: usize,
    /// How deep arrays and maps may be nested in what is skipped.
    pub max_depth: usize,
}

impl Default for FrameLimits {
    /// 16 MiB a frame, 4 KiB a text, 1,024 entries, 16 deep.
    fn default() -> Self {
        Self { max_frame_bytes: 16 << 20, max_text_bytes: 4 << 10, max_entries: 1_024, max_depth: 16 }
    }
}

/// What a peer says about itself in `join` and `peer`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerMetadata {
    /// Where it stores documents, if it does. Sync states may be kept for it.
    pub storage_id: Option<StorageId>,
    /// It will not be back: nothing need be kept for it.
    pub is_ephemeral: bool,
    /// Our extension: absent from stock automerge-repo peers.
    pub muster: Option<MusterMetadata>,
}

/// Our extension of the metadata, under the key `muster`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MusterMetadata {
    /// Version of this map, 1.
    pub version: u32,
    /// The sender's clock when it sent the frame.
    pub now: Option<Timestamp>,
    /// Extensions it understands, for example [`FEATURE_NOTICE`].
    pub features: Vec<String>,
}

impl MusterMetadata {
    /// Version 1 with these features; the connection fills in the clock.
    #[must_use]
    pub fn with_features(features: &[&str]) -> Self {
        Self { version: 1, now: None, features: features.iter().map(|f| (*f).to_owned()).collect() }
    }

    /// Whether the sender advertised `feature`.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|f| f == feature)
    }
}

/// The heads some storage is known to have, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteHeads {
    /// The heads.
    pub heads: Vec<ChangeHash>,
    /// When that was so, on the clock of whoever noticed.
    pub timestamp: Timestamp,
}

/// One message on the wire.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// `join`: a client introduces itself.
    Join {
        /// The client.
        sender: PeerId,
        /// About the client.
        metadata: PeerMetadata,
        /// `supportedProtocolVersions`; `["1"]` when the frame names none.
        versions: Vec<String>,
    },
    /// `peer`: the server answers.
    Peer {
        /// The server.
        sender: PeerId,
        /// The client.
        target: PeerId,
        /// About the server.
        metadata: PeerMetadata,
        /// `selectedProtocolVersion`.
        version: String,
    },
    /// `error`: the sender closes after it.
    Error {
        /// Not in every implementation.
        sender: Option<PeerId>,
        /// Not in every implementation.
        target: Option<PeerId>,
        /// For people; ours starts with a [`ProtocolCode`](crate::ProtocolCode).
        message: String,
    },
    /// `leave`: goodbye, until automerge-repo 1.2.1.
    Leave {
        /// Who leaves.
        sender: PeerId,
    },
    /// `sync`: an Automerge sync message.
    Sync {
        /// Who sends.
        sender: PeerId,
        /// Whom to.
        target: PeerId,
        /// About which document.
        document: DocumentId,
        /// The Automerge sync message. Not yet guarded.
        data: Vec<u8>,
    },
    /// `request`: a sync message of somebody who lacks the document and wants to be told so if we
    /// lack it too.
    Request {
        /// Who sends.
        sender: PeerId,
        /// Whom to.
        target: PeerId,
        /// About which document.
        document: DocumentId,
        /// The Automerge sync message. Not yet guarded.
        data: Vec<u8>,
    },
    /// `doc-unavailable`: the answer to a request. Not final.
    DocUnavailable {
        /// Who sends.
        sender: PeerId,
        /// Whom to.
        target: PeerId,
        /// Which document.
        document: DocumentId,
    },
    /// `ephemeral`: something for those who have the document open now.
    Ephemeral {
        /// The original author, also when relayed.
        sender: PeerId,
        /// Whom to; rewritten per hop.
        target: PeerId,
        /// About which document.
        document: DocumentId,
        /// The author's session.
        session: String,
        /// Grows by one per message of a session. Below 2^32 when we send.
        count: u64,
        /// CBOR, for JavaScript's sake.
        data: Vec<u8>,
    },
    /// `remote-subscription-change`: which storages the sender wants to hear about.
    RemoteSubscriptionChange {
        /// Who sends.
        sender: PeerId,
        /// Whom to.
        target: PeerId,
        /// Hear about these from now on.
        add: Vec<StorageId>,
        /// And no more about these.
        remove: Vec<StorageId>,
    },
    /// `remote-heads-changed`: what storages are known to have.
    RemoteHeadsChanged {
        /// Who sends.
        sender: PeerId,
        /// Whom to.
        target: PeerId,
        /// Which document.
        document: DocumentId,
        /// By storage.
        heads: BTreeMap<StorageId, RemoteHeads>,
    },
    /// `muster-notice`, our extension: why something was refused, in words and a stable code.
    Notice {
        /// Who sends.
        sender: PeerId,
        /// Whom to.
        target: PeerId,
        /// About which document, if about one.
        document: Option<DocumentId>,
        /// A [`ProtocolCode`](crate::ProtocolCode) or another stable code.
        code: String,
        /// For people, without personal data.
        detail: String,
        /// The changes it is about; those that depend on them are meant too.
        changes: Vec<ChangeHash>,
    },
    /// `muster-token`, our extension: a device goes on on the connection that it has, with a fresh token.
    Token {
        /// Who sends.
        sender: PeerId,
        /// Whom to.
        target: PeerId,
        /// An access token of the same device.
        token: Secret,
    },
    /// A valid frame about a document whose id does not have 16 bytes: nothing we could have.
    ForeignDocument {
        /// The frame's `type`.
        kind: String,
        /// Who sends; of an `ephemeral` message, who wrote it.
        sender: PeerId,
        /// Whom to.
        target: PeerId,
        /// The id as the frame has it.
        document: String,
    },
    /// A type that we do not know. To be ignored.
    Unknown {
        /// The frame's `type`.
        kind: String,
    },
}

impl Frame {
    /// The `type` on the wire.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Join { .. } => "join",
            Self::Peer { .. } => "peer",
            Self::Error { .. } => "error",
            Self::Leave { .. } => "leave",
            Self::Sync { .. } => "sync",
            Self::Request { .. } => "request",
            Self::DocUnavailable { .. } => "doc-unavailable",
            Self::Ephemeral { .. } => "ephemeral",
            Self::RemoteSubscriptionChange { .. } => "remote-subscription-change",
            Self::RemoteHeadsChanged { .. } => "remote-heads-changed",
            Self::Notice { .. } => "muster-notice",
            Self::Token { .. } => "muster-token",
            Self::ForeignDocument { kind, .. } | Self::Unknown { kind } => kind,
        }
    }
}

#[cfg(test)]
mod tests;
