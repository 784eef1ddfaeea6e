//! What a server refused: put aside where somebody can see it, and the document begun anew without it.
//!
//! A server takes nothing more of a document on a connection on which it refused a change. So the phone drops the refused
//! changes and all that depend on them from its copy, writes under a new actor from then on, says again what of its own was
//! only in bad company, and connects anew. What was refused stays in the store, with the code, until it comes back from the
//! server because somebody there accepted it.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, Change, ChangeHash};
use muster_model::admission::reading::appended_fact;
use muster_model::document::{self, DocRef};
use muster_model::fact::{self, Fact};
use muster_model::id::{DeviceId, FactId};
use muster_model::record::{EditState, RecordEdit};
use muster_model::time::Timestamp;
use muster_protocol::ProtocolCode;

use super::aside::{RefusedEntry, all_entries, is_there};
use super::bookkeeping::PARKED;
use super::edits::makes_record;
use super::links::{Link, LinkKind};
use super::views::Stale;
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{DownReason, Effect, LinkId, ServerId, Topic};
use crate::store::Write;

/// What is dropped from a document, and what of it is written again.
#[derive(Default)]
struct Plan {
    kept: Vec<u8>,
    /// Facts of ours to be written again; whether under a new number.
    again: Vec<(Fact, bool)>,
    /// Edits of ours to be made again, where nobody edited the same since.
    edits: Vec<(ChangeHash, RefusedEntry)>,
    aside: Vec<(ChangeHash, RefusedEntry)>,
    /// Facts whose place in the document is to be looked at again.
    facts: BTreeSet<FactId>,
    /// Something else than facts was dropped.
    records: bool,
    dropped: Vec<ChangeHash>,
}

impl Engine {
    /// Begins a document anew without what a server refused.
    pub(super) fn recover(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        doc: DocRef,
        (code, roots): (&str, &[ChangeHash]),
    ) -> Result<(), EngineError> {
        let Some(LinkKind::Server(server)) = self.links.get(&link).map(|link| link.kind.clone()) else { return Ok(()) };
        let may_write = self.check_may_write(cx, &doc).is_ok();
        let own = self.book(cx)?.1.device;
        let am = self.doc(cx, doc)?;
        let refused = with_dependants(am, roots);
        if refused.is_empty() {
            return self.park(cx, link, doc, code);
        }
        let outbox = cx.store.outbox(&server, &doc)?.into_iter();
        let edits = outbox.filter_map(|row| Some((row.change, row.edit?.edit))).collect();
        let why = Why { server: &server, code, roots, since: cx.now, own, may_write, edits };
        let mut plan = plan(doc, am, &refused, &why);
        tracing::warn!(%doc, code, dropped = plan.dropped.len(), again = plan.again.len(), "a server refused changes");
        // The old actor's numbers are taken by what was refused.
        self.session = None;
        let actor = self.actor(cx)?;
        let damaged = |source| EngineError::Document { document: doc, source };
        let mut anew = document::load(&[], actor).map_err(damaged)?;
        anew.load_incremental(&plan.kept).map_err(|error| damaged(error.into()))?;
        // What somebody accepted before we heard that it was refused is there already.
        plan.aside.retain(|(_, entry)| !is_there(&doc, &anew, entry));
        cx.write(Write::Snapshot(doc, anew.save()));
        self.put_aside(cx, doc, plan.aside)?;
        let servers: Vec<ServerId> = self.book(cx)?.0.servers.keys().cloned().collect();
        for (server, change) in servers.iter().flat_map(|server| plan.dropped.iter().map(move |hash| (server, hash))) {
            cx.write(Write::OutboxDone(server.clone(), doc, *change));
        }
        cx.write(Write::Meta(format!("{PARKED}{server}/{doc}"), None));
        for id in plan.facts {
            match fact::read(&anew, id)? {
                Some(fact) => drop(cx.projections.put_fact(fact, doc)?),
                None => cx.projections.fact_gone(id)?,
            }
        }
        self.docs.insert(doc, anew);
        cx.touched.docs.insert(doc);
        self.refresh_view(&doc, &Stale::All)?;
        if plan.records {
            self.rebuild(cx)?;
        }
        self.write_again(cx, doc, plan.again)?;
        for (hash, entry) in plan.edits {
            let made = match &entry.edit {
                Some(edit) => self.edit_again(cx, doc, edit)?,
                None => false,
            };
            if !made {
                self.put_aside(cx, doc, vec![(hash, entry)])?;
            }
        }
        self.start_over(cx, doc);
        cx.topics.insert(Topic::Status);
        Ok(())
    }

    /// A server takes nothing of a document from this phone. Of records that it lacks, after a restore, somebody may bring
    /// back what is here; facts it has kept aside.
    pub(super) fn refused_whole(
        &mut self,
        cx: &mut Cx<'_>,
        id: LinkId,
        doc: DocRef,
        code: &str,
    ) -> Result<(), EngineError> {
        let by_server = matches!(self.links.get(&id), Some(Link { kind: LinkKind::Server(_), .. }));
        let is_of_facts = doc.kind.collections().contains(&"facts");
        let may_only_read = self.check_may_write(cx, &doc).is_err();
        match by_server && is_of_facts && may_only_read && code == ProtocolCode::ReadOnly.as_str() {
            true => self.begin_again(cx, doc),
            false => self.park(cx, id, doc, code),
        }
    }

    fn write_again(&mut self, cx: &mut Cx<'_>, doc: DocRef, again: Vec<(Fact, bool)>) -> Result<(), EngineError> {
        for (mut fact, renumbered) in again {
            if renumbered {
                let counter = self.book(cx)?.0.next_counter()?;
                fact.id = FactId { counter, ..fact.id };
                self.use_up_counter(cx, counter)?;
            }
            self.write_fact(cx, doc, fact)?;
        }
        Ok(())
    }

    /// Ends the links on which the document was talked about: neither side knows any more what the other has.
    pub(super) fn start_over(&mut self, cx: &mut Cx<'_>, doc: DocRef) {
        let on: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.docs.contains_key(&doc)).map(|(id, _)| *id).collect();
        for link in on {
            cx.effects.push(Effect::Disconnect { link });
            self.drop_link(link, cx.now, cx.rng, &DownReason::Closed);
        }
    }

    /// Writes again what of this device's own is kept because a server refused it, as far as the device may write it.
    pub(super) fn offer_again(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let own = self.book(cx)?.1.device;
        for (key, doc, entry) in all_entries(cx)? {
            if let Some(edit) = entry.edit.as_ref().filter(|_| entry.author == Some(own)) {
                if self.offer_edit(cx, doc, edit)? {
                    cx.write(Write::Meta(key, None));
                    cx.topics.insert(Topic::Status);
                }
                continue;
            }
            let is_own = |fact: &Fact| fact.device() == own && entry.author == Some(own);
            let Some(fact) = entry.fact().filter(is_own) else { continue };
            if self.check_may_write(cx, &doc).is_ok() {
                self.begin(cx, doc)?;
                self.write_fact(cx, doc, fact)?;
                cx.write(Write::Meta(key, None));
                cx.topics.insert(Topic::Status);
            }
        }
        Ok(())
    }

    /// Makes an edit again because somebody says so, whatever the record says by now; not of a record that is gone.
    fn offer_edit(&mut self, cx: &mut Cx<'_>, doc: DocRef, edit: &RecordEdit) -> Result<bool, EngineError> {
        if self.check_may_edit(cx, &doc, &edit.collection).is_err() {
            return Ok(false);
        }
        let state = match self.readable(cx, doc)? {
            Some(am) => edit.stands_in(am, &doc)?,
            None => EditState::NoRecord,
        };
        if state == EditState::NoRecord && !makes_record(edit) {
            return Ok(false);
        }
        self.write_edit(cx, doc, edit).map(|_| true)
    }
}

/// Why a document is begun anew.
struct Why<'a> {
    server: &'a ServerId,
    code: &'a str,
    roots: &'a [ChangeHash],
    since: Timestamp,
    own: DeviceId,
    may_write: bool,
    /// What changes of ours edit, as far as the server was not known to have them.
    edits: BTreeMap<ChangeHash, RecordEdit>,
}

/// The refused changes that a document holds, and all that depend on them.
fn with_dependants(am: &Automerge, roots: &[ChangeHash]) -> BTreeSet<ChangeHash> {
    let all = am.get_changes_meta(&[]);
    // A document without its first change is none.
    let mut refused: BTreeSet<ChangeHash> =
        all.iter().filter(|change| !change.deps.is_empty() && roots.contains(&change.hash)).map(|c| c.hash).collect();
    // Dependencies come first.
    for change in all {
        if change.deps.iter().any(|dep| refused.contains(dep)) {
            refused.insert(change.hash);
        }
    }
    refused
}

fn plan(doc: DocRef, am: &Automerge, refused: &BTreeSet<ChangeHash>, why: &Why<'_>) -> Plan {
    let mut plan = Plan::default();
    for change in am.get_changes(&[]) {
        let hash = change.hash();
        if !refused.contains(&hash) {
            plan.kept.extend_from_slice(change.raw_bytes());
            continue;
        }
        plan.dropped.push(hash);
        let is_root = why.roots.contains(&hash);
        let author = DeviceId::of_actor(change.actor_id());
        let appended = appended_fact(&doc, am, &change);
        let id: Option<FactId> = appended.as_ref().and_then(|(key, _)| key.parse().ok());
        plan.facts.extend(id);
        plan.records |= appended.is_none();
        let fact = id.zip(appended.as_ref()).and_then(|(id, (_, text))| Fact::from_json(id, text).ok());
        let is_own = author == Some(why.own) && id.is_some_and(|id| id.device == why.own);
        // A number that is in use, after a database was copied: what happened is told under another.
        let renumbered = is_root && why.code == ProtocolCode::FactImmutable.as_str();
        match fact {
            Some(fact) if is_own && why.may_write && (!is_root || renumbered) => {
                // It may be there twice: as it was refused, brought by somebody, and as it was written again.
                if plan.again.iter().all(|(other, _)| other.id != fact.id) {
                    plan.again.push((fact, renumbered));
                }
            }
            // Only a server writes structure: a restored one that forgot what it wrote takes that from nobody, and says it anew.
            // It is no person's work.
            _ if is_root && author != Some(why.own) && why.code == ProtocolCode::StructureForbidden.as_str() => {}
            _ => {
                let entry = entry(&change, author, (id, appended), is_root, why);
                let again = why.may_write && !is_root && entry.edit.is_some() && author == Some(why.own);
                if again { plan.edits.push((hash, entry)) } else { plan.aside.push((hash, entry)) }
            }
        }
    }
    plan
}

fn entry(
    change: &Change,
    author: Option<DeviceId>,
    (fact, appended): (Option<FactId>, Option<(String, String)>),
    is_root: bool,
    why: &Why<'_>,
) -> RefusedEntry {
    let code = if is_root { why.code } else { ProtocolCode::DependsOnRefused.as_str() };
    RefusedEntry {
        server: why.server.clone(),
        code: code.to_owned(),
        since: why.since,
        author,
        fact,
        text: appended.map(|(_, text)| text),
        edit: why.edits.get(&change.hash()).cloned(),
        change: change.raw_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests;
