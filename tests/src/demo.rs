//! The demo: a day at the doors of an event, with the network gone.
//!
//! [`watch`] shows it live and leaves the server standing; [`check`] does the same for machines and says whether anything
//! was lost.

pub mod audit;
mod day;
mod doors;
pub mod orders;
pub mod phone;
mod screen;
pub mod tickets;
mod today;
mod tour;

use std::path::Path;

pub use day::{DemoError, Options, Outcome};
use screen::Screen;

use crate::server_process::memory_bytes;

/// Carries the day through; says what happened.
///
/// # Errors
/// If it could not be carried through.
pub async fn check(options: &Options, folder: &Path) -> Result<Outcome, DemoError> {
    let screen = Screen::new(false);
    let (outcome, field) = day::run(options, folder, &screen).await?;
    let mib = |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    let all_phones = memory_bytes(std::process::id());
    screen.say(&format!(
        "\n   memory: server {}, the {} phones and this check together {}",
        mib(field.stage.server.memory_bytes()),
        options.phones,
        mib(all_phones)
    ));
    Ok(outcome)
}

/// Shows the day in a terminal; then the server and the phones stay up until somebody ends them, with a way in for each
/// role.
///
/// # Errors
/// If it could not be carried through.
pub async fn watch(options: &Options, folder: &Path) -> Result<Outcome, DemoError> {
    let screen = Screen::new(options.live);
    let (outcome, mut field) = day::run(options, folder, &screen).await?;
    let server = &field.stage.server;
    let (address, admin) = (server.address(), server.admin_address());
    let (muster, data) = (options.server.display(), field.stage.server.data().display().to_string());
    screen.stage("Or look at it from a terminal");
    screen.say(&format!("   {muster} event list --data {data}"));
    screen.say(&format!("   {muster} device list {} --data {data}", field.stage.event));
    screen.say(&format!("   {muster} event export {} --format checkins-csv --data {data}", field.stage.event));
    screen.say(&format!("   {muster} device add {} --role coordinator --name Me --data {data}", field.stage.event));
    screen.say(&format!("   http://{address}/healthz   /api/v1/openapi.json   http://{admin}/metrics"));
    doors::show(&field, &screen).await?;
    screen.say("\n   Ctrl-C ends it.");
    let _ = tokio::select! {
        ended = field.stage.server.ended() => ended,
        pressed = tokio::signal::ctrl_c() => pressed,
    };
    Ok(outcome)
}
