use std::convert::Infallible;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, AutomergeError, Change, ObjType, ROOT};

use super::reading::{Awaited, Reader};
use super::*;
use crate::document::{self, Division};
use crate::event::OnlyKey;
use crate::fact::{self, Incident, Severity};
use crate::id::{EventId, RecordId, RoomId};
use crate::logistics::Needs;
use crate::program::Room;
use crate::record;
use crate::testing::{at, device, entry, fact as fact_of, fact_id, undo};

const AT: &str = "2027-05-20T09:00:00Z";

fn event() -> EventId {
    EventId::from_random([7; 16])
}

fn presenter(seed: u8) -> PresenterId {
    PresenterId::from_random([seed; 10])
}

fn own_document(kind: DocKind) -> DocRef {
    match kind.division() {
        Division::Whole => DocRef::whole(kind),
        Division::Shards => DocRef::shard(kind, 0),
        Division::Presenters => DocRef::presenter(presenter(1)),
    }
}

fn by(seed: u8, role: Role) -> Writer {
    Writer { author: Author::Device(device(seed), role), carrier: None }
}

fn carried(seed: u8, role: Role, carrier: Role) -> Writer {
    Writer { carrier: Some(carrier), ..by(seed, role) }
}

const SERVER: Writer = Writer { author: Author::Server, carrier: Some(Role::Staff) };

fn json(seed: u8, counter: u64, body: FactBody) -> (String, String) {
    let fact = fact_of((seed, counter), at(AT), body);
    (fact.id.to_string(), fact.to_json().unwrap())
}

fn put(kind: DocKind, writer: Writer, (key, text): &(String, String)) -> Result<(), Refusal> {
    judge(&own_document(kind), &writer, &Operation::PutFact { key, text: Some(text), taken: false })
}

fn incident() -> FactBody {
    FactBody::Incident(Incident { room: None, session: None, severity: Severity::Notice, text: "x".into() })
}

fn arrival(seed: u8, own: bool) -> FactBody {
    FactBody::Arrival { presenter: presenter(seed), own }
}

#[test]
fn facts_are_appended_by_their_author_where_they_belong() {
    use DocKind::{Arrivals, Checkins, Rooms, Roster};
    let presents = Role::Presenter(presenter(1));
    for (kind, role, body, expected) in [
        (Checkins, Role::Staff, entry(), Ok(())),
        (Checkins, Role::Coordinator, entry(), Ok(())),
        (Checkins, Role::Staff, undo(2, 1), Ok(())),
        (Checkins, Role::Staff, incident(), Err(Refusal::FactMisplaced)),
        (Checkins, Role::Finance, entry(), Err(Refusal::MayNotWrite)),
        (Checkins, presents, entry(), Err(Refusal::MayNotWrite)),
        (Rooms, Role::Staff, incident(), Ok(())),
        (Rooms, Role::Coordinator, incident(), Ok(())),
        (Rooms, Role::Staff, arrival(1, false), Err(Refusal::FactMisplaced)),
        (Rooms, presents, incident(), Err(Refusal::MayNotWrite)),
        (Arrivals, Role::Staff, arrival(1, false), Ok(())),
        (Arrivals, Role::Staff, arrival(1, true), Err(Refusal::FactForeign)),
        (Arrivals, presents, arrival(1, true), Ok(())),
        (Arrivals, presents, arrival(1, false), Err(Refusal::FactForeign)),
        (Arrivals, presents, arrival(2, true), Err(Refusal::FactForeign)),
        (Arrivals, presents, undo(9, 1), Ok(())),
        (Arrivals, presents, undo(2, 1), Err(Refusal::FactForeign)),
        (Arrivals, presents, entry(), Err(Refusal::FactMisplaced)),
        (Roster, Role::Staff, entry(), Err(Refusal::MayNotWrite)),
        (Roster, Role::Coordinator, entry(), Err(Refusal::FactMisplaced)),
    ] {
        let found = put(kind, by(9, role), &json(9, 1, body.clone()));
        assert_eq!(found, expected, "{kind} {role} {body:?}");
    }
}

#[test]
fn a_fact_is_under_its_authors_id_whoever_carries_it() {
    let own = json(9, 4, entry());
    assert_eq!(put(DocKind::Checkins, carried(9, Role::Staff, Role::Staff), &own), Ok(()));
    assert_eq!(put(DocKind::Checkins, carried(9, Role::Staff, Role::Finance), &own), Ok(()));
    assert_eq!(put(DocKind::Checkins, by(8, Role::Staff), &own), Err(Refusal::FactForeign));
    assert_eq!(put(DocKind::Checkins, by(8, Role::Coordinator), &own), Err(Refusal::FactForeign));
    assert_eq!(put(DocKind::Checkins, SERVER, &own), Err(Refusal::AuthorUnproven));
    let by_coordinator = Writer { carrier: Some(Role::Coordinator), ..SERVER };
    assert_eq!(put(DocKind::Checkins, by_coordinator, &own), Ok(()));
}

#[test]
fn facts_are_never_changed_and_must_read() {
    let document = DocRef::shard(DocKind::Checkins, 0);
    let (key, text) = json(9, 1, entry());
    let judge = |operation: &Operation<'_>| judge(&document, &by(9, Role::Staff), operation);
    assert_eq!(judge(&Operation::AlterFact), Err(Refusal::FactImmutable));
    let fact = |key, text| Operation::PutFact { key, text, taken: false };
    let taken = Operation::PutFact { key: &key, text: Some(&text), taken: true };
    assert_eq!(judge(&taken), Err(Refusal::FactImmutable));
    let long = format!("{{\"at_ms\":1,\"kind\":\"entry\",\"x\":\"{}\"}}", "x".repeat(MAX_FACT_BYTES));
    let later = "{\"at_ms\":1,\"kind\":\"teleport\"}";
    for (key, text, expected) in [
        (key.as_str(), None, Refusal::FactMalformed),
        (&key, Some("{}"), Refusal::FactMalformed),
        (&key, Some(later), Refusal::SchemaUnknown),
        (&key, Some(&long), Refusal::SizeLimit),
        ("hall", Some(&text), Refusal::FactMalformed),
        ("0909090909090909-01", Some(&text), Refusal::FactMalformed),
    ] {
        assert_eq!(judge(&fact(key, text)), Err(expected), "{key}");
    }
}

#[test]
fn records_are_edited_by_whoever_may_and_in_their_own_part() {
    let edit = |collection| Operation::EditRecord { collection, in_own: false, bytes: (4, 100), depth: 0 };
    let in_own = Operation::EditRecord { collection: None, in_own: true, bytes: (4, 100), depth: 0 };
    let id = RoomId::from_random([3; 10]).to_string();
    let create = |collection, key| Operation::PutRecord { collection, key, taken: false };
    let (staff, coordinator) = (by(9, Role::Staff), by(9, Role::Coordinator));
    let presents = by(9, Role::Presenter(presenter(1)));
    let (program, own) = (own_document(DocKind::Program), own_document(DocKind::Presenter));
    let others = DocRef::presenter(presenter(2));
    for (document, writer, operation, expected) in [
        (program, coordinator, edit(Some("rooms")), Ok(())),
        (program, staff, edit(Some("rooms")), Err(Refusal::MayNotWrite)),
        (program, coordinator, create("rooms", &id), Ok(())),
        (program, coordinator, create("rooms", "hall"), Err(Refusal::IdMalformed)),
        (
            program,
            coordinator,
            Operation::PutRecord { collection: "rooms", key: &id, taken: true },
            Err(Refusal::IdTaken),
        ),
        (program, coordinator, Operation::DeleteRecord { collection: "rooms" }, Ok(())),
        (program, coordinator, Operation::Structure, Err(Refusal::StructureForbidden)),
        (program, coordinator, edit(None), Ok(())),
        (own_document(DocKind::Rooms), staff, edit(Some("templates")), Err(Refusal::FieldForbidden)),
        (own_document(DocKind::Rooms), staff, in_own, Err(Refusal::FieldForbidden)),
        (own_document(DocKind::Rooms), coordinator, create("templates", &id), Ok(())),
        (own_document(DocKind::Budget), by(9, Role::Finance), create("lines", "line-1"), Ok(())),
        (own_document(DocKind::Budget), by(9, Role::Finance), create("lines", "a b"), Err(Refusal::IdMalformed)),
        (own_document(DocKind::Budget), staff, create("lines", "line-1"), Err(Refusal::MayNotWrite)),
        (own, presents, edit(Some("needs")), Ok(())),
        (own, presents, in_own, Ok(())),
        (own, presents, edit(None), Err(Refusal::FieldForbidden)),
        (own, presents, create("needs", "main"), Ok(())),
        (own, presents, Operation::PutRecord { collection: "needs", key: "main", taken: true }, Ok(())),
        (own, presents, create("needs", "other"), Err(Refusal::IdMalformed)),
        (own, presents, edit(Some("honorarium")), Err(Refusal::FieldForbidden)),
        (own, presents, create("honorarium", "main"), Err(Refusal::FieldForbidden)),
        (own, presents, Operation::DeleteRecord { collection: "needs" }, Err(Refusal::FieldForbidden)),
        (others, presents, edit(Some("needs")), Err(Refusal::MayNotWrite)),
        (own, by(9, Role::Finance), edit(Some("needs")), Err(Refusal::MayNotWrite)),
        (own, coordinator, edit(Some("honorarium")), Ok(())),
        // Whoever carries an edit could have made it up.
        (program, carried(9, Role::Coordinator, Role::Coordinator), edit(Some("rooms")), Ok(())),
        (program, carried(9, Role::Coordinator, Role::Staff), edit(Some("rooms")), Err(Refusal::AuthorUnproven)),
        (program, SERVER, edit(Some("rooms")), Err(Refusal::AuthorUnproven)),
    ] {
        assert_eq!(judge(&document, &writer, &operation), expected, "{document} {writer:?} {operation:?}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let program = own_document(DocKind::Program);
    for (bytes, depth) in [((MAX_KEY_BYTES + 1, 1), 1), ((1, MAX_VALUE_BYTES + 1), 1), ((1, 1), MAX_DEPTH + 1)] {
        let edit = Operation::EditRecord { collection: Some("rooms"), in_own: false, bytes, depth };
        assert_eq!(judge(&program, &by(1, Role::Coordinator), &edit), Err(Refusal::SizeLimit));
    }
    let checkins = own_document(DocKind::Checkins);
    assert_eq!(max_operations(&checkins, &by(1, Role::Staff)), MAX_APPENDS);
    assert_eq!(max_operations(&program, &by(1, Role::Coordinator)), usize::MAX);
}

// What a change does.

fn begun(kind: DocKind, seed: u8) -> Automerge {
    document::create(event(), &own_document(kind), device(seed).actor([1; 8])).unwrap()
}

fn change(
    doc: &mut Automerge,
    edit: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<(), AutomergeError>,
) -> Change {
    let mut transaction = doc.transaction();
    edit(&mut transaction).unwrap();
    transaction.commit_with(CommitOptions::default().with_time(0));
    doc.get_last_local_change().unwrap()
}

/// What a change does to a document that does not have it.
fn read(doc: &Automerge, kind: DocKind, changes: &[&Change]) -> Vec<String> {
    let awaited = Awaited::default();
    let mut reader = Reader::new(doc, own_document(kind), &awaited);
    let mut found = Vec::new();
    for change in changes {
        let each = |operation: &Operation<'_>| {
            found.push(format!("{operation:?}"));
            Ok::<(), Infallible>(())
        };
        reader.read(&change.decode(), each).unwrap();
    }
    found
}

#[test]
fn what_a_phones_change_does_is_one_fact() {
    let before = begun(DocKind::Checkins, 1);
    let mut doc = before.clone();
    let fact = fact_of((1, 7), at(AT), entry());
    let made = change(&mut doc, |tx| {
        fact::append(tx, &fact).unwrap();
        Ok(())
    });
    let expected =
        Operation::PutFact { key: &fact_id(1, 7).to_string(), text: Some(&fact.to_json().unwrap()), taken: false };
    assert_eq!(read(&before, DocKind::Checkins, &[&made]), [format!("{expected:?}")]);
    // Under its key nothing else can be said, also within one message; the same may come again.
    assert!(read(&doc, DocKind::Checkins, &[&made])[0].contains("taken: false"));
    let again = change(&mut before.clone(), |tx| {
        let facts = document::collection(tx, "facts").unwrap();
        tx.put(facts, fact.id.to_string(), "other")
    });
    assert!(read(&doc, DocKind::Checkins, &[&again])[0].contains("taken: true"));
    assert!(read(&before, DocKind::Checkins, &[&made, &again])[1].contains("taken: true"));
}

#[test]
fn a_fact_that_another_change_of_the_round_puts_is_taken() {
    let before = begun(DocKind::Checkins, 1);
    let put = |text: &str| {
        let facts = document::collection(&before, "facts").unwrap();
        change(&mut before.clone(), |tx| tx.put(facts, "a-1", text))
    };
    let (one, other) = (put("one"), put("other"));
    let mut awaited = Awaited::default();
    let mut reader = Reader::new(&before, own_document(DocKind::Checkins), &awaited);
    reader.read(&one.decode(), |_| Ok::<(), Infallible>(())).unwrap();
    let noted = reader.into_put();
    awaited.note(noted);
    for (change, expected) in [(&one, "taken: false"), (&other, "taken: true")] {
        let mut reader = Reader::new(&before, own_document(DocKind::Checkins), &awaited);
        let mut found = String::new();
        let each = |operation: &Operation<'_>| {
            found = format!("{operation:?}");
            Ok::<(), Infallible>(())
        };
        reader.read(&change.decode(), each).unwrap();
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn altering_facts_is_seen_whatever_the_operation() {
    let mut doc = begun(DocKind::Checkins, 1);
    let facts = document::collection(&doc, "facts").unwrap();
    change(&mut doc, |tx| tx.put(&facts, "a-1", "text"));
    type Edit = fn(&mut automerge::transaction::Transaction<'_>, &automerge::ObjId) -> Result<(), AutomergeError>;
    let edits: [(Edit, &str); 4] = [
        (|tx, facts| tx.delete(facts, "a-1"), "AlterFact"),
        (|tx, facts| tx.put(facts, "a-1", "new"), "taken: true"),
        (|tx, facts| tx.put_object(facts, "a-2", ObjType::Map).map(drop), "text: None"),
        (|tx, facts| tx.put(facts, "a-2", 7), "text: None"),
    ];
    for (edit, expected) in edits {
        let made = change(&mut doc.clone(), |tx| edit(tx, &facts));
        let found = read(&doc, DocKind::Checkins, &[&made]);
        assert!(found[0].contains(expected), "{found:?}");
    }
    let within = change(&mut doc.clone(), |tx| {
        let made = tx.put_object(&facts, "a-2", ObjType::Map)?;
        tx.put(&made, "x", 1)
    });
    assert_eq!(read(&doc, DocKind::Checkins, &[&within])[1], "Structure");
}

#[test]
fn record_edits_are_named_by_collection_and_depth() {
    let mut doc = begun(DocKind::Program, 1);
    let id = RoomId::from_random([3; 10]);
    let room = Room { name: "Hall".into(), equipment: vec!["projector".into()], ..Room::default() };
    let empty = doc.clone();
    let made = change(&mut doc, |tx| {
        record::put(tx, &id, &room).unwrap();
        Ok(())
    });
    let found = read(&empty, DocKind::Program, &[&made]);
    assert!(
        found[0].starts_with("PutRecord { collection: \"rooms\"") && found[0].contains("taken: false"),
        "{found:?}"
    );
    assert!(found[1..].iter().all(|edit| edit.contains("Some(\"rooms\")")), "{found:?}");
    assert!(found.iter().any(|edit| edit.contains("depth: 1")), "the list of equipment: {found:?}");
    // A later edit names an object that only the document knows.
    let renamed = change(&mut doc.clone(), |tx| {
        record::put(tx, &id, &Room { name: "Aula".into(), ..room.clone() }).unwrap();
        Ok(())
    });
    let known = read(&doc, DocKind::Program, &[&renamed]);
    assert_eq!(known, ["EditRecord { collection: Some(\"rooms\"), in_own: true, bytes: (4, 4), depth: 0 }"]);
    let unknown = read(&empty, DocKind::Program, &[&renamed]);
    assert_eq!(unknown, ["EditRecord { collection: None, in_own: true, bytes: (4, 4), depth: 1 }"]);
    let taken = read(&doc, DocKind::Program, &[&made]);
    assert!(taken[0].contains("taken: true"), "{taken:?}");
}

#[test]
fn needs_are_told_from_the_honorarium() {
    let mut doc = begun(DocKind::Presenter, 1);
    change(&mut doc, |tx| {
        record::put(tx, &OnlyKey, &Needs { dietary: "none".into(), ..Needs::default() }).unwrap();
        let honorarium = document::collection(tx, "honorarium").unwrap();
        tx.put_object(honorarium, "main", ObjType::Map).map(drop)
    });
    for (collection, expected) in [("needs", "Some(\"needs\")"), ("honorarium", "Some(\"honorarium\")")] {
        let main = automerge::ReadDoc::get(&doc, document::collection(&doc, collection).unwrap(), "main").unwrap();
        let made = change(&mut doc.clone(), |tx| tx.put(main.unwrap().1, "notes", "x"));
        let found = read(&doc, DocKind::Presenter, &[&made]);
        assert!(found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn what_is_outside_of_collections_and_records_is_structure() {
    let doc = begun(DocKind::Program, 1);
    let rooms = document::collection(&doc, "rooms").unwrap();
    type Edit = fn(&mut automerge::transaction::Transaction<'_>, automerge::ObjId) -> Result<(), AutomergeError>;
    let edits: [Edit; 6] = [
        |tx, _| tx.put(ROOT, "schema_version", 2),
        |tx, _| tx.put_object(ROOT, "rooms", ObjType::Map).map(drop),
        |tx, _| tx.delete(ROOT, "rooms"),
        |tx, rooms| tx.put(rooms, "hall", "a text for a record"),
        |tx, rooms| tx.put_object(rooms, "hall", ObjType::List).map(drop),
        |tx, _| tx.put_object(ROOT, "mine", ObjType::Map).map(drop),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let made = change(&mut doc.clone(), |tx| edit(tx, rooms.clone()));
        assert_eq!(read(&doc, DocKind::Program, &[&made]), ["Structure"], "edit {number}");
    }
    let mut with_own = doc.clone();
    let own = change(&mut with_own, |tx| {
        let mine = tx.put_object(ROOT, "mine", ObjType::Map)?;
        tx.put(mine, "x", 1)
    });
    assert_eq!(read(&doc, DocKind::Program, &[&own]), ["Structure", "Structure"]);
}
