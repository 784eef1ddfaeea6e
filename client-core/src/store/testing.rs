//! A store that fails on purpose, for tests of what a crash or a full disk leaves.

use std::sync::{Arc, Mutex};

use muster_model::attendance::Count;
use muster_model::document::DocRef;
use muster_model::id::{AttendeeId, CheckpointId, FactId};
use muster_model::ticket::TicketHash;

use super::{
    AttendeeRow, ConflictRow, DocSize, DoubleRow, FactRow, HeardRow, OutboxRow, Place, Store, StoreError, StoreRead,
    Tally, WriteBatch,
};
use crate::event::ServerId;
use crate::search::Term;

/// How a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written.
    Before,
    /// All is written, but the error is told all the same: power came back before the answer did.
    After,
}

/// Which commits fail.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Commits asked for so far.
    pub commits: u64,
    /// The number of the commit that fails, from 1, and how.
    pub fail: Option<(u64, Fault)>,
    /// Whether all later ones fail too.
    pub for_ever: bool,
    /// So many reads fail from now on.
    pub reads: u32,
}

/// A store whose commits can be made to fail.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    faults: Arc<Mutex<Faults>>,
}

impl<S> FaultyStore<S> {
    /// Over another store.
    pub const fn new(inner: S, faults: Arc<Mutex<Faults>>) -> Self {
        Self { inner, faults }
    }

    fn check_read(&self) -> Result<(), StoreError> {
        let fails = self.faults.lock().is_ok_and(|mut faults| {
            let fails = faults.reads > 0;
            faults.reads = faults.reads.saturating_sub(1);
            fails
        });
        if fails { Err(StoreError::OnPurpose) } else { Ok(()) }
    }

    /// The store below.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn commit(&mut self, batch: &WriteBatch) -> Result<(), StoreError> {
        let fault = self.faults.lock().map_or(None, |mut faults| {
            faults.commits += 1;
            let (number, fault) = faults.fail?;
            let fails = faults.commits == number || (faults.for_ever && faults.commits > number);
            fails.then_some(fault)
        });
        match fault {
            None => self.inner.commit(batch),
            Some(Fault::Before) => Err(StoreError::OnPurpose),
            Some(Fault::After) => {
                self.inner.commit(batch)?;
                Err(StoreError::OnPurpose)
            }
        }
    }
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $found:ty;)*) => {
        impl<S: StoreRead> StoreRead for FaultyStore<S> {
            $(fn $name(&self, $($argument: $kind),*) -> Result<$found, StoreError> {
                self.check_read()?;
                self.inner.$name($($argument),*)
            })*
        }
    };
}

pass_on! {
    meta(key: &str) -> Option<Vec<u8>>;
    meta_with_prefix(prefix: &str) -> Vec<(String, Vec<u8>)>;
    documents() -> Vec<DocSize>;
    chunks(doc: &DocRef) -> Vec<Vec<u8>>;
    sync_state(server: &ServerId, doc: &DocRef) -> Option<Vec<u8>>;
    outbox(server: &ServerId, doc: &DocRef) -> Vec<OutboxRow>;
    servers_lacking(fact: FactId) -> Vec<ServerId>;
    outbox_counts() -> Vec<(ServerId, DocRef, u64)>;
    unsent_edits() -> Vec<OutboxRow>;
    heard() -> Vec<HeardRow>;
    attendee(id: AttendeeId) -> Option<AttendeeRow>;
    attendees_by_ticket(ticket: TicketHash) -> Vec<AttendeeId>;
    attendees_by_order(order: &str) -> Vec<AttendeeId>;
    search(terms: &[Term], limit: usize) -> Vec<AttendeeId>;
    fact(id: FactId) -> Option<FactRow>;
    facts_at(place: &Place) -> Vec<FactRow>;
    facts_of(attendee: AttendeeId) -> Vec<FactRow>;
    facts_with_ticket(ticket: TicketHash) -> Vec<FactRow>;
    any_borne() -> bool;
    undos_of(fact: FactId) -> Vec<FactRow>;
    tally(attendee: AttendeeId, checkpoint: CheckpointId) -> Option<Tally>;
    tallies_of(attendee: AttendeeId) -> Vec<Tally>;
    attendees_at(checkpoint: CheckpointId, after: Option<AttendeeId>, limit: usize) -> Vec<AttendeeId>;
    counts(checkpoint: CheckpointId) -> Vec<(String, Count)>;
    doubles() -> Vec<DoubleRow>;
    doubles_at(attendee: AttendeeId, checkpoint: CheckpointId) -> Vec<DoubleRow>;
    conflicts() -> Vec<ConflictRow>;
    dump_projections() -> Vec<String>;
}
