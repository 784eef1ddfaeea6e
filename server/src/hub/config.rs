//! How the hub is set up.

use std::time::Duration;

use super::DeviceLimits;

/// How the hub is set up. Every field has a default that suits one machine and some thousand phones.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// How long changes to a document are gathered before they are stored and passed on, in milliseconds, counted from
    /// the last time. A change after a pause is not held up. Default 120.
    pub tick_ms: u64,
    /// How much longer the tick gets for each connection on the document, in microseconds: with more to tell, more is
    /// told at once. Default 350.
    pub tick_per_peer_us: u64,
    /// The longest tick, in milliseconds. Default 400.
    pub tick_max_ms: u64,
    /// How long a document without connections stays in memory, in seconds. Default 300.
    pub idle_unload_s: u64,
    /// Messages that may wait for one document; connections that have more wait, and read no further. Default 4,096.
    pub mailbox: usize,
    /// Bytes of messages of one connection that may wait for documents; beyond, it is read no further. One message
    /// may exceed it. Default 16 MiB.
    pub inbound_bytes_per_peer: usize,
    /// Bytes of messages of all connections together that may wait for documents. Default 256 MiB.
    pub inbound_bytes: usize,
    /// Bytes of frames for all connections together that may wait to be written, each counted once however many get it;
    /// beyond, what is new is told later. Default 64 MiB.
    pub outbound_bytes: usize,
    /// Frames that may wait for one connection to be written. One more closes it. Default 4,096.
    pub peer_queue: usize,
    /// Bytes that may wait for one connection to be written, not counting a first frame. Default 32 MiB.
    pub peer_queue_bytes: usize,
    /// The bytes a document may have in storage; beyond, changes are refused. Default 128 MiB.
    pub max_document_bytes: usize,
    /// The bytes all documents of an event may have in storage; beyond, changes are refused. Default 2 GiB.
    pub max_event_bytes: u64,
    /// Changes since the last snapshot from which on a document is stored anew as a snapshot, in bytes, if they also
    /// outweigh that snapshot. Default 1 MiB.
    pub compact_bytes: usize,
    /// The same when the document is unloaded. Default 16 KiB.
    pub compact_idle_bytes: usize,
    /// Documents one connection may have open. Default 1,024.
    pub documents_per_peer: usize,
    /// How long a sync state is kept for a device that does not come back, in days. Default 30.
    pub sync_state_days: u32,
    /// Sync states kept for one device. Default 2,048.
    pub sync_states_per_device: u32,
    /// The largest ephemeral message that is relayed, in bytes; larger ones are dropped. Default 64 KiB.
    pub ephemeral_bytes: usize,
    /// When a connection that was closed for want of room should come back, in milliseconds. Default 2,000.
    pub retry_after_ms: u64,
    /// How much one device may take.
    pub devices: DeviceLimits,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            tick_ms: 120,
            tick_per_peer_us: 350,
            tick_max_ms: 400,
            idle_unload_s: 300,
            mailbox: 4_096,
            inbound_bytes_per_peer: 16 << 20,
            inbound_bytes: 256 << 20,
            outbound_bytes: 64 << 20,
            peer_queue: 4_096,
            peer_queue_bytes: 32 << 20,
            max_document_bytes: 128 << 20,
            max_event_bytes: 2 << 30,
            compact_bytes: 1 << 20,
            compact_idle_bytes: 16 << 10,
            documents_per_peer: 1_024,
            sync_state_days: 30,
            sync_states_per_device: 2_048,
            ephemeral_bytes: 64 << 10,
            retry_after_ms: 2_000,
            devices: DeviceLimits::default(),
        }
    }
}

impl HubConfig {
    /// The tick of a document with so many connections.
    pub(super) fn tick(&self, peers: usize) -> Duration {
        let more = self.tick_per_peer_us.saturating_mul(u64::try_from(peers).unwrap_or(u64::MAX));
        let us = self.tick_ms.saturating_mul(1_000).saturating_add(more);
        Duration::from_micros(us.min(self.tick_max_ms.max(self.tick_ms).saturating_mul(1_000)))
    }
}
