//! A server that refuses single changes: what was refused is put aside, the rest is said again, and the phone goes on.

use muster_model::fact::{EntryVia, FactBody};

use super::world::{World, attendee, checkins, gate};
use crate::command::{Answers, CheckIn};
use crate::view::Durability;

/// One fact in the middle of an offline hour is refused.
fn one_of_four_is_refused() -> (World, muster_model::id::FactId) {
    let mut world = World::with_phones(20, 2);
    world.network_down();
    let facts: Vec<_> = [2, 4, 6, 8].map(|number| world.scan(0, number).recorded.unwrap().fact).into();
    world.server.refused_facts.insert(facts[1].to_string());
    world.network_up();
    world.network_up();
    (world, facts[1])
}

#[test]
fn what_is_refused_is_put_aside_and_everything_else_arrives() {
    let (mut world, refused) = one_of_four_is_refused();
    let now = world.now;
    let status = world.phones[0].status(now).unwrap();
    assert_eq!(status.servers[0].facts_not_there, 0, "nothing waits any more");
    let parked: Vec<_> =
        status.parked.iter().map(|parked| (parked.document, parked.code.as_str(), parked.facts)).collect();
    assert_eq!(parked, [(checkins(0), "fact_foreign", 1)]);
    let aside = world.phones[0].refused(now).unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0].fact.as_ref().map(|fact| fact.id), Some(refused));
    assert_eq!(aside[0].author, Some(World::device(0)));
    for phone in &mut world.phones {
        assert_eq!(phone.counts(now, gate()).unwrap().total.admitted, 3);
    }
    // It is writable again, for the one who was refused as well.
    assert!(world.scan(0, 4).recorded.is_some(), "who was refused can be admitted anew");
    world.run();
    let now = world.now;
    for phone in &mut world.phones {
        assert_eq!(phone.counts(now, gate()).unwrap().total.admitted, 4);
    }
    assert_eq!(world.phones[0].status(now).unwrap().servers[0].facts_not_there, 0);
    world.assert_converged();
}

#[test]
fn a_phone_that_dies_while_it_recovers_loses_nothing() {
    for steps in 1..40 {
        let mut world = World::with_phones(20, 1);
        world.network_down();
        let facts: Vec<_> = [2, 4, 6].map(|number| world.scan(0, number).recorded.unwrap().fact).into();
        world.server.refused_facts.insert(facts[0].to_string());
        world.network = true;
        world.now = world.now.plus_ms(31_000);
        world.run_for(steps);
        world.restart(0);
        world.start(0);
        world.network_up();
        world.network_up();
        let now = world.now;
        assert_eq!(world.phones[0].status(now).unwrap().servers[0].facts_not_there, 0, "after {steps} steps");
        assert_eq!(world.phones[0].refused(now).unwrap().len(), 1, "after {steps} steps");
        let server = muster_model::fact::read_all(&world.server.docs[&checkins(0)]).unwrap();
        let there: Vec<_> = server.facts.iter().map(|fact| fact.id).collect();
        assert_eq!(there, facts[1..], "after {steps} steps");
    }
}

#[test]
fn a_number_that_is_taken_is_replaced() {
    let mut world = World::with_phones(20, 1);
    world.server.refusal = "fact_immutable";
    world.network_down();
    let facts: Vec<_> = [2, 4].map(|number| world.scan(0, number).recorded.unwrap().fact).into();
    world.server.refused_facts.insert(facts[0].to_string());
    world.network_up();
    world.network_up();
    let now = world.now;
    assert_eq!(world.phones[0].refused(now).unwrap(), []);
    let server = muster_model::fact::read_all(&world.server.docs[&checkins(0)]).unwrap();
    let counters: Vec<u64> = server.facts.iter().map(|fact| fact.id.counter).collect();
    assert_eq!(counters, [2, 3], "both are told, one under a new number");
    assert_eq!(world.phones[0].counts(now, gate()).unwrap().total.admitted, 2);
    world.assert_converged();
}

#[test]
fn what_a_coordinator_accepts_is_no_longer_aside() {
    for was_erased in [false, true] {
        let (mut world, _) = one_of_four_is_refused();
        let now = world.now;
        let mut fact = world.phones[0].refused(now).unwrap()[0].fact.clone().unwrap();
        if was_erased {
            // Whoever it is about asked to be forgotten before it was accepted.
            let FactBody::Entry(entry) = &mut fact.body else { panic!("an entry") };
            assert!(entry.ticket.take().is_some());
        }
        let frames = world.server.accept(checkins(0), &fact);
        world.tell(frames);
        let now = world.now;
        assert_eq!(world.phones[0].refused(now).unwrap(), []);
        assert_eq!(world.phones[0].status(now).unwrap().parked, []);
        assert_eq!(world.phones[0].counts(now, gate()).unwrap().total.admitted, 4);
        world.assert_converged();
    }
}

#[test]
fn what_was_refused_is_offered_again_when_somebody_says_so() {
    let (mut world, refused) = one_of_four_is_refused();
    let again = |world: &mut World| {
        let now = world.now;
        world.phones[0].offer_again(now).unwrap();
        world.network_up();
        world.network_up();
    };
    again(&mut world);
    let now = world.now;
    let aside = world.phones[0].refused(now).unwrap();
    assert_eq!(aside.iter().map(|work| work.fact.as_ref().unwrap().id).collect::<Vec<_>>(), [refused], "refused again");
    assert_eq!(world.phones[0].status(now).unwrap().servers[0].facts_not_there, 0);

    world.server.refused_facts.clear();
    again(&mut world);
    let now = world.now;
    assert_eq!(world.phones[0].refused(now).unwrap(), []);
    assert_eq!(world.phones[0].status(now).unwrap().parked, []);
    for phone in &mut world.phones {
        assert_eq!(phone.counts(now, gate()).unwrap().total.admitted, 4);
    }
    world.assert_converged();
    // And once more, with nothing aside, it says nothing.
    let heads = world.server.docs[&checkins(0)].get_heads();
    again(&mut world);
    assert_eq!(world.server.docs[&checkins(0)].get_heads(), heads);
}

#[test]
fn facts_recorded_while_the_refusal_is_on_its_way_arrive_too() {
    let mut world = World::with_phones(20, 1);
    let wish = |number| CheckIn {
        checkpoint: gate(),
        attendee: attendee(number),
        via: EntryVia::Search,
        answers: Answers::new(),
        despite: String::new(),
    };
    let now = world.now;
    let first = World::device(0);
    world.server.refused_facts.insert(format!("{first}-1"));
    for number in [2, 4, 6] {
        let done = world.phones[0].check_in(now, wish(number)).unwrap();
        assert_eq!(done.recorded.unwrap().durability, Durability::OnThisPhone);
    }
    world.run();
    world.network_up();
    let server = muster_model::fact::read_all(&world.server.docs[&checkins(0)]).unwrap();
    assert_eq!(server.facts.iter().map(|fact| fact.id.counter).collect::<Vec<_>>(), [2, 3]);
    world.assert_converged();
}
