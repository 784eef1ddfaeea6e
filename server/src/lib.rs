//! The sync server: hub, storage, accounts of devices, HTTP API; the binary muster.

pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod devices;
pub mod documents;
pub mod error;
pub mod events;
pub mod hub;
pub mod imports;
pub mod interchange;
pub mod metrics;
mod quarantine;
mod records;
pub mod router;
pub mod run;
pub mod serve;
pub mod storage;
pub mod sync_socket;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
