//! Links that break, servers that refuse, shards that appear.

use muster_model::access::Role;
use muster_model::attendee::{Attendee, Contact};
use muster_model::checkpoint::{AdmissionRule, Checkpoint};
use muster_model::document::{DocKind, DocRef};
use muster_model::event::{Event as EventRecord, OnlyKey};
use muster_model::verdict::Verdict;

use super::world::{World, attendee, checkins, code, gate, record, roster};
use crate::command::Answers;
use crate::event::{DownReason, Effect, Event, LinkId, Side, Topic};
use crate::view::LinkState;

#[test]
fn a_new_phone_gets_the_event_and_searches_it() {
    let mut world = World::with_phones(2_000, 1);
    let now = world.now;
    let status = world.phones[0].status(now).unwrap();
    assert_eq!((status.missing, status.indexing, status.servers[0].link), (Vec::new(), false, LinkState::Connected));
    assert_eq!(world.phones[0].search(now, "berzins janis 6", 50).unwrap()[0].attendee.name, record(6).name);
    assert_eq!(world.phones[0].search(now, &code(1_234), 50).unwrap()[0].id, attendee(1_234));
    assert!(world.topics[0].contains(&Topic::Attendees));
    world.assert_converged();
}

#[test]
fn whoever_asks_after_each_word_sees_the_indexing_end() {
    let mut world = World::with_phones(2_000, 1);
    world.scan(0, 1);
    let rules = Checkpoint { name: "Entrance".into(), rule: AdmissionRule::EntryAndExit, ..Checkpoint::default() };
    let frames = world.server.put(DocRef::whole(DocKind::Event), &[(gate(), rules)]);
    world.send(frames);
    let (now, mut seen) = (world.now, Vec::new());
    loop {
        if std::mem::take(&mut world.topics[0]).contains(&Topic::Status) {
            seen.push(world.phones[0].status(now).unwrap().indexing);
        }
        if world.run_for(1) {
            break;
        }
    }
    assert!(seen.contains(&true) && seen.last() == Some(&false), "{seen:?}");
}

#[test]
fn links_that_break_at_every_message_lose_nothing() {
    for steps in 1..60 {
        let mut world = World::new(30);
        for _ in 0..2 {
            let phone = world.add_phone(Role::Staff);
            world.start(phone);
        }
        world.run();
        world.network_down();
        for number in 0..6 {
            world.scan(usize::from(number) % 2, number);
        }
        world.network = true;
        world.now = world.now.plus_ms(31_000);
        world.run_for(steps);
        world.break_link(0);
        world.run_for(steps);
        world.break_link(1);
        world.network_up();
        world.network_up();
        let now = world.now;
        for phone in &mut world.phones {
            assert_eq!(phone.status(now).unwrap().servers[0].facts_not_there, 0, "after {steps} steps");
            assert_eq!(phone.counts(now, gate()).unwrap().total.admitted, 6, "after {steps} steps");
        }
        world.assert_converged();
    }
}

#[test]
fn what_no_server_has_can_be_listed() {
    let mut world = World::with_phones(10, 1);
    world.network_down();
    let recorded: Vec<_> = [2, 3].map(|number| world.scan(0, number).recorded.unwrap().fact).into();
    let now = world.now;
    let unsent = world.phones[0].unsent_facts(now).unwrap();
    assert_eq!(unsent.iter().map(|fact| fact.id).collect::<Vec<_>>(), recorded);
    world.network_up();
    let now = world.now;
    assert_eq!(world.phones[0].unsent_facts(now).unwrap(), Vec::new());
    assert_eq!(world.phones[0].own_facts(now).unwrap().len(), 2);
}

#[test]
fn what_a_server_refuses_is_parked_and_kept() {
    let mut world = World::with_phones(10, 2);
    world.server.read_only.insert(checkins(0));
    world.network_down();
    world.scan(0, 2);
    world.scan(0, 3);
    world.network_up();
    let now = world.now;
    let status = world.phones[0].status(now).unwrap();
    assert_eq!(status.parked.len(), 1);
    assert_eq!((status.parked[0].document, status.parked[0].facts), (checkins(0), 1));
    assert_eq!(status.parked[0].code, "read_only");
    assert_eq!(status.servers[0].facts_not_there, 1, "the other went through");
    assert_eq!(world.phones[1].counts(now, gate()).unwrap().total.admitted, 1);
    world.server.read_only.clear();
    world.network_down();
    world.network_up();
    let now = world.now;
    let status = world.phones[0].status(now).unwrap();
    assert_eq!((status.parked, status.servers[0].facts_not_there), (Vec::new(), 0));
    assert_eq!(world.phones[1].counts(now, gate()).unwrap().total.admitted, 2);
}

/// A server that refuses a phone's change has it from another phone, at whatever point of the talk that came.
#[test]
fn what_a_server_has_from_elsewhere_does_not_stay_parked() {
    for steps in 0..40 {
        let mut world = World::with_phones(10, 1);
        world.server.read_only.insert(checkins(0));
        world.network_down();
        world.scan(0, 2);
        world.network = true;
        world.now = world.now.plus_ms(31_000);
        world.run_for(steps);
        let now = world.now;
        let saved = world.phones[0].save_document(now, checkins(0)).unwrap().unwrap();
        let mut relayed = automerge::Automerge::load(&saved).unwrap();
        world.server.doc(checkins(0)).merge(&mut relayed).unwrap();
        world.run();
        world.network_down();
        world.network_up();
        let now = world.now;
        let status = world.phones[0].status(now).unwrap();
        assert_eq!((status.servers[0].facts_not_there, status.parked), (0, Vec::new()), "after {steps} steps");
        world.assert_converged();
    }
}

#[test]
fn a_new_shard_is_opened_while_connected() {
    let mut world = World::with_phones(10, 1);
    let now = world.now;
    world.server.put(roster(2), &[(attendee(500), record(500))]);
    world.server.doc(checkins(2));
    assert_eq!(world.scan(0, 500).verdict, Verdict::Unknown);
    let event = EventRecord { name: "Demo".into(), shards: 3, ..EventRecord::default() };
    let frames = world.server.put(DocRef::whole(DocKind::Event), &[(OnlyKey, event)]);
    world.tell(frames);
    world.now = now.plus_ms(5_000);
    assert_eq!(world.scan(0, 500).verdict, Verdict::Admitted);
    world.run();
    assert!(muster_model::fact::read_all(&world.server.docs[&checkins(2)]).unwrap().facts.len() == 1);
}

#[test]
fn a_coordinators_edits_reach_search_and_verdicts() {
    let mut world = World::with_phones(10, 1);
    let now = world.now;
    let renamed = Attendee { name: "Ilze Ozola".into(), ..record(4) };
    let frames = world.server.put(roster(0), &[(attendee(4), renamed)]);
    world.tell(frames);
    assert_eq!(world.phones[0].search(now, "ilze oz", 5).unwrap().len(), 1);
    let frames = world.server.delete::<Attendee>(roster(0), &attendee(4));
    world.tell(frames);
    assert_eq!(world.phones[0].search(now, "ilze oz", 5).unwrap(), []);
    assert_eq!(world.scan(0, 4).verdict, Verdict::Unknown);
    world.assert_converged();
}

#[test]
fn the_clocks_difference_is_measured_and_written_into_facts() {
    let mut world = World::new(4);
    world.server.clock_ahead_ms = 3_600_000;
    let phone = world.add_phone(Role::Staff);
    world.start(phone);
    world.run();
    world.now = world.now.plus_ms(60_000);
    let fact = world.scan(0, 1).recorded.unwrap().fact;
    let now = world.now;
    let facts = world.phones[0].own_facts(now).unwrap();
    let skew = facts.iter().find(|known| known.id == fact).unwrap().skew.unwrap();
    assert_eq!((skew.ms, skew.age_ms), (3_600_000, 60_000));
}

#[test]
fn other_phones_are_heard_of_with_their_labels() {
    let mut world = World::with_phones(10, 2);
    let now = world.now;
    world.phones[1].set_label(now, "Gate B, Anna").unwrap();
    world.scan(1, 1);
    world.now = now.plus_ms(700);
    world.run();
    let devices = world.phones[0].status(now).unwrap().devices;
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0].device, devices[0].by.as_str()), (World::device(1), "Gate B, Anna"));
    assert_eq!((devices[0].last_fact_at, devices[0].received_at), (now, now.plus_ms(700)));
}

#[test]
fn attempts_back_off_and_a_refused_token_is_not_tried_again() {
    let mut world = World::new(4);
    world.network = false;
    let phone = world.add_phone(Role::Staff);
    world.start(phone);
    let mut waits = Vec::new();
    for _ in 0..8 {
        world.run();
        let now = world.now;
        let LinkState::Waiting { retry_at } = world.phones[0].status(now).unwrap().servers[0].link else {
            panic!("not waiting")
        };
        waits.push(retry_at.since_ms(now));
        world.now = retry_at;
    }
    assert!(waits.iter().all(|wait| (500..=30_000).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait > 4_000), "{waits:?}");
    let now = world.now;
    world.phones[0].dispatch(now, Event::Wake).unwrap();
    let effects = world.phones[0].take_effects();
    let link = effects.iter().find_map(|effect| match effect {
        Effect::Connect { link, .. } => Some(*link),
        _ => None,
    });
    let down = Event::LinkDown { link: link.unwrap(), reason: DownReason::Unauthorized };
    world.phones[0].dispatch(now, down).unwrap();
    assert_eq!(world.phones[0].status(now).unwrap().servers[0].link, LinkState::Unauthorized);
    world.now = now.plus_ms(3_600_000);
    world.phones[0].dispatch(world.now, Event::Wake).unwrap();
    assert!(!world.phones[0].take_effects().iter().any(|effect| matches!(effect, Effect::Connect { .. })));
}

/// A clock that was hours ahead is set right while a phone waits for its next attempt, for a carrier, or for the answer to
/// its handshake.
#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_for_hours() {
    for stage in ["waiting", "dialling", "handshake"] {
        let mut world = World::new(4);
        let phone = world.add_phone(Role::Staff);
        world.now = world.now.plus_ms(5 * 3_600_000);
        world.start(phone);
        let link = asked_for(&world.phones[phone].take_effects()).unwrap();
        let now = world.now;
        match stage {
            "waiting" => {
                let down = Event::LinkDown { link, reason: DownReason::RetryAfter { ms: 30_000 } };
                world.phones[phone].dispatch(now, down).unwrap();
            }
            "handshake" => drop(world.phones[phone].dispatch(now, Event::LinkUp { link }).unwrap()),
            _ => {}
        }
        world.phones[phone].take_effects();
        let mut now = world.now.plus_ms(-5 * 3_600_000 + 1_000);
        // Something happens on the phone, and the core asks to be woken at once.
        world.phones[phone].set_label(now, "gate").unwrap();
        assert!(world.phones[phone].take_effects().contains(&Effect::WakeAt(now)), "{stage}");
        let mut again = None;
        for _ in 0..3 {
            world.phones[phone].dispatch(now, Event::Wake).unwrap();
            again = again.or(asked_for(&world.phones[phone].take_effects()));
            now = now.plus_ms(10_000);
        }
        assert!(again.is_some_and(|again| again != link), "{stage}");
    }
}

fn asked_for(effects: &[Effect]) -> Option<LinkId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Connect { link, .. } => Some(*link),
        _ => None,
    })
}

#[test]
fn a_server_that_breaks_the_protocol_is_left_and_tried_again() {
    let mut world = World::with_phones(4, 1);
    let now = world.now;
    for garbage in [vec![], vec![0xff; 40], b"{}".to_vec()] {
        world.tell(vec![(0, garbage)]);
        let link = world.phones[0].status(now).unwrap().servers[0].link;
        assert!(matches!(link, LinkState::Waiting { .. }), "{link:?}");
        world.network_up();
    }
    let now = world.now;
    assert_eq!(world.phones[0].status(now).unwrap().servers[0].link, LinkState::Connected);
}

#[test]
fn two_phones_tell_each_other_without_a_server() {
    let mut world = World::with_phones(10, 2);
    let presenter_free = World::device(0);
    world.network_down();
    let now = world.now;
    for number in [1_u16, 2] {
        world.scan(0, number);
    }
    let links = [LinkId::of_host(1), LinkId::of_host(1)];
    for (phone, side) in [(0, Side::Initiator), (1, Side::Acceptor)] {
        world.phones[phone].take_effects();
        let up = Event::PeerUp { link: links[phone], role: Role::Staff, side };
        if phone == 1 {
            // The acceptor is ready before the initiator's first word arrives.
            world.phones[1].dispatch(now, up).unwrap();
        } else {
            world.phones[0].dispatch(now, up).unwrap();
        }
    }
    for _ in 0..500 {
        let mut quiet = true;
        for phone in 0..2 {
            for effect in world.phones[phone].take_effects() {
                match effect {
                    Effect::Send { bytes, .. } => {
                        quiet = false;
                        let other = 1 - phone;
                        world.phones[other].dispatch(now, Event::LinkFrame { link: links[other], bytes }).unwrap();
                    }
                    Effect::Disconnect { .. } => panic!("the phones fell out"),
                    _ => {}
                }
            }
            world.phones[phone].work_off(now).unwrap();
        }
        if quiet {
            break;
        }
    }
    assert_eq!(world.phones[1].counts(now, gate()).unwrap().total.admitted, 2);
    assert_eq!(world.phones[1].status(now).unwrap().devices[0].device, presenter_free);
    let again = world.phones[1].scan(now, gate(), &code(1), Answers::new()).unwrap();
    assert!(matches!(again.verdict, Verdict::AlreadyIn { .. }), "the other phone's entry counts here");
    assert_eq!(world.phones[0].status(now).unwrap().servers[0].facts_not_there, 2, "a phone is no server");
}

#[test]
fn whoever_shows_what_is_missing_is_told_when_the_last_document_is_there() {
    let mut world = World::new(20);
    let phone = world.add_phone(Role::Coordinator);
    world.start(phone);
    world.run();
    world.network_down();
    let contact = Contact { email: "a@example.org".into(), ..Contact::default() };
    world.server.put(DocRef::shard(DocKind::Contacts, 1), &[(attendee(1), contact)]);
    let now = world.now;
    let mut shown = world.phones[phone].status(now).unwrap().missing;
    world.network = true;
    world.now = world.now.plus_ms(31_000);
    while !world.run_for(1) {
        if std::mem::take(&mut world.topics[phone]).contains(&Topic::Status) {
            let now = world.now;
            shown = world.phones[phone].status(now).unwrap().missing;
        }
    }
    assert!(!shown.contains(&DocRef::shard(DocKind::Contacts, 1)), "{shown:?}");
}
