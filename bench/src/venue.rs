//! An event of a given size on a real server, and phones that join it over the wire.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use muster_client_native::{Client, ClientConfig, Enrolled, EnrolmentLink, WebSocketCarrier, enrol};
use muster_tests::stage::{Stage, text};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::error::BenchError;

/// How long a phone may take to have everything.
const JOIN_WITHIN: Duration = Duration::from_secs(300);

/// Requests of a crew that enrols at once.
const ENROLLING: usize = 32;

/// Somebody on the list.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) ticket: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) organisation: String,
}

/// An event with attendees on a server of its own.
#[derive(Debug)]
pub(crate) struct Venue {
    pub(crate) stage: Stage,
    pub(crate) guests: Vec<Guest>,
    pub(crate) folder: tempfile::TempDir,
}

impl Venue {
    /// Starts the server, and imports the first `attendees` of the list.
    pub(crate) async fn open(server: &Path, list: &Path, attendees: usize) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir()?;
        let stage = Stage::set(server, folder.path(), "Bench").await?;
        let part = folder.path().join("attendees.csv");
        let guests = first_rows(list, attendees, &part)?;
        stage.import(&part).await?;
        Ok(Self { stage, guests, folder })
    }

    /// Imports the first `attendees` of the list again: those that are new are added.
    pub(crate) async fn import_more(&self, list: &Path, attendees: usize) -> Result<(), BenchError> {
        let part = self.folder.path().join("more.csv");
        first_rows(list, attendees, &part)?;
        self.stage.import(&part).await?;
        Ok(())
    }

    /// A database file for a phone.
    pub(crate) fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }

    /// A door phone that is enrolled and has not met the server yet.
    pub(crate) async fn enrolled_phone(&self, name: &str) -> Result<Client, BenchError> {
        let carrier = WebSocketCarrier::new(&[]).map_err(|_| BenchError::Missing("a root certificate"))?;
        let client = Client::open(ClientConfig::new(self.database(name), Arc::new(carrier))).await?;
        let link = EnrolmentLink::parse(&self.stage.invite("staff", name, None).await?)?;
        client.enrol(&link, name).await?;
        Ok(client)
    }

    /// A door phone that has everything and has indexed it. Returns when it had everything, and when it was ready.
    pub(crate) async fn joined_phone(&self, name: &str) -> Result<(Client, Duration, Duration), BenchError> {
        let client = self.enrolled_phone(name).await?;
        let begun = Instant::now();
        client.start_sync().await?;
        until(&client, |status| status.missing.is_empty()).await?;
        let arrived = begun.elapsed();
        until(&client, |status| status.missing.is_empty() && !status.indexing).await?;
        Ok((client, arrived, begun.elapsed()))
    }

    /// So many enrolled devices of staff.
    pub(crate) async fn crew(&self, size: usize) -> Result<Vec<Enrolled>, BenchError> {
        crew(&self.stage, size).await
    }
}

/// So many enrolled devices of staff.
pub(crate) async fn crew(stage: &Stage, size: usize) -> Result<Vec<Enrolled>, BenchError> {
    let http = reqwest::Client::new();
    let coordinator = EnrolmentLink::parse(&stage.invite("coordinator", "Bench", None).await?)?;
    let coordinator = enrol(&http, &coordinator, "Bench").await?;
    let url = format!("{}/api/v1/events/{}/devices", coordinator.server_url, stage.event);
    let places = Semaphore::new(ENROLLING);
    let one = async |number: usize| {
        let _place = places.acquire().await;
        let question = json!({ "role": "staff", "name": format!("Phone {number}") });
        let asked = http.post(&url).bearer_auth(coordinator.access_token()).json(&question).send();
        let answer: serde_json::Value = asked.await?.error_for_status()?.json().await?;
        let link = EnrolmentLink::parse(text(&answer, "link")?)?;
        Ok::<_, BenchError>(enrol(&http, &link, &format!("Phone {number}")).await?)
    };
    try_join_all((0..size).map(one)).await
}

async fn until(
    client: &Client,
    is_so: impl Fn(&muster_client_core::view::StatusView) -> bool,
) -> Result<(), BenchError> {
    let mut changes = client.changes();
    let deadline = Instant::now() + JOIN_WITHIN;
    loop {
        if is_so(&client.read(|core, now| core.status(now)).await?) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(BenchError::TooLong { what: "a phone's joining", seconds: JOIN_WITHIN.as_secs() });
        }
        // Indexing ends without a change that is told: then look again after a moment.
        let _ = tokio::time::timeout(Duration::from_millis(20), changes.recv()).await;
    }
}

/// Copies the first rows of the list, and returns them.
fn first_rows(list: &Path, rows: usize, part: &Path) -> Result<Vec<Guest>, BenchError> {
    let mut reader = csv::Reader::from_path(list)?;
    let headers = reader.headers()?.clone();
    let column = |name: &'static str| {
        headers.iter().position(|header| header == name).ok_or(BenchError::Missing("a column of the list"))
    };
    let columns = [column("Ticket code")?, column("First name")?, column("Last name")?, column("Organisation")?];
    let status = column("Status")?;
    let mut writer = csv::Writer::from_path(part)?;
    writer.write_record(&headers)?;
    let mut guests = Vec::new();
    for row in reader.records().take(rows) {
        let row = row?;
        writer.write_record(&row)?;
        let field = |at: usize| row.get(at).unwrap_or_default().to_owned();
        let [ticket, first_name, last_name, organisation] = columns.map(field);
        // Whoever has not paid is not admitted, and that costs no commit.
        if row.get(status) == Some("paid") {
            guests.push(Guest { ticket, first_name, last_name, organisation });
        }
    }
    writer.flush()?;
    Ok(guests)
}
