//! Kills the server and phones at random moments and looks for anything lost. `cargo xtask crash` builds what it needs and
//! starts it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muster_tests::crash::{Options, run};

/// Kills the server and phones at random moments and looks for anything lost.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program `muster`.
    #[arg(long)]
    server: PathBuf,
    /// How often the server dies, and how often a phone does.
    #[arg(long, default_value_t = 100)]
    times: usize,
    /// What to repeat the order of deaths by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let phone = std::env::current_exe().map(|own| own.with_file_name("muster-phone"));
    let (Ok(folder), Ok(phone)) = (tempfile::tempdir(), phone) else {
        eprintln!("muster-crash: no temporary folder can be made; set TMPDIR to one that can be written");
        return ExitCode::FAILURE;
    };
    let options = Options { server: arguments.server, phone, times: arguments.times, seed: arguments.seed };
    match run(&options, folder.path()).await {
        Ok(outcome) => {
            println!("{}", serde_json::to_string(&outcome).unwrap_or_default());
            match outcome.lost_on_phones + outcome.lost_on_server {
                0 => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            let kept = folder.keep();
            eprintln!("muster-crash: {error}; what is left of it is in {}", kept.display());
            ExitCode::FAILURE
        }
    }
}
