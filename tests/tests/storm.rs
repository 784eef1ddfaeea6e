//! Many phones behind one address come back in the same second, as after a server was away: each is served, and none by
//! more memory than the others. `cargo xtask bench storm` measures it with a thousand.

#![expect(clippy::unwrap_used, reason = "a story says what went wrong by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use automerge::Automerge;
use automerge::sync::{Message as SyncMessage, State, SyncDoc};
use futures_util::future::try_join_all;
use futures_util::{SinkExt, StreamExt};
use muster_client_native::{Enrolled, EnrolmentLink, enrol};
use muster_model::document::{DocKind, DocRef};
use muster_protocol::{
    Connection, ConnectionConfig, ConnectionEvent, DocumentId, Outgoing, OutgoingKind, PeerId, PeerMessage, Timestamp,
};
use muster_tests::stage::{Stage, text};
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How many phones there are.
const PHONES: usize = 150;

/// After how long a stock client tries again, without jitter.
const RETRY: Duration = Duration::from_secs(5);

/// How long all of them may take.
const WITHIN: Duration = Duration::from_secs(30);

/// How much more memory the server may hold for all of them.
const MEMORY: u64 = 64 << 20;

fn wire_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects, and gets the document. `None` if the server sent it away, or did not take it in.
async fn comes_back(device: &Enrolled, document: DocumentId) -> Option<(Socket, Automerge)> {
    let mut request = device.sync_url.as_str().into_client_request().ok()?;
    request.headers_mut().insert("authorization", format!("Bearer {}", device.access_token()).parse().ok()?);
    let (mut socket, _) = connect_async(request).await.ok()?;
    let mut connection = Connection::client(ConnectionConfig::new(PeerId::new(&device.device.to_string()).ok()?, None));
    let mut say = connection.handle(wire_now(), ConnectionEvent::Opened).send;
    let (mut doc, mut state) = (Automerge::new(), State::new());
    loop {
        for frame in say.drain(..) {
            socket.send(Message::Binary(frame.into())).await.ok()?;
        }
        let Message::Binary(frame) = socket.next().await?.ok()? else { continue };
        let output = connection.handle(wire_now(), ConnectionEvent::Frame(&frame));
        say = output.send;
        for message in output.deliver {
            match message {
                PeerMessage::Established(_) => {
                    let data = doc.generate_sync_message(&mut state)?.encode();
                    let asked = connection.sync_frame(document, Outgoing { data, kind: OutgoingKind::Request })?;
                    say.push(asked);
                }
                PeerMessage::Sync { data, .. } => {
                    doc.receive_sync_message(&mut state, SyncMessage::decode(&data).ok()?).ok()?;
                    return Some((socket, doc));
                }
                _ => {}
            }
        }
    }
}

/// Enrols the phones, as a coordinator does.
async fn crew(stage: &Stage, http: &reqwest::Client) -> Vec<Enrolled> {
    let link = EnrolmentLink::parse(&stage.invite("coordinator", "Laptop", None).await.unwrap()).unwrap();
    let coordinator = enrol(http, &link, "Laptop").await.unwrap();
    let url = format!("{}/api/v1/events/{}/devices", coordinator.server_url, stage.event);
    let one = async |number: usize| {
        let asked = json!({"role": "staff", "name": format!("Phone {number}")});
        let answer = http.post(&url).bearer_auth(coordinator.access_token()).json(&asked).send().await.unwrap();
        let answer: Json = answer.error_for_status().unwrap().json().await.unwrap();
        let link = EnrolmentLink::parse(text(&answer, "link").unwrap()).unwrap();
        enrol(http, &link, "Phone").await
    };
    try_join_all((0..PHONES).map(one)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_that_come_back_in_the_same_second_are_all_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("server");
    std::fs::create_dir_all(&data).unwrap();
    // So narrow that most have to wait for their turn.
    std::fs::write(data.join("muster.toml"), "[limits]\nguests_per_address = 8\nhandshakes = 16\n").unwrap();
    let muster = Path::new(env!("CARGO_BIN_EXE_muster-phone")).with_file_name("muster");
    assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
    let mut stage = Stage::set(&muster, folder.path(), "Storm").await.unwrap();
    stage.import(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/conference.xml")).await.unwrap();
    let http = reqwest::Client::new();
    let crew = crew(&stage, &http).await;
    let program = DocRef::whole(DocKind::Program);
    let heads = stage.replica().await.unwrap().documents[&program].clone();
    let heads = Automerge::load(&heads).unwrap().get_heads();
    let document = DocumentId::from_bytes(*program.id(stage.event).as_bytes());
    stage.server.kill().await.unwrap();
    stage.server.restart().await.unwrap();
    let before = stage.server.memory_bytes().unwrap();

    // One that opens connections and says nothing is behind the same address, and must not keep the others out.
    let silent = try_join_all((0..4).map(|_| TcpStream::connect(stage.server.address()))).await.unwrap();
    let (start, begun) = (Arc::new(Barrier::new(PHONES)), Instant::now());
    let phones = crew.into_iter().map(|device| {
        let start = Arc::clone(&start);
        tokio::spawn(async move {
            start.wait().await;
            loop {
                if let Some(back) = comes_back(&device, document).await {
                    return back;
                }
                tokio::time::sleep(RETRY).await;
            }
        })
    });
    let mut staying = Vec::new();
    for phone in phones.collect::<Vec<_>>() {
        let (socket, doc) = phone.await.unwrap();
        assert_eq!(doc.get_heads(), heads);
        staying.push(socket);
    }
    let took = begun.elapsed();
    assert!(took < WITHIN, "{} s", took.as_secs());
    let held = stage.server.memory_bytes().unwrap();
    assert!(held.saturating_sub(before) < MEMORY, "from {before} to {held} bytes");
    let metrics = http.get(format!("http://{}/metrics", stage.server.admin_address())).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [format!("muster_hub_peers {PHONES}"), "muster_connections_refused_total{reason=\"crowded\"} 0".into()]
    {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    drop((staying, silent));
}
