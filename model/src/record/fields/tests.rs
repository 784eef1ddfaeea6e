use automerge::transaction::CommitOptions;
use serde_json::json;

use super::*;
use crate::document::{DocKind, create};
use crate::event::OnlyKey;
use crate::id::{EventId, PresenterId, RecordId, RoomId};
use crate::logistics::Needs;
use crate::program::Room;
use crate::record::{put, read, read_all};

fn device(seed: u8) -> DeviceId {
    DeviceId::from_random([seed; 8])
}

fn begun(document: &DocRef, seed: u8) -> Automerge {
    create(EventId::from_random([1; 16]), document, device(seed).actor([0; 8])).unwrap()
}

fn key() -> RoomId {
    RoomId::from_random([5; 10])
}

/// Two replicas of a programme with one room.
fn two() -> (Automerge, Automerge) {
    let mut one = begun(&DocRef::whole(DocKind::Program), 1);
    let room = Room { name: "A".into(), capacity: Some(120), ..Room::default() };
    one.transact(|tx| put(tx, &key(), &room)).unwrap();
    let other = one.fork().with_actor(device(2).actor([0; 8]));
    (one, other)
}

fn set(doc: &mut Automerge, field: &str, value: Json, seconds: i64) -> bool {
    let mut tx = doc.transaction();
    let changed = set_fields(&mut tx, "rooms", &key().to_string(), [(field.to_owned(), value)]).unwrap();
    tx.commit_with(CommitOptions::default().with_time(seconds));
    changed
}

fn unsettled_in(doc: &Automerge) -> Vec<String> {
    unsettled(doc, "rooms", &key().to_string()).unwrap()
}

fn room(doc: &Automerge) -> Room {
    read(doc, &key()).unwrap().unwrap()
}

#[test]
fn an_edit_writes_its_fields_and_no_other() {
    let (mut one, mut other) = two();
    assert!(set(&mut one, "name", json!("B"), 1));
    assert!(set(&mut other, "capacity", json!(80), 1));
    assert!(!set(&mut one, "name", json!("B"), 2), "it says so already");
    one.merge(&mut other).unwrap();
    assert_eq!((room(&one).name.as_str(), room(&one).capacity), ("B", Some(80)));
    assert_eq!(unsettled_in(&one), [""; 0]);
}

#[test]
fn one_field_edited_twice_is_shown_with_who_and_when_until_somebody_settles_it() {
    let (mut one, mut other) = two();
    set(&mut one, "name", json!("B"), 100);
    set(&mut other, "name", json!("C"), 200);
    one.merge(&mut other).unwrap();
    other.merge(&mut one).unwrap();
    assert_eq!(unsettled_in(&one), ["name"]);
    let said = said_by(&one, "rooms", &key().to_string(), "name").unwrap();
    assert_eq!(said, said_by(&other, "rooms", &key().to_string(), "name").unwrap(), "the same everywhere");
    assert_eq!(said.last().unwrap().value, json!(room(&one).name), "what readers see is the last");
    let mut who: Vec<_> = said.iter().map(|said| (said.value.clone(), said.device, said.at)).collect();
    who.sort_by_key(|(_, by, _)| *by != Some(device(1)));
    let at = |seconds: i64| Some(Timestamp::from_ms(seconds * 1_000));
    assert_eq!(who, [(json!("B"), Some(device(1)), at(100)), (json!("C"), Some(device(2)), at(200))]);
    let kept = said[1].value.clone();
    assert!(set(&mut one, "name", kept, 300), "what readers see already is written again");
    assert_eq!(unsettled_in(&one), [""; 0]);
    other.merge(&mut one).unwrap();
    assert_eq!(unsettled_in(&other), [""; 0]);
}

#[test]
fn emptying_a_field_while_somebody_fills_it_is_shown_too() {
    let (mut one, mut other) = two();
    set(&mut one, "capacity", Json::Null, 1);
    set(&mut other, "capacity", json!(60), 1);
    one.merge(&mut other).unwrap();
    assert_eq!(unsettled_in(&one), ["capacity"]);
    set(&mut one, "capacity", Json::Null, 2);
    assert_eq!((room(&one).capacity, unsettled_in(&one)), (None, Vec::new()));
}

#[test]
fn the_same_said_twice_is_no_conflict() {
    let (mut one, mut other) = two();
    set(&mut one, "equipment", json!(["piano"]), 1);
    set(&mut other, "equipment", json!(["piano"]), 1);
    one.merge(&mut other).unwrap();
    assert_eq!((unsettled_in(&one), room(&one).equipment), (Vec::new(), vec!["piano".to_owned()]));
}

#[test]
fn a_record_that_was_made_twice_says_what_both_say() {
    let document = DocRef::presenter(PresenterId::from_random([3; 10]));
    let (mut one, mut other) = (begun(&document, 1), begun(&document, 2));
    let set = |doc: &mut Automerge, fields: Vec<(&str, &str)>| {
        let fields = fields.into_iter().map(|(field, text)| (field.to_owned(), json!(text)));
        doc.transact(|tx| set_fields(tx, "needs", "main", fields)).unwrap();
    };
    set(&mut one, vec![("aids", "HDMI"), ("notes", "left-handed")]);
    set(&mut other, vec![("dietary", "nuts"), ("notes", "late")]);
    one.merge(&mut other).unwrap();
    other.merge(&mut one).unwrap();
    let needs = |doc: &Automerge| read::<Needs>(doc, &OnlyKey).unwrap().unwrap();
    assert_eq!(needs(&one), needs(&other));
    assert_eq!(read_all::<Needs>(&one).unwrap().records[&OnlyKey], needs(&one));
    assert_eq!((needs(&one).aids.as_str(), needs(&one).dietary.as_str()), ("HDMI", "nuts"));
    assert_eq!(unsettled(&one, "needs", "main").unwrap(), ["notes"]);
    set(&mut one, vec![("notes", "late, and left-handed")]);
    set(&mut one, vec![("aids", "")]);
    other.merge(&mut one).unwrap();
    assert_eq!(unsettled(&other, "needs", "main").unwrap(), [""; 0]);
    let expected = Needs { dietary: "nuts".into(), notes: "late, and left-handed".into(), ..Needs::default() };
    assert_eq!(needs(&other), expected);
    // And an import that says less takes it away for good.
    other.transact(|tx| put(tx, &OnlyKey, &Needs { notes: "late".into(), ..Needs::default() })).unwrap();
    assert_eq!(needs(&other), Needs { notes: "late".into(), ..Needs::default() });
}

#[test]
fn how_a_record_stands_to_an_edit() {
    let (mut doc, _) = two();
    let document = DocRef::whole(DocKind::Program);
    let before = room(&doc);
    let edit = RecordEdit::between(&key(), &before, &Room { name: "B".into(), floor: "2".into(), ..before.clone() });
    let edit = edit.unwrap();
    let fields: Vec<_> = edit.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["floor", "name"]);
    assert_eq!(RecordEdit::between(&key(), &before, &before), None);
    assert_eq!(edit.stands_in(&doc, &document).unwrap(), EditState::Undone);
    set(&mut doc, "name", json!("C"), 1);
    assert_eq!(edit.stands_in(&doc, &document).unwrap(), EditState::Overtaken);
    set(&mut doc, "name", json!("B"), 1);
    set(&mut doc, "floor", json!("2"), 1);
    assert_eq!(edit.stands_in(&doc, &document).unwrap(), EditState::Done);
    let gone = RecordEdit { key: RoomId::from_random([6; 10]).to_string(), ..edit };
    assert_eq!(gone.stands_in(&doc, &document).unwrap(), EditState::NoRecord);
}
