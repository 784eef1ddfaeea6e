//! The options of hub, sync connections and storage, whose meaning is theirs.

use super::concern::concern;
use crate::hub::HubConfig;
use crate::storage::{QuarantineLimits, StorageConfig};
use crate::sync_socket::SocketConfig;

concern! {
    /// How open documents are kept and told to devices.
    HubOptions in "hub" {
        /// How long changes to a document are gathered before they are stored and passed on. A change after a pause is
        /// not held up.
        tick_ms: u64 = "120", "ms", "MUSTER_HUB_TICK_MS";
        /// How much longer changes are gathered for each connection on the document.
        tick_per_peer_us: u64 = "350", "us", "MUSTER_HUB_TICK_PER_PEER_US";
        /// The longest that changes are gathered.
        tick_max_ms: u64 = "400", "ms", "MUSTER_HUB_TICK_MAX_MS";
        /// How long a document without connections stays in memory.
        idle_unload_s: u64 = "300", "s", "MUSTER_HUB_IDLE_UNLOAD_S";
        /// How many messages may wait for one document; connections that have more wait.
        mailbox: usize = "4096", "count", "MUSTER_HUB_MAILBOX";
        /// How much of one connection's messages may wait for documents.
        inbound_bytes_per_peer: usize = "16777216", "bytes", "MUSTER_HUB_INBOUND_BYTES_PER_PEER";
        /// How much of all connections' messages may wait for documents.
        inbound_bytes: usize = "268435456", "bytes", "MUSTER_HUB_INBOUND_BYTES";
        /// How much may wait to be written to all connections, what many get counted once; beyond, what is new is told later.
        outbound_bytes: usize = "67108864", "bytes", "MUSTER_HUB_OUTBOUND_BYTES";
        /// How many frames may wait for one connection; one more closes it.
        peer_queue: usize = "4096", "count", "MUSTER_HUB_PEER_QUEUE";
        /// How much may wait for one connection.
        peer_queue_bytes: usize = "33554432", "bytes", "MUSTER_HUB_PEER_QUEUE_BYTES";
        /// How large a document may be; beyond, changes are refused.
        max_document_bytes: usize = "134217728", "bytes", "MUSTER_HUB_MAX_DOCUMENT_BYTES";
        /// How large all documents of an event together may be; beyond, changes are refused.
        max_event_bytes: u64 = "2147483648", "bytes", "MUSTER_HUB_MAX_EVENT_BYTES";
        /// From how many bytes of changes since its last snapshot a document is stored anew as one, if they outweigh that
        /// snapshot.
        compact_bytes: usize = "1048576", "bytes", "MUSTER_HUB_COMPACT_BYTES";
        /// The same when the document leaves memory.
        compact_idle_bytes: usize = "16384", "bytes", "MUSTER_HUB_COMPACT_IDLE_BYTES";
        /// How many documents one connection may have open.
        documents_per_peer: usize = "1024", "count", "MUSTER_HUB_DOCUMENTS_PER_PEER";
        /// How long a sync state is kept for a device that does not come back.
        sync_state_days: u32 = "30", "days", "MUSTER_HUB_SYNC_STATE_DAYS";
        /// How many sync states are kept for one device.
        sync_states_per_device: u32 = "2048", "count", "MUSTER_HUB_SYNC_STATES_PER_DEVICE";
        /// The largest ephemeral message that is passed on; larger ones are dropped.
        ephemeral_bytes: usize = "65536", "bytes", "MUSTER_HUB_EPHEMERAL_BYTES";
        /// When a connection that was closed for want of room should come back.
        retry_after_ms: u64 = "2000", "ms", "MUSTER_HUB_RETRY_AFTER_MS";
    }
}

impl HubOptions {
    /// As the hub takes them; what one device may take is set elsewhere.
    #[must_use]
    pub fn to_hub_config(&self) -> HubConfig {
        let Self {
            tick_ms,
            tick_per_peer_us,
            tick_max_ms,
            idle_unload_s,
            mailbox,
            inbound_bytes_per_peer,
            inbound_bytes,
            outbound_bytes,
            peer_queue,
            peer_queue_bytes,
            max_document_bytes,
            max_event_bytes,
            compact_bytes,
            compact_idle_bytes,
            documents_per_peer,
            sync_state_days,
            sync_states_per_device,
            ephemeral_bytes,
            retry_after_ms,
        } = *self;
        HubConfig {
            tick_ms,
            tick_per_peer_us,
            tick_max_ms,
            idle_unload_s,
            mailbox,
            inbound_bytes_per_peer,
            inbound_bytes,
            outbound_bytes,
            peer_queue,
            peer_queue_bytes,
            max_document_bytes,
            max_event_bytes,
            compact_bytes,
            compact_idle_bytes,
            documents_per_peer,
            sync_state_days,
            sync_states_per_device,
            ephemeral_bytes,
            retry_after_ms,
            ..HubConfig::default()
        }
    }
}

concern! {
    /// How devices are connected.
    SyncOptions in "sync" {
        /// The largest frame of a device that may import.
        max_frame_bytes_import: usize = "16777216", "bytes", "MUSTER_SYNC_MAX_FRAME_BYTES_IMPORT";
        /// The largest frame of any other device.
        max_frame_bytes: usize = "4194304", "bytes", "MUSTER_SYNC_MAX_FRAME_BYTES";
        /// How often a ping is sent.
        ping_ms: u64 = "12000", "ms", "MUSTER_SYNC_PING_MS";
        /// How long nothing at all may come before a device is taken for gone; also what a slow link has for its largest
        /// frame.
        silence_ms: u64 = "30000", "ms", "MUSTER_SYNC_SILENCE_MS";
        /// How long one write may take, beyond the time that its bytes need on the slowest link that is served.
        write_timeout_ms: u64 = "10000", "ms", "MUSTER_SYNC_WRITE_TIMEOUT_MS";
        /// The slowest link that is served.
        min_bytes_per_s: u64 = "16384", "bytes/s", "MUSTER_SYNC_MIN_BYTES_PER_S";
        /// How long a device may take to say who it is.
        handshake_timeout_ms: u64 = "10000", "ms", "MUSTER_SYNC_HANDSHAKE_TIMEOUT_MS";
        /// How long the last words of a connection may take.
        close_timeout_ms: u64 = "2000", "ms", "MUSTER_SYNC_CLOSE_TIMEOUT_MS";
    }
}

impl SyncOptions {
    /// As sockets take them.
    #[must_use]
    pub fn to_socket_config(&self) -> SocketConfig {
        let Self {
            max_frame_bytes_import,
            max_frame_bytes,
            ping_ms,
            silence_ms,
            write_timeout_ms,
            min_bytes_per_s,
            handshake_timeout_ms,
            close_timeout_ms,
        } = *self;
        SocketConfig {
            max_frame_bytes_import,
            max_frame_bytes,
            ping_ms,
            silence_ms,
            write_timeout_ms,
            min_bytes_per_s,
            handshake_timeout_ms,
            close_timeout_ms,
            renewal: None,
        }
    }
}

concern! {
    /// How the database is used.
    StorageOptions in "storage" {
        /// How many connections read.
        readers: usize = "4", "count", "MUSTER_STORAGE_READERS";
        /// How many jobs may wait to be written; more wait outside.
        write_queue: usize = "1024", "count", "MUSTER_STORAGE_WRITE_QUEUE";
        /// How many jobs share one transaction at most.
        batch_max: usize = "512", "count", "MUSTER_STORAGE_BATCH_MAX";
        /// How long to wait for another process that holds the database.
        busy_timeout_ms: u64 = "5000", "ms", "MUSTER_STORAGE_BUSY_TIMEOUT_MS";
        /// How many refused changes of one device are kept.
        quarantine_per_device: u64 = "1000", "count", "MUSTER_STORAGE_QUARANTINE_PER_DEVICE";
        /// How much of one device's refused changes is kept.
        quarantine_bytes_per_device: u64 = "16777216", "bytes", "MUSTER_STORAGE_QUARANTINE_BYTES_PER_DEVICE";
        /// How many refused changes of one event are kept.
        quarantine_per_event: u64 = "20000", "count", "MUSTER_STORAGE_QUARANTINE_PER_EVENT";
        /// How much of one event's refused changes is kept.
        quarantine_bytes_per_event: u64 = "268435456", "bytes", "MUSTER_STORAGE_QUARANTINE_BYTES_PER_EVENT";
    }
}

impl StorageOptions {
    /// As the storage takes them.
    #[must_use]
    pub fn to_storage_config(&self) -> StorageConfig {
        StorageConfig {
            readers: self.readers,
            write_queue: self.write_queue,
            batch_max: self.batch_max,
            busy_timeout_ms: self.busy_timeout_ms,
            quarantine: QuarantineLimits {
                per_device: self.quarantine_per_device,
                bytes_per_device: self.quarantine_bytes_per_device,
                per_event: self.quarantine_per_event,
                bytes_per_event: self.quarantine_bytes_per_event,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_hub_sockets_and_storage() {
        let debug = |value: &dyn std::fmt::Debug| format!("{value:?}");
        assert_eq!(debug(&HubOptions::default().to_hub_config()), debug(&HubConfig::default()));
        assert_eq!(debug(&SyncOptions::default().to_socket_config()), debug(&SocketConfig::default()));
        assert_eq!(debug(&StorageOptions::default().to_storage_config()), debug(&StorageConfig::default()));
    }
}
