//! Where the cost of one change lies. Not a test: run it by hand, in release, on a quiet machine. What a delivered change costs
//! in all, `cargo xtask bench fanout` measures.
//! `cargo test --release -p muster-server --lib measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::*;

/// Where the cost of taking in one change lies, in a document that grows to 4,000 facts of 50 authors.
#[test]
#[ignore = "a measurement, not a test"]
fn cost_of_taking_in() {
    use muster_protocol::DocLedger;
    use muster_protocol::guard::{DocumentSize, GuardLimits, check_sync_message};
    let make = |seed: u8| {
        let actor = DeviceId::from_random([seed; 8]).actor([seed; 8]);
        muster_model::document::create(event(), &CHECKINS, actor).unwrap()
    };
    let mut authors: Vec<Automerge> = (1..=50).map(make).collect();
    let mut changes = Vec::new();
    for key in 0..4_000_u32 {
        let at = usize::try_from(key).unwrap() % authors.len();
        let doc = &mut authors[at];
        let facts = muster_model::document::collection(doc, "facts").unwrap();
        doc.transact(|tx| automerge::transaction::Transactable::put(tx, &facts, format!("{at}-{key}"), "{}")).unwrap();
        changes.push(doc.get_last_local_change().unwrap());
    }
    for batch in [1, 10, 50] {
        let mut doc = make(99);
        let begun = Instant::now();
        for changes in changes.chunks(batch) {
            let bytes: Vec<u8> = changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
            doc.load_incremental(&bytes).unwrap();
        }
        println!("load_incremental, {batch} at once: {:?} a change", begun.elapsed() / 4_000);
    }
    let (mut doc, mut ledger) = (make(99), DocLedger::default());
    ledger.refresh(&doc);
    let (mut guarding, mut admitting, mut refreshing) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut meta, mut known) = (Duration::ZERO, Duration::ZERO);
    for change in &changes {
        let chunk = change.raw_bytes().to_vec();
        let message = automerge::sync::Message {
            heads: vec![change.hash()],
            need: Vec::new(),
            have: Vec::new(),
            changes: automerge::sync::ChunkList::from(vec![chunk.clone()]),
            flags: None,
            version: automerge::sync::MessageVersion::V1,
        }
        .encode();
        let begun = Instant::now();
        let summary = check_sync_message(&message, &GuardLimits::phone(), &DocumentSize::default()).unwrap();
        guarding += begun.elapsed();
        let begun = Instant::now();
        ledger.admit(&doc, summary.changes()).unwrap();
        admitting += begun.elapsed();
        let before = doc.get_heads();
        doc.load_incremental(&chunk).unwrap();
        let begun = Instant::now();
        ledger.refresh(&doc);
        refreshing += begun.elapsed();
        let begun = Instant::now();
        assert_eq!(doc.get_changes_meta(&before).len(), 1);
        meta += begun.elapsed();
        let begun = Instant::now();
        doc.load_incremental(&chunk).unwrap();
        known += begun.elapsed();
    }
    for (what, took) in [
        ("guard", guarding),
        ("admit", admitting),
        ("refresh", refreshing),
        ("get_changes_meta", meta),
        ("known", known),
    ] {
        println!("{what}: {:?} a change", took / 4_000);
    }
}
