//! `muster attendee`, `muster event retention` and `muster backups`.

use clap::Subcommand;
use muster_model::id::{AttendeeId, EventId};
use serde_json::{Value, json};

use super::CliError;
use super::output::{self, list, table, text, time};
use super::people::Output;
use super::transport::{Call, Transport};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum AttendeeCommand {
    /// Erase an attendee: record, contact and what was written about them; check-ins still count. Cannot be undone
    Erase {
        /// The event's id
        event: EventId,
        /// The attendee's id, as exports have it
        attendee: AttendeeId,
    },
}

pub(super) async fn attendee(
    command: AttendeeCommand,
    config: Config,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    let AttendeeCommand::Erase { event, attendee } = command;
    let api = Transport::open(config).await?;
    let erased = api.json(Call::delete(format!("/api/v1/events/{event}/attendees/{attendee}"))).await;
    api.close().await;
    let erased = erased?;
    if json { output::json(&erased, output) } else { tell_erased(&erased, output) }
}

fn tell_erased(erased: &Value, output: Output<'_>) -> Result<(), CliError> {
    let names =
        |field| Ok::<_, CliError>(list(erased, field)?.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    writeln!(output, "Erased attendee {}.", text(erased, "attendee_id"))?;
    writeln!(output, "Begun anew: {}", names("documents")?)?;
    if text(erased, "discarded") != "0" {
        writeln!(output, "Discarded from the quarantine: {}", text(erased, "discarded"))?;
    }
    if !list(erased, "named_in")?.is_empty() {
        writeln!(output, "Look there yourself, the name stands in others' records: {}", names("named_in")?)?;
    }
    if erased.get("files_clean") != Some(&Value::Bool(true)) {
        writeln!(output, "The database's files may still hold the name: erase again when less is going on.")?;
    }
    for copy in list(erased, "backups")? {
        writeln!(output, "Still known to the backup of {}: {}", time(copy, "made_at_ms"), text(copy, "folder"))?;
    }
    Ok(())
}

/// Shows for how long an event's personal data is kept, after setting it if `days` says so.
pub(super) async fn retention(
    api: &Transport,
    event: EventId,
    days: Option<Option<u32>>,
    (json, output): (bool, Output<'_>),
) -> Result<(), CliError> {
    let path = format!("/api/v1/events/{event}/retention");
    let call = match days {
        Some(days) => Call::put(path, &json!({ "days": days })),
        None => Call::get(path),
    };
    let kept = api.json(call).await?;
    if json {
        return output::json(&kept, output);
    }
    match text(&kept, "days").as_str() {
        "" => writeln!(output, "Personal data is kept until somebody erases it.")?,
        days => writeln!(output, "Personal data is erased {days} days after the end: {}", time(&kept, "due_at_ms"))?,
    }
    match time(&kept, "erased_at_ms").as_str() {
        "-" => Ok(()),
        erased => Ok(writeln!(output, "It was erased at {erased}.")?),
    }
}

pub(super) async fn backups(config: Config, json: bool, output: Output<'_>) -> Result<(), CliError> {
    let api = Transport::open(config).await?;
    let copies = api.json(Call::get("/api/v1/backups")).await;
    api.close().await;
    let copies = copies?;
    if json {
        return output::json(&copies, output);
    }
    let mut rows = vec![["MADE", "ERASED SINCE", "THERE", "FOLDER"].map(str::to_owned).to_vec()];
    rows.extend(list(&copies, "backups")?.iter().map(|copy| {
        let there = if copy.get("there") == Some(&Value::Bool(true)) { "yes" } else { "no" };
        vec![time(copy, "made_at_ms"), text(copy, "erased_since"), there.to_owned(), text(copy, "folder")]
    }));
    table(&rows, output)
}
