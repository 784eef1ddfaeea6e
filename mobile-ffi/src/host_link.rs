//! Links that the host app brings: Nearby, Multipeer, a socket in the local network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_client_core::event;
use muster_client_native::{CarrierError as NativeError, Link, LinkEnd};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::error::MusterError;
use crate::foreign::Foreign;
use crate::mirror::mirror;
use crate::runtime;

mirror! {
    both
    /// Which side of the handshake this phone is.
    Side of event::Side {
        /// This phone opened the link.
        Initiator,
        /// The other phone opened it.
        Acceptor,
    }
}

/// What a carrier may throw. Whatever else it throws becomes this, too.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum CarrierError {
    /// The frame cannot be moved any more: the link has ended.
    #[error("the carrier failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CarrierError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// Moves frames to the other phone, whole and in order. It is called on a thread of this library, one call at a time.
#[uniffi::export(with_foreign)]
pub trait HostCarrier: Send + Sync {
    /// Sends a frame. It may wait for a slow network; only this link waits with it.
    ///
    /// # Errors
    /// If the frame cannot be sent. That ends the link: a frame must never be left out.
    fn send(&self, frame: Vec<u8>) -> Result<(), CarrierError>;

    /// The link has ended, whoever ended it. Called once, last.
    ///
    /// # Errors
    /// A carrier may fail here; nothing follows from it.
    fn closed(&self) -> Result<(), CarrierError>;
}

/// Where frames of the other phone go; `None` when the link has ended.
type Open = Option<mpsc::Sender<Result<Vec<u8>, NativeError>>>;

/// The same, for the host's handle and for what moves its frames: either ends the link for both.
type Deliver = Arc<Mutex<Open>>;

/// This phone's end of a link that the host app brought. The link ends when this handle is dropped.
#[derive(Debug, uniffi::Object)]
pub struct HostLink {
    deliver: Deliver,
}

#[uniffi::export]
impl HostLink {
    /// Takes a frame from the other phone, in the order in which they came. Waits while this phone has enough to do: then
    /// the host app should read no more of its network either.
    ///
    /// # Errors
    /// [`MusterError::LinkEnded`] if the link has ended.
    pub async fn deliver(&self, frame: Vec<u8>) -> Result<(), MusterError> {
        let deliver = locked(&self.deliver).clone().ok_or_else(MusterError::link_ended)?;
        runtime::call(async move { deliver.send(Ok(frame)).await.map_err(|_| MusterError::link_ended()) }).await
    }

    /// Ends the link, for example because the host's network has lost the other phone.
    pub fn end(&self) {
        locked(&self.deliver).take();
    }
}

impl Drop for HostLink {
    fn drop(&mut self) {
        self.end();
    }
}

fn locked(deliver: &Deliver) -> MutexGuard<'_, Open> {
    deliver.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A link over the host's carrier, and the host's end of it.
pub(crate) fn link_over(carrier: Arc<dyn HostCarrier>) -> Result<(Link, Arc<HostLink>), MusterError> {
    let (link, LinkEnd { deliver, to_send }) = Link::new();
    let deliver: Deliver = Arc::new(Mutex::new(Some(deliver)));
    runtime::spawn(pump(Foreign::new(carrier), to_send, deliver.clone()))?;
    Ok((link, Arc::new(HostLink { deliver })))
}

/// Moves frames to the carrier until the client closes the link or the carrier fails.
async fn pump(carrier: Foreign<dyn HostCarrier>, mut to_send: mpsc::Receiver<Vec<u8>>, deliver: Deliver) {
    while let Some(frame) = to_send.recv().await {
        let carrier = carrier.clone();
        let sent = spawn_blocking(move || carrier.call(|carrier| carrier.send(frame))).await;
        if !matches!(sent, Ok(Some(Ok(())))) {
            tracing::debug!("a host's carrier failed; its link ends");
            break;
        }
    }
    locked(&deliver).take();
    drop(to_send);
    // It has nothing left to fail at.
    let _ = spawn_blocking(move || carrier.call(|carrier| carrier.closed())).await;
}

#[cfg(test)]
mod tests;
