//! Measures the core beside a bare SQLite commit in the same run: `cargo run --release -p muster-client-core --example
//! measure -- [attendees] [scans]`. Prints milliseconds; asserts nothing.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a tool for people, run by hand"
)]

use std::time::Instant;

use muster_client_core::Driver;
use muster_client_core::event::{Enrolment, Event, ServerId, Token};
use muster_client_core::store::sqlite::SqliteStore;
use muster_client_core::store::{Store, Write, WriteBatch};
use muster_model::access::Role;
use muster_model::attendee::Attendee;
use muster_model::checkpoint::Checkpoint;
use muster_model::document::{self, DocKind, DocRef, SHARD_ATTENDEES};
use muster_model::event::{Event as EventRecord, OnlyKey};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, EventId, RecordId};
use muster_model::record;
use muster_model::ticket::TicketHash;
use muster_model::time::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const FIRST: [&str; 8] = ["Jānis", "Łukasz", "Jürgen", "Zoé", "Anna", "Søren", "Ilze", "François"];
const LAST: [&str; 10] =
    ["Bērziņš", "Wójcik", "Groß", "Lefèvre", "Smith", "Ørsted", "Kalniņa", "Müller", "O’Brien", "Dąbrowska"];
const AT: [&str; 4] = ["Latvijas Universitāte", "Uniwersytet Łódzki", "Hôpital Saint-Étienne", "Royal Society"];

fn pick<'a>(from: &[&'a str], number: usize) -> &'a str {
    from.get(number % from.len()).copied().unwrap_or_default()
}

fn report(what: &str, mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    let of = |share: usize| took.get((took.len() * share / 1000).min(took.len() - 1)).copied().unwrap_or_default();
    println!("{what}: median {:.2} ms, p99 {:.2} ms, longest {:.2} ms", of(500), of(990), of(1000));
    of(990)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// Milliseconds that this thread has been on a processor (Linux), which other work on the machine does not change.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1_000_000.0
}

fn fill(store: &mut SqliteStore, event: EventId, attendees: usize) {
    let actor = || DeviceId::from_random([0xEE; 8]).actor([0; 8]);
    let shards = attendees.div_ceil(SHARD_ATTENDEES);
    let mut writes = Vec::new();
    let about = DocRef::whole(DocKind::Event);
    let mut doc = document::create(event, &about, actor()).unwrap();
    let mut transaction = doc.transaction();
    let shard_count = u16::try_from(shards).unwrap();
    record::put(&mut transaction, &OnlyKey, &EventRecord { shards: shard_count, ..EventRecord::default() }).unwrap();
    record::put(&mut transaction, &gate(), &Checkpoint::default()).unwrap();
    transaction.commit();
    writes.push(Write::Snapshot(about, doc.save()));
    for shard in 0..shard_count {
        let roster = DocRef::shard(DocKind::Roster, shard);
        let mut doc = document::create(event, &roster, actor()).unwrap();
        let mut transaction = doc.transaction();
        let start = usize::from(shard) * SHARD_ATTENDEES;
        for number in start..(start + SHARD_ATTENDEES).min(attendees) {
            let attendee = Attendee {
                name: format!("{} {} {number}", pick(&FIRST, number), pick(&LAST, number / 8)),
                organisation: pick(&AT, number / 80).to_owned(),
                category: "Delegate".to_owned(),
                ticket: Some(TicketHash::of(event, &format!("ticket-{number}"))),
                order: format!("order-{}", number / 2),
                ..Attendee::default()
            };
            record::put(&mut transaction, &AttendeeId::derive(event, &number.to_string()), &attendee).unwrap();
        }
        transaction.commit();
        writes.push(Write::Snapshot(roster, doc.save()));
    }
    store.commit(&WriteBatch { writes, ..WriteBatch::default() }).unwrap();
}

fn gate() -> CheckpointId {
    CheckpointId::from_random([1; 10])
}

fn open(path: &std::path::Path) -> Driver<SqliteStore> {
    let store = SqliteStore::open(path).unwrap();
    Driver::open(store, Box::new(ChaCha8Rng::seed_from_u64(1)), Timestamp::from_ms(0)).unwrap()
}

fn bare_commits(dir: &std::path::Path, count: usize) -> Vec<f64> {
    let mut store = SqliteStore::open(&dir.join("bare.db")).unwrap();
    let commit = |number: usize| {
        let started = Instant::now();
        let row = Write::Meta(format!("row/{number}"), Some(vec![7; 200]));
        store.commit(&WriteBatch { writes: vec![row], ..WriteBatch::default() }).unwrap();
        ms(started)
    };
    (0..count).map(commit).collect()
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (attendees, scans) = (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(3_000));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("event.db");
    let event = EventId::from_random([7; 16]);
    let now = Timestamp::from_ms(1_810_792_800_000);
    let started = Instant::now();
    let mut store = SqliteStore::open(&path).unwrap();
    fill(&mut store, event, attendees);
    println!("{attendees} attendees made in {:.0} ms", ms(started));
    let mut phone = Driver::open(store, Box::new(ChaCha8Rng::seed_from_u64(1)), now).unwrap();
    let enrolment = Enrolment {
        server_url: "wss://server/sync".to_owned(),
        server_id: ServerId("server".to_owned()),
        event,
        device: DeviceId::from_random([1; 8]),
        role: Role::Staff,
        token: Token::new("token"),
        device_name: "Gate".to_owned(),
    };
    phone.dispatch(now, Event::Enrolled(Box::new(enrolment))).unwrap();
    phone.work_off(now).unwrap();
    let (started, cpu) = (Instant::now(), cpu_ms());
    phone.rebuild_projections(now).unwrap();
    println!("loaded and indexed in {:.0} ms ({:.0} ms of processor)", ms(started), cpu_ms() - cpu);
    let (started, cpu) = (Instant::now(), cpu_ms());
    phone.rebuild_projections(now).unwrap();
    println!("cleared and indexed again in {:.0} ms ({:.0} ms of processor)", ms(started), cpu_ms() - cpu);
    drop(phone);

    let started = Instant::now();
    let mut phone = open(&path);
    let scan = |phone: &mut Driver<SqliteStore>, number: usize| {
        let code = format!("ticket-{}", number * 7_919 % attendees);
        let started = Instant::now();
        let result = phone.scan(now, gate(), &code, muster_client_core::command::Answers::new()).unwrap();
        assert!(result.recorded.is_some());
        ms(started)
    };
    scan(&mut phone, 0);
    println!("cold start to first scan: {:.1} ms", ms(started));
    phone.work_off(now).unwrap();
    let count = f64::from(u32::try_from(scans).unwrap());
    let cpu = cpu_ms();
    let took = (1..=scans).map(|number| scan(&mut phone, number)).collect();
    println!("a scan takes {:.2} ms of processor", (cpu_ms() - cpu) / count);
    let ours = report("scan to durable verdict", took);
    let cpu = cpu_ms();
    let bare = bare_commits(dir.path(), scans);
    println!("a bare commit takes {:.2} ms of processor", (cpu_ms() - cpu) / count);
    let bare = report("bare SQLite commit", bare);
    println!("ratio of the p99s: {:.2}", ours / bare);

    for typed in ["jan berz", "be", "wojcik 123", "ersit", "zz", "lodzki uniw", "obri", "muel", "ticket-77"] {
        let cpu = cpu_ms();
        let took = (0..50).map(|_| {
            let started = Instant::now();
            phone.search(now, typed, 20).unwrap();
            ms(started)
        });
        let took: Vec<f64> = took.collect();
        let hits = phone.search(now, typed, 20).unwrap().len();
        report(&format!("search {typed:?} ({hits} hits, {:.2} ms of processor)", (cpu_ms() - cpu) / 51.0), took);
    }
    let started = Instant::now();
    let counts = phone.counts(now, gate()).unwrap();
    println!("counts ({} admitted): {:.2} ms", counts.total.admitted, ms(started));
}
