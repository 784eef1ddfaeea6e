//! Whatever arrives in whatever order: incremental projections are what rebuilding makes, and what the model says.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::attendance;
use muster_model::fact::Fact;
use muster_model::id::AttendeeId;
use muster_model::record;
use muster_model::ticket::{TicketHash, bearer};
use proptest::prelude::*;

use super::tickets::{add_pretix_key, pretix_code};
use super::world::{World, attendee, checkins, event_id, gate, lunch, record, roster};
use crate::command::{Answers, CheckIn, NewWalkIn, Settle};
use muster_model::attendee::Attendee;
use muster_model::checkpoint::{AdmissionRule, Checkpoint};
use muster_model::document::{DocKind, DocRef};
use muster_model::fact::{EntryVia, ResolutionKind};

#[derive(Debug, Clone)]
enum Act {
    CheckIn { phone: usize, number: u16, at_lunch: bool },
    Exit { phone: usize, number: u16 },
    Undo { phone: usize, nth: usize },
    WalkIn { phone: usize },
    Settle { phone: usize, number: u16 },
    Rename { number: u16 },
    Delete { number: u16 },
    ChangeRule { many: bool },
    Bear { phone: usize, at_lunch: bool },
    Hand { number: u16, current: bool },
    Meet,
}

fn act() -> impl Strategy<Value = Act> {
    let phone = 0_usize..2;
    let number = 0_u16..4;
    prop_oneof![
        6 => (phone.clone(), number.clone(), any::<bool>())
            .prop_map(|(phone, number, at_lunch)| Act::CheckIn { phone, number, at_lunch }),
        2 => (phone.clone(), number.clone()).prop_map(|(phone, number)| Act::Exit { phone, number }),
        3 => (phone.clone(), 0_usize..12).prop_map(|(phone, nth)| Act::Undo { phone, nth }),
        1 => phone.clone().prop_map(|phone| Act::WalkIn { phone }),
        1 => (phone.clone(), number.clone()).prop_map(|(phone, number)| Act::Settle { phone, number }),
        1 => number.clone().prop_map(|number| Act::Rename { number }),
        1 => number.clone().prop_map(|number| Act::Delete { number }),
        1 => any::<bool>().prop_map(|many| Act::ChangeRule { many }),
        3 => (phone.clone(), any::<bool>()).prop_map(|(phone, at_lunch)| Act::Bear { phone, at_lunch }),
        2 => (number.clone(), any::<bool>()).prop_map(|(number, current)| Act::Hand { number, current }),
        2 => Just(Act::Meet),
    ]
}

/// Does it, as far as it can be done: what is refused changes nothing.
fn perform(world: &mut World, act: &Act) {
    world.now = world.now.plus_ms(4_000);
    let now = world.now;
    match *act {
        Act::CheckIn { phone, number, at_lunch } => {
            let wish = CheckIn {
                checkpoint: if at_lunch { lunch() } else { gate() },
                attendee: attendee(number),
                via: EntryVia::Group,
                answers: Answers::new(),
                despite: "whatever".into(),
            };
            let _ = world.phones[phone].check_in(now, wish);
        }
        Act::Exit { phone, number } => drop(world.phones[phone].exit(now, lunch(), attendee(number))),
        Act::Undo { phone, nth } => {
            let mut facts: Vec<Fact> = Vec::new();
            for number in 0..4 {
                let card = world.phones[phone].attendee(now, attendee(number));
                facts.extend(card.into_iter().flat_map(|card| card.facts).map(|shown| shown.fact));
            }
            if let Some(fact) = facts.get(nth) {
                world.phones[phone].undo(now, fact.id, "").unwrap();
            }
        }
        Act::WalkIn { phone } => {
            let (name, organisation, category) = ("Ieva".into(), String::new(), "Guest".into());
            world.phones[phone].walk_in(now, NewWalkIn { checkpoint: gate(), name, organisation, category }).unwrap();
        }
        Act::Settle { phone, number } => {
            let found = ResolutionKind::SecondAdmitted;
            let (admissions, note) = (Vec::new(), String::new());
            let settle = Settle { attendee: attendee(number), checkpoint: gate(), admissions, found, note };
            let _ = world.phones[phone].settle(now, settle);
        }
        Act::Rename { number } => {
            let changed = Attendee { category: format!("C{}", now.ms() % 3), ..record(number) };
            let frames = world.server.put(roster(number % 2), &[(attendee(number), changed)]);
            if world.network {
                world.tell(frames)
            }
        }
        Act::Delete { number } => {
            world.server.put(roster(number % 2), &[(attendee(number), record(number))]);
            let frames = world.server.delete::<Attendee>(roster(number % 2), &attendee(number));
            if world.network {
                world.tell(frames)
            }
        }
        Act::Bear { phone, at_lunch } => {
            let checkpoint = if at_lunch { lunch() } else { gate() };
            let _ = world.phones[phone].scan(now, checkpoint, &pretix_code(), Answers::new());
        }
        Act::Hand { number, current } => {
            let mut changed = record(number);
            let ticket = TicketHash::of(event_id(), &pretix_code());
            if current {
                changed.ticket = Some(ticket)
            } else {
                changed.revoked_tickets = vec![ticket]
            }
            let frames = world.server.put(roster(number % 2), &[(attendee(number), changed)]);
            if world.network {
                world.tell(frames)
            }
        }
        Act::ChangeRule { many } => {
            let rule = if many { AdmissionRule::Many } else { AdmissionRule::Once };
            let changed = Checkpoint { name: "Entrance".into(), rule, ..Checkpoint::default() };
            let frames = world.server.put(DocRef::whole(DocKind::Event), &[(gate(), changed)]);
            if world.network {
                world.tell(frames)
            }
        }
        Act::Meet => {
            world.network_up();
            world.network_down();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn incremental_equals_rebuilt_and_the_models_counts(acts in proptest::collection::vec(act(), 1..30)) {
        let mut world = World::with_phones(4, 2);
        add_pretix_key(&mut world);
        world.network_down();
        for act in &acts {
            perform(&mut world, act);
        }
        world.network_up();
        world.network_up();
        world.assert_converged();
        let mut facts = Vec::new();
        for shard in 0..2 {
            facts.extend(muster_model::fact::read_all(&world.server.docs[&checkins(shard)]).unwrap().facts);
        }
        let mut holders: BTreeMap<TicketHash, BTreeSet<AttendeeId>> = BTreeMap::new();
        for shard in 0..2 {
            for (id, row) in record::read_all::<Attendee>(&world.server.docs[&roster(shard)]).unwrap().records {
                for ticket in row.ticket.into_iter().chain(row.revoked_tickets) {
                    holders.entry(ticket).or_default().insert(id);
                }
            }
        }
        let settled = bearer::settled(event_id(), facts, &holders);
        let now = world.now;
        for phone in &mut world.phones {
            let categories: std::collections::BTreeMap<_, _> = (0..4)
                .filter_map(|number| Some((attendee(number), phone.attendee(now, attendee(number)).ok()?.attendee.category)))
                .collect();
            let counts = attendance::count(&settled, |id| categories.get(&id).cloned());
            for checkpoint in [gate(), lunch()] {
                let wanted = counts.get(&checkpoint).cloned().unwrap_or_default();
                let found = phone.counts(now, checkpoint).unwrap();
                prop_assert_eq!(found.total, wanted.total);
                for (category, count) in found.by_category {
                    prop_assert_eq!(wanted.by_category.get(&category), Some(&count));
                }
            }
        }
        let both: Vec<Vec<String>> = world.phones.iter().map(|phone| phone.dump_projections().unwrap()).collect();
        prop_assert_eq!(&both[0], &both[1]);
    }
}
