//! Documents that the server begins anew, to forget what they held: this device follows.
//!
//! That there is a new epoch is learnt from the document `event`. From then on the new document is asked for, and the old one
//! serves on, so that a door with a bad network knows everybody at every moment. When the new one is here in full, it takes
//! the old one's place in one transaction: what this device recorded and the new one lacks is written into it once more,
//! under the same ids, without what is erased; the old one, its outbox and its sync states go.

use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, ReadDoc, hydrate};
use muster_model::document::{self, DocKind, DocRef, DocumentError, collection};
use muster_model::epoch::{self, Epochs};
use muster_model::erasure::Erasure;
use muster_model::id::{EventId, FactId};
use muster_model::record::RecordError;
use muster_protocol::guard::{DocumentSize, GuardLimits, check_sync_message};
use muster_protocol::{DocumentId, ProtocolCode};

use super::aside::{put_edit_aside, strike};
use super::bookkeeping::{PARKED, put_meta};
use super::docs::indexed_collection;
use super::jobs::Job;
use super::receive::wire_id;
use super::views::{ChangedKeys, Stale};
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{LinkId, Topic};
use crate::store::{OutboxRow, Write};

const EPOCH: &str = "epoch/";
const PURGE: &str = "purge";

/// In which epochs documents are.
#[derive(Debug, Default)]
pub(super) struct EpochBook {
    /// Those that are here, but for the first; `None` until read, and after a failed commit.
    here: Option<BTreeMap<DocRef, u32>>,
    /// Those that are current.
    wanted: Epochs,
    /// What has arrived of later ones than are here. In memory alone: what is lost is asked for again.
    coming: BTreeMap<DocRef, Automerge>,
}

impl EpochBook {
    /// Forgets what may not have been committed.
    pub(super) fn forget(&mut self) {
        self.here = None;
    }

    fn here(&self, doc: &DocRef) -> u32 {
        self.here.as_ref().and_then(|here| here.get(doc)).copied().unwrap_or_default()
    }

    /// The epoch of which is spoken with others.
    fn spoken(&self, doc: &DocRef) -> u32 {
        self.wanted.of(doc).max(self.here(doc))
    }

    /// The document that is spoken of: the new one, if one is coming.
    pub(super) fn spoken_doc<'a>(
        &'a self,
        docs: &'a BTreeMap<DocRef, Automerge>,
        doc: &DocRef,
    ) -> Option<&'a Automerge> {
        if self.is_coming(doc) { self.coming.get(doc) } else { docs.get(doc) }
    }

    /// Whether a later epoch is current than is here.
    pub(super) fn is_coming(&self, doc: &DocRef) -> bool {
        self.wanted.of(doc) > self.here(doc)
    }
}

/// What the old document leaves to the new one.
struct Legacy {
    /// Facts that this device recorded and the new one lacks, as it is to have them.
    facts: Vec<(FactId, String)>,
    /// Entries that differ.
    changed: ChangedKeys,
    /// Something of others went that was in lists: only making them anew forgets it.
    lost: bool,
}

impl Engine {
    pub(super) fn read_epochs(&mut self, cx: &Cx<'_>) -> Result<(), EngineError> {
        if self.epochs.here.is_none() {
            let mut here = BTreeMap::new();
            for (key, value) in cx.store.meta_with_prefix(EPOCH)? {
                let epoch = serde_json::from_slice(&value).map_err(|_| EngineError::Bookkeeping { key: EPOCH })?;
                if let Some(Ok(doc)) = key.strip_prefix(EPOCH).map(str::parse) {
                    here.insert(doc, epoch);
                }
            }
            self.epochs.here = Some(here);
        }
        Ok(())
    }

    /// Under which id a document is spoken of.
    pub(super) fn spoken_id(&self, event: EventId, doc: &DocRef) -> DocumentId {
        wire_id(event, doc, self.epochs.spoken(doc))
    }

    /// The epoch in which a document of which nothing is here is begun.
    pub(super) fn epoch_here(&self, doc: &DocRef) -> u32 {
        self.epochs.here(doc)
    }

    /// Takes in which epochs are current; says which of these documents are to be asked for anew.
    pub(super) fn epochs_wanted(&mut self, wanted: Epochs, docs: &[DocRef]) -> Vec<DocRef> {
        let before = std::mem::replace(&mut self.epochs.wanted, wanted);
        let moved = |doc: &&DocRef| self.epochs.wanted.of(doc) != before.of(doc) && self.epochs.is_coming(doc);
        let moved: Vec<DocRef> = docs.iter().filter(moved).copied().collect();
        for doc in &moved {
            self.epochs.coming.remove(doc);
            // What was exchanged is about another document.
            self.stop_talking_about(doc, None);
        }
        moved
    }

    /// Forgets what was exchanged about a document, on one link or on all.
    pub(super) fn stop_talking_about(&mut self, doc: &DocRef, on: Option<LinkId>) {
        for (_, link) in self.links.iter_mut().filter(|(id, _)| on.is_none_or(|on| on == **id)) {
            link.docs.remove(doc);
        }
    }

    /// Makes room for a document that is coming, if it is.
    pub(super) fn expect(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        if self.epochs.is_coming(&doc) && !self.epochs.coming.contains_key(&doc) {
            let actor = self.actor(cx)?;
            let empty = document::load(&[], actor).map_err(|source| EngineError::Document { document: doc, source })?;
            self.epochs.coming.insert(doc, empty);
        }
        Ok(())
    }

    /// A message about a document that is coming.
    pub(super) fn coming_message(
        &mut self,
        cx: &mut Cx<'_>,
        id: LinkId,
        doc: DocRef,
        (data, is_request): (&[u8], bool),
    ) -> Result<(), EngineError> {
        self.expect(cx, doc)?;
        self.open_sync(cx, id, doc)?;
        let event = self.event_id(cx)?;
        let wire = self.spoken_id(event, &doc);
        let (Some(link), Some(am)) = (self.links.get_mut(&id), self.epochs.coming.get_mut(&doc)) else { return Ok(()) };
        let Some(sync) = link.docs.get_mut(&doc) else { return Ok(()) };
        let size = DocumentSize { stored_changes: am.stats().num_changes };
        let received = check_sync_message(data, &GuardLimits::bulk_import(), &size)
            .map_err(|error| (error.code(), error.to_string()))
            .and_then(|summary| {
                if is_request {
                    sync.peer_requests();
                }
                sync.receive(am, &summary, data).map_err(|error| (error.code(), error.to_string()))
            });
        if let Err((code, detail)) = received {
            self.epochs.coming.remove(&doc);
            self.close_link(cx, id, code, &detail);
            return Ok(());
        }
        let lacks = sync.take_unavailable_answer(am, false);
        let is_whole = epoch::is_begun(am)?;
        if lacks {
            self.answer_unavailable(cx, id, wire, true);
        }
        if is_whole {
            self.move_on(cx, doc)?;
        }
        cx.speak.insert(doc);
        Ok(())
    }

    /// Puts the new document in the place of the old one.
    fn move_on(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        let Some(mut am) = self.epochs.coming.remove(&doc) else { return Ok(()) };
        let epoch = self.epochs.wanted.of(&doc);
        let erasure = self.epochs.wanted.erasure();
        let legacy = self.legacy(cx, doc, &am, &erasure)?;
        let edits = unsent_edits_of(cx, &doc, &erasure)?;
        let changes = bring_over(&mut am, &legacy.facts, cx.now.ms().div_euclid(1_000))?;
        cx.touched.docs.insert(doc);
        cx.write(Write::ForgetDocument(doc));
        cx.write(Write::Snapshot(doc, am.save()));
        let own = self.book(cx)?.1.device;
        strike(cx, doc, own, &erasure)?;
        let servers: Vec<_> = self.book(cx)?.0.servers.keys().cloned().collect();
        for server in servers {
            cx.write(Write::Meta(format!("{PARKED}{server}/{doc}"), None));
            for (change, fact) in &changes {
                let (server, change, fact) = (server.clone(), *change, Some(*fact));
                cx.write(Write::OutboxAdd(OutboxRow { server, doc, change, fact, edit: None }));
            }
        }
        put_meta(cx, &format!("{EPOCH}{doc}"), &epoch)?;
        self.epochs.here.get_or_insert_default().insert(doc, epoch);
        self.docs.insert(doc, am);
        self.unusable.remove(&doc);
        self.last_scans.clear();
        tracing::info!(%doc, epoch, brought = changes.len(), "a document was begun anew");
        self.refresh_view(&doc, &Stale::All)?;
        self.review_later(cx, doc)?;
        if legacy.lost {
            self.rebuild(cx)?;
        } else {
            self.project_some(cx, doc, legacy.changed)?;
        }
        for row in edits {
            let made = match &row.edit {
                Some(unsent) => self.edit_again(cx, doc, &unsent.edit)?,
                None => true,
            };
            if !made {
                put_edit_aside(cx, doc, (&row, own), ProtocolCode::DocumentReplaced)?;
            }
        }
        self.purge_later(cx)?;
        let of_kind = match doc.kind {
            DocKind::Roster => Topic::Attendees,
            DocKind::Program => Topic::Program,
            DocKind::Presenter => Topic::Logistics,
            DocKind::Rooms => Topic::Incidents,
            _ => Topic::Checkins,
        };
        cx.topics.extend([of_kind, Topic::Status]);
        Ok(())
    }

    fn legacy(
        &mut self,
        cx: &mut Cx<'_>,
        doc: DocRef,
        new: &Automerge,
        erasure: &Erasure,
    ) -> Result<Legacy, EngineError> {
        let own = self.book(cx)?.1.device;
        let Some(name) = indexed_collection(doc.kind) else {
            return Ok(Legacy { facts: Vec::new(), changed: ChangedKeys::new(), lost: false });
        };
        let old = match self.readable(cx, doc) {
            Ok(Some(old)) => old,
            Ok(None) => new,
            Err(EngineError::Document { .. }) => return self.legacy_of_lists(cx, doc, new, erasure),
            Err(error) => return Err(error),
        };
        let (before, after) = (entries(old, name)?, entries(new, name)?);
        let about = if name == "facts" { erasure.facts_about(old)? } else { BTreeSet::new() };
        let nothing_here = std::ptr::eq(old, new);
        let (mut facts, mut lost) = (Vec::new(), false);
        for (key, value) in before.iter().filter(|(key, _)| name == "facts" && !after.contains_key(*key)) {
            let text = match value {
                hydrate::Value::Scalar(scalar) => scalar.as_str(),
                _ => None,
            };
            match (key.parse::<FactId>(), text) {
                (Ok(id), Some(text)) if id.device == own => {
                    facts.push((id, erasure.of_fact(text, about.contains(key))));
                }
                // Their own device brings them, if it has not.
                _ => lost = true,
            }
        }
        facts.sort_by_key(|(id, _)| id.counter);
        let brought: BTreeSet<String> = facts.iter().map(|(id, _)| id.to_string()).collect();
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differs = |key: &&String| nothing_here || brought.contains(*key) || before.get(*key) != after.get(*key);
        let changed = keys.into_iter().filter(differs).map(|key| (name.to_owned(), key.clone())).collect();
        Ok(Legacy { facts, changed, lost })
    }

    /// If the old document cannot be read, the lists still know what this device recorded in it.
    fn legacy_of_lists(
        &self,
        cx: &Cx<'_>,
        doc: DocRef,
        new: &Automerge,
        erasure: &Erasure,
    ) -> Result<Legacy, EngineError> {
        let (book, identity) = self.book(cx)?;
        let there = match indexed_collection(doc.kind) {
            Some(name) => entries(new, name)?,
            None => BTreeMap::new(),
        };
        let mut facts = Vec::new();
        for counter in 1..=book.fact_counter {
            let id = FactId { device: identity.device, counter };
            let row = cx.store.fact(id)?.filter(|row| row.doc == doc && !there.contains_key(&id.to_string()));
            if let Some(row) = row {
                facts.push((id, erasure.of_fact(&row.fact.to_json()?, false)));
            }
        }
        Ok(Legacy { facts, changed: ChangedKeys::new(), lost: true })
    }

    /// Has what was dropped leave the disk, when nothing else waits.
    pub(super) fn purge_later(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        self.add_job(Job::Purge);
        put_meta(cx, PURGE, &true)
    }

    /// Whether what was dropped has still to leave the disk.
    pub(super) fn plan_purge(&mut self, cx: &Cx<'_>) -> Result<(), EngineError> {
        if cx.store.meta(PURGE)?.is_some() {
            self.add_job(Job::Purge);
        }
        Ok(())
    }

    /// Has the store write over what was dropped.
    pub(super) fn purge(&mut self, cx: &mut Cx<'_>) {
        cx.write(Write::Meta(PURGE.to_owned(), None));
        cx.write(Write::Purge);
    }

    /// The other side says that a document was begun anew. That stands in the document `event`, which is on its way: until
    /// then there is nothing to say.
    pub(super) fn replaced_there(&mut self, link: LinkId, doc: &DocRef) {
        if !self.epochs.is_coming(doc) {
            self.stop_talking_about(doc, Some(link));
        }
    }

    /// Whether a later epoch of the document is current than is here.
    pub(super) fn is_coming(&self, doc: &DocRef) -> bool {
        self.epochs.is_coming(doc)
    }
}

/// What was edited here and no server is known to have, once each and in its order, without what is erased.
fn unsent_edits_of(cx: &Cx<'_>, doc: &DocRef, erasure: &Erasure) -> Result<Vec<OutboxRow>, EngineError> {
    let stays = |row: &OutboxRow| {
        let key = row.edit.as_ref().map(|unsent| unsent.edit.key.as_str());
        row.doc == *doc && key.is_some_and(|key| !erasure.takes_record(doc.kind, key))
    };
    let mut rows: Vec<OutboxRow> = cx.store.unsent_edits()?.into_iter().filter(stays).collect();
    rows.sort_by_key(|row| (row.edit.as_ref().map(|unsent| unsent.order), row.change.0));
    rows.dedup_by_key(|row| row.change.0);
    Ok(rows)
}

/// Writes facts into a document, a change each; gives the changes.
fn bring_over(
    am: &mut Automerge,
    facts: &[(FactId, String)],
    seconds: i64,
) -> Result<Vec<(automerge::ChangeHash, FactId)>, EngineError> {
    let mut changes = Vec::with_capacity(facts.len());
    for (id, text) in facts {
        let mut tx = am.transaction();
        let collected = collection(&tx, "facts").map_err(RecordError::from)?;
        tx.put(&collected, id.to_string(), text.as_str()).map_err(RecordError::from)?;
        tx.commit_with(CommitOptions::default().with_time(seconds));
        let change = am.get_last_local_change().ok_or(EngineError::OutOfRange { what: "our change" })?;
        changes.push((change.hash(), *id));
    }
    Ok(changes)
}

fn entries(am: &Automerge, name: &'static str) -> Result<BTreeMap<String, hydrate::Value>, EngineError> {
    let id = match collection(am, name) {
        Ok(id) => id,
        // Nothing of it is here.
        Err(DocumentError::NotGenesis { .. }) => return Ok(BTreeMap::new()),
        Err(error) => return Err(RecordError::from(error).into()),
    };
    match ReadDoc::hydrate(am, &id, None).map_err(RecordError::from)? {
        hydrate::Value::Map(map) => Ok(map.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect()),
        _ => Ok(BTreeMap::new()),
    }
}
