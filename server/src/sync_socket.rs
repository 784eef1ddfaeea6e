//! The WebSocket at which phones sync: one task, which reads, writes and pings until the connection is to end.
//!
//! Reading waits while the hub has no room; writing never waits for reading. Whatever goes wrong costs this connection
//! only, and the peer is told why: an `error` frame where the protocol was broken, and the code in the close frame.

mod carrier;
mod farewell;
mod liveness;
mod renewal;
mod web_socket;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Message;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use muster_model::time::Timestamp;
use muster_protocol::{
    Connection, ConnectionConfig, ConnectionEvent, ConnectionOutput, FEATURE_RENEW, FrameLimits, PeerInfo, PeerMessage,
    ProtocolCode,
};
use tokio::time::{Instant, timeout};

use crate::hub::{Ending, Hub, OutFrame, Outbox, Principal, Session, wire};
use liveness::Liveness;
use renewal::Credential;
pub use renewal::Renewal;
pub use web_socket::{NotAWebSocket, Upgrade, WebSocket};

/// Frames, and about how many bytes, that are written in one go.
const WRITE_BATCH: usize = 64;
const WRITE_BATCH_BYTES: usize = 256 << 10;

/// Limits and times of one WebSocket.
#[derive(Debug, Clone)]
pub struct SocketConfig {
    /// The largest frame of a device that may import, in bytes. Default 16 MiB.
    pub max_frame_bytes_import: usize,
    /// The largest frame of any other device, in bytes. Default 4 MiB.
    pub max_frame_bytes: usize,
    /// How often a ping is sent, in milliseconds: each wakes a phone's radio. Default 12,000.
    pub ping_ms: u64,
    /// How long nothing at all may come before the peer is taken for gone, in milliseconds. A frame counts when it is
    /// whole, and nothing else can come meanwhile, so this is also what a slow link has for its largest upload. Default
    /// 30,000.
    pub silence_ms: u64,
    /// How long one write may take, in milliseconds, beyond the time that its bytes need at
    /// [`min_bytes_per_s`](Self::min_bytes_per_s). Default 10,000.
    pub write_timeout_ms: u64,
    /// The slowest link that is served, in bytes a second: a phone at the edge of the network downloads a large document
    /// in one frame. Default 16 KiB.
    pub min_bytes_per_s: u64,
    /// How long to wait for the `join`, in milliseconds. Default 10,000.
    pub handshake_timeout_ms: u64,
    /// How long the last words and the close frame may take, in milliseconds. Default 2,000.
    pub close_timeout_ms: u64,
    /// Who checks the token with which a peer goes on when its first one ends. Default: nobody, and none is taken.
    pub renewal: Option<Arc<dyn Renewal>>,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            max_frame_bytes_import: 16 << 20,
            max_frame_bytes: 4 << 20,
            ping_ms: 12_000,
            silence_ms: 30_000,
            min_bytes_per_s: 16 << 10,
            write_timeout_ms: 10_000,
            handshake_timeout_ms: 10_000,
            close_timeout_ms: 2_000,
            renewal: None,
        }
    }
}

impl SocketConfig {
    fn connection(&self, principal: &Principal, hub: &Hub) -> ConnectionConfig {
        let mut config = ConnectionConfig::new(hub.peer_id().clone(), Some(hub.storage_id().clone()));
        let importing = principal.may_import();
        let max_frame_bytes = if importing { self.max_frame_bytes_import } else { self.max_frame_bytes };
        config.limits = FrameLimits { max_frame_bytes, ..FrameLimits::default() };
        if let (Some(muster), Some(_)) = (&mut config.metadata.muster, &self.renewal) {
            muster.features.push(FEATURE_RENEW.to_owned());
        }
        config.handshake_timeout_ms = i64::try_from(self.handshake_timeout_ms).unwrap_or(i64::MAX);
        config
    }
}

/// What is written to a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A frame, as a binary message.
    Frame(OutFrame),
    /// Anything else.
    Other(Message),
}

/// What an [`Upgrade`] makes: WebSocket messages, whole and in order, both ways. A simulation brings its own.
pub trait Socket:
    Stream<Item = Result<Message, axum::Error>> + Sink<Outgoing, Error = axum::Error> + Send + Unpin + 'static
{
}

impl<S> Socket for S where
    S: Stream<Item = Result<Message, axum::Error>> + Sink<Outgoing, Error = axum::Error> + Send + Unpin + 'static
{
}

/// Serves one WebSocket, made by an [`Upgrade`], until it ends.
pub async fn serve(socket: impl Socket, principal: Principal, hub: Hub, config: SocketConfig) {
    let _count = hub.count_task();
    let (mut sink, mut stream) = socket.split();
    let mut connection = Connection::server(config.connection(&principal, &hub));
    let handshake = tokio::select! {
        biased;
        () = hub.stopping() => Err(Ending::ShuttingDown),
        handshake = shake_hands(&mut connection, (&mut sink, &mut stream), &hub, &config) => handshake,
    };
    let mut last_words = Vec::new();
    let ending = match handshake {
        Ok(peer) => match hub.join(principal, &peer).await {
            Ok((session, outbox)) => {
                let mut open = Open {
                    connection: &mut connection,
                    stream: &mut stream,
                    hub: &hub,
                    last_words: &mut last_words,
                    credential: Credential::new(principal, config.renewal.clone()),
                };
                open.run(&mut sink, session, outbox, &config).await
            }
            Err(ending) => ending,
        },
        Err(ending) => ending,
    };
    tracing::debug!(code = ending.code(), "a connection ended");
    if let Ending::Protocol { code, detail } = &ending {
        // A connection that noticed by itself has made its last words already.
        last_words.extend(connection.close(*code, detail).send);
    }
    if let Some(words) = ending.news_for_the_device() {
        last_words.extend(connection.notice_frame(None, (ending.code(), words), &[]));
    }
    farewell::say(last_words, (sink, stream), &ending, &config).await;
}

/// From the open carrier to the peer's `join`, answered.
async fn shake_hands<S: Socket>(
    connection: &mut Connection,
    (sink, stream): (&mut SplitSink<S, Outgoing>, &mut SplitStream<S>),
    hub: &Hub,
    config: &SocketConfig,
) -> Result<PeerInfo, Ending> {
    connection.handle(wire(hub.now()), ConnectionEvent::Opened);
    let introduced = async {
        loop {
            let message = stream.next().await;
            let output = hear(connection, hub.now(), message)?;
            for frame in output.send {
                write(sink, [Outgoing::Frame(frame.into())], config).await?;
            }
            if let Some(reason) = output.close {
                return Err(Ending::Protocol { code: reason.code, detail: reason.detail });
            }
            if let Some(PeerMessage::Established(peer)) = output.deliver.into_iter().next() {
                return Ok(peer);
            }
        }
    };
    let limit = Duration::from_millis(config.handshake_timeout_ms);
    let too_late = ProtocolCode::HandshakeTimeout;
    timeout(limit, introduced)
        .await
        .unwrap_or_else(|_| Err(Ending::Protocol { code: too_late, detail: too_late.remedy().to_owned() }))
}

/// What the carrier brought, checked by the connection.
fn hear(
    connection: &mut Connection,
    now: Timestamp,
    message: Option<Result<Message, axum::Error>>,
) -> Result<ConnectionOutput, Ending> {
    let at = wire(now);
    match message {
        Some(Ok(Message::Binary(bytes))) => Ok(connection.handle(at, ConnectionEvent::Frame(&bytes))),
        Some(Ok(Message::Text(_))) => Ok(connection.handle(at, ConnectionEvent::Text)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(ConnectionOutput::default()),
        Some(Ok(Message::Close(_))) | None => Err(Ending::Left),
        // A broken carrier, or a message larger than the upgrade lets through. If the peer can still read, it is told.
        Some(Err(_)) => Err(Ending::Protocol {
            code: ProtocolCode::FrameMalformed,
            detail: "the WebSocket message is malformed or too large".to_owned(),
        }),
    }
}

/// Writes messages and flushes once.
async fn write<S: Socket>(
    sink: &mut SplitSink<S, Outgoing>,
    messages: impl IntoIterator<Item = Outgoing>,
    config: &SocketConfig,
) -> Result<(), Ending> {
    let mut bytes = 0_u64;
    let messages: Vec<Outgoing> =
        messages.into_iter().inspect(|message| bytes = bytes.saturating_add(len(message))).collect();
    let limit_ms = bytes.saturating_mul(1_000) / config.min_bytes_per_s.max(1);
    let limit = Duration::from_millis(limit_ms.saturating_add(config.write_timeout_ms));
    let writing = async {
        for message in messages {
            sink.feed(message).await?;
        }
        sink.flush().await
    };
    match timeout(limit, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Ending::Left),
        Err(_) => Err(Ending::Unresponsive),
    }
}

fn len(message: &Outgoing) -> u64 {
    match message {
        Outgoing::Frame(frame) => u64::try_from(frame.len()).unwrap_or(u64::MAX),
        Outgoing::Other(_) => 0,
    }
}

/// The reading side of a WebSocket after its handshake.
struct Open<'a, S> {
    connection: &'a mut Connection,
    stream: &'a mut SplitStream<S>,
    hub: &'a Hub,
    /// What is to be said before closing.
    last_words: &'a mut Vec<Vec<u8>>,
    /// How long the peer may stay.
    credential: Credential,
}

impl<S: Socket> Open<'_, S> {
    /// Reads and writes until somebody ends it; says why it ended. The session is gone then.
    async fn run(
        &mut self,
        sink: &mut SplitSink<S, Outgoing>,
        mut session: Session,
        mut outbox: Outbox,
        config: &SocketConfig,
    ) -> Ending {
        let link = Arc::clone(session.link());
        let liveness = Liveness::new();
        let ended = self.credential.ended(self.hub);
        tokio::select! {
            biased;
            ending = link.ended() => ending,
            () = ended => Ending::TokenExpired,
            ending = self.read(&mut session, &liveness) => ending,
            ending = write_all(sink, &mut outbox, &liveness, config) => ending,
        }
    }

    async fn read(&mut self, session: &mut Session, liveness: &Liveness) -> Ending {
        loop {
            let message = tokio::select! {
                biased;
                message = self.stream.next() => message,
                () = session.grown() => {
                    match session.offer().await {
                        Ok(()) => continue,
                        Err(ending) => return ending,
                    }
                }
            };
            let _busy = liveness.busy();
            if let Some(Ok(Message::Binary(bytes))) = &message {
                session.count_frame(bytes.len());
                if let Err(ending) = session.pace().await {
                    return ending;
                }
            }
            if let Err(ending) = self.take(message, session).await {
                return ending;
            }
        }
    }

    async fn take(
        &mut self,
        message: Option<Result<Message, axum::Error>>,
        session: &mut Session,
    ) -> Result<(), Ending> {
        let output = hear(self.connection, self.hub.now(), message)?;
        if let Some(reason) = output.close {
            self.last_words.extend(output.send);
            return Err(match reason.code {
                ProtocolCode::PeerLeft => Ending::Left,
                code => Ending::Protocol { code, detail: reason.detail },
            });
        }
        for frame in output.send {
            session.send(frame);
        }
        for message in output.deliver {
            match message {
                PeerMessage::Token { token } => self.credential.renew(&token).await?,
                message => session.handle(message).await?,
            }
        }
        Ok(())
    }
}

async fn write_all<S: Socket>(
    sink: &mut SplitSink<S, Outgoing>,
    outbox: &mut Outbox,
    liveness: &Liveness,
    config: &SocketConfig,
) -> Ending {
    let period = Duration::from_millis(config.ping_ms.max(1));
    let mut pings = tokio::time::interval_at(Instant::now() + period, period);
    pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let silence = Duration::from_millis(config.silence_ms);
    loop {
        let written = tokio::select! {
            biased;
            _ = pings.tick() => {
                if liveness.silence() > silence {
                    return Ending::Unresponsive;
                }
                write(sink, [Outgoing::Other(Message::Ping(axum::body::Bytes::new()))], config).await
            }
            frame = outbox.next() => {
                let Some(frame) = frame else { return Ending::Left };
                let begun = Instant::now();
                let written = write(sink, batch(frame, outbox), config).await;
                if begun.elapsed() >= period {
                    // It took what we had to say, if slowly.
                    liveness.heard();
                }
                written
            }
        };
        if let Err(ending) = written {
            return ending;
        }
    }
}

/// A frame and those that wait behind it, as many as go well in one write.
fn batch(first: OutFrame, outbox: &mut Outbox) -> Vec<Outgoing> {
    let mut bytes = first.len();
    let mut batch = vec![Outgoing::Frame(first)];
    while batch.len() < WRITE_BATCH && bytes < WRITE_BATCH_BYTES {
        let Some(frame) = outbox.try_next() else { break };
        bytes = bytes.saturating_add(frame.len());
        batch.push(Outgoing::Frame(frame));
    }
    batch
}

#[cfg(test)]
mod tests;
