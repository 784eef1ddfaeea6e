//! The sync server: hub, storage, accounts of devices, HTTP API; the binary muster.

mod accounts;
pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod cli;
pub mod clock;
mod code_list;
pub mod config;
pub mod data_dir;
pub mod devices;
pub mod documents;
pub mod erasure;
pub mod error;
pub mod events;
pub mod headers;
pub mod hub;
pub mod imports;
pub mod interchange;
pub mod limits;
pub mod metrics;
pub mod proxies;
pub mod quarantine;
mod records;
pub mod restore;
pub mod router;
pub mod run;
pub mod serve;
pub mod storage;
pub mod sync_socket;
pub mod tickets;
pub mod tls;
mod web;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
