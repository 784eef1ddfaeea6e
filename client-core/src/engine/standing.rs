//! What this device still is to the event: its role, whether it was revoked, and for how long it works without contact.
//!
//! - **Another role**: documents that it may not read are forgotten.
//! - **Revoked**: everything is forgotten.
//! - In both cases what was not sent is kept, handed over to the server (where it is looked at by a person, and nothing of
//!   it counts by itself), and only then forgotten too.
//! - **Lease ended**: nothing is forgotten, and nothing is told to whoever holds the device until it has met a server.

use std::collections::BTreeMap;

use automerge::{ChangeHash, ReadDoc};
use muster_model::access::Role;
use muster_model::document::DocRef;
use muster_model::fact::Fact;
use muster_model::id::{DeviceId, FactId};
use muster_model::record::RecordEdit;
use muster_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::aside::{OwnRefused, take_refused};
use super::bookkeeping::{IDENTITY, PARKED, REVOKED, put_meta};
use super::handing::HandOver;
use super::links::{Phase, waiting};
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{Effect, ServerId, Topic};
use crate::store::Write;
use crate::view::Standing;

/// Changes that were not sent, of documents that are gone: `kept/<server>/<hash>`.
pub(super) const KEPT: &str = "kept/";

/// A change that was not sent, of a document that is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(super) doc: DocRef,
    /// The change, in hexadecimal digits.
    pub(super) change: String,
    /// The fact that it appends, and what that says.
    fact: Option<(FactId, String)>,
    /// What it edits of a record.
    #[serde(default)]
    edit: Option<RecordEdit>,
}

/// By whom this device was revoked, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RevokedEntry {
    since: Timestamp,
    /// Whether there was nothing left to hand over.
    pub(super) done: bool,
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Engine {
    /// Whether this device was revoked.
    pub(super) fn is_revoked(&self) -> bool {
        self.book.as_ref().is_some_and(|book| book.revoked.is_some())
    }

    /// What this device may still do.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        let Some(book) = &self.book else { return Standing::Good };
        if let Some(revoked) = &book.revoked {
            return if revoked.done { Standing::Forgotten } else { Standing::Revoked };
        }
        if self.servers.values().any(|state| state.tokens.pending) {
            return Standing::Pending;
        }
        if self.lease_ended(now) { Standing::LeaseEnded } else { Standing::Good }
    }

    /// Whether every server's lease has ended. A clock that is set back ends none.
    fn lease_ended(&self, now: Timestamp) -> bool {
        self.lease_end().is_some_and(|end| now > end)
    }

    /// The last moment of the longest lease; `None` where one has no end.
    fn lease_end(&self) -> Option<Timestamp> {
        let end_of = |(server, entry): (&ServerId, &super::tokens::ServerEntry)| {
            let contact = self.servers.get(server)?.last_contact?;
            (entry.lease_ms > 0).then(|| contact.plus_ms(entry.lease_ms))
        };
        let ends: Option<Vec<Timestamp>> = self.book.as_ref()?.servers.iter().map(end_of).collect();
        ends?.into_iter().max()
    }

    /// When screens are to be told that the lease has ended.
    pub(super) fn sealing_time(&self) -> Option<Timestamp> {
        if self.sealed { None } else { self.lease_end().map(|end| end.plus_ms(1)) }
    }

    /// Tells every screen when a lease ends or goes on: what it may show is another.
    pub(super) fn tend_lease(&mut self, cx: &mut Cx<'_>) {
        let sealed = self.lease_ended(cx.now);
        if self.sealed != sealed {
            self.sealed = sealed;
            cx.topics.extend(Topic::ALL);
        }
    }

    /// A server was heard: a lease that had ended goes on.
    pub(super) fn heard_server(&mut self, cx: &mut Cx<'_>, server: &ServerId) {
        self.tend_lease(cx);
        if let Some(state) = self.servers.get_mut(server) {
            state.last_contact = Some(cx.now);
        }
        self.tend_lease(cx);
    }

    /// Fails unless whoever holds the device may see and do something.
    pub(crate) fn check_standing(&self, cx: &Cx<'_>) -> Result<(), EngineError> {
        match self.standing(cx.now) {
            Standing::Good | Standing::Pending => Ok(()),
            Standing::LeaseEnded => Err(EngineError::LeaseEnded),
            Standing::Revoked | Standing::Forgotten => Err(EngineError::Revoked),
        }
    }

    /// This device has another role from now on.
    pub(super) fn change_role(&mut self, cx: &mut Cx<'_>, role: Role) -> Result<(), EngineError> {
        let mut identity = self.book(cx)?.1.clone();
        tracing::info!(from = %identity.role.kind(), to = %role.kind(), "this device has another role");
        identity.role = role;
        put_meta(cx, IDENTITY, &identity)?;
        self.book_mut()?.identity = Some(identity);
        let mut lost = Vec::new();
        for size in cx.store.documents()? {
            // What was not sent of a document that is only to be read would stand here alone for ever: that comes anew.
            let access = role.access(&size.doc);
            if !access.may_read() || (!access.may_write() && self.has_unsent(cx, &size.doc)?) {
                lost.push(size.doc);
            }
        }
        self.forget_documents(cx, &lost)?;
        for size in cx.store.documents()?.into_iter().filter(|size| !lost.contains(&size.doc)) {
            self.review_later(cx, size.doc)?;
        }
        (self.event, self.program, self.rooms) = (None, None, None);
        self.last_scans.clear();
        self.jobs_known = false;
        // On open links the server speaks to the old role: begin again.
        for state in self.servers.values_mut() {
            if let Phase::Open { link } | Phase::Dialling { link, .. } = state.phase {
                cx.effects.push(Effect::Disconnect { link });
                self.links.remove(&link);
                state.phase = waiting(cx.now, 0);
            }
        }
        self.find_held(cx)?;
        cx.topics.extend(Topic::ALL);
        Ok(())
    }

    /// Whether some server is not known to have all that was written here.
    fn has_unsent(&self, cx: &Cx<'_>, doc: &DocRef) -> Result<bool, EngineError> {
        for server in self.servers.keys() {
            if !cx.store.outbox(server, doc)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Forgets documents, with what lists and search know of them; what was not sent is kept.
    fn forget_documents(&mut self, cx: &mut Cx<'_>, lost: &[DocRef]) -> Result<(), EngineError> {
        if lost.is_empty() {
            return Ok(());
        }
        let (role, own) = (self.book(cx)?.1.role, self.book(cx)?.1.device);
        let here: Vec<DocRef> = cx.store.documents()?.into_iter().map(|size| size.doc).collect();
        for doc in lost {
            self.keep_unsent(cx, *doc)?;
            if !role.access(doc).may_read() {
                self.keep_refused(cx, *doc, own)?;
            }
            self.drop_document(cx, *doc)?;
        }
        // What stays is listed anew, piece by piece.
        cx.write(Write::ClearProjections);
        for doc in here.into_iter().filter(|doc| !lost.contains(doc)) {
            self.list_anew(cx, doc)?;
        }
        // The numbers of the old actor are taken by changes that are not here any more.
        self.session = None;
        Ok(())
    }

    /// A server refuses to be told anything of a document that this role may only read. So what is here and not there, which
    /// other phones brought, stays nowhere: the document comes anew.
    pub(super) fn begin_again(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        tracing::warn!(%doc, "a server refused something of a document that may only be read: it is fetched anew");
        self.start_over(cx, doc);
        self.forget_documents(cx, &[doc])?;
        (self.event, self.program, self.rooms) = (None, None, None);
        self.find_held(cx)?;
        cx.topics.extend(Topic::ALL);
        Ok(())
    }

    fn drop_document(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        cx.write(Write::ForgetDocument(doc));
        self.purge_later(cx)?;
        self.forget_job(cx, doc);
        self.docs.remove(&doc);
        self.unusable.remove(&doc);
        for (key, _) in cx.store.meta_with_prefix(PARKED)? {
            if key.ends_with(&format!("/{doc}")) {
                cx.write(Write::Meta(key, None));
            }
        }
        for link in self.links.values_mut() {
            link.docs.remove(&doc);
        }
        Ok(())
    }

    /// Puts what no server is known to have of a document where it survives the document.
    fn keep_unsent(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        let servers: Vec<ServerId> = self.servers.keys().cloned().collect();
        for server in servers {
            let rows = cx.store.outbox(&server, &doc)?;
            if rows.is_empty() {
                continue;
            }
            let mut changes: BTreeMap<ChangeHash, Vec<u8>> = BTreeMap::new();
            match self.doc(cx, doc) {
                Ok(am) => {
                    let found = rows.iter().filter_map(|row| Some((row.change, am.get_change_by_hash(&row.change)?)));
                    changes.extend(found.map(|(hash, change)| (hash, change.raw_bytes().to_vec())));
                }
                Err(EngineError::Document { document, source }) => {
                    tracing::warn!(%document, error = %source, "unsent changes of a damaged document cannot be kept");
                }
                Err(error) => return Err(error),
            }
            for row in rows {
                let Some(bytes) = changes.get(&row.change) else { continue };
                let fact = match row.fact {
                    Some(id) => cx.store.fact(id)?.map(|row| row.fact.to_json()).transpose()?.map(|json| (id, json)),
                    None => None,
                };
                let edit = row.edit.map(|unsent| unsent.edit);
                let kept = Kept { doc, change: to_hex(bytes), fact, edit };
                put_meta(cx, &format!("{KEPT}{server}/{}", to_hex(&row.change.0)), &kept)?;
                self.hand_over_at(&server, cx.now, 0);
            }
        }
        Ok(())
    }

    /// What was refused of a document is not to be seen any more than that, and nobody here would hear that it was accepted.
    fn keep_refused(&mut self, cx: &mut Cx<'_>, doc: DocRef, own: DeviceId) -> Result<(), EngineError> {
        for OwnRefused { server, change: (hash, change), fact, edit } in take_refused(cx, doc, own)? {
            put_meta(cx, &format!("{KEPT}{server}/{hash}"), &Kept { doc, change, fact, edit })?;
            self.hand_over_at(&server, cx.now, 0);
        }
        Ok(())
    }

    pub(super) fn hand_over_at(&mut self, server: &ServerId, now: Timestamp, ms: i64) {
        if let Some(state) = self.servers.get_mut(server) {
            state.hand_over = HandOver::Waiting { since: now, at: now.plus_ms(ms) };
        }
    }

    /// The server says that this device was revoked: everything is forgotten but what was not sent.
    pub(super) fn revoked(&mut self, cx: &mut Cx<'_>, server: &ServerId) -> Result<(), EngineError> {
        tracing::warn!(%server, "this device was revoked");
        let own = self.book(cx)?.1.device;
        for size in cx.store.documents()? {
            self.keep_unsent(cx, size.doc)?;
            self.keep_refused(cx, size.doc, own)?;
        }
        let written = std::mem::take(&mut cx.batch.writes);
        let kept = written.into_iter().filter(|write| matches!(write, Write::Meta(key, _) if key.starts_with(KEPT)));
        let kept: Vec<Write> = kept.collect();
        let before = cx.store.meta_with_prefix(KEPT)?;
        cx.write(Write::Wipe);
        for (key, value) in before {
            cx.write(Write::Meta(key, Some(value)));
        }
        cx.batch.writes.extend(kept);
        let entry = RevokedEntry { since: cx.now, done: false };
        put_meta(cx, REVOKED, &entry)?;
        let book = self.book_mut()?;
        book.revoked = Some(entry);
        // Who we were and how to reach the server is needed to hand over.
        let (identity, servers) = (book.identity.clone(), book.servers.clone());
        if let Some(identity) = identity {
            put_meta(cx, IDENTITY, &identity)?;
        }
        for (id, entry) in &servers {
            put_meta(cx, &format!("{}{id}", super::bookkeeping::SERVERS), entry)?;
        }
        self.empty_memory(cx);
        self.finish_revocation(cx)
    }

    /// Nothing of the event may stay in memory either.
    fn empty_memory(&mut self, cx: &mut Cx<'_>) {
        cx.projections = crate::projection::Projections::new(cx.store);
        cx.speak.clear();
        self.docs.clear();
        self.unusable.clear();
        self.epochs = super::epochs::EpochBook::default();
        (self.event, self.program, self.rooms) = (None, None, None);
        self.held.clear();
        self.by_id.clear();
        self.last_scans.clear();
        self.jobs.clear();
        for link in std::mem::take(&mut self.links).into_keys() {
            cx.effects.push(Effect::Disconnect { link });
        }
        for state in self.servers.values_mut() {
            state.phase = Phase::Unauthorized;
        }
        cx.topics.extend(Topic::ALL);
    }

    /// When nothing is left to hand over, who we were goes too: the database can be enrolled anew.
    pub(super) fn finish_revocation(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let waits = self.servers.values().any(|state| state.hand_over != HandOver::Nothing);
        let Some(entry) = self.book_mut()?.revoked.clone().filter(|entry| !waits && !entry.done) else {
            return Ok(());
        };
        let entry = RevokedEntry { done: true, ..entry };
        cx.write(Write::Wipe);
        put_meta(cx, REVOKED, &entry)?;
        let book = self.book_mut()?;
        *book = super::bookkeeping::Bookkeeping { revoked: Some(entry), ..Default::default() };
        self.servers.clear();
        cx.topics.insert(Topic::Status);
        Ok(())
    }

    /// How many edits are kept of documents that are gone.
    pub(crate) fn kept_edits(&self, cx: &Cx<'_>) -> Result<u64, EngineError> {
        let mut kept = std::collections::BTreeSet::new();
        for (key, value) in cx.store.meta_with_prefix(KEPT)? {
            let edits = serde_json::from_slice::<Kept>(&value).is_ok_and(|kept| kept.edit.is_some());
            // One for each server: the change is the same.
            kept.extend(key.rsplit_once('/').filter(|_| edits).map(|(_, hash)| hash.to_owned()));
        }
        Ok(u64::try_from(kept.len()).unwrap_or(u64::MAX))
    }

    /// The facts that are kept of documents that are gone.
    pub(crate) fn kept_facts(&self, cx: &Cx<'_>) -> Result<Vec<Fact>, EngineError> {
        let kept = cx.store.meta_with_prefix(KEPT)?;
        let facts = kept.into_iter().filter_map(|(_, value)| {
            let (id, json) = serde_json::from_slice::<Kept>(&value).ok()?.fact?;
            Fact::from_json(id, &json).ok()
        });
        let mut facts: Vec<Fact> = facts.collect();
        facts.sort_by_key(|fact| fact.id);
        facts.dedup_by_key(|fact| fact.id);
        Ok(facts)
    }
}
