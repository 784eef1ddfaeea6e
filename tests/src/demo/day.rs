//! The day: the server starts, phones enrol, the network goes, people come, the network is back.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_client_native::ClientError;
use muster_model::access::Role;
use muster_model::document::DocRef;
use muster_model::id::{CheckpointId, FactId};

use super::audit::{Audit, audit};
use super::orders::{Day, Order, draw};
use super::phone::{Done, Phone};
use super::screen::Screen;
use super::tickets::{Tickets, TicketsError};
use super::today::Shift;
use super::tour;
use crate::network::Network;
use crate::replica::{Replica, ReplicaError};
use crate::stage::{Stage, StageError};

/// How long everything may take to meet again.
const MEET_WITHIN: Duration = Duration::from_secs(300);

/// How often it is looked whether everything has met.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a phone takes for a person when somebody watches: about as fast as a good crew.
const WATCHED_PACE: Duration = Duration::from_millis(25);

/// What the demo is to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program `muster`.
    pub server: PathBuf,
    /// The schedule to import.
    pub schedule: PathBuf,
    /// The attendees to import, and the tickets they carry.
    pub attendees: PathBuf,
    /// How many phones.
    pub phones: usize,
    /// What to repeat the day by.
    pub seed: u64,
    /// Whether somebody watches.
    pub live: bool,
    /// Where the server listens.
    pub listen: SocketAddr,
}

/// Why the demo could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or folder fails.
    #[error("{} cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The server fails.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A phone fails.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The attendee file has no tickets.
    #[error(transparent)]
    Tickets(#[from] TicketsError),
    /// A replica cannot be looked at.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The event has no checkpoint.
    #[error("the event has no checkpoint to check people in at")]
    NoCheckpoint,
    /// They did not meet in time.
    #[error("phones and server did not agree within {} s", MEET_WITHIN.as_secs())]
    NotMet,
    /// There must be phones.
    #[error("at least one phone is needed: --phones 1")]
    NoPhones,
}

/// What happened, as the last line of `--check` says it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Outcome {
    /// Sessions on the server.
    pub sessions: usize,
    /// Rooms on the server.
    pub rooms: usize,
    /// Presenters on the server.
    pub presenters: usize,
    /// Attendees on the server.
    pub attendees: usize,
    /// Phones that took part.
    pub phones: usize,
    /// Admissions, undone ones too.
    pub check_ins: usize,
    /// Double admissions that wait to be settled.
    pub double_admissions: usize,
    /// Looks at items of rooms.
    pub readiness_observations: usize,
    /// Facts shown as recorded that some replica lacks or holds otherwise.
    pub lost: usize,
    /// Whether every replica has the same heads in every document.
    pub converged: bool,
    /// Seconds from the start of the server to the end of the comparison.
    pub seconds: f64,
}

/// A field that is set up and connected.
pub(super) struct Field {
    pub(super) stage: Stage,
    pub(super) phones: Vec<Phone>,
}

/// Runs the day; gives what happened and the field, still standing.
pub(super) async fn run(options: &Options, folder: &Path, screen: &Screen) -> Result<(Outcome, Field), DemoError> {
    let started = Instant::now();
    if options.phones == 0 {
        return Err(DemoError::NoPhones);
    }
    let tickets = Tickets::read(&options.attendees)?;
    let field = set_up(options, folder, screen).await?;
    let sessions = match field.phones.first() {
        Some(phone) => phone.rooms_to_make_ready().await?,
        None => Vec::new(),
    };

    let checkpoint = checkpoint(&field).await?;

    screen.stage("The network is gone");
    for phone in &field.phones {
        phone.network.cut();
    }
    let orders = draw(&Day { tickets: &tickets, sessions: &sessions, phones: options.phones, seed: options.seed });
    let done = work(&field, checkpoint, orders, screen).await?;
    tour::apart(&field, screen).await?;

    screen.stage("The network is back");
    let back = Instant::now();
    for phone in &field.phones {
        phone.network.heal();
    }
    meet(&field, screen).await?;
    screen.say(&format!(
        "   all {} phones and the server agree after {:.1} s",
        options.phones,
        back.elapsed().as_secs_f64()
    ));
    let server = field.stage.replica().await?;
    let mut phones = Vec::new();
    for phone in &field.phones {
        phones.push(Replica::of_phone(&phone.client, documents(phone).await?).await?);
    }
    let found = audit(field.stage.event, &done, &server, &phones)?;
    let outcome = outcome(&field, &found, &server, started).await?;
    tour::together(&field, &found, screen).await?;
    Ok((outcome, field))
}

async fn set_up(options: &Options, folder: &Path, screen: &Screen) -> Result<Field, DemoError> {
    screen.stage("The server starts and the coordinator imports");
    let shift = shift(options)?;
    let moved = |file: &Path| moved(file, shift.as_ref(), folder);
    let schedule = moved(&options.schedule)?;
    let stage = Stage::set_at(options.listen, &options.server, folder, "Demo event").await?;
    screen.say(&format!("   muster listens on http://{}", stage.server.address()));
    for file in [&schedule, &options.attendees] {
        stage.import(file).await?;
        screen.say(&format!("   imported {}", file.file_name().unwrap_or_default().to_string_lossy()));
    }
    // What a schedule cannot say stands in lists beside it, if somebody has made them.
    for list in ["rooms.csv", "presenters.csv"].map(|name| options.schedule.with_file_name(name)) {
        if list.is_file() {
            stage.import(&moved(&list)?).await?;
            screen.say(&format!("   imported {}", list.file_name().unwrap_or_default().to_string_lossy()));
        }
    }
    screen.stage(&format!("{} phones enrol", options.phones));
    let mut phones = Vec::new();
    for number in 0..options.phones {
        let name = gate_name(number);
        let link = stage.invite("staff", &name, None).await?;
        let network = Network::to(stage.server.address()).await.map_err(|source| file_error(folder, source))?;
        let database = folder.join(format!("phone-{}.db", number + 1));
        phones.push(Phone::enrol(&name, &database, network, &link).await?);
    }
    let field = Field { stage, phones };
    meet(&field, screen).await?;
    screen.say("   every phone holds the event, and needs the network no more");
    Ok(field)
}

fn gate_name(number: usize) -> String {
    let letter = u8::try_from(number).ok().and_then(|number| number.checked_add(b'A')).filter(u8::is_ascii_uppercase);
    letter.map_or_else(|| format!("Gate {}", number + 1), |letter| format!("Gate {}", char::from(letter)))
}

fn file_error(path: &Path, source: std::io::Error) -> DemoError {
    DemoError::File { path: path.to_owned(), source }
}

/// How far the event is from today, if somebody watches.
fn shift(options: &Options) -> Result<Option<Shift>, DemoError> {
    let is_xml = options.schedule.extension().is_some_and(|extension| extension == "xml");
    if !options.live || !is_xml {
        return Ok(None);
    }
    let zone = jiff::tz::TimeZone::get("Europe/Riga").unwrap_or(jiff::tz::TimeZone::UTC);
    Ok(Shift::of(&read(&options.schedule)?, &jiff::Timestamp::now().to_zoned(zone)))
}

/// A file to import, moved in time.
fn moved(file: &Path, shift: Option<&Shift>, folder: &Path) -> Result<PathBuf, DemoError> {
    let Some(shift) = shift else { return Ok(file.to_owned()) };
    let text = read(file)?;
    let is_list = file.extension().is_some_and(|extension| extension == "csv");
    let text = if is_list { shift.list(&text) } else { shift.schedule(&text) };
    let moved = folder.join(file.file_name().unwrap_or_default());
    std::fs::write(&moved, text).map_err(|source| file_error(&moved, source))?;
    Ok(moved)
}

fn read(file: &Path) -> Result<String, DemoError> {
    std::fs::read_to_string(file).map_err(|source| file_error(file, source))
}

/// Where people are checked in: the event's first checkpoint.
async fn checkpoint(field: &Field) -> Result<CheckpointId, DemoError> {
    let first = field.phones.first().ok_or(DemoError::NoPhones)?;
    let checkpoints = first.client.read(|core, now| core.checkpoints(now)).await?;
    Ok(checkpoints.first().ok_or(DemoError::NoCheckpoint)?.id)
}

/// The documents that a phone holds.
async fn documents(phone: &Phone) -> Result<Vec<DocRef>, DemoError> {
    Ok(phone.client.read(|core, now| core.heads(now)).await?.into_keys().collect())
}

/// The phones carry out their orders, all at the same time.
async fn work(
    field: &Field,
    checkpoint: CheckpointId,
    orders: Vec<Vec<Order>>,
    screen: &Screen,
) -> Result<Vec<Done>, DemoError> {
    let pace = if screen.is_live() { WATCHED_PACE } else { Duration::ZERO };
    let working = field.phones.iter().zip(orders).map(|(phone, orders)| async move {
        let bar = screen.bar(&phone.name, orders.len());
        let mut done = Vec::new();
        let mut last: Option<FactId> = None;
        for order in orders {
            let checks_in = matches!(order, Order::Scan(_) | Order::Find(_));
            let one = phone.carry_out(order, checkpoint, last).await?;
            if checks_in {
                last = one.fact;
            }
            done.push(one);
            bar.inc(1);
            if !pace.is_zero() {
                bar.set_message(format!("no network, {} facts on this phone only", phone.facts_here_only().await?));
                tokio::time::sleep(pace).await;
            }
        }
        bar.abandon();
        Ok::<_, DemoError>(done)
    });
    let all = futures_util::future::try_join_all(working).await?;
    Ok(all.into_iter().flatten().collect())
}

/// Waits until every fact is on the server and every phone holds what the server holds.
async fn meet(field: &Field, screen: &Screen) -> Result<(), DemoError> {
    let deadline = Instant::now() + MEET_WITHIN;
    let mut waiting = field.phones.iter().map(|phone| (phone, screen.bar(&phone.name, 100))).collect::<Vec<_>>();
    loop {
        let mut here_only = 0;
        for (phone, bar) in &mut waiting {
            let facts = phone.facts_here_only().await?;
            bar.set_message(if facts == 0 { "all on the server".into() } else { format!("{facts} facts to send") });
            here_only += facts;
        }
        if here_only == 0 && level(field).await? {
            for (_, bar) in &waiting {
                bar.finish_and_clear();
            }
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(DemoError::NotMet);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether every phone has the server's heads in every document that it may read.
async fn level(field: &Field) -> Result<bool, DemoError> {
    let mut heads = Vec::new();
    for phone in &field.phones {
        let status = phone.status().await?;
        if !status.missing.is_empty() || status.indexing {
            return Ok(false);
        }
        heads.push(phone.client.read(|core, now| core.heads(now)).await?);
    }
    if heads.iter().any(|heads_of_one| Some(heads_of_one) != heads.first()) {
        return Ok(false);
    }
    let server = field.stage.replica().await?;
    match heads.first() {
        Some(phone) => Ok(server.agrees_with(field.stage.event, Role::Staff, phone)?),
        None => Err(DemoError::NoPhones),
    }
}

async fn outcome(field: &Field, found: &Audit, server: &Replica, started: Instant) -> Result<Outcome, DemoError> {
    let open = match field.phones.first() {
        Some(phone) => phone.client.read(|core, now| core.double_admissions(now)).await?,
        None => Vec::new(),
    };
    let counts = server.counts()?;
    Ok(Outcome {
        sessions: counts.sessions,
        rooms: counts.rooms,
        presenters: counts.presenters,
        attendees: counts.attendees,
        phones: field.phones.len(),
        check_ins: found.check_ins,
        double_admissions: open
            .iter()
            .filter(|double| double.state == muster_model::double_admission::State::Open)
            .count(),
        readiness_observations: found.readiness_observations,
        lost: found.lost.len() + found.unasked.len(),
        converged: found.converged,
        seconds: started.elapsed().as_secs_f64(),
    })
}
