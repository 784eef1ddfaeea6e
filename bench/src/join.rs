//! `join`: a new phone gets the whole event over the wire and keeps it, beside what Automerge alone needs to write and read
//! the same documents.

use std::io::Write as _;
use std::time::{Duration, Instant};

use automerge::Automerge;
use flate2::Compression;
use flate2::write::GzEncoder;
use muster_model::access::Role;
use muster_model::attendee::Attendee;
use muster_model::document::{self, DocKind};
use muster_model::id::DeviceId;
use muster_model::record;
use muster_tests::replica::{Replica, ReplicaError};

use crate::error::BenchError;
use crate::report::{Figure, Report, Subject, Times, float};
use crate::venue::Venue;

/// Phones that join, one after the other.
const PHONES: usize = 5;

/// Measures both, in turns.
pub(crate) async fn run(venue: &Venue, report: &mut Report) -> Result<(), BenchError> {
    report.begin("join");
    let mut replica = venue.stage.replica().await?;
    replica.documents.retain(|document, _| Role::Staff.access(document).may_read());
    let http = reqwest::Client::new();
    let (mut ours, mut ready, mut limit) = (Times::default(), Times::default(), Times::default());
    let mut bytes = 0;
    for number in 0..PHONES {
        let before = bytes_out(venue, &http).await?;
        let (client, arrived, indexed) = venue.joined_phone(&format!("Phone {number}")).await?;
        bytes = bytes_out(venue, &http).await?.saturating_sub(before);
        drop(client);
        ours.took(arrived);
        ready.took(indexed);
        limit.took(save_and_load(&replica)?);
    }
    let n = ours.len();
    report.row(Subject::Limit, "save_and_load_ms", Figure::ms(limit.per_mille(500)), n);
    report.row(Subject::Muster, "joined_ms", Figure::ms(ours.per_mille(500)), n);
    report.row(Subject::Muster, "searchable_ms", Figure::ms(ready.per_mille(500)), n);
    let ratio = ours.per_mille(500) / limit.per_mille(500);
    report.row(Subject::Muster, "joined_ratio", Figure::ratio(ratio), n);
    let gzipped = gzipped_json(&replica)?;
    report.row(Subject::Limit, "gzipped_json_mb", Figure::mb(gzipped), 1);
    report.row(Subject::Muster, "received_mb", Figure::mb(bytes), 1);
    report.row(Subject::Muster, "bytes_ratio", Figure::ratio(float(bytes) / float(gzipped)), 1);
    Ok(())
}

/// What the server has sent to phones so far, as its metrics say.
async fn bytes_out(venue: &Venue, http: &reqwest::Client) -> Result<u64, BenchError> {
    let url = format!("http://{}/metrics", venue.stage.server.admin_address());
    let text = http.get(url).send().await?.error_for_status()?.text().await?;
    let line = text.lines().find_map(|line| line.strip_prefix("muster_hub_bytes_out_total "));
    line.and_then(|value| value.trim().parse().ok()).ok_or(BenchError::Missing("the metric of bytes sent"))
}

/// What Automerge alone needs: the server saves what it has in memory, the phone loads it.
fn save_and_load(replica: &Replica) -> Result<Duration, BenchError> {
    let mut took = Duration::ZERO;
    for bytes in replica.documents.values() {
        let doc = load(bytes)?;
        let begun = Instant::now();
        std::hint::black_box(load(&doc.save())?);
        took = took.saturating_add(begun.elapsed());
    }
    Ok(took)
}

fn load(bytes: &[u8]) -> Result<Automerge, BenchError> {
    Ok(document::load(bytes, DeviceId::from_random([0; 8]).actor([0; 8]))?)
}

/// The size of the door list as JSON, compressed as a web server would.
fn gzipped_json(replica: &Replica) -> Result<u64, BenchError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for (document, bytes) in &replica.documents {
        if document.kind != DocKind::Roster {
            continue;
        }
        let found = record::read_all::<Attendee>(&load(bytes)?).map_err(ReplicaError::from)?;
        for (id, attendee) in &found.records {
            let line = serde_json::json!({ "id": id.to_string(), "attendee": attendee });
            writeln!(encoder, "{line}")?;
        }
    }
    Ok(u64::try_from(encoder.finish()?.len()).unwrap_or(u64::MAX))
}
