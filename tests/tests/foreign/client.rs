//! A foreign client, whichever it is.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use muster_model::fact::Fact;
use muster_protocol::DocumentId;
use serde_json::Value as Json;

use crate::automerge_repo::AutomergeRepo;
use crate::samod::Samod;

/// How long anything may take: generous, since the machine may be busy with other tests.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// What runs, in which version.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// The npm package `@automerge/automerge-repo` of this version.
    AutomergeRepo(&'static str),
    /// The crate `samod`, in the version that `Cargo.lock` has.
    Samod,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AutomergeRepo(version) => write!(f, "automerge-repo {version}"),
            Self::Samod => f.write_str("samod 0.16"),
        }
    }
}

/// Where a client finds the server and who it says it is.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    /// The server's WebSocket, with the token.
    pub(crate) url: String,
    /// The id that it joins with.
    pub(crate) peer: String,
    /// Where it stores documents; nowhere but in memory if not said.
    pub(crate) storage: Option<PathBuf>,
    /// Whether it dials again when it has lost the connection.
    pub(crate) again: bool,
}

/// What came of asking for a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is there.
    Ready,
    /// Nobody has it, or not for us.
    Unavailable,
}

/// A running foreign client.
pub(crate) enum Client {
    AutomergeRepo(AutomergeRepo),
    Samod(Samod),
}

/// Waits, but not for ever.
pub(crate) async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(WITHIN, waiting).await.unwrap_or_else(|_| panic!("not within {} s: {what}", WITHIN.as_secs()))
}

/// The same call on whichever client it is.
macro_rules! on {
    ($client:expr, $inner:ident => $call:expr) => {
        match $client {
            Client::AutomergeRepo($inner) => in_time(stringify!($call), $call).await,
            Client::Samod($inner) => in_time(stringify!($call), $call).await,
        }
    };
}

impl Client {
    /// A client that dials. It need not have reached anybody yet.
    pub(crate) async fn start(kind: Kind, dial: &Dial) -> Self {
        match kind {
            Kind::AutomergeRepo(version) => Self::AutomergeRepo(AutomergeRepo::start(version, dial).await),
            Kind::Samod => Self::Samod(Samod::start(dial).await),
        }
    }

    /// Waits until it has shaken hands with the server.
    pub(crate) async fn connected(&self) {
        on!(self, client => client.connected());
    }

    /// Waits until it has noticed that the server is gone.
    pub(crate) async fn disconnected(&self) {
        on!(self, client => client.disconnected());
    }

    /// Asks for a document.
    pub(crate) async fn open(&self, document: DocumentId) -> Found {
        on!(self, client => client.open(document))
    }

    /// Begins a document of its own.
    pub(crate) async fn create(&self) -> DocumentId {
        on!(self, client => client.create())
    }

    /// What an open document holds.
    pub(crate) async fn read(&self, document: DocumentId) -> Json {
        on!(self, client => client.read(document))
    }

    /// Sets a text in an open document, the way apps on this client write texts.
    pub(crate) async fn edit(&self, document: DocumentId, path: &[&str], text: &str) {
        on!(self, client => client.put(document, path, text, false));
    }

    /// Appends a fact in the form that `muster-model` has for it.
    pub(crate) async fn append(&self, document: DocumentId, fact: &Fact) {
        let (id, json) = (fact.id.to_string(), fact.to_json().unwrap());
        on!(self, client => client.put(document, &["facts", &id], &json, true));
    }

    /// Waits until a text stands at this place, any or this one; returns it.
    pub(crate) async fn until(&self, document: DocumentId, path: &[&str], text: Option<&str>) -> Json {
        on!(self, client => client.until(document, path, text))
    }

    /// Waits for something said to all who have the document open.
    pub(crate) async fn heard(&self, document: DocumentId) -> Json {
        on!(self, client => client.heard(document))
    }

    /// Waits until its storage has everything, and ends without a goodbye.
    pub(crate) async fn die(self) {
        on!(self, client => client.die());
    }
}
