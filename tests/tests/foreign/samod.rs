//! samod as it comes from crates.io, in this process.
//!
//! Its own WebSocket dialer wants the system's OpenSSL, so a dialer of ours carries its messages: one binary message each.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use automerge::transaction::Transactable;
use automerge::{Automerge, ObjId, ROOT, ReadDoc};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, SinkExt, StreamExt};
use muster_protocol::{DocumentId, Frame, FrameLimits};
use samod::storage::{InMemoryStorage, TokioFilesystemStorage};
use samod::{BackoffConfig, DialError, Dialer, DialerHandle, DocHandle, PeerId, Repo, Transport, Url};
use serde_json::{Value as Json, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Dial, Found};

/// A repo with one dialer.
pub(crate) struct Samod {
    repo: Repo,
    dialer: DialerHandle<io::Error>,
    handles: Mutex<HashMap<DocumentId, DocHandle>>,
    heard: Mutex<HashMap<DocumentId, BoxStream<'static, Vec<u8>>>>,
}

impl Samod {
    pub(crate) async fn start(dial: &Dial) -> Self {
        let builder = Repo::build_tokio().with_peer_id(PeerId::from(dial.peer.as_str()));
        let repo = match &dial.storage {
            Some(folder) => builder.with_storage(TokioFilesystemStorage::new(folder)).load().await,
            None => builder.with_storage(InMemoryStorage::new()).load().await,
        };
        let (initial_delay, max_delay) = (Duration::from_millis(50), Duration::from_millis(200));
        let backoff = BackoffConfig { initial_delay, max_delay, max_retries: None };
        let socket = WebSocket { url: dial.url.parse().unwrap(), again: dial.again, dialled: Arc::default() };
        let dialer = repo.dial(backoff, Arc::new(socket)).unwrap();
        Self { repo, dialer, handles: Mutex::default(), heard: Mutex::default() }
    }

    fn handle(&self, document: DocumentId) -> DocHandle {
        self.handles.lock().unwrap()[&document].clone()
    }

    pub(crate) async fn connected(&self) {
        let mut events = self.dialer.events();
        while !self.dialer.is_connected() {
            events.next().await.expect("the repo runs");
        }
    }

    pub(crate) async fn disconnected(&self) {
        let mut events = self.dialer.events();
        while self.dialer.is_connected() {
            events.next().await.expect("the repo runs");
        }
    }

    pub(crate) async fn open(&self, document: DocumentId) -> Found {
        // While samod waits to dial again it takes everything for unavailable, and its first attempt may come to nothing.
        self.connected().await;
        let id: samod::DocumentId = document.to_string().parse().unwrap();
        match self.repo.find(id).await.unwrap() {
            Some(handle) => {
                // What is said before somebody listens is gone.
                self.heard.lock().unwrap().insert(document, handle.ephemera().boxed());
                self.handles.lock().unwrap().insert(document, handle);
                Found::Ready
            }
            None => Found::Unavailable,
        }
    }

    pub(crate) async fn create(&self) -> DocumentId {
        let mut doc = Automerge::new();
        doc.transact(|tx| tx.put(ROOT, "own", "mine")).unwrap();
        let handle = self.repo.create(doc).await.unwrap();
        let document = handle.document_id().to_string().parse().unwrap();
        self.handles.lock().unwrap().insert(document, handle);
        document
    }

    pub(crate) async fn read(&self, document: DocumentId) -> Json {
        self.handle(document).with_document(|doc| serde_json::to_value(automerge::AutoSerde::from(&*doc)).unwrap())
    }

    pub(crate) async fn put(&self, document: DocumentId, path: &[&str], text: &str, _immutable: bool) {
        let (key, to) = path.split_last().unwrap();
        self.handle(document).with_document(|doc| {
            let object = to.iter().fold(ROOT, |object, key| child(doc, &object, key));
            doc.transact(|tx| tx.put(&object, *key, text)).unwrap();
        });
    }

    pub(crate) async fn until(&self, document: DocumentId, path: &[&str], text: Option<&str>) -> Json {
        let handle = self.handle(document);
        let mut changes = handle.changes();
        loop {
            let found = path.iter().try_fold(self.read(document).await, |value, key| value.get(key).cloned());
            match found {
                Some(found) if text.is_none_or(|text| found == json!(text)) => return found,
                _ => drop(changes.next().await.expect("the repo runs")),
            }
        }
    }

    pub(crate) async fn heard(&self, document: DocumentId) -> Json {
        let listening = self.heard.lock().unwrap().remove(&document);
        let message = listening.expect("the document is open, and nobody else listens").next().await;
        match Frame::decode(&message.expect("the repo runs"), &FrameLimits::default()) {
            Ok(Frame::Notice { code, .. }) => json!({ "type": "muster-notice", "code": code }),
            other => panic!("not a notice: {other:?}"),
        }
    }

    pub(crate) async fn die(self) {
        self.repo.stop().await;
    }
}

fn child(doc: &Automerge, object: &ObjId, key: &str) -> ObjId {
    doc.get(object, key).unwrap().unwrap_or_else(|| panic!("there is no {key}")).1
}

/// Dials a WebSocket over TCP.
struct WebSocket {
    url: Url,
    /// Whether it does so more than once.
    again: bool,
    dialled: Arc<AtomicBool>,
}

impl Dialer for WebSocket {
    type Error = io::Error;

    fn url(&self) -> Url {
        self.url.clone()
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<io::Error>>> {
        let (url, again, dialled) = (self.url.to_string(), self.again, Arc::clone(&self.dialled));
        async move {
            if dialled.swap(true, Ordering::Relaxed) && !again {
                return Err(DialError::PermanentFailure(io::ErrorKind::ConnectionAborted.into()));
            }
            let (socket, _) = connect_async(url).await.map_err(DialError::transient)?;
            let (sink, stream) = socket.split();
            let stream = stream.filter_map(|message| async {
                match message {
                    Ok(Message::Binary(bytes)) => Some(Ok(bytes.to_vec())),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                }
            });
            let sink = sink.with(|bytes: Vec<u8>| async { Ok::<_, Error>(Message::Binary(bytes.into())) });
            Ok(Transport::new(Box::pin(stream), Box::pin(sink)))
        }
        .boxed()
    }
}
