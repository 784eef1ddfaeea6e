//! `muster admin`: the accounts of people who sit at a desk.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use muster_model::id::EventId;
use serde_json::{Value, json};

use super::CliError;
use super::output::{self, list, table, text, time};
use super::people::{Output, qr};
use super::transport::{Call, Transport};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Make an account, for the first coordinator; others are invited
    Create {
        /// The event's id
        event: EventId,
        /// Its name, such as an e-mail address
        #[arg(long)]
        name: String,
        /// coordinator or finance
        #[arg(long, default_value = "coordinator")]
        role: String,
        /// A file whose first line is the password [default: ask for it]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Make a link with which somebody makes an account of their own
    Invite {
        /// The event's id
        event: EventId,
        /// coordinator or finance
        #[arg(long)]
        role: String,
    },
    /// List the accounts of an event
    List {
        /// The event's id
        event: EventId,
    },
    /// Take an account out of an event: its devices are revoked
    Remove {
        /// The event's id
        event: EventId,
        /// The account's id
        account: String,
    },
}

pub(super) async fn admin(
    command: AdminCommand,
    config: Config,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    // Before the data directory is held: a person may take their time.
    let password = match &command {
        AdminCommand::Create { password_file: Some(file), .. } => first_line(file)?,
        AdminCommand::Create { .. } => ask_twice()?,
        _ => String::new(),
    };
    let api = Transport::open(config).await?;
    let done = run(&api, command, password, (json, output)).await;
    api.close().await;
    done
}

async fn run(
    api: &Transport,
    command: AdminCommand,
    password: String,
    (json, output): (bool, Output<'_>),
) -> Result<(), CliError> {
    let accounts = |event: EventId| format!("/api/v1/events/{event}/accounts");
    match command {
        AdminCommand::Create { event, name, role, .. } => {
            let body = json!({"name": name, "password": password, "role": role});
            let made = api.json(Call::post(accounts(event), &body)).await?;
            print(&made, json, output, members)
        }
        AdminCommand::Invite { event, role } => {
            let path = format!("/api/v1/events/{event}/invitations");
            let made = api.json(Call::post(path, &json!({"role": role}))).await?;
            print(&made, json, output, |made, output| {
                writeln!(output, "Link:  {}", text(made, "link"))?;
                writeln!(output, "Good once, until {}.", time(made, "expires_at_ms"))?;
                qr(&text(made, "link"), output)
            })
        }
        AdminCommand::List { event } => {
            let found = api.json(Call::get(accounts(event))).await?;
            print(&found, json, output, members)
        }
        AdminCommand::Remove { event, account } => {
            // What is no id must not become another path.
            let plain: String = account.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            api.send(Call::delete(format!("{}/{plain}", accounts(event)))).await?;
            print(&json!({"account_id": plain, "removed": true}), json, output, |removed, output| {
                Ok(writeln!(output, "Account {} is out; its devices are revoked.", text(removed, "account_id"))?)
            })
        }
    }
}

fn print(
    value: &Value,
    json: bool,
    output: Output<'_>,
    human: impl FnOnce(&Value, Output<'_>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    if json { output::json(value, output) } else { human(value, output) }
}

fn members(accounts: &Value, output: Output<'_>) -> Result<(), CliError> {
    let mut rows = vec![["ACCOUNT", "ROLE", "CREATED", "NAME"].map(str::to_owned).to_vec()];
    rows.extend(list(accounts, "accounts")?.iter().map(|account| {
        vec![text(account, "account_id"), text(account, "role"), time(account, "created_at_ms"), text(account, "name")]
    }));
    table(&rows, output)
}

fn first_line(file: &Path) -> Result<String, CliError> {
    let failed = |source| CliError::File { path: file.to_owned(), source };
    let mut line = String::new();
    std::io::BufReader::new(std::fs::File::open(file).map_err(failed)?).read_line(&mut line).map_err(failed)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks at the terminal, which shows nothing of what is typed.
fn ask_twice() -> Result<String, CliError> {
    let password = rpassword::prompt_password("Password: ").map_err(CliError::NoPassword)?;
    let again = rpassword::prompt_password("Once more: ").map_err(CliError::NoPassword)?;
    if password == again { Ok(password) } else { Err(CliError::PasswordsDiffer) }
}
