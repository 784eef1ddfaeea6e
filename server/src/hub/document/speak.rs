//! Answers, and what is passed on. Everything said here is stored.

use std::collections::BTreeMap;

use automerge::ChangeHash;
use muster_protocol::{
    FanOut, Frame, Noted, OutgoingKind, PeerId, RemoteHeads, SharedSync, StorageId, encode_sync_shared,
};

use super::{Document, heavy};
use crate::storage::{NewQuarantined, Quarantined, StorageError};

impl Document {
    /// Answers those who said something, and tells everybody what is new since `before`.
    pub(super) fn speak(&mut self, before: &[ChangeHash], changes: Vec<(ChangeHash, Vec<u8>)>) {
        let news = changes.len();
        let mut shared = Shareable { before, changes: Some(changes), made: None };
        for peer in self.peers.values_mut() {
            let own = std::mem::take(&mut peer.authored);
            let touched = std::mem::take(&mut peer.touched);
            if peer.link.has_ended() || (news == 0 && !touched) {
                continue;
            }
            let counters = &self.shared.counters;
            if news > 0 && peer.sync.is_level_with(before) {
                let (fan_out, frame) = shared.get(&self.heads, |data| {
                    counters.shared_encodings.add(1);
                    encode_sync_shared(&self.shared.peer_id, &self.id, data)
                });
                if peer.sync.accept_fan_out(fan_out).is_some() {
                    peer.link.send(frame.for_target(&peer.link.peer_id));
                    counters.deliveries.add(news.saturating_sub(own));
                    continue;
                }
            }
            // A peer that has nothing yet gets the whole document, which takes its time to encode.
            let doc = &self.doc;
            let is_fresh = peer.sync.peer_heads().is_none_or(<[ChangeHash]>::is_empty);
            let outgoing = if is_fresh { heavy(|| peer.sync.generate(doc)) } else { peer.sync.generate(doc) };
            let Some(outgoing) = outgoing else { continue };
            counters.deliveries.add(news.saturating_sub(own));
            let (sender, target) = (self.shared.peer_id.clone(), peer.link.peer_id.clone());
            let (document, data) = (self.id, outgoing.data);
            let frame = match outgoing.kind {
                OutgoingKind::Sync => Frame::Sync { sender, target, document, data },
                OutgoingKind::Request => Frame::Request { sender, target, document, data },
            };
            peer.link.send(frame.encode());
        }
    }

    /// Tells those whose changes were refused; whoever's changes could not even be kept has to come again.
    pub(super) fn report(&self, refused: Vec<(u64, NewQuarantined)>, outcomes: Vec<Result<Quarantined, StorageError>>) {
        for ((link, entry), outcome) in refused.into_iter().zip(outcomes) {
            self.shared.counters.refused.add(1);
            let Some(peer) = self.peers.get(&link) else { continue };
            let (code, detail) = match outcome {
                Ok(Quarantined::Kept | Quarantined::KnownAlready) => (entry.code.as_str(), entry.reason.as_str()),
                Ok(Quarantined::Full) => {
                    ("quarantine_full", "the changes were refused and could not be kept aside: keep them on the device")
                }
                Err(error) => {
                    tracing::error!(link, %error, "refused changes could not be kept");
                    peer.link.end(peer.link.overload());
                    continue;
                }
            };
            tracing::info!(link, document = ?self.handle.id, code, bytes = entry.bytes.len(), "changes were refused");
            peer.link.send_refusal(&self.shared, self.id, code, detail);
        }
    }

    /// Sends something that is not kept to the other peers of the document.
    pub(super) fn relay(&self, from: u64, session: &str, count: u64, data: &[u8]) {
        let Some(author) = self.peers.get(&from).map(|peer| &peer.link.peer_id) else { return };
        for peer in self.peers.values().filter(|peer| peer.link.id != from) {
            let frame = Frame::Ephemeral {
                sender: author.clone(),
                target: peer.link.peer_id.clone(),
                document: self.id,
                session: session.to_owned(),
                count,
                data: data.to_vec(),
            };
            peer.link.send(frame.encode());
        }
    }

    /// What the peer wants to hear about; it is told at once what is known.
    pub(super) fn subscribe(&mut self, link: u64, add: &[StorageId], remove: &[StorageId]) {
        let (Some(peer), Some(subscriber)) = (self.peers.get(&link), subscriber(link)) else { return };
        for (_, heads) in self.gossip.change_subscription(&subscriber, add, remove) {
            peer.link.send(self.remote_heads(&peer.link.peer_id, heads));
        }
    }

    pub(super) fn forget_subscriptions(&mut self, link: u64) {
        if let Some(subscriber) = subscriber(link) {
            self.gossip.forget_peer(&subscriber);
        }
    }

    /// Tells subscribers what storages now have.
    pub(super) fn pass_on(&mut self, told: BTreeMap<StorageId, (u64, RemoteHeads)>) {
        for (storage, (from, heads)) in told {
            if self.gossip.note(self.id, &storage, heads.clone()) != Noted::New {
                continue;
            }
            let from = subscriber(from);
            let links = self.gossip.subscribers(&storage, from.as_ref()).filter_map(|peer| peer.as_str().parse().ok());
            for peer in links.filter_map(|link: u64| self.peers.get(&link)) {
                peer.link.send(self.remote_heads(&peer.link.peer_id, [(storage.clone(), heads.clone())].into()));
            }
        }
    }

    fn remote_heads(&self, target: &PeerId, heads: BTreeMap<StorageId, RemoteHeads>) -> Vec<u8> {
        let (sender, target) = (self.shared.peer_id.clone(), target.clone());
        Frame::RemoteHeadsChanged { sender, target, document: self.id, heads }.encode()
    }
}

/// Connections, not peers, subscribe: two devices may call themselves the same.
fn subscriber(link: u64) -> Option<PeerId> {
    PeerId::new(&link.to_string()).ok()
}

/// The message for all peers that are where the document was before the round, made when the first one needs it.
struct Shareable<'a> {
    before: &'a [ChangeHash],
    changes: Option<Vec<(ChangeHash, Vec<u8>)>>,
    made: Option<(FanOut, SharedSync)>,
}

impl Shareable<'_> {
    fn get(&mut self, heads: &[ChangeHash], encode: impl FnOnce(&[u8]) -> SharedSync) -> &(FanOut, SharedSync) {
        let changes = &mut self.changes;
        let before = self.before;
        self.made.get_or_insert_with(|| {
            let fan_out = FanOut::from_changes(before, heads, changes.take().unwrap_or_default());
            let frame = encode(fan_out.data());
            (fan_out, frame)
        })
    }
}
