//! What bytes alone do not show: it takes the document to see it.

use std::collections::HashSet;

use muster_protocol::guard::is_in_own_form;
use muster_protocol::{DocLedger, DocSync, DocSyncOptions, PendingLimits, Role};

use super::*;

#[test]
fn twenty_thousand_orphans() {
    let orphan = |i: u64| {
        let mut body = build::puts(1, b"k");
        body.deps = vec![[7; 32]];
        body.actor = i.to_be_bytes().to_vec();
        change_chunk(&body.encode())
    };
    let mut doc = document(b"victim");
    doc.load_incremental(&change_chunk(&build::puts(1, b"k").encode())).unwrap();
    let ledger = DocLedger::read(&doc, PendingLimits::default());
    let all = Message::of((0..20_000).map(orphan).collect()).encode();
    assert_eq!(refused(&all), "guard_changes", "not in one message");
    for (orphans, expected) in [(1_000, Ok(())), (1_001, Err("guard_orphans")), (5_000, Err("guard_orphans"))] {
        let data = Message::of((0..orphans).map(orphan).collect()).encode();
        let summary = check(&data).unwrap();
        let (result, time, bytes) = meter::cost(|| ledger.clone().admit(&doc, summary.changes()));
        eprintln!("{orphans} orphans: {time:?}, {bytes} bytes held");
        assert_eq!(result.map_err(|error| error.code().as_str()), expected, "{orphans}");
        assert!(bytes < MOST_BYTES, "{bytes} bytes");
        assert!(time < MOST_TIME, "{time:?}");
    }
    // Nor little by little.
    let mut ledger = ledger;
    let mut refusals = 0;
    for i in 0..20 {
        let data = Message::of((i * 100..(i + 1) * 100).map(orphan).collect()).encode();
        let summary = check_sync_message(&data, &GuardLimits::phone(), &ledger.size()).unwrap();
        refusals += usize::from(ledger.admit(&doc, summary.changes()).is_err());
    }
    assert_eq!((ledger.pending(), refusals), (1_000, 10));
}

#[test]
fn a_gap_in_an_actors_changes_would_panic() {
    let mut doc = document(b"victim");
    doc.load_incremental(&change_chunk(&build::puts(1, b"k").encode())).unwrap();
    let mut ledger = DocLedger::read(&doc, PendingLimits::default());
    let gap = change_chunk(&ChangeBody { seq: 3, ..build::puts(1, b"gap") }.encode());
    let data = Message::of(vec![gap.clone()]).encode();
    let summary = check(&data).unwrap();
    assert_eq!(ledger.admit(&doc, summary.changes()).unwrap_err().code().as_str(), "guard_sequence");
    assert_eq!(ledger.pending(), 0);

    let zero = change_chunk(&ChangeBody { seq: 0, ..build::puts(1, b"k") }.encode());
    assert_eq!(refused(&Message::of(vec![zero]).encode()), "guard_sequence");

    // Why: this is what Automerge does with it.
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| doc.load_incremental(&gap)));
    assert!(panics.is_err(), "Automerge checks this by itself now: the ledger may be simpler");
}

#[test]
fn an_operation_that_names_somebody_who_wrote_nothing_would_panic() {
    let mut doc = document(b"victim");
    doc.load_incremental(&change_chunk(&build::puts(1, b"k").encode())).unwrap();
    let mut ledger = DocLedger::read(&doc, PendingLimits::default());
    let by = |actor: &[u8], others: &[&[u8]]| {
        let others = others.iter().map(|other| other.to_vec()).collect();
        change_chunk(&ChangeBody { actor: actor.to_vec(), others, ..build::puts(1, b"k") }.encode())
    };
    let naming_nobody = by(b"mallory", &[b"nobody"]);
    let mut admit = |chunks: Vec<Vec<u8>>| {
        let summary = check(&Message::of(chunks).encode()).unwrap();
        ledger.admit(&doc, summary.changes()).map_err(|error| error.code().as_str())
    };
    assert_eq!(admit(vec![naming_nobody.clone()]), Err("guard_sequence"));
    assert_eq!(admit(vec![naming_nobody.clone(), by(b"nobody", &[])]), Err("guard_sequence"), "only afterwards");
    assert_eq!(admit(vec![by(b"bob", &[b"attacker"])]), Ok(()), "who is in the document");
    assert_eq!(admit(vec![by(b"dave", &[]), by(b"carol", &[b"dave", b"attacker"])]), Ok(()), "who wrote before");

    // Why: this is what Automerge does with it.
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| doc.load_incremental(&naming_nobody)));
    assert!(panics.is_err(), "Automerge checks this by itself now: the ledger may be simpler");
}

#[test]
fn an_actor_that_uses_an_operation_number_twice() {
    let first = change_chunk(&build::puts(3, b"k").encode());
    let parent = Change::try_from(first.as_slice()).unwrap().hash();
    let mut doc = document(b"victim");
    doc.load_incremental(&first).unwrap();
    let mut ledger = DocLedger::read(&doc, PendingLimits::default());
    for (start_op, expected) in [(3, Err("guard_sequence")), (4, Ok(()))] {
        let body = ChangeBody { seq: 2, start_op, deps: vec![parent.0], ..build::puts(1, b"k") };
        let summary = check(&Message::of(vec![change_chunk(&body.encode())]).encode()).unwrap();
        let result = ledger.admit(&doc, summary.changes());
        assert_eq!(result.map_err(|error| error.code().as_str()), expected, "{start_op}");
    }
}

#[test]
fn an_author_footer_in_a_later_change_would_panic() {
    let footer = [vec![1], build::prefixed(b"author")].concat();
    let first = change_chunk(&build::puts(1, b"k").encode());
    let parent = Change::try_from(first.as_slice()).unwrap().hash();
    let body = ChangeBody { seq: 2, start_op: 2, extra: footer, deps: vec![parent.0], ..build::puts(1, b"k") };
    let second = change_chunk(&body.encode());
    assert_eq!(refused(&Message::of(vec![second.clone()]).encode()), "guard_sequence");

    let mut doc = document(b"victim");
    doc.load_incremental(&first).unwrap();
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| doc.load_incremental(&second)));
    assert!(panics.is_err(), "Automerge checks this by itself now: the guard may be simpler");
}

/// A change whose column says "not an insertion" fifty times for one operation: the same words in another form. What Automerge
/// stores of it, it cannot load again, so nobody may apply it.
#[test]
fn a_change_in_another_form_would_make_a_document_that_cannot_be_loaded() {
    let mut doc = document(b"victim");
    doc.load_incremental(&change_chunk(&build::puts(2, b"k").encode())).unwrap();
    let with = |insert: u64| {
        let mut body = build::puts(2, b"l");
        body.actor = b"mallory".to_vec();
        body.columns
            .iter_mut()
            .filter(|(spec, _)| *spec == 0x34)
            .for_each(|(_, column)| *column = build::unsigned(insert));
        change_chunk(&body.encode())
    };
    let (plain, odd) = (with(2), with(50));
    assert!(is_in_own_form(Change::try_from(plain.as_slice()).unwrap().decode()));
    let change = Change::try_from(odd.as_slice()).unwrap();
    assert!(!is_in_own_form(change.decode()));
    let later = |of: &[u8]| {
        let mut body = build::puts(2, b"m");
        (body.actor, body.seq, body.start_op) = (b"mallory".to_vec(), 2, 3);
        body.deps = vec![Change::try_from(of).unwrap().hash().0];
        change_chunk(&body.encode())
    };
    for (first, taken) in [(&plain, true), (&odd, false)] {
        let data = Message::of(vec![first.clone(), later(first)]).encode();
        let summary = check(&data).unwrap();
        DocLedger::read(&doc, PendingLimits::default()).admit(&doc, summary.changes()).unwrap();
        let mut victim = doc.clone();
        let received = DocSync::new(Role::Full, DocSyncOptions::default()).receive(&mut victim, &summary, &data);
        match received {
            Ok(_) => assert!(taken && victim.get_heads() != doc.get_heads()),
            Err(error) => assert!(!taken && error.code().as_str() == "guard_malformed", "{error}"),
        }
        // Nor beside a whole document, which whoever judges changes one by one leaves alone.
        let data = Message::of(vec![doc.save(), first.clone(), later(first)]).encode();
        let summary = check_with(&GuardLimits::bulk_import(), &data).unwrap();
        assert!(summary.has_document_chunk());
        let mut victim = document(b"empty");
        let nobody = HashSet::new();
        let received =
            DocSync::new(Role::Full, DocSyncOptions::default()).receive_judged(&mut victim, (&summary, &data), &nobody);
        match received {
            Ok(_) => assert!(taken && victim.get_heads() != doc.get_heads()),
            Err(error) => assert!(!taken && error.code().as_str() == "guard_malformed", "{error}"),
        }
        assert_eq!(victim.get_heads().is_empty(), !taken, "all of the message or nothing");
        // Why: this is what Automerge does with it.
        let mut unguarded = doc.clone();
        unguarded.load_incremental(&[first.clone(), later(first)].concat()).unwrap();
        let load =
            || Automerge::load(&unguarded.save()).is_ok_and(|loaded| loaded.get_heads() == unguarded.get_heads());
        let loads = std::panic::catch_unwind(load).unwrap_or_default();
        assert_eq!(loads, taken, "Automerge stores other forms as they are by now: they may be taken");
    }
}
