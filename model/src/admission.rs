//! Admission: whether an author may do what a change does.
//!
//! [`reading`] finds out what a change does, operation by operation, from its bytes and the document it is for.
//! [`judge`] says of each operation whether its author may do it: a pure function of the access table, the document's
//! name and the operation. Nobody's claim counts but the author's, and an author is what the change's actor says it is.
//!
//! Changes are not signed. Whoever carries somebody else's change could have made it up, so two more rules hold for
//! carried changes: a fact is under its author's id, as always, and a record edit must be one that the carrier could make
//! too. What can be made up then is what the carrier may do anyway, and facts under another's name.

pub mod reading;

use crate::access::{Access, Role};
use crate::document::{DocKind, DocRef};
use crate::fact::{Fact, FactBody, FactError, MAX_FACT_BYTES};
use crate::id::{AttendeeId, DeviceId, FactId, PresenterId};

/// The most bytes of one value in a record.
pub const MAX_VALUE_BYTES: usize = 64 << 10;

/// The most bytes of a key.
pub const MAX_KEY_BYTES: usize = 256;

/// How deep lists and maps may stand within each other in a record.
pub const MAX_DEPTH: usize = 16;

/// The most operations of a change whose author only appends facts. A phone's changes have one.
pub const MAX_APPENDS: usize = 1_000;

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The server itself: an import, an edit by its API, an entry of the quarantine that was accepted.
    Server,
    /// An enrolled device, in the role it has now.
    Device(DeviceId, Role),
}

/// Who made a change, and who brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    /// Who made it.
    pub author: Author,
    /// The role of the device that brings it, if that is not the author.
    pub carrier: Option<Role>,
}

/// What one operation of a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    /// Puts something under a key of `facts`.
    PutFact {
        /// The key.
        key: &'a str,
        /// The text put there; `None` if it is no text.
        text: Option<&'a str>,
        /// The document holds something under this key, or the operation says that it replaces something.
        taken: bool,
    },
    /// Deletes a fact, or counts it up, or does anything to it but put it.
    AlterFact,
    /// Puts a map under a key of a collection.
    PutRecord {
        /// The collection.
        collection: &'a str,
        /// The record's key.
        key: &'a str,
        /// The document holds a record under this key, and the operation does not know of it.
        taken: bool,
    },
    /// Deletes a record.
    DeleteRecord {
        /// The collection.
        collection: &'a str,
    },
    /// Changes something within a record.
    EditRecord {
        /// The collection; `None` if what the edit is in was made by a change that is not here yet.
        collection: Option<&'a str>,
        /// What the edit is in was made by the author.
        in_own: bool,
        /// Bytes of the key and of the value.
        bytes: (usize, usize),
        /// How deep in the record it is, from 0.
        depth: usize,
    },
    /// Anything else: a key of the document itself, a value in the place of a record.
    Structure,
}

/// Why an operation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// The author may not write the document.
    MayNotWrite,
    /// A fact is there already, or is to be changed or deleted.
    FactImmutable,
    /// A fact under the id of a device that is not its author, or about somebody whom only they may speak for.
    FactForeign,
    /// Not the JSON of a fact under the id of a fact.
    FactMalformed,
    /// A fact of a kind that belongs in another document.
    FactMisplaced,
    /// A fact of a later version.
    SchemaUnknown,
    /// A record or a field that the author may not edit.
    FieldForbidden,
    /// A new record under an id that another has.
    IdTaken,
    /// A new record under what is no id.
    IdMalformed,
    /// Something outside of the document's collections and records.
    StructureForbidden,
    /// A value, a key or the whole change is too large.
    SizeLimit,
    /// A record edit that its carrier could not make, so that nobody vouches for its author.
    AuthorUnproven,
}

/// Whether an operation is let in.
///
/// # Errors
/// Why it is not.
pub fn judge(document: &DocRef, writer: &Writer, operation: &Operation<'_>) -> Result<(), Refusal> {
    let access = match writer.author {
        Author::Server => Access::Edit,
        Author::Device(_, role) => role.access(document),
    };
    if !access.may_write() {
        return Err(Refusal::MayNotWrite);
    }
    match *operation {
        Operation::PutFact { key, text, taken } => judge_fact(document, writer, access, (key, text, taken)),
        Operation::AlterFact => Err(Refusal::FactImmutable),
        Operation::PutRecord { collection, key, taken } => {
            may_edit(document, writer, |access| edits_in(access, Some(collection), false))?;
            judge_key(document.kind, collection, key)?;
            if taken && !has_one_record(document.kind, collection) { Err(Refusal::IdTaken) } else { Ok(()) }
        }
        Operation::DeleteRecord { .. } => may_edit(document, writer, |access| access == Access::Edit),
        Operation::EditRecord { collection, in_own, bytes: (key, value), depth } => {
            may_edit(document, writer, |access| edits_in(access, collection, in_own))?;
            let fits = key <= MAX_KEY_BYTES && value <= MAX_VALUE_BYTES && depth <= MAX_DEPTH;
            if fits { Ok(()) } else { Err(Refusal::SizeLimit) }
        }
        Operation::Structure => Err(Refusal::StructureForbidden),
    }
}

/// How many operations a change of this author may have in this document; the guard has limits for all.
#[must_use]
pub fn max_operations(document: &DocRef, writer: &Writer) -> usize {
    let access = match writer.author {
        Author::Server => Access::Edit,
        Author::Device(_, role) => role.access(document),
    };
    match access {
        Access::Append | Access::AppendOwn | Access::AppendOwnBlind => MAX_APPENDS,
        _ => usize::MAX,
    }
}

/// Whether the author may make a record edit, and the carrier could.
fn may_edit(document: &DocRef, writer: &Writer, allows: impl Fn(Access) -> bool) -> Result<(), Refusal> {
    if let Author::Device(_, role) = writer.author
        && !allows(role.access(document))
    {
        return Err(Refusal::FieldForbidden);
    }
    match writer.carrier {
        Some(carrier) if !allows(carrier.access(document)) => Err(Refusal::AuthorUnproven),
        _ => Ok(()),
    }
}

/// Whether an access allows edits in a collection. Who edits their own needs makes nothing outside of them, so what they
/// made is in them.
fn edits_in(access: Access, collection: Option<&str>, in_own: bool) -> bool {
    match (access, collection) {
        (_, Some(collection)) => access.edits(collection),
        (Access::EditOwnNeeds, None) => in_own,
        (_, None) => access == Access::Edit,
    }
}

fn judge_fact(
    document: &DocRef,
    writer: &Writer,
    access: Access,
    (key, text, taken): (&str, Option<&str>, bool),
) -> Result<(), Refusal> {
    if matches!(access, Access::EditOwnNeeds) {
        return Err(Refusal::FieldForbidden);
    }
    if taken {
        return Err(Refusal::FactImmutable);
    }
    let id: FactId = key.parse().map_err(|_| Refusal::FactMalformed)?;
    match writer.author {
        Author::Device(device, _) if id.device != device => return Err(Refusal::FactForeign),
        // The server writes facts of others when a coordinator accepts them; only a coordinator can vouch for that.
        Author::Server if writer.carrier.is_some_and(|carrier| carrier != Role::Coordinator) => {
            return Err(Refusal::AuthorUnproven);
        }
        _ => {}
    }
    let text = text.ok_or(Refusal::FactMalformed)?;
    if text.len() > MAX_FACT_BYTES {
        return Err(Refusal::SizeLimit);
    }
    let fact = Fact::from_json(id, text).map_err(|error| match error {
        FactError::TooLong => Refusal::SizeLimit,
        FactError::Malformed => Refusal::FactMalformed,
    })?;
    if !belongs(document.kind, &fact.body)? {
        return Err(Refusal::FactMisplaced);
    }
    match writer.author {
        Author::Device(device, role) => judge_person(access, (device, role), &fact.body),
        Author::Server => Ok(()),
    }
}

fn belongs(kind: DocKind, body: &FactBody) -> Result<bool, Refusal> {
    match (body.document(), body) {
        (Some(of), _) => Ok(of == kind),
        // Where what it takes back is. That may not have arrived yet.
        (None, FactBody::Undo { .. }) => Ok(matches!(kind, DocKind::Checkins | DocKind::Rooms | DocKind::Arrivals)),
        (None, _) => Err(Refusal::SchemaUnknown),
    }
}

/// Whether the author may say this of whom it is about.
fn judge_person(access: Access, (device, role): (DeviceId, Role), body: &FactBody) -> Result<(), Refusal> {
    let own: Option<PresenterId> = match role {
        Role::Presenter(own) => Some(own),
        _ => None,
    };
    let only_own = matches!(access, Access::AppendOwn | Access::AppendOwnBlind);
    let allowed = match body {
        FactBody::Arrival { presenter, own: said_so } => {
            // Only they can say that they said so.
            if *said_so || only_own { *said_so && own == Some(*presenter) } else { true }
        }
        FactBody::Undo { fact, .. } => !only_own || fact.device == device,
        _ => !only_own,
    };
    if allowed { Ok(()) } else { Err(Refusal::FactForeign) }
}

/// Collections that hold one record, under the key `main`: whoever makes it makes the same.
const fn has_one_record(kind: DocKind, collection: &str) -> bool {
    match kind {
        DocKind::Event => matches!(collection.as_bytes(), b"event"),
        DocKind::Presenter => matches!(collection.as_bytes(), b"needs" | b"honorarium"),
        _ => false,
    }
}

/// Collections whose records this program does not know yet; their keys are short plain words.
const fn has_free_keys(kind: DocKind, collection: &str) -> bool {
    match kind {
        DocKind::Plan | DocKind::Budget | DocKind::Survey => true,
        DocKind::Event => matches!(collection.as_bytes(), b"team" | b"ticket_keys" | b"withdrawn_tickets"),
        _ => false,
    }
}

fn judge_key(kind: DocKind, collection: &str, key: &str) -> Result<(), Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_id = if has_one_record(kind, collection) {
        key == "main"
    } else if has_free_keys(kind, collection) {
        !key.is_empty() && key.len() <= 64 && key.bytes().all(plain)
    } else {
        // All record ids are written alike.
        key.parse::<AttendeeId>().is_ok()
    };
    if is_id { Ok(()) } else { Err(Refusal::IdMalformed) }
}

#[cfg(test)]
mod tests;
