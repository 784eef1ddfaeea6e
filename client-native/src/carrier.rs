//! What carries frames between this device and another replica.
//!
//! Muster brings [`WebSocketCarrier`](crate::WebSocketCarrier). A host app that has another way (Nearby, Multipeer, a
//! socket in the local network) implements [`Carrier`] and hands it to the client: whatever can move a frame whole and
//! in order will do.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use muster_client_core::event::Token;
use tokio::sync::mpsc;

/// How many frames wait in each direction of a link before it counts as stuck.
pub const LINK_CAPACITY: usize = 256;

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The address of the other replica's sync endpoint, as its enrolment gave it (`wss://host/sync`).
    pub sync_url: String,
    /// The device's credential there.
    pub token: Token,
}

/// Why a link could not be made, or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    /// Nobody answers: no network, no server, or the name is not known. Trying again later may help.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The other side does not prove who it is. Check the address, the certificate and the device's clock.
    #[error("the server's certificate is not trusted")]
    Untrusted,
    /// The server answers, and refuses the device's token: it has expired, or something changed for the device. The core asks
    /// for another and is told what.
    #[error("the server refuses this device (HTTP {status})")]
    Refused {
        /// The HTTP status it gave.
        status: u16,
    },
    /// The server asks to come back later.
    #[error("the server asks to come back in {ms} ms")]
    RetryAfter {
        /// How long to wait, in milliseconds.
        ms: i64,
    },
    /// The address is not one.
    #[error("the sync address is not valid: enrol the device again")]
    BadAddress,
    /// The link ended. Trying again later may help.
    #[error("the connection ended")]
    Ended,
    /// The other side sent something that is not a frame, or a frame over the limit.
    #[error("the server sent something that is not a sync frame")]
    NotAFrame,
}

/// An open link: frames whole and in order, both ways. Either side ends it by dropping its half.
#[derive(Debug)]
pub struct Link {
    /// Frames from the other side; an error, or the channel's end, is the end of the link.
    pub incoming: mpsc::Receiver<Result<Vec<u8>, CarrierError>>,
    /// Frames to the other side.
    pub outgoing: mpsc::Sender<Vec<u8>>,
}

/// The far half of a [`Link`], for whoever moves its frames.
#[derive(Debug)]
pub struct LinkEnd {
    /// Where frames from the other side go.
    pub deliver: mpsc::Sender<Result<Vec<u8>, CarrierError>>,
    /// Frames to be moved to the other side; its end means that the client has closed the link.
    pub to_send: mpsc::Receiver<Vec<u8>>,
}

impl Link {
    /// A link and its far half.
    #[must_use]
    pub fn new() -> (Self, LinkEnd) {
        let (deliver, incoming) = mpsc::channel(LINK_CAPACITY);
        let (outgoing, to_send) = mpsc::channel(LINK_CAPACITY);
        (Self { incoming, outgoing }, LinkEnd { deliver, to_send })
    }
}

/// A future as a trait object can return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What carries frames between this device and another replica.
pub trait Carrier: Send + Sync + fmt::Debug + 'static {
    /// Opens a link. Waiting and trying again is the client's business, not the carrier's.
    ///
    /// # Errors
    /// Why it could not be opened.
    fn connect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Link, CarrierError>>;
}
