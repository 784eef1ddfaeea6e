//! One encoding for many peers.
//!
//! In a tick, a hub takes in changes from several phones and tells everybody. Peers that have been
//! sent everything up to the heads before the tick all get the same message: it is encoded once.
//! A peer that wrote some of the changes itself gets them again, which is harmless and much cheaper
//! than a message of its own, and is its acknowledgement.

use std::sync::Arc;

use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageVersion};
use automerge::{Automerge, ChangeHash};

use super::{DocSync, Reset};

/// Shared messages a peer may leave unacknowledged before it gets messages of its own again.
const MAX_UNACKNOWLEDGED: usize = 256;

/// What was sent: kept per peer as a reference until it is acknowledged.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) to: Vec<ChangeHash>,
    pub(super) hashes: Vec<ChangeHash>,
}

/// A message that leads every peer from one set of heads to another.
#[derive(Clone, Debug)]
pub struct FanOut {
    from: Vec<ChangeHash>,
    data: Vec<u8>,
    batch: Arc<Batch>,
}

impl FanOut {
    /// Encodes what lies between two sets of heads of `doc`, which must both be sorted, `to` being
    /// the current ones.
    #[must_use]
    pub fn new(doc: &Automerge, from: &[ChangeHash], to: &[ChangeHash]) -> Self {
        let changes = doc.get_changes(from);
        let parts = changes.iter().map(|change| (change.hash(), change.raw_bytes().to_vec()));
        Self::from_changes(from, to, parts.collect())
    }

    /// Encodes changes which the owner has at hand, for example because they came in during the
    /// tick: all changes between `from` and `to`, dependencies first, each a whole chunk.
    #[must_use]
    pub fn from_changes(from: &[ChangeHash], to: &[ChangeHash], changes: Vec<(ChangeHash, Vec<u8>)>) -> Self {
        let (hashes, chunks): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        let message = Message {
            heads: to.to_vec(),
            need: Vec::new(),
            have: vec![Have { last_sync: from.to_vec(), bloom: BloomFilter::from_hashes(hashes.iter()) }],
            changes: ChunkList::from(chunks),
            // Without flags the receiver keeps what it knows of us.
            flags: None,
            version: MessageVersion::V1,
        };
        let batch = Arc::new(Batch { to: to.to_vec(), hashes });
        Self { from: from.to_vec(), data: message.encode(), batch }
    }

    /// The sync message, for [`encode_sync_shared`](crate::encode_sync_shared).
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// How many changes it carries.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.batch.hashes.len()
    }

    /// The heads it starts from.
    #[must_use]
    pub fn from(&self) -> &[ChangeHash] {
        &self.from
    }

    /// The heads it leads to.
    #[must_use]
    pub fn to(&self) -> &[ChangeHash] {
        &self.batch.to
    }
}

impl DocSync {
    /// Takes the shared message for this peer, if it fits: then it must be sent (`sync`). `None`
    /// when the peer is elsewhere: use [`generate`](Self::generate).
    pub fn accept_fan_out<'f>(&mut self, fan_out: &'f FanOut) -> Option<&'f [u8]> {
        let fits = self.is_level_with(&fan_out.from)
            && self.reset == Reset::NotNeeded
            && self.state.have_responded
            && !self.state.needs_reset
            && !self.state.peer_read_only
            && self.unacknowledged.len() < MAX_UNACKNOWLEDGED;
        if !fits {
            return None;
        }
        let to = &fan_out.batch.to;
        self.state.last_sent_heads.clone_from(to);
        self.state.in_flight = true;
        self.level = Some(to.clone());
        self.unacknowledged.push_back(Arc::clone(&fan_out.batch));
        Some(&fan_out.data)
    }

    /// Strikes off what the peer's heads acknowledge. True when later ones are still on their way.
    pub(super) fn acknowledge_batches(&mut self, heads: &[ChangeHash]) -> bool {
        if let Some(at) = self.unacknowledged.iter().position(|batch| batch.to == heads) {
            self.unacknowledged.drain(..=at);
            return !self.unacknowledged.is_empty();
        }
        false
    }
}
