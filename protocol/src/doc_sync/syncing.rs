//! Taking messages in, and making them.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::sync::{Capability, Have, Message, MessageFlags, SyncDoc};
use automerge::{Automerge, Change, ChangeHash, PatchLog, ReadDoc};

use super::{DocSync, Outgoing, Received, RefusedChanges, Reset, Role, SyncError, has_change};
use crate::guard::{ChangeSummary, SyncSummary, is_in_own_form};

/// Hashes remembered one by one as sent: a whole document of 20,000 changes would cost each of a
/// thousand peers a megabyte.
const MAX_SENT_HASHES: usize = 4_096;

impl DocSync {
    /// Takes in a guarded message: `data` is what `summary` was made of. Makes no reply.
    ///
    /// # Errors
    /// [`SyncError`]; the document is unchanged, the connection should be closed.
    pub fn receive(&mut self, doc: &mut Automerge, summary: &SyncSummary, data: &[u8]) -> Result<Received, SyncError> {
        self.receive_log_patches(doc, summary, data, &mut PatchLog::inactive())
    }

    /// Like [`receive`](Self::receive), with the effects logged for projections.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_log_patches(
        &mut self,
        doc: &mut Automerge,
        summary: &SyncSummary,
        data: &[u8],
        patches: &mut PatchLog,
    ) -> Result<Received, SyncError> {
        self.check_form(doc, (summary, data))?;
        self.take(doc, (summary, data), &HashSet::new(), patches)
    }

    /// Like [`receive`](Self::receive) of changes that the owner has judged one by one, their form too
    /// ([`is_in_own_form`]): those in `refused` are not applied and come back as [`Received::refused`]; the session turns
    /// read-only. What depends on a refused change must be refused too, or it waits for ever. A message with a whole
    /// document is judged as a whole, so the form of what comes beside it is looked at here.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_judged(
        &mut self,
        doc: &mut Automerge,
        (summary, data): (&SyncSummary, &[u8]),
        refused: &HashSet<ChangeHash>,
    ) -> Result<Received, SyncError> {
        if summary.has_document_chunk() {
            self.check_form(doc, (summary, data))?;
        }
        self.take(doc, (summary, data), refused, &mut PatchLog::inactive())
    }

    fn check_form(&self, doc: &Automerge, (summary, data): (&SyncSummary, &[u8])) -> Result<(), SyncError> {
        let all_are = || unknown_changes(doc, summary).iter().all(|change| is_stored_as_is(change, data));
        if !self.may_write() || all_are() { Ok(()) } else { Err(SyncError::Form) }
    }

    fn take(
        &mut self,
        doc: &mut Automerge,
        (summary, data): (&SyncSummary, &[u8]),
        refused: &HashSet<ChangeHash>,
        patches: &mut PatchLog,
    ) -> Result<Received, SyncError> {
        let mut message = Message::decode(data)?;
        normalise(&mut message);
        let before = doc.get_heads();
        let mut received = Received { before: before.clone(), ..Received::default() };

        if summary.has_changes() {
            if self.may_write() {
                let mut news = unknown_changes(doc, summary);
                let is_refused = |change: &&ChangeSummary| refused.contains(&change.hash);
                let are_refused: Vec<&ChangeSummary> = news.iter().copied().filter(is_refused).collect();
                news.retain(|change| !refused.contains(&change.hash));
                // Automerge takes its time to find that it knows a change: a hub has applied most of them together.
                if !are_refused.is_empty() {
                    let allowed = bytes_of(&news, data);
                    if !allowed.is_empty() {
                        doc.load_incremental_log_patches(&allowed, patches)?;
                    }
                    self.turn_read_only();
                    let hashes = are_refused.iter().map(|change| change.hash).collect();
                    received.refused = Some(RefusedChanges { bytes: bytes_of(&are_refused, data), hashes });
                } else if !news.is_empty() || summary.has_document_chunk() {
                    let chunks: Vec<u8> = message.changes.iter().flatten().copied().collect();
                    if summary.has_document_chunk() {
                        load_apart(doc, &chunks)?;
                    }
                    doc.load_incremental_log_patches(&chunks, patches)?;
                }
                sort_out(doc, news, &mut received);
            } else {
                received.refused = Some(self.refuse(&message, summary));
            }
        }
        let after = if summary.has_changes() { doc.get_heads() } else { before.clone() };
        self.note_peer_heads(&message.heads);
        self.take_flags(message.flags);
        let known = self.known_of(doc, &message.heads, &after);
        if knows_nothing_in_common(&message) {
            self.state.shared_heads.clear();
        }
        self.take_heads(&message.heads, &known, (&before, &after));
        self.take_haves(doc, &message, &known);

        if self.level.is_none() && message.heads == after && self.reset == Reset::NotNeeded {
            self.level = Some(after.clone());
        }
        received.peer_has_all_of_ours = contains_all(&message.heads, &after);
        received.peer_heads.clone_from(&message.heads);
        received.after = after;
        self.state.their_heads = Some(message.heads);
        self.state.their_have = Some(message.have);
        self.state.their_need = Some(message.need);
        Ok(received)
    }

    fn may_write(&self) -> bool {
        self.role == Role::Full && !self.state.read_only
    }

    fn take_flags(&mut self, flags: Option<MessageFlags>) {
        let Some(flags) = flags else { return };
        let mut capabilities = vec![Capability::MessageV2];
        if flags.contains(MessageFlags::SUPPORTS_SYNC_RESET) {
            capabilities.push(Capability::SyncReset);
        }
        self.state.their_capabilities = Some(capabilities);
        self.state.peer_read_only = flags.contains(MessageFlags::READ_ONLY);
        if flags.contains(MessageFlags::SYNC_RESET) {
            self.forget_sent();
        }
    }

    pub(super) fn forget_sent(&mut self) {
        self.state.sent_hashes.clear();
        self.unacknowledged.clear();
        self.level = None;
    }

    /// Which of the peer's heads the document holds. Most are what it was told, which costs no look-up.
    fn known_of(&self, doc: &Automerge, heads: &[ChangeHash], ours: &[ChangeHash]) -> Vec<ChangeHash> {
        if heads == ours || self.unacknowledged.iter().any(|batch| batch.to == heads) {
            return heads.to_vec();
        }
        heads.iter().filter(|head| has_change(doc, head)).copied().collect()
    }

    /// `known` are those of `heads` that the document holds; ours were `before` and are `after`.
    ///
    /// A peer whose heads are ours is told ours all the same, if it was not yet: they say what is durable here. Automerge
    /// itself keeps quiet then, and whoever takes in several messages before it speaks would never acknowledge what the
    /// first of them brought.
    fn take_heads(
        &mut self,
        heads: &[ChangeHash],
        known: &[ChangeHash],
        (before, after): (&[ChangeHash], &[ChangeHash]),
    ) {
        let more_on_its_way = self.acknowledge_batches(heads);
        self.state.in_flight = more_on_its_way;
        if before != after {
            self.state.shared_heads = advanced(before, after, &self.state.shared_heads);
        }
        if heads == after {
            self.state.sent_hashes.clear();
            self.unacknowledged.clear();
        }
        if heads.is_empty() {
            self.state.last_sent_heads.clear();
            self.forget_sent();
        }
        if known.len() == heads.len() {
            self.state.shared_heads = known.to_vec();
        } else {
            self.state.shared_heads.extend(known);
            self.state.shared_heads.sort_unstable();
            self.state.shared_heads.dedup();
        }
    }

    fn take_haves(&mut self, doc: &Automerge, message: &Message, known_heads: &[ChangeHash]) {
        let known = builds_on_known(doc, Some(&message.have), known_heads);
        self.reset = if known { Reset::NotNeeded } else { Reset::Needed };
        // What it asks for, or knows and we do not, has to be answered by a message of its own.
        if !known || known_heads.len() != message.heads.len() || !message.need.is_empty() {
            self.level = None;
            self.state.in_flight = false;
        }
    }

    /// The next message for this peer, if there is something to say. It must be sent. To be called
    /// after what was received is durable, and after local changes.
    pub fn generate(&mut self, doc: &Automerge) -> Option<Outgoing> {
        let our_heads = doc.get_heads();
        self.spare_reset(doc);
        if !self.revive_for(&our_heads) || self.is_quiet(&our_heads) {
            return None;
        }
        if !self.state.have_responded {
            // A saved state may know of changes that a restored document lacks.
            self.state.shared_heads.retain(|head| has_change(doc, head));
        }
        for batch in self.unacknowledged.drain(..) {
            self.state.sent_hashes.extend(batch.hashes.iter().copied());
        }
        if self.options.plain_uploads && self.state.needs_reset {
            // The reset would travel in flags that we do not send; empty heads say the same.
            if let Some(capabilities) = &mut self.state.their_capabilities {
                capabilities.retain(|capability| *capability != Capability::SyncReset);
            }
        }
        let knows_theirs = self.state.their_have.is_some() && self.state.their_need.is_some();
        let capabilities = self.state.their_capabilities.clone();
        if !doc.get_missing_deps(&[]).is_empty()
            && let Some(capabilities) = &mut self.state.their_capabilities
        {
            // Automerge sends a whole document as it saves it, with what waits in its queue: changes that nobody could
            // judge to the end and that nobody has stored. One by one it sends what is in the document alone.
            capabilities.retain(|capability| *capability != Capability::MessageV2);
        }
        let generated = doc.generate_sync_message(&mut self.state);
        self.state.their_capabilities = capabilities;
        let mut message = generated?;
        if self.reset == Reset::Needed {
            self.reset = Reset::Sent;
            self.level = None;
        } else {
            self.level = knows_theirs.then(|| our_heads.clone());
            self.bound_sent_hashes(&our_heads);
        }
        if !self.sends_flags() {
            message.flags = None;
        }
        let kind = self.outgoing_kind(&our_heads);
        Some(Outgoing { data: message.encode(), kind })
    }

    /// Others may have brought what the peer builds on since it spoke. Then Automerge makes an ordinary message, which a
    /// peer that has all of it does not answer: to wait for its answer would be to wait for ever.
    fn spare_reset(&mut self, doc: &Automerge) {
        if self.reset == Reset::Needed && builds_on_known(doc, self.state.their_have.as_deref(), &[]) {
            self.reset = Reset::NotNeeded;
        }
    }

    /// After everything was sent, "since our heads" says the same as a long list of what was sent.
    fn bound_sent_hashes(&mut self, our_heads: &[ChangeHash]) {
        if self.state.sent_hashes.len() <= MAX_SENT_HASHES {
            return;
        }
        self.state.sent_hashes.clear();
        let have = Have { last_sync: our_heads.to_vec(), ..Have::default() };
        self.state.their_have = Some(vec![have]);
        self.state.their_need = Some(Vec::new());
    }

    /// The cases in which Automerge would find, at some cost, that there is nothing to say.
    fn is_quiet(&self, our_heads: &[ChangeHash]) -> bool {
        let state = &self.state;
        match self.reset {
            Reset::Needed => return false,
            Reset::Sent => return true,
            Reset::NotNeeded => {}
        }
        let said = state.have_responded && state.last_sent_heads == our_heads;
        let equal = state.their_heads.as_deref() == Some(our_heads);
        let asked = state.their_need.as_ref().is_some_and(|need| !need.is_empty());
        said && (state.in_flight || (equal && !asked))
    }

    /// Flags announce V2, which a peer with plain uploads shall not use. Once it is refused, it
    /// uploads nothing if it understands the flag that says so.
    fn sends_flags(&self) -> bool {
        let understands_read_only = self
            .state
            .their_capabilities
            .as_ref()
            .is_some_and(|capabilities| capabilities.contains(&Capability::SyncReset));
        !self.options.plain_uploads || (self.state.read_only && understands_read_only)
    }
}

/// Automerge expects sorted lists (and asserts it in debug builds); peers need not send them so.
fn normalise(message: &mut Message) {
    let lists = [&mut message.heads, &mut message.need];
    let last_syncs = message.have.iter_mut().map(|have| &mut have.last_sync);
    for list in lists.into_iter().chain(last_syncs) {
        list.sort_unstable();
        list.dedup();
    }
}

/// Whether the peer does not know what we last said that we share, since its document was restored from an older copy. It
/// learns what we have when we say so from the beginning; whom it lets write nothing would repeat the same for ever.
fn knows_nothing_in_common(message: &Message) -> bool {
    !message.heads.is_empty() && message.have == [Have::default()]
}

/// Whether the document holds what the peer says that both share; it is known to hold `known`.
fn builds_on_known(doc: &Automerge, have: Option<&[Have]>, known: &[ChangeHash]) -> bool {
    let last_sync = have.and_then(<[Have]>::first).map(|have| have.last_sync.as_slice());
    last_sync.unwrap_or_default().iter().all(|hash| known.contains(hash) || has_change(doc, hash))
}

fn unknown_changes<'s>(doc: &Automerge, summary: &'s SyncSummary) -> Vec<&'s ChangeSummary> {
    summary.changes().iter().filter(|change| !has_change(doc, &change.hash)).collect()
}

/// Whether Automerge can load a change again that it stored.
fn is_stored_as_is(change: &ChangeSummary, data: &[u8]) -> bool {
    let bytes = data.get(change.range.clone()).unwrap_or_default().to_vec();
    Change::from_bytes(bytes).is_ok_and(|change| is_in_own_form(change.decode()))
}

/// The document with chunks loaded into it among which are whole documents. Automerge takes those at their word, and what no
/// Automerge has written can make it panic; the guard sees most of that and not all. So it is tried apart, where a panic
/// leaves nothing behind. Where a panic ends the program, as in a browser, whole documents come from the device's own server
/// alone.
///
/// # Errors
/// [`SyncError::Form`] where Automerge panics, [`SyncError::Apply`] where it says no.
pub fn load_apart(doc: &Automerge, chunks: &[u8]) -> Result<Automerge, SyncError> {
    let mut both = doc.clone();
    let tried = catch_unwind(AssertUnwindSafe(|| both.load_incremental(chunks)));
    tried.map_err(|_| SyncError::Form)??;
    Ok(both)
}

/// The chunks of these changes, one after the other.
fn bytes_of(changes: &[&ChangeSummary], data: &[u8]) -> Vec<u8> {
    changes.iter().filter_map(|change| data.get(change.range.clone())).flatten().copied().collect()
}

/// Automerge says neither which changes it applied nor which it dropped.
fn sort_out(doc: &Automerge, news: Vec<&ChangeSummary>, received: &mut Received) {
    let mut seen = HashSet::new();
    for change in news {
        if !seen.insert(change.hash) {
            continue;
        }
        if has_change(doc, &change.hash) {
            received.applied.push(change.hash);
        } else if change.deps.iter().all(|dep| has_change(doc, dep)) {
            received.dropped.push(change.hash);
        } else {
            received.pending.push(change.hash);
        }
    }
}

/// The shared heads after changes came in: new heads, and old shared ones that still are heads.
fn advanced(before: &[ChangeHash], after: &[ChangeHash], shared: &[ChangeHash]) -> Vec<ChangeHash> {
    let stays = |head: &&ChangeHash| !before.contains(head) || shared.contains(head);
    after.iter().filter(stays).copied().collect()
}

/// Both sorted.
fn contains_all(heads: &[ChangeHash], wanted: &[ChangeHash]) -> bool {
    wanted.iter().all(|hash| heads.binary_search(hash).is_ok())
}
