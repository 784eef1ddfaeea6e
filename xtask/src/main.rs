//! `cargo xtask`: the one way in, for people and for CI.
//!
//! Each subcommand is a file of its own. Anything that builds goes through [`workspace`], so that a nested cargo
//! sees the same environment as one started by hand and rebuilds nothing.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to whoever started it")]

mod api_check;
mod arrows;
mod attendees;
mod bench;
mod bindings;
mod crash;
mod demo;
mod deny;
mod error;
mod fuzz;
mod npm;
#[cfg(test)]
mod samples;
mod setup;
mod sim;
mod test;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

/// Muster's tasks: set up, see it work, test it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Find what this machine lacks to build and test Muster, and install it or say how
    Setup,
    /// See it work: a sample conference, phones without network, one server
    Demo(demo::Args),
    /// Run everything that must hold before a change goes in
    Test(test::Args),
    /// Kill the server and phones at random moments and look for anything lost
    Crash(crash::Args),
    /// Measure it beside its peers and beside what the machine allows
    Bench(bench::Args),
    /// Write the Kotlin, Swift and Python sides of mobile-ffi
    Bindings(bindings::Args),
    /// Simulate event days in which everything goes wrong, one a seed, and look for broken promises
    Sim(sim::Args),
    /// Make requests from the description of the API and look whether the answers are those described
    ApiCheck(api_check::Args),
    /// Look under which licences, from where and with which known faults the crates come
    Deny(deny::Args),
    /// Look for bytes that break what must hold, guided by the code that they reach
    Fuzz(fuzz::Args),
    /// Write a CSV of made attendees, the same on every machine for one seed
    Attendees(attendees::Args),
    /// Build the app that people use in a browser
    Web(web::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode, Error> {
    match task {
        Task::Setup => {
            setup::run_for_tests()?;
            println!("setup: nothing is missing");
            Ok(ExitCode::SUCCESS)
        }
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Crash(args) => crash::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Bindings(args) => bindings::run(&args),
        Task::Sim(args) => sim::run(&args),
        Task::ApiCheck(args) => api_check::run(&args),
        Task::Deny(args) => deny::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Web(args) => web::run(&args),
        Task::Attendees(args) => attendees::run(&args).map(|()| ExitCode::SUCCESS),
    }
}
