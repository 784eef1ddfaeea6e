//! Kills the server and phones at random moments, under load, and looks for anything lost that was acknowledged or whose
//! verdict was shown.
//!
//! Everything is a process of its own and dies by SIGKILL. After each death its database is opened and compared with what
//! was said before: a phone must hold every fact that it showed, the server every fact that a phone was told it holds.
//! That is looked at at once, since later the phones would bring back what the server forgot.

mod ledger;
mod phone_process;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_model::id::{EventId, FactId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::replica::{Replica, ReplicaError};
use crate::server_process::{ServerError, ServerProcess};
use crate::stage::{Stage, StageError};
use phone_process::PhoneProcess;

/// How many phones there are.
const PHONES: usize = 3;

/// How many tickets each phone scans.
const TICKETS: usize = 5_000;

/// The shortest and the longest time between two deaths, in milliseconds.
const BETWEEN_DEATHS_MS: std::ops::Range<u64> = 20..200;

/// How long the last facts may take to reach the server.
const SETTLE_WITHIN: Duration = Duration::from_secs(120);

/// What a phone process says, a line of JSON each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It holds the event.
    Ready,
    /// It showed a verdict.
    Shown {
        /// The ticket's place in the list.
        ticket: usize,
        /// The verdict's code.
        verdict: String,
        /// The entry, if the verdict was to admit.
        fact: Option<FactId>,
    },
    /// It could not record: no verdict was shown.
    Failed {
        /// The ticket's place in the list.
        ticket: usize,
        /// The error's code.
        code: String,
    },
    /// It was told that the server holds this fact.
    OnServer {
        /// The fact.
        fact: FactId,
    },
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program `muster`.
    pub server: PathBuf,
    /// The program `muster-phone`.
    pub phone: PathBuf,
    /// How often the server dies, and how often a phone does.
    pub times: usize,
    /// What to repeat the order of deaths by; the moments within the programs are theirs.
    pub seed: u64,
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// How often the server was killed.
    pub server_kills: usize,
    /// How often a phone was killed.
    pub phone_kills: usize,
    /// Facts whose verdict was shown.
    pub shown: usize,
    /// Facts that a phone was told the server holds.
    pub acknowledged: usize,
    /// Shown facts that a phone did not hold after its death.
    pub lost_on_phones: usize,
    /// Acknowledged facts that the server did not hold after its death, and shown facts that it does not hold at the end.
    pub lost_on_server: usize,
}

/// Why it could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum CrashError {
    /// A file or a process fails.
    #[error("a file or process fails")]
    Io(#[from] std::io::Error),
    /// The server fails.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A database does not read after a death.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// A phone's database does not read after a death.
    #[error("a phone's database does not read: {0}")]
    Phone(#[from] muster_client_core::CoreError),
    /// The stage cannot be set.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A phone ended by itself.
    #[error("phone {0} ended by itself; its error output is in its log")]
    PhoneEnded(usize),
    /// What phones showed did not all reach the server.
    #[error("{0} facts did not reach the server in time")]
    NotSettled(usize),
}

/// Kills and looks.
///
/// # Errors
/// If it could not be carried through. What was lost is no error but in the outcome.
pub async fn run(options: &Options, folder: &Path) -> Result<Outcome, CrashError> {
    let mut scene = Scene::set(options, folder).await?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut outcome = Outcome::default();
    while outcome.server_kills < options.times || outcome.phone_kills < options.times {
        tokio::time::sleep(Duration::from_millis(rng.random_range(BETWEEN_DEATHS_MS))).await;
        let left = (options.times - outcome.server_kills, options.times - outcome.phone_kills);
        if rng.random_range(0..left.0 + left.1) < left.0 {
            outcome.lost_on_server += scene.kill_server(options).await?;
            outcome.server_kills += 1;
        } else {
            outcome.lost_on_phones += scene.kill_phone(options, rng.random_range(0..PHONES), None).await?;
            outcome.phone_kills += 1;
        }
    }
    // Nobody comes any more; what was shown has to arrive.
    for number in 0..PHONES {
        outcome.lost_on_phones += scene.kill_phone(options, number, Some(TICKETS)).await?;
    }
    scene.settle().await?;
    outcome.shown = scene.phones.iter().map(|phone| phone.ledger.shown().len()).sum();
    outcome.acknowledged = scene.phones.iter().map(|phone| phone.ledger.acknowledged().len()).sum();
    let shown = scene.all(|phone| phone.ledger.shown());
    outcome.lost_on_server += scene.kill_server(options).await?;
    outcome.lost_on_server += scene.missing_on_server(&shown).await?;
    Ok(outcome)
}

/// A server and its phones.
struct Scene {
    server: Option<ServerProcess>,
    address: SocketAddr,
    data: PathBuf,
    event: EventId,
    phones: Vec<PhoneProcess>,
}

impl Scene {
    async fn set(options: &Options, folder: &Path) -> Result<Self, CrashError> {
        let stage = Stage::set(&options.server, folder, "Crash test").await?;
        let attendees = folder.join("attendees.csv");
        std::fs::write(&attendees, attendee_list())?;
        stage.import(&attendees).await?;
        let mut phones = Vec::new();
        for number in 0..PHONES {
            let link = stage.invite("staff", &format!("Phone {number}"), None).await?;
            let tickets = folder.join(format!("tickets-{number}.txt"));
            let codes: Vec<String> = (0..TICKETS).map(|nth| ticket(number, nth)).collect();
            std::fs::write(&tickets, codes.join("\n"))?;
            let database = folder.join(format!("phone-{number}.db"));
            phones.push(PhoneProcess::start(&options.phone, &database, &tickets, Some(&link))?);
        }
        for phone in &mut phones {
            phone.ready().await;
        }
        let Stage { server, event, .. } = stage;
        let (address, data) = (server.address(), server.data().to_owned());
        Ok(Self { address, server: Some(server), data, event, phones })
    }

    fn all(&self, of: impl Fn(&PhoneProcess) -> BTreeSet<FactId>) -> BTreeSet<FactId> {
        self.phones.iter().flat_map(of).collect()
    }

    /// Kills the server, looks at its disk, and starts it again at the same address; says how much was lost.
    async fn kill_server(&mut self, options: &Options) -> Result<usize, CrashError> {
        // What is acknowledged now was so before the server dies.
        let acknowledged = self.all(|phone| phone.ledger.acknowledged());
        if let Some(mut server) = self.server.take() {
            server.kill().await?;
        }
        let lost = self.missing_on_server(&acknowledged).await?;
        self.server = Some(ServerProcess::start(&options.server, &self.data, self.address).await?);
        Ok(lost)
    }

    /// How many of these facts the server's disk lacks. A running server has its database open: ask for a copy.
    async fn missing_on_server(&self, facts: &BTreeSet<FactId>) -> Result<usize, CrashError> {
        let copy = self.data.with_extension("copy");
        std::fs::create_dir_all(&copy)?;
        let database = copy.join("muster.db");
        let file = |name: &str| (self.data.join(name), copy.join(name));
        for name in ["muster.db", "muster.db-wal"] {
            let (from, to) = file(name);
            match std::fs::copy(from, &to) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => drop(std::fs::remove_file(to)),
                copied => drop(copied?),
            }
        }
        drop(std::fs::remove_file(copy.join("muster.db-shm")));
        let held = Replica::of_server(&database, self.event).await?.facts()?;
        Ok(facts.iter().filter(|fact| !held.contains_key(fact)).count())
    }

    /// Kills a phone, looks at its database, and starts it again where it was, or `from` another ticket; says how much was
    /// lost.
    async fn kill_phone(&mut self, options: &Options, number: usize, from: Option<usize>) -> Result<usize, CrashError> {
        let phone = self.phones.get_mut(number).ok_or(CrashError::PhoneEnded(number))?;
        phone.kill().await?;
        let held = phone.own_facts()?;
        let lost = phone.ledger.shown().iter().filter(|fact| !held.contains(fact)).count();
        phone.restart(&options.phone, from)?;
        phone.ready().await;
        Ok(lost)
    }

    /// Waits until the phones know on the server what they showed.
    async fn settle(&mut self) -> Result<(), CrashError> {
        let deadline = Instant::now() + SETTLE_WITHIN;
        loop {
            let open = |phone: &PhoneProcess| phone.ledger.shown().difference(&phone.ledger.acknowledged()).count();
            let open: usize = self.phones.iter().map(open).sum();
            if open == 0 {
                return Ok(());
            }
            for (number, phone) in self.phones.iter_mut().enumerate() {
                if phone.has_ended()? {
                    return Err(CrashError::PhoneEnded(number));
                }
            }
            if Instant::now() > deadline {
                return Err(CrashError::NotSettled(open));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn ticket(phone: usize, nth: usize) -> String {
    format!("crashticket{phone}x{nth}")
}

fn attendee_list() -> String {
    let mut list =
        String::from("Ticket code,First name,Last name,Organisation,Category,E-mail,Language,Status,Notes\n");
    for phone in 0..PHONES {
        for nth in 0..TICKETS {
            let code = ticket(phone, nth);
            list.push_str(&format!("{code},Guest,Number {phone} {nth},Nobody,Delegate,{code}@example.org,lv,paid,\n"));
        }
    }
    list
}
