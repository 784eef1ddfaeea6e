//! What a phone or the server holds, as documents: to compare replicas with each other and with what was done.

use std::collections::BTreeMap;
use std::path::Path;

use automerge::{ActorId, ChangeHash};
use muster_client_core::driver::Driver;
use muster_client_core::store::sqlite::SqliteStore;
use muster_client_native::{Client, ClientError};
use muster_model::access::Role;
use muster_model::attendee::Attendee;
use muster_model::document::{self, DocKind, DocRef, DocumentError};
use muster_model::fact::{self, Fact};
use muster_model::id::{DeviceId, EventId, FactId, PresenterId};
use muster_model::logistics::HotelStay;
use muster_model::program::{PresenterProfile, Room, Session};
use muster_model::record::{self, RecordError};
use muster_server::storage::{DocumentStore, Storage, StorageError};

/// The documents of one replica, as Automerge saves them.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    /// Saved bytes by document.
    pub documents: BTreeMap<DocRef, Vec<u8>>,
}

/// How many records of the main kinds a replica holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions, cancelled ones too.
    pub sessions: usize,
    /// Rooms.
    pub rooms: usize,
    /// Presenters.
    pub presenters: usize,
    /// Attendees with a record; walk-ins have none.
    pub attendees: usize,
}

/// Why a replica could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The phone does not give it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server's database does not give it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A document does not read.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A document holds no facts where it should.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The kinds of document that hold facts.
pub const FACT_KINDS: [DocKind; 3] = [DocKind::Checkins, DocKind::Rooms, DocKind::Arrivals];

/// The heads of documents, sorted.
pub type Heads = BTreeMap<DocRef, Vec<ChangeHash>>;

/// Nothing is written here, so any actor will do.
fn reader() -> ActorId {
    DeviceId::from_random([0; 8]).actor([0; 8])
}

fn load(bytes: &[u8]) -> Result<automerge::Automerge, DocumentError> {
    document::load(bytes, reader())
}

impl Replica {
    /// What a phone holds of these documents.
    ///
    /// # Errors
    /// If the phone does not give them.
    pub async fn of_phone(phone: &Client, documents: Vec<DocRef>) -> Result<Self, ReplicaError> {
        let mut replica = Self::default();
        for document in documents {
            let save = move |driver: &mut Driver<SqliteStore>, now| driver.save_document(now, document);
            if let Some(bytes) = phone.read(save).await? {
                replica.documents.insert(document, bytes);
            }
        }
        Ok(replica)
    }

    /// What a server's database holds of an event: the file is opened, so no server may have it open. A backup will do.
    ///
    /// # Errors
    /// If the database does not read.
    pub async fn of_server(database: &Path, event: EventId) -> Result<Self, ReplicaError> {
        let storage = Storage::open(database)?;
        let mut replica = Self::default();
        let epochs: BTreeMap<DocRef, u32> = storage.epochs(event).await?.into_iter().collect();
        for document in storage.documents(event).await? {
            let epoch = epochs.get(&document).copied().unwrap_or_default();
            if let Some(stored) = storage.load(document.id_in(event, epoch)).await? {
                replica.documents.insert(document, stored.bytes);
            }
        }
        Ok(replica)
    }

    /// The heads of each document, sorted.
    ///
    /// # Errors
    /// If a document does not read.
    pub fn heads(&self) -> Result<Heads, ReplicaError> {
        let sorted = |(document, bytes): (&DocRef, &Vec<u8>)| {
            let mut heads = load(bytes)?.get_heads();
            heads.sort_unstable();
            Ok((*document, heads))
        };
        self.documents.iter().map(sorted).collect()
    }

    /// Whether a phone's heads are this server's in every document that the phone holds, and it holds every one that it may
    /// read. A document that nobody has written to yet is on no server's disk: a phone holds its beginning.
    ///
    /// # Errors
    /// If a document does not read.
    pub fn agrees_with(&self, event: EventId, role: Role, phone: &Heads) -> Result<bool, ReplicaError> {
        let mut server = self.heads()?;
        server.retain(|document, _| role.access(document).may_read());
        for (document, heads) in phone {
            let expected = match server.remove(document) {
                Some(expected) => expected,
                None => document::create(event, document, reader())?.get_heads(),
            };
            if expected != *heads {
                return Ok(false);
            }
        }
        Ok(server.is_empty())
    }

    /// How many records of the main kinds there are.
    ///
    /// # Errors
    /// If a document does not read.
    pub fn counts(&self) -> Result<Counts, ReplicaError> {
        let mut counts = Counts::default();
        for (document, bytes) in &self.documents {
            match document.kind {
                DocKind::Program => {
                    let doc = load(bytes)?;
                    counts.sessions += record::read_all::<Session>(&doc)?.records.len();
                    counts.rooms += record::read_all::<Room>(&doc)?.records.len();
                    counts.presenters += record::read_all::<PresenterProfile>(&doc)?.records.len();
                }
                DocKind::Roster => counts.attendees += record::read_all::<Attendee>(&load(bytes)?)?.records.len(),
                _ => {}
            }
        }
        Ok(counts)
    }

    /// Whether it is known where a presenter sleeps.
    ///
    /// # Errors
    /// If the document does not read.
    pub fn is_put_up(&self, presenter: PresenterId) -> Result<bool, ReplicaError> {
        let Some(bytes) = self.documents.get(&DocRef::presenter(presenter)) else { return Ok(false) };
        Ok(!record::read_all::<HotelStay>(&load(bytes)?)?.records.is_empty())
    }

    /// All facts, from every document that holds some.
    ///
    /// # Errors
    /// If a document does not read.
    pub fn facts(&self) -> Result<BTreeMap<FactId, Fact>, ReplicaError> {
        let mut facts = BTreeMap::new();
        for (_, bytes) in self.documents.iter().filter(|(document, _)| FACT_KINDS.contains(&document.kind)) {
            let found = fact::read_all(&load(bytes)?)?;
            facts.extend(found.facts.into_iter().map(|fact| (fact.id, fact)));
        }
        Ok(facts)
    }
}
