//! `cargo xtask bench`: Muster beside its peers and beside what the machine allows, in one run.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::attendees;
use crate::error::Error;
use crate::npm;
use crate::setup;
use crate::web;
use crate::workspace::{Profile, Workspace, become_program, run as run_program, succeeds};

/// How long the list of attendees is: the largest event that is measured.
const ATTENDEES: u32 = 100_000;

/// How long it is for a browser.
const WEB_ATTENDEES: u32 = 50_000;

/// What to measure, beside whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// admission, checkin, search, cold-start, join, idle, storm, fanout, or one row of fanout (fanout-10 ... fanout-1000)
    /// [default: all]
    #[arg(value_name = "BENCH")]
    benches: Vec<String>,
    /// Also measure this peer, automerge-repo or samod, in fanout-10 and fanout-50 [default, without BENCH: both]
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<String>,
    /// Print one JSON object a figure
    #[arg(long)]
    json: bool,
}

/// Sets up, builds and lets the benchmarks take over.
///
/// # Errors
/// When setup or the build fails. A peer that cannot be had is named, and the other rows still run.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    if args.benches == ["web"] {
        return in_browser(args);
    }
    setup::run()?;
    let workspace = Workspace::find()?;
    // Apart, since cargo unites the features of what it builds together, and the load brings tokio's clock for tests along.
    let [muster] = workspace.build(Profile::Release, [("muster-server", "muster")])?;
    let [bench] = workspace.build(Profile::Release, [("muster-bench", "muster-bench")])?;
    let list = workspace.path("target/bench-attendees.csv");
    attendees::write_file(ATTENDEES, &list)?;
    let mut command = Command::new(bench);
    command.args(&args.benches).arg("--muster").arg(muster).arg("--attendees").arg(list);
    if args.json {
        command.arg("--json");
    }
    for peer in peers(args) {
        let at_hand = match peer.as_str() {
            "automerge-repo" => automerge_repo(&workspace).map(|at| ("--automerge-repo", at)),
            "samod" => samod(&workspace).map(|at| ("--samod", at)),
            // The program knows which peers there are.
            _ => None,
        };
        command.args(["--peer", &peer]);
        if let Some((option, at)) = at_hand {
            command.arg(option).arg(at);
        }
    }
    become_program(&mut command)
}

/// The core in a browser, with the largest event that it is meant for; then what Lighthouse says of the door.
fn in_browser(args: &Args) -> Result<ExitCode, Error> {
    setup::run_for_web()?;
    let workspace = Workspace::find()?;
    // First, so that the server carries the app.
    web::build(&workspace)?;
    let [muster] = workspace.build(Profile::Release, [("muster-server", "muster")])?;
    web::harness(&workspace)?;
    let list = workspace.path("target/bench-web-attendees.csv");
    attendees::write_file(WEB_ATTENDEES, &list)?;
    let json = args.json.then_some("--json");
    let node = |script: &str| {
        let mut node = Command::new("node");
        node.arg(script).current_dir(web::web(&workspace)).env("MUSTER_SERVER", &muster);
        node
    };
    run_program(node("tests/core/bench.mjs").arg(list).args(json))?;
    become_program(node("tests/lighthouse/door.mjs").args(json).env_remove("MUSTER_HTTP_WEB_DIR"))
}

/// All peers when everything is measured, else those that are asked for.
fn peers(args: &Args) -> Vec<String> {
    if args.benches.is_empty() && args.peers.is_empty() {
        return vec!["automerge-repo".to_owned(), "samod".to_owned()];
    }
    args.peers.clone()
}

/// The Node program with its packages, if they can be had.
fn automerge_repo(workspace: &Workspace) -> Option<PathBuf> {
    let package = workspace.path("bench/automerge-repo");
    if !succeeds(Command::new("node").arg("--version")) || !succeeds(Command::new("npm").arg("--version")) {
        left_out("automerge-repo", "node and npm are missing: run `apt-get install nodejs npm`");
        return None;
    }
    match npm::install(&package) {
        Ok(()) => Some(package),
        Err(error) => {
            left_out("automerge-repo", &error.to_string());
            None
        }
    }
}

/// The program around samod, if it builds.
fn samod(workspace: &Workspace) -> Option<PathBuf> {
    match workspace.build(Profile::Release, [("muster-bench", "samod-peer")]) {
        Ok([program]) => Some(program),
        Err(error) => {
            left_out("samod", &error.to_string());
            None
        }
    }
}

#[expect(clippy::print_stderr, reason = "standard output is for the figures")]
fn left_out(peer: &str, why: &str) {
    eprintln!("bench: {peer} cannot be measured: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(benches: &[&str], peers: &[&str]) -> Args {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Args { benches: owned(benches), peers: owned(peers), json: false }
    }

    #[test]
    fn everything_is_measured_beside_both_peers() {
        assert_eq!(peers(&args(&[], &[])), ["automerge-repo", "samod"]);
        assert_eq!(peers(&args(&["fanout"], &["samod"])), ["samod"]);
        assert!(peers(&args(&["checkin"], &[])).is_empty());
    }
}
