//! Messages of a peer: guarded, applied, persisted, projected, acknowledged, and only then answered.

use std::collections::BTreeSet;

use automerge::{Automerge, ChangeHash, PatchLog, ReadDoc};
use muster_model::document::{self, DocKind, DocRef};
use muster_model::fact;
use muster_model::id::EventId;
use muster_model::record::{self, RecordError};
use muster_protocol::guard::{DocumentSize, GuardLimits, check_sync_message};
use muster_protocol::{DocSync, DocSyncOptions, DocumentId, PeerMessage, ProtocolCode, Role as SyncRole, acknowledged};

use super::aside::{brings_refused, unpark};
use super::bookkeeping::{PARKED, ParkedEntry, put_meta};
use super::docs::{indexed_collection, keys_of, note_topic};
use super::links::LinkKind;
use super::views::{ChangedKeys, EventView, Stale};
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{Effect, LinkId, Topic};
use crate::store::{AttendeeRow, Origin, Write};

/// More changed entries than this are projected in pieces.
const INLINE_KEYS: usize = 500;

/// The id of a document on the wire.
pub(crate) fn wire_id(event: EventId, doc: &DocRef, epoch: u32) -> DocumentId {
    DocumentId::from_bytes(*doc.id_in(event, epoch).as_bytes())
}

/// How a document changed.
pub(super) enum Change {
    Nothing,
    /// These entries differ.
    Keys(ChangedKeys),
    /// There was nothing before.
    Everything,
}

impl Engine {
    pub(super) fn message(&mut self, cx: &mut Cx<'_>, link: LinkId, message: PeerMessage) -> Result<(), EngineError> {
        match message {
            PeerMessage::Established(peer) => self.established(cx, link, peer.skew_ms),
            PeerMessage::Sync { document, data, is_request } => {
                match self.by_id.get(&document).copied().filter(|doc| self.shares(link, doc)) {
                    Some(doc) => self.sync_message(cx, link, doc, (&data, is_request)),
                    None => {
                        self.answer_unavailable(cx, link, document, is_request);
                        Ok(())
                    }
                }
            }
            PeerMessage::DocUnavailable { document } => {
                if let Some(doc) = self.by_id.get(&document).copied() {
                    self.unavailable_there(cx, link, doc)?;
                }
                Ok(())
            }
            PeerMessage::Notice { document, code, changes, .. } => {
                let doc = document.and_then(|id| self.by_id.get(&id).copied());
                tracing::info!(%link, code, "the other side gave notice");
                match doc {
                    Some(doc) if code == ProtocolCode::DocumentReplaced.as_str() => {
                        self.replaced_there(link, &doc);
                        Ok(())
                    }
                    Some(doc) if changes.is_empty() => self.refused_whole(cx, link, doc, &code),
                    Some(doc) => self.recover(cx, link, doc, (&code, &changes)),
                    None => Ok(()),
                }
            }
            PeerMessage::Error { .. } => {
                tracing::warn!(%link, "the other side reports an error");
                Ok(())
            }
            PeerMessage::Ephemeral { .. }
            | PeerMessage::SubscriptionChange { .. }
            | PeerMessage::RemoteHeads { .. }
            | PeerMessage::Token { .. } => {
                tracing::trace!(%link, "a message that this side has no use for");
                Ok(())
            }
        }
    }

    fn shares(&self, link: LinkId, doc: &DocRef) -> bool {
        self.links.get(&link).is_some_and(|link| link.shares(doc))
    }

    pub(super) fn answer_unavailable(&self, cx: &mut Cx<'_>, id: LinkId, document: DocumentId, is_request: bool) {
        let frame =
            self.links.get(&id).filter(|_| is_request).and_then(|link| link.connection.unavailable_frame(document));
        cx.effects.extend(frame.map(|bytes| Effect::Send { link: id, bytes }));
    }

    fn established(&mut self, cx: &mut Cx<'_>, id: LinkId, skew_ms: Option<i64>) -> Result<(), EngineError> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        // The peer may have started over: what we thought it knows is gone.
        link.docs.clear();
        if let LinkKind::Server(server) = link.kind.clone() {
            self.connected(&server);
            if let Some(skew_ms) = skew_ms {
                self.measured_skew(cx, skew_ms)?;
            }
        }
        self.find_held(cx)?;
        for doc in self.held.clone() {
            self.greet_about(doc);
        }
        cx.topics.insert(Topic::Status);
        Ok(())
    }

    /// Says the first word about a document on a link.
    pub(super) fn greet(&mut self, cx: &mut Cx<'_>, link: LinkId, doc: DocRef) -> Result<(), EngineError> {
        self.doc(cx, doc)?;
        self.expect(cx, doc)?;
        self.open_sync(cx, link, doc)?;
        cx.speak.insert(doc);
        Ok(())
    }

    pub(super) fn open_sync(&mut self, cx: &Cx<'_>, id: LinkId, doc: DocRef) -> Result<(), EngineError> {
        let is_coming = self.is_coming(&doc);
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        if link.docs.contains_key(&doc) {
            return Ok(());
        }
        let options = DocSyncOptions { plain_uploads: false };
        let saved = match &link.kind {
            LinkKind::Server(server) if !is_coming => cx.store.sync_state(server, &doc)?,
            _ => None,
        };
        let resumed = saved.and_then(|saved| DocSync::resume(SyncRole::Full, options, &saved).ok());
        link.docs.insert(doc, resumed.unwrap_or_else(|| DocSync::new(SyncRole::Full, options)));
        Ok(())
    }

    fn sync_message(
        &mut self,
        cx: &mut Cx<'_>,
        id: LinkId,
        doc: DocRef,
        (data, is_request): (&[u8], bool),
    ) -> Result<(), EngineError> {
        if self.is_coming(&doc) {
            return self.coming_message(cx, id, doc, (data, is_request));
        }
        if let Err(error) = self.doc(cx, doc) {
            // One unusable document must not end the talk about the others.
            tracing::warn!(%doc, %error, "a message about a document that cannot be used");
            return Ok(());
        }
        if doc.kind == DocKind::Event && self.event.is_none() {
            // What the rules were is needed to see what of them changes.
            self.event_view(cx)?;
        }
        self.open_sync(cx, id, doc)?;
        let (Some(link), Some(am)) = (self.links.get_mut(&id), self.docs.get_mut(&doc)) else { return Ok(()) };
        let Some(sync) = link.docs.get_mut(&doc) else { return Ok(()) };
        // Other phones bring whole rosters too: those were imported in changes bigger than a phone's own.
        let limits = GuardLimits::bulk_import();
        let size = DocumentSize { stored_changes: am.stats().num_changes };
        let summary = match check_sync_message(data, &limits, &size) {
            Ok(summary) => summary,
            Err(error) => {
                self.close_link(cx, id, error.code(), &error.to_string());
                return Ok(());
            }
        };
        if is_request {
            sync.peer_requests();
        }
        if matches!(link.kind, LinkKind::Phone(_)) && brings_refused(cx, doc, &summary)? {
            // Another phone may not know yet that a server refuses this. Until it does, it tells us nothing more.
            sync.turn_read_only();
        }
        let fresh = size.stored_changes <= 1;
        let mut patches = if fresh { PatchLog::inactive() } else { PatchLog::active() };
        let received = match sync.receive_log_patches(am, &summary, data, &mut patches) {
            Ok(received) => received,
            Err(error) => {
                self.docs.remove(&doc);
                self.close_link(cx, id, error.code(), &error.to_string());
                return Ok(());
            }
        };
        cx.speak.insert(doc);
        let lacks = sync.take_unavailable_answer(am, false);
        let refuses = sync.peer_is_read_only();
        let mut change = Change::Nothing;
        if received.has_new_heads() {
            cx.touched.docs.insert(doc);
            change = if fresh { Change::Everything } else { Change::Keys(keys_of(&am.make_patches(&mut patches))) };
            persist(cx, doc, am, (!fresh).then_some(&received.before));
            self.chunks_since_compaction = self.chunks_since_compaction.saturating_add(1);
        }
        if received.has_new_heads() {
            unpark(cx, doc, am)?;
        }
        let event = self.event_id(cx)?;
        if lacks {
            self.answer_unavailable(cx, id, self.spoken_id(event, &doc), true);
        }
        self.take_in(cx, doc, change)?;
        if refuses {
            self.park(cx, id, doc, ProtocolCode::ReadOnly.as_str())?;
        }
        // Last, since other phones may have brought there what is refused from this one: then nothing is parked any more.
        self.acknowledge(cx, id, doc, &received.peer_heads)
    }

    /// Brings views and projections up to date with a change that came in.
    pub(super) fn take_in(&mut self, cx: &mut Cx<'_>, doc: DocRef, change: Change) -> Result<(), EngineError> {
        let Some(am) = self.docs.get(&doc) else { return Ok(()) };
        if let Err(error) = document::check_version(am) {
            tracing::warn!(%doc, %error, "a document of a later version");
            self.unusable.insert(doc, EngineError::Document { document: doc, source: error }.code());
            return Ok(());
        }
        let before = self.event.clone().filter(|_| doc.kind == DocKind::Event);
        match change {
            Change::Nothing => return Ok(()),
            Change::Everything => {
                self.refresh_view(&doc, &Stale::All)?;
                if indexed_collection(doc.kind).is_some() {
                    self.index_later(cx, doc);
                }
                self.review(cx, doc)?;
                // One document less is missing: whoever shows what is, looks again.
                cx.topics.insert(Topic::Status);
            }
            Change::Keys(keys) => {
                self.refresh_view(&doc, &Stale::Keys(&keys))?;
                self.note_conflicts(cx, doc, &keys)?;
                self.project_some(cx, doc, keys)?;
            }
        }
        note_document(cx, doc.kind);
        if let Some(before) = before {
            self.rules_changed(cx, &before)?;
        }
        if matches!(doc.kind, DocKind::Event | DocKind::Program) {
            self.open_new_documents(cx)?;
        }
        Ok(())
    }

    /// Has double admissions looked for anew where the rules that make them changed.
    fn rules_changed(&mut self, cx: &mut Cx<'_>, before: &EventView) -> Result<(), EngineError> {
        let after = self.event_view(cx)?;
        let days = |view: &EventView| (view.event.day_starts_min, view.event.time_zone.clone());
        let same_days = days(before) == days(&after);
        let checkpoints: BTreeSet<_> = before.checkpoints.keys().chain(after.checkpoints.keys()).copied().collect();
        for checkpoint in checkpoints {
            let rule = |view: &EventView| view.checkpoints.get(&checkpoint).map(|rules| rules.rule);
            if !same_days || rule(before) != rule(&after) {
                self.recount_later(cx, checkpoint);
            }
        }
        Ok(())
    }

    /// Projects changed entries now, or in pieces if they are many. Deletions cannot wait: a piece reads what is there.
    pub(super) fn project_some(
        &mut self,
        cx: &mut Cx<'_>,
        doc: DocRef,
        mut keys: ChangedKeys,
    ) -> Result<(), EngineError> {
        let Some(collection) = indexed_collection(doc.kind) else { return Ok(()) };
        keys.retain(|(of, _)| of == collection);
        if keys.len() > INLINE_KEYS {
            self.index_later(cx, doc);
            let Some(am) = self.docs.get(&doc) else { return Ok(()) };
            let id = document::collection(am, collection).map_err(RecordError::from)?;
            let mut gone = ChangedKeys::new();
            for (of, key) in keys {
                if am.get(&id, key.as_str()).map_err(RecordError::from)?.is_none() {
                    gone.insert((of, key));
                }
            }
            keys = gone;
        }
        self.project(cx, doc, keys)
    }

    /// Projects entries of a document as they are now.
    pub(super) fn project(&mut self, cx: &mut Cx<'_>, doc: DocRef, keys: ChangedKeys) -> Result<(), EngineError> {
        let own = self.book(cx)?.1.device;
        let Some(am) = self.docs.get(&doc) else { return Ok(()) };
        for (_, key) in keys {
            if doc.kind == DocKind::Roster {
                let Ok(id) = key.parse() else { continue };
                match record::read(am, &id) {
                    Ok(Some(attendee)) => {
                        cx.projections.put_attendee(AttendeeRow { id, origin: Origin::Roster(doc), attendee })?;
                    }
                    Ok(None) | Err(RecordError::Fields { .. }) => cx.projections.attendee_gone(id, doc)?,
                    Err(error) => return Err(error.into()),
                }
                continue;
            }
            let Some(fact) = key.parse().ok().map(|id| fact::read(am, id)).transpose()?.flatten() else { continue };
            // One that grows too long when it is written out again (defaults filled in) would stop every commit.
            if fact.to_json().is_err() {
                tracing::warn!(%doc, %key, "a fact cannot be kept in lists");
                continue;
            }
            note_topic(cx, &fact.body);
            let heard = (fact.device() != own).then(|| fact.clone());
            if cx.projections.put_fact(fact, doc)?
                && let Some(heard) = heard
            {
                cx.projections.hear(&heard, cx.now)?;
            }
        }
        Ok(())
    }

    /// Strikes off what a server is now known to have.
    fn acknowledge(
        &mut self,
        cx: &mut Cx<'_>,
        id: LinkId,
        doc: DocRef,
        heads: &[ChangeHash],
    ) -> Result<(), EngineError> {
        let Some((server, sync)) = self.links.get(&id).and_then(|link| match &link.kind {
            LinkKind::Server(server) => Some((server.clone(), link.docs.get(&doc)?)),
            LinkKind::Phone(_) => None,
        }) else {
            return Ok(());
        };
        let Some(am) = self.docs.get(&doc) else { return Ok(()) };
        let waiting = cx.store.outbox(&server, &doc)?;
        let ours: Vec<ChangeHash> = waiting.iter().map(|row| row.change).collect();
        let done = acknowledged(am, heads, &ours);
        let state = (!done.is_empty() || cx.touched.docs.contains(&doc)).then(|| sync.encode_state());
        if let Some(state) = state {
            cx.write(Write::SyncState(server.clone(), doc, state));
        }
        if done.is_empty() {
            return Ok(());
        }
        if done.len() == waiting.len() {
            cx.write(Write::Meta(format!("{PARKED}{server}/{doc}"), None));
        }
        for change in done {
            cx.write(Write::OutboxDone(server.clone(), doc, change));
        }
        cx.topics.insert(Topic::Status);
        Ok(())
    }

    fn unavailable_there(&mut self, cx: &mut Cx<'_>, id: LinkId, doc: DocRef) -> Result<(), EngineError> {
        if let Some(sync) = self.links.get_mut(&id).and_then(|link| link.docs.get_mut(&doc)) {
            sync.peer_lacks_document();
        }
        if self.is_coming(&doc) {
            return Ok(());
        }
        self.park(cx, id, doc, ProtocolCode::DocumentUnavailable.as_str())
    }

    /// Shows that a server does not take what this phone wrote; it stays in the outbox.
    pub(super) fn park(&mut self, cx: &mut Cx<'_>, id: LinkId, doc: DocRef, code: &str) -> Result<(), EngineError> {
        let Some(LinkKind::Server(server)) = self.links.get(&id).map(|link| link.kind.clone()) else { return Ok(()) };
        let key = format!("{PARKED}{server}/{doc}");
        let waits = !cx.store.outbox(&server, &doc)?.is_empty();
        if waits && cx.store.meta(&key)?.is_none() {
            put_meta(cx, &key, &ParkedEntry { code: code.to_owned(), since: cx.now })?;
            cx.topics.insert(Topic::Status);
        }
        Ok(())
    }

    /// Makes the messages that peers are owed. They go out when the batch is committed.
    pub(super) fn speak(&mut self, cx: &mut Cx<'_>) {
        let Ok(event) = self.event_id(cx) else { return };
        for doc in std::mem::take(&mut cx.speak) {
            let wire = self.spoken_id(event, &doc);
            let Some(am) = self.epochs.spoken_doc(&self.docs, &doc) else { continue };
            for (id, link) in &mut self.links {
                let Some(sync) = link.docs.get_mut(&doc) else { continue };
                let Some(outgoing) = sync.generate(am) else { continue };
                cx.touched.links.insert(*id);
                let frame = link.connection.sync_frame(wire, outgoing);
                cx.effects.extend(frame.map(|bytes| Effect::Send { link: *id, bytes }));
            }
        }
    }
}

/// Writes what came since `since`; the whole document if there was nothing worth keeping apart.
fn persist(cx: &mut Cx<'_>, doc: DocRef, am: &Automerge, since: Option<&Vec<ChangeHash>>) {
    cx.write(match since {
        Some(since) => Write::AppendChunk(doc, am.save_after(since)),
        None => Write::Snapshot(doc, am.save()),
    });
}

fn note_document(cx: &mut Cx<'_>, kind: DocKind) {
    let topic = match kind {
        DocKind::Event => Topic::Event,
        DocKind::Program => Topic::Program,
        DocKind::Roster => Topic::Attendees,
        DocKind::Rooms => Topic::Readiness,
        DocKind::Presenter => Topic::Logistics,
        _ => return,
    };
    cx.topics.insert(topic);
}
