//! Documents: their kinds, ids, first change and version.
//!
//! Every replica can compute the id of a document from the event's id, and makes the same first change (the
//! *genesis*), so replicas that create a document apart from each other still merge: they share its collections.

use std::fmt;
use std::str::FromStr;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{AttendeeId, EventId, PresenterId, text_serde};

/// The version of the documents' layout that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// How many attendees one shard holds before the next is begun.
///
/// Measured with automerge 0.12: a remote change costs 0.3 ms in a document of 5,000 attendees and 1 ms at 20,000.
pub const SHARD_ATTENDEES: usize = 5_000;

/// The most shards an event may have: a million attendees in all.
pub const MAX_SHARDS: u16 = 200;

/// The actor of every genesis change.
const GENESIS_ACTOR: [u8; 16] = *b"muster genesis 1";

/// What a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocKind {
    /// Name, format, goals, dates, zone, languages, currency, checkpoints, team; keys of tickets, tickets withdrawn.
    Event,
    /// Rooms, tracks, sessions, public presenter profiles.
    Program,
    /// Tasks, venues, contracts, catering, materials, invitations.
    Plan,
    /// Budget lines, quotes, commitments, payments.
    Budget,
    /// The door minimum per attendee.
    Roster,
    /// E-mail, phone, dietary and access needs per attendee.
    Contacts,
    /// Check-in, exit, undo, walk-in and resolution facts.
    Checkins,
    /// Readiness templates; observations and incidents.
    Rooms,
    /// Who has arrived.
    Arrivals,
    /// One presenter's travel, hotel, honorarium, aids, needs and contacts.
    Presenter,
    /// Survey forms.
    Survey,
    /// Survey answers.
    Answers,
}

impl DocKind {
    /// All kinds, in the order of the access table.
    pub const ALL: [Self; 12] = [
        Self::Event,
        Self::Program,
        Self::Plan,
        Self::Budget,
        Self::Roster,
        Self::Contacts,
        Self::Checkins,
        Self::Rooms,
        Self::Arrivals,
        Self::Presenter,
        Self::Survey,
        Self::Answers,
    ];

    /// The name in ids, on the wire and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Program => "program",
            Self::Plan => "plan",
            Self::Budget => "budget",
            Self::Roster => "roster",
            Self::Contacts => "contacts",
            Self::Checkins => "checkins",
            Self::Rooms => "rooms",
            Self::Arrivals => "arrivals",
            Self::Presenter => "presenter",
            Self::Survey => "survey",
            Self::Answers => "answers",
        }
    }

    /// The maps that the genesis creates at the document's root.
    #[must_use]
    pub const fn collections(self) -> &'static [&'static str] {
        match self {
            Self::Event => &["event", "checkpoints", "team", "ticket_keys", "withdrawn_tickets"],
            Self::Program => &["rooms", "tracks", "sessions", "presenters"],
            Self::Plan => &["tasks", "venues", "contracts", "catering", "materials", "invitations"],
            Self::Budget => &["lines", "quotes", "commitments", "payments"],
            Self::Roster => &["attendees"],
            Self::Contacts => &["contacts"],
            Self::Checkins | Self::Arrivals | Self::Answers => &["facts"],
            Self::Rooms => &["templates", "facts"],
            Self::Presenter => &["travel", "hotels", "honorarium", "aids", "needs", "contacts"],
            Self::Survey => &["forms"],
        }
    }

    /// The collection of this name, if the kind has it.
    #[must_use]
    pub fn collection_named(self, name: &str) -> Option<&'static str> {
        self.collections().iter().copied().find(|collection| *collection == name)
    }

    /// How the kind is divided into documents.
    #[must_use]
    pub const fn division(self) -> Division {
        match self {
            Self::Roster | Self::Contacts | Self::Checkins | Self::Answers => Division::Shards,
            Self::Presenter => Division::Presenters,
            _ => Division::Whole,
        }
    }
}

impl fmt::Display for DocKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a kind of document is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// One document an event.
    Whole,
    /// One document a shard of attendees.
    Shards,
    /// One document a presenter.
    Presenters,
}

/// Which of the documents of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The only one.
    Whole,
    /// The one of this shard, from 0.
    Shard(u16),
    /// The one of this presenter.
    Presenter(PresenterId),
}

/// A document of an event: its kind and part, written `kind`, `kind/07` or `presenter/<id>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocRef {
    /// What it holds.
    pub kind: DocKind,
    /// Which of its kind.
    pub part: Part,
}

/// A text that names no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a document: expected a kind such as program, a shard such as roster/00, or presenter/<id>")]
pub struct DocRefError;

impl DocRef {
    /// The only document of a kind that is not divided.
    #[must_use]
    pub const fn whole(kind: DocKind) -> Self {
        Self { kind, part: Part::Whole }
    }

    /// A shard of a kind that is divided by attendees.
    #[must_use]
    pub const fn shard(kind: DocKind, shard: u16) -> Self {
        Self { kind, part: Part::Shard(shard) }
    }

    /// A presenter's logistics.
    #[must_use]
    pub const fn presenter(id: PresenterId) -> Self {
        Self { kind: DocKind::Presenter, part: Part::Presenter(id) }
    }

    /// The document's id in its first epoch: UUIDv5 (RFC 9562) of its name in the event's id as namespace.
    #[must_use]
    pub fn id(&self, event: EventId) -> DocId {
        self.id_in(event, 0)
    }

    /// The document's id in an [epoch](crate::epoch): each has its own.
    #[must_use]
    pub fn id_in(&self, event: EventId, epoch: u32) -> DocId {
        let name = if epoch == 0 { self.to_string() } else { format!("{self}#{epoch}") };
        DocId(Uuid::new_v5(event.uuid(), name.as_bytes()).into_bytes())
    }
}

impl fmt::Display for DocRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Whole => write!(f, "{}", self.kind),
            Part::Shard(shard) => write!(f, "{}/{shard:02}", self.kind),
            Part::Presenter(id) => write!(f, "{}/{id}", self.kind),
        }
    }
}

impl FromStr for DocRef {
    type Err = DocRefError;

    fn from_str(text: &str) -> Result<Self, DocRefError> {
        let (name, part) = text.split_once('/').map_or((text, None), |(name, part)| (name, Some(part)));
        let kind = DocKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(DocRefError)?;
        let part = match (kind.division(), part) {
            (Division::Whole, None) => Part::Whole,
            (Division::Shards, Some(part)) => Part::Shard(part.parse().map_err(|_| DocRefError)?),
            (Division::Presenters, Some(part)) => Part::Presenter(part.parse().map_err(|_| DocRefError)?),
            _ => return Err(DocRefError),
        };
        let parsed = Self { kind, part };
        if parsed.to_string() == text { Ok(parsed) } else { Err(DocRefError) }
    }
}

text_serde!(DocRef);

/// The 16-byte id of a document, as the wire carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocId([u8; 16]);

impl DocId {
    /// The id of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// In hexadecimal digits; the wire writes it in base58check.
impl fmt::Debug for DocId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Its bytes or its structure are not those of an Automerge document.
    #[error("the document is damaged")]
    Damaged(#[source] Box<AutomergeError>),
    /// It is written in a layout that this program does not know.
    #[error("the document has schema version {found}, this program knows {SCHEMA_VERSION}: update the program")]
    Newer {
        /// The version found.
        found: u32,
    },
    /// A collection of its kind is missing, so it did not begin with the genesis.
    #[error("the document has no collection {collection}: it was not begun by Muster")]
    NotGenesis {
        /// The collection looked for.
        collection: &'static str,
    },
}

impl From<AutomergeError> for DocumentError {
    fn from(error: AutomergeError) -> Self {
        Self::Damaged(Box::new(error))
    }
}

/// The document as every replica begins it, to be written by `actor` from here on.
///
/// # Errors
/// Only if Automerge refuses to write to an empty document.
pub fn create(event: EventId, document: &DocRef, actor: ActorId) -> Result<Automerge, DocumentError> {
    create_in(event, document, 0, actor)
}

/// As [`create`], in an [epoch](crate::epoch). Its first change is another in each, so that no change of an earlier epoch
/// can be applied in a later one.
///
/// # Errors
/// As [`create`].
pub fn create_in(event: EventId, document: &DocRef, epoch: u32, actor: ActorId) -> Result<Automerge, DocumentError> {
    #[expect(clippy::disallowed_methods, reason = "the random actor is replaced before it writes")]
    let mut doc = Automerge::new().with_actor(ActorId::from(GENESIS_ACTOR));
    let mut transaction = doc.transaction();
    transaction.put(ROOT, "schema_version", i64::from(SCHEMA_VERSION))?;
    transaction.put(ROOT, "event_id", event.to_string())?;
    transaction.put(ROOT, "document", document.to_string())?;
    if epoch > 0 {
        transaction.put(ROOT, "epoch", i64::from(epoch))?;
    }
    for collection in document.kind.collections() {
        transaction.put_object(ROOT, *collection, ObjType::Map)?;
    }
    transaction.commit_with(CommitOptions::default().with_time(0));
    Ok(doc.with_actor(actor))
}

/// How many operations of the genesis come before those that make the collections.
const GENESIS_FIELDS: u64 = 3;

/// Whether a change's actor is the one under which documents are begun.
#[must_use]
pub fn is_genesis_actor(actor: &ActorId) -> bool {
    actor.to_bytes() == GENESIS_ACTOR
}

/// The collection that the first change of a kind makes with its operation of this number; that of a later epoch has one
/// field more.
pub(crate) fn collection_at(kind: DocKind, later_epoch: bool, operation: u64) -> Option<&'static str> {
    let fields = GENESIS_FIELDS.saturating_add(u64::from(later_epoch));
    let index = operation.checked_sub(fields.saturating_add(1))?;
    kind.collections().get(usize::try_from(index).ok()?).copied()
}

/// A stored document, to be written by `actor` from here on.
///
/// # Errors
/// If the bytes are not an Automerge document.
pub fn load(bytes: &[u8], actor: ActorId) -> Result<Automerge, DocumentError> {
    Ok(Automerge::load(bytes)?.with_actor(actor))
}

/// Checks that this program knows the document's layout. A document that has no version yet (nothing of it has arrived)
/// passes.
///
/// # Errors
/// [`DocumentError::Newer`] if it is of a later version.
pub fn check_version(doc: &Automerge) -> Result<(), DocumentError> {
    let newest = doc.get_all(ROOT, "schema_version")?.into_iter().filter_map(|(value, _)| match value {
        Value::Scalar(scalar) => scalar.as_i64().and_then(|version| u32::try_from(version).ok()),
        Value::Object(_) => None,
    });
    match newest.max() {
        Some(found) if found > SCHEMA_VERSION => Err(DocumentError::Newer { found }),
        _ => Ok(()),
    }
}

/// The shard for the check-ins of an attendee whom no roster tells: every replica finds the same.
#[must_use]
pub fn checkins_shard(attendee: AttendeeId, shards: u16) -> DocRef {
    let sum = attendee.to_string().bytes().fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    DocRef::shard(DocKind::Checkins, sum % shards.clamp(1, MAX_SHARDS))
}

/// The map of a collection.
///
/// # Errors
/// [`DocumentError::NotGenesis`] if the document does not hold it.
pub fn collection<D: ReadDoc>(doc: &D, collection: &'static str) -> Result<ObjId, DocumentError> {
    match doc.get(ROOT, collection)? {
        Some((Value::Object(ObjType::Map), id)) => Ok(id),
        _ => Err(DocumentError::NotGenesis { collection }),
    }
}

/// The map of a collection that documents begun by an earlier version lack; made, if it is not there.
///
/// # Errors
/// If Automerge refuses.
pub fn later_collection<D: Transactable + ReadDoc>(doc: &mut D, name: &'static str) -> Result<ObjId, DocumentError> {
    match collection(doc, name) {
        Err(DocumentError::NotGenesis { .. }) => Ok(doc.put_object(ROOT, name, ObjType::Map)?),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DeviceId, RecordId};

    fn event() -> EventId {
        "7d444840-9dc0-41d1-b245-5ffdce74fad2".parse().unwrap()
    }

    fn actor(seed: u8) -> ActorId {
        DeviceId::from_random([seed; 8]).actor([seed; 8])
    }

    #[test]
    fn names_read_back_what_they_print() {
        let presenter = DocRef::presenter(PresenterId::from_random([3; 10]));
        for document in [DocRef::whole(DocKind::Plan), DocRef::shard(DocKind::Roster, 7), presenter] {
            assert_eq!(document.to_string().parse(), Ok(document));
        }
        for text in
            ["", "plans", "plan/00", "roster", "roster/7", "roster/007", "roster/-1", "presenter", "presenter/x"]
        {
            assert_eq!(text.parse::<DocRef>(), Err(DocRefError), "{text}");
        }
    }

    #[test]
    fn an_id_follows_from_event_and_name_for_ever() {
        // UUIDv5("7d444840-9dc0-41d1-b245-5ffdce74fad2", "roster/00") by another implementation (Python's uuid).
        let id = DocRef::shard(DocKind::Roster, 0).id(event());
        assert_eq!(format!("{id:?}"), ROSTER_00);
        assert_ne!(id, DocRef::shard(DocKind::Roster, 1).id(event()));
    }

    #[test]
    fn each_epoch_has_an_id_and_a_first_change_of_its_own() {
        let document = DocRef::shard(DocKind::Roster, 0);
        assert_eq!(document.id_in(event(), 0), document.id(event()));
        // UUIDv5("7d444840-9dc0-41d1-b245-5ffdce74fad2", "roster/00#1") by another implementation (Python's uuid).
        assert_eq!(format!("{:?}", document.id_in(event(), 1)), ROSTER_00_1);
        let heads = |epoch| create_in(event(), &document, epoch, actor(1)).unwrap().get_heads();
        assert_eq!(heads(0), create(event(), &document, actor(2)).unwrap().get_heads());
        assert_ne!(heads(0), heads(1));
        assert_ne!(heads(1), heads(2));
    }

    const ROSTER_00_1: &str = "3bce171c24d55b56bc4839e0500b8991";

    const ROSTER_00: &str = "c1ead24a07105b18b8ecc8d231e2d806";

    #[test]
    fn replicas_that_create_apart_merge() {
        for kind in DocKind::ALL {
            let document = match kind.division() {
                Division::Whole => DocRef::whole(kind),
                Division::Shards => DocRef::shard(kind, 3),
                Division::Presenters => DocRef::presenter(PresenterId::from_random([3; 10])),
            };
            let mut one = create(event(), &document, actor(1)).unwrap();
            let mut other = create(event(), &document, actor(2)).unwrap();
            assert_eq!(one.get_heads(), other.get_heads(), "{kind}");
            let name = kind.collections()[0];
            for (doc, key) in [(&mut one, "a"), (&mut other, "b")] {
                let id = collection(doc, name).unwrap();
                doc.transact(|tx| tx.put(&id, key, 1)).unwrap();
            }
            one.merge(&mut other).unwrap();
            assert_eq!(one.keys(collection(&one, name).unwrap()).count(), 2, "{kind}");
        }
    }

    #[test]
    fn the_genesis_makes_its_collections_with_the_operations_that_readers_expect() {
        for (kind, epoch) in DocKind::ALL.into_iter().flat_map(|kind| [(kind, 0), (kind, 1), (kind, 7)]) {
            let document = DocRef { kind, part: Part::Whole };
            let doc = create_in(event(), &document, epoch, actor(1)).unwrap();
            let first = if epoch == 0 { 4 } else { 5 };
            for (number, name) in (first..).zip(kind.collections()) {
                let id = collection(&doc, name).unwrap();
                let ObjId::Id(counter, made_by, _) = id else { panic!("{kind} {name}") };
                assert_eq!((counter, is_genesis_actor(&made_by)), (number, true), "{kind} {name}");
                assert_eq!(collection_at(kind, epoch > 0, counter), Some(*name));
            }
            let beyond = first + u64::try_from(kind.collections().len()).unwrap();
            for number in [0, 1, 2, 3, first - 1, beyond, u64::MAX] {
                assert_eq!(collection_at(kind, epoch > 0, number), None, "{kind} {number}");
            }
        }
    }

    #[test]
    fn a_later_layout_is_refused_and_says_so() {
        let mut doc = create(event(), &DocRef::whole(DocKind::Event), actor(1)).unwrap();
        check_version(&doc).unwrap();
        doc.transact(|tx| tx.put(ROOT, "schema_version", i64::from(SCHEMA_VERSION) + 1)).unwrap();
        let error = check_version(&doc).unwrap_err();
        assert!(matches!(error, DocumentError::Newer { found } if found == SCHEMA_VERSION + 1));
    }
}
