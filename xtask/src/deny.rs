//! `cargo xtask deny`: under which licences, from where, and with which known faults the crates come that Muster is built
//! from. `deny.toml` says what is allowed.
//!
//! The program that looks is built from source once, in one version, and kept in the user's cache: some minutes of CPU on a
//! machine that has never had it, a second from then on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::error::Error;
use crate::setup;
use crate::workspace::{Workspace, run as run_program};

/// The version of cargo-deny.
const VERSION: &str = "0.20.2";

/// Where the advisories are kept by those who write them.
const ADVISORIES: &str = "https://github.com/RustSec/advisory-db";

/// What is looked at wherever the network leads.
const ALWAYS: [&str; 3] = ["bans", "licenses", "sources"];

/// What to look at.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A clone of the RustSec advisory database to look in, where it cannot be fetched
    #[arg(long, value_name = "DIR")]
    advisories: Option<PathBuf>,
}

/// Looks at everything, with what is only a warning, and at the advisories.
///
/// # Errors
/// If something is not allowed or has a known fault, or the advisories cannot be reached.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    setup::run()?;
    let workspace = Workspace::find()?;
    let program = program(&workspace)?;
    let advisories = args.advisories.as_deref().map(absolute).transpose()?;
    run_program(deny(&workspace, &program, "warn").args(ALWAYS))?;
    let mut check = deny(&workspace, &program, "warn");
    if let Some(clone) = advisories {
        // The program asks git, and git is told that the address is this folder.
        let rewritten = format!("url.file://{}.insteadOf", clone.display());
        check.envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", &rewritten), ("GIT_CONFIG_VALUE_0", ADVISORIES)]);
    }
    run_program(check.arg("advisories"))?;
    Ok(ExitCode::SUCCESS)
}

/// The step of `cargo xtask test`: without the advisories, which change from one day to the next.
///
/// # Errors
/// If something is not allowed.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    let program = program(workspace)?;
    run_program(deny(workspace, &program, "error").args(ALWAYS))
}

fn deny(workspace: &Workspace, program: &Path, level: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace.path(".")).args([
        "--log-level",
        level,
        "--locked",
        "check",
        "--hide-inclusion-graph",
    ]);
    command
}

/// The program, built if it is not there in this version.
fn program(workspace: &Workspace) -> Result<PathBuf, Error> {
    let tools = kept(workspace).join(format!("cargo-deny-{VERSION}"));
    let program = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if is_current(&program) {
        return Ok(program);
    }
    println!("building cargo-deny {VERSION}, once");
    let build = tools.join("build");
    let mut install =
        workspace.cargo(["install", "cargo-deny", "--debug", "--quiet", "--locked", "--version", VERSION, "--root"]);
    // Nobody debugs it: what debuggers read is a tenth of the time.
    install.env("CARGO_PROFILE_DEV_DEBUG", "none");
    run_program(install.arg(&tools).arg("--target-dir").arg(&build))?;
    // What it was built from takes ten times the room of what was built.
    fs::remove_dir_all(&build).map_err(|source| Error::File { path: build, source })?;
    Ok(program)
}

/// Where the user's programs keep what they can make again: every clone of Muster finds there what one has built.
fn kept(workspace: &Workspace) -> PathBuf {
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute()).or_else(home);
    cache.map_or_else(|| workspace.target().join("tools"), |cache| cache.join("muster"))
}

fn is_current(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == format!("cargo-deny {VERSION}"))
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| Error::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_and_another_are_not_the_one() {
        assert!(!is_current(Path::new("no-such-program")));
        assert!(!is_current(Path::new("cargo")));
    }

    #[test]
    fn what_is_allowed_is_written_down() {
        let text = fs::read_to_string(Workspace::find().unwrap().path("deny.toml")).unwrap();
        for table in ["[licenses]", "[bans]", "[sources]", "[advisories]"] {
            assert!(text.contains(table), "{table}");
        }
    }
}
