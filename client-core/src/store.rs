//! The store: what survives. Chunks, outbox and bookkeeping are the truth; everything else here is a projection of them
//! and can be rebuilt.
//!
//! One connection is assumed (a browser has no second), every call can fail, and a [`WriteBatch`] is all or nothing. The
//! engine reads through [`StoreRead`]; only the [driver](crate::driver::Driver) writes. [`memory`] and [`sqlite`]
//! implement it, and one contract suite runs over both.

mod dump;
pub mod memory;
mod rows;
pub mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(test)]
mod contract;

use automerge::ChangeHash;
use muster_model::attendance::Count;
use muster_model::document::DocRef;
use muster_model::id::{AttendeeId, CheckpointId, FactId};
use muster_model::ticket::TicketHash;

use crate::code::CoreCode;
use crate::event::ServerId;
use crate::search::Term;

pub use rows::{
    AttendeeRow, ConflictRow, CountDelta, DocSize, DoubleRow, FactRow, HeardRow, Origin, OutboxRow, Place, Tally,
    UnsentEdit,
};

/// Why the store failed. After a failed [`Store::commit`] nothing of the batch is kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left.
    #[error("the storage is full")]
    Full,
    /// Another process has the database.
    #[error("another process uses the database")]
    Busy,
    /// The database is damaged.
    #[error("the database is damaged: {what}")]
    Damaged {
        /// What does not read back.
        what: &'static str,
    },
    /// The database was encrypted with another key, or not at all.
    #[error("the key does not fit the database")]
    Key,
    /// A key was given, and this build has nothing to encrypt with.
    #[error("this build does not encrypt: it lacks the feature `sqlcipher`")]
    NoEncryption,
    /// The database was written by a later version.
    #[error("the database has version {found}, this program knows {known}")]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[source] rusqlite::Error),
    /// The file system failed.
    #[error("the file system failed")]
    Io(#[from] std::io::Error),
    /// A store of a test failed on purpose.
    #[cfg(any(test, feature = "testing"))]
    #[error("failed on purpose")]
    OnPurpose,
}

impl StoreError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> CoreCode {
        match self {
            Self::Full => CoreCode::StorageFull,
            Self::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => CoreCode::StorageFull,
            Self::Busy => CoreCode::StorageBusy,
            Self::Key => CoreCode::StorageKey,
            Self::NoEncryption => CoreCode::StorageNoEncryption,
            Self::Damaged { .. } => CoreCode::StorageDamaged,
            Self::Newer { .. } => CoreCode::StorageNewer,
            Self::Sqlite(_) | Self::Io(_) => CoreCode::StorageFailed,
            #[cfg(any(test, feature = "testing"))]
            Self::OnPurpose => CoreCode::StorageFailed,
        }
    }
}

/// One change to the store.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Bookkeeping under a key; `None` removes it.
    Meta(String, Option<Vec<u8>>),
    /// A chunk of changes after the others of the document.
    AppendChunk(DocRef, Vec<u8>),
    /// The whole document, in place of all its chunks.
    Snapshot(DocRef, Vec<u8>),
    /// A change of ours that a server lacks.
    OutboxAdd(OutboxRow),
    /// A server has the change.
    OutboxDone(ServerId, DocRef, ChangeHash),
    /// What we share with a server.
    SyncState(ServerId, DocRef, Vec<u8>),
    /// What was deleted in this batch and before leaves the disk: nothing of it can be read from the file any more. Not to be
    /// done often: it may take some hundred milliseconds.
    Purge,
    /// What is known of another device.
    Heard(HeardRow),
    /// Projection: an attendee, in place of what was known.
    Attendee(Box<AttendeeRow>),
    /// Projection: an attendee is gone.
    AttendeeGone(AttendeeId),
    /// Projection: a fact, in place of what was known under its id.
    Fact(Box<FactRow>),
    /// Projection: a fact is gone.
    FactGone(FactId),
    /// Projection: what an attendee counts for at a checkpoint. Nothing is the same as no row.
    Tally(Tally),
    /// Projection: a change to the counts.
    Count(CountDelta),
    /// Projection: the double admissions of an attendee at a checkpoint, in place of what was known.
    Doubles(AttendeeId, CheckpointId, Vec<DoubleRow>),
    /// Projection: the fields of a record that wait to be settled, in place of what was known. None is the same as no row.
    Conflicts(ConflictRow),
    /// Empties all projections.
    ClearProjections,
    /// The document is gone, with its chunks, its outbox, its sync states and its conflicts. Its bytes are written over; the log holds them
    /// until a [`Write::Purge`].
    ForgetDocument(DocRef),
    /// Empties the store. No byte of it is found any more.
    Wipe,
}

/// When a committed batch must survive the loss of power.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flush {
    /// At once: somebody is shown that it was done.
    #[default]
    Now,
    /// With the next batch that is flushed at once, or when the store finds time. It survives the death of the process all
    /// the same. For what others have too, such as changes that came from a server: a lost tail of these is asked for
    /// again, and saves a wait for the disk with every frame.
    WithNext,
}

/// Changes to the store, to be made all or none, in their order. Batches survive in their order: none without those before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriteBatch {
    /// The changes.
    pub writes: Vec<Write>,
    /// When they must survive the loss of power.
    pub flush: Flush,
}

impl WriteBatch {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether it takes something away for good: what is left of it in the file has to go too.
    #[must_use]
    pub fn forgets(&self) -> bool {
        self.writes.iter().any(|write| matches!(write, Write::Purge | Write::Wipe))
    }

    /// Adds a change.
    pub fn push(&mut self, write: Write) {
        self.writes.push(write);
    }
}

/// The read side of a store.
pub trait StoreRead {
    /// Bookkeeping under a key.
    ///
    /// # Errors
    /// If the store fails; so for all methods here.
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Bookkeeping under keys with a prefix, in the order of the keys.
    ///
    /// # Errors
    /// If the store fails.
    fn meta_with_prefix(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
    /// The documents that have chunks, with their sizes.
    ///
    /// # Errors
    /// If the store fails.
    fn documents(&self) -> Result<Vec<DocSize>, StoreError>;
    /// The chunks of a document, in their order.
    ///
    /// # Errors
    /// If the store fails.
    fn chunks(&self, doc: &DocRef) -> Result<Vec<Vec<u8>>, StoreError>;
    /// What we share with a server.
    ///
    /// # Errors
    /// If the store fails.
    fn sync_state(&self, server: &ServerId, doc: &DocRef) -> Result<Option<Vec<u8>>, StoreError>;
    /// The changes of a document that a server is not known to have.
    ///
    /// # Errors
    /// If the store fails.
    fn outbox(&self, server: &ServerId, doc: &DocRef) -> Result<Vec<OutboxRow>, StoreError>;
    /// The servers that are not known to have a fact of ours.
    ///
    /// # Errors
    /// If the store fails.
    fn servers_lacking(&self, fact: FactId) -> Result<Vec<ServerId>, StoreError>;
    /// The facts that each server is not known to have, per document.
    ///
    /// # Errors
    /// If the store fails.
    fn outbox_counts(&self) -> Result<Vec<(ServerId, DocRef, u64)>, StoreError>;
    /// The changes that edit records and that each server is not known to have, in the order of servers, documents and
    /// edits.
    ///
    /// # Errors
    /// If the store fails.
    fn unsent_edits(&self) -> Result<Vec<OutboxRow>, StoreError>;
    /// What is known of other devices.
    ///
    /// # Errors
    /// If the store fails.
    fn heard(&self) -> Result<Vec<HeardRow>, StoreError>;
    /// An attendee.
    ///
    /// # Errors
    /// If the store fails.
    fn attendee(&self, id: AttendeeId) -> Result<Option<AttendeeRow>, StoreError>;
    /// The attendees who have or had a ticket of this hash, in the order of their ids.
    ///
    /// # Errors
    /// If the store fails.
    fn attendees_by_ticket(&self, ticket: TicketHash) -> Result<Vec<AttendeeId>, StoreError>;
    /// The attendees of an order, in the order of their ids.
    ///
    /// # Errors
    /// If the store fails.
    fn attendees_by_order(&self, order: &str) -> Result<Vec<AttendeeId>, StoreError>;
    /// At most `limit` attendees whose words fit all terms, best first: all terms are whole words, then beginnings of
    /// words, then parts of words; within these by name. Which of more than `limit` are given is not specified.
    ///
    /// # Errors
    /// If the store fails.
    fn search(&self, terms: &[Term], limit: usize) -> Result<Vec<AttendeeId>, StoreError>;
    /// A fact.
    ///
    /// # Errors
    /// If the store fails.
    fn fact(&self, id: FactId) -> Result<Option<FactRow>, StoreError>;
    /// The facts at a place, in the order of their ids.
    ///
    /// # Errors
    /// If the store fails.
    fn facts_at(&self, place: &Place) -> Result<Vec<FactRow>, StoreError>;
    /// The facts about an attendee, in the order of their ids.
    ///
    /// # Errors
    /// If the store fails.
    fn facts_of(&self, attendee: AttendeeId) -> Result<Vec<FactRow>, StoreError>;
    /// The entries made with a ticket of this hash, in the order of their ids.
    ///
    /// # Errors
    /// If the store fails.
    fn facts_with_ticket(&self, ticket: TicketHash) -> Result<Vec<FactRow>, StoreError>;
    /// Whether any fact was recorded for the bearer of a ticket.
    ///
    /// # Errors
    /// If the store fails.
    fn any_borne(&self) -> Result<bool, StoreError>;
    /// The undos of a fact, in the order of their ids.
    ///
    /// # Errors
    /// If the store fails.
    fn undos_of(&self, fact: FactId) -> Result<Vec<FactRow>, StoreError>;
    /// What an attendee counts for at a checkpoint.
    ///
    /// # Errors
    /// If the store fails.
    fn tally(&self, attendee: AttendeeId, checkpoint: CheckpointId) -> Result<Option<Tally>, StoreError>;
    /// What an attendee counts for anywhere.
    ///
    /// # Errors
    /// If the store fails.
    fn tallies_of(&self, attendee: AttendeeId) -> Result<Vec<Tally>, StoreError>;
    /// The attendees with facts at a checkpoint, from `after` (exclusive) in the order of their ids, at most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    fn attendees_at(
        &self,
        checkpoint: CheckpointId,
        after: Option<AttendeeId>,
        limit: usize,
    ) -> Result<Vec<AttendeeId>, StoreError>;
    /// The counts of a checkpoint by category, without those that are zero.
    ///
    /// # Errors
    /// If the store fails.
    fn counts(&self, checkpoint: CheckpointId) -> Result<Vec<(String, Count)>, StoreError>;
    /// All double admissions, by checkpoint and attendee.
    ///
    /// # Errors
    /// If the store fails.
    fn doubles(&self) -> Result<Vec<DoubleRow>, StoreError>;
    /// The double admissions of an attendee at a checkpoint.
    ///
    /// # Errors
    /// If the store fails.
    fn doubles_at(&self, attendee: AttendeeId, checkpoint: CheckpointId) -> Result<Vec<DoubleRow>, StoreError>;
    /// The fields of records that wait to be settled, by document, collection and key.
    ///
    /// # Errors
    /// If the store fails.
    fn conflicts(&self) -> Result<Vec<ConflictRow>, StoreError>;
    /// Every row of every projection as text, in a fixed order, to compare stores with.
    ///
    /// # Errors
    /// If the store fails.
    fn dump_projections(&self) -> Result<Vec<String>, StoreError>;
}

/// A store.
pub trait Store: StoreRead {
    /// Makes all changes durably, or none.
    ///
    /// # Errors
    /// If the store fails; then nothing of the batch is kept.
    fn commit(&mut self, batch: &WriteBatch) -> Result<(), StoreError>;
}

/// Takes `minus` off and adds `plus`, without going below zero.
pub(crate) const fn moved(count: Count, minus: &Count, plus: &Count) -> Count {
    const fn one(value: u64, minus: u64, plus: u64) -> u64 {
        value.saturating_add(plus).saturating_sub(minus)
    }
    Count {
        admitted: one(count.admitted, minus.admitted, plus.admitted),
        inside: one(count.inside, minus.inside, plus.inside),
        admissions: one(count.admissions, minus.admissions, plus.admissions),
        extra_inside: one(count.extra_inside, minus.extra_inside, plus.extra_inside),
    }
}

/// Whether a count counts nothing.
pub(crate) fn is_zero(count: &Count) -> bool {
    *count == Count::default()
}
