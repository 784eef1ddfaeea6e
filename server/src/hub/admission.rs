//! Whether changes are let in, one by one: see [`RuleAdmission`].

mod rules;

use std::collections::HashSet;

use automerge::{Automerge, Change, ChangeHash};
use muster_model::access::Access;
use muster_model::admission::reading::Awaited;
use muster_model::document::DocRef;
use muster_model::id::DeviceId;
use muster_protocol::guard::SyncSummary;
use muster_protocol::{DocLedger, ProtocolCode};

use super::Principal;
use super::authors::Known;
pub use rules::RuleAdmission;

/// Changes that somebody wants to make, before they are applied.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Who sent them.
    pub principal: &'a Principal,
    /// The sender speaks automerge-repo and nothing of ours: its actors are drawn at random.
    pub is_stock: bool,
    /// The document.
    pub document: DocRef,
    /// What the sender may do with it.
    pub access: Access,
    /// The document without them.
    pub doc: &'a Automerge,
    /// What is known of its authors and operation numbers.
    pub ledger: &'a DocLedger,
    /// The guarded message that brings them.
    pub summary: &'a SyncSummary,
    /// The bytes that `summary` is of.
    pub data: &'a [u8],
    /// The authors other than the sender.
    pub authors: &'a Known,
    /// The server, as an author.
    pub server: DeviceId,
}

/// A change that is refused, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedChange {
    /// The change.
    pub hash: ChangeHash,
    /// Whose change it is, if that is known.
    pub author: Option<DeviceId>,
    /// The stable code.
    pub code: ProtocolCode,
}

/// What is done with changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// They are applied. Has those that are new to the document, as far as they came one by one: to judge them they had to
    /// be decoded, which is not done again to apply them.
    Admit(Vec<Change>),
    /// They go into quarantine, and nothing more is taken from this peer for this document.
    Refuse {
        /// The stable code.
        code: ProtocolCode,
        /// The reason in words, without personal data.
        reason: &'static str,
        /// The changes that it is about, if it is about some: whoever drops them and what depends on them may send the rest
        /// again.
        changes: Vec<ChangeHash>,
    },
    /// Some go into quarantine, with all that depend on them; the others are applied, and then nothing more is taken from
    /// this peer for this document.
    RefuseSome(Vec<RefusedChange>),
}

impl Decision {
    /// Nothing is taken, whatever it is.
    #[must_use]
    pub const fn refuse(code: ProtocolCode) -> Self {
        Self::Refuse { code, reason: code.remedy(), changes: Vec::new() }
    }
}

/// Decides about changes before they are applied. It runs on the document's task: keep it short. A panic costs the
/// document a reload and the sender its connection.
pub trait Admission: Send + Sync + 'static {
    /// Decides about one message. `awaited` has what was let in and may not be in the document yet; what this message
    /// brings is added to it when it is let in.
    fn check(&self, upload: &Upload<'_>, awaited: &mut Awaited) -> Decision;
}

/// The access table alone: who may write the document at all. For tests of everything else.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessAdmission;

impl Admission for AccessAdmission {
    fn check(&self, upload: &Upload<'_>, _: &mut Awaited) -> Decision {
        if upload.access.may_write() {
            let chunks = upload.summary.changes().iter().filter_map(|change| upload.data.get(change.range.clone()));
            return Decision::Admit(chunks.filter_map(|bytes| Change::from_bytes(bytes.to_vec()).ok()).collect());
        }
        Decision::refuse(ProtocolCode::ReadOnly)
    }
}

/// Changes of a message that are refused, and those that depend on them.
pub(super) fn with_dependants(summary: &SyncSummary, refused: &[RefusedChange]) -> HashSet<ChangeHash> {
    let mut all: HashSet<ChangeHash> = refused.iter().map(|change| change.hash).collect();
    loop {
        let before = all.len();
        for change in summary.changes() {
            if change.deps.iter().any(|dep| all.contains(dep)) {
                all.insert(change.hash);
            }
        }
        // Dependencies usually come first, so that the second round finds nothing more.
        if all.len() == before {
            return all;
        }
    }
}
