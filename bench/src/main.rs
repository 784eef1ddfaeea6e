//! Benchmarks: Muster beside its peers and beside what the machine allows, in one run. `cargo xtask bench` builds what it
//! needs and starts it; `docs/PERFORMANCE.md` says how each figure is made.

mod admission;
mod core;
mod error;
mod fanout;
mod idle;
mod join;
mod process;
mod report;
mod storm;
mod venue;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use error::BenchError;
use fanout::subject::Programs;
use fanout::{SCALES, Scale};
use report::{Report, Subject};
use venue::Venue;

/// Attendees of the event for `checkin`.
const LARGEST: usize = 100_000;

/// Attendees of the event for the other rows of a phone.
const LARGE: usize = 50_000;

/// Attendees of the event that idle phones hold.
const SMALL: usize = 1_000;

/// Attendees after an import that the phones of `storm` missed.
const MORE: usize = 1_500;

/// Phones of `storm`.
const STORM_PHONES: usize = 1_000;

/// Phones of `idle`.
const IDLE_PHONES: usize = 10_000;

/// Benchmarks: Muster beside its peers and beside what the machine allows.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure [default: all]
    #[arg(value_enum)]
    benches: Vec<Bench>,
    /// Also measure this peer, in `fanout-10` and `fanout-50`
    #[arg(long = "peer", value_enum, value_name = "PEER")]
    peers: Vec<Peer>,
    /// Print one JSON object a figure
    #[arg(long)]
    json: bool,
    /// The program `muster`
    #[arg(long)]
    muster: PathBuf,
    /// A list of at least 100,000 attendees
    #[arg(long)]
    attendees: PathBuf,
    /// The folder of the Node program around automerge-repo, with its packages installed
    #[arg(long)]
    automerge_repo: Option<PathBuf>,
    /// The program around samod
    #[arg(long)]
    samod: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Bench {
    Admission,
    Checkin,
    Search,
    ColdStart,
    Join,
    Idle,
    Storm,
    Fanout,
    #[value(name = "fanout-10")]
    Fanout10,
    #[value(name = "fanout-50")]
    Fanout50,
    #[value(name = "fanout-200")]
    Fanout200,
    #[value(name = "fanout-1000")]
    Fanout1000,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    AutomergeRepo,
    Samod,
}

impl From<Peer> for Subject {
    fn from(peer: Peer) -> Self {
        match peer {
            Peer::AutomergeRepo => Self::AutomergeRepo,
            Peer::Samod => Self::Samod,
        }
    }
}

impl Bench {
    /// The row of `fanout` that is meant, if it is one alone.
    fn scale(self) -> Option<Scale> {
        let name = self.to_possible_value()?;
        SCALES.into_iter().find(|scale| name.get_name() == scale.name)
    }
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    // Ten thousand phones have ten thousand sockets.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        eprintln!("bench: the number of open files cannot be raised: {error}");
    }
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), BenchError> {
    let mut report = Report::new(arguments.json);
    let wanted = |bench: Bench| arguments.benches.is_empty() || arguments.benches.contains(&bench);
    let venue = async |attendees: usize| Venue::open(&arguments.muster, &arguments.attendees, attendees).await;
    if wanted(Bench::Admission) {
        admission::run(&mut report)?;
    }
    if wanted(Bench::Checkin) {
        core::checkin(&venue(LARGEST).await?, &mut report).await?;
    }
    if [Bench::Search, Bench::ColdStart, Bench::Join].into_iter().any(wanted) {
        let venue = venue(LARGE).await?;
        if wanted(Bench::Join) {
            join::run(&venue, &mut report).await?;
        }
        if wanted(Bench::Search) {
            core::search(&venue, &mut report).await?;
        }
        if wanted(Bench::ColdStart) {
            core::cold_start(&venue, &mut report).await?;
        }
    }
    if wanted(Bench::Idle) {
        idle::run(&venue(SMALL).await?, IDLE_PHONES, &mut report).await?;
    }
    if wanted(Bench::Storm) {
        storm::run(&mut venue(SMALL).await?, (&arguments.attendees, MORE), STORM_PHONES, &mut report).await?;
    }
    let all = wanted(Bench::Fanout);
    let named: Vec<Scale> = arguments.benches.iter().filter_map(|bench| bench.scale()).collect();
    let rows: Vec<Scale> = if all { SCALES.to_vec() } else { named };
    let programs = Programs {
        muster: arguments.muster.clone(),
        automerge_repo: arguments.automerge_repo.clone(),
        samod: arguments.samod.clone(),
    };
    let mut peers: Vec<Subject> = arguments.peers.iter().copied().map(Subject::from).collect();
    peers.dedup();
    fanout::report(&rows, &programs, &peers, &mut report).await
}
