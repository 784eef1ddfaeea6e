//! An event with something in every document, devices that are enrolled, and a server that goes by the rules.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ChangeHash, ObjType, ReadDoc};
use futures_util::future::BoxFuture;
use muster_model::access::Role;
use muster_model::document::{self, Division, DocKind, DocRef};
use muster_model::fact::{Entry, EntryVia, Fact, FactBody, Incident, Severity};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, EventId, FactId, PresenterId, RecordId};
use muster_model::time::Timestamp;

use crate::hub::{Authors, HubError, RuleAdmission, Standing};
use crate::storage::DocumentStore;
use crate::testing::{Phone, PhoneOptions, Setup, TestServer, event};

/// The devices that are enrolled.
#[derive(Debug, Default)]
pub(super) struct Enrolled(Mutex<BTreeMap<DeviceId, Standing>>);

impl Enrolled {
    pub(super) fn set(&self, device: DeviceId, standing: Standing) {
        self.0.lock().unwrap().insert(device, standing);
    }
}

impl Authors for Enrolled {
    fn standing(&self, _: EventId, device: DeviceId) -> BoxFuture<'_, Result<Standing, HubError>> {
        let known = self.0.lock().unwrap().get(&device).copied();
        Box::pin(std::future::ready(Ok(known.unwrap_or(Standing::Unknown))))
    }
}

pub(super) struct Stage {
    pub(super) server: TestServer,
    pub(super) enrolled: Arc<Enrolled>,
}

/// Who recorded the facts that are there.
pub(super) fn elder() -> DeviceId {
    DeviceId::from_random([0x77; 8])
}

pub(super) fn presenter(seed: u8) -> PresenterId {
    PresenterId::from_random([seed; 10])
}

/// A device of this number that no phone has by itself.
pub(super) fn device(number: u32) -> DeviceId {
    let [a, b, c, d] = number.to_be_bytes();
    DeviceId::from_random([0xD0, 0, 0, 0, a, b, c, d])
}

/// Every kind of document, the presenters' twice: number 1 is the own of whoever presents.
pub(super) fn documents() -> Vec<DocRef> {
    let of_kind = |kind: DocKind| match kind.division() {
        Division::Whole => vec![DocRef::whole(kind)],
        Division::Shards => vec![DocRef::shard(kind, 0)],
        Division::Presenters => vec![DocRef::presenter(presenter(1)), DocRef::presenter(presenter(2))],
    };
    DocKind::ALL.into_iter().flat_map(of_kind).collect()
}

/// Collections of records.
pub(super) fn collections(kind: DocKind) -> Vec<&'static str> {
    kind.collections().iter().copied().filter(|name| *name != "facts").collect()
}

pub(super) fn has_facts(kind: DocKind) -> bool {
    kind.collections().contains(&"facts")
}

/// The key of the record that is there.
pub(super) fn there(collection: &str) -> String {
    match collection {
        "event" | "needs" | "honorarium" => "main".to_owned(),
        _ => AttendeeId::from_random([1; 10]).to_string(),
    }
}

/// A fact that belongs in a kind of document; whose arrival it tells, and whether they say so themselves.
pub(super) fn fact(kind: DocKind, id: FactId, arrival: (PresenterId, bool)) -> String {
    let body = match kind {
        DocKind::Rooms => {
            let text = "the lamp is broken".to_owned();
            FactBody::Incident(Incident { room: None, session: None, severity: Severity::Notice, text })
        }
        DocKind::Arrivals => FactBody::Arrival { presenter: arrival.0, own: arrival.1 },
        _ => FactBody::Entry(Entry {
            attendee: AttendeeId::from_random([5; 10]),
            checkpoint: CheckpointId::from_random([6; 10]),
            via: EntryVia::Scan,
            ticket: None,
            answers: BTreeMap::new(),
            despite: String::new(),
        }),
    };
    let fact = Fact { id, at: Timestamp::from_ms(1_810_792_800_000), skew: None, by: "Gate".into(), body };
    fact.to_json().unwrap()
}

pub(super) fn entry(device: DeviceId, counter: u64) -> (String, String) {
    let id = FactId { device, counter };
    (id.to_string(), fact(DocKind::Checkins, id, (presenter(1), false)))
}

pub(super) type Edit = Box<dyn FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError> + Send>;

pub(super) fn put_fact((key, text): (String, String)) -> Edit {
    Box::new(move |tx| {
        let facts = document::collection(tx, "facts").unwrap();
        tx.put(facts, key, text)
    })
}

pub(super) fn delete_fact(key: String) -> Edit {
    Box::new(move |tx| {
        let facts = document::collection(tx, "facts").unwrap();
        tx.delete(facts, key)
    })
}

pub(super) fn create_record(collection: &'static str, key: String) -> Edit {
    Box::new(move |tx| {
        let id = document::collection(tx, collection).unwrap();
        let record = tx.put_object(id, key, ObjType::Map)?;
        tx.put(record, "notes", "made")
    })
}

/// What is the same already is no change, so the text should be new.
pub(super) fn edit_record(collection: &'static str, key: String, text: String) -> Edit {
    Box::new(move |tx| {
        let id = document::collection(tx, collection).unwrap();
        let (_, record) = tx.get(&id, key)?.unwrap();
        tx.put(record, "notes", text)
    })
}

pub(super) fn delete_record(collection: &'static str, key: String) -> Edit {
    Box::new(move |tx| {
        let id = document::collection(tx, collection).unwrap();
        tx.delete(id, key)
    })
}

impl Stage {
    pub(super) async fn set_up(store: impl DocumentStore) -> Self {
        let enrolled = Arc::<Enrolled>::default();
        enrolled.set(elder(), Standing::Enrolled(Role::Staff));
        let authors = Arc::<Enrolled>::clone(&enrolled);
        let setup = Setup { admission: Arc::new(RuleAdmission), authors, ..Setup::default() };
        let stage = Self { server: TestServer::start(store, setup).await, enrolled };
        for document in documents() {
            stage.fill(document).await;
        }
        stage
    }

    async fn fill(&self, document: DocRef) {
        let kind = document.kind;
        let filled = self.server.hub.edit(event(), document, move |tx| {
            for collection in collections(kind) {
                create_record(collection, there(collection))(tx)?;
            }
            if has_facts(kind) {
                let id = FactId { device: elder(), counter: 1 };
                put_fact((id.to_string(), fact(kind, id, (presenter(2), false))))(tx)?;
            }
            Ok::<(), AutomergeError>(())
        });
        filled.await.unwrap();
    }

    /// A phone of an enrolled device of its own.
    pub(super) async fn phone(&self, number: u32, role: Role) -> Phone {
        self.enrolled.set(device(number), Standing::Enrolled(role));
        Phone::connect(&self.server, PhoneOptions { device: Some(device(number)), ..PhoneOptions::new(1, role) }).await
    }

    /// Opens a document; says whether the phone may read it.
    pub(super) async fn opens(phone: &Phone, document: DocRef) -> bool {
        phone.open(document, None);
        let id = crate::testing::wire_id(event(), document);
        let told = |state: &crate::testing::State| {
            state.unavailable.contains(&id)
                || (state.is_acknowledged(document) && state.doc(document).stats().num_changes > 1)
        };
        phone.until("an answer", told).await;
        phone.look(|state| !state.unavailable.contains(&id))
    }

    /// Whether the server has a change in a document.
    pub(super) async fn holds(&self, document: DocRef, change: ChangeHash) -> bool {
        let found = self.server.hub.read(event(), document, move |doc| doc.get_change_by_hash(&change).is_some());
        found.await.unwrap()
    }

    /// What everybody sees: every document's heads.
    pub(super) async fn everything(&self) -> Vec<Vec<ChangeHash>> {
        let mut heads = Vec::new();
        for document in documents() {
            heads.push(self.server.hub.read(event(), document, |doc| doc.get_heads()).await.unwrap());
        }
        heads
    }
}
