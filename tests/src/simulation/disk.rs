//! A phone's disk: a store that fills up, fails, tears commits, and forgets what was not flushed when power goes.

use std::cell::Cell;

use muster_client_core::event::ServerId;
use muster_client_core::search::Term;
use muster_client_core::store::memory::MemoryStore;
use muster_client_core::store::sqlite::SqliteStore;
use muster_client_core::store::{
    AttendeeRow, ConflictRow, DocSize, DoubleRow, FactRow, Flush, HeardRow, OutboxRow, Place, Store, StoreError,
    StoreRead, Tally, Write, WriteBatch,
};
use muster_model::attendance::Count;
use muster_model::document::DocRef;
use muster_model::id::{AttendeeId, CheckpointId, FactId};
use muster_model::ticket::TicketHash;

use super::sabotage::Sabotage;

/// What the disk does wrong at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// It takes no commit.
    Full,
    /// It takes the next commit, and says that it failed.
    Torn,
    /// The next so many reads fail.
    Unreadable(u32),
}

/// Which store is below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Sqlite,
}

impl Kind {
    fn new_store(self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match self {
            Self::Memory => Box::new(MemoryStore::new()),
            Self::Sqlite => Box::new(SqliteStore::in_memory()?),
        })
    }
}

/// A store with a memory of what was written to it, and of how much of that would survive the loss of power.
pub(super) struct Disk {
    kind: Kind,
    store: Box<dyn Store>,
    log: Vec<WriteBatch>,
    /// So many batches of the log are on the disk for certain.
    flushed: usize,
    trouble: Cell<Trouble>,
    /// How often something failed on purpose.
    failures: Cell<u64>,
    sabotage: Option<Sabotage>,
}

impl Disk {
    pub(super) fn new(kind: Kind, sabotage: Option<Sabotage>) -> Result<Self, StoreError> {
        Ok(Self {
            kind,
            store: kind.new_store()?,
            log: Vec::new(),
            flushed: 0,
            trouble: Cell::default(),
            failures: Cell::new(0),
            sabotage,
        })
    }

    /// The store below, for whoever looks in from outside.
    pub(super) fn inside(&self) -> &dyn Store {
        &*self.store
    }

    pub(super) fn set_trouble(&self, trouble: Trouble) {
        self.trouble.set(trouble);
    }

    /// How often something failed on purpose.
    pub(super) fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// How many of the latest batches the loss of power may take.
    pub(super) fn unflushed(&self) -> usize {
        self.log.len().saturating_sub(self.flushed)
    }

    /// What is there after the loss of power, of which so many of the unflushed batches did reach the disk: a log whose
    /// tail is missing.
    pub(super) fn after_power_loss(mut self, reached: usize) -> Result<Self, StoreError> {
        self.log.truncate(self.flushed.saturating_add(reached));
        self.flushed = self.log.len();
        self.store = self.kind.new_store()?;
        for batch in &self.log {
            self.store.commit(batch)?;
        }
        Ok(self)
    }

    fn fail(&self, error: StoreError) -> StoreError {
        self.failures.set(self.failures.get() + 1);
        error
    }

    fn check_read(&self) -> Result<(), StoreError> {
        match self.trouble.get() {
            Trouble::Unreadable(times) => {
                let left = times.saturating_sub(1);
                self.trouble.set(if left == 0 { Trouble::None } else { Trouble::Unreadable(left) });
                Err(self.fail(StoreError::Io(std::io::ErrorKind::TimedOut.into())))
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, batch: &WriteBatch) -> Result<(), StoreError> {
        let mut batch = batch.clone();
        if self.sabotage == Some(Sabotage::PhoneDiskForgetsNothing) {
            batch.writes.retain(|write| !matches!(write, Write::Wipe | Write::ForgetDocument(_)));
        }
        self.store.commit(&batch)?;
        self.log.push(batch.clone());
        if batch.flush == Flush::Now && self.sabotage != Some(Sabotage::PhoneDiskNeverFlushes) {
            self.flushed = self.log.len();
        }
        Ok(())
    }
}

impl Store for Disk {
    fn commit(&mut self, batch: &WriteBatch) -> Result<(), StoreError> {
        match self.trouble.get() {
            Trouble::Full => Err(self.fail(StoreError::Full)),
            Trouble::Torn => {
                self.trouble.set(Trouble::None);
                self.write(batch)?;
                Err(self.fail(StoreError::Io(std::io::ErrorKind::Interrupted.into())))
            }
            Trouble::None | Trouble::Unreadable(_) => self.write(batch),
        }
    }
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $found:ty;)*) => {
        impl StoreRead for Disk {
            $(fn $name(&self, $($argument: $kind),*) -> Result<$found, StoreError> {
                self.check_read()?;
                self.store.$name($($argument),*)
            })*

            fn facts_at(&self, place: &Place) -> Result<Vec<FactRow>, StoreError> {
                self.check_read()?;
                let facts = self.store.facts_at(place)?;
                Ok(if self.sabotage == Some(Sabotage::PhoneForgetsAdmissions) { Vec::new() } else { facts })
            }
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
