//! Who is charged for a document's work.

use std::time::Duration;

use super::{Document, Message};

impl Message {
    /// The connection that this is work for, and how many bytes of it.
    pub(super) fn work_for(&self) -> Option<(u64, usize)> {
        match self {
            Self::Sync { link, incoming } => Some((*link, incoming.data.len())),
            _ => None,
        }
    }
}

impl Document {
    /// Charges one connection's device.
    pub(super) fn charge(&self, link: u64, took: Duration) {
        if let Some(peer) = self.peers.get(&link) {
            peer.link.share.worked(took);
        }
    }

    /// Charges the devices of a round for what was done with all its messages at once, each by what it sent.
    pub(super) fn charge_together(&self, round: &[Message], took: Duration) {
        let all: usize = round.iter().filter_map(Message::work_for).map(|(_, bytes)| bytes).sum();
        let parts = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        for (link, bytes) in round.iter().filter_map(Message::work_for).filter(|_| all > 0) {
            self.charge(link, took.mul_f64(f64::from(parts(bytes)) / f64::from(parts(all))));
        }
    }
}
