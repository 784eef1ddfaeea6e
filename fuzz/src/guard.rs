//! Sync messages: the guard, the ledger, and Automerge behind them, as a document's owner calls them.
//!
//! A chunk is worth nothing without its checksum, which no fuzzer guesses: `sealing` makes those of an input right, so
//! that its insides are reached. What passes the guard must be applied without a panic and with memory in proportion to
//! the operations that the guard counted; what was applied must be storable and load as the same document.

mod sealing;

use std::sync::LazyLock;

use automerge::{ActorId, Automerge, Change};
use muster_model::access::Role as DeviceRole;
use muster_model::admission::Operation;
use muster_model::admission::reading::{Awaited, Reader};
use muster_model::attendee::{Attendee, Contact};
use muster_model::document::{self, DocKind, DocRef, check_version, create};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, EventId, FactId, RecordId, RoomId, SessionId};
use muster_model::program::{PresenterProfile, Room, Session, Track};
use muster_model::{fact, record};
use muster_protocol::guard::{GuardLimits, SyncSummary, check_chunks, check_sync_message};
use muster_protocol::{DocLedger, DocSync, DocSyncOptions, PendingLimits, Received, Role};

use crate::meter::peak_of;
use crate::seed;
use sealing::sealed;

/// Bits of the first byte.
const DOCUMENTS: u8 = 1;
const REQUEST: u8 = 2;
const READ_ONLY: u8 = 4;
const FACTS: u8 = 8;

/// Bytes that a message may make the guard hold, and besides them what each operation may make Automerge hold. Without a
/// guard, 111 bytes cost 900 MB.
const GUARD_BYTES: usize = 8 << 20;
const APPLY_BYTES: usize = 48 << 20;
const BYTES_PER_OP: usize = 2 << 10;

/// A phone's limits, with fewer operations: enough to break something, and quick.
fn limits(documents: bool) -> GuardLimits {
    GuardLimits { max_ops: 20_000, max_ops_per_change: 5_000, documents, ..GuardLimits::phone() }
}

/// The limits for what is loaded from the storage.
fn stored() -> GuardLimits {
    GuardLimits::bulk_import()
}

/// Takes a sync message for a document of records or of facts.
pub fn run(data: &[u8]) {
    let Some((&mode, message)) = data.split_first() else { return };
    let message = sealed(message);
    let limits = limits(mode & DOCUMENTS != 0);
    let base = if mode & FACTS != 0 { &*FACTS_BASE } else { &*RECORDS_BASE };
    let mut doc = base.clone();
    let mut ledger = DocLedger::read(&doc, PendingLimits::default());
    let (checked, peak) = peak_of(|| check_sync_message(&message, &limits, &ledger.size()));
    assert!(peak <= GUARD_BYTES, "the guard held {peak} bytes for {}", message.len());
    let Ok(summary) = checked else { return };
    let ops = usize::try_from(summary.chunks.ops).unwrap_or(usize::MAX);
    let (received, peak) = peak_of(|| apply(mode, &mut doc, &mut ledger, (&summary, &message)));
    let most = APPLY_BYTES.saturating_add(ops.saturating_mul(BYTES_PER_OP));
    assert!(peak <= most, "{ops} operations in {} bytes made it hold {peak}", message.len());
    if let Some(received) = received {
        check_stored(base, &doc, &received, (&summary, &message));
    }
}

/// What the owner of a document does with a guarded message.
fn apply(mode: u8, doc: &mut Automerge, ledger: &mut DocLedger, message: (&SyncSummary, &[u8])) -> Option<Received> {
    let (summary, data) = message;
    let role = if mode & READ_ONLY != 0 { Role::ReadOnlyPeer } else { Role::Full };
    let options = DocSyncOptions { plain_uploads: mode & DOCUMENTS == 0 };
    let mut sync = DocSync::new(role, options);
    if mode & REQUEST != 0 {
        sync.peer_requests();
    }
    if summary.has_changes() && role == Role::Full {
        ledger.admit(doc, summary.changes()).ok()?;
        if !is_somewhere(mode, doc, message) {
            return None;
        }
    }
    let received = sync.receive(doc, summary, data).ok()?;
    let _ = sync.take_unavailable_answer(doc, false);
    let mut answers = 0;
    while let Some(answer) = sync.generate(doc) {
        let checked = check_sync_message(&answer.data, &stored(), &ledger.size());
        assert!(checked.is_ok(), "what we send passes the guard: {checked:?}");
        answers += 1;
        assert!(answers < 8, "it goes on talking to somebody who says nothing");
    }
    assert!(DocSync::resume(role, options, &sync.encode_state()).is_ok(), "a kept sync state can be read");
    ledger.refresh(doc);
    read(doc);
    Some(received)
}

/// Whether the message's changes are in records and collections that are there, as admission wants of all that are applied.
/// Automerge panics at others.
fn is_somewhere(mode: u8, doc: &Automerge, (summary, data): (&SyncSummary, &[u8])) -> bool {
    let document =
        if mode & FACTS != 0 { DocRef::shard(DocKind::Checkins, 0) } else { DocRef::whole(DocKind::Program) };
    let awaited = Awaited::default();
    let mut reader = Reader::new(doc, document, &awaited);
    let mut changes: Vec<_> = summary.changes().iter().collect();
    changes.sort_by_key(|change| change.start_op);
    changes.iter().filter_map(|change| data.get(change.range.clone())).all(|bytes| {
        let change = Change::from_bytes(bytes.to_vec());
        change.is_ok_and(|change| {
            let there = |operation: &Operation<'_>| match operation {
                Operation::EditRecord { collection: None, .. } | Operation::Structure => Err(()),
                _ => Ok(()),
            };
            reader.read(&change.decode(), there).is_ok()
        })
    })
}

/// Readers meet whatever a document holds.
fn read(doc: &Automerge) {
    let _ = check_version(doc);
    let _ = record::read_all::<Room>(doc);
    let _ = record::read_all::<Track>(doc);
    let _ = record::read_all::<Session>(doc);
    let _ = record::read_all::<PresenterProfile>(doc);
    let _ = record::read_all::<Attendee>(doc);
    let _ = record::read_all::<Contact>(doc);
    let _ = record::conflicts::<Room>(doc);
    let _ = fact::read_all(doc);
}

/// What was applied can be stored, in both forms, and is the same document when it is loaded.
fn check_stored(base: &Automerge, doc: &Automerge, received: &Received, message: (&SyncSummary, &[u8])) {
    let _ = record::changed_keys(doc, &received.before, &received.after);
    let whole = doc.save();
    assert!(check_chunks(&whole, &stored()).is_ok(), "a stored document passes the guard");
    let loaded = document::load(&whole, actor(9));
    let loaded = loaded.map(|loaded| loaded.get_heads());
    assert!(
        loaded.as_ref().is_ok_and(|heads| *heads == doc.get_heads()),
        "a stored document loads as it was, not {loaded:?}"
    );
    let (summary, data) = message;
    if received.applied.is_empty() || summary.has_document_chunk() {
        return;
    }
    let mut again = base.clone();
    let chunks = summary.changes().iter().filter(|change| received.applied.contains(&change.hash));
    let stored_apart: Vec<u8> = chunks.filter_map(|change| data.get(change.range.clone())).flatten().copied().collect();
    assert!(check_chunks(&stored_apart, &stored()).is_ok(), "stored changes pass the guard");
    let loaded = again.load_incremental(&stored_apart);
    assert!(loaded.is_ok() && again.get_heads() == doc.get_heads(), "stored changes make the same document");
}

fn actor(seed: u8) -> ActorId {
    DeviceId::from_random([seed; 8]).actor([seed; 8])
}

fn event() -> EventId {
    EventId::from_random([1; 16])
}

static RECORDS_BASE: LazyLock<Automerge> = LazyLock::new(|| records(1));
static FACTS_BASE: LazyLock<Automerge> = LazyLock::new(|| facts(1));

#[expect(clippy::expect_used, reason = "a document of our own")]
fn records(author: u8) -> Automerge {
    let mut doc = create(event(), &DocRef::whole(DocKind::Program), actor(author)).expect("a new document");
    for number in 0..3_u8 {
        let room = Room { name: format!("Room {number}"), capacity: Some(80), ..Room::default() };
        let put = doc.transact::<_, _, record::RecordError>(|tx| {
            let session = Session { title: "Opening".to_owned(), duration_min: 30, ..Session::default() };
            record::put(tx, &SessionId::from_random([number; 10]), &session)?;
            record::put(tx, &RoomId::from_random([number; 10]), &room)
        });
        put.expect("a document of records");
    }
    doc
}

#[expect(clippy::expect_used, reason = "a document of our own")]
fn facts(author: u8) -> Automerge {
    let mut doc = create(event(), &DocRef::shard(DocKind::Checkins, 0), actor(author)).expect("a new document");
    for number in 1..4_u8 {
        doc.transact(|tx| fact::append(tx, &entry(author, number.into()))).expect("a document of facts");
    }
    doc
}

fn entry(device: u8, number: u64) -> fact::Fact {
    let attendee = AttendeeId::from_random([device; 10]);
    let checkpoint = CheckpointId::from_random([1; 10]);
    let body = fact::FactBody::Exit { attendee, checkpoint };
    let id = FactId { device: DeviceId::from_random([device; 8]), counter: number };
    let by = DeviceRole::Staff.to_string();
    fact::Fact { id, at: muster_model::time::Timestamp::from_ms(1_800_000_000_000), skew: None, by, body }
}

/// What a document is by its mode, one to begin with, and how others are made.
type Maker = (u8, &'static Automerge, fn(u8) -> Automerge);

/// The first words and the uploads of phones that know the document, know it in part, or have it anew.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let makers: [Maker; 2] = [(0, &*RECORDS_BASE, records), (FACTS, &*FACTS_BASE, facts)];
    for (bits, base, make) in makers {
        let mut newer = base.clone().with_actor(actor(2));
        edit(&mut newer, bits);
        for (theirs, documents) in [(make(2), false), (make(2), true), (newer.clone(), false), (newer, true)] {
            for message in messages(base, theirs, documents) {
                seeds.push(seed(bits | (u8::from(documents) * DOCUMENTS), &message));
                seeds.push(seed(bits | (u8::from(documents) * DOCUMENTS) | REQUEST | READ_ONLY, &message));
            }
        }
    }
    seeds
}

#[expect(clippy::expect_used, reason = "a document of our own")]
fn edit(doc: &mut Automerge, bits: u8) {
    for number in 1..4 {
        if bits & FACTS == 0 {
            let track = Track { name: format!("Track {number}"), color: "#0a0".to_owned(), ..Track::default() };
            let key = muster_model::id::TrackId::from_random([number; 10]);
            doc.transact(|tx| record::put(tx, &key, &track)).expect("a document of records");
        } else {
            doc.transact(|tx| fact::append(tx, &entry(2, number.into()))).expect("a document of facts");
        }
    }
}

/// What a phone with `theirs` says to the owner of `ours` until both agree.
fn messages(ours: &Automerge, mut theirs: Automerge, documents: bool) -> Vec<Vec<u8>> {
    let mut ours = ours.clone();
    let options = DocSyncOptions { plain_uploads: !documents };
    let (mut server, mut phone) = (DocSync::new(Role::Full, options), DocSync::new(Role::Full, options));
    let mut said = Vec::new();
    for _ in 0..8 {
        let Some(message) = phone.generate(&theirs) else { break };
        said.push(message.data.clone());
        receive(&mut server, &mut ours, &message.data);
        let Some(answer) = server.generate(&ours) else { break };
        receive(&mut phone, &mut theirs, &answer.data);
    }
    said
}

fn receive(sync: &mut DocSync, doc: &mut Automerge, data: &[u8]) {
    let summary = check_sync_message(data, &stored(), &DocLedger::read(doc, PendingLimits::default()).size());
    if let Ok(summary) = summary {
        let _ = sync.receive(doc, &summary, data);
    }
}
