//! `muster ticket`.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use muster_model::id::{AttendeeId, EventId};
use muster_model::ticket::key::KeyId;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde_json::{Value, json};

use super::CliError;
use super::output::{self, list, table, text, time};
use super::people::Output;
use super::transport::{Call, Transport};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum TicketCommand {
    /// Make signed tickets; the same again for who has one
    Issue {
        /// The event's id
        event: EventId,
        /// An attendee; can be given more than once
        #[arg(long, value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        attendee: Vec<AttendeeId>,
        /// Everybody whose registration stands and whose source gave them no ticket
        #[arg(long)]
        all: bool,
        /// Also replace tickets that another system gave; those let nobody in then
        #[arg(long)]
        replace: bool,
        /// csv: a list with the codes; svg: a QR code for each attendee
        #[arg(long, value_enum, default_value_t = TicketFormat::Csv)]
        format: TicketFormat,
        /// The file to write, or the folder for QR codes [default for a list: standard output]
        #[arg(long, required_if_eq("format", "svg"))]
        output: Option<PathBuf>,
    },
    /// List, rotate and retire the keys that sign tickets
    Keys {
        /// The event's id
        event: EventId,
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Withdraw an attendee's ticket at every door, or give it back
    Withdraw {
        /// The event's id
        event: EventId,
        /// The attendee's id
        attendee: AttendeeId,
        /// revoked: for ever; blocked: for the time being; good: given back
        #[arg(long, value_enum, default_value_t = State::Revoked)]
        state: State,
    },
}

/// How tickets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TicketFormat {
    Csv,
    Svg,
}

/// What becomes of a ticket.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum State {
    Revoked,
    Blocked,
    Good,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// List the keys
    List,
    /// Make a new key, which signs from now on; tickets that are out stay good
    Rotate,
    /// Retire a key: all tickets that it signed are refused
    Retire {
        /// The key's id
        key: KeyId,
    },
}

pub(super) async fn ticket(
    command: TicketCommand,
    config: Config,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    let api = Transport::open(config).await?;
    let done = run(&api, command, json, output).await;
    api.close().await;
    done
}

async fn run(api: &Transport, command: TicketCommand, json: bool, output: Output<'_>) -> Result<(), CliError> {
    match command {
        TicketCommand::Issue { event, attendee, all, replace, format, output: file } => {
            let body = json!({"all": all, "attendees": attendee, "replace": replace});
            let issued = api.json(Call::post(format!("/api/v1/events/{event}/tickets"), &body)).await?;
            match (format, file) {
                _ if json => output::json(&issued, output),
                (TicketFormat::Svg, Some(folder)) => {
                    codes_to(&issued, &folder)?;
                    said(&issued, Some(&folder), output)
                }
                (_, Some(file)) => {
                    let list = csv_of(&issued)?;
                    std::fs::write(&file, list).map_err(|source| CliError::File { path: file.clone(), source })?;
                    said(&issued, Some(&file), output)
                }
                (_, None) => Ok(output.write_all(&csv_of(&issued)?)?),
            }
        }
        TicketCommand::Keys { event, command } => keys(api, event, command, json, output).await,
        TicketCommand::Withdraw { event, attendee, state } => {
            let state = match state {
                State::Revoked => "revoked",
                State::Blocked => "blocked",
                State::Good => "good",
            };
            let body = json!({"attendee": attendee, "state": state});
            api.send(Call::post(format!("/api/v1/events/{event}/withdrawn-tickets"), &body)).await?;
            Ok(writeln!(output, "The ticket of attendee {attendee} is {state}.")?)
        }
    }
}

async fn keys(
    api: &Transport,
    event: EventId,
    command: KeyCommand,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    let path = format!("/api/v1/events/{event}/ticket-keys");
    match command {
        KeyCommand::List => {
            let keys = api.json(Call::get(path)).await?;
            if json { output::json(&keys, output) } else { print_keys(&keys, output) }
        }
        KeyCommand::Rotate => {
            let key = api.json(Call::post(path, &json!({}))).await?;
            if json {
                return output::json(&key, output);
            }
            Ok(writeln!(output, "Key {} signs from now on. Tickets that are out stay good.", text(&key, "key_id"))?)
        }
        KeyCommand::Retire { key } => {
            api.send(Call::delete(format!("{path}/{key}"))).await?;
            writeln!(output, "Retired key {key}: tickets that it signed are refused.")?;
            Ok(writeln!(output, "Next: muster ticket issue {event} --all")?)
        }
    }
}

fn print_keys(keys: &Value, output: Output<'_>) -> Result<(), CliError> {
    let mut rows = vec![["KEY", "SCHEME", "SINCE", "RETIRED", "SIGNS"].map(str::to_owned).to_vec()];
    for key in list(keys, "keys")? {
        let signs = if key.get("signs") == Some(&Value::Bool(true)) { "yes" } else { "-" };
        let times = ["valid_from_ms", "retired_at_ms"].map(|field| time(key, field));
        rows.push(
            [text(key, "key_id"), text(key, "scheme")].into_iter().chain(times).chain([signs.to_owned()]).collect(),
        );
    }
    table(&rows, output)
}

fn said(issued: &Value, place: Option<&Path>, output: Output<'_>) -> Result<(), CliError> {
    let place = place.map(|place| place.display().to_string()).unwrap_or_default();
    writeln!(output, "{} tickets in {place}: whoever has one can come in.", list(issued, "tickets")?.len())?;
    for (field, what) in
        [("kept", "attendees keep the ticket of another system"), ("not_standing", "registrations do not stand")]
    {
        if issued.get(field).and_then(Value::as_u64).is_some_and(|count| count > 0) {
            writeln!(output, "{} {what}.", text(issued, field))?;
        }
    }
    Ok(())
}

/// A list for a mail merge or a badge printer.
fn csv_of(issued: &Value) -> Result<Vec<u8>, CliError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = ["attendee_id", "name", "organisation", "category", "code"];
    writer
        .write_record(["Muster ID", "Name", "Organisation", "Category", "Ticket code"])
        .map_err(|_| CliError::Answer)?;
    for ticket in list(issued, "tickets")? {
        writer.write_record(columns.map(|column| text(ticket, column))).map_err(|_| CliError::Answer)?;
    }
    writer.into_inner().map_err(|_| CliError::Answer)
}

/// A QR code for each ticket, in a file that is called after the attendee's id: no name stands on a disk for it.
fn codes_to(issued: &Value, folder: &Path) -> Result<(), CliError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CliError::File { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    for ticket in list(issued, "tickets")? {
        let id: AttendeeId = text(ticket, "attendee_id").parse().map_err(|_| CliError::Answer)?;
        let path = folder.join(format!("{id}.svg"));
        let svg = qr_svg(&text(ticket, "code")).ok_or(CliError::Answer)?;
        std::fs::write(&path, svg).map_err(failed(&path))?;
    }
    Ok(())
}

/// The QR code of a ticket, at the level that survives a crease or a thumb (M).
fn qr_svg(code: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(code, EcLevel::M).ok()?;
    Some(code.render::<svg::Color<'_>>().min_dimensions(246, 246).build())
}

#[cfg(test)]
mod tests {
    use muster_model::id::RecordId;
    use muster_model::ticket::muster::{CODE_CHARS, MusterTicket};
    use qrcode::Version;

    use super::*;

    #[test]
    fn a_ticket_is_a_qr_code_of_version_six() {
        let event = EventId::from_random([1; 16]);
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let id = KeyId::of(key.verifying_key().as_bytes());
        for seed in 0..=255 {
            let ticket = MusterTicket::new(event, id, AttendeeId::from_random([seed; 10]));
            let code = ticket.sign(event, &key);
            let qr = QrCode::with_error_correction_level(&code, EcLevel::M).unwrap();
            assert_eq!((code.len(), qr.version()), (CODE_CHARS, Version::Normal(6)));
            let svg = qr_svg(&code).unwrap();
            assert!(svg.starts_with("<?xml") && svg.contains("</svg>"));
        }
        let longest = |characters: usize| QrCode::with_version("Z".repeat(characters), Version::Normal(6), EcLevel::M);
        assert!(longest(154).is_ok() && longest(155).is_err(), "what such a code holds");
    }
}
