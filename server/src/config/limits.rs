//! The options of limits and TLS.

use super::concern::concern;
use crate::hub::DeviceLimits;

concern! {
    /// How much one address or one device may ask for.
    LimitsConfig in "limits" {
        /// How many connections that have not shown a valid token are accepted at once, those who wait for their turn
        /// too; further ones wait in the system's queue.
        guests: usize = "4096", "count", "MUSTER_LIMITS_GUESTS";
        /// How many of them are heard at once: may speak TLS and send the head of a request.
        handshakes: usize = "1024", "count", "MUSTER_LIMITS_HANDSHAKES";
        /// How many of one address are heard at once. A proxy in `http.trusted_proxies` has no limit of its own.
        guests_per_address: usize = "64", "count", "MUSTER_LIMITS_GUESTS_PER_ADDRESS";
        /// How many more of one address may wait for their turn; one more is closed.
        waiting_per_address: usize = "1024", "count", "MUSTER_LIMITS_WAITING_PER_ADDRESS";
        /// How long a turn is waited for before the connection is closed.
        wait_ms: u64 = "15000", "ms", "MUSTER_LIMITS_WAIT_MS";
        /// How many sync connections with valid tokens one address may have. It is generous: behind one address may be a
        /// whole venue.
        connections_per_address: usize = "16384", "count", "MUSTER_LIMITS_CONNECTIONS_PER_ADDRESS";
        /// How many sync connections one device may have.
        device_connections: usize = "8", "count", "MUSTER_LIMITS_DEVICE_CONNECTIONS";
        /// How many messages a device may send in the long run; beyond, it is read more slowly. 0: no limit. Here and
        /// below, a coordinator's device may take eight times as much, since it imports.
        device_messages_per_s: u32 = "200", "1/s", "MUSTER_LIMITS_DEVICE_MESSAGES_PER_S";
        /// How many messages a device may send at once after a pause.
        device_messages_burst: u32 = "4000", "count", "MUSTER_LIMITS_DEVICE_MESSAGES_BURST";
        /// How much a device may send in the long run. 0: no limit.
        device_kib_per_s: u32 = "1024", "KiB/s", "MUSTER_LIMITS_DEVICE_KIB_PER_S";
        /// How much a device may send at once after a pause.
        device_kib_burst: u32 = "65536", "KiB", "MUSTER_LIMITS_DEVICE_KIB_BURST";
        /// How long documents may work on what a device sends, in the long run. 0: no limit.
        device_work_ms_per_s: u32 = "250", "ms/s", "MUSTER_LIMITS_DEVICE_WORK_MS_PER_S";
        /// How long documents may work on what a device sends at once after a pause.
        device_work_ms_burst: u32 = "10000", "ms", "MUSTER_LIMITS_DEVICE_WORK_MS_BURST";
        /// How long a device may have to wait because it takes too much; beyond, its connection is closed with the time to
        /// come back.
        device_wait_ms: u64 = "10000", "ms", "MUSTER_LIMITS_DEVICE_WAIT_MS";
    }
}

impl LimitsConfig {
    /// As the hub takes them.
    #[must_use]
    pub const fn to_device_limits(&self) -> DeviceLimits {
        DeviceLimits {
            connections: self.device_connections,
            messages_per_s: self.device_messages_per_s,
            messages_burst: self.device_messages_burst,
            kib_per_s: self.device_kib_per_s,
            kib_burst: self.device_kib_burst,
            work_ms_per_s: self.device_work_ms_per_s,
            work_ms_burst: self.device_work_ms_burst,
            wait_ms: self.device_wait_ms,
        }
    }
}

concern! {
    /// TLS at the public listener.
    TlsConfig in "tls" {
        /// The certificate and those that lead to its authority, in PEM form. Empty: no TLS here, as behind a proxy.
        certificate: String = "", "path", "MUSTER_TLS_CERTIFICATE";
        /// Its private key, in PEM form.
        key: String = "", "path", "MUSTER_TLS_KEY";
        /// How often to look whether the files have changed.
        reload_s: u64 = "10", "s", "MUSTER_TLS_RELOAD_S";
        /// How long a handshake may take.
        handshake_timeout_ms: u64 = "10000", "ms", "MUSTER_TLS_HANDSHAKE_TIMEOUT_MS";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_hub() {
        let found = format!("{:?}", LimitsConfig::default().to_device_limits());
        assert_eq!(found, format!("{:?}", DeviceLimits::default()));
    }
}
