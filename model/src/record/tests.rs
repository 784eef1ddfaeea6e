use automerge::ROOT;

use super::*;
use crate::document::{DocRef, create};
use crate::id::{DeviceId, EventId, RecordId, RoomId};
use crate::program::Room;

fn program(seed: u8) -> Automerge {
    let actor = DeviceId::from_random([seed; 8]).actor([0; 8]);
    create(EventId::from_random([1; 16]), &DocRef::whole(DocKind::Program), actor).unwrap()
}

fn room(name: &str) -> Room {
    Room { name: name.into(), capacity: Some(120), equipment: vec!["projector".into()], ..Room::default() }
}

fn key() -> RoomId {
    RoomId::from_random([5; 10])
}

fn write(doc: &mut Automerge, room: &Room) -> bool {
    let mut transaction = doc.transaction();
    let changed = put(&mut transaction, &key(), room).unwrap();
    transaction.commit();
    changed
}

#[test]
fn a_record_reads_back_as_written() {
    let mut doc = program(1);
    assert_eq!(read::<Room>(&doc, &key()).unwrap(), None);
    assert!(write(&mut doc, &room("Zāle A")));
    assert_eq!(read::<Room>(&doc, &key()).unwrap(), Some(room("Zāle A")));
    assert_eq!(read_all::<Room>(&doc).unwrap().records.len(), 1);
}

#[test]
fn writing_what_is_there_changes_nothing() {
    let mut doc = program(1);
    write(&mut doc, &room("A"));
    let heads = doc.get_heads();
    assert!(!write(&mut doc, &room("A")));
    assert_eq!(doc.get_heads(), heads);
}

#[test]
fn an_optional_field_can_be_taken_away() {
    let mut doc = program(1);
    write(&mut doc, &room("A"));
    assert!(write(&mut doc, &Room { capacity: None, ..room("A") }));
    assert_eq!(read::<Room>(&doc, &key()).unwrap().unwrap().capacity, None);
}

#[test]
fn edits_of_different_fields_both_survive() {
    let mut one = program(1);
    write(&mut one, &room("A"));
    let mut other = one.fork().with_actor(DeviceId::from_random([2; 8]).actor([0; 8]));
    write(&mut one, &Room { name: "B".into(), ..room("A") });
    write(&mut other, &Room { capacity: Some(80), ..room("A") });
    one.merge(&mut other).unwrap();
    let merged = read::<Room>(&one, &key()).unwrap().unwrap();
    assert_eq!((merged.name.as_str(), merged.capacity), ("B", Some(80)));
    assert_eq!(conflicts::<Room>(&one).unwrap(), []);
}

#[test]
fn edits_of_one_field_are_shown_with_both_values_until_settled() {
    let mut one = program(1);
    write(&mut one, &room("A"));
    let mut other = one.fork().with_actor(DeviceId::from_random([2; 8]).actor([0; 8]));
    write(&mut one, &room("B"));
    write(&mut other, &room("C"));
    one.merge(&mut other).unwrap();
    let found = conflicts::<Room>(&one).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].key.as_str(), found[0].field.as_str()), (key().to_string().as_str(), "name"));
    let mut values: Vec<_> = found[0].values.iter().map(|value| value.as_str().unwrap()).collect();
    let seen = read::<Room>(&one, &key()).unwrap().unwrap().name;
    assert_eq!(values.last(), Some(&seen.as_str()));
    values.sort_unstable();
    assert_eq!(values, ["B", "C"]);
    let settled = if seen == "B" { "C" } else { "B" };
    write(&mut one, &room(settled));
    assert_eq!(conflicts::<Room>(&one).unwrap(), []);
}

#[test]
fn a_field_of_a_later_version_is_kept() {
    let mut doc = program(1);
    write(&mut doc, &room("A"));
    let rooms = collection(&doc, "rooms").unwrap();
    let (_, id) = doc.get(&rooms, key().to_string()).unwrap().unwrap();
    doc.transact(|tx| tx.put(&id, "wallpaper", "blue")).unwrap();
    write(&mut doc, &room("B"));
    assert!(doc.get(&id, "wallpaper").unwrap().is_some());
}

#[test]
fn one_bad_record_does_not_hide_the_others() {
    let mut doc = program(1);
    write(&mut doc, &room("A"));
    let rooms = collection(&doc, "rooms").unwrap();
    doc.transact(|tx| tx.put(&rooms, "not-an-id", 1)).unwrap();
    let found = read_all::<Room>(&doc).unwrap();
    assert_eq!((found.records.len(), found.unreadable), (1, vec!["not-an-id".to_string()]));
}

#[test]
fn what_changed_is_named_by_collection_and_key() {
    let mut doc = program(1);
    let before = doc.get_heads();
    write(&mut doc, &room("A"));
    let created = doc.get_heads();
    write(&mut doc, &room("B"));
    let renamed = doc.get_heads();
    let expected = vec![("rooms".to_string(), key().to_string())];
    assert_eq!(changed_keys(&doc, &before, &created), expected);
    assert_eq!(changed_keys(&doc, &created, &renamed), expected);
    assert_eq!(changed_keys(&doc, &renamed, &renamed), []);
}

#[test]
fn texts_of_stock_clients_read_as_strings() {
    let mut doc = program(1);
    let rooms = collection(&doc, "rooms").unwrap();
    let mut transaction = doc.transaction();
    let id = transaction.put_object(&rooms, key().to_string(), ObjType::Map).unwrap();
    let text = transaction.put_object(&id, "name", ObjType::Text).unwrap();
    transaction.splice_text(&text, 0, 0, "Zāle").unwrap();
    transaction.commit();
    assert_eq!(read::<Room>(&doc, &key()).unwrap().unwrap().name, "Zāle");
}

#[test]
fn a_document_that_muster_did_not_begin_is_refused() {
    let mut doc = automerge::AutoCommit::new();
    doc.put(ROOT, "rooms", 1).unwrap();
    let doc = doc.document().clone();
    assert!(matches!(read_all::<Room>(&doc), Err(RecordError::Document(DocumentError::NotGenesis { .. }))));
}
