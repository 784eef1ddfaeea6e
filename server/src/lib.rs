//! The sync server: hub, storage, accounts of devices, HTTP API; the binary muster.

pub mod auth;
pub mod config;
pub mod error;
pub mod hub;
pub mod interchange;
pub mod storage;
pub mod sync_socket;
