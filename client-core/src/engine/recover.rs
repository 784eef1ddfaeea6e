//! What a server refused: put aside where somebody can see it, and the document begun anew without it.
//!
//! A server takes nothing more of a document on a connection on which it refused a change. So the phone drops the refused
//! changes and all that depend on them from its copy, writes under a new actor from then on, says again what of its own was
//! only in bad company, and connects anew. What was refused stays in the store, with the code, until it comes back from the
//! server because somebody there accepted it.

use std::collections::BTreeSet;

use automerge::{Automerge, Change, ChangeHash, ReadDoc};
use muster_model::admission::reading::appended_fact;
use muster_model::document::{self, DocRef};
use muster_model::erasure::Erasure;
use muster_model::fact::{self, Fact};
use muster_model::id::{DeviceId, FactId};
use muster_model::time::Timestamp;
use muster_protocol::ProtocolCode;
use muster_protocol::guard::SyncSummary;
use serde::{Deserialize, Serialize};

use super::bookkeeping::{PARKED, put_meta};
use super::links::{Link, LinkKind};
use super::views::Stale;
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{DownReason, Effect, LinkId, ServerId, Topic};
use crate::store::{StoreError, Write};
use crate::view::RefusedWork;

const REFUSED: &str = "refused/";

/// Refused changes of others that are kept of one document. The server has them too.
const MAX_FOREIGN: usize = 1_000;

/// A refused change, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RefusedEntry {
    server: ServerId,
    code: String,
    since: Timestamp,
    author: Option<DeviceId>,
    /// The fact that it appends, if it does nothing else.
    fact: Option<FactId>,
    text: Option<String>,
    /// The change, in hexadecimal digits.
    change: String,
}

impl RefusedEntry {
    /// The fact, if it reads.
    fn fact(&self) -> Option<Fact> {
        Fact::from_json(self.fact?, self.text.as_deref()?).ok()
    }
}

/// What is dropped from a document, and what of it is written again.
#[derive(Default)]
struct Plan {
    kept: Vec<u8>,
    /// Facts of ours to be written again; whether under a new number.
    again: Vec<(Fact, bool)>,
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
        let why = Why { server: &server, code, roots, since: cx.now, own, may_write };
        let mut plan = plan(doc, am, &refused, &why);
        tracing::warn!(%doc, code, dropped = plan.dropped.len(), again = plan.again.len(), "a server refused changes");
        // The old actor's numbers are taken by what was refused.
        self.session = None;
        let actor = self.actor(cx)?;
        let damaged = |source| EngineError::Document { document: doc, source };
        let mut anew = document::load(&[], actor).map_err(damaged)?;
        anew.load_incremental(&plan.kept).map_err(|error| damaged(error.into()))?;
        // What somebody accepted before we heard that it was refused is there already.
        plan.aside.retain(|(_, entry)| !is_there(&anew, entry));
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

    fn put_aside(
        &mut self,
        cx: &mut Cx<'_>,
        doc: DocRef,
        aside: Vec<(ChangeHash, RefusedEntry)>,
    ) -> Result<(), EngineError> {
        let own = self.book(cx)?.1.device;
        let is_foreign = |entry: &RefusedEntry| entry.author != Some(own);
        let mut foreign = entries(cx, &doc)?.iter().filter(|(_, entry)| is_foreign(entry)).count();
        for (hash, entry) in aside {
            foreign += usize::from(is_foreign(&entry));
            if foreign > MAX_FOREIGN && is_foreign(&entry) {
                tracing::warn!(%doc, "too many refused changes of others: one is left to the server");
                continue;
            }
            put_meta(cx, &format!("{REFUSED}{doc}/{hash}"), &entry)?;
        }
        Ok(())
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

    /// Whether a fact is kept here because a server refused it.
    pub(super) fn is_refused(cx: &Cx<'_>, fact: FactId) -> Result<bool, EngineError> {
        Ok(all_entries(cx)?.iter().any(|(_, _, entry)| entry.fact == Some(fact)))
    }

    /// What servers refused and is kept here.
    pub(crate) fn refused_work(&self, cx: &Cx<'_>) -> Result<Vec<RefusedWork>, EngineError> {
        let work = |(_, document, entry): (String, DocRef, RefusedEntry)| {
            let fact = entry.fact();
            let RefusedEntry { server, code, since, author, .. } = entry;
            RefusedWork { document, server, code, author, fact, since }
        };
        Ok(all_entries(cx)?.into_iter().map(work).collect())
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
            _ => plan.aside.push((hash, entry(&change, author, (id, appended), is_root, why))),
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
        change: change.raw_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn entries(cx: &Cx<'_>, doc: &DocRef) -> Result<Vec<(String, RefusedEntry)>, StoreError> {
    let all = cx.store.meta_with_prefix(&format!("{REFUSED}{doc}/"))?;
    Ok(all.into_iter().filter_map(|(key, value)| Some((key, serde_json::from_slice(&value).ok()?))).collect())
}

/// Everything that is kept because a server refused it, with its key and its document.
fn all_entries(cx: &Cx<'_>) -> Result<Vec<(String, DocRef, RefusedEntry)>, StoreError> {
    let read = |(key, value): (String, Vec<u8>)| {
        let (doc, _) = key.strip_prefix(REFUSED)?.rsplit_once('/')?;
        let doc = doc.parse().ok()?;
        Some((key, doc, serde_json::from_slice(&value).ok()?))
    };
    Ok(cx.store.meta_with_prefix(REFUSED)?.into_iter().filter_map(read).collect())
}

/// What this device wrote and a server refused.
pub(super) struct OwnRefused {
    pub(super) server: ServerId,
    /// The change's hash and the change, in hexadecimal digits.
    pub(super) change: (String, String),
    pub(super) fact: Option<(FactId, String)>,
}

/// Removes what is kept of a document because a server refused it; gives what of that is our own.
pub(super) fn take_refused(cx: &mut Cx<'_>, doc: DocRef, own: DeviceId) -> Result<Vec<OwnRefused>, EngineError> {
    let mut taken = Vec::new();
    for (key, entry) in entries(cx, &doc)? {
        if entry.author == Some(own) && !entry.change.is_empty() {
            let hash = key.rsplit_once('/').map(|(_, hash)| hash.to_owned()).unwrap_or_default();
            let (change, fact) = ((hash, entry.change), entry.fact.zip(entry.text));
            taken.push(OwnRefused { server: entry.server, change, fact });
        }
        cx.write(Write::Meta(key, None));
    }
    Ok(taken)
}

/// Whether a message brings what a server refused.
pub(super) fn brings_refused(cx: &Cx<'_>, doc: DocRef, summary: &SyncSummary) -> Result<bool, StoreError> {
    if !summary.has_changes() {
        return Ok(false);
    }
    let prefix = format!("{REFUSED}{doc}/");
    let refused = cx.store.meta_with_prefix(&prefix)?;
    let hashes: BTreeSet<&str> = refused.iter().filter_map(|(key, _)| key.strip_prefix(&prefix)).collect();
    Ok(!hashes.is_empty() && summary.changes().iter().any(|change| hashes.contains(change.hash.to_string().as_str())))
}

/// A document was begun anew to forget somebody: what was refused of it forgets them too. Of others' work a server keeps
/// what may be kept.
pub(super) fn strike(cx: &mut Cx<'_>, doc: DocRef, own: DeviceId, erasure: &Erasure) -> Result<(), EngineError> {
    for (key, mut entry) in entries(cx, &doc)? {
        if entry.author != Some(own) {
            cx.write(Write::Meta(key, None));
            continue;
        }
        entry.text = entry.text.map(|text| erasure.of_fact(&text, false));
        entry.change.clear();
        put_meta(cx, &key, &entry)?;
    }
    Ok(())
}

/// Strikes off what was refused once and is in the document now: somebody accepted it.
pub(super) fn unpark(cx: &mut Cx<'_>, doc: DocRef, am: &Automerge) -> Result<(), EngineError> {
    let entries = entries(cx, &doc)?;
    if entries.is_empty() {
        return Ok(());
    }
    for (key, entry) in entries {
        if is_there(am, &entry) {
            cx.write(Write::Meta(key, None));
            cx.topics.insert(Topic::Status);
        }
    }
    Ok(())
}

/// Whether a document has the fact of a refused change, as that says it.
fn is_there(am: &Automerge, entry: &RefusedEntry) -> bool {
    let (Ok(facts), Some(id)) = (document::collection(am, "facts"), entry.fact) else { return false };
    let there = am.get(&facts, id.to_string()).ok().flatten();
    let there = there.as_ref().and_then(|(value, _)| value.as_str());
    there.is_some() && there == entry.text.as_deref()
}

#[cfg(test)]
mod tests;
