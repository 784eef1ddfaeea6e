//! The sync server: hub, storage, accounts of devices, HTTP API; the binary muster.

pub mod interchange;
