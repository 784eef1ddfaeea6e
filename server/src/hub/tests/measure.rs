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
