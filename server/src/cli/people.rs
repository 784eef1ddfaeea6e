//! Answers of the API in words for people.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use super::CliError;
use super::output::{list, table, text, time};

/// Where commands print to.
pub(super) type Output<'a> = &'a mut (dyn Write + Send);

/// How many notes of an import are shown.
const NOTES_SHOWN: usize = 20;

fn headings<const N: usize>(names: [&str; N]) -> Vec<Vec<String>> {
    vec![names.map(str::to_owned).to_vec()]
}

pub(super) fn created(event: &Value, output: Output<'_>) -> Result<(), CliError> {
    let id = text(event, "event_id");
    writeln!(output, "Created event {id}: {}.", text(event, "name"))?;
    writeln!(output, "Next: muster event import {id} FILE...")?;
    Ok(writeln!(output, "      muster device add {id} --role staff --name \"Gate A\"")?)
}

pub(super) fn events(events: &Value, output: Output<'_>) -> Result<(), CliError> {
    let mut rows = headings(["EVENT", "STARTS", "ENDS", "TIME ZONE", "NAME"]);
    rows.extend(list(events, "events")?.iter().map(|event| {
        let (id, zone, name) = (text(event, "event_id"), text(event, "time_zone"), text(event, "name"));
        vec![id, time(event, "starts_at_ms"), time(event, "ends_at_ms"), zone, name]
    }));
    table(&rows, output)
}

pub(super) fn import(import: &Value, output: Output<'_>) -> Result<(), CliError> {
    let mut rows = headings(["", "new", "changed", "unchanged", "cancelled", "kept edits"]);
    for (name, tally) in import.get("collections").and_then(Value::as_object).into_iter().flatten() {
        let numbers = ["created", "changed", "unchanged", "cancelled", "kept_edits"].map(|field| text(tally, field));
        rows.push(std::iter::once(format!("  {name}")).chain(numbers).collect());
    }
    table(&rows, output)?;
    if import.get("changed") == Some(&Value::Bool(false)) {
        writeln!(output, "  Nothing changed.")?;
    }
    let notes = list(import, "notes")?;
    for note in notes.iter().take(NOTES_SHOWN) {
        writeln!(output, "  {}: {} ({})", text(note, "place"), text(note, "detail"), text(note, "code"))?;
    }
    match notes.len().saturating_sub(NOTES_SHOWN) {
        0 => Ok(()),
        more => Ok(writeln!(output, "  and {more} more notes: --json shows them")?),
    }
}

pub(super) fn counts(counts: &Value, output: Output<'_>) -> Result<(), CliError> {
    let nothing = Value::Null;
    let part = |value: &'_ Value, field: &str| value.get(field).cloned().unwrap_or(nothing.clone());
    let mut rows = headings(["CHECKPOINT", "ADMITTED", "INSIDE", "ADMISSIONS"]);
    for checkpoint in list(counts, "checkpoints")? {
        let total = part(checkpoint, "total");
        let numbers = ["admitted", "inside", "admissions"].map(|field| text(&total, field));
        rows.push(std::iter::once(text(checkpoint, "name")).chain(numbers).collect());
    }
    table(&rows, output)?;
    let (doubles, rooms) = (part(counts, "double_admissions"), part(counts, "readiness"));
    writeln!(output, "Attendees: {}", text(counts, "attendees"))?;
    writeln!(output, "Double admissions: {} open, {} settled", text(&doubles, "open"), text(&doubles, "settled"))?;
    let states = ["ready", "under_way", "not_started", "overdue", "problem"];
    let states = states.map(|name| format!("{} {}", text(&rooms, name), name.replace('_', " ")));
    Ok(writeln!(output, "Sessions' rooms: {}", states.join(", "))?)
}

pub(super) fn code(code: &Value, output: Output<'_>) -> Result<(), CliError> {
    writeln!(output, "Code:  {}", text(code, "code"))?;
    writeln!(output, "Link:  {}", text(code, "link"))?;
    let approval = if code.get("approve") == Some(&Value::Bool(true)) { ", each let in by you" } else { "" };
    let often = match text(code, "devices").as_str() {
        "1" => format!("once{approval}"),
        devices => format!("for {devices} devices{approval}"),
    };
    writeln!(output, "Good {often}, until {}.", time(code, "expires_at_ms"))?;
    qr(&text(code, "link"), output)
}

/// A link as a QR code of block characters.
pub(super) fn qr(link: &str, output: Output<'_>) -> Result<(), CliError> {
    use qrcode::render::unicode::Dense1x2;
    // A link too long for the largest code is still shown as text.
    let Ok(code) = qrcode::QrCode::with_error_correction_level(link, qrcode::EcLevel::L) else { return Ok(()) };
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Dark).light_color(Dense1x2::Light).build();
    // Black on white whatever the terminal's colours: not every camera reads a code that is inverted.
    let (on, off) = if std::io::stdout().is_terminal() { ("\x1b[30;107m", "\x1b[0m") } else { ("", "") };
    writeln!(output)?;
    drawn.lines().try_for_each(|line| Ok(writeln!(output, "{on}{line}{off}")?))
}

pub(super) fn approved(approved: &Value, output: Output<'_>) -> Result<(), CliError> {
    let ids = list(approved, "approved")?;
    if ids.is_empty() {
        return Ok(writeln!(output, "No device waits.")?);
    }
    for id in ids {
        writeln!(output, "Let in device {}.", id.as_str().unwrap_or_default())?;
    }
    Ok(())
}

pub(super) fn role(device: &Value, output: Output<'_>) -> Result<(), CliError> {
    Ok(writeln!(output, "Device {} has the role {} now.", text(device, "device_id"), text(device, "role"))?)
}

pub(super) fn renamed(device: &Value, output: Output<'_>) -> Result<(), CliError> {
    Ok(writeln!(output, "Device {} is called {} now.", text(device, "device_id"), text(device, "name"))?)
}

pub(super) fn alerts(alerts: &Value, output: Output<'_>) -> Result<(), CliError> {
    let mut rows = headings(["WHEN", "DEVICE", "WHAT", "NAME"]);
    rows.extend(list(alerts, "alerts")?.iter().map(|alert| {
        vec![time(alert, "raised_at_ms"), text(alert, "device_id"), text(alert, "code"), text(alert, "name")]
    }));
    table(&rows, output)
}

pub(super) fn leases(leases: &Value, output: Output<'_>) -> Result<(), CliError> {
    let mut rows = headings(["ROLE", "HOURS WITHOUT CONTACT"]);
    for (role, ms) in leases.get("lease_ms").and_then(Value::as_object).ok_or(CliError::Answer)? {
        let hours = match ms.as_i64().unwrap_or_default() / (60 * 60 * 1_000) {
            0 => "no end".to_owned(),
            hours => hours.to_string(),
        };
        rows.push(vec![role.clone(), hours]);
    }
    table(&rows, output)
}

pub(super) fn keys(keys: &Value, output: Output<'_>) -> Result<(), CliError> {
    let mut rows = headings(["KEY", "MADE", "VERIFIES UNTIL", ""]);
    rows.extend(list(keys, "keys")?.iter().map(|key| {
        let signs = if key.get("signs") == Some(&Value::Bool(true)) { "signs" } else { "" };
        vec![text(key, "key_id"), time(key, "created_at_ms"), time(key, "verifies_until_ms"), signs.to_owned()]
    }));
    table(&rows, output)
}

pub(super) fn devices(devices: &Value, output: Output<'_>) -> Result<(), CliError> {
    let mut rows = headings(["DEVICE", "ROLE", "ENROLLED", "LAST SEEN", "REVOKED", "NAME"]);
    rows.extend(list(devices, "devices")?.iter().map(|device| {
        let mut times = ["enrolled_at_ms", "last_seen_at_ms", "revoked_at_ms"].map(|field| time(device, field));
        let is = |field: &str| device.get(field) == Some(&Value::Bool(true));
        let [_, seen, _] = &mut times;
        if is("pending") {
            *seen = "waits to be let in".to_owned();
        } else if is("connected") {
            *seen = "connected".to_owned();
        }
        let ids = [text(device, "device_id"), text(device, "role")];
        ids.into_iter().chain(times).chain([text(device, "name")]).collect()
    }));
    table(&rows, output)
}

pub(super) fn revoked(device: &Value, output: Output<'_>) -> Result<(), CliError> {
    Ok(writeln!(output, "Revoked device {}.", text(device, "device_id"))?)
}

pub(super) fn backup(made: &Value, output: Output<'_>) -> Result<(), CliError> {
    let (target, bytes) = (text(made, "target"), text(made, "database_bytes"));
    Ok(writeln!(output, "Backed up to {target} ({bytes} bytes). Run it with: muster serve --data {target}")?)
}
