//! Who has the document, who wants it.
//!
//! automerge-repo asks with `request` instead of `sync` when it holds nothing, shares nothing with
//! the peer and does not know whether the peer has the document. A peer that lacks it too answers
//! `doc-unavailable`, once per request.

use automerge::{Automerge, ChangeHash};

use super::{DocSync, OutgoingKind, PeerStatus, Phase};

impl DocSync {
    /// The peer's message came as a `request`: it wants to be told when we lack the document.
    /// To be called before [`receive`](Self::receive).
    pub fn peer_requests(&mut self) {
        self.peer = PeerStatus::Wants;
    }

    /// Whether to send `doc-unavailable` now: the peer asked, we hold nothing and `others_may_have_it`
    /// is false. True once per request.
    pub fn take_unavailable_answer(&mut self, doc: &Automerge, others_may_have_it: bool) -> bool {
        let answer = self.peer == PeerStatus::Wants && !others_may_have_it && doc.get_heads().is_empty();
        if answer {
            self.peer = PeerStatus::Unknown;
        }
        answer
    }

    /// Any message with heads shows that its sender has the document.
    pub(super) fn note_peer_heads(&mut self, heads: &[ChangeHash]) {
        if !heads.is_empty() {
            self.peer = PeerStatus::Has;
        }
        if matches!(self.phase, Phase::Requesting | Phase::Unavailable) {
            self.phase = Phase::Syncing;
        }
    }

    /// The frame for the next message.
    pub(super) fn outgoing_kind(&mut self, our_heads: &[ChangeHash]) -> OutgoingKind {
        let asks = our_heads.is_empty() && self.state.shared_heads.is_empty() && self.peer == PeerStatus::Unknown;
        if asks {
            return OutgoingKind::Request;
        }
        if self.phase == Phase::Requesting {
            self.phase = Phase::Syncing;
        }
        OutgoingKind::Sync
    }
}
