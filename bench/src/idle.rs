//! `idle`: phones that have everything and say nothing. What does one cost the server?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use muster_model::access::Role;
use muster_model::document;
use muster_model::id::DeviceId;
use muster_protocol::DocumentId;
use tokio::sync::Semaphore;

use crate::error::BenchError;
use crate::fanout::{Door, Link, Visitor};
use crate::process;
use crate::report::{Figure, Report, Subject, float};
use crate::venue::Venue;

/// Connections that are opened at once.
const CONNECTING: usize = 64;

/// How long the phones say nothing before memory is read: longer than a round of pings.
const QUIET: Duration = Duration::from_secs(12);

/// So many phones join, each with every document that a door phone holds, and stay.
pub(crate) async fn run(venue: &Venue, phones: usize, report: &mut Report) -> Result<(), BenchError> {
    report.begin("idle");
    let replica = venue.stage.replica().await?;
    let mut documents = BTreeMap::new();
    for (document, bytes) in &replica.documents {
        if Role::Staff.access(document).may_read() {
            let doc = document::load(bytes, DeviceId::from_random([0; 8]).actor([0; 8]))?;
            documents.insert(DocumentId::from_bytes(*document.id(venue.stage.event).as_bytes()), doc.get_heads());
        }
    }
    let process = venue.stage.server.process_id().ok_or(BenchError::Missing("the server"))?;
    let crew = venue.crew(phones).await?;
    let before = process::held_bytes(process).unwrap_or(0);
    let documents = Arc::new(documents);
    let places = Semaphore::new(CONNECTING);
    let one = async |device: muster_client_native::Enrolled| {
        let _place = places.acquire().await;
        let token = Some(device.access_token().to_owned());
        let door = Door { url: device.sync_url, token, device: device.device };
        Visitor::new(Link::open(&door).await?, Arc::clone(&documents)).join().await
    };
    let visitors = try_join_all(crew.into_iter().map(one)).await?;
    let cpu = process::cpu_us(process).unwrap_or(0);
    let quiet: Vec<_> = visitors.into_iter().map(|visitor| tokio::spawn(visitor.stay())).collect();
    tokio::time::sleep(QUIET).await;
    let cpu = process::cpu_us(process).unwrap_or(cpu).saturating_sub(cpu);
    let held = process::held_bytes(process).unwrap_or(0);
    if quiet.iter().any(tokio::task::JoinHandle::is_finished) {
        return Err(BenchError::Link("a phone that said nothing was sent away".into()));
    }
    report.row(Subject::Muster, "rss_mb", Figure::mb(held), phones);
    report.row(Subject::Muster, "rss_before_mb", Figure::mb(before), 1);
    let count = float(u64::try_from(phones).unwrap_or(u64::MAX));
    report.row(Subject::Muster, "kb_per_phone", Figure::kb(float(held.saturating_sub(before)) / count), phones);
    let share = float(cpu) / QUIET.as_secs_f64() / 1e4;
    report.row(Subject::Muster, "cpu_percent", Figure::percent(share), phones);
    for phone in quiet {
        phone.abort();
    }
    Ok(())
}
