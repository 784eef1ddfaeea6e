//! `cargo xtask crash`: the server and phones killed at random moments, over and over.

use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::setup;
use crate::workspace::{Profile, Workspace, become_program};

/// How often, and drawn from where.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many kills of each kind
    #[arg(long, value_name = "N")]
    times: u32,
    /// Seed of the moments
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// Sets up, builds and lets the crash test take over.
///
/// # Errors
/// When setup or the build fails.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    setup::run()?;
    let workspace = Workspace::find()?;
    // The crash test starts phones too: they lie beside it.
    let binaries = [("muster-server", "muster"), ("muster-tests", "muster-crash"), ("muster-tests", "muster-phone")];
    let [server, crash, _] = workspace.build(Profile::Release, binaries)?;
    let mut command = Command::new(crash);
    command.arg("--server").arg(server);
    command.args(["--times", &args.times.to_string(), "--seed", &args.seed.to_string()]);
    become_program(&mut command)
}
