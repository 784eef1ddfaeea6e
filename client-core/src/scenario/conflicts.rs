//! One field edited in two places: both are told, somebody chooses, and it is over for all.

use muster_model::access::Role;
use muster_model::attendee::Attendee;
use muster_model::document::{DocKind, DocRef};
use muster_model::edit::{AttendeeEdit, RoomEdit, SessionEdit};

use super::edits::{coordinators, edit, rename};
use super::world::{World, at, attendee, record, room, roster, session};
use crate::code::CoreCode;
use crate::command::{Choice, Edit};
use crate::event::Topic;
use crate::store::StoreRead;
use crate::view::{ConflictView, FieldValue};

fn conflicts(world: &mut World, phone: usize) -> Vec<ConflictView> {
    let now = world.now;
    world.phones[phone].conflicts(now).unwrap()
}

fn choice(conflict: &ConflictView, nth: usize) -> Choice {
    Choice {
        document: conflict.document,
        collection: conflict.collection.clone(),
        key: conflict.key.clone(),
        field: conflict.field.clone(),
        value: conflict.values[nth].id.clone(),
    }
}

/// Two coordinators move one session to different rooms and times.
fn moved_twice() -> World {
    let mut world = coordinators(2);
    world.network_down();
    edit(&mut world, 0, Edit::Session(session(1), vec![SessionEdit::Room(None), SessionEdit::Title("Opening".into())]));
    world.now = world.now.plus_ms(60_000);
    edit(
        &mut world,
        1,
        Edit::Session(session(1), vec![SessionEdit::StartsAt(at(0)), SessionEdit::Title("Start".into())]),
    );
    world.network_up();
    world
}

#[test]
fn both_values_are_shown_on_both_sides_until_somebody_chooses() {
    let mut world = moved_twice();
    let found = conflicts(&mut world, 0);
    let fields: Vec<_> = found.iter().map(|conflict| (conflict.collection.as_str(), conflict.field.as_str())).collect();
    assert_eq!(fields, [("sessions", "title")], "different fields are no conflict");
    let values = |found: &[ConflictView]| -> Vec<_> {
        let shown = found[0].values.iter();
        shown.map(|value| (value.value.clone(), value.device, value.own, value.by.clone(), value.at)).collect()
    };
    let mut on_first = values(&found);
    assert_eq!(FieldValue::Plain(found[0].title.clone()), on_first[1].0, "the last is what everybody sees");
    on_first.sort_by_key(|(_, device, ..)| *device);
    let text = |text: &str| FieldValue::Plain(text.into());
    let (one, two) = (Some(World::device(0)), Some(World::device(1)));
    assert_eq!(
        on_first,
        [
            (text("Opening"), one, true, "Phone 0".to_owned(), Some(at(0))),
            (text("Start"), two, false, String::new(), Some(at(60_000))),
        ]
    );
    let ids = |found: &[ConflictView]| found[0].values.iter().map(|value| value.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&conflicts(&mut world, 1)), ids(&found));
    world.assert_converged();

    // The second chooses what nobody sees now.
    world.topics.iter_mut().for_each(Vec::clear);
    let now = world.now;
    assert!(world.phones[1].choose(now, choice(&found[0], 0)).unwrap());
    assert_eq!(conflicts(&mut world, 1), [], "at once");
    assert_eq!(world.phones[1].choose(now, choice(&found[0], 1)).unwrap_err().code, CoreCode::ConflictUnknown);
    world.run();
    assert_eq!(conflicts(&mut world, 0), []);
    assert!(world.topics.iter().all(|topics| topics.contains(&Topic::Conflicts)));
    for phone in &mut world.phones {
        let title = phone.sessions(now, &crate::view::SessionFilter::default()).unwrap()[0].session.title.clone();
        assert_eq!(FieldValue::Plain(title), found[0].values[0].value);
    }
    world.assert_converged();
}

#[test]
fn what_everybody_sees_can_be_chosen_too() {
    let mut world = moved_twice();
    let found = conflicts(&mut world, 0);
    let now = world.now;
    assert!(world.phones[0].choose(now, choice(&found[0], 1)).unwrap());
    world.run();
    assert_eq!((conflicts(&mut world, 0), conflicts(&mut world, 1)), (Vec::new(), Vec::new()));
    world.assert_converged();
}

#[test]
fn two_people_who_choose_differently_have_to_choose_again() {
    let mut world = moved_twice();
    let found = conflicts(&mut world, 0);
    world.network_down();
    let now = world.now;
    assert!(world.phones[0].choose(now, choice(&found[0], 0)).unwrap());
    assert!(world.phones[1].choose(now, choice(&found[0], 1)).unwrap());
    world.network_up();
    let again = conflicts(&mut world, 1);
    assert_eq!(again.len(), 1);
    let said = |found: &[ConflictView]| found[0].values.iter().map(|value| value.value.clone()).collect::<Vec<_>>();
    let mut both = said(&found);
    both.sort_by_key(|value| said(&again).iter().position(|other| other == value));
    assert_eq!(said(&again), both);
    assert_eq!(said(&conflicts(&mut world, 0)), both);
    let now = world.now;
    world.phones[0].choose(now, choice(&again[0], 0)).unwrap();
    world.run();
    assert_eq!((conflicts(&mut world, 0), conflicts(&mut world, 1)), (Vec::new(), Vec::new()));
    world.assert_converged();
}

#[test]
fn a_field_that_is_emptied_and_filled_at_once_waits_too() {
    let mut world = coordinators(2);
    edit(&mut world, 0, Edit::Room(room(), vec![RoomEdit::Capacity(Some(80))]));
    world.run();
    world.network_down();
    edit(&mut world, 0, Edit::Room(room(), vec![RoomEdit::Capacity(None)]));
    edit(&mut world, 1, Edit::Room(room(), vec![RoomEdit::Capacity(Some(90))]));
    world.network_up();
    let found = conflicts(&mut world, 0);
    let mut values: Vec<_> = found[0].values.iter().map(|value| value.value.clone()).collect();
    values.sort_by_key(|value| *value != FieldValue::Empty);
    assert_eq!(values, [FieldValue::Empty, FieldValue::Whole(90)]);
    world.assert_converged();
}

#[test]
fn door_phones_and_those_who_may_not_settle_are_told_of_none() {
    let mut world = moved_twice();
    let staff = world.add_phone(Role::Staff);
    let late = world.add_phone(Role::Coordinator);
    world.start(staff);
    world.start(late);
    world.run();
    assert_eq!(conflicts(&mut world, staff), []);
    assert!(world.phones[staff].store().inner().conflicts().unwrap().is_empty());
    assert_eq!(conflicts(&mut world, late).len(), 1, "one who comes later finds it in what arrives");
    let found = conflicts(&mut world, late);
    let now = world.now;
    assert_eq!(world.phones[staff].choose(now, choice(&found[0], 0)).unwrap_err().code, CoreCode::NotAllowed);
    // Who becomes a coordinator is told, and who is one no more is not.
    world.tell_phone(staff, crate::event::Event::Enrolled(Box::new(World::enrolment(staff, Role::Coordinator))));
    world.tell_phone(late, crate::event::Event::Enrolled(Box::new(World::enrolment(late, Role::Staff))));
    assert_eq!((conflicts(&mut world, staff).len(), conflicts(&mut world, late)), (1, Vec::new()));
}

#[test]
fn a_roster_is_looked_through_piece_by_piece() {
    let mut world = coordinators(1);
    let many: Vec<(_, Attendee)> = (100..1_400).map(|number| (attendee(number), record(number))).collect();
    let frames = world.server.put(roster(0), &many);
    world.tell(frames);
    world.network_down();
    let note = |text: &str| vec![AttendeeEdit::Notes(text.into())];
    for number in [100, 700, 1_399] {
        edit(&mut world, 0, Edit::Attendee(attendee(number), note("by the desk")));
        let elsewhere = Attendee { notes: "by an import".into(), ..record(number) };
        world.server.put(roster(0), &[(attendee(number), elsewhere)]);
    }
    world.network_up();
    let keys =
        |world: &mut World, phone| -> Vec<String> { conflicts(world, phone).into_iter().map(|one| one.key).collect() };
    let mut expected: Vec<String> = [100, 700, 1_399].map(|number| attendee(number).to_string()).into();
    expected.sort();
    assert_eq!(keys(&mut world, 0), expected);
    let late = world.add_phone(Role::Coordinator);
    world.start(late);
    world.run();
    assert_eq!(keys(&mut world, late), expected);
    let first = conflicts(&mut world, late).remove(0);
    let imported = first.values.iter().find(|value| value.value == FieldValue::Plain("by an import".into())).unwrap();
    assert!(!imported.own && imported.by.is_empty());
    world.assert_converged();
}

#[test]
fn lists_made_anew_find_them_again() {
    let mut world = moved_twice();
    edit(&mut world, 0, rename("Great hall"));
    world.run();
    let now = world.now;
    let program = DocRef::whole(DocKind::Program);
    world.phones[0].rebuild_projections(now).unwrap();
    assert_eq!(conflicts(&mut world, 0).len(), 1);
    assert!(world.phones[0].store().inner().meta(&format!("review/{program}")).unwrap().is_none(), "and it is done");
}
