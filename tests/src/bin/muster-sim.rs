//! Simulates event days, many of them. `cargo xtask sim` builds it and starts it.

use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use muster_tests::simulation::runner::{Failure, Seeds, Summary, run_all};
use muster_tests::simulation::{Options, run};
use serde::Serialize;

/// At most so many failures are told with their steps.
const TOLD: usize = 5;

/// Simulates event days, many of them.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For machines: the last line is one JSON object.
    #[arg(long)]
    json: bool,
    /// Print every step.
    #[arg(long)]
    trace: bool,
}

/// The line for machines.
#[derive(Debug, Serialize)]
struct Line {
    seeds: u64,
    failures: usize,
    #[serde(flatten)]
    counters: muster_tests::simulation::Counters,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = match Seeds::new(arguments.seed, arguments.seeds) {
        Ok(seeds) => seeds,
        Err(error) => {
            say_error(&error.to_string());
            return ExitCode::from(2);
        }
    };
    // A panic of the program under test is a finding like any other; it is told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let summary = if arguments.trace { traced(&arguments) } else { simulate(seeds) };
    for failure in summary.failures.iter().take(TOLD) {
        tell(failure);
    }
    let more = summary.failures.len().saturating_sub(TOLD);
    if more > 0 {
        let rest: Vec<String> = summary.failures.iter().skip(TOLD).map(|failure| failure.seed.to_string()).collect();
        say_error(&format!("{more} more seeds failed: {}", rest.join(", ")));
    }
    finish(&summary, arguments.json)
}

/// All of them, with a bar for whoever watches.
fn simulate(seeds: Seeds) -> Summary {
    let bar = ProgressBar::new(seeds.count());
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} days, {per_sec}, {eta} left {msg}") {
        bar.set_style(style);
    }
    let summary = run_all(seeds, &Options::default(), &|outcome| {
        if outcome.finding.is_some() {
            bar.set_message(format!("seed {} failed", outcome.seed));
        }
        bar.inc(1);
    });
    bar.finish_and_clear();
    summary
}

/// One after the other, with everything that happens.
fn traced(arguments: &Arguments) -> Summary {
    let mut summary = Summary::default();
    for place in 0..arguments.seeds {
        let seed = arguments.seed.saturating_add(place);
        let outcome = run(seed, &Options { keep_all: true, ..Options::default() });
        say(&format!("seed {seed}: {} steps, {:016x}", outcome.trace.steps(), outcome.trace.hash()));
        for line in outcome.trace.lines() {
            say(line);
        }
        summary.add(&outcome);
    }
    for failure in &mut summary.failures {
        // They were printed.
        failure.steps.clear();
    }
    summary
}

fn tell(failure: &Failure) {
    say_error(&format!("seed {} failed: {}", failure.seed, failure.finding));
    for step in &failure.steps {
        say_error(&format!("  {step}"));
    }
    say_error(&format!("  again, exactly: cargo xtask sim --seeds 1 --seed {}  (--trace: all steps)", failure.seed));
}

fn finish(summary: &Summary, json: bool) -> ExitCode {
    let (failures, counters) = (summary.failures.len(), summary.counters);
    if json {
        let line = Line { seeds: summary.seeds, failures, counters };
        say(&serde_json::to_string(&line).unwrap_or_default());
    } else {
        say(&format!(
            "{} seeds, {failures} failures, {} facts, {} crashes, {} cuts",
            summary.seeds, counters.facts, counters.crashes, counters.cuts
        ));
        say(&format!(
            "{} verdicts, {} double admissions, {} refused on phones and {} by the server, {} commits failed on purpose",
            counters.verdicts,
            counters.double_admissions,
            counters.refused,
            counters.refused_by_server,
            counters.failed_commits
        ));
        say(&format!(
            "{} hostile attempts, {} told that they were refused, {} facts of hostile devices as they may",
            counters.hostile_attempts, counters.hostile_refused, counters.hostile_work
        ));
        say(&format!(
            "{} phones revoked, {} of them empty in the evening, {} changes of role, {} changes handed over",
            counters.revoked, counters.wiped, counters.role_changes, counters.handed_over
        ));
        say(&format!(
            "{} restores of the server, {} facts that phones brought back, {} people erased",
            counters.restores, counters.brought_back, counters.erased
        ));
    }
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A reader that went away ends nothing: the exit code still says how it went.
fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn say_error(line: &str) {
    drop(writeln!(std::io::stderr(), "muster-sim: {line}"));
}
