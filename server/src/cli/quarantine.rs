//! Commands about refused changes.

use clap::Subcommand;
use muster_model::id::EventId;
use serde_json::{Value, json};

use super::CliError;
use super::output::{self, list, table, text, time};
use super::people::Output;
use super::transport::{Call, Transport};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum QuarantineCommand {
    /// List refused changes that wait for a decision
    List {
        /// The event's id
        event: EventId,
        /// Those that were decided about instead
        #[arg(long)]
        decided: bool,
    },
    /// Show what is in an entry
    Show {
        /// The event's id
        event: EventId,
        /// The entry's number
        entry: i64,
    },
    /// Accept an entry: its facts are written under the ids they have
    Accept {
        /// The event's id
        event: EventId,
        /// The entry's number
        entry: i64,
        /// Why, for those who look at it later
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
    },
    /// Discard an entry: what is in it is gone
    Discard {
        /// The event's id
        event: EventId,
        /// The entry's number
        entry: i64,
        /// Why, for those who look at it later
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
    },
}

pub(super) async fn run(
    command: QuarantineCommand,
    config: Config,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    let api = Transport::open(config).await?;
    let answer = ask(&api, &command).await;
    api.close().await;
    let answer = answer?;
    if json {
        return output::json(&answer, output);
    }
    match command {
        QuarantineCommand::List { .. } => entries(&answer, output),
        QuarantineCommand::Show { .. } => shown(&answer, output),
        QuarantineCommand::Accept { .. } => {
            let [written, there, left_out] = ["written", "there", "left_out"].map(|field| text(&answer, field));
            Ok(writeln!(output, "Accepted: {written} facts written, {there} were there, {left_out} left out.")?)
        }
        QuarantineCommand::Discard { .. } => Ok(writeln!(output, "Discarded.")?),
    }
}

async fn ask(api: &Transport, command: &QuarantineCommand) -> Result<Value, CliError> {
    match command {
        QuarantineCommand::List { event, decided } => {
            api.json(Call::get(format!("/api/v1/events/{event}/quarantine?decided={decided}"))).await
        }
        QuarantineCommand::Show { event, entry } => {
            api.json(Call::get(format!("/api/v1/events/{event}/quarantine/{entry}"))).await
        }
        QuarantineCommand::Accept { event, entry, note } => {
            let path = format!("/api/v1/events/{event}/quarantine/{entry}/accept");
            api.json(Call::post(path, &json!({ "note": note }))).await
        }
        QuarantineCommand::Discard { event, entry, note } => {
            let path = format!("/api/v1/events/{event}/quarantine/{entry}/discard");
            api.json(Call::post(path, &json!({ "note": note }))).await
        }
    }
}

fn entries(answer: &Value, output: Output<'_>) -> Result<(), CliError> {
    let entries = list(answer, "entries")?;
    if entries.is_empty() {
        return Ok(writeln!(output, "Nothing.")?);
    }
    let mut rows =
        vec![["ENTRY", "RECEIVED", "DOCUMENT", "DEVICE", "AUTHOR", "CODE", "DECISION"].map(str::to_owned).to_vec()];
    rows.extend(entries.iter().map(|entry| {
        let field = |name| text(entry, name);
        vec![
            field("id"),
            time(entry, "received_at_ms"),
            field("document"),
            field("device_id"),
            field("author"),
            field("code"),
            field("decision"),
        ]
    }));
    table(&rows, output)
}

fn shown(answer: &Value, output: Output<'_>) -> Result<(), CliError> {
    let nothing = Value::Null;
    let entry = answer.get("entry").unwrap_or(&nothing);
    for name in ["id", "document", "device_id", "author", "code", "reason", "bytes", "decision", "note"] {
        writeln!(output, "{name:>10}  {}", text(entry, name))?;
    }
    for fact in list(answer, "facts")? {
        writeln!(output, "{:>10}  {}  {}", "fact", text(fact, "id"), fact.get("fact").unwrap_or(&nothing))?;
    }
    Ok(writeln!(output, "{:>10}  {}", "others", text(answer, "others"))?)
}
