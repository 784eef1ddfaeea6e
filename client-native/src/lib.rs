//! Runs the client core on a phone or computer: tokio, WebSocket over rustls, files.
//!
//! [`Client`] is what an app uses. It owns a thread on which the core and its database live, and the links to servers;
//! all it decides is what to do first. Links come from a [`Carrier`]: [`WebSocketCarrier`], or the host app's own.
//!
//! ```no_run
//! # async fn door(database: std::path::PathBuf, link: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use muster_client_native::{Client, ClientConfig, EnrolmentLink, WebSocketCarrier};
//!
//! let client = Client::open(ClientConfig::new(database, Arc::new(WebSocketCarrier::new(&[])?))).await?;
//! client.enrol(&EnrolmentLink::parse(link)?, "Gate A").await?;
//! client.start_sync().await?;
//! let checkpoints = client.read(|core, now| core.checkpoints(now)).await?;
//! if let Some(entrance) = checkpoints.first() {
//!     let result = client.scan(entrance.id, "kfndgffgyw4tdgcacx6bb3bgemq69cxj").await?;
//!     println!("{}", result.verdict.code());
//! }
//! # Ok(())
//! # }
//! ```

mod carrier;
mod client;
mod core_thread;
mod exchange;
mod web_socket;

pub use carrier::{BoxFuture, Carrier, CarrierError, LINK_CAPACITY, Link, LinkEnd, Target};
pub use client::{Client, ClientConfig, ClientError};
pub use exchange::enrol;
pub use muster_client_core::enrolment::{EnrolError, Enrolled, EnrolmentLink};
pub use web_socket::{
    CONNECT_TIMEOUT, MAX_FRAME_BYTES, PING_INTERVAL, RootCertificateError, SILENCE_TIMEOUT, WebSocketCarrier,
    http_client,
};
