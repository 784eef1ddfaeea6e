//! Every known attack on Automerge 0.12, built here byte by byte: the guard, or the ledger, refuses
//! it, for under 10 ms and 10 MB.
#![expect(unsafe_code, reason = "a counting allocator")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]

#[path = "hostile/build.rs"]
mod build;
#[path = "hostile/ledger.rs"]
mod ledger;
#[path = "hostile/meter.rs"]
mod meter;

use std::time::Duration;

use automerge::sync::SyncDoc;
use automerge::{ActorId, Automerge, Change, ReadDoc};
use build::{ChangeBody, Message, bloom, change_chunk, compressed_chunk, document_chunk};
use muster_protocol::guard::{DocumentSize, GuardError, GuardLimits, SyncSummary, check_chunks, check_sync_message};

#[global_allocator]
static ALLOCATOR: meter::Counting = meter::Counting;

const MOST_TIME: Duration = Duration::from_millis(10);
const MOST_BYTES: usize = 10_000_000;

fn check_with(limits: &GuardLimits, data: &[u8]) -> Result<SyncSummary, GuardError> {
    let size = DocumentSize { stored_changes: 100 };
    let (result, time, bytes) = meter::cost(|| check_sync_message(data, limits, &size));
    eprintln!("{} bytes in: {time:?}, {bytes} bytes held", data.len());
    assert!(time < MOST_TIME, "{time:?}");
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
    result
}

fn check(data: &[u8]) -> Result<SyncSummary, GuardError> {
    check_with(&GuardLimits::phone(), data)
}

fn refused(data: &[u8]) -> &'static str {
    check(data).unwrap_err().code().as_str()
}

fn document(actor: &[u8]) -> Automerge {
    #[expect(clippy::disallowed_methods, reason = "the random actor is replaced at once")]
    Automerge::new().with_actor(ActorId::from(actor))
}

#[test]
fn the_builder_builds_what_automerge_reads() {
    for body in [build::list_inserts(1_000), build::puts(10, b"k")] {
        let chunk = change_chunk(&body.encode());
        assert!(chunk.len() < 200);
        let change = Change::try_from(chunk.as_slice()).unwrap();
        for chunk in [chunk, compressed_chunk(&body.encode())] {
            let mut doc = document(b"victim");
            doc.load_incremental(&chunk).unwrap();
            assert_eq!(doc.get_heads(), [change.hash()]);
            let summary = check(&Message::of(vec![chunk]).encode()).unwrap();
            assert_eq!(summary.changes()[0].hash, change.hash());
            assert_eq!(usize::try_from(summary.changes()[0].ops).unwrap(), change.len());
        }
    }
    let fine = Message { bloom: bloom(8, 10, 7, &[0xff; 10]), ..Message::default() }.encode();
    assert!(check(&fine).is_ok());
    assert!(automerge::sync::Message::decode(&fine).is_ok());
}

#[test]
fn a_bloom_filter_without_bits_would_divide_by_zero() {
    let heads = vec![[1; 32]; 4];
    for (bits_per_entry, entries) in [(0, 1), (0, 1_000)] {
        let data =
            Message { bloom: bloom(entries, bits_per_entry, 7, &[]), heads: heads.clone(), ..Message::default() };
        assert_eq!(refused(&data.encode()), "guard_bloom");
    }
}

#[test]
fn a_bloom_filter_with_fifty_million_probes() {
    let data = Message { bloom: bloom(1, 8, 50_000_000, &[0]), ..Message::default() }.encode();
    assert_eq!(refused(&data), "guard_bloom");
    let data = Message { bloom: bloom(u64::from(u32::MAX), 1, 7, &[0]), ..Message::default() }.encode();
    assert_eq!(refused(&data), "guard_bloom");
    let cut_off = Message { bloom: bloom(1_000, 10, 7, &[0; 1_249]), ..Message::default() }.encode();
    assert_eq!(refused(&cut_off), "guard_malformed");
}

#[test]
fn a_change_that_inflates_to_two_hundred_megabytes() {
    let body = vec![b'x'; 200_000_000];
    let chunk = compressed_chunk(&body);
    drop(body);
    assert!(chunk.len() < 200_000, "{}", chunk.len());
    let data = Message::of(vec![chunk]).encode();
    assert_eq!(refused(&data), "guard_inflate");
    let limits = GuardLimits { max_inflate_ratio: u64::MAX, ..GuardLimits::phone() };
    assert_eq!(check_with(&limits, &data).unwrap_err().code().as_str(), "guard_inflate");
    let broken =
        Message::of(vec![[&[0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 2][..], &build::prefixed(&[0xff; 9])].concat()]);
    assert_eq!(refused(&broken.encode()), "guard_inflate");
}

#[test]
fn two_million_inserts_in_a_hundred_bytes() {
    let chunk = change_chunk(&build::list_inserts(2_000_000).encode());
    assert!(chunk.len() < 150, "{}", chunk.len());
    assert_eq!(refused(&Message::of(vec![chunk]).encode()), "guard_ops");
}

#[test]
fn twenty_million_operations_to_be_parsed() {
    let chunk = change_chunk(&build::puts(20_000_000, b"k").encode());
    assert!(chunk.len() < 150, "{}", chunk.len());
    assert_eq!(refused(&Message::of(vec![chunk.clone()]).encode()), "guard_ops");
    let stored = check_chunks(&chunk, &GuardLimits::bulk_import()).unwrap_err();
    assert_eq!(stored.code().as_str(), "guard_ops", "stored chunks are checked too");
}

#[test]
fn many_changes_each_just_within_the_limit() {
    let chunks = (1..=1_000).map(|seq| {
        let body = ChangeBody { seq, ..build::list_inserts(19_000) };
        change_chunk(&body.encode())
    });
    assert_eq!(refused(&Message::of(chunks.collect()).encode()), "guard_ops");
    let chunk = change_chunk(&build::puts(1, b"k").encode());
    assert_eq!(refused(&Message::of(vec![chunk; 5_001]).encode()), "guard_changes");
}

#[test]
fn run_lengths_in_other_columns_are_bounded_too() {
    let with = |column: (u32, Vec<u8>)| {
        let mut body = build::puts(1, b"k");
        body.columns.retain(|(spec, _)| *spec != column.0);
        body.columns.push(column);
        body.columns.sort_by_key(|(spec, _)| *spec);
        Message::of(vec![change_chunk(&body.encode())]).encode()
    };
    assert_eq!(refused(&with((0x70, build::run(1, 1_000_000_000)))), "guard_column", "predecessors");
    assert_eq!(refused(&with((0x13, build::nulls(u64::MAX)))), "guard_column", "key counters");
    assert_eq!(refused(&with((0x34, build::unsigned(u64::MAX)))), "guard_column", "inserts");
    assert_eq!(refused(&with((0x42 | 8, build::run(1, 1)))), "guard_column", "a deflated column");
    let body = build::puts(20_000, &[b'k'; 100_000]);
    let data = Message::of(vec![change_chunk(&body.encode())]).encode();
    assert_eq!(refused(&data), "guard_text", "a long key for each operation");
}

#[test]
fn an_operation_of_an_actor_that_the_change_does_not_name_would_panic() {
    let mut body = build::list_inserts(1);
    body.columns.iter_mut().filter(|(spec, _)| *spec == 0x01).for_each(|(_, column)| {
        *column = [build::nulls(1), build::run(1, 1)].concat();
    });
    let chunk = change_chunk(&body.encode());
    assert_eq!(refused(&Message::of(vec![chunk.clone()]).encode()), "guard_column");
    body.others = vec![b"bob".to_vec()];
    assert!(check(&Message::of(vec![change_chunk(&body.encode())]).encode()).is_ok(), "bob is number 1");
    let mut doc = document(b"victim");
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| doc.load_incremental(&chunk)));
    assert!(!matches!(panics, Ok(Ok(_))), "Automerge takes it now: say so in the notes");
}

#[test]
fn documents_are_refused_from_phones_and_bounded_from_importers() {
    let body = |ops: u64, deflated: bool| {
        let actions = build::run(ops, 1);
        let spec = if deflated { 0x42 | 8 } else { 0x42 };
        let actions = if deflated { build::deflate(&[actions, vec![0; 200_000_000]].concat()) } else { actions };
        let mut out = [vec![1], build::prefixed(b"a"), vec![0]].concat();
        // no change columns, one operation column
        out.push(0);
        out.extend(build::columns(&[(spec, actions)]));
        Message::of(vec![document_chunk(&out)]).encode()
    };
    assert_eq!(refused(&body(10, false)), "guard_document");
    let bulk = |data: &[u8]| check_with(&GuardLimits::bulk_import(), data).unwrap_err().code().as_str();
    assert_eq!(bulk(&body(20_000_000, false)), "guard_ops");
    let limits = GuardLimits { documents: true, ..GuardLimits::phone() };
    let bomb = body(10, true);
    assert_eq!(check_with(&limits, &bomb).unwrap_err().code().as_str(), "guard_inflate");
}

#[test]
fn damage_and_foreign_chunks() {
    let mut chunk = change_chunk(&build::puts(1, b"k").encode());
    chunk[4] ^= 1;
    assert_eq!(refused(&Message::of(vec![chunk]).encode()), "guard_checksum");
    let bundle = [&[0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 3][..], &[0]].concat();
    assert_eq!(refused(&Message::of(vec![bundle]).encode()), "guard_chunk_type");
    assert_eq!(refused(&Message { heads: vec![[0; 32]; 5_000], ..Message::default() }.encode()), "guard_hashes");
    let claims = [&[0x42][..], &build::unsigned(u64::MAX)].concat();
    assert_eq!(refused(&claims), "guard_hashes");
    for data in [&[][..], &[0x41], &[0x42], &[0x43, 0, 0, 0, 5]] {
        assert_eq!(refused(data), "guard_malformed", "{data:x?}");
    }
}

#[test]
fn the_unguarded_bloom_filter_really_panics() {
    let mut doc = document(b"victim");
    doc.load_incremental(&change_chunk(&build::puts(1, b"k").encode())).unwrap();
    let data = Message { bloom: bloom(1, 0, 7, &[]), ..Message::default() }.encode();
    let message = automerge::sync::Message::decode(&data).unwrap();
    let mut state = automerge::sync::State::new();
    doc.receive_sync_message(&mut state, message).unwrap();
    let panics =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| doc.generate_sync_message(&mut state).is_some()));
    assert!(panics.is_err(), "Automerge checks this by itself now: say so in the notes");
    assert_eq!(doc.stats().num_changes, 1);
}
