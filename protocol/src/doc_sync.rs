//! Sync of one document with one peer, for both sides.
//!
//! A [`DocSync`] belongs to one connection and one document. It wraps Automerge's sync state (0.12,
//! `src/sync.rs`), which is a plain record, and takes from Automerge the making of messages and the
//! applying of changes. Taking a message in is written here, because Automerge's own walks the whole
//! history for every message it receives.
//!
//! The rule is **persist before you speak**: [`receive`](DocSync::receive) never makes a reply. The
//! owner commits what was applied, and calls [`generate`](DocSync::generate) afterwards, so the heads
//! that the peer reads as an acknowledgement are durable.
//!
//! The carrier must be reliable and ordered. A generated message that is not sent means that the
//! peers never meet: close the connection instead, and start with a new [`DocSync`].

mod fan_out;
mod history;
mod read_only;
mod requesting;
mod syncing;
mod unavailable;
mod whole;

use std::collections::VecDeque;
use std::sync::Arc;

use automerge::ChangeHash;
use automerge::sync::State;

pub use fan_out::FanOut;
pub use history::{acknowledged, has_change};
pub use read_only::RefusedChanges;
pub use syncing::load_apart;
pub use whole::Whole;

use crate::ProtocolCode;

/// What the peer may do with the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read and write: its changes are applied.
    Full,
    /// Read: whatever it sends is handed back as [`RefusedChanges`], nothing is applied.
    ReadOnlyPeer,
}

/// How to treat this peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocSyncOptions {
    /// Send no flags, so that the peer does not learn that we read format V2 and uploads plain
    /// lists of changes, each of which can be inspected. For every peer without the right to bulk
    /// import. What we send is not affected.
    pub plain_uploads: bool,
}

/// Where the exchange stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// We hold nothing and do not know whether the peer does: we ask with a `request`.
    Requesting,
    /// Both sides send what the other lacks.
    Syncing,
    /// The peer sent what it may not: nothing more from it is applied, ours still goes out.
    ReadOnly,
    /// The peer said `doc-unavailable`. Any message from it revives the exchange, and so does a
    /// change of ours.
    Unavailable,
}

/// Which frame a message goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingKind {
    /// `sync`.
    Sync,
    /// `request`: the peer shall say `doc-unavailable` if it lacks the document too.
    Request,
}

/// A sync message to be sent, in order, without fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The Automerge sync message.
    pub data: Vec<u8>,
    /// The frame's type.
    pub kind: OutgoingKind,
}

/// What a message from the peer did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Our heads before.
    pub before: Vec<ChangeHash>,
    /// Our heads after. What lies between is to be persisted before [`DocSync::generate`].
    pub after: Vec<ChangeHash>,
    /// Changes of the message that are new to the document. Not those inside document chunks:
    /// `doc.get_changes(&before)` has them all.
    pub applied: Vec<ChangeHash>,
    /// Changes that wait in the document's queue for others they depend on.
    pub pending: Vec<ChangeHash>,
    /// Changes which passed the guard and which Automerge dropped as invalid.
    pub dropped: Vec<ChangeHash>,
    /// Changes that the peer may not make.
    pub refused: Option<RefusedChanges>,
    /// The peer's heads; see [`acknowledged`].
    pub peer_heads: Vec<ChangeHash>,
    /// The peer's heads contain ours.
    pub peer_has_all_of_ours: bool,
}

impl Received {
    /// Whether the document changed.
    #[must_use]
    pub fn has_new_heads(&self) -> bool {
        self.before != self.after
    }
}

/// Why a guarded message could not be taken in. The document is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Automerge does not read the message.
    #[error("the sync message could not be read: {0}")]
    Decode(#[from] automerge::sync::ReadMessageError),
    /// Automerge does not apply the changes.
    #[error("the changes could not be applied: {0}")]
    Apply(#[from] automerge::AutomergeError),
    /// A change is not in the form in which Automerge would load it again, or a whole document in none that it can read.
    #[error("changes are not written as Automerge writes them")]
    Form,
    /// A saved sync state is damaged.
    #[error("the saved sync state could not be read: {0}")]
    State(#[from] automerge::sync::DecodeStateError),
}

impl SyncError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ProtocolCode {
        match self {
            Self::Decode(_) | Self::State(_) => ProtocolCode::SyncDecode,
            Self::Apply(_) => ProtocolCode::SyncApply,
            Self::Form => ProtocolCode::GuardMalformed,
        }
    }
}

/// What is known about whether the peer has the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerStatus {
    Unknown,
    Has,
    Wants,
}

/// Sync of one document with one peer. See the [module](self).
#[derive(Debug)]
pub struct DocSync {
    state: State,
    role: Role,
    options: DocSyncOptions,
    phase: Phase,
    peer: PeerStatus,
    /// Everything up to these heads has been sent to the peer, or is known to be there.
    level: Option<Vec<ChangeHash>>,
    /// Shared messages on their way, oldest first.
    unacknowledged: VecDeque<Arc<fan_out::Batch>>,
    /// The peer's last message builds on a change that we do not have, and was not yet answered.
    reset: Reset,
}

/// Whether the peer has to be told to start over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reset {
    NotNeeded,
    Needed,
    Sent,
}

impl DocSync {
    /// A fresh exchange. To be made anew for every connection.
    #[must_use]
    pub fn new(role: Role, options: DocSyncOptions) -> Self {
        Self::with_state(State::new(), role, options)
    }

    /// Carries on with what was shared when [`encode_state`](Self::encode_state) was called, so that
    /// the first messages are short. Stale or foreign states are noticed by the peers and cost a
    /// round trip, no data.
    ///
    /// # Errors
    /// [`SyncError::State`] when `saved` is not an encoded state: start with [`DocSync::new`].
    pub fn resume(role: Role, options: DocSyncOptions, saved: &[u8]) -> Result<Self, SyncError> {
        let mut state = State::decode(saved)?;
        state.shared_heads.sort_unstable();
        state.shared_heads.dedup();
        // Decoding leaves an empty list, as if the peer had spoken already.
        state.their_have = None;
        Ok(Self::with_state(state, role, options))
    }

    fn with_state(state: State, role: Role, options: DocSyncOptions) -> Self {
        Self {
            state,
            role,
            options,
            phase: Phase::Requesting,
            peer: PeerStatus::Unknown,
            level: None,
            unacknowledged: VecDeque::new(),
            reset: Reset::NotNeeded,
        }
    }

    /// What is worth keeping for the next connection with the same storage: the shared heads.
    #[must_use]
    pub fn encode_state(&self) -> Vec<u8> {
        self.state.encode()
    }

    /// Where the exchange stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The heads the peer told us last, sorted.
    #[must_use]
    pub fn peer_heads(&self) -> Option<&[ChangeHash]> {
        self.state.their_heads.as_deref()
    }

    /// Whether the peer said that it applies nothing from us.
    #[must_use]
    pub const fn peer_is_read_only(&self) -> bool {
        self.state.peer_read_only
    }

    /// The heads up to which everything, and nothing beyond, has been sent to the peer or is known to be there: a
    /// [`FanOut`] from there serves it. `None` while that is not known.
    #[must_use]
    pub fn level(&self) -> Option<&[ChangeHash]> {
        self.level.as_deref()
    }

    /// Whether everything up to `heads`, and nothing beyond, has been sent to the peer: then one
    /// [`FanOut`] from there serves it.
    #[must_use]
    pub fn is_level_with(&self, heads: &[ChangeHash]) -> bool {
        self.level.as_deref() == Some(heads)
    }
}

#[cfg(test)]
mod tests;
