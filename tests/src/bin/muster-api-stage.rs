//! A running server with an event, a programme and the tokens of those who may ask it most, for programs that try its API.
//!
//! Says on its first lines what is where, a name and a value on each, then an empty one, and runs until its input ends.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muster_client_native::{EnrolError, EnrolmentLink, enrol};
use muster_model::time::Timestamp;
use muster_server::auth::keys::KeyError;
use muster_server::auth::ring::KeyRing;
use muster_server::auth::token::{Bearer, MintError, Tokens};
use muster_tests::stage::{Stage, StageError};

/// How long the operator's token is good, in seconds: no longer than an old key verifies when keys are rotated.
const OPERATOR_S: i64 = 10 * 60;

/// A running server to be tried.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program `muster`.
    #[arg(long)]
    server: PathBuf,
    /// A schedule to import.
    #[arg(long)]
    schedule: PathBuf,
    /// A list of attendees to import.
    #[arg(long)]
    attendees: PathBuf,
}

/// Why there is no stage.
#[derive(Debug, thiserror::Error)]
enum SetError {
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error("the client's HTTP cannot be set up")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a program for tests")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("muster-api-stage: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "where everything is is its output")]
async fn run(arguments: &Arguments) -> Result<(), SetError> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::set(&arguments.server, folder.path(), "An event to be tried").await?;
    stage.import(&arguments.schedule).await?;
    stage.import(&arguments.attendees).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let link = EnrolmentLink::parse(&stage.invite("coordinator", "Laptop", None).await?)?;
    let coordinator = enrol(&http, &link, "Laptop").await?;
    let link = EnrolmentLink::parse(&stage.invite("staff", "Gate A", None).await?)?;
    let staff = enrol(&http, &link, "Gate A").await?;
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    let tokens = Tokens::of(&KeyRing::load(stage.server.data())?)?;
    println!("public_url http://{}", stage.server.address());
    println!("admin_url http://{}", stage.server.admin_address());
    println!("operator {}", tokens.mint(&Bearer::Operator, now, OPERATOR_S)?);
    println!("coordinator {}", coordinator.access_token());
    println!("event_id {}", stage.event);
    println!("device_id {}\n", staff.device);
    tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await.map_err(io::Error::other)??;
    Ok(())
}
