//! Taking in what connections send: applied in memory, not yet stored, not yet answered.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use automerge::ChangeHash;
use muster_protocol::guard::SyncSummary;
use muster_protocol::{DocSync, DocSyncOptions, ProtocolCode, Received, RemoteHeads, Role};

use super::flush::Refused;
use super::{Attach, Attached, Document, Incoming};
use crate::hub::admission::{Decision, RefusedChange, Upload, with_dependants};
use crate::hub::authors::Known;
use crate::hub::{Ending, wire};
use crate::storage::{NewQuarantined, SyncStateKey};

/// Of so many refused changes a peer is told in one notice; it finds those that depend on them itself.
const MAX_TOLD: usize = 512;

impl Document {
    pub(super) fn attach(&mut self, attach: Attach) {
        let Attach { link, access, saved, subscriptions, speak_first } = attach;
        let role = if access.may_write() { Role::Full } else { Role::ReadOnlyPeer };
        let options = DocSyncOptions { plain_uploads: !link.principal.may_import() };
        let resumed = saved.as_deref().map(|saved| DocSync::resume(role, options, saved));
        // A sync state that cannot be read is worth nothing; without it the peers need a round trip more.
        let sync = resumed.and_then(Result::ok).unwrap_or_else(|| DocSync::new(role, options));
        let id = link.id;
        let peer = Attached {
            link,
            access,
            role,
            sync,
            touched: speak_first,
            owed: false,
            authored: 0,
            refusal: None,
            untold: (Vec::new(), None),
            saved,
        };
        if self.peers.insert(id, peer).is_none() {
            self.shared.counters.attachments.add(1);
        }
        self.subscribe(id, &subscriptions, &[]);
    }

    /// Forgets a connection, and keeps what it is known to have.
    pub(super) fn detach(&mut self, link: u64) {
        let Some(peer) = self.peers.remove(&link) else { return };
        self.shared.counters.attachments.add(-1);
        self.forget_subscriptions(link);
        let Some(storage) = &peer.link.storage else { return };
        let state = peer.sync.encode_state();
        if peer.saved.as_ref() != Some(&state) {
            let device = peer.link.principal.device;
            let key = SyncStateKey { device, storage_id: storage.as_str().to_owned(), document: self.handle.id };
            self.tick.sync_states.push((key, state));
        }
    }

    pub(super) fn take_sync(&mut self, link: u64, incoming: Incoming) {
        let Incoming { summary, data, is_request, applied, authors, room } = incoming;
        let Some(peer) = self.peers.get_mut(&link) else { return };
        if peer.link.has_ended() {
            return;
        }
        peer.touched = true;
        if is_request {
            peer.sync.peer_requests();
        }
        self.handle.culprit.store(link, Ordering::Release);
        let had_orphans = self.ledger.pending() > 0;
        let mut without = HashSet::new();
        if summary.has_changes() && !applied {
            let ending = match self.judge(link, (&summary, &data), &authors) {
                Decision::Refuse { code, reason, changes } => {
                    self.refuse(link, (code, reason), changes);
                    None
                }
                Decision::Admit(_) => self.ledger.admit(&self.doc, summary.changes()).err(),
                Decision::RefuseSome(refused) => {
                    without = with_dependants(&summary, &refused);
                    let rest = summary.changes().iter().filter(|change| !without.contains(&change.hash));
                    let ending = self.ledger.admit(&self.doc, rest).err();
                    self.note_refused(link, &refused);
                    ending
                }
            };
            if let Some(error) = ending {
                self.shared.counters.guarded.add(1);
                self.end_peer(link, error.code(), error.to_string());
                return;
            }
        }
        let Some(peer) = self.peers.get_mut(&link) else { return };
        match peer.sync.receive_judged(&mut self.doc, (&summary, &data), &without) {
            Ok(received) => {
                let is_plain = !had_orphans && self.ledger.pending() == 0 && !summary.has_document_chunk();
                self.note(link, received, &summary, &data, is_plain);
            }
            Err(error) => self.end_peer(link, error.code(), error.to_string()),
        }
        self.handle.culprit.store(0, Ordering::Release);
        drop(room);
    }

    /// Whether changes of this peer are let in. What was refused once stays refused on this connection.
    pub(super) fn judge(&mut self, link: u64, (summary, data): (&SyncSummary, &[u8]), authors: &Known) -> Decision {
        // A message before this one of the same round may have brought what this one builds on.
        self.ledger.refresh(&self.doc);
        let Some(peer) = self.peers.get(&link) else {
            return Decision::refuse(ProtocolCode::ReadOnly);
        };
        if let Some((code, reason)) = peer.refusal {
            return Decision::Refuse { code, reason, changes: Vec::new() };
        }
        let grown = self.stored.bytes().saturating_add(self.tick.bytes()).saturating_add(data.len());
        if grown > self.shared.config.max_document_bytes {
            let reason = "the document is full: its changes were kept aside; tell a coordinator";
            return Decision::Refuse { code: ProtocolCode::ReadOnly, reason, changes: Vec::new() };
        }
        if self.fill.is_full(self.tick.bytes().saturating_add(data.len()), self.shared.config.max_event_bytes) {
            let reason = "the event is full: changes were kept aside; tell a coordinator";
            return Decision::Refuse { code: ProtocolCode::ReadOnly, reason, changes: Vec::new() };
        }
        let upload = Upload {
            principal: &peer.link.principal,
            is_stock: peer.link.is_stock,
            document: self.handle.document,
            access: peer.access,
            doc: &self.doc,
            ledger: &self.ledger,
            summary,
            data,
            authors,
            server: self.shared.device,
        };
        self.shared.surroundings.admission.check(&upload, &mut self.awaited)
    }

    /// From now on nothing more is taken from this peer, once the rest of its message is.
    fn note_refused(&mut self, link: u64, refused: &[RefusedChange]) {
        let (Some(peer), Some(first)) = (self.peers.get_mut(&link), refused.first()) else { return };
        peer.refusal = Some((first.code, first.code.remedy()));
        peer.untold = (refused.iter().map(|change| change.hash).take(MAX_TOLD).collect(), first.author);
    }

    fn refuse(&mut self, link: u64, why: (ProtocolCode, &'static str), changes: Vec<ChangeHash>) {
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.sync.turn_read_only();
            peer.refusal = Some(why);
            peer.untold = (changes.into_iter().take(MAX_TOLD).collect(), None);
        }
    }

    /// Ends a connection that broke a limit. Only that one: the document is as it was.
    fn end_peer(&mut self, link: u64, code: ProtocolCode, detail: String) {
        self.handle.culprit.store(0, Ordering::Release);
        if let Some(peer) = self.peers.get(&link) {
            tracing::info!(link, document = ?self.handle.id, %code, "a sync message was refused");
            peer.link.end(Ending::Protocol { code, detail });
        }
    }

    /// Notes for this round what a message brought.
    fn note(&mut self, link: u64, received: Received, summary: &SyncSummary, data: &[u8], is_plain: bool) {
        let Some(peer) = self.peers.get_mut(&link) else { return };
        if !received.dropped.is_empty() {
            let dropped = received.dropped.len();
            tracing::warn!(link, dropped, document = ?self.handle.id, "Automerge dropped invalid changes");
        }
        if received.has_new_heads() {
            let plain = is_plain.then(|| plain_changes(summary, data, &received.applied)).flatten();
            let changes = plain.unwrap_or_else(|| {
                let changes = self.doc.get_changes(&received.before);
                changes.into_iter().map(|change| (change.hash(), change.raw_bytes().to_vec())).collect()
            });
            peer.authored = peer.authored.saturating_add(changes.len());
            self.tick.add(changes);
        }
        if let Some(refused) = received.refused {
            let (code, reason) = *peer.refusal.get_or_insert((ProtocolCode::ReadOnly, ProtocolCode::ReadOnly.remedy()));
            let (changes, author) = std::mem::take(&mut peer.untold);
            let entry = NewQuarantined {
                event: self.handle.event,
                document: self.handle.id,
                device: peer.link.principal.device,
                author,
                code: code.as_str().to_owned(),
                reason: reason.to_owned(),
                bytes: refused.bytes,
                received_at: self.shared.now(),
            };
            self.tick.refused.push(Refused { link, entry, changes });
        }
        if let Some(storage) = &peer.link.storage {
            let heads = RemoteHeads { heads: received.peer_heads, timestamp: wire(self.shared.now()) };
            self.tick.told.insert(storage.clone(), (link, heads));
        }
    }
}

/// The new changes as they came, when they came in an order that others can apply them in.
fn plain_changes(summary: &SyncSummary, data: &[u8], applied: &[ChangeHash]) -> Option<Vec<(ChangeHash, Vec<u8>)>> {
    let mut waiting: HashSet<ChangeHash> = applied.iter().copied().collect();
    let mut found = Vec::with_capacity(applied.len());
    for change in summary.changes() {
        if waiting.contains(&change.hash) {
            if change.deps.iter().any(|dep| waiting.contains(dep)) {
                return None;
            }
            waiting.remove(&change.hash);
            found.push((change.hash, data.get(change.range.clone())?.to_vec()));
        }
    }
    waiting.is_empty().then_some(found)
}
