//! The peer does not have the document, or not for us. Not final.

use automerge::ChangeHash;

use super::{DocSync, PeerStatus, Phase};

impl DocSync {
    /// The peer said `doc-unavailable`.
    pub fn peer_lacks_document(&mut self) {
        self.peer = PeerStatus::Unknown;
        self.phase = Phase::Unavailable;
        self.state.in_flight = false;
    }

    /// While unavailable we speak only when there is something the peer has not been offered.
    pub(super) fn revive_for(&mut self, our_heads: &[ChangeHash]) -> bool {
        if self.phase != Phase::Unavailable {
            return true;
        }
        let news = !our_heads.is_empty() && self.state.last_sent_heads != our_heads;
        if news {
            self.phase = Phase::Syncing;
        }
        news
    }
}
