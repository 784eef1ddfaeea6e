//! A tap on the wire: a WebSocket relay between a client and the server that reads along.
//!
//! What a client and the server said can be waited for and counted afterwards. An exchange that never ends shows as a count.

use std::io;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use muster_protocol::{Frame, FrameLimits};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{accept_hdr_async, connect_async};

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// A relay from a port of its own to a server's WebSocket endpoints.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    seen: watch::Sender<Vec<(Who, Frame)>>,
    relay: JoinHandle<()>,
}

impl Tap {
    /// A tap on the way to `server`.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let seen = watch::Sender::new(Vec::new());
        let noting = seen.clone();
        let relay = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, noting.clone()));
            }
        });
        Ok(Self { address, seen, relay })
    }

    /// Where a client finds the server through this tap.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many frames so far are like this.
    #[must_use]
    pub fn count(&self, mut is_meant: impl FnMut(Who, &Frame) -> bool) -> usize {
        self.seen.borrow().iter().filter(|(from, frame)| is_meant(*from, frame)).count()
    }

    /// Waits until a frame like this has been seen.
    pub async fn until(&self, mut is_meant: impl FnMut(Who, &Frame) -> bool) {
        let mut seen = self.seen.subscribe();
        // The sender is ours, so it is there as long as we are.
        let _ = seen.wait_for(|seen| seen.iter().any(|(from, frame)| is_meant(*from, frame))).await;
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

/// Carries one connection until one side ends it. Errors end it, as they would without the relay.
async fn carry(client: TcpStream, server: SocketAddr, seen: watch::Sender<Vec<(Who, Frame)>>) {
    let mut asked = String::new();
    #[expect(clippy::result_large_err, reason = "the signature is the library's")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        asked = request.uri().to_string();
        Ok(response)
    };
    let Ok(mut client) = accept_hdr_async(client, look).await else { return };
    let Ok((mut upstream, _)) = connect_async(format!("ws://{server}{asked}")).await else { return };
    loop {
        let passed = tokio::select! {
            message = client.next() => match message {
                Some(Ok(message)) => upstream.send(noted(Who::Client, message, &seen)).await.is_ok(),
                _ => false,
            },
            message = upstream.next() => match message {
                Some(Ok(message)) => client.send(noted(Who::Server, message, &seen)).await.is_ok(),
                _ => false,
            },
        };
        if !passed {
            return;
        }
    }
}

fn noted(from: Who, message: Message, seen: &watch::Sender<Vec<(Who, Frame)>>) -> Message {
    if let Message::Binary(bytes) = &message
        && let Ok(frame) = Frame::decode(bytes, &FrameLimits::default())
    {
        seen.send_modify(|seen| seen.push((from, frame)));
    }
    message
}
