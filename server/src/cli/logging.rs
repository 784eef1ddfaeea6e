//! The process around the server: its log, and the signals that stop it.

use std::future::Future;
use std::io::IsTerminal;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// How much is heard of Automerge.
const AUTOMERGE: &str = "automerge=warn";

/// Begins to log to standard error. Where a log has begun already, in a test, it goes on as it is.
pub(super) fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter);
    let understood = filter.is_ok();
    let filter = quieten(filter.unwrap_or_else(|_| EnvFilter::new("info")), &config.filter);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let begun = match config.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    if begun.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            // What a panic says may quote data; where it was says enough to find it.
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "a panic was caught");
        }));
    }
    if !understood {
        tracing::warn!("log.filter cannot be understood: logging at level info");
    }
}

/// Automerge 0.12 opens a span of level info around every change that it takes in, and writes the whole history of the
/// document into it (`src/storage/load.rs`, `load_changes`): four fifths of the server's time with ten phones. So it is
/// heard from its warnings on, unless the directives speak of it.
fn quieten(filter: EnvFilter, directives: &str) -> EnvFilter {
    match AUTOMERGE.parse() {
        Ok(directive) if !directives.contains("automerge") => filter.add_directive(directive),
        _ => filter,
    }
}

/// Ready when the process is asked to stop (SIGTERM or SIGINT).
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directives(given: &str) -> String {
        quieten(EnvFilter::new(given), given).to_string()
    }

    #[test]
    fn automerge_is_heard_from_its_warnings_on_unless_it_is_asked_for() {
        assert!(directives("info").contains(AUTOMERGE));
        assert!(directives("muster_server=debug,info").contains(AUTOMERGE));
        assert_eq!(directives("automerge=trace"), "automerge=trace");
    }
}
