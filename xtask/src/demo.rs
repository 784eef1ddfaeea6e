//! `cargo xtask demo`: a conference, phones without network, one server.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::setup;
use crate::web;
use crate::workspace::{Profile, Workspace, become_program, run as run_program};

/// What the demo plays.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// End by itself, with one JSON object as the last line and exit code 0 only if nothing was lost
    #[arg(long)]
    check: bool,
    /// Schedule to import (schedule.xml or schedule.json) [default: samples/conference.xml]
    #[arg(long, value_name = "FILE")]
    schedule: Option<PathBuf>,
    /// Attendees to import (CSV or pretix orders) [default: samples/attendees.csv]
    #[arg(long, value_name = "FILE")]
    attendees: Option<PathBuf>,
    /// Phones at the doors
    #[arg(long, value_name = "N", default_value_t = 3)]
    phones: u32,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The address to listen on [default: any free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

impl Args {
    /// The check on the shipped sample, as part of the tests.
    pub(crate) fn check_on_sample() -> Self {
        Self { check: true, phones: 3, seed: 1, ..Self::default() }
    }
}

/// Sets up, builds and lets the demo take over. For a person the server has the app in it; a machine that checks opens no
/// browser.
///
/// # Errors
/// When setup or a build fails.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let workspace = Workspace::find()?;
    if args.check {
        setup::run()?;
    } else {
        setup::run_for_app()?;
        eprintln!("demo: building the app for browsers (1 of 2; the first time takes minutes)");
        web::build(&workspace)?;
        eprintln!("demo: building the server with the app in it (2 of 2; the first time takes minutes)");
    }
    become_program(&mut built(&workspace, Profile::Release, args)?)
}

/// Builds and runs the check to its end, with the binaries that the tests have built already: a release build would take
/// as long again as all the tests.
///
/// # Errors
/// When the build or the check fails.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    run_program(&mut built(workspace, Profile::Dev, &Args::check_on_sample())?)
}

fn built(workspace: &Workspace, profile: Profile, args: &Args) -> Result<Command, Error> {
    let [server, demo] = workspace.build(profile, [("muster-server", "muster"), ("muster-tests", "muster-demo")])?;
    Ok(command(workspace, args, &server, &demo))
}

/// The demo's command line. The shipped files are given by full path, since the demo runs where the user stands.
fn command(workspace: &Workspace, args: &Args, server: &Path, demo: &Path) -> Command {
    let or_shipped = |given: &Option<PathBuf>, shipped| given.clone().unwrap_or_else(|| workspace.path(shipped));
    let mut command = Command::new(demo);
    if args.check {
        command.arg("--check");
    }
    command.arg("--server").arg(server);
    command.arg("--schedule").arg(or_shipped(&args.schedule, "samples/conference.xml"));
    command.arg("--attendees").arg(or_shipped(&args.attendees, "samples/attendees.csv"));
    command.arg("--phones").arg(args.phones.to_string());
    command.arg("--seed").arg(args.seed.to_string());
    if let Some(listen) = &args.listen {
        command.arg("--listen").arg(listen);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &Args) -> Vec<String> {
        let workspace = Workspace::find().unwrap();
        let command = command(&workspace, args, Path::new("muster"), Path::new("muster-demo"));
        command.get_args().map(|word| word.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_shipped_files_are_there_and_given_in_full() {
        let words = words(&Args::check_on_sample());
        assert_eq!(words[..3], ["--check", "--server", "muster"]);
        for at in [4, 6] {
            assert!(Path::new(&words[at]).is_absolute() && Path::new(&words[at]).is_file(), "{}", words[at]);
        }
        assert_eq!(words[7..], ["--phones", "3", "--seed", "1"]);
    }

    #[test]
    fn given_files_are_passed_as_given() {
        let args = Args {
            schedule: Some("my.xml".into()),
            attendees: Some("my.csv".into()),
            phones: 5,
            seed: 9,
            check: false,
            listen: Some("127.0.0.1:8400".into()),
        };
        let expected =
            "--server muster --schedule my.xml --attendees my.csv --phones 5 --seed 9 --listen 127.0.0.1:8400";
        assert_eq!(words(&args).join(" "), expected);
    }
}
