//! `muster audit`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use muster_model::id::EventId;
use serde_json::Value;

use super::CliError;
use super::output::{self, list, text};
use super::people::Output;
use super::transport::{Call, Transport};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Look at every entry whether it is what was recorded
    Verify {
        /// The hash of an entry that was noted elsewhere: it must still be there
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Write the entries, one JSON object a line
    Export {
        /// Those of one event only
        #[arg(long)]
        event: Option<EventId>,
        /// The file to write [default: standard output]
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

pub(super) async fn audit(
    command: AuditCommand,
    config: Config,
    json: bool,
    output: Output<'_>,
) -> Result<(), CliError> {
    let api = Transport::open(config).await?;
    let done = match command {
        AuditCommand::Verify { head } => verify(&api, head.as_deref(), json, output).await,
        AuditCommand::Export { event, output: Some(path) } => export_to(&api, event, &path).await,
        AuditCommand::Export { event, output: None } => export(&api, event, output).await,
    };
    api.close().await;
    done
}

async fn verify(api: &Transport, head: Option<&str>, json: bool, output: Output<'_>) -> Result<(), CliError> {
    let query = match head {
        Some(head) => {
            // What is no hash must not become another query.
            let plain: String = head.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            format!("?head={plain}")
        }
        None => String::new(),
    };
    let found = api.json(Call::get(format!("/api/v1/audit/verification{query}"))).await?;
    if json {
        output::json(&found, output)?;
    } else {
        tell(&found, output)?;
    }
    if found.get("sound") == Some(&Value::Bool(true)) { Ok(()) } else { Err(CliError::AuditUnsound) }
}

fn tell(found: &Value, output: Output<'_>) -> Result<(), CliError> {
    writeln!(output, "Entries: {}", text(found, "entries"))?;
    if let Some(head) = found.get("head").filter(|head| !head.is_null()) {
        writeln!(output, "Head:    {} (entry {})", text(head, "hash"), text(head, "seq"))?;
    }
    for fault in list(found, "faults")? {
        writeln!(output, "  {} ({})", text(fault, "detail"), text(fault, "code"))?;
    }
    match text(found, "more_faults").as_str() {
        "0" => Ok(()),
        more => Ok(writeln!(output, "  and {more} more")?),
    }
}

async fn export_to(api: &Transport, event: Option<EventId>, path: &Path) -> Result<(), CliError> {
    let failed = |source| CliError::File { path: path.to_owned(), source };
    let mut file = std::fs::File::create(path).map_err(failed)?;
    export(api, event, &mut file).await?;
    file.sync_all().map_err(failed)
}

async fn export(api: &Transport, event: Option<EventId>, output: Output<'_>) -> Result<(), CliError> {
    let of_event = event.map(|event| format!("&event={event}")).unwrap_or_default();
    let mut after = 0;
    loop {
        let page = api.json(Call::get(format!("/api/v1/audit?after={after}{of_event}"))).await?;
        let entries = list(&page, "entries")?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.get("seq").and_then(Value::as_i64).ok_or(CliError::Answer)?;
        for entry in entries {
            writeln!(output, "{entry}")?;
        }
    }
}
