//! Records edited without a network: nothing of it is lost, nothing of it overwrites what nobody has seen.

use muster_model::access::Role;
use muster_model::attendee::{Attendee, Registration};
use muster_model::checkpoint::{AdmissionRule, Checkpoint};
use muster_model::document::{DocKind, DocRef};
use muster_model::edit::{AttendeeEdit, CheckpointEdit, NeedsEdit, RoomEdit, SessionEdit};
use muster_model::event::OnlyKey;
use muster_model::fact::EntryVia;
use muster_model::id::{RecordId, RoomId};
use muster_model::logistics::{Honorarium, Needs};
use muster_model::program::Room;
use muster_model::record;

use super::tokens::{credentials, server};
use super::world::{Phone, World, at, attendee, gate, presenter, record as of_roster, room, roster, session};
use crate::code::CoreCode;
use crate::command::{Answers, CheckIn, Edit, NewWalkIn};
use crate::event::{Effect, Enrolment, Event, HandOverOutcome};
use crate::store::StoreRead;
use crate::store::testing::Fault;
use crate::view::{Durability, SessionFilter};

pub(super) const PROGRAM: DocRef = DocRef::whole(DocKind::Program);

/// So many coordinators' devices that have everything.
pub(super) fn coordinators(count: usize) -> World {
    let mut world = World::new(20);
    for _ in 0..count {
        let phone = world.add_phone(Role::Coordinator);
        world.start(phone);
    }
    world.run();
    world
}

pub(super) fn edit(world: &mut World, phone: usize, edit: Edit) -> bool {
    let now = world.now;
    world.phones[phone].edit(now, edit).unwrap()
}

fn refused(world: &mut World, phone: usize, edit: Edit) -> CoreCode {
    let now = world.now;
    world.phones[phone].edit(now, edit).unwrap_err().code
}

pub(super) fn rename(name: &str) -> Edit {
    Edit::Room(room(), vec![RoomEdit::Name(name.into())])
}

pub(super) fn note(number: u16, text: &str) -> Edit {
    Edit::Attendee(attendee(number), vec![AttendeeEdit::Notes(text.into())])
}

pub(super) fn on_server(world: &World) -> Room {
    record::read(&world.server.docs[&PROGRAM], &room()).unwrap().unwrap()
}

pub(super) fn seen(world: &mut World, phone: usize) -> Room {
    let now = world.now;
    world.phones[phone].rooms(now).unwrap().into_iter().find(|(id, _)| *id == room()).unwrap().1
}

pub(super) fn unsent(world: &mut World, phone: usize) -> (u64, usize) {
    let now = world.now;
    let status = world.phones[phone].status(now).unwrap();
    (status.servers[0].edits_not_there, world.phones[phone].unsent_edits(now).unwrap().len())
}

#[test]
fn what_two_people_edit_of_one_record_is_both_kept() {
    let mut world = coordinators(2);
    world.network_down();
    assert!(edit(&mut world, 0, rename("Great hall")));
    assert!(edit(&mut world, 1, Edit::Room(room(), vec![RoomEdit::Capacity(Some(400)), RoomEdit::Floor("2".into())])));
    assert!(!edit(&mut world, 0, rename("Great hall")), "it is called that already");
    assert_eq!((seen(&mut world, 0).name.as_str(), seen(&mut world, 1).capacity), ("Great hall", Some(400)));
    assert_eq!((unsent(&mut world, 0), unsent(&mut world, 1)), ((1, 1), (1, 1)));
    world.restart(0);
    world.start(0);
    assert_eq!(seen(&mut world, 0).name, "Great hall", "it was on the disk");
    world.network_up();
    let expected = Room { name: "Great hall".into(), capacity: Some(400), floor: "2".into(), ..Room::default() };
    assert_eq!(on_server(&world), expected);
    for phone in 0..2 {
        let now = world.now;
        assert_eq!(seen(&mut world, phone), expected);
        assert_eq!(unsent(&mut world, phone), (0, 0));
        assert_eq!(world.phones[phone].conflicts(now).unwrap(), []);
    }
    world.assert_converged();
}

#[test]
fn lists_search_and_rules_follow_at_once() {
    let mut world = coordinators(1);
    world.network_down();
    let now = world.now;
    let found =
        |phone: &mut Phone, typed: &str| phone.search(now, typed, 5).unwrap().into_iter().map(|hit| hit.id).next();
    let name = vec![AttendeeEdit::Name("Ilze Kalniņa".into()), AttendeeEdit::Registration(Registration::Blocked)];
    assert!(edit(&mut world, 0, Edit::Attendee(attendee(3), name)));
    assert_eq!(found(&mut world.phones[0], "kalnina"), Some(attendee(3)));
    let card = world.phones[0].attendee(now, attendee(3)).unwrap().attendee;
    assert_eq!((card.registration, card.order), (Registration::Blocked, of_roster(3).order));

    let moved = vec![SessionEdit::StartsAt(at(0)), SessionEdit::Room(None)];
    assert!(edit(&mut world, 0, Edit::Session(session(2), moved)));
    let sessions = world.phones[0].sessions(now, &SessionFilter::default()).unwrap();
    assert_eq!((sessions[0].id, sessions[0].room.as_str(), sessions[0].session.duration_min), (session(2), "", 45));

    // A rule that is edited decides which admissions are double ones.
    for _ in 0..2 {
        let (via, answers, despite) = (EntryVia::Search, Answers::new(), "let in".to_owned());
        let wish = CheckIn { checkpoint: gate(), attendee: attendee(2), via, answers, despite };
        assert!(world.phones[0].check_in(now, wish).unwrap().recorded.is_some());
    }
    assert_eq!(world.phones[0].double_admissions(now).unwrap().len(), 1);
    let rule = vec![CheckpointEdit::Rule(AdmissionRule::Many), CheckpointEdit::Capacity(Some(90))];
    assert!(edit(&mut world, 0, Edit::Checkpoint(gate(), rule)));
    world.phones[0].work_off(now).unwrap();
    assert_eq!(world.phones[0].double_admissions(now).unwrap(), []);
    world.network_up();
    let there: Checkpoint = record::read(&world.server.docs[&DocRef::whole(DocKind::Event)], &gate()).unwrap().unwrap();
    assert_eq!((there.rule, there.capacity, there.name.as_str()), (AdmissionRule::Many, Some(90), "Entrance"));
    world.assert_converged();
}

#[test]
fn what_must_not_be_is_refused_and_leaves_nothing_behind() {
    let mut world = coordinators(1);
    world.network_down();
    let before = world.phones[0].store().inner().chunks(&PROGRAM).unwrap();
    let nobody = RoomId::from_random([9; 10]);
    let session = |edits| Edit::Session(session(1), edits);
    for (wish, code) in [
        (rename(" "), CoreCode::TextMissing),
        (rename(&"x".repeat(301)), CoreCode::TextTooLong),
        (Edit::Room(room(), vec![RoomEdit::Capacity(Some(0))]), CoreCode::OutOfRange),
        (Edit::Room(nobody, vec![RoomEdit::Name("Attic".into())]), CoreCode::RoomUnknown),
        (session(vec![SessionEdit::EndsAt(at(0))]), CoreCode::TimesReversed),
        (session(vec![SessionEdit::Title("New".into()), SessionEdit::Room(Some(nobody))]), CoreCode::RoomUnknown),
        (Edit::Session(super::world::session(9), vec![]), CoreCode::SessionUnknown),
        (note(99, "x"), CoreCode::AttendeeUnknown),
        (Edit::Checkpoint(muster_model::id::CheckpointId::from_random([9; 10]), vec![]), CoreCode::CheckpointUnknown),
    ] {
        assert_eq!(refused(&mut world, 0, wish.clone()), code, "{wish:?}");
    }
    assert_eq!(world.phones[0].store().inner().chunks(&PROGRAM).unwrap(), before);
    assert_eq!(unsent(&mut world, 0), (0, 0));
}

#[test]
fn each_role_edits_what_the_table_says() {
    let mut world = World::new(20);
    let roles = [Role::Staff, Role::Finance, Role::Presenter(presenter())];
    let phones = roles.map(|role| world.add_phone(role));
    phones.iter().for_each(|phone| world.start(*phone));
    world.run();
    let session = Edit::Session(session(1), vec![SessionEdit::Cancelled(true)]);
    let checkpoint = Edit::Checkpoint(gate(), vec![CheckpointEdit::Capacity(None)]);
    let others = muster_model::id::PresenterId::from_random([5; 10]);
    for phone in phones {
        for wish in [rename("Hall"), session.clone(), checkpoint.clone(), note(2, "x"), Edit::Needs(others, vec![])] {
            assert_eq!(refused(&mut world, phone, wish.clone()), CoreCode::NotAllowed, "{:?} {wish:?}", roles[phone]);
        }
    }
    for phone in &phones[..2] {
        assert_eq!(refused(&mut world, *phone, Edit::Needs(presenter(), vec![])), CoreCode::NotAllowed);
    }
    assert_eq!(unsent(&mut world, 0), (0, 0));
}

#[test]
fn a_presenter_says_what_they_need() {
    let mut world = World::new(20);
    let doc = DocRef::presenter(presenter());
    world.server.put(doc, &[(OnlyKey, Honorarium { amount_cents: 35_000, ..Honorarium::default() })]);
    let mine = world.add_phone(Role::Presenter(presenter()));
    let office = world.add_phone(Role::Coordinator);
    world.start(mine);
    world.start(office);
    world.run();
    world.network_down();
    let wish = vec![NeedsEdit::Aids("HDMI adapter".into()), NeedsEdit::Dietary("no nuts".into())];
    assert!(edit(&mut world, mine, Edit::Needs(presenter(), wish)));
    // At the same time somebody writes down what they said on the telephone: both made the record.
    assert!(edit(&mut world, office, Edit::Needs(presenter(), vec![NeedsEdit::Access("a ramp".into())])));
    let now = world.now;
    let logistics = world.phones[mine].my_logistics(now).unwrap();
    assert_eq!(logistics.needs_durability, Durability::OnThisPhone);
    assert_eq!(logistics.needs.unwrap().aids, "HDMI adapter");
    world.network_up();
    let now = world.now;
    let logistics = world.phones[mine].my_logistics(now).unwrap();
    assert_eq!(logistics.needs_durability, Durability::OnServer);
    let expected =
        Needs { aids: "HDMI adapter".into(), dietary: "no nuts".into(), access: "a ramp".into(), notes: String::new() };
    assert_eq!(logistics.needs, Some(expected.clone()));
    assert_eq!(world.phones[office].logistics(now, presenter()).unwrap().needs, Some(expected));
    assert_eq!(logistics.honorarium.unwrap().amount_cents, 35_000);
    assert_eq!(world.phones[office].conflicts(now).unwrap(), []);
    world.assert_converged();
}

#[test]
fn somebody_who_registered_at_the_door_gets_a_record() {
    let mut world = coordinators(2);
    world.network_down();
    let now = world.now;
    let (name, organisation, category) = ("Jon Smit".to_owned(), "Acme".to_owned(), "Guest".to_owned());
    let walk_in = NewWalkIn { checkpoint: gate(), name, organisation, category };
    let who = world.phones[0].walk_in(now, walk_in).unwrap().attendee.unwrap();
    world.phones[0].work_off(now).unwrap();
    assert!(edit(&mut world, 0, Edit::Attendee(who, vec![AttendeeEdit::Name("John Smith".into())])));
    let expected = Attendee {
        name: "John Smith".into(),
        organisation: "Acme".into(),
        category: "Guest".into(),
        ..Attendee::default()
    };
    world.network_up();
    for phone in &mut world.phones {
        let now = world.now;
        assert_eq!(phone.attendee(now, who).unwrap().attendee, expected);
        assert_eq!(phone.counts(now, gate()).unwrap().total.admitted, 1);
    }
    world.assert_converged();
}

#[test]
fn an_edit_that_could_not_be_kept_was_not_made() {
    for fault in [Fault::Before, Fault::After] {
        let mut world = coordinators(1);
        world.network_down();
        {
            let mut faults = world.faults[0].lock().unwrap();
            faults.fail = Some((faults.commits + 1, fault));
        }
        assert_eq!(refused(&mut world, 0, rename("Great hall")), CoreCode::StorageFailed);
        let is_there = matches!(fault, Fault::After);
        assert_eq!(seen(&mut world, 0).name == "Great hall", is_there, "what is on the disk holds: {fault:?}");
        edit(&mut world, 0, rename("Great hall"));
        world.network_up();
        assert_eq!(on_server(&world).name, "Great hall");
        world.assert_converged();
    }
}

#[test]
fn edits_survive_that_a_document_is_begun_anew() {
    let mut world = coordinators(2);
    world.network_down();
    edit(&mut world, 0, note(2, "brings a dog"));
    edit(&mut world, 0, note(4, "is about to be erased"));
    edit(&mut world, 0, note(6, "speaks no English"));
    let elsewhere = Attendee { notes: "speaks some English".into(), ..of_roster(6) };
    world.server.put(roster(0), &[(attendee(6), elsewhere)]);
    world.server.erase(attendee(4), &[roster(0), super::world::checkins(0)]);
    world.network_up();
    world.network_up();
    let now = world.now;
    let there: Attendee = record::read(&world.server.docs[&roster(0)], &attendee(2)).unwrap().unwrap();
    assert_eq!(there.notes, "brings a dog");
    assert_eq!(record::read::<Attendee>(&world.server.docs[&roster(0)], &attendee(4)).unwrap(), None);
    let there: Attendee = record::read(&world.server.docs[&roster(0)], &attendee(6)).unwrap().unwrap();
    assert_eq!(there.notes, "speaks some English", "it was edited elsewhere: nobody's words are overwritten unseen");
    let kept = world.phones[0].refused(now).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].code, "document_replaced");
    assert_eq!(kept[0].edit.as_ref().unwrap().fields[0].after, serde_json::json!("speaks no English"));
    world.assert_converged();
}

#[test]
fn a_device_that_may_edit_no_more_hands_over_what_it_edited() {
    let mut world = World::new(20);
    let as_a = |role| Enrolment { credentials: credentials(0), ..World::enrolment(0, role) };
    world.add_enrolled(as_a(Role::Coordinator));
    world.start(0);
    world.run();
    world.network_down();
    edit(&mut world, 0, rename("Great hall"));
    world.tell_phone(0, Event::Enrolled(Box::new(as_a(Role::Staff))));
    let now = world.now;
    let status = world.phones[0].status(now).unwrap();
    assert_eq!((status.kept_edits, status.kept_facts, status.servers[0].edits_not_there), (1, 0, 0));
    let (0, Effect::HandOver { changes, .. }) = world.question() else { panic!("it hands over") };
    assert_eq!(changes.iter().map(|unsent| unsent.doc).collect::<Vec<_>>(), [PROGRAM]);
    let keys = changes.into_iter().map(|unsent| unsent.key).collect();
    world.tell_phone(0, Event::HandedOver { server: server(), outcome: HandOverOutcome::Taken { keys } });
    world.network_up();
    let now = world.now;
    assert_eq!(world.phones[0].status(now).unwrap().kept_edits, 0);
    assert_eq!(seen(&mut world, 0).name, "Main hall", "the programme came anew");
}

#[test]
fn a_commit_that_fails_at_any_moment_leaves_no_edit_half_done() {
    for number in 1..14 {
        for fault in [Fault::Before, Fault::After] {
            let mut world = coordinators(2);
            world.network_down();
            edit(&mut world, 1, rename("Small hall"));
            edit(&mut world, 0, rename("Great hall"));
            edit(&mut world, 0, Edit::Room(room(), vec![RoomEdit::Floor("2".into())]));
            {
                let mut faults = world.faults[0].lock().unwrap();
                faults.fail = Some((faults.commits + number, fault));
            }
            world.network_up();
            world.network_up();
            assert_eq!(on_server(&world).floor, "2", "commit {number} {fault:?}");
            for phone in 0..2 {
                let now = world.now;
                let found = world.phones[phone].conflicts(now).unwrap();
                assert_eq!(found.len(), 1, "phone {phone}, commit {number} {fault:?}");
                assert_eq!(unsent(&mut world, phone), (0, 0), "phone {phone}, commit {number} {fault:?}");
            }
            world.assert_converged();
        }
    }
}
