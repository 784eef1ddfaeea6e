//! Refusing a peer's changes without an endless exchange.
//!
//! A refused change that is simply dropped makes both sides talk for ever: the peer sees heads
//! without its change and tries again. So our state turns read-only: we ask for nothing, we answer
//! nothing but changes of our own, and say so in the flags where the peer understands them.

use automerge::ChangeHash;
use automerge::sync::Message;

use super::{DocSync, Phase, Role};
use crate::guard::SyncSummary;

/// Changes that were not applied, for the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedChanges {
    /// The chunks, one after the other, as they came.
    pub bytes: Vec<u8>,
    /// The hashes of the change chunks among them. Document chunks have none.
    pub hashes: Vec<ChangeHash>,
}

impl DocSync {
    /// From now on nothing from this peer is applied. Idempotent.
    pub fn turn_read_only(&mut self) {
        self.role = Role::ReadOnlyPeer;
        self.state.set_read_only(true);
        self.phase = Phase::ReadOnly;
    }

    /// The peer may write (again): it is asked to send what was refused.
    pub fn turn_full(&mut self) {
        self.role = Role::Full;
        self.state.set_read_only(false);
        self.level = None;
        self.unacknowledged.clear();
        if self.phase == Phase::ReadOnly {
            self.phase = Phase::Syncing;
        }
    }

    /// Takes the changes out of a message that may not be applied.
    pub(super) fn refuse(&mut self, message: &Message, summary: &SyncSummary) -> RefusedChanges {
        self.turn_read_only();
        let mut bytes = Vec::new();
        for chunk in message.changes.iter() {
            bytes.extend_from_slice(chunk);
        }
        RefusedChanges { bytes, hashes: summary.changes().iter().map(|c| c.hash).collect() }
    }
}
