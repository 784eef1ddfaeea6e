//! The commands that are requests.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use muster_model::id::{CheckpointId, DeviceId, EventId, PresenterId};
use serde_json::{Value, json};

use super::CliError;
use super::erasure;
use super::output;
use super::people::{self, Output};
use super::transport::{Call, Transport};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum EventCommand {
    /// Create an event, with an entrance and a readiness template
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// Its short name, for file names and feeds
        #[arg(long, default_value = "", hide_default_value = true)]
        acronym: String,
        /// Its time zone, such as Europe/Riga [default: UTC]
        #[arg(long, default_value = "", hide_default_value = true)]
        time_zone: String,
        /// When it starts: 2027-05-20, 2027-05-20T09:00 or RFC 3339
        #[arg(long, default_value = "", hide_default_value = true)]
        starts: String,
        /// When it ends, likewise; a date stands for its end
        #[arg(long, default_value = "", hide_default_value = true)]
        ends: String,
    },
    /// Import files: schedules, lists of attendees, orders
    Import {
        /// The event's id
        event: EventId,
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// auto, schedule-xml, schedule-json, attendees-csv, pretix, rooms-csv or presenters-csv
        #[arg(long, default_value = "auto")]
        format: String,
        /// Which of the event's sources the files are from [default: the format]
        #[arg(long)]
        source: Option<String>,
    },
    /// List the events
    List,
    /// Export the programme or people
    Export {
        /// The event's id
        event: EventId,
        /// schedule-xml, schedule-json, icalendar, attendees-csv or checkins-csv
        #[arg(long)]
        format: String,
        /// The file to write [default: standard output]
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Show or set for how long personal data is kept after the event
    Retention {
        /// The event's id
        event: EventId,
        /// Erase it so many days after the end
        #[arg(long, value_name = "N", conflicts_with = "never")]
        days: Option<u32>,
        /// Keep it until somebody erases it
        #[arg(long)]
        never: bool,
    },
    /// Count who is in and which rooms are ready
    Counts {
        /// The event's id
        event: EventId,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// Make a code with which a device enrols, or a whole crew
    Add {
        /// The event's id
        event: EventId,
        /// coordinator, finance, staff or presenter
        #[arg(long)]
        role: String,
        /// What to call the device
        #[arg(long)]
        name: String,
        /// Whose device it is, for the role presenter
        #[arg(long)]
        presenter: Option<PresenterId>,
        /// A checkpoint that it may serve, by its id; again for more [default: all]
        #[arg(long = "checkpoint", value_name = "CHECKPOINT")]
        checkpoints: Vec<CheckpointId>,
        /// How many devices the code enrols
        #[arg(long, default_value_t = 1)]
        devices: u32,
        /// Let each device wait until `muster device approve` lets it in
        #[arg(long)]
        approve: bool,
        /// For how many minutes the code is good; a week at most [default: 15, or as configured]
        #[arg(long)]
        expires_min: Option<u32>,
    },
    /// Let devices in that wait
    Approve {
        /// The event's id
        event: EventId,
        /// The devices' ids
        #[arg(required_unless_present = "all")]
        devices: Vec<DeviceId>,
        /// All that wait
        #[arg(long, conflicts_with = "devices")]
        all: bool,
    },
    /// Give a device another role, at once
    Role {
        /// The event's id
        event: EventId,
        /// The device's id
        device: DeviceId,
        /// coordinator, finance, staff or presenter
        #[arg(long)]
        role: String,
        /// Whose device it is, for the role presenter
        #[arg(long)]
        presenter: Option<PresenterId>,
    },
    /// Call a device something else
    Rename {
        /// The event's id
        event: EventId,
        /// The device's id
        device: DeviceId,
        /// What to call it
        #[arg(long)]
        name: String,
    },
    /// List what somebody should look at: devices of which there are two
    Alerts {
        /// The event's id
        event: EventId,
    },
    /// Show or set for how long devices work without contact
    Lease {
        /// The event's id
        event: EventId,
        /// The role to set it for
        #[arg(long, requires = "hours")]
        role: Option<String>,
        /// For how many hours; 0 for no end
        #[arg(long, requires = "role")]
        hours: Option<u32>,
    },
    /// List the devices of an event
    List {
        /// The event's id
        event: EventId,
    },
    /// Revoke a device: it is refused from now on
    Revoke {
        /// The event's id
        event: EventId,
        /// The device's id
        device: DeviceId,
    },
}

pub(super) async fn event(
    command: EventCommand,
    config: Config,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    let api = Transport::open(config).await?;
    let done = run_event(&api, command, json, output).await;
    api.close().await;
    done
}

async fn run_event(api: &Transport, command: EventCommand, json: bool, output: Output<'_>) -> Result<(), CliError> {
    match command {
        EventCommand::Create { name, acronym, time_zone, starts, ends } => {
            let body = json!({
                "name": name, "acronym": acronym, "time_zone": time_zone, "starts": starts, "ends": ends
            });
            let event = api.json(Call::post("/api/v1/events", &body)).await?;
            print(&event, json, output, people::created)
        }
        EventCommand::Import { event, files, format, source } => {
            import(api, event, &files, (&format, source.as_deref()), (json, output)).await
        }
        EventCommand::List => {
            let events = api.json(Call::get("/api/v1/events")).await?;
            print(&events, json, output, people::events)
        }
        EventCommand::Export { event, format, output: file } => export(api, event, &format, file, output).await,
        EventCommand::Retention { event, days, never } => {
            let days = days.map(Some).or(never.then_some(None));
            erasure::retention(api, event, days, (json, output)).await
        }
        EventCommand::Counts { event } => {
            let counts = api.json(Call::get(format!("/api/v1/events/{event}/counts"))).await?;
            print(&counts, json, output, people::counts)
        }
    }
}

pub(super) async fn device(
    command: DeviceCommand,
    config: Config,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    let api = Transport::open(config).await?;
    let done = run_device(&api, command, json, output).await;
    api.close().await;
    done
}

async fn run_device(api: &Transport, command: DeviceCommand, json: bool, output: Output<'_>) -> Result<(), CliError> {
    match command {
        DeviceCommand::Add { event, role, name, presenter, checkpoints, devices, approve, expires_min } => {
            let body = json!({
                "role": role, "name": name, "presenter": presenter, "checkpoints": checkpoints, "devices": devices,
                "approve": approve, "expires_min": expires_min
            });
            let code = api.json(Call::post(format!("/api/v1/events/{event}/devices"), &body)).await?;
            print(&code, json, output, people::code)
        }
        DeviceCommand::Approve { event, devices, all } => {
            let approved = approve(api, event, devices, all).await?;
            print(&json!({"approved": approved}), json, output, people::approved)
        }
        DeviceCommand::Role { event, device, role, presenter } => {
            let path = format!("/api/v1/events/{event}/devices/{device}/role");
            api.send(Call::put(path, &json!({"role": role, "presenter": presenter}))).await?;
            print(&json!({"device_id": device, "role": role}), json, output, people::role)
        }
        DeviceCommand::Rename { event, device, name } => {
            let path = format!("/api/v1/events/{event}/devices/{device}/name");
            api.send(Call::put(path, &json!({ "name": name }))).await?;
            print(&json!({"device_id": device, "name": name}), json, output, people::renamed)
        }
        DeviceCommand::Alerts { event } => {
            let alerts = api.json(Call::get(format!("/api/v1/events/{event}/device-alerts"))).await?;
            print(&alerts, json, output, people::alerts)
        }
        DeviceCommand::Lease { event, role, hours } => {
            let path = format!("/api/v1/events/{event}/leases");
            let leases = match (role, hours) {
                (Some(role), Some(hours)) => {
                    let ms = i64::from(hours).saturating_mul(60 * 60 * 1_000);
                    api.json(Call::put(path, &json!({"lease_ms": {role: ms}}))).await?
                }
                _ => api.json(Call::get(path)).await?,
            };
            print(&leases, json, output, people::leases)
        }
        DeviceCommand::List { event } => {
            let devices = api.json(Call::get(format!("/api/v1/events/{event}/devices"))).await?;
            print(&devices, json, output, people::devices)
        }
        DeviceCommand::Revoke { event, device } => {
            api.send(Call::delete(format!("/api/v1/events/{event}/devices/{device}"))).await?;
            print(&json!({"device_id": device, "revoked": true}), json, output, people::revoked)
        }
    }
}

/// Lets devices in, all that wait or those named; gives their ids.
async fn approve(api: &Transport, event: EventId, named: Vec<DeviceId>, all: bool) -> Result<Vec<String>, CliError> {
    let mut ids: Vec<String> = named.iter().map(ToString::to_string).collect();
    if all {
        let devices = api.json(Call::get(format!("/api/v1/events/{event}/devices"))).await?;
        let waits = |device: &&Value| {
            device.get("pending") == Some(&Value::Bool(true)) && device.get("revoked_at_ms") == Some(&Value::Null)
        };
        let waiting = output::list(&devices, "devices")?.iter().filter(waits);
        ids = waiting.map(|device| output::text(device, "device_id")).collect();
    }
    for id in &ids {
        api.send(Call::post(format!("/api/v1/events/{event}/devices/{id}/approve"), &Value::Null)).await?;
    }
    Ok(ids)
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a new signing key, which signs from now on
    Rotate,
    /// List the signing keys
    List,
}

pub(super) async fn key(command: KeyCommand, config: Config, json: bool, output: Output<'_>) -> Result<(), CliError> {
    let api = Transport::open(config).await?;
    let call = match command {
        KeyCommand::Rotate => Call::post("/api/v1/keys", &Value::Null),
        KeyCommand::List => Call::get("/api/v1/keys"),
    };
    let keys = api.json(call).await;
    api.close().await;
    print(&keys?, json, output, people::keys)
}

pub(super) async fn backup(target: &Path, config: Config, json: bool, output: Output<'_>) -> Result<(), CliError> {
    let absolute = std::path::absolute(target);
    let target = absolute.map_err(|source| CliError::File { path: target.to_owned(), source })?;
    let api = Transport::open(config).await?;
    let made = api.json(Call::post("/api/v1/backups", &json!({"target": target}))).await;
    api.close().await;
    print(&made?, json, output, people::backup)
}

/// Imports the files one after the other; with JSON the answers are one list.
async fn import(
    api: &Transport,
    event: EventId,
    files: &[PathBuf],
    (format, source): (&str, Option<&str>),
    (json, output): (bool, Output<'_>),
) -> Result<(), CliError> {
    let mut path = reqwest::Url::parse("http://localhost").map_err(|_| CliError::Answer)?;
    path.set_path(&format!("/api/v1/events/{event}/imports"));
    path.query_pairs_mut().append_pair("format", format).extend_pairs(source.map(|source| ("source", source)));
    let path = format!("{}?{}", path.path(), path.query().unwrap_or_default());
    let mut answers = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).map_err(|source| CliError::File { path: file.clone(), source })?;
        let answer = api.json(Call::upload(&path, bytes)).await?;
        if !json {
            writeln!(output, "{}:", file.display())?;
            people::import(&answer, output)?;
        }
        answers.push(answer);
    }
    if json { output::json(&json!({ "imports": answers }), output) } else { Ok(()) }
}

async fn export(
    api: &Transport,
    event: EventId,
    format: &str,
    file: Option<PathBuf>,
    output: Output<'_>,
) -> Result<(), CliError> {
    // What is no format must not become another path.
    let plain: String = format.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let bytes = api.send(Call::get(format!("/api/v1/events/{event}/exports/{plain}"))).await?;
    match file {
        Some(path) => std::fs::write(&path, &bytes).map_err(|source| CliError::File { path, source }),
        None => Ok(output.write_all(&bytes)?),
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
