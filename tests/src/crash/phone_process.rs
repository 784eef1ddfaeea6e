//! A phone as a process that can be killed.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use muster_client_core::store::sqlite::SqliteStore;
use muster_client_core::{CoreError, Driver};
use muster_model::id::FactId;
use muster_model::time::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::ledger::Ledger;

/// A phone process, through all its lives.
pub(super) struct PhoneProcess {
    database: PathBuf,
    tickets: PathBuf,
    child: Child,
    reading: JoinHandle<()>,
    pub(super) ledger: Ledger,
}

impl PhoneProcess {
    pub(super) fn start(program: &Path, database: &Path, tickets: &Path, link: Option<&str>) -> io::Result<Self> {
        let ledger = Ledger::default();
        let (child, reading) = spawn(program, database, tickets, (0, link), &ledger)?;
        Ok(Self { database: database.to_owned(), tickets: tickets.to_owned(), child, reading, ledger })
    }

    /// Waits until it holds the event, or has ended.
    pub(super) async fn ready(&mut self) {
        while !self.ledger.is_ready() && !self.reading.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Kills it, and hears what it had said before.
    pub(super) async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await?;
        let heard = (&mut self.reading).await;
        heard.map_err(io::Error::other)
    }

    /// What its database holds of its own facts.
    pub(super) fn own_facts(&self) -> Result<BTreeSet<FactId>, CoreError> {
        let now = Timestamp::from_ms(0);
        let store = SqliteStore::open(&self.database).map_err(CoreError::from)?;
        let mut driver = Driver::open(store, Box::new(ChaCha8Rng::seed_from_u64(0)), now)?;
        Ok(driver.own_facts(now)?.into_iter().map(|fact| fact.id).collect())
    }

    /// Starts it again, at the ticket after the last that it showed or `from` another.
    pub(super) fn restart(&mut self, program: &Path, from: Option<usize>) -> io::Result<()> {
        let next = self.ledger.begin();
        let from = from.unwrap_or(next);
        (self.child, self.reading) = spawn(program, &self.database, &self.tickets, (from, None), &self.ledger)?;
        Ok(())
    }
}

fn spawn(
    program: &Path,
    database: &Path,
    tickets: &Path,
    (from, link): (usize, Option<&str>),
    ledger: &Ledger,
) -> io::Result<(Child, JoinHandle<()>)> {
    let log = std::fs::File::options().create(true).append(true).open(database.with_extension("log"))?;
    let mut command = Command::new(program);
    command.arg("--database").arg(database).arg("--tickets").arg(tickets).args(["--from", &from.to_string()]);
    if let Some(link) = link {
        command.args(["--link", link]);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn()?;
    let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
    let ledger = ledger.clone();
    let reading = tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            // The last line may be torn: then it was not said.
            if let Ok(said) = serde_json::from_str(&line) {
                ledger.hear(said);
            }
        }
    });
    Ok((child, reading))
}
