//! `fanout`: many phones write into one document, and each hears of everything.
//!
//! One load generator for all servers: connections that speak the automerge-repo wire, each with a [`phone`] that makes
//! real changes and answers as Automerge would. A row is over when every phone has every change, or when that did not
//! happen within [`CONVERGE_WITHIN`].

mod changes;
mod link;
mod phone;
pub(crate) mod subject;
mod tally;
mod visitor;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::fact;
use muster_protocol::DocumentId;
use tokio::task::JoinSet;

use crate::error::BenchError;
use crate::process;
use crate::report::{Figure, Report, Subject, float};
use changes::Changes;
pub(crate) use link::{Door, Link};
use link::{Load, Share};
use phone::{Replica, Start};
use subject::Server;
use tally::Tally;
pub(crate) use visitor::{Documents, Visitor};

/// How long after the last change a server may take until everybody has everything.
const CONVERGE_WITHIN: Duration = Duration::from_secs(100);

/// Connections that are opened at once.
const CONNECTING: usize = 32;

/// A row: so many phones, so many changes a second between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) name: &'static str,
    pub(crate) phones: u32,
    pub(crate) per_second: u32,
    /// How long the phones write.
    pub(crate) seconds: u32,
    /// Whether the peers are measured too.
    pub(crate) with_peers: bool,
}

/// The rows.
pub(crate) const SCALES: [Scale; 4] = [
    Scale { name: "fanout-10", phones: 10, per_second: 100, seconds: 10, with_peers: true },
    Scale { name: "fanout-50", phones: 50, per_second: 200, seconds: 10, with_peers: true },
    Scale { name: "fanout-200", phones: 200, per_second: 200, seconds: 10, with_peers: false },
    Scale { name: "fanout-1000", phones: 1_000, per_second: 500, seconds: 10, with_peers: false },
];

/// The document that everybody writes into.
const DOCUMENT: DocRef = DocRef::shard(DocKind::Checkins, 0);

/// Measures one server with so many phones.
pub(crate) async fn run(scale: Scale, server: &Server, report: &mut Report) -> Result<(), BenchError> {
    let doors = server.doors(scale.phones).await?;
    let total = scale.per_second.saturating_mul(scale.seconds);
    let expected = u64::from(total).saturating_mul(u64::from(scale.phones).saturating_sub(1));
    let tally = Arc::new(Tally::new(expected).map_err(|_| BenchError::Missing("a histogram"))?);
    let loads = connect(server, &doors, &tally).await?;
    let before = process::cpu_us(server.process()).ok_or(BenchError::Missing("/proc"))?;

    let begin = tokio::time::Instant::now() + Duration::from_millis(200);
    let mut phones = JoinSet::new();
    for (first, load) in (0_u32..).zip(loads) {
        phones.spawn(load.run(Share { first, every: scale.phones, total, per_second: scale.per_second, begin }));
    }
    let written = begin + Duration::from_secs(scale.seconds.into());
    let converged = tokio::select! {
        () = tally.complete() => Some(tokio::time::Instant::now().saturating_duration_since(written)),
        () = tokio::time::sleep_until(written + CONVERGE_WITHIN) => None,
        Some(ended) = phones.join_next() => {
            // Whoever is sent away does not get everything, and neither do all. The others go on to the end.
            let ended = ended.map_err(|_| BenchError::Link("a phone of the load panicked".into()))?;
            let why = ended.err().unwrap_or_else(|| BenchError::Link("it ended early".into()));
            noted(scale.name, server.subject(), &format!("a phone was sent away: {why}"));
            tokio::time::sleep_until(written).await;
            None
        }
    };
    let cpu = process::cpu_us(server.process()).unwrap_or(before).saturating_sub(before);
    let peak = process::peak_bytes(server.process()).unwrap_or(0);
    tally.end();
    while phones.join_next().await.is_some() {}
    if converged.is_some() {
        server.lost_nothing(total).await?;
    }

    let n = usize::try_from(tally.deliveries()).unwrap_or(usize::MAX);
    let subject = server.subject();
    let each = float(cpu) / float(tally.deliveries().max(1));
    report.row(subject, "server_cpu_us_per_delivery", Figure::us(each), n);
    report.row(subject, "latency_p50_ms", Figure::ms(tally.delay_ms(0.5)), n);
    report.row(subject, "latency_p99_ms", Figure::ms(tally.delay_ms(0.99)), n);
    report.row(subject, "rss_mb", Figure::mb(peak), 1);
    report.row(subject, "converged_s", Figure::seconds(converged.map(|after| after.as_secs_f64())), 1);
    if converged.is_none() {
        let share = float(tally.deliveries()) / float(expected);
        report.row(subject, "delivered", Figure::ratio(share), n);
        report.row(subject, "written", Figure::count(float(tally.written())), 1);
    }
    Ok(())
}

/// Opens the document on every connection. The first phone brings it, for servers that know nothing of it.
async fn connect(server: &Server, doors: &[Door], tally: &Arc<Tally>) -> Result<Vec<Load>, BenchError> {
    let actor = |door: &Door| door.device.actor([1; 8]);
    let first = doors.first().ok_or(BenchError::Missing("a phone"))?;
    let begun = document::create(server.event(), &DOCUMENT, actor(first))?;
    let start = Start::of(&begun)?;
    let changes = Arc::new(Changes::default());
    let id = DocumentId::from_bytes(*DOCUMENT.id(server.event()).as_bytes());
    let places = tokio::sync::Semaphore::new(CONNECTING);
    let one = async |door: &Door, uploading: bool| {
        let _place = places.acquire().await;
        let mut load = Load {
            link: Link::open(door).await?,
            replica: Replica::new(start.clone(), actor(door)),
            device: door.device,
            document: id,
            changes: Arc::clone(&changes),
            tally: Arc::clone(tally),
        };
        load.open(uploading).await?;
        Ok::<_, BenchError>(load)
    };
    let mut loads = vec![one(first, true).await?];
    loads.extend(try_join_all(doors.iter().skip(1).map(|door| one(door, false))).await?);
    Ok(loads)
}

/// How many facts a stored document has.
fn stored_facts(bytes: &[u8]) -> Result<usize, BenchError> {
    let doc = document::load(bytes, muster_model::id::DeviceId::from_random([0; 8]).actor([0; 8]))?;
    let facts = fact::read_all(&doc).map_err(muster_tests::replica::ReplicaError::from)?;
    Ok(facts.facts.len())
}

/// Measures the rows that are asked for, Muster first; a peer that cannot be started is named and left out.
pub(crate) async fn report(
    rows: &[Scale],
    programs: &subject::Programs,
    peers: &[Subject],
    report: &mut Report,
) -> Result<(), BenchError> {
    for scale in rows {
        report.begin(scale.name);
        let server = Server::muster(programs).await?;
        run(*scale, &server, report).await?;
        server.stop().await;
        for peer in peers.iter().filter(|_| scale.with_peers) {
            match Server::peer(*peer, programs).await {
                Ok(server) => {
                    if let Err(error) = run(*scale, &server, report).await {
                        noted(scale.name, *peer, &format!("left out: {error}"));
                    }
                    server.stop().await;
                }
                Err(error) => noted(scale.name, *peer, &format!("left out: {error}")),
            }
            let ratio = if *peer == Subject::Samod { "cpu_to_samod" } else { "cpu_to_automerge_repo" };
            report.ratio(ratio, *peer, "server_cpu_us_per_delivery", 1);
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "standard output is for the figures")]
fn noted(row: &str, subject: Subject, what: &str) {
    eprintln!("bench: {row}: {subject}: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The program `muster`, which `cargo xtask test` builds before the tests.
    fn muster() -> std::path::PathBuf {
        let own = std::env::current_exe().unwrap();
        let muster = own.parent().unwrap().parent().unwrap().join("muster");
        assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
        muster
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_delivers_everything_and_says_what_it_cost() {
        let programs = subject::Programs { muster: muster(), automerge_repo: None, samod: None };
        let scale = Scale { name: "small", phones: 4, per_second: 40, seconds: 1, with_peers: true };
        let mut figures = Report::new(true);
        report(&[scale], &programs, &[Subject::AutomergeRepo], &mut figures).await.unwrap();
        assert!(figures.value(Subject::Muster, "latency_p99_ms").is_some_and(|ms| ms > 0.0));
        assert!(figures.value(Subject::Muster, "converged_s").is_some());
        assert!(figures.value(Subject::AutomergeRepo, "converged_s").is_none(), "it was not installed");
    }
}
