//! Storing what a round brought, and speaking only then.

use automerge::transaction::CommitOptions;
use automerge::{ChangeHash, SaveOptions};
use std::sync::atomic::Ordering;
use std::time::Instant;

use std::collections::BTreeMap;

use muster_protocol::{RemoteHeads, StorageId};

use super::{Document, heavy};
use crate::hub::HubError;
use crate::hub::catalog::Catalog;
use crate::storage::{DocumentWrite, NewQuarantined, Quarantined, StorageError, SyncStateKey};

/// With more heads than this after a round, they are joined.
const MAX_HEADS: usize = 4;

/// What the store has of the document.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) exists: bool,
    pub(super) snapshot_bytes: usize,
    pub(super) change_bytes: usize,
    pub(super) last_seq: i64,
}

impl Stored {
    pub(super) const fn bytes(&self) -> usize {
        self.snapshot_bytes.saturating_add(self.change_bytes)
    }
}

/// Refused changes of one message.
pub(super) struct Refused {
    /// The connection they came from.
    pub(super) link: u64,
    pub(super) entry: NewQuarantined,
    /// Those of them that the peer is told of.
    pub(super) changes: Vec<ChangeHash>,
}

/// What a round brought.
#[derive(Default)]
pub(super) struct Tick {
    /// New changes, dependencies first.
    changes: Vec<(ChangeHash, Vec<u8>)>,
    bytes: usize,
    began: Option<Instant>,
    /// Refused changes.
    pub(super) refused: Vec<Refused>,
    /// Sync states of connections that have gone.
    pub(super) sync_states: Vec<(SyncStateKey, Vec<u8>)>,
    /// What storages are now known to have, with the connection that said so.
    pub(super) told: BTreeMap<StorageId, (u64, RemoteHeads)>,
}

impl Tick {
    pub(super) fn add(&mut self, changes: impl IntoIterator<Item = (ChangeHash, Vec<u8>)>) {
        for (hash, bytes) in changes {
            self.began.get_or_insert_with(Instant::now);
            self.bytes = self.bytes.saturating_add(bytes.len());
            self.changes.push((hash, bytes));
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Document {
    /// Stores what the round brought, then answers and passes on.
    ///
    /// # Errors
    /// If it cannot be stored: then what is in memory is ahead of the disk, nothing was said about it, and the document
    /// has to be loaded anew.
    pub(super) async fn flush(&mut self) -> Result<(), HubError> {
        self.reap();
        self.join_heads();
        let tick = std::mem::take(&mut self.tick);
        let outcomes = self.store(&tick).await?;
        let before = self.heads.clone();
        if !tick.changes.is_empty() {
            self.heads = self.doc.get_heads();
            self.whole = None;
            self.ledger.refresh(&self.doc);
            self.handle.stored_changes.store(self.ledger.size().stored_changes, Ordering::Release);
            let kind = self.handle.document.kind;
            if Catalog::is_told_by(kind) {
                self.shared.catalog_of(self.handle.event).learn(kind, &self.doc);
            }
        }
        self.speak(&before, tick.changes);
        self.report(tick.refused, outcomes);
        self.pass_on(tick.told);
        self.compact(self.shared.config.compact_bytes).await;
        Ok(())
    }

    /// Joins the heads of what many phones wrote at once in a change of the server's own, which says nothing else.
    ///
    /// Every change names all heads it builds on, and every message its sender's: with 75 phones writing into a round, each of
    /// their next changes would carry 2.4 KB of hashes for a fact of 300 bytes, and go to everybody so.
    fn join_heads(&mut self) {
        let heads = self.doc.get_heads();
        if self.tick.bytes() == 0 || heads.len() <= MAX_HEADS {
            return;
        }
        let now_s = self.shared.now().ms().div_euclid(1_000);
        self.ledger.refresh(&self.doc);
        self.doc.empty_commit(CommitOptions::default().with_time(now_s));
        let Some(joined) = self.doc.get_last_local_change() else { return };
        self.ledger.expect(&joined);
        self.shared.counters.joins.add(1_usize);
        self.tick.add([(joined.hash(), joined.raw_bytes().to_vec())]);
    }

    /// Forgets connections that have ended.
    fn reap(&mut self) {
        let ended: Vec<u64> =
            self.peers.iter().filter(|(_, peer)| peer.link.has_ended()).map(|(link, _)| *link).collect();
        for link in ended {
            self.detach(link);
        }
    }

    /// One commit, shared with whatever else is written at the time. Says what became of refused changes.
    async fn store(&mut self, tick: &Tick) -> Result<Vec<Result<Quarantined, StorageError>>, HubError> {
        let store = &self.shared.store;
        let write = (!tick.changes.is_empty()).then(|| self.document_write(tick));
        let bytes = write.as_ref().map_or(0, |write| write.bytes.len());
        let append = async {
            match write {
                Some(write) => store.append(write).await.map(Some),
                None => Ok(None),
            }
        };
        let quarantine =
            futures_util::future::join_all(tick.refused.iter().map(|refused| store.quarantine(refused.entry.clone())));
        let states = async {
            if !tick.sync_states.is_empty() {
                let max = self.shared.config.sync_states_per_device;
                let put = store.put_sync_states(tick.sync_states.clone(), self.shared.now(), max);
                if let Err(error) = put.await {
                    // Without them the next connection needs a round trip more.
                    tracing::warn!(%error, "sync states were not kept");
                }
            }
        };
        let (appended, outcomes, ()) = tokio::join!(append, quarantine, states);
        if let Some(seq) = appended? {
            self.stored.exists = true;
            self.stored.last_seq = seq;
            self.stored.change_bytes = self.stored.change_bytes.saturating_add(bytes);
            self.fill.add(bytes);
            let counters = &self.shared.counters;
            counters.changes.add(tick.changes.len());
            counters.commits.add(1);
            if let Some(began) = tick.began {
                counters.commit_duration.record(began.elapsed());
            }
        }
        Ok(outcomes)
    }

    /// The new changes; for a document that was never stored, its genesis too.
    fn document_write(&self, tick: &Tick) -> DocumentWrite {
        let bytes = if self.stored.exists {
            tick.changes.iter().flat_map(|(_, bytes)| bytes).copied().collect()
        } else {
            self.doc.get_changes(&[]).iter().flat_map(|change| change.raw_bytes().to_vec()).collect()
        };
        let (event, document, epoch) = (self.handle.event, self.handle.document, self.handle.epoch);
        DocumentWrite { event, document, epoch, bytes, heads: self.doc.get_heads() }
    }

    /// Puts a snapshot in the place of the changes, if they are at least `from` bytes and outweigh the last snapshot.
    pub(super) async fn compact(&mut self, from: usize) {
        let due = self.stored.change_bytes >= from.max(self.compact_from)
            && self.stored.change_bytes > self.stored.snapshot_bytes;
        if !due {
            return;
        }
        // Changes that wait for others are not acknowledged, so their senders send them again.
        let options = SaveOptions { retain_orphans: false, ..SaveOptions::default() };
        let snapshot = heavy(|| self.doc.save_with_options(options));
        let snapshot_bytes = snapshot.len();
        match self.shared.store.compact(self.handle.id, snapshot, self.stored.last_seq).await {
            Ok(last_seq) => self.stored = Stored { exists: true, snapshot_bytes, change_bytes: 0, last_seq },
            Err(error) => {
                tracing::warn!(document = ?self.handle.id, %error, "a snapshot could not be stored");
                let more = self.shared.config.compact_bytes;
                self.compact_from = self.stored.change_bytes.saturating_add(more);
            }
        }
    }
}
