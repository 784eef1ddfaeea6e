//! Commits that fail, processes that die, disks that are full: what was shown is there, what was not is not.

use std::collections::BTreeSet;

use muster_model::access::Role;
use muster_model::id::FactId;
use muster_model::verdict::Verdict;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::world::{World, at, code, gate};
use crate::code::CoreCode;
use crate::command::Answers;
use crate::driver::Driver;
use crate::event::{Effect, Event};
use crate::store::sqlite::SqliteStore;
use crate::store::testing::{Fault, Faults};
use crate::view::LinkState;

/// Scans ten tickets on two phones while commits fail; gives what each phone showed.
fn scan_with_faults(world: &mut World, fail: (u64, Fault), for_ever: bool) -> Vec<BTreeSet<FactId>> {
    let mut shown = vec![BTreeSet::new(); 2];
    for faults in &world.faults {
        *faults.lock().unwrap() = Faults { commits: 0, fail: Some(fail), for_ever, reads: 0 };
    }
    for number in 0..10 {
        let (phone, now) = (usize::from(number) % 2, world.now);
        if let Ok(result) = world.phones[phone].scan(now, gate(), &code(number), Answers::new()) {
            assert_eq!(result.verdict, Verdict::Admitted);
            shown[phone].insert(result.recorded.unwrap().fact);
        }
        if number == 4 {
            world.run_for(30);
        }
    }
    shown
}

#[test]
fn a_commit_that_fails_at_any_step_loses_nothing_that_was_shown() {
    for fault in [Fault::Before, Fault::After] {
        for number in 1..25 {
            let mut world = World::with_phones(12, 2);
            let shown = scan_with_faults(&mut world, (number, fault), false);
            world.network_up();
            world.network_up();
            let now = world.now;
            for (phone, shown) in world.phones.iter_mut().zip(&shown) {
                let own: BTreeSet<FactId> = phone.own_facts(now).unwrap().into_iter().map(|fact| fact.id).collect();
                assert!(own.is_superset(shown), "commit {number} {fault:?}");
                if fault == Fault::Before {
                    assert_eq!(&own, shown, "what was not shown is not there: commit {number}");
                }
                assert_eq!(phone.status(now).unwrap().servers[0].facts_not_there, 0, "commit {number} {fault:?}");
            }
            world.assert_converged();
        }
    }
}

#[test]
fn a_phone_that_dies_at_any_commit_has_after_restart_what_it_showed() {
    for fault in [Fault::Before, Fault::After] {
        for number in 1..25 {
            let mut world = World::with_phones(12, 2);
            let shown = scan_with_faults(&mut world, (number, fault), true);
            for (phone, shown) in shown.iter().enumerate() {
                world.restart(phone);
                let now = world.now;
                let own = world.phones[phone].own_facts(now).unwrap();
                let own: BTreeSet<FactId> = own.into_iter().map(|fact| fact.id).collect();
                assert!(own.is_superset(shown), "commit {number} {fault:?}");
                world.start(phone);
            }
            world.network_up();
            let now = world.now;
            for phone in &mut world.phones {
                assert_eq!(phone.status(now).unwrap().servers[0].facts_not_there, 0);
            }
            world.assert_converged();
        }
    }
}

/// Whatever a phone is told while its disk does not read, it comes back by itself when it does.
#[test]
fn a_disk_that_does_not_read_for_a_while_keeps_no_phone_from_the_server() {
    for told in ["wake", "down", "frame"] {
        for reads in 1..40 {
            let mut world = World::with_phones(12, 2);
            world.network_down();
            world.scan(0, 1);
            world.network = true;
            world.now = world.now.plus_ms(31_000);
            if told != "wake" {
                // Some way into the exchange.
                world.run_for(20);
            }
            world.faults[0].lock().unwrap().reads = reads;
            match told {
                "down" => world.break_link(0),
                "wake" => drop(world.phones[0].dispatch(world.now, Event::Wake)),
                _ => {}
            }
            world.run();
            world.faults[0].lock().unwrap().reads = 0;
            for _ in 0..3 {
                world.now = world.now.plus_ms(31_000);
                world.run();
            }
            let now = world.now;
            let status = world.phones[0].status(now).unwrap();
            assert_eq!(
                (status.servers[0].link, status.servers[0].facts_not_there),
                (LinkState::Connected, 0),
                "{told} {reads}"
            );
            world.assert_converged();
        }
    }
}

#[test]
fn a_failed_scan_can_be_made_again_and_is_not_already_in() {
    let mut world = World::with_phones(4, 1);
    world.network_down();
    world.run();
    let now = world.now;
    *world.faults[0].lock().unwrap() = Faults { commits: 0, fail: Some((1, Fault::Before)), ..Faults::default() };
    let error = world.phones[0].scan(now, gate(), &code(1), Answers::new()).unwrap_err();
    assert_eq!(error.code, CoreCode::StorageFailed);
    let sent = world.phones[0].take_effects();
    assert!(!sent.iter().any(|effect| matches!(effect, Effect::Send { .. } | Effect::Changed(_))), "{sent:?}");
    let result = world.phones[0].scan(now, gate(), &code(1), Answers::new()).unwrap();
    assert_eq!((result.verdict, result.repeated), (Verdict::Admitted, false));
    assert_eq!(world.phones[0].own_facts(now).unwrap().len(), 1);
    world.network_up();
    world.assert_converged();
}

#[test]
fn a_full_disk_says_so_and_goes_on_when_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    let mut world = World::with_phones(12, 1);
    let mut phone = open(&path);
    phone.dispatch(at(0), Event::Enrolled(Box::new(World::enrolment(0, Role::Staff)))).unwrap();
    copy_documents(&mut world, &mut phone);
    let mut shown = 0;
    phone.store().limit_pages(90).unwrap();
    let error = loop {
        let wish = crate::command::NewWalkIn {
            checkpoint: gate(),
            name: format!("Walk-in {shown}"),
            organisation: "x".repeat(2_000),
            category: String::new(),
        };
        match phone.walk_in(at(shown), wish) {
            Ok(_) => shown += 1,
            Err(error) => break error,
        }
        assert!(shown < 10_000, "the disk never fills");
    };
    assert_eq!(error.code, CoreCode::StorageFull);
    let shown = usize::try_from(shown).unwrap();
    assert_eq!(phone.own_facts(at(0)).unwrap().len(), shown);
    phone.store().limit_pages(100_000).unwrap();
    let result = phone.scan(at(0), gate(), &code(1), Answers::new()).unwrap();
    assert_eq!(result.verdict, Verdict::Admitted);
    drop(phone);
    let mut phone = open(&path);
    assert_eq!(phone.own_facts(at(0)).unwrap().len(), shown + 1);
    assert_eq!(phone.counts(at(0), gate()).unwrap().total.admissions, u64::try_from(shown + 1).unwrap());
}

fn open(path: &std::path::Path) -> Driver<SqliteStore> {
    Driver::open(SqliteStore::open(path).unwrap(), Box::new(ChaCha8Rng::seed_from_u64(5)), at(0)).unwrap()
}

/// Gives a phone outside of the world what the world's server has.
fn copy_documents(world: &mut World, phone: &mut Driver<SqliteStore>) {
    let now = world.now;
    phone.dispatch(now, Event::SyncStart).unwrap();
    let mut link = None;
    for _ in 0..10_000 {
        let effects = phone.take_effects();
        for effect in effects {
            match effect {
                Effect::Connect { link: asked, .. } => {
                    world.server.open(9, now);
                    link = Some(asked);
                    phone.dispatch(now, Event::LinkUp { link: asked }).unwrap();
                }
                Effect::Send { bytes, .. } => {
                    for (to, bytes) in world.server.frame(9, &bytes, now) {
                        if to == 9 {
                            phone.dispatch(now, Event::LinkFrame { link: link.unwrap(), bytes }).unwrap();
                        }
                    }
                }
                _ => {}
            }
        }
        phone.work_off(now).unwrap();
    }
    phone.dispatch(now, Event::SyncStop).unwrap();
    world.server.close(9);
    assert_eq!(phone.status(now).unwrap().missing, []);
}

#[test]
fn chunks_are_folded_into_one_when_they_outweigh_the_document() {
    let mut world = World::with_phones(1_200, 1);
    world.network_down();
    let size = |world: &World| {
        let sizes = crate::store::StoreRead::documents(world.phones[0].store()).unwrap();
        sizes.iter().map(|size| size.incremental_bytes).sum::<u64>()
    };
    for number in 0..1_200 {
        world.scan(0, number);
    }
    let before = size(&world);
    world.now = world.now.plus_ms(60_000);
    world.phones[0].dispatch(world.now, Event::Wake).unwrap();
    world.run();
    let after = size(&world);
    assert!(after < before / 4, "{before} bytes of chunks became {after}");
    world.restart(0);
    let now = world.now;
    assert_eq!(world.phones[0].own_facts(now).unwrap().len(), 1_200);
    world.start(0);
    world.network_up();
    assert_eq!(world.phones[0].status(world.now).unwrap().servers[0].facts_not_there, 0);
    world.assert_converged();
}
