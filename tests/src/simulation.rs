//! A simulated event day: phones and a server that work while links are cut, processes die, power goes, disks fill up and
//! clocks are wrong, all of it decided by one number, the seed.
//!
//! # What is real
//!
//! The phones are the real core ([`muster_client_core::Driver`]) on a store that can be made to fail and that forgets what
//! was not flushed. The server is the real hub with the real sockets, not a twin: with one thread, a clock that stands
//! still until it is moved (tokio's `start_paused`), a store in memory, and its three other inputs (time, the number of
//! its run, what is at the other end of a socket) given from outside, it does the same for one seed every time. What this
//! rests on:
//!
//! - Messages of 64 KiB and more would be checked on another thread; the documents of a simulated day are smaller.
//! - Tokio wakes those who wait for one `watch` in a random order. What they do then does not depend on it, and what they
//!   write is put into the order of their connections before the network sees it.
//!
//! On some days there are devices with good tokens in bad hands (`hostile`). They write honest facts and forged changes by
//! hand: none of what is forged may stand on the server, what is kept of it stays within the limits of the quarantine, and
//! to everybody else it is a day like any other. On others an operator takes the server back to a backup (`restores`),
//! and phones bring back what it forgot. On others a coordinator revokes a phone or gives it another role (`dismissals`),
//! at the desk or away from it: what it had not sent is handed over, nothing of it is let in unaccepted, and it forgets what
//! it may not read. On others attendees ask to be forgotten (`erasures`): what counts must stay, and of their names nothing.
//!
//! Time passes only when nobody has anything to do, so a day of ten minutes takes some hundredths of a second.
//!
//! # What is looked at
//!
//! During the day: every frame that the server sends speaks only of what its disk has; every verdict is the one that
//! follows from what that phone's disk holds, by rules written once more in `oracle`; after every death the disk has
//! what was shown and what was acknowledged. In the evening everything works again, and everybody must come to hold the
//! same, with all that was shown in it, and with lists that follow from it.

mod checks;
mod disk;
mod dismissals;
mod draw;
mod duties;
mod eraser;
mod erasures;
mod evening;
mod event_day;
mod finding;
mod hostile;
mod network;
mod oracle;
mod people;
mod phone;
mod restores;
pub mod runner;
mod sabotage;
mod server;
mod server_disk;
mod shadow;
mod shell;
mod socket;
mod trace;
mod trouble;
mod weather;
mod wire;
mod world;

use std::panic::AssertUnwindSafe;

use serde::Serialize;

pub use finding::{Finding, Rule};
pub use sabotage::Sabotage;
pub use trace::Trace;

use finding::Checked;
use world::{Happening, World};

/// How a day is simulated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether all steps are kept, not only the last.
    pub keep_all: bool,
    /// A fault put in on purpose.
    pub sabotage: Option<Sabotage>,
}

/// What happened, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Facts that phones recorded and showed.
    pub facts: u64,
    /// Verdicts shown.
    pub verdicts: u64,
    /// Of these, those that could not be checked, since lists were behind.
    pub verdicts_unchecked: u64,
    /// Verdicts and commands that said no.
    pub refused: u64,
    /// Deaths of phones and of the server.
    pub crashes: u64,
    /// Links cut.
    pub cuts: u64,
    /// Messages lost with them.
    pub messages_cut: u64,
    /// Links to the server.
    pub links: u64,
    /// Links between phones.
    pub peer_links: u64,
    /// Commits and reads that failed.
    pub failed_commits: u64,
    /// Double admissions, settled or not.
    pub double_admissions: u64,
    /// Resolutions.
    pub settled: u64,
    /// Messages whose changes the server refused and kept aside.
    pub refused_by_server: u64,
    /// What hostile devices tried.
    pub hostile_attempts: u64,
    /// How often they were told that it was refused.
    pub hostile_refused: u64,
    /// Facts that they recorded as their role allows.
    pub hostile_work: u64,
    /// Phones that were revoked.
    pub revoked: u64,
    /// Phones that got another role.
    pub role_changes: u64,
    /// Phones that were found to know nothing any more.
    pub wiped: u64,
    /// Changes that such phones had not sent and handed over.
    pub handed_over: u64,
    /// People who were erased.
    pub erased: u64,
    /// How often the server was restored from a backup.
    pub restores: u64,
    /// Facts that it lacked then and that phones brought back.
    pub brought_back: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.facts += other.facts;
        self.verdicts += other.verdicts;
        self.verdicts_unchecked += other.verdicts_unchecked;
        self.refused += other.refused;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.messages_cut += other.messages_cut;
        self.links += other.links;
        self.peer_links += other.peer_links;
        self.failed_commits += other.failed_commits;
        self.double_admissions += other.double_admissions;
        self.settled += other.settled;
        self.refused_by_server += other.refused_by_server;
        self.hostile_attempts += other.hostile_attempts;
        self.hostile_refused += other.hostile_refused;
        self.hostile_work += other.hostile_work;
        self.revoked += other.revoked;
        self.role_changes += other.role_changes;
        self.wiped += other.wiped;
        self.handed_over += other.handed_over;
        self.erased += other.erased;
        self.restores += other.restores;
        self.brought_back += other.brought_back;
    }
}

/// How a day went.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What happened, in numbers.
    pub counters: Counters,
    /// What happened, step by step.
    pub trace: Trace,
    /// What it was found guilty of.
    pub finding: Option<Finding>,
}

/// Simulates the day of a seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    let mut trace = Trace::new(options.keep_all);
    let mut counters = Counters::default();
    let day = AssertUnwindSafe(|| live(seed, options, &mut trace, &mut counters));
    let finding = match std::panic::catch_unwind(day) {
        Ok(Ok(())) => None,
        Ok(Err(finding)) => Some(finding),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(Rule::Panic.broken(text.unwrap_or_default()))
        }
    };
    Outcome { seed, counters, trace, finding }
}

fn live(seed: u64, options: &Options, trace: &mut Trace, counters: &mut Counters) -> Checked {
    let mut world = World::new(seed, options, trace)?;
    let done = live_in(&mut world);
    *counters = world.counters;
    done
}

fn live_in(world: &mut World<'_>) -> Checked {
    world.at(8_000, Happening::Trouble);
    world.at(15_000, Happening::Edit);
    world.at(20_000, Happening::Look);
    if let Some(hermit) = world.weather.hermit {
        world.at(12_000, Happening::HermitLeaves { phone: hermit });
    }
    world.run_until(world.weather.length_ms)?;
    world.close_the_day()?;
    world.wake_up_next_morning()
}
