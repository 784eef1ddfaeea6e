//! Whether changes are let in. Today by the document as a whole; rules for each change come behind the same trait.

use automerge::Automerge;
use muster_model::access::Access;
use muster_model::document::DocRef;
use muster_protocol::ProtocolCode;
use muster_protocol::guard::SyncSummary;

use super::Principal;

/// Changes that somebody wants to make, before they are applied.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Who sent them.
    pub principal: &'a Principal,
    /// The document.
    pub document: DocRef,
    /// What the sender may do with it.
    pub access: Access,
    /// The document without them.
    pub doc: &'a Automerge,
    /// The guarded message that brings them.
    pub summary: &'a SyncSummary,
}

/// What is done with changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They are applied.
    Admit,
    /// They go into quarantine, and nothing more is taken from this peer for this document.
    Refuse {
        /// The stable code.
        code: ProtocolCode,
        /// The reason in words, without personal data.
        reason: &'static str,
    },
}

/// Decides about changes before they are applied. It runs on the document's task: keep it short. A panic costs the
/// document a reload and the sender its connection.
pub trait Admission: Send + Sync + 'static {
    /// Decides about one message.
    fn check(&self, upload: &Upload<'_>) -> Decision;
}

/// The access table: who may write the document at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessAdmission;

impl Admission for AccessAdmission {
    fn check(&self, upload: &Upload<'_>) -> Decision {
        // Facts are appended and records edited in the same kind of change; which of the two a change does is a rule for
        // each change. Here `Append` and `Edit` both let it in.
        if upload.access.may_write() {
            return Decision::Admit;
        }
        Decision::Refuse { code: ProtocolCode::ReadOnly, reason: ProtocolCode::ReadOnly.remedy() }
    }
}
