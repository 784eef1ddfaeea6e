//! `muster restore`: works on files, so no server is asked.

use std::collections::BTreeMap;
use std::path::Path;

use muster_model::document::DocRef;
use muster_model::id::EventId;
use serde_json::{Value, json};

use super::CliError;
use super::output;
use super::people::Output;
use crate::audit::Action;
use crate::config::Config;
use crate::erasure::{self, BEGUN, Told, ToldEpoch};
use crate::error::ErrorCode;
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

/// Restores a backup, and makes the erasures again that it does not know of.
pub(super) async fn restore(
    backup: &Path,
    erased: Option<&Path>,
    config: Config,
    (json, output): (bool, Output<'_>),
) -> Result<(), CliError> {
    // A file that cannot be read should be found out before anything is done.
    let erasures = erased.map(erasures).transpose()?.unwrap_or_default();
    let data = config.data.dir.clone();
    let erase = async |draft: &Path| {
        let mut config = config;
        draft.clone_into(&mut config.data.dir);
        erase_again(&erasures, config).await
    };
    let (found, again) = restore::restore::<_, CliError>(backup, &data, erase).await?;
    if json {
        let mut value = value(&found)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("erased_again".to_owned(), json!(again));
        }
        return output::json(&value, output);
    }
    tell(&found, output)?;
    if erased.is_some() {
        writeln!(output, "Erased again: {again}")?;
    } else {
        writeln!(output, "Whoever was erased since is in it again: see `muster help restore`, --erased.")?;
    }
    let data = data.display();
    Ok(writeln!(output, "Restored to {data}. Run it with: muster serve --data {data}")?)
}

fn value(found: &Checked) -> Result<Value, CliError> {
    serde_json::to_value(found).map_err(|_| CliError::Answer)
}

/// The erasures that a log tells of, in its order.
fn erasures(path: &Path) -> Result<Vec<Told>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let told: Option<Vec<Option<Told>>> = lines.map(told).collect();
    let told = told.ok_or_else(|| CliError::NoLog { path: path.to_owned() })?;
    Ok(with_latest_epochs(told.into_iter().flatten().collect()))
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

/// What a line tells of: `None` if it is no entry, `Some(None)` if it is one of something else.
fn told(line: &str) -> Option<Option<Told>> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let field = |name: &str| entry.get(name).and_then(Value::as_str);
    let attendee = match field("action")? {
        action if action == Action::AttendeeErased.as_str() => {
            Some(field("subjects")?.strip_prefix("attendee:")?.parse().ok()?)
        }
        action if action == Action::EventErased.as_str() => None,
        _ => return Some(None),
    };
    let mut begun = BTreeMap::new();
    for word in field("detail")?.split(' ').filter_map(|word| word.strip_prefix(BEGUN)?.strip_prefix('=')) {
        let (document, epoch) = word.split_once(':')?;
        let began = epoch.parse().ok()?;
        begun.insert(document.parse().ok()?, ToldEpoch { began, latest: began });
    }
    Some(Some(Told { event: field("event_id")?.parse().ok()?, attendee, begun }))
}

/// Says how many erasures were made again; what the backup knows of, or whose event it does not have, is left out.
async fn erase_again(erasures: &[Told], config: Config) -> Result<u64, CliError> {
    if erasures.is_empty() {
        return Ok(0);
    }
    let opened = run::open(config, None).await?;
    let mut again = Ok(0_u64);
    for told in erasures {
        again = match (again, erasure::again(&opened.app, told).await) {
            (Ok(again), Ok(done)) => Ok(again.saturating_add(done.into())),
            (again, Err(error)) if error.code == ErrorCode::EventNotFound => again,
            (_, Err(error)) => Err(CliError::Refused(Box::new(error.body("")))),
            (Err(error), _) => Err(error),
        };
        if again.is_err() {
            break;
        }
    }
    let storage = opened.app.storage.clone();
    opened.close().await;
    storage.close().await;
    again
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
