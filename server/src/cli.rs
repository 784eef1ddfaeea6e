//! The command line. Every command but `serve` and `config` is a request of the HTTP API, made by the local administrator:
//! to the server that runs on the data directory, or, if none does, to the same routes in this process.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

mod admin;
mod audit;
mod commands;
mod erasure;
mod logging;
mod options;
mod output;
mod people;
mod quarantine;
mod restore;
mod tickets;
mod transport;

use crate::auth::keys::KeyError;
use crate::auth::token::MintError;
use crate::config::{ConfigError, Flag, Loaded, load};
use crate::data_dir::DataDirError;
use crate::error::ErrorBody;
use crate::restore::RestoreError;
use crate::run::{self, RunError};

/// Muster: meetings and conferences that go on when the network does not.
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// The data directory [default: muster-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file [default: muster.toml in the data directory, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set any option, as `section.name=value`; `muster config` lists them
    #[arg(long = "set", global = true, value_name = "OPTION=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Print JSON, as the HTTP API answers
    #[arg(long, global = true)]
    json: bool,
}

fn assignment(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("write option=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve {
        /// The address to listen on [default: 127.0.0.1:8400]
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<String>,
        /// The address for the operator's requests and /metrics [default: any free port of 127.0.0.1]
        #[arg(long, value_name = "ADDRESS:PORT")]
        admin_listen: Option<String>,
        /// A proxy in front of the server, as an address or a network; can be given more than once [default: none]
        #[arg(long, value_name = "CIDR")]
        trusted_proxy: Vec<String>,
        /// The certificate for TLS, with those that lead to its authority, in PEM form [default: no TLS]
        #[arg(long, value_name = "FILE", requires = "tls_key")]
        tls_certificate: Option<String>,
        /// Its private key, in PEM form
        #[arg(long, value_name = "FILE", requires = "tls_certificate")]
        tls_key: Option<String>,
    },
    /// Print every option with its unit, default, value and meaning
    Config,
    /// Create, fill and export events
    #[command(subcommand)]
    Event(commands::EventCommand),
    /// Enrol, let in, list and revoke devices
    #[command(subcommand)]
    Device(commands::DeviceCommand),
    /// Issue tickets and manage the keys that sign them
    #[command(subcommand)]
    Ticket(tickets::TicketCommand),
    /// Erase attendees
    #[command(subcommand)]
    Attendee(erasure::AttendeeCommand),
    /// Verify and export the audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Look at refused changes, accept or discard them
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Accounts of people who sign in
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// The server's signing keys
    #[command(subcommand)]
    Key(commands::KeyCommand),
    /// Copy the server's data while it runs
    Backup {
        /// A folder that does not exist yet; `muster serve --data` can run on it
        target: PathBuf,
    },
    /// List the copies that were made, and how many erasures each does not know of
    Backups,
    /// Put a backup into an empty data directory, or only look whether it is complete and readable
    Restore {
        /// The backup's folder
        backup: PathBuf,
        /// Look at the backup, and restore nothing
        #[arg(long)]
        check: bool,
        /// What `muster audit export` wrote since: erasures and revocations that the backup does not know of are made again
        #[arg(long, value_name = "FILE", conflicts_with = "check")]
        erased: Option<PathBuf>,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server does not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The signing key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The signing key cannot sign.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// Another process holds the data directory, but it is no server that takes requests.
    #[error("another muster command is at work on {}: try again when it is done", path.display())]
    Busy {
        /// The data directory.
        path: PathBuf,
    },
    /// The server that holds the data directory does not answer.
    #[error("the server on this data directory does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The request was refused.
    #[error("{} ({})", .0.detail, .0.code)]
    Refused(Box<ErrorBody>),
    /// The answer is not one of this version's server.
    #[error("the server's answer cannot be understood: is it another version of muster?")]
    Answer,
    /// The backup cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The backup was looked at and is not sound.
    #[error("the backup is not sound: see what is wrong with it above")]
    BackupUnsound,
    /// What should say who was erased does not.
    #[error("{} has a line that is no entry of an audit log: write it with `muster audit export`", path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
    },
    /// The audit log is not what was recorded.
    #[error("the audit log is not what was recorded: see what is wrong with it above")]
    AuditUnsound,
    /// There is nobody to ask for a password.
    #[error("the password cannot be asked for: run this at a terminal, or name a file with --password-file")]
    NoPassword(#[source] std::io::Error),
    /// What was typed the second time is something else.
    #[error("the two passwords differ: try again")]
    PasswordsDiffer,
    /// A file cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The output cannot be written.
    #[error("the output cannot be written")]
    Output(#[from] std::io::Error),
}

/// Runs a command.
///
/// # Errors
/// Why it failed.
pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    let mut output = std::io::stdout();
    match run_with(arguments, std::env::vars(), &mut output).await {
        // Whoever reads the output has seen enough, as `head` does.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// As [`run`], with any environment and output.
pub(crate) async fn run_with(
    arguments: Arguments,
    environment: impl IntoIterator<Item = (String, String)>,
    output: &mut (dyn Write + Send),
) -> Result<(), CliError> {
    let Arguments { common, command } = arguments;
    let loaded = load(common.config.as_deref(), environment, &flags(&common, &command))?;
    match command {
        Command::Serve { .. } => serve(loaded).await,
        Command::Config => options::print(&loaded, common.json, output),
        Command::Event(command) => commands::event(command, loaded.config, common.json, output).await,
        Command::Device(command) => commands::device(command, loaded.config, common.json, output).await,
        Command::Quarantine(command) => quarantine::run(command, loaded.config, common.json, output).await,
        Command::Ticket(command) => tickets::ticket(command, loaded.config, common.json, output).await,
        Command::Audit(command) => audit::audit(command, loaded.config, common.json, output).await,
        Command::Admin(command) => admin::admin(command, loaded.config, common.json, output).await,
        Command::Attendee(command) => erasure::attendee(command, loaded.config, common.json, output).await,
        Command::Backups => erasure::backups(loaded.config, common.json, output).await,
        Command::Restore { backup, check: true, .. } => restore::check(&backup, common.json, output),
        Command::Restore { backup, erased, .. } => {
            restore::restore(&backup, erased.as_deref(), loaded.config, (common.json, output)).await
        }
        Command::Key(command) => commands::key(command, loaded.config, common.json, output).await,
        Command::Backup { target } => commands::backup(&target, loaded.config, common.json, output).await,
    }
}

fn flags(common: &Common, command: &Command) -> Vec<Flag> {
    let flag = |name, key: &str, text: String| Flag { name, key: key.to_owned(), text };
    let mut flags: Vec<Flag> = common.set.iter().map(|(key, text)| flag("--set", key, text.clone())).collect();
    flags.extend(common.data.as_ref().map(|dir| flag("--data", "data.dir", dir.display().to_string())));
    if let Command::Serve { listen, admin_listen, trusted_proxy, tls_certificate, tls_key } = command {
        flags.extend(listen.iter().map(|listen| flag("--listen", "http.listen", listen.clone())));
        flags.extend(admin_listen.iter().map(|listen| flag("--admin-listen", "http.admin_listen", listen.clone())));
        flags.extend(tls_certificate.iter().map(|path| flag("--tls-certificate", "tls.certificate", path.clone())));
        flags.extend(tls_key.iter().map(|path| flag("--tls-key", "tls.key", path.clone())));
        if !trusted_proxy.is_empty() {
            flags.push(flag("--trusted-proxy", "http.trusted_proxies", trusted_proxy.join(",")));
        }
    }
    flags
}

async fn serve(loaded: Loaded) -> Result<(), CliError> {
    logging::start(&loaded.config.log);
    for name in &loaded.unknown_variables {
        tracing::warn!(variable = name, "this variable sets no option: `muster config` lists those that do");
    }
    let listeners = run::listen(&loaded.config).await?;
    let stop = logging::stop_signal()?;
    Ok(run::launch(loaded.config, listeners, stop).await?)
}

/// Tells a person on standard error why a command failed, with its causes.
#[expect(clippy::print_stderr, reason = "this is the command line's way to say what is wrong")]
pub fn report(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    let mut text = format!("muster: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Transparent errors say the same as their source.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    eprintln!("{text}");
    ExitCode::FAILURE
}
