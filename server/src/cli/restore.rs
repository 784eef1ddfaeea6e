//! `muster restore`: works on files, so no server is asked.

use std::path::Path;

use super::CliError;
use super::output;
use super::people::Output;
use crate::config::Config;
use crate::restore::{self, Checked};

pub(super) async fn restore(
    backup: &Path,
    check: bool,
    config: &Config,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    let found = if check { restore::check(backup)? } else { restore::restore(backup, &config.data.dir).await? };
    if json {
        output::json(&serde_json::to_value(&found).map_err(|_| CliError::Answer)?, output)?;
    } else {
        tell(&found, output)?;
        if !check {
            let data = config.data.dir.display();
            writeln!(output, "Restored to {data}. Run it with: muster serve --data {data}")?;
        }
    }
    if found.sound { Ok(()) } else { Err(CliError::BackupUnsound) }
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
