use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ROOT, ReadDoc};

use super::*;
use crate::guard::{GuardLimits, check_chunks};

#[expect(clippy::disallowed_methods, reason = "the random actor is replaced at once")]
fn document(actor: &str) -> Automerge {
    Automerge::new().with_actor(ActorId::from(actor.as_bytes()))
}

fn edit(doc: &mut Automerge, key: &str) {
    doc.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, key, key)).unwrap();
}

fn summaries(bytes: &[u8]) -> Vec<ChangeSummary> {
    check_chunks(bytes, &GuardLimits::phone()).unwrap().changes
}

#[test]
fn real_work_is_admitted_in_any_order_and_waiting_changes_are_forgotten_once_applied() {
    let mut author = document("author");
    for i in 0..10 {
        edit(&mut author, &i.to_string());
    }
    let chunks: Vec<Vec<u8>> = author.get_changes(&[]).iter().map(|c| c.raw_bytes().to_vec()).collect();
    let mut doc = document("server");
    let mut ledger = DocLedger::read(&doc, PendingLimits::default());
    let late = chunks[1..].concat();
    ledger.admit(&doc, &summaries(&late)).unwrap();
    doc.load_incremental(&late).unwrap();
    assert_eq!((ledger.pending(), doc.stats().num_changes), (9, 0));
    ledger.admit(&doc, &summaries(&chunks[0])).unwrap();
    doc.load_incremental(&chunks[0]).unwrap();
    ledger.refresh(&doc);
    assert_eq!((ledger.pending(), ledger.size().stored_changes), (0, 10));
    assert_eq!(doc.get_heads(), author.get_heads());
    ledger.admit(&doc, &summaries(&late)).expect("what is there already is no offence");
}

#[test]
fn local_work_between_two_messages_is_noticed() {
    let mut doc = document("server");
    let mut ledger = DocLedger::read(&doc, PendingLimits::default());
    edit(&mut doc, "local");
    let mut other = document("phone");
    other.merge(&mut doc).unwrap();
    edit(&mut other, "a");
    let change = other.get_changes(&doc.get_heads())[0].raw_bytes().to_vec();
    ledger.admit(&doc, &summaries(&change)).unwrap();
    assert_eq!((ledger.pending(), ledger.size().stored_changes), (0, 1));
}

/// Whatever was let in, came late, was made here or was let in and never applied: what is known is what the history says.
#[test]
fn what_was_expected_is_known_as_well_as_what_was_looked_for() {
    let mut doc = document("server");
    let mut ledger = DocLedger::read(&doc, PendingLimits::default());
    let mut phones = [document("one"), document("two")];
    for round in 0..40_usize {
        let phone = &mut phones[round % 2];
        if round % 5 == 0 {
            phone.merge(&mut doc).unwrap();
        }
        let before = phone.get_heads();
        (0..3).for_each(|i| edit(phone, &format!("{round} {i}")));
        let chunks: Vec<Vec<u8>> = phone.get_changes(&before).iter().map(|c| c.raw_bytes().to_vec()).collect();
        let messages = match round % 4 {
            0 => vec![chunks.concat()],
            // The first comes last, and the others wait for it.
            1 => vec![chunks[1..].concat(), chunks[0].clone()],
            _ => chunks,
        };
        for bytes in messages {
            ledger.admit(&doc, &summaries(&bytes)).unwrap();
            if round % 3 == 0 {
                // Something happens in between, and it is admitted again.
                ledger.refresh(&doc);
                ledger.admit(&doc, &summaries(&bytes)).unwrap();
            }
            doc.load_incremental(&bytes).unwrap();
        }
        if round % 7 == 0 {
            edit(&mut doc, "local");
        }
        if round % 2 == 0 {
            ledger.refresh(&doc);
            doc.empty_commit(automerge::transaction::CommitOptions::default().with_time(0));
            ledger.expect(&doc.get_last_local_change().unwrap());
        }
        ledger.refresh(&doc);
        let read = DocLedger::read(&doc, PendingLimits::default());
        assert_eq!((&ledger.last, ledger.highest_op), (&read.last, read.highest_op), "round {round}");
        assert_eq!((ledger.size(), ledger.pending()), (read.size(), 0));
    }
}

/// Automerge applies a change that begins before what it depends on, and cannot load what it saved of it. One that begins later,
/// as an edit of an earlier state does, it can.
#[test]
fn a_change_begins_after_all_that_it_depends_on() {
    let mut doc = document("server");
    (0..5).for_each(|round| edit(&mut doc, &round.to_string()));
    let mut phone = doc.clone().with_actor(ActorId::from(&b"phone"[..]));
    let before = doc.get_heads();
    phone
        .transact::<_, _, automerge::AutomergeError>(|tx| {
            tx.put(ROOT, "a", 1)?;
            tx.put(ROOT, "b", 2)?;
            tx.delete(ROOT, "0")
        })
        .unwrap();
    (0..3).for_each(|round| edit(&mut doc, &format!("meanwhile {round}")));
    let change = phone.get_changes(&before)[0].decode();
    assert_eq!((change.start_op.get(), change.operations.len()), (6, 3));
    for start in 1..=12 {
        let mut moved = change.clone();
        moved.start_op = std::num::NonZeroU64::new(start).unwrap();
        let moved = Change::from(moved).raw_bytes().to_vec();
        let admitted = DocLedger::read(&doc, PendingLimits::default()).admit(&doc, &summaries(&moved));
        // Up to 9, the first number that nobody has used.
        if (6..=9).contains(&start) {
            admitted.unwrap();
            let mut applied = doc.clone();
            applied.load_incremental(&moved).unwrap();
            let loaded = Automerge::load(&applied.save()).unwrap();
            assert_eq!((loaded.get_heads().len(), loaded.get_heads()), (2, applied.get_heads()), "{start}");
            assert_eq!(loaded.get_changes(&[]).len(), applied.get_changes(&[]).len(), "{start}");
        } else {
            assert!(matches!(admitted, Err(GuardError::Sequence { value, .. }) if value == start), "{start}");
        }
    }
}

#[test]
fn two_devices_with_one_actor_are_noticed() {
    let mut first = document("cloned");
    let mut second = document("cloned");
    edit(&mut first, "a");
    edit(&mut second, "b");
    let mut ledger = DocLedger::read(&first, PendingLimits::default());
    let change = second.get_changes(&[])[0].raw_bytes().to_vec();
    let error = ledger.admit(&first, &summaries(&change)).unwrap_err();
    assert!(matches!(error, GuardError::Sequence { value: 1, .. }), "{error}");
}
