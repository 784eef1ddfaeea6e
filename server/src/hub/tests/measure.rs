//! What the server costs. Not a test: run it by hand, in release, on a quiet machine:
//! `cargo test --release -p muster-server --lib measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::testing::{Phone, PhoneOptions, Setup, TestServer};
use muster_model::access::Role;

fn runtime(name: &str) -> Runtime {
    Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build().unwrap()
}

/// Processor time of threads whose name starts so, in microseconds.
fn cpu_us(names: &[&str]) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let of = |task: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let name = read("comm");
        let ns: u64 = read("schedstat").split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
        names.iter().any(|wanted| name.starts_with(wanted)).then_some(ns / 1_000)
    };
    tasks.filter_map(of).sum()
}

fn measure(phones: u8, changes_per_s: u32, seconds: u32) {
    let dir = tempfile::tempdir().unwrap();
    let (servers, clients) = (runtime("srv"), runtime("phones"));
    let server = servers.block_on(async {
        // What is spawned runs on the measured threads; only waiting happens here.
        let storage = database(dir.path()).await;
        tokio::spawn(TestServer::start(storage, Setup { hub: HubConfig::default(), ..Setup::default() })).await.unwrap()
    });
    let (took, behind) = clients.block_on(async {
        let mut all = Vec::new();
        for number in 1..=phones {
            let options =
                PhoneOptions { storage: Some(format!("disk-{number}")), ..PhoneOptions::new(number, Role::Staff) };
            let phone = Phone::connect(&server, options).await;
            phone.sync(CHECKINS).await;
            all.push(phone);
        }
        let (cpu, stats, begun) = (cpu_us(&["srv", "muster-writer"]), server.hub.stats(), Instant::now());
        let total = changes_per_s * seconds;
        let mut pace = tokio::time::interval(Duration::from_micros(1_000_000 / u64::from(changes_per_s)));
        for key in 1..=total {
            pace.tick().await;
            let at = usize::try_from(key).unwrap() % all.len();
            all[at].record(CHECKINS, [key]);
        }
        let written = begun.elapsed();
        let total = usize::try_from(total).unwrap();
        for phone in &all {
            phone.until("all facts", |state| state.facts(CHECKINS) == total).await;
        }
        let cpu = cpu_us(&["srv", "muster-writer"]) - cpu;
        let now = server.hub.stats();
        let delivered = now.deliveries - stats.deliveries;
        println!(
            "{phones} phones, {changes_per_s} changes/s, {seconds} s: {:.1} us of server CPU per delivered change \
             ({delivered} delivered, {} commits, {} frames in, {} frames out, CPU {:.0} %)",
            f64::from(u32::try_from(cpu).unwrap()) / f64::from(u32::try_from(delivered).unwrap()),
            now.commits - stats.commits,
            now.frames_in - stats.frames_in,
            now.frames_out - stats.frames_out,
            f64::from(u32::try_from(cpu).unwrap()) / begun.elapsed().as_secs_f64() / 10_000.0,
        );
        (written, begun.elapsed() - written)
    });
    println!("    written in {took:?}, all phones have all {behind:?} later");
    servers.shutdown_background();
}

#[test]
#[ignore = "a measurement, not a test"]
fn cost_of_a_delivered_change() {
    measure(10, 100, 10);
    measure(50, 200, 10);
}

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
