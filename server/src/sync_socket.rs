//! The WebSocket at which phones sync.

use axum::extract::ws::WebSocket;

use crate::hub::{Hub, Principal};

/// Limits and times of one WebSocket.
#[derive(Debug, Clone)]
pub struct SocketConfig {
    /// The largest frame of a device that may import, in bytes. Default 16 MiB.
    pub max_frame_bytes_import: usize,
    /// The largest frame of any other device, in bytes. Default 4 MiB.
    pub max_frame_bytes: usize,
    /// How often a ping is sent, in milliseconds. A peer from which nothing came between two pings is gone. Default
    /// 5,000.
    pub ping_ms: u64,
    /// How long one write may take, in milliseconds. Default 10,000.
    pub write_timeout_ms: u64,
    /// How long to wait for the `join`, in milliseconds. Default 10,000.
    pub handshake_timeout_ms: u64,
    /// How long the last words and the close frame may take, in milliseconds. Default 2,000.
    pub close_timeout_ms: u64,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            max_frame_bytes_import: 16 << 20,
            max_frame_bytes: 4 << 20,
            ping_ms: 5_000,
            write_timeout_ms: 10_000,
            handshake_timeout_ms: 10_000,
            close_timeout_ms: 2_000,
        }
    }
}

/// Serves one WebSocket until it ends.
pub async fn serve(_socket: WebSocket, _principal: Principal, _hub: Hub, _config: SocketConfig) {
    todo!()
}
