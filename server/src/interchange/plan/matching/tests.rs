use muster_model::id::EventId;
use muster_model::logistics::Honorarium;

use super::super::super::Logistics;
use super::super::{Fields, plan};
use super::*;

fn id(key: &str) -> PresenterId {
    PresenterId::derive(EventId::from_random([1; 16]), key)
}

fn profile(number: &str, name: &str) -> PresenterProfile {
    PresenterProfile { source_id: number.into(), name: name.into(), ..PresenterProfile::default() }
}

/// A list of people by number and name, as its reader makes it; the honorarium says which row it was.
fn list(rows: &[(&str, &str)]) -> Draft {
    let mut draft = Draft::default();
    for (row, (number, name)) in (2_u64..).zip(rows) {
        let own = if number.is_empty() { id(&format!("name/{name}")) } else { id(&format!("id/{number}")) };
        let honorarium = Honorarium { amount_cents: i64::try_from(row).unwrap(), ..Honorarium::default() };
        draft.presenters.insert(own, profile(number, name));
        draft.logistics.insert(own, Logistics { honorarium: Some(honorarium), ..Logistics::default() });
        draft.rows.presenters.insert(own, row);
    }
    draft
}

/// The documents, by key of id, number and name.
fn current(presenters: &[(&str, &str, &str)]) -> Current {
    let presenters = presenters.iter().map(|(key, number, name)| (id(key), profile(number, name))).collect();
    Current { presenters, ..Current::default() }
}

/// What the source said last time, by key of id, number and name.
fn base(said: &[(&str, &str, &str)]) -> Base {
    let fields = |number: &str, name: &str| {
        let said = [("source_id", number), ("name", name)].into_iter().filter(|(_, text)| !text.is_empty());
        Fields::from_iter(said.map(|(field, text)| (field.to_owned(), text.into())))
    };
    let records = said.iter().map(|(key, number, name)| (id(key).to_string(), fields(number, name))).collect();
    Base { collections: BTreeMap::from([("presenters".to_owned(), records)]) }
}

/// Which row's logistics went to which key, and the codes of the notes.
fn went(draft: &Draft, current: &Current, base: &Base, keys: &[&str]) -> (Vec<Option<i64>>, Vec<String>) {
    let resolved = resolve(draft, current, base);
    let row = |key: &&str| {
        let logistics = resolved.logistics.get(&id(key))?;
        logistics.honorarium.as_ref().map(|honorarium| honorarium.amount_cents)
    };
    let codes = resolved.notes.notes.iter().map(|note| format!("{} {}", note.place, note.code)).collect();
    (keys.iter().map(row).collect(), codes)
}

#[test]
fn a_number_goes_before_a_name_and_a_name_before_its_folding() {
    let there = current(&[("a", "1", "Jānis Bērziņš"), ("b", "2", "Jānis Bērziņš"), ("c", "", "Ģirts Ābols")]);
    let rows = list(&[("2", "Jānis Bērziņš"), ("1", "JĀNIS  Bērziņš"), ("", "Girts Abols")]);
    let (rows, notes) = went(&rows, &there, &Base::default(), &["a", "b", "c"]);
    assert_eq!((rows, notes), (vec![Some(3), Some(2), Some(4)], vec![]));
}

#[test]
fn nobody_gets_a_namesakes_logistics() {
    let there = current(&[("a", "1", "Anna Ozola"), ("b", "2", "Anna Ozola"), ("c", "3", "Ilze Liepa")]);
    let nothing = Base::default();
    let keys = ["a", "b", "c"];
    let told = |rows: &[(&str, &str)]| went(&list(rows), &there, &nothing, &keys);
    let none = vec![None, None, None];
    assert_eq!(told(&[("", "Anna Ozola")]), (none.clone(), vec!["row 2 match_ambiguous".to_owned()]));
    assert_eq!(told(&[("9", "Anna Ozola")]), (none.clone(), vec!["row 2 match_ambiguous".to_owned()]));
    assert_eq!(told(&[("3", "Anna Ozola")]), (none.clone(), vec!["row 2 match_contradictory".to_owned()]));
    // The number's bearer married, or the name is spelt anew.
    assert_eq!(told(&[("3", "Ilze Kalna")]), (vec![None, None, Some(2)], vec!["row 2 name_differs".to_owned()]));
    // Ilze has a row of her own: another with her name and another number is another Ilze, one without is a repetition.
    let (rows, notes) = told(&[("4", "Ilze Liepa"), ("3", "Ilze Liepa")]);
    assert_eq!((rows, notes), (vec![None, None, Some(3)], vec!["row 2 presenter_created".to_owned()]));
    let (rows, notes) = told(&[("", "Ilze Liepa"), ("3", "Ilze Liepa")]);
    assert_eq!((rows, notes), (vec![None, None, Some(3)], vec!["row 2 duplicate_row".to_owned()]));
    let resolved = resolve(&list(&[("", "Anna Ozola"), ("3", "Anna Ozola")]), &there, &nothing);
    assert_eq!((resolved.counts.skipped, resolved.presenters.len(), resolved.logistics.len()), (2, 0, 0));
    assert!(!format!("{:?}", resolved.notes).contains("Anna"), "{:?}", resolved.notes);
}

#[test]
fn what_was_said_last_time_holds_through_a_renaming() {
    let said = base(&[("a", "", "Anna Ozola"), ("b", "7", "Ilze Liepa")]);
    let there = current(&[("a", "", "Anna Kalna"), ("b", "", "Ilze Kalna")]);
    let (rows, notes) = went(&list(&[("", "Anna Ozola"), ("7", "Ilze Liepa")]), &there, &said, &["a", "b"]);
    assert_eq!((rows, notes), (vec![Some(2), Some(3)], vec!["row 3 name_differs".to_owned()]));
    // A row that gets a number is still the same row.
    let (rows, _) = went(&list(&[("5", "Anna Ozola")]), &there, &said, &["a", "b"]);
    assert_eq!(rows, [Some(2), None]);
}

#[test]
fn who_was_deleted_gets_no_logistics() {
    let said = base(&[("a", "", "Anna Ozola"), ("b", "7", "Ilze Liepa")]);
    let (rows, notes) =
        went(&list(&[("", "Anna Ozola"), ("7", "Ilze Liepa")]), &Current::default(), &said, &["a", "b"]);
    assert_eq!((rows, notes), (vec![None, None], vec![]));
    let plan = plan(&list(&[("7", "Ilze Liepa")]), &Current::default(), &said).unwrap();
    assert_eq!((plan.writes.len(), plan.report.notes.count("kept_deleted")), (0, 1));
}

#[test]
fn rooms_go_by_name_and_an_unknown_one_is_new() {
    let room_id = |key: &str| muster_model::id::RoomId::derive(EventId::from_random([1; 16]), key);
    let room = |name: &str, capacity| Room { name: name.into(), capacity, ..Room::default() };
    let mut there = Current::default();
    for (key, name) in [("a", "Lielā zāle"), ("b", "Gauja"), ("c", "gauja")] {
        there.rooms.insert(room_id(key), room(name, None));
    }
    let mut draft = Draft::default();
    for (row, name) in (2_u64..).zip(["LIELA  ZALE", "Gauja", "Venta"]) {
        let own = room_id(&format!("name/{name}"));
        draft.rooms.insert(own, room(name, Some(u32::try_from(row).unwrap())));
        draft.rows.rooms.insert(own, row);
    }
    let plan = plan(&draft, &there, &Base::default()).unwrap();
    let codes: Vec<String> =
        plan.report.notes.notes.iter().map(|note| format!("{} {}", note.place, note.code)).collect();
    assert_eq!(codes[..2], ["row 3 match_ambiguous", "row 4 room_created"]);
    assert_eq!(plan.report.skipped, 1);
    let tally = plan.report.tally("rooms");
    assert_eq!((tally.created, tally.changed, tally.kept_edits), (1, 1, 1), "the name stays as it is spelt here");
}
