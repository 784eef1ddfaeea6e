//! A phone: documents in memory, and the client side of the protocol over a real WebSocket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use automerge::sync::{ChunkList, Message, MessageVersion};
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, ReadDoc};
use futures_util::{SinkExt, StreamExt};
use muster_model::access::Role;
use muster_model::document::{self, DocRef};
use muster_model::id::{DeviceId, EventId};
use muster_protocol::guard::{DocumentSize, GuardLimits, check_sync_message};
use muster_protocol::{
    Connection, ConnectionConfig, ConnectionEvent, DocSync, DocSyncOptions, DocumentId, EphemeralMessage, Outgoing,
    OutgoingKind, PeerId, PeerMessage, StorageId, Timestamp,
};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message as Carried;

use super::server::{TestServer, event, in_time, raw_socket};
use crate::hub::Principal;

/// Who a phone is.
pub(crate) struct PhoneOptions {
    pub(crate) number: u8,
    pub(crate) role: Role,
    pub(crate) event: EventId,
    pub(crate) storage: Option<String>,
    pub(crate) expires_at: Option<muster_model::time::Timestamp>,
    /// Otherwise it follows from the number.
    pub(crate) device: Option<DeviceId>,
    /// It speaks automerge-repo and nothing of ours.
    pub(crate) is_stock: bool,
}

impl PhoneOptions {
    pub(crate) fn new(number: u8, role: Role) -> Self {
        Self { number, role, event: event(), storage: None, expires_at: None, device: None, is_stock: false }
    }
}

struct Replica {
    doc: Automerge,
    sync: DocSync,
}

/// What a phone knows.
pub(crate) struct State {
    connection: Connection,
    out: mpsc::UnboundedSender<Vec<u8>>,
    replicas: BTreeMap<DocumentId, Replica>,
    pub(crate) unavailable: BTreeSet<DocumentId>,
    pub(crate) notices: Vec<String>,
    /// The refused changes that it was told of.
    pub(crate) told: Vec<ChangeHash>,
    pub(crate) errors: Vec<String>,
    pub(crate) ephemeral: Vec<Vec<u8>>,
    pub(crate) remote_heads: BTreeMap<StorageId, Vec<ChangeHash>>,
    /// The close frame's code and reason; `(0, "")` if the carrier just ended.
    pub(crate) closed: Option<(u16, String)>,
}

/// A phone with a connection.
pub(crate) struct Phone {
    pub(crate) principal: Principal,
    peer_id: PeerId,
    state: Arc<Mutex<State>>,
    news: watch::Sender<u64>,
    deaf: watch::Sender<bool>,
}

fn at() -> Timestamp {
    Timestamp::from_ms(0)
}

pub(crate) fn wire_id(event: EventId, document: DocRef) -> DocumentId {
    DocumentId::from_bytes(*document.id(event).as_bytes())
}

impl State {
    fn hear(&mut self, frame: &[u8]) {
        let output = self.connection.handle(at(), ConnectionEvent::Frame(frame));
        self.send(output.send);
        for message in output.deliver {
            match message {
                PeerMessage::Sync { document, data, .. } => self.take(document, &data),
                PeerMessage::DocUnavailable { document } => drop(self.unavailable.insert(document)),
                PeerMessage::Notice { code, changes, .. } => {
                    self.notices.push(code);
                    self.told.extend(changes);
                }
                PeerMessage::Error { message } => self.errors.push(message),
                PeerMessage::Ephemeral { data, .. } => self.ephemeral.push(data),
                PeerMessage::RemoteHeads { heads, .. } => {
                    self.remote_heads.extend(heads.into_iter().map(|(storage, known)| (storage, known.heads)));
                }
                _ => {}
            }
        }
    }

    /// Frames are queued where they are made, under the lock: sync messages must not overtake each other.
    fn send(&self, frames: impl IntoIterator<Item = Vec<u8>>) {
        for frame in frames {
            // A closed connection is told by the state.
            drop(self.out.send(frame));
        }
    }

    fn take(&mut self, document: DocumentId, data: &[u8]) {
        let Some(replica) = self.replicas.get_mut(&document) else { return };
        let size = DocumentSize { stored_changes: replica.doc.stats().num_changes };
        let summary = check_sync_message(data, &GuardLimits::bulk_import(), &size).unwrap();
        replica.sync.receive(&mut replica.doc, &summary, data).unwrap();
        self.unavailable.remove(&document);
        self.speak(document);
    }

    fn speak(&mut self, document: DocumentId) {
        let Some(replica) = self.replicas.get_mut(&document) else { return };
        let outgoing = replica.sync.generate(&replica.doc);
        self.send(outgoing.and_then(|outgoing| self.connection.sync_frame(document, outgoing)));
    }

    /// The phone's copy of a document.
    pub(crate) fn doc(&self, document: DocRef) -> &Automerge {
        &self.replica(document).doc
    }

    fn replica(&self, document: DocRef) -> &Replica {
        &self.replicas[&wire_id(event(), document)]
    }

    /// Whether the server has said that it has all of the phone's copy.
    pub(crate) fn is_acknowledged(&self, document: DocRef) -> bool {
        let replica = self.replica(document);
        let heads = replica.doc.get_heads();
        muster_protocol::acknowledged(&replica.doc, replica.sync.peer_heads().unwrap_or_default(), &heads) == heads
    }

    /// How many facts the phone's copy has.
    pub(crate) fn facts(&self, document: DocRef) -> usize {
        facts(self.doc(document))
    }
}

/// How many facts a document has.
pub(crate) fn facts(doc: &Automerge) -> usize {
    doc.length(document::collection(doc, "facts").unwrap())
}

impl Phone {
    /// A phone that has shaken hands and holds nothing.
    pub(crate) async fn connect(server: &TestServer, options: PhoneOptions) -> Self {
        let PhoneOptions { number, role, event, storage, expires_at, device, is_stock } = options;
        let device = device.unwrap_or_else(|| DeviceId::from_random([number; 8]));
        let principal = Principal { device, event, role, token_expires_at: expires_at };
        let storage = storage.map(|storage| StorageId::new(&storage).unwrap());
        let peer_id = PeerId::new(&format!("phone-{number}")).unwrap();
        let mut config = ConnectionConfig::new(peer_id.clone(), storage);
        if is_stock {
            config.metadata.muster = None;
        }
        let mut connection = Connection::client(config);
        let join = connection.handle(at(), ConnectionEvent::Opened).send;
        let (out, frames) = mpsc::unbounded_channel();
        let state = Arc::new(Mutex::new(State {
            connection,
            out,
            replicas: BTreeMap::new(),
            unavailable: BTreeSet::new(),
            notices: Vec::new(),
            told: Vec::new(),
            errors: Vec::new(),
            ephemeral: Vec::new(),
            remote_heads: BTreeMap::new(),
            closed: None,
        }));
        let phone = Self { principal, peer_id, state, news: watch::Sender::new(0), deaf: watch::Sender::new(false) };
        phone.look(|state| state.send(join));
        let socket = raw_socket(server, &principal).await;
        let hearing = (phone.news.clone(), phone.deaf.subscribe());
        tokio::spawn(run(socket, Arc::clone(&phone.state), frames, hearing));
        phone.until("the handshake", |state| state.connection.peer().is_some() || state.closed.is_some()).await;
        phone
    }

    pub(crate) async fn staff(server: &TestServer, number: u8) -> Self {
        Self::connect(server, PhoneOptions::new(number, Role::Staff)).await
    }

    pub(crate) async fn coordinator(server: &TestServer, number: u8) -> Self {
        Self::connect(server, PhoneOptions::new(number, Role::Coordinator)).await
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap())
    }

    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&State) -> bool) {
        let mut news = self.news.subscribe();
        in_time(what, async {
            while !self.look(&mut is_so) {
                news.changed().await.unwrap();
            }
        })
        .await;
    }

    /// Begins to sync a document, from a copy of it or from its genesis.
    pub(crate) fn open(&self, document: DocRef, copy: Option<Automerge>) {
        let actor = self.principal.device.actor([1; 8]);
        let doc = copy.unwrap_or_else(|| document::create(self.principal.event, &document, actor).unwrap());
        let sync = DocSync::new(muster_protocol::Role::Full, DocSyncOptions::default());
        let id = wire_id(self.principal.event, document);
        let mut state = self.state.lock().unwrap();
        state.replicas.insert(id, Replica { doc, sync });
        state.speak(id);
    }

    /// Opens a document and waits until phone and server have the same.
    pub(crate) async fn sync(&self, document: DocRef) {
        self.open(document, None);
        self.until("the first sync", |state| state.is_acknowledged(document)).await;
    }

    /// Records facts, in one change each.
    pub(crate) fn record(&self, document: DocRef, keys: impl IntoIterator<Item = u32>) {
        for key in keys {
            self.write(document, &format!("{}-{key}", self.principal.device), "{}");
        }
    }

    /// Writes a fact in a change of its own.
    pub(crate) fn write(&self, document: DocRef, key: &str, value: &str) {
        let id = wire_id(self.principal.event, document);
        let mut state = self.state.lock().unwrap();
        let doc = &mut state.replicas.get_mut(&id).unwrap().doc;
        let collection = document.kind.collections()[0];
        let facts = document::collection(doc, collection).unwrap();
        doc.transact_with::<_, _, automerge::AutomergeError, _>(
            |_| CommitOptions::default().with_time(0),
            |tx| tx.put(&facts, key, value),
        )
        .unwrap();
        state.speak(id);
    }

    /// Makes a change under any actor and says so; gives the change.
    pub(crate) fn edit(
        &self,
        document: DocRef,
        actor: ActorId,
        edit: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
    ) -> Change {
        let id = wire_id(self.principal.event, document);
        let mut state = self.state.lock().unwrap();
        let doc = &mut state.replicas.get_mut(&id).unwrap().doc;
        doc.set_actor(actor);
        let mut transaction = doc.transaction();
        edit(&mut transaction).unwrap();
        transaction.commit_with(CommitOptions::default().with_time(0));
        let change = doc.get_last_local_change().unwrap();
        state.speak(id);
        change
    }

    /// The actor of the phone's device, in a session of this number.
    pub(crate) fn actor(&self, session: u8) -> ActorId {
        self.principal.device.actor([session; 8])
    }

    /// Sends changes as they are, as if they were all there is.
    pub(crate) fn send_changes(&self, document: DocRef, changes: &[&[u8]], mut heads: Vec<ChangeHash>) {
        heads.sort_unstable();
        let chunks: Vec<Vec<u8>> = changes.iter().map(|change| change.to_vec()).collect();
        let message = Message {
            heads,
            need: Vec::new(),
            have: Vec::new(),
            changes: ChunkList::from(chunks),
            flags: None,
            version: MessageVersion::V1,
        };
        let outgoing = Outgoing { data: message.encode(), kind: OutgoingKind::Sync };
        let id = wire_id(self.principal.event, document);
        let frame = self.look(|state| state.connection.sync_frame(id, outgoing));
        self.send(frame);
    }

    pub(crate) fn send_ephemeral(&self, document: DocRef, count: u64, data: &[u8]) {
        let frame = self.look(|state| {
            let document = wire_id(self.principal.event, document);
            let message = EphemeralMessage { author: &self.peer_id, document, session: "s", count, data };
            state.connection.ephemeral_frame(&message)
        });
        self.send(frame);
    }

    pub(crate) fn subscribe(&self, storage: &str) {
        let storage = StorageId::new(storage).unwrap();
        let frame = self.look(|state| state.connection.subscription_frame(&[storage], &[]));
        self.send(frame);
    }

    /// A request for a document that the phone does not hold.
    pub(crate) fn request(&self, document: DocumentId) -> Vec<u8> {
        let doc = Automerge::new();
        let outgoing = DocSync::new(muster_protocol::Role::Full, DocSyncOptions::default()).generate(&doc).unwrap();
        self.look(|state| state.connection.sync_frame(document, outgoing)).unwrap()
    }

    /// Sync messages that bring `count` facts whose author's first change is withheld.
    pub(crate) fn orphans(&self, document: DocRef, count: u32) -> Vec<Vec<u8>> {
        let mut doc = self.look(|state| state.doc(document).clone());
        doc.set_actor(self.principal.device.actor([9; 8]));
        let facts = document::collection(&doc, document.kind.collections()[0]).unwrap();
        let before = doc.get_heads();
        for key in 0..=count {
            doc.transact(|tx| tx.put(&facts, format!("orphan-{key}"), "{}")).unwrap();
        }
        let changes: Vec<Vec<u8>> =
            doc.get_changes(&before).iter().skip(1).map(|change| change.raw_bytes().to_vec()).collect();
        let message = |chunks: &[Vec<u8>]| Outgoing {
            data: Message {
                heads: doc.get_heads(),
                need: Vec::new(),
                have: Vec::new(),
                changes: ChunkList::from(chunks.to_vec()),
                flags: None,
                version: MessageVersion::V1,
            }
            .encode(),
            kind: OutgoingKind::Sync,
        };
        let id = wire_id(self.principal.event, document);
        let frame = |chunks| self.look(|state| state.connection.sync_frame(id, message(chunks))).unwrap();
        changes.chunks(100).map(frame).collect()
    }

    /// From now on the phone takes nothing from its carrier.
    pub(crate) fn stop_reading(&self) {
        self.deaf.send_replace(true);
    }

    /// The phone takes what has come meanwhile.
    pub(crate) fn read_again(&self) {
        self.deaf.send_replace(false);
    }

    pub(crate) fn send(&self, frame: Option<Vec<u8>>) {
        self.look(|state| state.send(frame));
    }

    /// Hangs up without a word.
    pub(crate) fn hang_up(self) -> BTreeMap<DocumentId, Automerge> {
        let mut state = self.state.lock().unwrap();
        std::mem::take(&mut state.replicas).into_iter().map(|(id, replica)| (id, replica.doc)).collect()
    }

    /// Waits until the server has closed the connection; the close code and its reason.
    pub(crate) async fn closed(&self) -> (u16, String) {
        self.until("the close", |state| state.closed.is_some()).await;
        self.look(|state| state.closed.clone().unwrap())
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Until the server closes or the phone is dropped.
async fn run(
    mut socket: Socket,
    state: Arc<Mutex<State>>,
    mut frames: mpsc::UnboundedReceiver<Vec<u8>>,
    (news, mut deaf): (watch::Sender<u64>, watch::Receiver<bool>),
) {
    let mut ending = (0, String::new());
    loop {
        let hears = !*deaf.borrow();
        tokio::select! {
            frame = frames.recv() => {
                // The close frame says more than a failed write.
                drop(socket.send(Carried::Binary(frame.unwrap_or_default().into())).await);
            }
            phone = deaf.changed() => {
                if phone.is_err() {
                    return;
                }
            }
            message = socket.next(), if hears => match message {
                Some(Ok(Carried::Binary(frame))) => {
                    state.lock().unwrap().hear(&frame);
                    news.send_modify(|news| *news += 1);
                }
                Some(Ok(Carried::Close(Some(close)))) => ending = (close.code.into(), close.reason.to_string()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
    state.lock().unwrap().closed = Some(ending);
    news.send_modify(|news| *news += 1);
}
