//! `cargo xtask sim`: simulated event days, one a seed.

use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::setup;
use crate::workspace::{Profile, Workspace, become_program};

/// Which days, and what to tell of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long, value_name = "N", value_parser = whole_number)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "S", default_value = "1", value_parser = whole_number)]
    seed: u64,
    /// For machines: the last line is one JSON object
    #[arg(long)]
    json: bool,
    /// Print every step of every day
    #[arg(long)]
    trace: bool,
}

fn whole_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("write a whole number from 0 to {}", u64::MAX))
}

/// Sets up, builds and lets the simulation take over. Seeds that do not exist are refused before anything is built.
///
/// # Errors
/// [`Error::Seeds`], or when setup or the build fails.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    check(args.seed, args.seeds)?;
    setup::run()?;
    let [sim] = Workspace::find()?.build(Profile::Release, [("muster-tests", "muster-sim")])?;
    let mut command = Command::new(sim);
    command.args(["--seeds", &args.seeds.to_string(), "--seed", &args.seed.to_string()]);
    command.args(args.json.then_some("--json")).args(args.trace.then_some("--trace"));
    become_program(&mut command)
}

fn check(first: u64, count: u64) -> Result<(), Error> {
    match count.checked_sub(1).map(|more| first.checked_add(more)) {
        None => Err(Error::Seeds("--seeds 0 simulates nothing: say how many, from 1".to_owned())),
        Some(None) => {
            let most = (u64::MAX - first).saturating_add(1);
            Err(Error::Seeds(format!("there is no seed after {}: from {first} on take at most {most}", u64::MAX)))
        }
        Some(Some(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_that_do_not_exist_are_refused_with_what_to_do() {
        for (first, count) in [(1, 1), (0, u64::MAX), (u64::MAX, 1), (u64::MAX - 9, 10)] {
            assert!(check(first, count).is_ok(), "{first} {count}");
        }
        let refused = |first, count| check(first, count).unwrap_err().to_string();
        assert_eq!(refused(1, 0), "--seeds 0 simulates nothing: say how many, from 1");
        assert!(refused(u64::MAX - 9, 11).ends_with("take at most 10"));
        for text in ["", "-1", "1.5", "ten", "18446744073709551616"] {
            assert!(whole_number(text).unwrap_err().contains("18446744073709551615"), "{text}");
        }
    }
}
