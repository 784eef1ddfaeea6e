//! What every store must do, run over each of them.

use automerge::ChangeHash;
use muster_model::attendance::Count;
use muster_model::attendee::Attendee;
use muster_model::document::{DocKind, DocRef};
use muster_model::fact::{Entry, EntryVia, Fact, FactBody, MAX_FACT_BYTES};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, EventId, FactId, RecordId};
use muster_model::record::{FieldEdit, RecordEdit};
use muster_model::ticket::TicketHash;
use muster_model::time::Timestamp;

use serde_json::Value as Json;

use super::*;
use crate::search::terms;

fn attendee_id(seed: u8) -> AttendeeId {
    AttendeeId::from_random([seed; 10])
}

fn checkpoint(seed: u8) -> CheckpointId {
    CheckpointId::from_random([seed; 10])
}

fn roster() -> DocRef {
    DocRef::shard(DocKind::Roster, 0)
}

fn checkins() -> DocRef {
    DocRef::shard(DocKind::Checkins, 0)
}

fn fact_id(counter: u64) -> FactId {
    FactId { device: DeviceId::from_random([9; 8]), counter }
}

fn server(name: &str) -> ServerId {
    ServerId(name.to_owned())
}

fn ticket(code: &str) -> TicketHash {
    TicketHash::of(EventId::from_random([1; 16]), code)
}

fn person(seed: u8, name: &str, organisation: &str) -> AttendeeRow {
    let attendee = Attendee { name: name.into(), organisation: organisation.into(), ..Attendee::default() };
    AttendeeRow { id: attendee_id(seed), origin: Origin::Roster(roster()), attendee }
}

fn entry(counter: u64, seed: u8) -> FactRow {
    let (attendee, at) = (attendee_id(seed), checkpoint(1));
    let entry = Entry {
        attendee,
        checkpoint: at,
        via: EntryVia::Scan,
        ticket: None,
        answers: std::collections::BTreeMap::new(),
        despite: String::new(),
    };
    let body = FactBody::Entry(entry);
    let fact = Fact { id: fact_id(counter), at: Timestamp::from_ms(5), skew: None, by: "Gate A".into(), body };
    FactRow { fact, doc: checkins(), place: Place::Attendance(attendee, at), borne: false }
}

fn commit<S: Store>(store: &mut S, writes: Vec<Write>) {
    store.commit(&WriteBatch { writes, ..WriteBatch::default() }).unwrap();
}

pub(super) fn bookkeeping_reads_back<S: Store>(mut store: S) {
    assert_eq!(store.meta("a/1").unwrap(), None);
    let put = |key: &str, value: &[u8]| Write::Meta(key.into(), Some(value.to_vec()));
    commit(&mut store, vec![put("a/1", b"x"), put("a/2", b""), put("b", b"y"), put("a/1", b"z")]);
    assert_eq!(store.meta("a/1").unwrap(), Some(b"z".to_vec()));
    assert_eq!(store.meta_with_prefix("a/").unwrap(), [("a/1".into(), b"z".to_vec()), ("a/2".into(), Vec::new())]);
    commit(&mut store, vec![Write::Meta("a/1".into(), None), Write::Meta("none".into(), None)]);
    assert_eq!(store.meta("a/1").unwrap(), None);
}

pub(super) fn what_is_forgotten_is_gone_and_the_rest_stays<S: Store>(mut store: S) {
    let outbox =
        |doc| OutboxRow { server: server("a"), doc, change: ChangeHash([1; 32]), fact: Some(fact_id(1)), edit: None };
    let fill = |store: &mut S| {
        let mut writes = vec![Write::Meta("m".into(), Some(b"x".to_vec()))];
        for doc in [roster(), checkins()] {
            writes.push(Write::AppendChunk(doc, vec![1]));
            writes.push(Write::OutboxAdd(outbox(doc)));
            writes.push(Write::SyncState(server("a"), doc, vec![2]));
        }
        writes.push(Write::Attendee(Box::new(person(1, "Anna", "Org"))));
        writes.push(Write::Fact(Box::new(entry(1, 1))));
        commit(store, writes);
    };
    fill(&mut store);
    commit(&mut store, vec![Write::ForgetDocument(checkins())]);
    assert_eq!(store.documents().unwrap().iter().map(|size| size.doc).collect::<Vec<_>>(), [roster()]);
    assert!(store.outbox(&server("a"), &checkins()).unwrap().is_empty());
    assert_eq!(store.outbox(&server("a"), &roster()).unwrap().len(), 1);
    assert_eq!(store.sync_state(&server("a"), &checkins()).unwrap(), None);
    assert!(store.sync_state(&server("a"), &roster()).unwrap().is_some());
    assert!(store.meta("m").unwrap().is_some());

    fill(&mut store);
    let kept = Write::Meta("kept".into(), Some(b"y".to_vec()));
    commit(&mut store, vec![Write::Wipe, kept]);
    assert_eq!(store.meta_with_prefix("").unwrap(), [("kept".to_owned(), b"y".to_vec())]);
    assert!(store.documents().unwrap().is_empty() && store.outbox_counts().unwrap().is_empty());
    assert!(store.dump_projections().unwrap().is_empty());
    assert!(store.search(&terms("anna"), 5).unwrap().is_empty());
    fill(&mut store);
    assert_eq!(store.search(&terms("anna"), 5).unwrap(), [attendee_id(1)], "it works on");
}

pub(super) fn chunks_keep_their_order_until_a_snapshot<S: Store>(mut store: S) {
    let chunk = |number: u8| Write::AppendChunk(roster(), vec![number; 10]);
    commit(&mut store, (0..12).map(chunk).collect());
    commit(&mut store, vec![Write::AppendChunk(checkins(), vec![99])]);
    assert_eq!(store.chunks(&roster()).unwrap(), (0..12).map(|number| vec![number; 10]).collect::<Vec<_>>());
    commit(&mut store, vec![Write::Snapshot(roster(), vec![7; 30]), chunk(8)]);
    assert_eq!(store.chunks(&roster()).unwrap(), [vec![7; 30], vec![8; 10]]);
    let sizes: Vec<_> = store.documents().unwrap();
    assert_eq!(
        sizes,
        [
            DocSize { doc: checkins(), snapshot_bytes: 0, incremental_bytes: 1 },
            DocSize { doc: roster(), snapshot_bytes: 30, incremental_bytes: 10 },
        ]
    );
    assert_eq!(store.chunks(&DocRef::whole(DocKind::Event)).unwrap(), Vec::<Vec<u8>>::new());
}

pub(super) fn the_outbox_is_kept_per_server<S: Store>(mut store: S) {
    let row = |name: &str, change: u8, fact: Option<u64>| OutboxRow {
        server: server(name),
        doc: checkins(),
        change: ChangeHash([change; 32]),
        fact: fact.map(fact_id),
        edit: None,
    };
    let rows = [row("s1", 2, Some(2)), row("s1", 1, Some(1)), row("s2", 1, Some(1)), row("s1", 3, None)];
    commit(&mut store, rows.iter().cloned().map(Write::OutboxAdd).collect());
    assert_eq!(store.outbox(&server("s1"), &checkins()).unwrap().len(), 3);
    assert_eq!(store.outbox(&server("s1"), &roster()).unwrap(), []);
    assert_eq!(store.servers_lacking(fact_id(1)).unwrap(), [server("s1"), server("s2")]);
    assert_eq!(
        store.outbox_counts().unwrap(),
        [(server("s1"), checkins(), 2), (server("s2"), checkins(), 1)],
        "only facts count"
    );
    commit(&mut store, vec![Write::OutboxDone(server("s1"), checkins(), ChangeHash([1; 32]))]);
    assert_eq!(store.servers_lacking(fact_id(1)).unwrap(), [server("s2")]);
    commit(
        &mut store,
        vec![Write::SyncState(server("s1"), roster(), vec![1]), Write::SyncState(server("s1"), roster(), vec![2])],
    );
    assert_eq!(store.sync_state(&server("s1"), &roster()).unwrap(), Some(vec![2]));
    assert_eq!(store.sync_state(&server("s2"), &roster()).unwrap(), None);
}

pub(super) fn edits_wait_in_their_order<S: Store>(mut store: S) {
    let row = |name: &str, doc, order: u64| {
        let field = FieldEdit { field: "name".into(), before: Json::Null, after: Json::from("Zāle A") };
        let edit = RecordEdit { collection: "rooms".into(), key: "k".into(), fields: vec![field] };
        let edit = Some(UnsentEdit { edit, at: Timestamp::from_ms(9), order });
        let change = ChangeHash([u8::try_from(20 - order).unwrap(); 32]);
        OutboxRow { server: server(name), doc, change, fact: None, edit }
    };
    let rows = [row("s1", roster(), 11), row("s1", roster(), 2), row("s2", roster(), 2), row("s1", checkins(), 3)];
    commit(&mut store, rows.iter().cloned().map(Write::OutboxAdd).collect());
    let expected = [&rows[3], &rows[1], &rows[0], &rows[2]].map(Clone::clone);
    assert_eq!(store.unsent_edits().unwrap(), expected);
    assert_eq!(store.outbox(&server("s2"), &roster()).unwrap(), [rows[2].clone()]);
    commit(&mut store, vec![Write::OutboxDone(server("s1"), roster(), rows[0].change)]);
    commit(&mut store, vec![Write::ForgetDocument(checkins())]);
    assert_eq!(store.unsent_edits().unwrap(), [rows[1].clone(), rows[2].clone()]);
}

pub(super) fn conflicts_are_replaced_and_go_with_their_document<S: Store>(mut store: S) {
    let row = |doc, key: &str, fields: &[&str]| ConflictRow {
        doc,
        collection: "attendees".into(),
        key: key.into(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    let other = DocRef::shard(DocKind::Roster, 1);
    let first = [row(roster(), "b", &["name"]), row(roster(), "a", &["name"]), row(other, "a", &["notes"])];
    commit(&mut store, first.iter().cloned().map(Write::Conflicts).collect());
    assert_eq!(store.conflicts().unwrap(), [first[1].clone(), first[0].clone(), first[2].clone()]);
    let (more, none) = (row(roster(), "a", &["name", "notes"]), row(roster(), "b", &[]));
    commit(&mut store, vec![Write::Conflicts(more.clone()), Write::Conflicts(none)]);
    assert_eq!(store.conflicts().unwrap(), [more.clone(), first[2].clone()]);
    assert_eq!(store.dump_projections().unwrap().len(), 2);
    commit(&mut store, vec![Write::ForgetDocument(other)]);
    assert_eq!(store.conflicts().unwrap(), [more]);
    commit(&mut store, vec![Write::ClearProjections]);
    assert_eq!(store.conflicts().unwrap(), []);
}

pub(super) fn devices_heard_of_are_replaced<S: Store>(mut store: S) {
    let row = |by: &str, at| HeardRow {
        device: DeviceId::from_random([3; 8]),
        by: by.into(),
        last_fact_at: Timestamp::from_ms(at),
        received_at: Timestamp::from_ms(-at),
    };
    commit(&mut store, vec![Write::Heard(row("A", 1)), Write::Heard(row("B", 2))]);
    assert_eq!(store.heard().unwrap(), [row("B", 2)]);
}

pub(super) fn attendees_are_found_by_ticket_and_order<S: Store>(mut store: S) {
    let mut anna = person(1, "Anna", "");
    anna.attendee.ticket = Some(ticket("new"));
    anna.attendee.revoked_tickets = vec![ticket("old")];
    anna.attendee.order = "VH3D3".into();
    let mut bruno = person(2, "Bruno", "");
    bruno.attendee.order = "VH3D3".into();
    bruno.origin = Origin::WalkIn(fact_id(4));
    commit(&mut store, vec![Write::Attendee(Box::new(bruno.clone())), Write::Attendee(Box::new(anna.clone()))]);
    assert_eq!(store.attendee(anna.id).unwrap(), Some(anna.clone()));
    assert_eq!(store.attendee(bruno.id).unwrap(), Some(bruno.clone()));
    for code in ["new", "old"] {
        assert_eq!(store.attendees_by_ticket(ticket(code)).unwrap(), [anna.id], "{code}");
    }
    assert_eq!(store.attendees_by_order("VH3D3").unwrap(), [anna.id, bruno.id]);
    assert_eq!(store.attendees_by_order("").unwrap(), []);
    anna.attendee.ticket = Some(ticket("newest"));
    anna.attendee.revoked_tickets.clear();
    commit(&mut store, vec![Write::Attendee(Box::new(anna.clone()))]);
    assert_eq!(store.attendees_by_ticket(ticket("new")).unwrap(), []);
    commit(&mut store, vec![Write::AttendeeGone(anna.id), Write::AttendeeGone(attendee_id(9))]);
    assert_eq!(store.attendee(anna.id).unwrap(), None);
    assert_eq!(store.attendees_by_ticket(ticket("newest")).unwrap(), []);
    assert_eq!(store.search(&terms("anna"), 9).unwrap(), []);
}

pub(super) fn names_are_found_by_any_part<S: Store>(mut store: S) {
    let people = [
        person(1, "Jānis Bērziņš", "Latvijas Universitāte"),
        person(2, "Berzina Ilze", "Rīgas slimnīca"),
        person(3, "Łukasz Wójcik", "Uniwersytet Łódzki"),
        person(4, "Jürgen Groß", "Universität Köln"),
        person(5, "Jan Berz", "Skalbe"),
        person(6, "Zane Kalnbērza", "Rīgas slimnīca"),
        person(7, "Uldis Rigs", ""),
    ];
    commit(&mut store, people.iter().map(|row| Write::Attendee(Box::new(row.clone()))).collect());
    let find = |store: &S, typed: &str, limit: usize| -> Vec<u8> {
        let found = store.search(&terms(typed), limit).unwrap();
        let seed = |id: &AttendeeId| (1..=9).find(|seed| attendee_id(*seed) == *id).unwrap();
        found.iter().map(seed).collect()
    };
    assert_eq!(find(&store, "berzins jan", 9), [1]);
    assert_eq!(find(&store, "berz", 9), [5, 2, 1, 6], "whole words, then beginnings, then parts; by name within");
    assert_eq!(find(&store, "rig", 9), [7, 2, 6], "names before organisations");
    assert_eq!(find(&store, "lukasz", 9), [3]);
    assert_eq!(find(&store, "lodzki", 9), [3]);
    assert_eq!(find(&store, "juergen gross", 9), [4]);
    assert_eq!(find(&store, "JÜRGEN", 9), [4]);
    assert_eq!(find(&store, "slimn", 9), [2, 6]);
    assert_eq!(find(&store, "zi", 9).len(), 2, "parts from two letters");
    assert_eq!(find(&store, "j", 9), Vec::<u8>::new());
    assert_eq!(find(&store, "berz", 2).len(), 2);
    assert_eq!(find(&store, "berz", 0), Vec::<u8>::new());
    assert_eq!(find(&store, "\" OR 1 --", 9), Vec::<u8>::new());
    commit(&mut store, vec![Write::Attendee(Box::new(person(3, "Lucas Moreau", "")))]);
    assert_eq!(find(&store, "lukasz", 9), Vec::<u8>::new());
    assert_eq!(find(&store, "moreau", 9), [3]);
}

pub(super) fn facts_are_found_by_place_and_in_their_order<S: Store>(mut store: S) {
    let undo = |counter, target| {
        let body = FactBody::Undo { fact: fact_id(target), reason: String::new() };
        let mut row = entry(counter, 1);
        row.fact.body = body;
        row
    };
    let rows = [entry(10, 1), entry(2, 1), entry(9, 2), undo(11, 10), undo(3, 2)];
    commit(&mut store, rows.iter().cloned().map(|row| Write::Fact(Box::new(row))).collect());
    let counters = |rows: Vec<FactRow>| rows.iter().map(|row| row.fact.id.counter).collect::<Vec<_>>();
    let place = Place::Attendance(attendee_id(1), checkpoint(1));
    assert_eq!(counters(store.facts_at(&place).unwrap()), [2, 3, 10, 11]);
    assert_eq!(counters(store.facts_of(attendee_id(2)).unwrap()), [9]);
    assert_eq!(counters(store.undos_of(fact_id(10)).unwrap()), [11]);
    assert_eq!(store.fact(fact_id(9)).unwrap(), Some(entry(9, 2)));
    assert_eq!(store.fact(fact_id(1)).unwrap(), None);
    let moved = FactRow { place: Place::Unplaced, ..undo(11, 10) };
    commit(&mut store, vec![Write::Fact(Box::new(moved))]);
    assert_eq!(counters(store.facts_at(&place).unwrap()), [2, 3, 10]);
    assert_eq!(counters(store.facts_at(&Place::Unplaced).unwrap()), [11]);
}

pub(super) fn counts_move_and_vanish_at_zero<S: Store>(mut store: S) {
    let one = Count { admitted: 1, inside: 1, admissions: 2, extra_inside: 0 };
    let delta = |category: &str, minus, plus| {
        Write::Count(CountDelta { checkpoint: checkpoint(1), category: category.into(), minus, plus })
    };
    let zero = Count::default();
    commit(&mut store, vec![delta("B", zero, one), delta("A", zero, one), delta("A", zero, one)]);
    let two = Count { admitted: 2, inside: 2, admissions: 4, extra_inside: 0 };
    assert_eq!(store.counts(checkpoint(1)).unwrap(), [("A".into(), two), ("B".into(), one)]);
    commit(&mut store, vec![delta("B", one, zero), delta("A", one, zero)]);
    assert_eq!(store.counts(checkpoint(1)).unwrap(), [("A".into(), one)]);
    assert_eq!(store.counts(checkpoint(2)).unwrap(), []);
    let tally =
        |seed, count| Tally { attendee: attendee_id(seed), checkpoint: checkpoint(1), category: "A".into(), count };
    commit(&mut store, (1..=4).rev().map(|seed| Write::Tally(tally(seed, one))).collect());
    commit(&mut store, vec![Write::Tally(tally(2, zero)), Write::Tally(tally(5, zero))]);
    assert_eq!(store.tally(attendee_id(1), checkpoint(1)).unwrap(), Some(tally(1, one)));
    assert_eq!(store.tallies_of(attendee_id(3)).unwrap(), [tally(3, one)]);
    assert_eq!(
        (store.tally(attendee_id(2), checkpoint(1)).unwrap(), store.tallies_of(attendee_id(2)).unwrap()),
        (None, vec![])
    );
    assert_eq!(store.attendees_at(checkpoint(1), None, 2).unwrap(), [attendee_id(1), attendee_id(3)]);
    assert_eq!(store.attendees_at(checkpoint(1), Some(attendee_id(3)), 2).unwrap(), [attendee_id(4)]);
}

pub(super) fn entries_are_found_by_their_ticket<S: Store>(mut store: S) {
    let with = |counter, code: &str, borne| {
        let mut row = entry(counter, 1);
        if let FactBody::Entry(entry) = &mut row.fact.body {
            entry.ticket = Some(ticket(code));
        }
        FactRow { borne, ..row }
    };
    commit(&mut store, vec![Write::Fact(Box::new(entry(1, 1))), Write::Fact(Box::new(with(3, "a", false)))]);
    assert_eq!(store.facts_with_ticket(ticket("a")).unwrap(), [with(3, "a", false)]);
    assert!(!store.any_borne().unwrap());
    let rows = [with(2, "a", true), with(4, "b", false)];
    commit(&mut store, rows.into_iter().map(|row| Write::Fact(Box::new(row))).collect());
    assert_eq!(store.facts_with_ticket(ticket("a")).unwrap(), [with(2, "a", true), with(3, "a", false)]);
    assert_eq!(store.facts_with_ticket(ticket("c")).unwrap(), []);
    assert!(store.any_borne().unwrap());
    commit(&mut store, vec![Write::ClearProjections]);
    assert!(!store.any_borne().unwrap());
}

pub(super) fn double_admissions_are_replaced_together<S: Store>(mut store: S) {
    let row = |first, settled_by| DoubleRow {
        attendee: attendee_id(1),
        checkpoint: checkpoint(1),
        admissions: vec![fact_id(first), fact_id(first + 1)],
        settled_by,
    };
    let doubles = |rows| Write::Doubles(attendee_id(1), checkpoint(1), rows);
    commit(&mut store, vec![doubles(vec![row(1, None), row(5, Some(fact_id(8)))])]);
    assert_eq!(store.doubles().unwrap(), [row(1, None), row(5, Some(fact_id(8)))]);
    commit(&mut store, vec![doubles(vec![row(1, Some(fact_id(9)))])]);
    assert_eq!(store.doubles_at(attendee_id(1), checkpoint(1)).unwrap(), [row(1, Some(fact_id(9)))]);
    commit(&mut store, vec![doubles(Vec::new())]);
    assert_eq!(store.doubles().unwrap(), []);
}

pub(super) fn projections_can_be_emptied<S: Store>(mut store: S) {
    let count = Count { admitted: 1, ..Count::default() };
    let delta = CountDelta { checkpoint: checkpoint(1), category: "A".into(), minus: Count::default(), plus: count };
    let writes = vec![
        Write::Meta("kept".into(), Some(vec![1])),
        Write::AppendChunk(roster(), vec![1]),
        Write::Attendee(Box::new(person(1, "Anna", "SIA"))),
        Write::Fact(Box::new(entry(1, 1))),
        Write::Count(delta),
    ];
    commit(&mut store, writes.clone());
    let full = store.dump_projections().unwrap();
    assert_eq!(full.len(), 4, "{full:?}");
    commit(&mut store, vec![Write::ClearProjections]);
    assert_eq!(store.dump_projections().unwrap(), Vec::<String>::new());
    assert_eq!(store.search(&terms("anna"), 9).unwrap(), []);
    assert_eq!(store.meta("kept").unwrap(), Some(vec![1]));
    assert_eq!(store.chunks(&roster()).unwrap().len(), 1);
    commit(&mut store, writes.into_iter().skip(2).collect());
    assert_eq!(store.dump_projections().unwrap(), full);
    assert_eq!(store.search(&terms("anna"), 9).unwrap(), [attendee_id(1)]);
}

/// A batch that cannot be made whole leaves nothing: here a fact that is too long for the store.
pub(super) fn a_batch_is_all_or_nothing<S: Store>(mut store: S) {
    let mut long = entry(1, 1);
    long.fact.by = "x".repeat(MAX_FACT_BYTES);
    let batch = WriteBatch {
        writes: vec![Write::Meta("a".into(), Some(vec![1])), Write::Fact(Box::new(long))],
        ..WriteBatch::default()
    };
    assert!(store.commit(&batch).is_err());
    assert_eq!(store.meta("a").unwrap(), None);
    assert_eq!(store.dump_projections().unwrap(), Vec::<String>::new());
}

macro_rules! contract {
    ($store:expr; $($case:ident),* $(,)?) => {
        $(
            #[test]
            fn $case() {
                super::$case($store);
            }
        )*
    };
}

macro_rules! stores {
    ($($module:ident => $store:expr),* $(,)?) => {
        $(
            mod $module {
                contract! {
                    $store;
                    bookkeeping_reads_back,
                    what_is_forgotten_is_gone_and_the_rest_stays,
                    chunks_keep_their_order_until_a_snapshot,
                    the_outbox_is_kept_per_server,
                    edits_wait_in_their_order,
                    conflicts_are_replaced_and_go_with_their_document,
                    devices_heard_of_are_replaced,
                    attendees_are_found_by_ticket_and_order,
                    names_are_found_by_any_part,
                    facts_are_found_by_place_and_in_their_order,
                    entries_are_found_by_their_ticket,
                    counts_move_and_vanish_at_zero,
                    double_admissions_are_replaced_together,
                    projections_can_be_emptied,
                    a_batch_is_all_or_nothing,
                }
            }
        )*
    };
}

stores! {
    over_memory => crate::store::memory::MemoryStore::new(),
    over_sqlite => crate::store::sqlite::SqliteStore::in_memory().unwrap(),
}

/// Facts and their outbox rows, none sent.
pub(super) fn unsent_facts(count: u64) -> Vec<Write> {
    let both = |counter: u64| {
        let row = entry(counter, 1);
        let change = ChangeHash([u8::try_from(counter % 256).unwrap(); 32]);
        let outbox = OutboxRow { server: server("s1"), doc: checkins(), change, fact: Some(row.fact.id), edit: None };
        [Write::Fact(Box::new(row)), Write::OutboxAdd(outbox)]
    };
    (1..=count).flat_map(both).collect()
}
