//! The load's end of one connection: the real handshake, then one phone of the load that hears, answers and writes.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{FutureExt, SinkExt, StreamExt};
use muster_model::fact::{Entry, EntryVia, Fact, FactBody};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, EventId, FactId, RecordId as _};
use muster_protocol::{
    Connection, ConnectionConfig, ConnectionEvent, DocumentId, Outgoing, OutgoingKind, PeerId, PeerMessage, StorageId,
    Timestamp,
};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::changes::Changes;
use super::phone::Replica;
use super::tally::Tally;
use crate::error::BenchError;

/// Where a phone of the load connects to, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// `ws://host:port/path`.
    pub(crate) url: String,
    /// What it shows, if the server asks for anything.
    pub(crate) token: Option<String>,
    /// Whose phone it is.
    pub(crate) device: DeviceId,
}

/// An open connection after its handshake.
pub(crate) struct Link {
    socket: WebSocketStream<TcpStream>,
    connection: Connection,
}

fn wire_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn broken(error: impl std::fmt::Display) -> BenchError {
    BenchError::Link(error.to_string())
}

impl Link {
    /// Connects and shakes hands.
    pub(crate) async fn open(door: &Door) -> Result<Self, BenchError> {
        let mut request = door.url.as_str().into_client_request().map_err(broken)?;
        if let Some(token) = &door.token {
            let value = format!("Bearer {token}").parse().map_err(broken)?;
            request.headers_mut().insert("Authorization", value);
        }
        let address = request.uri().authority().ok_or(BenchError::Missing("the address"))?.to_string();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // Ten thousand phones of the load are in one process: what each waits with should be small.
        let config = WebSocketConfig::default().read_buffer_size(8 << 10).write_buffer_size(0);
        let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        let (mut socket, _) = opened.map_err(broken)?;
        let peer = PeerId::new(&format!("phone-{}", door.device)).map_err(broken)?;
        let storage = StorageId::new(&format!("storage-{}", door.device)).map_err(broken)?;
        let mut connection = Connection::client(ConnectionConfig::new(peer, Some(storage)));
        let mut say = connection.handle(wire_now(), ConnectionEvent::Opened).send;
        loop {
            for frame in say.drain(..) {
                socket.send(Message::Binary(frame.into())).await.map_err(broken)?;
            }
            let frame = next(&mut socket).await?;
            let output = connection.handle(wire_now(), ConnectionEvent::Frame(&frame));
            if let Some(close) = output.close {
                return Err(BenchError::Wire(close.detail));
            }
            say = output.send;
            if output.deliver.iter().any(|message| matches!(message, PeerMessage::Established(_))) {
                return Ok(Self { socket, connection });
            }
        }
    }

    /// The next sync messages.
    pub(crate) async fn hear(&mut self) -> Result<Vec<(DocumentId, Vec<u8>)>, BenchError> {
        let frame = next(&mut self.socket).await?;
        let output = self.connection.handle(wire_now(), ConnectionEvent::Frame(&frame));
        if let Some(close) = output.close {
            return Err(BenchError::Wire(close.detail));
        }
        let mut heard = Vec::new();
        for message in output.deliver {
            match message {
                PeerMessage::Sync { document, data, .. } => heard.push((document, data)),
                PeerMessage::DocUnavailable { .. } => return Err(BenchError::Wire("the document is refused".into())),
                PeerMessage::Notice { detail, .. } => return Err(BenchError::Wire(detail)),
                PeerMessage::Error { message } => return Err(BenchError::Wire(message)),
                _ => {}
            }
        }
        Ok(heard)
    }

    /// Sends a sync message.
    pub(crate) async fn say(&mut self, document: DocumentId, data: Vec<u8>) -> Result<(), BenchError> {
        let outgoing = Outgoing { data, kind: OutgoingKind::Sync };
        let frame = self.connection.sync_frame(document, outgoing).ok_or(BenchError::Missing("the handshake"))?;
        self.socket.send(Message::Binary(frame.into())).await.map_err(broken)
    }
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Result<Bytes, BenchError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(frame))) => return Ok(frame),
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                return Err(BenchError::Link(format!("the server closed it: {why}")));
            }
            // A pong goes out with the next read.
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(broken(error)),
            None => return Err(BenchError::Link("the server is gone".into())),
        }
    }
}

/// What one phone of the load writes: every `every`-th change of the run, from the `first`-th on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) first: u32,
    pub(super) every: u32,
    pub(super) total: u32,
    pub(super) per_second: u32,
    pub(super) begin: Instant,
}

impl Share {
    /// When change `number` is due.
    fn due(&self, number: u32) -> Instant {
        self.begin + Duration::from_secs(1).saturating_mul(number) / self.per_second.max(1)
    }
}

/// A phone of the load, connected and level with the server.
pub(super) struct Load {
    pub(super) link: Link,
    pub(super) replica: Replica,
    pub(super) device: DeviceId,
    pub(super) document: DocumentId,
    pub(super) changes: Arc<Changes>,
    pub(super) tally: Arc<Tally>,
}

impl Load {
    /// Opens the document; returns when the server has answered.
    pub(super) async fn open(&mut self, uploading: bool) -> Result<(), BenchError> {
        let first = self.replica.open(uploading);
        self.link.say(self.document, first).await?;
        while !self.replica.is_level() {
            self.hear().await?;
        }
        Ok(())
    }

    /// Writes its share and hears the others', until the run has ended.
    pub(super) async fn run(mut self, share: Share) -> Result<(), BenchError> {
        let tally = Arc::clone(&self.tally);
        let ended = tally.ended();
        tokio::pin!(ended);
        let mut number = share.first;
        loop {
            tokio::select! {
                biased;
                () = &mut ended => return Ok(()),
                () = tokio::time::sleep_until(share.due(number)), if number < share.total => {
                    self.write(number).await?;
                    number = number.saturating_add(share.every);
                }
                heard = self.link.hear() => self.heard(heard?).await?,
            }
            // What has come meanwhile, before anything else is waited for.
            while let Some(heard) = self.link.hear().now_or_never() {
                self.heard(heard?).await?;
            }
        }
    }

    async fn write(&mut self, number: u32) -> Result<(), BenchError> {
        let id = FactId { device: self.device, counter: u64::from(number).saturating_add(1) };
        let (change, message) = self.replica.write(&id.to_string(), check_in(id, number))?;
        let (known, _) = self.changes.wrote(&change, std::time::Instant::now());
        self.replica.wrote(known);
        self.tally.wrote();
        self.link.say(self.document, message).await
    }

    async fn hear(&mut self) -> Result<(), BenchError> {
        let heard = self.link.hear().await?;
        self.heard(heard).await
    }

    async fn heard(&mut self, heard: Vec<(DocumentId, Vec<u8>)>) -> Result<(), BenchError> {
        for (document, data) in heard {
            let message = self.changes.hear(&data)?;
            let news = self.replica.hear(&message, &self.changes);
            self.tally.delivered(news.applied.iter().filter_map(|(_, known)| known.written));
            if let Some(answer) = news.answer {
                self.link.say(document, answer).await?;
            }
        }
        Ok(())
    }
}

/// A check-in as a door phone records it.
fn check_in(id: FactId, number: u32) -> String {
    let event = EventId::from_random([7; 16]);
    let entry = Entry {
        attendee: AttendeeId::derive(event, &number.to_string()),
        checkpoint: CheckpointId::derive(event, "entrance"),
        via: EntryVia::Scan,
        ticket: None,
        answers: std::collections::BTreeMap::new(),
        despite: String::new(),
    };
    let at = muster_model::time::Timestamp::from_ms(wire_now().as_ms());
    let fact = Fact { id, at, skew: None, by: "Gate".to_owned(), body: FactBody::Entry(entry) };
    fact.to_json().unwrap_or_default()
}
