//! Answers, and what is passed on. Everything said here is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use automerge::{Automerge, ChangeHash};
use muster_protocol::{FanOut, Frame, Noted, OutgoingKind, PeerId, RemoteHeads, StorageId, Whole, encode_sync_shared};

use super::flush::Refused;
use super::{Document, heavy};
use crate::hub::link::SharedFrame;
use crate::storage::{Quarantined, StorageError};

/// For so many levels a round makes a message; peers at others get theirs with the next round.
const MAX_LEVELS: usize = 16;

impl Document {
    /// Answers those who said something, and tells everybody what is new since `before`. Whoever has not read yet what it
    /// was told is owed the rest: it gets more at once, later.
    pub(super) fn speak(&mut self, before: &[ChangeHash], changes: Vec<(ChangeHash, Vec<u8>)>) {
        let is_news = !changes.is_empty();
        let mut shared = Shared::new(before, &self.heads, changes);
        self.owing = false;
        for peer in self.peers.values_mut() {
            if peer.link.has_ended() || !(is_news || peer.touched || peer.owed) {
                continue;
            }
            let level = peer.sync.level();
            let is_full = self.shared.outbound.is_full();
            // A peer that has everything gets a few bytes at most.
            let has_message = level.map_or(!is_full, |level| level == self.heads || shared.has_message(level, is_full));
            peer.owed = peer.link.is_behind() || !has_message;
            if peer.owed {
                self.owing = true;
                continue;
            }
            peer.touched = false;
            let own = std::mem::take(&mut peer.authored);
            let counters = &self.shared.counters;
            let for_many = level.filter(|level| *level != self.heads).map(|level| {
                shared.from(level, &self.doc, |data| {
                    counters.shared_encodings.add(1);
                    self.shared.outbound.share(encode_sync_shared(&self.shared.peer_id, &self.id, data))
                })
            });
            if let Some((fan_out, frame)) = for_many
                && peer.sync.accept_fan_out(&fan_out).is_some()
            {
                peer.link.send_shared(&frame);
                counters.deliveries.add(fan_out.changes().saturating_sub(own));
                continue;
            }
            let doc = &self.doc;
            if peer.sync.wants_whole(&self.genesis) {
                let (whole, frame) = self.whole.get_or_insert_with(|| {
                    counters.shared_encodings.add(1);
                    let whole = heavy(|| Whole::new(doc));
                    let frame = encode_sync_shared(&self.shared.peer_id, &self.id, whole.data());
                    (whole, self.shared.outbound.share(frame))
                });
                peer.sync.accept_whole(whole);
                peer.link.send_shared(frame);
                counters.deliveries.add(shared.news.saturating_sub(own));
                continue;
            }
            // A peer that has nothing yet gets the whole document, which takes its time to encode.
            let is_fresh = peer.sync.peer_heads().is_none_or(<[ChangeHash]>::is_empty);
            let outgoing = if is_fresh { heavy(|| peer.sync.generate(doc)) } else { peer.sync.generate(doc) };
            let Some(outgoing) = outgoing else { continue };
            counters.deliveries.add(shared.news.saturating_sub(own));
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
    pub(super) fn report(&self, refused: Vec<Refused>, outcomes: Vec<Result<Quarantined, StorageError>>) {
        for (Refused { link, entry, changes }, outcome) in refused.into_iter().zip(outcomes) {
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
            peer.link.send_refusal(&self.shared, self.id, (code, detail), changes);
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

/// A message for all peers at the same level.
type ForMany = (Arc<FanOut>, Arc<SharedFrame>);

/// The messages of a round, one for each level at which peers are, made when the first peer needs it.
struct Shared<'a> {
    before: &'a [ChangeHash],
    heads: &'a [ChangeHash],
    /// How many changes the round brought.
    news: usize,
    /// What lies between `before` and `heads`.
    changes: Option<Vec<(ChangeHash, Vec<u8>)>>,
    made: Vec<ForMany>,
}

impl<'a> Shared<'a> {
    fn new(before: &'a [ChangeHash], heads: &'a [ChangeHash], changes: Vec<(ChangeHash, Vec<u8>)>) -> Self {
        Self { before, heads, news: changes.len(), changes: Some(changes), made: Vec::new() }
    }

    /// Whether there is a message for those at `level`, or may be one more: each costs a walk over what its peers lack, and
    /// memory, of which there may be no more.
    fn has_message(&self, level: &[ChangeHash], is_full: bool) -> bool {
        let may_make = !is_full && self.made.len() < MAX_LEVELS;
        may_make || self.made.iter().any(|(fan_out, _)| fan_out.from() == level)
    }

    /// The message for those who have everything up to `level`.
    fn from(
        &mut self,
        level: &[ChangeHash],
        doc: &Automerge,
        encode: impl FnOnce(&[u8]) -> Arc<SharedFrame>,
    ) -> ForMany {
        if let Some(made) = self.made.iter().find(|(fan_out, _)| fan_out.from() == level) {
            return made.clone();
        }
        let at_hand = if level == self.before { self.changes.take() } else { None };
        let fan_out = match at_hand {
            Some(changes) => FanOut::from_changes(level, self.heads, changes),
            None => FanOut::new(doc, level, self.heads),
        };
        let frame = encode(fan_out.data());
        let made = (Arc::new(fan_out), frame);
        self.made.push(made.clone());
        made
    }
}
