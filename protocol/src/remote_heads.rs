//! Who has what, beyond the peers we are connected with.
//!
//! automerge-repo gossips the heads that storages are known to have: a phone subscribes to the
//! storage id of another device and learns through the server what that one has. This is the
//! bookkeeping for one node; it sends nothing by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::frame::RemoteHeads;
use crate::{DocumentId, PeerId, StorageId};

/// How much is remembered. What exceeds it is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteHeadsLimits {
    /// Storages one peer may subscribe to.
    pub subscriptions_per_peer: usize,
    /// Pairs of document and storage.
    pub entries: usize,
    /// Heads of one pair.
    pub heads: usize,
}

impl Default for RemoteHeadsLimits {
    /// 256 subscriptions a peer, 100,000 entries, 64 heads each.
    fn default() -> Self {
        Self { subscriptions_per_peer: 256, entries: 100_000, heads: 64 }
    }
}

/// Subscriptions of peers, and the heads known per document and storage.
#[derive(Debug, Default)]
pub struct RemoteHeadsBook {
    limits: RemoteHeadsLimits,
    subscriptions: HashMap<PeerId, BTreeSet<StorageId>>,
    known: HashMap<DocumentId, BTreeMap<StorageId, RemoteHeads>>,
    entries: usize,
}

/// Whether news were news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// Newer than what was known: pass it on to the subscribers.
    New,
    /// Known already, or older.
    Old,
    /// Not taken: a limit is reached.
    Full,
}

impl RemoteHeadsBook {
    /// An empty book.
    #[must_use]
    pub fn new(limits: RemoteHeadsLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A peer changes what it wants to hear about. Returns what was already known about the storages
    /// it added, to be sent to it now.
    pub fn change_subscription(
        &mut self,
        peer: &PeerId,
        add: &[StorageId],
        remove: &[StorageId],
    ) -> Vec<(DocumentId, BTreeMap<StorageId, RemoteHeads>)> {
        let wanted = self.subscriptions.entry(peer.clone()).or_default();
        for storage in remove {
            wanted.remove(storage);
        }
        let mut added = BTreeSet::new();
        for storage in add {
            if wanted.len() < self.limits.subscriptions_per_peer && wanted.insert(storage.clone()) {
                added.insert(storage);
            }
        }
        let about = |known: &BTreeMap<StorageId, RemoteHeads>| {
            let matching = known.iter().filter(|(storage, _)| added.contains(storage));
            matching.map(|(storage, heads)| (storage.clone(), heads.clone())).collect::<BTreeMap<_, _>>()
        };
        let all = self.known.iter().map(|(document, known)| (*document, about(known)));
        all.filter(|(_, heads)| !heads.is_empty()).collect()
    }

    /// The peer is gone: its subscriptions too.
    pub fn forget_peer(&mut self, peer: &PeerId) {
        self.subscriptions.remove(peer);
    }

    /// The document is gone.
    pub fn forget_document(&mut self, document: &DocumentId) {
        let gone = self.known.remove(document).map_or(0, |known| known.len());
        self.entries = self.entries.saturating_sub(gone);
    }

    /// A storage is known to have these heads. The later timestamp wins.
    pub fn note(&mut self, document: DocumentId, storage: &StorageId, heads: RemoteHeads) -> Noted {
        if heads.heads.len() > self.limits.heads {
            return Noted::Full;
        }
        let full = self.entries >= self.limits.entries;
        if full && !self.known.get(&document).is_some_and(|known| known.contains_key(storage)) {
            return Noted::Full;
        }
        let known = self.known.entry(document).or_default();
        match known.get_mut(storage) {
            Some(old) if heads.timestamp <= old.timestamp || heads.heads == old.heads => Noted::Old,
            Some(old) => {
                *old = heads;
                Noted::New
            }
            None => {
                known.insert(storage.clone(), heads);
                self.entries = self.entries.saturating_add(1);
                Noted::New
            }
        }
    }

    /// What a storage is known to have of a document.
    #[must_use]
    pub fn heads_of(&self, document: &DocumentId, storage: &StorageId) -> Option<&RemoteHeads> {
        self.known.get(document)?.get(storage)
    }

    /// Peers that want to hear about a storage, except the one that told us.
    pub fn subscribers<'a>(
        &'a self,
        storage: &'a StorageId,
        except: Option<&'a PeerId>,
    ) -> impl Iterator<Item = &'a PeerId> {
        let interested = self.subscriptions.iter().filter(move |(_, wanted)| wanted.contains(storage));
        interested.map(|(peer, _)| peer).filter(move |peer| Some(*peer) != except)
    }

    /// All storages that anybody wants to hear about: what to subscribe to upstream.
    #[must_use]
    pub fn wanted_storages(&self) -> BTreeSet<StorageId> {
        self.subscriptions.values().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use automerge::ChangeHash;

    fn heads(n: u8, at_ms: i64) -> RemoteHeads {
        RemoteHeads { heads: vec![ChangeHash([n; 32])], timestamp: Timestamp::from_ms(at_ms) }
    }

    #[test]
    fn subscribers_hear_what_is_new_and_newcomers_what_is_known() {
        let (gate, hall) = (PeerId::new("gate").unwrap(), PeerId::new("hall").unwrap());
        let storage = StorageId::new("phone-1").unwrap();
        let document = DocumentId::from_bytes([1; 16]);
        let mut book = RemoteHeadsBook::new(RemoteHeadsLimits::default());
        assert_eq!(book.change_subscription(&gate, std::slice::from_ref(&storage), &[]), []);
        assert_eq!(book.note(document, &storage, heads(1, 10)), Noted::New);
        assert_eq!(book.note(document, &storage, heads(2, 5)), Noted::Old);
        assert_eq!(book.note(document, &storage, heads(1, 20)), Noted::Old);
        assert_eq!(book.note(document, &storage, heads(2, 20)), Noted::New);
        assert_eq!(book.subscribers(&storage, None).collect::<Vec<_>>(), [&gate]);
        assert_eq!(book.subscribers(&storage, Some(&gate)).count(), 0);
        let known = book.change_subscription(&hall, std::slice::from_ref(&storage), &[]);
        assert_eq!(known, [(document, [(storage.clone(), heads(2, 20))].into())]);
        book.change_subscription(&hall, &[], std::slice::from_ref(&storage));
        book.forget_peer(&gate);
        assert!(book.wanted_storages().is_empty());
    }

    #[test]
    fn the_book_is_bounded() {
        let limits = RemoteHeadsLimits { subscriptions_per_peer: 2, entries: 2, heads: 1 };
        let mut book = RemoteHeadsBook::new(limits);
        let storages: Vec<StorageId> = ["a", "b", "c"].iter().map(|s| StorageId::new(s).unwrap()).collect();
        book.change_subscription(&PeerId::new("p").unwrap(), &storages, &[]);
        assert_eq!(book.wanted_storages().len(), 2);
        let document = DocumentId::from_bytes([1; 16]);
        let noted: Vec<Noted> = storages.iter().map(|s| book.note(document, s, heads(1, 1))).collect();
        assert_eq!(noted, [Noted::New, Noted::New, Noted::Full]);
        let many = RemoteHeads { heads: vec![ChangeHash([0; 32]); 2], timestamp: Timestamp::from_ms(9) };
        assert_eq!(book.note(document, &storages[0], many), Noted::Full);
        book.forget_document(&document);
        assert_eq!(book.note(document, &storages[2], heads(1, 1)), Noted::New);
    }
}
