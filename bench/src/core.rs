//! `checkin`, `search` and `cold-start`: what a phone does with no network, on a database that it got over the wire.
//!
//! The phone is the core with its SQLite file and no thread around it; beside it, in turns, runs what the machine allows:
//! a bare commit of a row of the same size into a database with the same settings.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use muster_client_core::Driver;
use muster_client_core::command::Answers;
use muster_client_core::store::sqlite::SqliteStore;
use muster_client_core::store::{Store, Write, WriteBatch};
use muster_model::id::CheckpointId;
use muster_model::time::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::error::BenchError;
use crate::report::{Figure, Report, Subject, Times};
use crate::venue::{Guest, Venue};

/// What a check-in adds to a phone's database, in bytes: a change and its outbox entry.
const ROW_BYTES: usize = 600;

/// Scans that are measured.
const SCANS: usize = 2_000;

/// Starts that are measured.
const STARTS: usize = 20;

/// People who are searched for.
const SEARCHES: usize = 500;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn open(database: &Path) -> Result<Driver<SqliteStore>, BenchError> {
    let store = SqliteStore::open(database).map_err(muster_client_core::CoreError::from)?;
    Ok(Driver::open(store, Box::new(StdRng::from_os_rng()), now())?)
}

/// A database of a phone that has joined and left.
async fn database(venue: &Venue, name: &str) -> Result<std::path::PathBuf, BenchError> {
    let (client, _, _) = venue.joined_phone(name).await?;
    client.close().await;
    Ok(venue.database(name))
}

fn entrance(phone: &mut Driver<SqliteStore>) -> Result<CheckpointId, BenchError> {
    Ok(phone.checkpoints(now())?.first().ok_or(BenchError::Missing("a checkpoint"))?.id)
}

/// Every `step`-th guest, each once.
fn some(guests: &[Guest], count: usize) -> impl Iterator<Item = &Guest> {
    guests.iter().step_by(guests.len().checked_div(count).unwrap_or(1).max(1)).take(count)
}

/// Scan to durable verdict, and a bare commit, in turns.
pub(crate) async fn checkin(venue: &Venue, report: &mut Report) -> Result<(), BenchError> {
    report.begin("checkin");
    let database = database(venue, "Door").await?;
    let mut phone = open(&database)?;
    phone.work_off(now())?;
    let gate = entrance(&mut phone)?;
    let mut bare = SqliteStore::open(&venue.database("bare")).map_err(muster_client_core::CoreError::from)?;
    let (mut ours, mut limit) = (Times::default(), Times::default());
    for (at, guest) in some(&venue.guests, SCANS).enumerate() {
        let begun = Instant::now();
        let result = phone.scan(now(), gate, &guest.ticket, Answers::new())?;
        ours.note(begun);
        if result.recorded.is_none() {
            return Err(BenchError::Missing("the check-in of somebody who has paid"));
        }
        let row = Write::Meta(format!("row/{at}"), Some(vec![7; ROW_BYTES]));
        let batch = WriteBatch { writes: vec![row], ..WriteBatch::default() };
        let begun = Instant::now();
        bare.commit(&batch).map_err(muster_client_core::CoreError::from)?;
        limit.note(begun);
    }
    limit.report(report, Subject::Limit);
    ours.report(report, Subject::Muster);
    report.ratio("p50_ratio", Subject::Limit, "p50_ms", ours.len());
    report.ratio("p99_ratio", Subject::Limit, "p99_ms", ours.len());
    Ok(())
}

/// What staff type, from the first two letters on, and what a scanner types.
fn typed(guest: &Guest) -> [String; 5] {
    let head = |text: &str, letters: usize| text.chars().take(letters).collect::<String>();
    [
        head(&guest.last_name, 2),
        head(&guest.last_name, 4).to_lowercase(),
        format!("{} {}", head(&guest.last_name, 5), head(&guest.first_name, 3)),
        format!("{} {}", guest.first_name, head(&guest.organisation, 4)),
        guest.ticket.clone(),
    ]
}

/// From what is typed to the list.
pub(crate) async fn search(venue: &Venue, report: &mut Report) -> Result<(), BenchError> {
    report.begin("search");
    let mut phone = open(&database(venue, "Desk").await?)?;
    phone.work_off(now())?;
    let mut times = Times::default();
    for guest in some(&venue.guests, SEARCHES) {
        // Nobody is looked for by less than two letters, as of O’Brien.
        let is_enough = |typed: &String| typed.chars().filter(|letter| letter.is_alphanumeric()).count() >= 2;
        for typed in typed(guest).into_iter().filter(is_enough) {
            let begun = Instant::now();
            let hits = phone.search(now(), &typed, 20)?;
            times.note(begun);
            if hits.is_empty() {
                return Err(BenchError::Missing("somebody who was searched for"));
            }
        }
    }
    times.report(report, Subject::Muster);
    let n = times.len();
    report.row(Subject::Muster, "longest_ms", Figure::ms(times.per_mille(1_000)), n);
    Ok(())
}

/// From nothing in memory to the first verdict; the file is in the system's cache, as on a phone that was used today.
pub(crate) async fn cold_start(venue: &Venue, report: &mut Report) -> Result<(), BenchError> {
    report.begin("cold-start");
    let database = database(venue, "Gate").await?;
    let mut times = Times::default();
    for guest in some(&venue.guests, STARTS) {
        let begun = Instant::now();
        let mut phone = open(&database)?;
        let gate = entrance(&mut phone)?;
        let result = phone.scan(now(), gate, &guest.ticket, Answers::new())?;
        times.note(begun);
        if result.recorded.is_none() {
            return Err(BenchError::Missing("the check-in of somebody who has paid"));
        }
    }
    times.report(report, Subject::Muster);
    Ok(())
}
