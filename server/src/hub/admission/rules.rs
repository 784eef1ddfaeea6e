//! The rules: every change is judged by its author, whoever brings it.
//!
//! The author is the device whose id begins the change's actor. The sender's own changes are judged by the role it is
//! connected in; others by the role that the database gives their author, within what [`muster_model::admission`] lets
//! somebody carry. Stock clients draw their actors at random: an actor that belongs to no device speaks for nobody but the
//! stock client that brings it.
//!
//! Each change is decoded once; nothing walks the document.

use std::collections::HashMap;

use automerge::{ActorId, Change, ChangeHash, ExpandedChange};
use muster_model::admission::reading::{Awaited, Reader};
use muster_model::admission::{Author, Operation, Refusal, Writer, judge, max_operations};
use muster_model::document::is_genesis_actor;
use muster_model::id::DeviceId;
use muster_protocol::guard::{ChangeSummary, is_in_own_form};
use muster_protocol::{ProtocolCode, load_apart};

use super::{Admission, Decision, RefusedChange, Upload, with_dependants};
use crate::hub::authors::Standing;

/// What the access table and the rules for facts and records say of each change.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleAdmission;

impl Admission for RuleAdmission {
    fn check(&self, upload: &Upload<'_>, awaited: &mut Awaited) -> Decision {
        if !upload.access.may_write() {
            return Decision::refuse(ProtocolCode::ReadOnly);
        }
        if upload.summary.has_document_chunk() {
            return whole(upload, awaited);
        }
        let mut message = Message::new(upload, awaited);
        let mut news: Vec<&ChangeSummary> = upload.summary.changes().iter().collect();
        news.retain(|summary| !upload.ledger.knows(upload.doc, &summary.hash));
        // A change begins after those that it depends on: so they come before it.
        news.sort_by_key(|summary| summary.start_op);
        for summary in news {
            message.judge_chunk(summary);
        }
        let Judged { refused, admitted, put } = message.finish();
        if refused.is_empty() {
            awaited.note(put);
            return Decision::Admit(admitted);
        }
        // What builds on a refused change is not let in either, and may come again without it.
        let without = with_dependants(upload.summary, &refused);
        awaited.note(put.into_iter().filter(|(_, by)| !without.contains(by)).collect());
        Decision::RefuseSome(refused)
    }
}

/// A message with a whole document is let in or refused as a whole: it cannot be taken apart. Whoever sent it hears which
/// changes are to blame: they may be others', and the sender has to get rid of them.
fn whole(upload: &Upload<'_>, awaited: &mut Awaited) -> Decision {
    let before = upload.doc.get_heads();
    let documents = upload.summary.chunks.documents.iter().map(|document| &document.range);
    let changes = upload.summary.changes().iter().map(|change| &change.range);
    let chunks = documents.chain(changes).filter_map(|range| upload.data.get(range.clone()));
    let bytes: Vec<u8> = chunks.flatten().copied().collect();
    let both = match load_apart(upload.doc, &bytes) {
        Ok(both) => both,
        Err(error) => return Decision::refuse(error.code()),
    };
    let mut message = Message::new(upload, awaited);
    let news = both.get_changes(&before);
    let refused: Vec<(ChangeHash, ProtocolCode)> =
        news.iter().filter_map(|change| Some((change.hash(), message.judge(&change.decode(), true).err()?))).collect();
    if let Some((_, code)) = refused.first().copied() {
        let changes = refused.into_iter().map(|(hash, _)| hash).collect();
        return Decision::Refuse { code, reason: code.remedy(), changes };
    }
    awaited.note(message.finish().put);
    Decision::Admit(Vec::new())
}

/// One message while it is judged.
struct Message<'a> {
    upload: &'a Upload<'a>,
    reader: Reader<'a>,
    refused: Vec<RefusedChange>,
    admitted: Vec<Change>,
    /// Changes of the message that are let in and wait for nothing, with their last operations.
    ready: HashMap<ChangeHash, u64>,
    highest_op: u64,
}

/// What came of it.
struct Judged {
    refused: Vec<RefusedChange>,
    admitted: Vec<Change>,
    put: Vec<(String, ChangeHash)>,
}

impl<'a> Message<'a> {
    fn new(upload: &'a Upload<'a>, awaited: &'a Awaited) -> Self {
        let reader = Reader::new(upload.doc, upload.document, awaited);
        let highest_op = upload.ledger.highest_op();
        Self { upload, reader, refused: Vec::new(), admitted: Vec::new(), ready: HashMap::new(), highest_op }
    }

    fn finish(self) -> Judged {
        Judged { refused: self.refused, admitted: self.admitted, put: self.reader.into_put() }
    }

    fn judge_chunk(&mut self, summary: &ChangeSummary) {
        let Upload { doc, ledger, .. } = self.upload;
        let is_ready = summary.deps.iter().all(|dep| self.ready.contains_key(dep) || ledger.knows(doc, dep));
        let bytes = self.upload.data.get(summary.range.clone()).unwrap_or_default();
        let first = ledger.start_after(doc, &self.ready, &summary.deps);
        let possible = first..=self.highest_op.saturating_add(1);
        let judged = if is_ready && !possible.contains(&summary.start_op) {
            // Automerge counts on from what a change depends on; one that jumps ahead would win over all that others write,
            // and with one that begins before that the document could not be loaded again. What waits for others is looked
            // at when they come, by the ledger.
            Err(ProtocolCode::GuardSequence)
        } else {
            Change::try_from(bytes).map_err(|_| ProtocolCode::SyncDecode).and_then(|change| self.take(change, is_ready))
        };
        match judged {
            Err(code) => {
                let author = DeviceId::of_actor(&ActorId::from(summary.actor.as_slice()));
                self.refused.push(RefusedChange { hash: summary.hash, author, code });
            }
            Ok(()) if is_ready => {
                let last = summary.start_op.saturating_add(summary.ops).saturating_sub(1);
                self.highest_op = self.highest_op.max(last);
                self.ready.insert(summary.hash, last);
            }
            Ok(()) => {}
        }
    }

    fn take(&mut self, change: Change, is_ready: bool) -> Result<(), ProtocolCode> {
        let written = change.decode();
        self.judge(&written, is_ready)?;
        if !is_in_own_form(written) {
            return Err(ProtocolCode::GuardMalformed);
        }
        self.admitted.push(change);
        Ok(())
    }

    /// Judges a change that `is_ready`: all that it builds on is there, or has been judged before. Then it is in no object that
    /// is not there, which Automerge would panic at (0.12 `src/op_set2/change/batch.rs`, `apply`).
    fn judge(&mut self, change: &ExpandedChange, is_ready: bool) -> Result<(), ProtocolCode> {
        let document = self.upload.document;
        let writer = self.writer(&change.actor_id)?;
        if change.operations.len() > max_operations(&document, &writer) {
            return Err(ProtocolCode::SizeLimit);
        }
        self.reader.read(change, |operation| {
            let is_nowhere = matches!(operation, Operation::EditRecord { collection: None, .. });
            if is_ready && is_nowhere {
                return Err(ProtocolCode::StructureForbidden);
            }
            judge(&document, &writer, operation).map_err(code_of)
        })
    }

    /// Whose change it is, by its actor.
    fn writer(&self, actor: &ActorId) -> Result<Writer, ProtocolCode> {
        if is_genesis_actor(actor) {
            // Ours is there already, so this begins the document in another layout.
            return Err(ProtocolCode::SchemaUnknown);
        }
        let Upload { principal, authors, server, is_stock, doc, .. } = self.upload;
        let own = Writer { author: Author::Device(principal.device, principal.role), carrier: None };
        let carrier = Some(principal.role);
        let Some(device) = DeviceId::of_actor(actor).filter(|device| *device != principal.device) else {
            return if DeviceId::of_actor(actor).is_some() || *is_stock {
                Ok(own)
            } else {
                Err(ProtocolCode::AuthorUnknown)
            };
        };
        if device == *server {
            // What we write now is stored before anybody hears of it: nobody else can have more of it than we.
            let is_ours_now = actor == doc.get_actor();
            let by_us = Writer { author: Author::Server, carrier };
            return if is_ours_now { Err(ProtocolCode::AuthorMismatch) } else { Ok(by_us) };
        }
        match authors.get(&device).copied().unwrap_or(Standing::Unknown) {
            Standing::Enrolled(role) => Ok(Writer { author: Author::Device(device, role), carrier }),
            Standing::Revoked => Err(ProtocolCode::AuthorRevoked),
            Standing::Unknown if *is_stock => Ok(own),
            Standing::Unknown => Err(ProtocolCode::AuthorUnknown),
        }
    }
}

/// The stable code of a refusal.
pub(crate) const fn code_of(refusal: Refusal) -> ProtocolCode {
    match refusal {
        Refusal::MayNotWrite => ProtocolCode::ReadOnly,
        Refusal::FactImmutable => ProtocolCode::FactImmutable,
        Refusal::FactForeign => ProtocolCode::FactForeign,
        Refusal::FactMalformed => ProtocolCode::FactMalformed,
        Refusal::FactMisplaced => ProtocolCode::FactMisplaced,
        Refusal::SchemaUnknown => ProtocolCode::SchemaUnknown,
        Refusal::FieldForbidden => ProtocolCode::FieldForbidden,
        Refusal::IdTaken => ProtocolCode::IdTaken,
        Refusal::IdMalformed => ProtocolCode::IdMalformed,
        Refusal::StructureForbidden => ProtocolCode::StructureForbidden,
        Refusal::SizeLimit => ProtocolCode::SizeLimit,
        Refusal::AuthorUnproven => ProtocolCode::AuthorUnproven,
    }
}
