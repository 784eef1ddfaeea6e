//! A server on a free port of this machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::serve::ListenerExt;
use futures_util::StreamExt;
use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use muster_protocol::{Connection, ConnectionConfig, ConnectionEvent, Frame, FrameLimits, PeerId};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::hub::{AccessAdmission, Admission, Authors, Hub, HubConfig, NoAuthors, Principal, Surroundings};
use crate::storage::{DocumentStore, MemoryStore, QuarantineLimits, Storage};
use crate::sync_socket::{self, SocketConfig, Upgrade};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The event of most tests.
pub(crate) fn event() -> EventId {
    "7d444840-9dc0-41d1-b245-5ffdce74fad2".parse().unwrap()
}

/// How a test's server is set up.
pub(crate) struct Setup {
    pub(crate) hub: HubConfig,
    pub(crate) socket: SocketConfig,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) authors: Arc<dyn Authors>,
}

impl Default for Setup {
    fn default() -> Self {
        let hub = HubConfig { tick_ms: 1, tick_per_peer_us: 0, ..HubConfig::default() };
        Self {
            hub,
            socket: SocketConfig::default(),
            admission: Arc::new(AccessAdmission),
            authors: Arc::new(NoAuthors),
        }
    }
}

/// A server on a free port.
pub(crate) struct TestServer {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
}

#[derive(Clone)]
struct App {
    hub: Hub,
    socket: SocketConfig,
}

/// The principal stands in the address: tokens are tested elsewhere.
#[derive(Deserialize)]
struct Who {
    device: DeviceId,
    event: EventId,
    role: Role,
    expires_ms: Option<i64>,
}

async fn sync(State(app): State<App>, Query(who): Query<Who>, upgrade: Upgrade) -> axum::response::Response {
    let token_expires_at = who.expires_ms.map(Timestamp::from_ms);
    let principal = Principal { device: who.device, event: who.event, role: who.role, token_expires_at };
    let config = app.socket.clone();
    upgrade.serve(&config, move |socket| sync_socket::serve(socket, principal, app.hub, app.socket))
}

impl TestServer {
    /// A server over a store in memory that knows [`event`].
    pub(crate) async fn in_memory() -> Self {
        Self::start(MemoryStore::new([event()], QuarantineLimits::default()), Setup::default()).await
    }

    pub(crate) async fn start(store: impl DocumentStore, setup: Setup) -> Self {
        let surroundings =
            Surroundings { admission: setup.admission, authors: setup.authors, ..Surroundings::default() };
        let hub = Hub::in_surroundings(Arc::new(store), setup.hub, surroundings).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/sync", axum::routing::any(sync))
            .with_state(App { hub: hub.clone(), socket: setup.socket });
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { hub, address }
    }

    pub(crate) fn url(&self, principal: &Principal) -> String {
        let Principal { device, event, role, token_expires_at } = principal;
        let expires = token_expires_at.map(|at| format!("&expires_ms={}", at.ms())).unwrap_or_default();
        format!("ws://{}/sync?device={device}&event={event}&role={role}{expires}", self.address)
    }
}

/// A WebSocket with nobody behind it.
pub(crate) async fn raw_socket(
    server: &TestServer,
    principal: &Principal,
) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let (socket, _) = tokio_tungstenite::connect_async(server.url(principal)).await.unwrap();
    socket
}

/// Makes [`event`] known to a database.
pub(crate) async fn sql_event(storage: &Storage) {
    storage
        .write(|tx| {
            let insert = "INSERT OR IGNORE INTO events (event_id, name, created_at) VALUES (?1, 'Conference', 0)";
            tx.execute(insert, [event().to_string()])?;
            Ok(())
        })
        .await
        .unwrap();
}

/// Waits until something that nobody announces is so, looking again whenever other tasks had their turn.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "in vain: {what}");
}

/// Waits for what must come.
pub(crate) async fn in_time<T>(what: &str, coming: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, coming).await {
        Ok(came) => came,
        Err(_) => panic!("in vain: {what}"),
    }
}

/// The `join` of a peer without storage.
pub(crate) fn join(peer: &str) -> Vec<u8> {
    let config = ConnectionConfig::new(PeerId::new(peer).unwrap(), None);
    let mut connection = Connection::client(config);
    let output = connection.handle(muster_protocol::Timestamp::from_ms(0), ConnectionEvent::Opened);
    output.send.into_iter().next().unwrap()
}

/// Reads until the server has closed: the codes of its `error` frames, and its close frame's code and reason.
pub(crate) async fn last_words(
    socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>,
) -> (Vec<String>, Option<(u16, String)>) {
    let (mut errors, mut closed) = (Vec::new(), None);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(frame) => {
                if let Ok(Frame::Error { message, .. }) = Frame::decode(&frame, &FrameLimits::default()) {
                    errors.push(message.split(':').next().unwrap().to_owned());
                }
            }
            Message::Close(Some(close)) => closed = Some((close.code.into(), close.reason.to_string())),
            _ => {}
        }
    }
    (errors, closed)
}
