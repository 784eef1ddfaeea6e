//! The process around the server: its log, and the signals that stop it.

use std::future::Future;
use std::io::IsTerminal;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// How much is heard of Automerge.
const AUTOMERGE: &str = "automerge=warn";

/// Those who would write what people's devices send and are sent, byte by byte, and how much is heard of them.
const CARRIERS: [&str; 4] = ["tungstenite", "tokio_tungstenite", "hyper", "rustls"];
const CARRIERS_LEVEL: &str = "info";

/// Begins to log to standard error. Where a log has begun already, in a test, it goes on as it is.
pub(super) fn start(config: &LogConfig) {
    let wanted = without_carriers(&config.filter);
    let filter = EnvFilter::try_new(&wanted);
    let understood = filter.is_ok();
    let filter = quieten(filter.unwrap_or_else(|_| EnvFilter::new("info")), &wanted);
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
    let carriers = CARRIERS.map(|carrier| format!("{carrier}={CARRIERS_LEVEL}"));
    let automerge = (!directives.contains("automerge")).then(|| AUTOMERGE.to_owned());
    let more = carriers.into_iter().chain(automerge).filter_map(|directive| directive.parse().ok());
    more.fold(filter, EnvFilter::add_directive)
}

/// The directives but for those about carriers of bytes: nobody who looks for a fault should find people in the log.
fn without_carriers(directives: &str) -> String {
    let spared = |directive: &&str| !CARRIERS.iter().any(|carrier| directive.trim().starts_with(carrier));
    directives.split(',').filter(spared).collect::<Vec<_>>().join(",")
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
        let wanted = without_carriers(given);
        quieten(EnvFilter::new(&wanted), &wanted).to_string()
    }

    #[test]
    fn automerge_is_heard_from_its_warnings_on_unless_it_is_asked_for() {
        assert!(directives("info").contains(AUTOMERGE));
        assert!(directives("muster_server=debug,info").contains(AUTOMERGE));
        assert!(directives("automerge=trace").contains("automerge=trace"));
        assert!(!directives("automerge=trace").contains(AUTOMERGE));
    }

    #[test]
    fn those_who_carry_bytes_are_never_heard_in_full() {
        for given in ["trace", "tungstenite::protocol=trace, hyper=trace,info", "info,tokio_tungstenite=debug"] {
            let found = directives(given);
            assert!(CARRIERS.iter().all(|carrier| found.contains(&format!("{carrier}=info"))), "{found}");
            assert!(!found.contains("protocol") && !found.contains("hyper=trace"), "{found}");
        }
    }
}
