//! Documents in memory: loaded from their chunks when first needed, appended to, put away.

use automerge::transaction::CommitOptions;
use automerge::{ActorId, Automerge, ChangeHash, PatchAction, Prop, ReadDoc};
use muster_model::document::{self, DocKind, DocRef, DocumentError};
use muster_model::fact::{self, Fact, FactBody};
use muster_model::id::FactId;
use muster_model::record::RecordError;

use super::views::ChangedKeys;
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::Topic;
use crate::store::{OutboxRow, Write};

impl Engine {
    pub(super) fn actor(&mut self, cx: &mut Cx<'_>) -> Result<ActorId, EngineError> {
        let device = self.book(cx)?.1.device;
        let session = *self.session.get_or_insert_with(|| {
            let mut session = [0; 8];
            cx.rng.fill_bytes(&mut session);
            session
        });
        Ok(device.actor(session))
    }

    /// The document, loaded if it was not; empty if nothing of it is here.
    pub(super) fn doc(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<&mut Automerge, EngineError> {
        let actor = self.actor(cx)?;
        let entry = match self.docs.entry(doc) {
            std::collections::btree_map::Entry::Occupied(entry) => return Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => entry,
        };
        let chunks = cx.store.chunks(&doc)?;
        match load(chunks, actor) {
            Ok(am) => {
                self.unusable.remove(&doc);
                Ok(entry.insert(am))
            }
            Err(source) => {
                let error = EngineError::Document { document: doc, source };
                self.unusable.insert(doc, error.code());
                cx.topics.insert(Topic::Status);
                Err(error)
            }
        }
    }

    /// The document if something of it is here and this program knows its layout.
    pub(super) fn readable(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<Option<&Automerge>, EngineError> {
        let am = self.doc(cx, doc)?;
        if !has_begun(am) {
            return Ok(None);
        }
        document::check_version(am).map_err(|source| EngineError::Document { document: doc, source })?;
        Ok(Some(am))
    }

    /// Appends a fact to a document, with all that belongs to it: chunk, outbox, projections, peers.
    pub(super) fn append(&mut self, cx: &mut Cx<'_>, doc: DocRef, body: FactBody) -> Result<FactId, EngineError> {
        self.check_may_write(cx, &doc)?;
        let (book, identity) = self.book(cx)?;
        let id = FactId { device: identity.device, counter: book.next_counter()? };
        let fact = Fact { id, at: cx.now, skew: book.skew_at(cx.now), by: book.by(), body };
        // A note that is too long is found out before anything is begun.
        fact.to_json()?;
        self.begin(cx, doc)?;
        self.use_up_counter(cx, id.counter)?;
        self.write_fact(cx, doc, fact)?;
        Ok(id)
    }

    /// Writes a fact of ours in a change of its own; nothing if it is there.
    pub(super) fn write_fact(&mut self, cx: &mut Cx<'_>, doc: DocRef, fact: Fact) -> Result<(), EngineError> {
        let id = fact.id;
        let servers: Vec<_> = self.book(cx)?.0.servers.keys().cloned().collect();
        let seconds = cx.now.ms().div_euclid(1000);
        cx.touched.docs.insert(doc);
        cx.speak.insert(doc);
        let am = self.doc(cx, doc)?;
        let mut transaction = am.transaction();
        fact::append(&mut transaction, &fact)?;
        let (made, _) = transaction.commit_with(CommitOptions::default().with_time(seconds));
        if made.is_none() {
            // The document says so already, and whoever wrote it has to bring it.
            return Ok(());
        }
        let change = am.get_last_local_change().ok_or(EngineError::OutOfRange { what: "our change" })?;
        cx.write(Write::AppendChunk(doc, change.raw_bytes().to_vec()));
        for server in servers {
            cx.write(Write::OutboxAdd(OutboxRow { server, doc, change: change.hash(), fact: Some(id), edit: None }));
        }
        self.chunks_since_compaction = self.chunks_since_compaction.saturating_add(1);
        note_topic(cx, &fact.body);
        cx.projections.put_fact(fact, doc)?;
        Ok(())
    }

    /// Makes the first change of a document of which nothing is here: every replica makes the same.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        let (actor, event, epoch) = (self.actor(cx)?, self.event_id(cx)?, self.epoch_here(&doc));
        let am = self.doc(cx, doc)?;
        let damaged = |source| EngineError::Document { document: doc, source };
        if has_begun(am) {
            return document::check_version(am).map_err(damaged);
        }
        let genesis = document::create_in(event, &doc, epoch, actor).map_err(damaged)?.save_after(&[]);
        am.load_incremental(&genesis).map_err(|error| damaged(error.into()))?;
        cx.touched.docs.insert(doc);
        cx.write(Write::AppendChunk(doc, genesis));
        Ok(())
    }
}

/// Whether a document says anything yet: later changes may have come before its first, and wait for it.
fn has_begun(am: &Automerge) -> bool {
    !am.get_heads().is_empty()
}

fn load(chunks: Vec<Vec<u8>>, actor: ActorId) -> Result<Automerge, DocumentError> {
    let mut chunks = chunks.into_iter();
    let Some(first) = chunks.next() else {
        return document::load(&[], actor);
    };
    let mut am = document::load(&first, actor)?;
    let rest: Vec<u8> = chunks.flatten().collect();
    if !rest.is_empty() {
        am.load_incremental(&rest)?;
    }
    Ok(am)
}

pub(super) fn note_topic(cx: &mut Cx<'_>, body: &FactBody) {
    let topic = match body {
        FactBody::Observation(_) => Topic::Readiness,
        FactBody::Incident(_) => Topic::Incidents,
        FactBody::Arrival { .. } => Topic::Arrivals,
        _ => Topic::Checkins,
    };
    cx.topics.insert(topic);
    cx.topics.insert(Topic::Status);
}

/// Which records and facts patches are about.
pub(super) fn keys_of(patches: &[automerge::Patch]) -> ChangedKeys {
    let mut keys = ChangedKeys::new();
    for patch in patches {
        let mut path = patch.path.iter().map(|(_, prop)| prop);
        match (path.next(), path.next(), &patch.action) {
            (Some(Prop::Map(collection)), Some(Prop::Map(key)), _)
            | (
                Some(Prop::Map(collection)),
                None,
                PatchAction::PutMap { key, .. }
                | PatchAction::DeleteMap { key }
                | PatchAction::Conflict { prop: Prop::Map(key) },
            ) => {
                keys.insert((collection.clone(), key.clone()));
            }
            _ => {}
        }
    }
    keys
}

/// At most `limit` keys of a collection after `after`, in their order.
pub(super) fn keys_after(
    doc: &Automerge,
    collection: &'static str,
    after: &str,
    limit: usize,
) -> Result<Vec<String>, RecordError> {
    let id = document::collection(doc, collection)?;
    let from = std::ops::Bound::Excluded(after.to_owned());
    let items = doc.map_range(&id, (from, std::ops::Bound::Unbounded));
    Ok(items.take(limit).map(|item| item.key.to_string()).collect())
}

/// The collection whose entries projections are made of.
pub(super) const fn indexed_collection(kind: DocKind) -> Option<&'static str> {
    match kind {
        DocKind::Roster => Some("attendees"),
        DocKind::Checkins | DocKind::Rooms | DocKind::Arrivals => Some("facts"),
        _ => None,
    }
}

impl Engine {
    pub(crate) fn save_document(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.readable(cx, doc)?.map(Automerge::save))
    }

    /// The heads of a document, sorted; `None` if nothing of it is here.
    pub(crate) fn heads_of(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<Option<Vec<ChangeHash>>, EngineError> {
        let mut heads = self.readable(cx, doc)?.map(Automerge::get_heads);
        heads.iter_mut().for_each(|heads| heads.sort_unstable());
        Ok(heads)
    }
}
