//! A phone as a process of its own, to be killed: it scans the tickets of a list and says on its output what it showed.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use muster_client_core::view::Durability;
use muster_client_native::{Client, ClientConfig, ClientError, EnrolmentLink, WebSocketCarrier};
use muster_model::fact::Fact;
use muster_model::id::{AttendeeId, CheckpointId, FactId};
use muster_tests::crash::Said;

/// How often it is looked what has reached the server.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// How many facts are looked at each time.
const LOOK_AT: usize = 100;

/// A phone as a process of its own.
#[derive(Debug, Parser)]
struct Arguments {
    /// Its database.
    #[arg(long)]
    database: PathBuf,
    /// The link to enrol with, the first time.
    #[arg(long)]
    link: Option<String>,
    /// The tickets to scan, one code a line.
    #[arg(long)]
    tickets: PathBuf,
    /// The first of them to scan, from 0.
    #[arg(long, default_value_t = 0)]
    from: usize,
    /// Milliseconds between two people.
    #[arg(long, default_value_t = 3)]
    pace_ms: u64,
}

#[expect(clippy::print_stdout, reason = "what it showed is its output")]
fn say(said: &Said) {
    if let Ok(line) = serde_json::to_string(said) {
        println!("{line}");
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a program for tests")]
async fn main() -> ExitCode {
    match work(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("muster-phone: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn work(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(&arguments.tickets)?;
    let tickets: Vec<&str> = text.lines().collect();
    let carrier = Arc::new(WebSocketCarrier::new(&[])?);
    let client = Client::open(ClientConfig::new(arguments.database.clone(), carrier)).await?;
    if let Some(link) = &arguments.link {
        client.enrol(&EnrolmentLink::parse(link)?, "phone").await?;
    }
    client.start_sync().await?;
    let checkpoint = ready(&client, &tickets).await?;
    say(&Said::Ready);
    let earlier = client.read(|core, now| core.own_facts(now)).await?;
    let of_attendee = |fact: &Fact| Some((fact.body.attendance()?.0, fact.id));
    let mut waiting: VecDeque<_> = earlier.iter().filter_map(of_attendee).collect();
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut next = tokio::time::interval(Duration::from_millis(arguments.pace_ms.max(1)));
    next.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut people = (arguments.from..).zip(tickets.iter().skip(arguments.from));
    let mut done = false;
    loop {
        tokio::select! {
            _ = look.tick() => acknowledged(&client, &mut waiting).await?,
            _ = next.tick(), if !done => match people.next() {
                Some((ticket, code)) => match client.scan(checkpoint, code).await {
                    Ok(result) => {
                        let fact = result.recorded.map(|recorded| recorded.fact);
                        say(&Said::Shown { ticket, verdict: result.verdict.code().to_owned(), fact });
                        waiting.extend(result.card.map(|card| card.id).zip(fact));
                    }
                    Err(error) => say(&Said::Failed { ticket, code: error.code().to_owned() }),
                },
                None => done = true,
            },
        }
    }
}

/// Waits until the phone knows the event, and the first and the last of the tickets.
async fn ready(client: &Client, tickets: &[&str]) -> Result<CheckpointId, ClientError> {
    let ends: Vec<String> =
        [tickets.first(), tickets.last()].into_iter().flatten().map(|code| (*code).to_owned()).collect();
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        let ends = ends.clone();
        let known = client.read(move |core, now| {
            let status = core.status(now)?;
            if !status.missing.is_empty() || status.indexing {
                return Ok(None);
            }
            for code in &ends {
                if core.search(now, code, 1)?.is_empty() {
                    return Ok(None);
                }
            }
            Ok(core.checkpoints(now)?.first().map(|checkpoint| checkpoint.id))
        });
        if let Some(checkpoint) = known.await? {
            return Ok(checkpoint);
        }
    }
}

/// Says which of the waiting facts are on the server by now.
async fn acknowledged(client: &Client, waiting: &mut VecDeque<(AttendeeId, FactId)>) -> Result<(), ClientError> {
    for _ in 0..waiting.len().min(LOOK_AT) {
        let Some((attendee, fact)) = waiting.pop_front() else { return Ok(()) };
        let card = client.read(move |core, now| core.attendee(now, attendee)).await?;
        let durability = card.facts.iter().find(|known| known.fact.id == fact).and_then(|known| known.durability);
        match durability {
            Some(Durability::OnServer) => say(&Said::OnServer { fact }),
            _ => waiting.push_back((attendee, fact)),
        }
    }
    Ok(())
}
