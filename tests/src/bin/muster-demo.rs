//! Runs the demo. `cargo xtask demo` builds what it needs and starts it.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muster_tests::demo::{Options, check, watch};

/// A day at the doors of an event, with the network gone.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program `muster`.
    #[arg(long)]
    server: PathBuf,
    /// The schedule to import.
    #[arg(long)]
    schedule: PathBuf,
    /// The attendees to import, and the tickets they carry.
    #[arg(long)]
    attendees: PathBuf,
    /// How many phones take part.
    #[arg(long, default_value_t = 3)]
    phones: usize,
    /// What to repeat the day by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the server listens; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// For machines: no terminal tricks, ends by itself, the last line is JSON.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Ok(folder) = tempfile::Builder::new().prefix("muster-demo-").tempdir() else {
        eprintln!("muster-demo: no temporary folder can be made; set TMPDIR to one that can be written");
        return ExitCode::FAILURE;
    };
    let options = Options {
        server: arguments.server,
        schedule: arguments.schedule,
        attendees: arguments.attendees,
        phones: arguments.phones,
        seed: arguments.seed,
        listen: arguments.listen,
        live: !arguments.check && std::io::stdout().is_terminal(),
    };
    let done =
        if arguments.check { check(&options, folder.path()).await } else { watch(&options, folder.path()).await };
    let outcome = match done {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("muster-demo: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            return ExitCode::FAILURE;
        }
    };
    if arguments.check {
        match serde_json::to_string(&outcome) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("muster-demo: the outcome cannot be written: {error}"),
        }
    }
    if outcome.lost == 0 && outcome.converged { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
