//! Where the stories take place: the real server with the sample programme and a few attendees, a real phone, and devices
//! enrolled for foreign clients.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_client_core::view::SessionFilter;
use muster_client_native::{Client as Native, Enrolled, EnrolmentLink};
use muster_model::document::{self, DocKind, DocRef};
use muster_model::fact::{Entry, EntryVia, Fact, FactBody};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId, SessionId};
use muster_model::program::Session;
use muster_model::record;
use muster_model::time::Timestamp;
use muster_protocol::DocumentId;
use muster_tests::demo::phone::Phone;
use muster_tests::network::Network;
use muster_tests::stage::Stage;

use crate::client::{Client, Dial, Kind, WITHIN};

/// How many attendees there are.
const ATTENDEES: usize = 20;

/// The program `muster`, which `cargo xtask test` builds beside the tests' own programs.
fn muster() -> PathBuf {
    let muster = Path::new(env!("CARGO_BIN_EXE_muster-phone")).with_file_name("muster");
    assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
    muster
}

/// A ticket of the nth attendee.
pub(crate) fn ticket(nth: usize) -> String {
    format!("foreignticket{nth}")
}

/// The server and what it holds.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) folder: tempfile::TempDir,
    peers: AtomicU64,
}

/// A device that a foreign client speaks for.
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) token: String,
    /// What it calls itself on the wire.
    pub(crate) peer: String,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::set(&muster(), folder.path(), "Foreign clients").await.unwrap();
        stage.import(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/conference.xml")).await.unwrap();
        let mut list =
            String::from("Ticket code,First name,Last name,Organisation,Category,E-mail,Language,Status,Notes\n");
        for nth in 0..ATTENDEES {
            list.push_str(&format!("{},Guest,Number {nth},Nobody,Delegate,g{nth}@example.org,lv,paid,\n", ticket(nth)));
        }
        let file = folder.path().join("attendees.csv");
        std::fs::write(&file, list).unwrap();
        stage.import(&file).await.unwrap();
        Self { stage, folder, peers: AtomicU64::new(1) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.stage.server.address()
    }

    /// The wire's id of a document.
    pub(crate) fn id(&self, document: DocRef) -> DocumentId {
        DocumentId::from_bytes(*document.id(self.stage.event).as_bytes())
    }

    pub(crate) fn program(&self) -> DocumentId {
        self.id(DocRef::whole(DocKind::Program))
    }

    pub(crate) fn checkins(&self) -> DocumentId {
        self.id(DocRef::shard(DocKind::Checkins, 0))
    }

    /// A real phone of staff, which holds the whole programme and knows all attendees.
    pub(crate) async fn phone(&self) -> Phone {
        let link = self.stage.invite("staff", "Phone", None).await.unwrap();
        let network = Network::to(self.address()).await.unwrap();
        let phone = Phone::enrol("Phone", &self.folder.path().join("phone.db"), network, &link).await.unwrap();
        let last = ticket(ATTENDEES - 1);
        let sessions = self.sessions().await.len();
        until(&phone.client, "the phone holds the event", || async {
            let last = last.clone();
            let known = phone.client.read(move |core, now| {
                let status = core.status(now)?;
                let complete = status.missing.is_empty() && !status.indexing;
                let found = core.search(now, &last, 1)?.len() + core.sessions(now, &SessionFilter::default())?.len();
                Ok(complete && found == sessions + 1)
            });
            known.await.unwrap()
        })
        .await;
        phone
    }

    /// Enrols a device, with nothing of Muster on it.
    pub(crate) async fn device(&self, role: &str) -> Device {
        let link = self.stage.invite(role, "Laptop", None).await.unwrap();
        let link = EnrolmentLink::parse(&link).unwrap();
        let enrolled: Enrolled =
            muster_client_native::enrol(&reqwest::Client::new(), &link, "Laptop").await.expect("the device enrols");
        let number = self.peers.fetch_add(1, Ordering::Relaxed);
        Device { id: enrolled.device, token: enrolled.access_token().to_owned(), peer: format!("laptop-{number}") }
    }

    /// How a device finds the server, straight or through something in between.
    pub(crate) fn dial(&self, device: &Device, through: SocketAddr) -> Dial {
        let url = format!("ws://{through}/sync?access_token={}", device.token);
        Dial { url, peer: device.peer.clone(), storage: None, again: true }
    }

    /// A foreign client on a new device of this role.
    pub(crate) async fn client(&self, kind: Kind, role: &str) -> (Device, Client) {
        let device = self.device(role).await;
        let client = Client::start(kind, &self.dial(&device, self.address())).await;
        (device, client)
    }

    /// The sessions that the server has on its disk.
    pub(crate) async fn sessions(&self) -> BTreeMap<SessionId, Session> {
        let replica = self.stage.replica().await.unwrap();
        let bytes = &replica.documents[&DocRef::whole(DocKind::Program)];
        let doc = document::load(bytes, DeviceId::from_random([0; 8]).actor([0; 8])).unwrap();
        record::read_all(&doc).unwrap().records
    }

    /// Kills the server as a power cut would.
    pub(crate) async fn kill_server(&mut self) {
        self.stage.server.kill().await.unwrap();
    }

    /// Starts it again where it was.
    pub(crate) async fn restart_server(&mut self) {
        self.stage.server.restart().await.unwrap();
    }
}

/// Looks again whenever the phone says that something changed, until it is as it should be.
pub(crate) async fn until<F: Future<Output = bool>>(phone: &Native, what: &str, mut holds: impl FnMut() -> F) {
    let mut changes = phone.changes();
    let deadline = Instant::now() + WITHIN;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {} s: {what}", WITHIN.as_secs());
        // What is looked at may be the server's alone, which tells nobody: then look again after a moment.
        let _ = tokio::time::timeout(Duration::from_millis(100), changes.recv()).await;
    }
}

/// Waits until the phone shows this title for a session.
pub(crate) async fn until_titled(phone: &Phone, session: SessionId, title: &str) {
    until(&phone.client, "the phone shows the title", || async { title_on(phone, session).await == title }).await;
}

/// A session's title as the phone shows it.
pub(crate) async fn title_on(phone: &Phone, session: SessionId) -> String {
    let sessions = phone.client.read(|core, now| core.sessions(now, &SessionFilter::default())).await.unwrap();
    sessions.into_iter().find(|view| view.id == session).unwrap().session.title
}

/// The phone's first checkpoint.
pub(crate) async fn entrance(phone: &Phone) -> CheckpointId {
    phone.client.read(|core, now| core.checkpoints(now)).await.unwrap().first().unwrap().id
}

/// An attendee, by ticket.
pub(crate) async fn attendee(phone: &Phone, nth: usize) -> AttendeeId {
    let code = ticket(nth);
    phone.client.read(move |core, now| core.search(now, &code, 1)).await.unwrap().first().unwrap().id
}

/// How many the phone counts as admitted.
pub(crate) async fn admitted(phone: &Phone, checkpoint: CheckpointId) -> u64 {
    phone.client.read(move |core, now| core.counts(now, checkpoint)).await.unwrap().total.admitted
}

/// A check-in as a device of another make would record it.
pub(crate) fn entry(device: &Device, counter: u64, attendee: AttendeeId, checkpoint: CheckpointId) -> Fact {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let body = Entry {
        attendee,
        checkpoint,
        via: EntryVia::Search,
        ticket: None,
        answers: BTreeMap::new(),
        despite: String::new(),
    };
    Fact {
        id: FactId { device: device.id, counter },
        at: Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap()),
        skew: None,
        by: "Laptop".to_owned(),
        body: FactBody::Entry(body),
    }
}
