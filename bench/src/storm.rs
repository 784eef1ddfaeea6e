//! `storm`: the server was away, and a thousand phones come back in the same second, each with everything but what was
//! imported meanwhile. Whoever does not get through tries again every five seconds, without jitter, as stock clients do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use muster_client_native::Enrolled;
use muster_model::access::Role;
use muster_model::document;
use muster_model::id::DeviceId;
use muster_protocol::DocumentId;
use tokio::sync::{Barrier, Semaphore};

use crate::error::BenchError;
use crate::fanout::{Documents, Door, Link, Visitor};
use crate::process;
use crate::report::{Figure, Report, Subject, Times, float};
use crate::venue::Venue;

/// Phones that are enrolled at once, before anything is measured.
const CONNECTING: usize = 64;

/// After how long a stock client tries again.
const RETRY: Duration = Duration::from_secs(5);

/// When it is given up.
const GIVE_UP: Duration = Duration::from_secs(120);

/// So many phones come back at once.
pub(crate) async fn run(
    venue: &mut Venue,
    (list, more): (&std::path::Path, usize),
    phones: usize,
    report: &mut Report,
) -> Result<(), BenchError> {
    report.begin("storm");
    let before = documents(venue).await?;
    let crew = venue.crew(phones).await?;
    // Each is known to the server, which then goes away with all of them.
    let places = Semaphore::new(CONNECTING);
    let first = async |device: &Enrolled| {
        let _place = places.acquire().await;
        Visitor::new(Link::open(&door(device)).await?, Arc::clone(&before)).join().await
    };
    drop(try_join_all(crew.iter().map(first)).await?);
    venue.import_more(list, more).await?;
    let after = documents(venue).await?;
    venue.stage.server.kill().await?;
    venue.stage.server.restart().await?;
    let process = venue.stage.server.process_id().ok_or(BenchError::Missing("the server"))?;
    let held = process::held_bytes(process).unwrap_or(0);

    let (start, attempts) = (Arc::new(Barrier::new(phones)), Arc::new(AtomicU64::new(0)));
    let back = crew.into_iter().map(|device| {
        let (start, attempts) = (Arc::clone(&start), Arc::clone(&attempts));
        let (before, after) = (Arc::clone(&before), Arc::clone(&after));
        tokio::spawn(async move {
            start.wait().await;
            let begun = Instant::now();
            loop {
                attempts.fetch_add(1, Ordering::Relaxed);
                if let Ok(visitor) = comes_back(&device, &before, &after).await {
                    return Ok((visitor, begun.elapsed()));
                }
                if begun.elapsed() > GIVE_UP {
                    return Err(BenchError::TooLong { what: "coming back", seconds: GIVE_UP.as_secs() });
                }
                tokio::time::sleep(RETRY).await;
            }
        })
    });
    let mut times = Times::default();
    let mut slowest = Duration::ZERO;
    let mut staying = Vec::new();
    for phone in back.collect::<Vec<_>>() {
        let (visitor, took) = phone.await.map_err(|_| BenchError::Missing("a phone"))??;
        slowest = slowest.max(took);
        times.took(took);
        staying.push(visitor);
    }
    let peak = process::peak_bytes(process).unwrap_or(0);
    report.row(Subject::Muster, "all_level_s", Figure::seconds(Some(slowest.as_secs_f64())), phones);
    times.report(report, Subject::Muster);
    report.row(Subject::Muster, "attempts", Figure::count(float(attempts.load(Ordering::Relaxed))), phones);
    report.row(Subject::Muster, "rss_before_mb", Figure::mb(held), 1);
    report.row(Subject::Muster, "rss_peak_mb", Figure::mb(peak), phones);
    drop(staying);
    Ok(())
}

fn door(device: &Enrolled) -> Door {
    Door { url: device.sync_url.clone(), token: Some(device.access_token().to_owned()), device: device.device }
}

async fn comes_back(device: &Enrolled, before: &Documents, after: &Documents) -> Result<Visitor, BenchError> {
    let link = Link::open(&door(device)).await?;
    Visitor::new(link, Arc::clone(after)).come_back(before).await
}

/// What a door phone holds, with the heads that the server has.
async fn documents(venue: &Venue) -> Result<Documents, BenchError> {
    let replica = venue.stage.replica().await?;
    let mut documents = BTreeMap::new();
    for (document, bytes) in &replica.documents {
        if Role::Staff.access(document).may_read() {
            let doc = document::load(bytes, DeviceId::from_random([0; 8]).actor([0; 8]))?;
            documents.insert(DocumentId::from_bytes(*document.id(venue.stage.event).as_bytes()), doc.get_heads());
        }
    }
    Ok(Arc::new(documents))
}
