//! Attendees are erased while phones are there, away, or dying: every phone follows and loses nothing of its own.

use automerge::Automerge;
use muster_model::access::Role;
use muster_model::document::DocRef;
use muster_model::fact::{self, EntryVia, Fact, FactBody};
use muster_model::id::{AttendeeId, FactId};
use muster_model::verdict::Verdict;

use super::world::{World, attendee, checkins, code, gate, record, roster};
use crate::command::{Answers, CheckIn, NewWalkIn};
use crate::event::{Event, LinkId, Side};
use crate::store::StoreRead;
use crate::store::testing::Fault;

/// Attendee 4 is in shard 0.
const DOCS: fn() -> [DocRef; 2] = || [roster(0), checkins(0)];

/// Who is erased: their name stands in no document, nor in the past of one.
fn assert_forgotten(world: &mut World, number: u16) {
    let now = world.now;
    let name = record(number).name;
    for phone in 0..world.phones.len() {
        for doc in DOCS() {
            let Some(saved) = world.phones[phone].save_document(now, doc).unwrap() else { continue };
            let am = Automerge::load(&saved).unwrap();
            let said: String =
                am.get_changes(&[]).iter().map(|change| format!("{:?}", change.decode().operations)).collect();
            assert!(!said.contains(&name), "phone {phone}: {doc}");
        }
        assert_eq!(world.phones[phone].search(now, &name, 5).unwrap(), [], "phone {phone}");
        let rows = world.phones[phone].dump_projections().unwrap();
        assert!(!rows.iter().any(|row| row.contains(&name)), "phone {phone}");
    }
}

fn on_server(world: &World) -> Vec<Fact> {
    let docs = [checkins(0), checkins(1)];
    docs.iter().flat_map(|doc| fact::read_all(&world.server.docs[doc]).unwrap().facts).collect()
}

fn held(facts: &[Fact], id: FactId) -> &Fact {
    facts.iter().find(|fact| fact.id == id).unwrap_or_else(|| panic!("{id} is lost"))
}

fn assert_held<'a>(facts: &[Fact], shown: impl IntoIterator<Item = &'a FactId>) {
    for id in shown {
        held(facts, *id);
    }
}

fn erase(world: &mut World, number: u16) {
    let frames = world.server.erase(attendee(number), &DOCS());
    world.tell(frames);
}

fn admit_despite(world: &mut World, phone: usize, attendee: AttendeeId) -> FactId {
    let now = world.now;
    let despite = "he is my brother".to_owned();
    let (checkpoint, via, answers) = (super::world::lunch(), EntryVia::Search, Answers::new());
    let first = CheckIn { checkpoint, attendee, via, answers: answers.clone(), despite: despite.clone() };
    world.phones[phone].check_in(now, first.clone()).unwrap();
    world.phones[phone].check_in(now, first).unwrap().recorded.unwrap().fact
}

#[test]
fn phones_that_are_there_follow_at_once_and_counts_stay() {
    let mut world = World::with_phones(20, 3);
    for number in [2, 4, 6] {
        world.scan(usize::from(number) % 3, number);
    }
    world.run();
    erase(&mut world, 4);
    let now = world.now;
    for phone in &mut world.phones {
        assert_eq!(phone.counts(now, gate()).unwrap().total.admitted, 3);
        let status = phone.status(now).unwrap();
        assert_eq!((status.parked, status.servers[0].facts_not_there), (Vec::new(), 0));
        assert_eq!(phone.search(now, &code(6), 5).unwrap()[0].attendee.name, record(6).name);
    }
    world.now = now.plus_ms(5_000);
    assert_eq!(world.scan(0, 4).verdict, Verdict::Unknown);
    assert!(matches!(world.scan(0, 6).verdict, Verdict::AlreadyIn { .. }));
    let new = world.scan(1, 8).recorded.unwrap().fact;
    world.run();
    held(&on_server(&world), new);
    assert_forgotten(&mut world, 4);
    world.assert_converged();
}

#[test]
fn a_phone_that_was_away_brings_all_its_facts() {
    let mut world = World::with_phones(20, 2);
    let sent = world.scan(1, 2).recorded.unwrap().fact;
    world.run();
    world.network_down();
    let others: Vec<FactId> = [3, 6, 8].map(|number| world.scan(1, number).recorded.unwrap().fact).into();
    let about = [world.scan(1, 4).recorded.unwrap().fact, admit_despite(&mut world, 1, attendee(4))];
    let now = world.now;
    let undo = world.phones[1].undo(now, about[1], "it was not his brother").unwrap().fact;
    let counted = world.phones[1].counts(now, gate()).unwrap().total;
    let before: Vec<Fact> = world.phones[1].own_facts(now).unwrap();
    erase(&mut world, 4);
    world.network_up();
    let facts = on_server(&world);
    for id in others.iter().chain([&sent]) {
        assert_eq!(held(&facts, *id), held(&before, *id), "not a word of it differs");
    }
    for id in about {
        let FactBody::Entry(entry) = &held(&facts, id).body else { panic!("{id}") };
        assert_eq!((entry.attendee, entry.ticket, entry.despite.as_str()), (attendee(4), None, ""));
    }
    assert!(
        matches!(&held(&facts, undo).body, FactBody::Undo { reason, fact } if reason.is_empty() && *fact == about[1])
    );
    let now = world.now;
    for phone in &mut world.phones {
        assert_eq!(phone.counts(now, gate()).unwrap().total, counted);
        assert_eq!(phone.unsent_facts(now).unwrap(), []);
    }
    assert_forgotten(&mut world, 4);
    world.assert_converged();
}

#[test]
fn a_walk_in_who_is_erased_counts_and_is_nobody() {
    let mut world = World::with_phones(20, 2);
    let now = world.now;
    let (name, organisation, category) = ("Edith Walker".to_owned(), String::new(), "Press".to_owned());
    let wish = NewWalkIn { checkpoint: gate(), name: name.clone(), organisation, category };
    let recorded = world.phones[0].walk_in(now, wish).unwrap();
    world.run();
    let id = recorded.attendee.unwrap();
    assert_eq!(world.phones[1].search(now, "edith", 5).unwrap().len(), 1);
    let frames = world.server.erase(id, &[checkins(0), checkins(1)]);
    world.tell(frames);
    for phone in &mut world.phones {
        assert_eq!(phone.search(now, "edith", 5).unwrap(), []);
        assert_eq!(phone.counts(now, gate()).unwrap().total.admitted, 1);
        assert!(!phone.dump_projections().unwrap().iter().any(|row| row.contains(&name)));
    }
    world.assert_converged();
}

/// At any step of the exchange the phone dies and starts again, or its link breaks.
#[test]
fn a_phone_that_dies_on_its_way_to_the_new_epoch_arrives() {
    for steps in 0..60 {
        for dies in [true, false] {
            let mut world = World::with_phones(20, 2);
            world.network_down();
            let shown: Vec<FactId> = [3, 4, 6].map(|number| world.scan(1, number).recorded.unwrap().fact).into();
            let frames = world.server.erase(attendee(4), &DOCS());
            assert!(frames.is_empty());
            world.network = true;
            world.now = world.now.plus_ms(31_000);
            world.run_for(steps);
            if dies {
                world.restart(1);
                world.start(1);
            } else {
                world.break_link(1);
            }
            let late = world.scan(1, 8).recorded.unwrap().fact;
            world.network_up();
            let facts = on_server(&world);
            assert_held(&facts, shown.iter().chain([&late]));
            assert_forgotten(&mut world, 4);
            world.assert_converged();
        }
    }
}

#[test]
fn a_disk_that_fails_on_the_way_costs_nothing() {
    for fault in [Fault::Before, Fault::After] {
        for number in 1..25 {
            let mut world = World::with_phones(20, 2);
            world.network_down();
            let shown: Vec<FactId> = [3, 4, 6].map(|number| world.scan(1, number).recorded.unwrap().fact).into();
            world.server.erase(attendee(4), &DOCS());
            let mut faults = world.faults[1].lock().unwrap();
            faults.fail = Some((faults.commits + number, fault));
            drop(faults);
            for _ in 0..3 {
                world.network_up();
            }
            let facts = on_server(&world);
            assert_held(&facts, &shown);
            assert_forgotten(&mut world, 4);
            world.assert_converged();
        }
    }
}

/// The server forgot what it had acknowledged, since it was restored from a backup, and then begins documents anew.
#[test]
fn what_the_server_forgot_before_an_erasure_comes_back() {
    let mut world = World::with_phones(20, 2);
    let backup = world.server.docs.clone();
    let shown: Vec<FactId> = [3, 4, 6].map(|number| world.scan(1, number).recorded.unwrap().fact).into();
    world.run();
    world.network_down();
    world.server.docs = backup;
    world.server.erase(attendee(4), &DOCS());
    world.network_up();
    let facts = on_server(&world);
    assert_held(&facts, &shown);
    assert_forgotten(&mut world, 4);
    world.assert_converged();
}

#[test]
fn a_second_erasure_overtakes_the_first() {
    let mut world = World::with_phones(20, 2);
    world.network_down();
    let shown: Vec<FactId> = [3, 4, 6, 8].map(|number| world.scan(1, number).recorded.unwrap().fact).into();
    world.server.erase(attendee(4), &DOCS());
    world.network = true;
    world.now = world.now.plus_ms(31_000);
    world.run_for(30);
    let frames = world.server.erase(attendee(6), &DOCS());
    world.tell(frames);
    world.network_down();
    world.network_up();
    let facts = on_server(&world);
    assert_held(&facts, &shown);
    for number in [4, 6] {
        assert_forgotten(&mut world, number);
    }
    world.assert_converged();
    let now = world.now;
    let epochs = world.phones[1].store().inner().meta("epoch/roster/00").unwrap();
    assert_eq!(epochs, Some(b"2".to_vec()));
    assert_eq!(world.phones[1].status(now).unwrap().missing, []);
}

/// A phone that has no server learns of it from another phone.
#[test]
fn phones_tell_each_other() {
    let mut world = World::with_phones(20, 2);
    world.network_down();
    let shown = world.scan(1, 6).recorded.unwrap().fact;
    world.server.erase(attendee(4), &DOCS());
    let now = world.now.plus_ms(31_000);
    world.now = now;
    world.network = true;
    // Phone 1 has no network yet.
    world.phones[1].dispatch(now, Event::SyncStop).unwrap();
    world.phones[1].take_effects();
    world.run();
    world.network_down();
    world.phones[0].take_effects();
    assert_eq!(world.phones[0].search(now, &record(4).name, 5).unwrap(), []);
    let links = [LinkId::of_host(1), LinkId::of_host(1)];
    for (phone, side) in [(1, Side::Acceptor), (0, Side::Initiator)] {
        world.phones[phone].dispatch(now, Event::PeerUp { link: links[phone], role: Role::Staff, side }).unwrap();
    }
    for _ in 0..500 {
        let mut quiet = true;
        for phone in 0..2 {
            for effect in world.phones[phone].take_effects() {
                if let crate::event::Effect::Send { link, bytes } = effect
                    && link == links[phone]
                {
                    quiet = false;
                    let other = 1 - phone;
                    world.phones[other].dispatch(now, Event::LinkFrame { link: links[other], bytes }).unwrap();
                }
            }
            world.phones[phone].work_off(now).unwrap();
        }
        if quiet {
            break;
        }
    }
    assert_forgotten(&mut world, 4);
    assert_eq!(world.phones[0].counts(now, gate()).unwrap().total.admitted, 1);
    world.phones[1].dispatch(now, Event::SyncStart).unwrap();
    world.network_up();
    held(&on_server(&world), shown);
    world.assert_converged();
}
