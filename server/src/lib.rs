//! The sync server: hub, storage, accounts of devices, HTTP API; the binary muster.

pub mod hub;
pub mod storage;
pub mod sync_socket;

#[cfg(test)]
mod testing;
