//! `muster restore`: works on files, so no server is asked.

use std::collections::BTreeMap;
use std::path::Path;

use muster_model::document::DocRef;
use muster_model::id::{DeviceId, EventId};
use serde_json::{Value, json};

use super::CliError;
use super::output;
use super::people::Output;
use crate::app::App;
use crate::audit::{Action, Actor};
use crate::config::Config;
use crate::devices;
use crate::erasure::{self, BEGUN, Told, ToldEpoch};
use crate::error::{ApiError, ErrorCode};
use crate::restore::{self, Checked};
use crate::run;

/// Looks at a backup.
pub(super) fn check(backup: &Path, json: bool, output: Output<'_>) -> Result<(), CliError> {
    let found = restore::check(backup)?;
    if json {
        output::json(&value(&found)?, output)?;
    } else {
        tell(&found, output)?;
    }
    if found.sound { Ok(()) } else { Err(CliError::BackupUnsound) }
}

/// Restores a backup, and does again what was done since to keep people and devices out of it.
pub(super) async fn restore(
    backup: &Path,
    erased: Option<&Path>,
    config: Config,
    (json, output): (bool, Output<'_>),
) -> Result<(), CliError> {
    // A file that cannot be read should be found out before anything is done.
    let log = erased.map(read_log).transpose()?.unwrap_or_default();
    let data = config.data.dir.clone();
    let erase = async |draft: &Path| {
        let mut config = config;
        draft.clone_into(&mut config.data.dir);
        do_again(&log, config).await
    };
    let (found, again) = restore::restore::<_, CliError>(backup, &data, erase).await?;
    if json {
        let mut value = value(&found)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("erased_again".to_owned(), json!(again.erased));
            fields.insert("revoked_again".to_owned(), json!(again.revoked));
        }
        return output::json(&value, output);
    }
    tell(&found, output)?;
    if erased.is_some() {
        writeln!(output, "Erased again: {}, revoked again: {}", again.erased, again.revoked)?;
    } else {
        writeln!(
            output,
            "Whoever was erased since is in it again, and devices that were revoked since are good again: see `muster \
             help restore`, --erased."
        )?;
    }
    let data = data.display();
    Ok(writeln!(output, "Restored to {data}. Run it with: muster serve --data {data}")?)
}

fn value(found: &Checked) -> Result<Value, CliError> {
    serde_json::to_value(found).map_err(|_| CliError::Answer)
}

/// What an audit log tells of that has to be done again, in its order.
#[derive(Default)]
struct Log {
    erasures: Vec<Told>,
    revoked: Vec<(EventId, DeviceId)>,
}

/// How much of it was done again.
#[derive(Default)]
struct Again {
    erased: u64,
    revoked: u64,
}

fn read_log(path: &Path) -> Result<Log, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    let mut log = Log::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        read_entry(line, &mut log).ok_or_else(|| CliError::NoLog { path: path.to_owned() })?;
    }
    log.erasures = with_latest_epochs(log.erasures);
    Ok(log)
}

/// A document that several erasures began anew is in the last one's epoch on phones: the first that is made again has to get
/// beyond it.
fn with_latest_epochs(mut told: Vec<Told>) -> Vec<Told> {
    let mut latest: BTreeMap<(EventId, DocRef), u32> = BTreeMap::new();
    for Told { event, begun, .. } in &told {
        for (document, epoch) in begun {
            let latest = latest.entry((*event, *document)).or_default();
            *latest = epoch.began.max(*latest);
        }
    }
    for Told { event, begun, .. } in &mut told {
        for (document, epoch) in begun {
            epoch.latest = latest.get(&(*event, *document)).copied().unwrap_or(epoch.began);
        }
    }
    told
}

/// Adds what a line tells of; `None` if it is no entry.
fn read_entry(line: &str, log: &mut Log) -> Option<()> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let field = |name: &str| entry.get(name).and_then(Value::as_str);
    let action = field("action")?;
    let attendee = if action == Action::AttendeeErased.as_str() {
        Some(field("subjects")?.strip_prefix("attendee:")?.parse().ok()?)
    } else if action == Action::EventErased.as_str() {
        None
    } else {
        if action == Action::DeviceRevoked.as_str() {
            let device = field("subjects")?.strip_prefix("device:")?.parse().ok()?;
            log.revoked.push((field("event_id")?.parse().ok()?, device));
        }
        return Some(());
    };
    let mut begun = BTreeMap::new();
    for word in field("detail")?.split(' ').filter_map(|word| word.strip_prefix(BEGUN)?.strip_prefix('=')) {
        let (document, epoch) = word.split_once(':')?;
        let began = epoch.parse().ok()?;
        begun.insert(document.parse().ok()?, ToldEpoch { began, latest: began });
    }
    log.erasures.push(Told { event: field("event_id")?.parse().ok()?, attendee, begun });
    Some(())
}

/// What the backup knows of, or whose event or device it does not have, is left out.
async fn do_again(log: &Log, config: Config) -> Result<Again, CliError> {
    if log.erasures.is_empty() && log.revoked.is_empty() {
        return Ok(Again::default());
    }
    let opened = run::open(config, None).await?;
    let again = do_again_in(log, &opened.app).await;
    let storage = opened.app.storage.clone();
    opened.close().await;
    storage.close().await;
    again.map_err(|error| CliError::Refused(Box::new(error.body(""))))
}

async fn do_again_in(log: &Log, app: &App) -> Result<Again, ApiError> {
    let mut again = Again::default();
    for told in &log.erasures {
        match erasure::again(app, told).await {
            Ok(done) => again.erased = again.erased.saturating_add(done.into()),
            Err(error) if error.code == ErrorCode::EventNotFound => {}
            Err(error) => return Err(error),
        }
    }
    for &(event, id) in &log.revoked {
        let device = devices::find(&app.storage, id).await?;
        if device.is_some_and(|device| device.revoked_at.is_none()) && app.revoke(event, id, Actor::Operator).await? {
            again.revoked = again.revoked.saturating_add(1);
        }
    }
    Ok(again)
}

fn tell(found: &Checked, output: Output<'_>) -> Result<(), CliError> {
    let Checked { events, documents, changes, devices, audit_entries, database_bytes, .. } = found;
    writeln!(output, "Events: {events}, documents: {documents} with {changes} changes, devices: {devices}")?;
    writeln!(output, "Refused changes: {}, database: {database_bytes} bytes", found.quarantined)?;
    let head = found.audit_head.as_deref().unwrap_or("none");
    writeln!(output, "Audit log: {audit_entries} entries, head {head}")?;
    for fault in &found.faults {
        writeln!(output, "  {fault}")?;
    }
    match found.more_faults {
        0 if found.sound => Ok(writeln!(output, "Complete and readable.")?),
        0 => Ok(()),
        more => Ok(writeln!(output, "  and {more} more")?),
    }
}
