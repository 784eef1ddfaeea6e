//! The server's end of a WebSocket: what it writes is handed to the simulated network, what arrives is put in here.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::extract::ws::Message;
use futures_util::{Sink, Stream};
use muster_server::sync_socket::Outgoing;
use tokio::sync::{Notify, mpsc};

/// A connection at the server.
pub(super) type ConnectionId = u64;

/// What the server wrote.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) connection: ConnectionId,
    /// `None` when the server has let go of the socket.
    pub(super) message: Option<Message>,
}

/// Where everything that the server writes is gathered.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    written: Mutex<Vec<Written>>,
    pub(super) arrived: Notify,
}

impl Outputs {
    fn push(&self, connection: ConnectionId, message: Option<Message>) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(Written { connection, message });
        self.arrived.notify_one();
    }

    /// What was written since: connection by connection, since in which order tasks ran within one moment is the
    /// runtime's affair.
    pub(super) fn take(&self) -> Vec<Written> {
        let mut written = std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner));
        written.sort_by_key(|written| written.connection);
        written
    }
}

/// The server's end of a WebSocket.
pub(super) struct SimulatedSocket {
    connection: ConnectionId,
    incoming: mpsc::UnboundedReceiver<Result<Message, axum::Error>>,
    outputs: Arc<Outputs>,
}

impl SimulatedSocket {
    pub(super) fn new(
        connection: ConnectionId,
        outputs: Arc<Outputs>,
    ) -> (Self, mpsc::UnboundedSender<Result<Message, axum::Error>>) {
        let (sender, incoming) = mpsc::unbounded_channel();
        (Self { connection, incoming, outputs }, sender)
    }
}

impl Drop for SimulatedSocket {
    fn drop(&mut self) {
        self.outputs.push(self.connection, None);
    }
}

impl Stream for SimulatedSocket {
    type Item = Result<Message, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(context)
    }
}

impl Sink<Outgoing> for SimulatedSocket {
    type Error = axum::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: Outgoing) -> Result<(), axum::Error> {
        let message = match message {
            Outgoing::Frame(frame) => Message::Binary(frame.whole()),
            Outgoing::Other(message) => message,
        };
        self.outputs.push(self.connection, Some(message));
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }
}
