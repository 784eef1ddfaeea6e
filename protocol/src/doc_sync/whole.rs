//! The whole document, encoded once for all peers that have nothing of it yet.
//!
//! A crew that enrols before the doors open asks for the same documents within a minute. Automerge saves the whole document
//! anew for each peer that asks (0.12 `src/sync.rs`, `generate_sync_message`): 50 ms for 5,000 attendees, and most of what a
//! join costs a server.

use automerge::sync::{BloomFilter, Capability, ChunkList, Have, Message, MessageVersion};
use automerge::{Automerge, ChangeHash, SaveOptions};

use super::{DocSync, Reset};

/// A message that leads every peer without history to a document's heads.
#[derive(Clone, Debug)]
pub struct Whole {
    heads: Vec<ChangeHash>,
    data: Vec<u8>,
}

impl Whole {
    /// Encodes all of the document, in the format (V2) of peers that announced it.
    #[must_use]
    pub fn new(doc: &Automerge) -> Self {
        let heads = doc.get_heads();
        // What waits for changes that nobody has brought yet is nobody's business.
        let options = SaveOptions { retain_orphans: false, ..SaveOptions::default() };
        let message = Message {
            heads: heads.clone(),
            need: Vec::new(),
            have: vec![since(&heads)],
            changes: ChunkList::from(vec![doc.save_with_options(options)]),
            // Without flags the receiver does not learn that we read this format, and uploads plain lists of changes.
            flags: None,
            version: MessageVersion::V2,
        };
        Self { heads, data: message.encode() }
    }

    /// The sync message, for [`encode_sync_shared`](crate::encode_sync_shared).
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The heads that it leads to.
    #[must_use]
    pub fn heads(&self) -> &[ChangeHash] {
        &self.heads
    }
}

/// "We have what you sent up to here": all that the peer has beyond is news to us.
fn since(heads: &[ChangeHash]) -> Have {
    Have { last_sync: heads.to_vec(), bloom: BloomFilter::from_hashes(std::iter::empty::<&ChangeHash>()) }
}

impl DocSync {
    /// Whether the peer has nothing of the document but perhaps its `genesis`, has not been sent anything yet, and would
    /// get all of it with the next message: then a [`Whole`] serves it.
    #[must_use]
    pub fn wants_whole(&self, genesis: &ChangeHash) -> bool {
        let state = &self.state;
        let has_nothing = match state.their_heads.as_deref() {
            Some([]) => true,
            Some([only]) => only == genesis,
            _ => false,
        };
        let reads_it = state.their_capabilities.as_ref().is_some_and(|all| all.contains(&Capability::MessageV2));
        let needs_nothing_else = state.their_have.is_some() && state.their_need.as_ref().is_some_and(Vec::is_empty);
        has_nothing
            && reads_it
            && needs_nothing_else
            && self.options.plain_uploads
            && self.level.is_none()
            && self.reset == Reset::NotNeeded
            && !(state.needs_reset || state.read_only || state.peer_read_only)
    }

    /// Takes the shared message for this peer, which [`wants`](Self::wants_whole) it: it must be sent (`sync`).
    pub fn accept_whole<'w>(&mut self, whole: &'w Whole) -> &'w [u8] {
        let heads = whole.heads();
        // The phase moves on as with a message of its own; it has heads, so it is never a request.
        let _ = self.outgoing_kind(heads);
        self.forget_sent();
        let state = &mut self.state;
        state.have_responded = true;
        state.last_sent_heads = heads.to_vec();
        state.their_have = Some(vec![since(heads)]);
        state.their_need = Some(Vec::new());
        state.in_flight = true;
        self.level = Some(heads.to_vec());
        whole.data()
    }
}
