//! `cargo xtask test`: every gate, in the order in which a fault is cheapest to find.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::api_check;
use crate::arrows;
use crate::bindings;
use crate::demo;
use crate::deny;
use crate::error::Error;
use crate::npm;
use crate::setup;
use crate::web;
use crate::workspace::{Workspace, beside, run as run_program};

/// How much to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave out the demo, the bindings, the made requests, the look at licences and all that needs a browser
    #[arg(long)]
    fast: bool,
}

type Action = fn(&Workspace) -> Result<(), Error>;

const GATES: [(&str, Action); 8] = [
    ("format", |workspace| run_program(&mut workspace.cargo(["fmt", "--all", "--check"]))),
    ("arrows", arrows::check),
    ("app", web::parts),
    ("clippy", |workspace| {
        run_program(workspace.cargo_for_all("clippy").args(["--all-targets", "--", "--deny", "warnings"]))
    }),
    ("docs", |workspace| {
        run_program(workspace.cargo_for_all("doc").arg("--no-deps").env("RUSTDOCFLAGS", "--deny warnings"))
    }),
    // The end-to-end tests start these; `cargo test` alone builds only the binaries of the crate it tests.
    ("binaries", Workspace::build_all),
    ("packages", |workspace| npm::install(&workspace.path("tests/foreign"))),
    ("tests", |workspace| run_program(with_test_environment(&mut workspace.cargo_for_all("test"))?)),
];

/// What takes longer, or needs more than Rust.
const SLOW_GATES: [(&str, Action); 6] = [
    ("demo", demo::check),
    // Each waits for programs that use one core of the machine.
    ("bindings, api", |workspace| beside(workspace, bindings::check, api_check::check)),
    ("deny", deny::check),
    ("screens", web::screens),
    ("stories", web::stories),
    ("lighthouse", web::lighthouse),
];

/// The app for the servers that are built after it, and the gate that they are built for first.
const CARRIED: (&str, Action) = ("core", web::carried);
const FIRST_TO_BUILD: &str = "clippy";

/// How a step ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(took) => write!(out, "{:>8.1} s", took.as_secs_f64()),
            Self::Failed(took) => write!(out, "{:>8.1} s  FAILED", took.as_secs_f64()),
            Self::NotRun => write!(out, "{:>8}    not run", "-"),
        }
    }
}

/// Runs every step until one fails, and shows what each took.
///
/// # Errors
/// [`Error::Step`] naming the step that failed.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    println!("{}", data_notice(data_folder()?.as_deref()));
    let steps = steps(args.fast);
    let (outcomes, failure) = run_steps(&Workspace::find()?, &steps);
    println!("\n{}", table(&outcomes));
    failure.map_or(Ok(ExitCode::SUCCESS), Err)
}

fn steps(fast: bool) -> Vec<(&'static str, Action)> {
    let mut steps: Vec<(&str, Action)> = vec![("setup", |_| setup::run_for_tests())];
    for gate in GATES {
        if !fast && gate.0 == FIRST_TO_BUILD {
            steps.push(CARRIED);
        }
        steps.push(gate);
    }
    if !fast {
        steps.extend(SLOW_GATES);
    }
    steps
}

fn run_steps(workspace: &Workspace, steps: &[(&'static str, Action)]) -> (Vec<(&'static str, Outcome)>, Option<Error>) {
    let mut outcomes = Vec::new();
    let mut failure = None;
    for (at, &(name, action)) in steps.iter().enumerate() {
        if failure.is_some() {
            outcomes.push((name, Outcome::NotRun));
            continue;
        }
        println!("\n==> {name} ({} of {})", at.saturating_add(1), steps.len());
        let start = Instant::now();
        let result = action(workspace);
        let took = start.elapsed();
        match result {
            Ok(()) => {
                println!("<== {name}: {:.1} s", took.as_secs_f64());
                outcomes.push((name, Outcome::Passed(took)));
            }
            Err(source) => {
                outcomes.push((name, Outcome::Failed(took)));
                failure = Some(Error::Step { name, source: Box::new(source) });
            }
        }
    }
    (outcomes, failure)
}

fn table(outcomes: &[(&str, Outcome)]) -> String {
    let total: Duration = outcomes
        .iter()
        .map(|(_, outcome)| match outcome {
            Outcome::Passed(took) | Outcome::Failed(took) => *took,
            Outcome::NotRun => Duration::ZERO,
        })
        .sum();
    let mut lines: Vec<String> = outcomes.iter().map(|(name, outcome)| format!("{name:<14}{outcome}")).collect();
    lines.push(format!("{:<14}{:>8.1} s", "total", total.as_secs_f64()));
    lines.join("\n")
}

/// The real files that tests read, by full path: each test runs in its own crate's folder.
///
/// # Errors
/// [`Error::DataMissing`] when the variable is set but names no folder.
fn data_folder() -> Result<Option<PathBuf>, Error> {
    let Some(given) = env::var_os("MUSTER_DATA").map(PathBuf::from) else { return Ok(None) };
    match given.canonicalize() {
        Ok(folder) if folder.is_dir() => Ok(Some(folder)),
        _ => Err(Error::DataMissing(given)),
    }
}

fn data_notice(folder: Option<&std::path::Path>) -> String {
    match folder {
        Some(folder) => format!("MUSTER_DATA is {}: tests on real files run too", folder.display()),
        None => "MUSTER_DATA is not set: tests on real files (published schedules, registrations and ticket vectors) \
                 are skipped, and each says so; everything else runs"
            .to_owned(),
    }
}

fn with_test_environment(command: &mut Command) -> Result<&mut Command, Error> {
    if let Some(folder) = data_folder()? {
        command.env("MUSTER_DATA", folder);
    }
    Ok(command.env("RUST_BACKTRACE", "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_ends_the_run_and_is_named() {
        let steps: [(&str, Action); 3] =
            [("one", |_| Ok(())), ("two", |_| Err(Error::Arrows(vec!["  a -> b".into()]))), ("three", |_| Ok(()))];
        let (outcomes, failure) = run_steps(&Workspace::find().unwrap(), &steps);
        assert!(matches!(
            outcomes[..],
            [("one", Outcome::Passed(_)), ("two", Outcome::Failed(_)), ("three", Outcome::NotRun)]
        ));
        let text = failure.unwrap().to_string();
        assert!(text.starts_with("step `two` failed: "), "{text}");
        assert!(text.ends_with("  a -> b"), "{text}");
    }

    #[test]
    fn the_table_has_every_step_and_the_sum() {
        let outcomes = [
            ("format", Outcome::Passed(Duration::from_millis(1_500))),
            ("clippy", Outcome::Failed(Duration::from_millis(12_000))),
            ("tests", Outcome::NotRun),
        ];
        let expected = "format             1.5 s\nclippy            12.0 s  FAILED\ntests                -    not run\ntotal             13.5 s";
        assert_eq!(table(&outcomes), expected);
    }

    #[test]
    fn the_app_is_built_before_the_servers_that_carry_it() {
        let names: Vec<&str> = steps(false).into_iter().map(|(name, _)| name).collect();
        let at = |wanted: &str| names.iter().position(|name| *name == wanted).unwrap();
        assert!(
            at(CARRIED.0) < at("clippy") && at("clippy") < at("binaries") && at("binaries") < at("stories"),
            "{names:?}"
        );
        assert!(steps(true).iter().all(|(name, _)| *name != CARRIED.0));
    }

    #[test]
    fn unset_data_is_said() {
        assert!(data_notice(None).contains("not set"));
        assert!(data_notice(Some(std::path::Path::new("/data"))).contains("/data"));
    }
}
