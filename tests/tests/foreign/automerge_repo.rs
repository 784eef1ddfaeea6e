//! automerge-repo as it comes from npm, in a Node process of its own that runs `client.js`.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use muster_protocol::DocumentId;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};

use crate::client::{Dial, Found};

/// How long the client waits before it dials again. Its own default of 5 s is for the field, not for tests.
const RETRY_MS: u64 = 100;

/// What "never" is for a client that always dials again: longer than any test.
const NEVER_MS: u64 = 3_600_000;

type Answer = Result<Json, String>;

/// A repo with one WebSocket adapter.
pub(crate) struct AutomergeRepo {
    child: Child,
    commands: tokio::sync::Mutex<ChildStdin>,
    next_id: AtomicU64,
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>,
    uncaught: watch::Sender<Vec<String>>,
}

impl AutomergeRepo {
    pub(crate) async fn start(version: &str, dial: &Dial) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
        assert!(
            folder.join("node_modules").is_dir(),
            "the foreign clients are not installed: run `npm ci` in tests/foreign, or `cargo xtask test`"
        );
        let mut child = Command::new("node")
            .arg(folder.join("client.js"))
            .arg(version)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs: Node 20 or later is installed");
        let (commands, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (waiting, uncaught) = (Arc::default(), watch::Sender::new(Vec::new()));
        tokio::spawn(hear(answers, Arc::clone(&waiting), uncaught.clone()));
        let client =
            Self { child, commands: tokio::sync::Mutex::new(commands), next_id: AtomicU64::new(1), waiting, uncaught };
        let retry_ms = if dial.again { RETRY_MS } else { NEVER_MS };
        let dial = json!({ "url": dial.url, "peer": dial.peer, "retryMs": retry_ms, "storage": dial.storage });
        client.tell("connect", dial).await;
        client
    }

    async fn tell(&self, command: &str, mut args: Json) -> Json {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, answer);
        args["id"] = json!(id);
        args["do"] = json!(command);
        self.commands.lock().await.write_all(format!("{args}\n").as_bytes()).await.expect("the client is there");
        let answer = answered.await.unwrap_or_else(|_| panic!("the client ended during {command}"));
        answer.unwrap_or_else(|error| panic!("{command} failed: {error}"))
    }

    pub(crate) async fn connected(&self) {
        self.tell("connected", json!({})).await;
    }

    pub(crate) async fn disconnected(&self) {
        self.tell("disconnected", json!({})).await;
    }

    pub(crate) async fn open(&self, document: DocumentId) -> Found {
        self.open_url(&document.to_url()).await
    }

    /// Asks for a document of any id.
    pub(crate) async fn open_url(&self, url: &str) -> Found {
        match self.tell("open", json!({ "document": url })).await.as_str() {
            Some("ready") => Found::Ready,
            Some("unavailable") => Found::Unavailable,
            answer => panic!("an answer that the client does not give: {answer:?}"),
        }
    }

    pub(crate) async fn create(&self) -> DocumentId {
        let url = self.tell("create", json!({ "content": { "own": "mine" } })).await;
        DocumentId::parse_url(url.as_str().unwrap()).unwrap()
    }

    pub(crate) async fn read(&self, document: DocumentId) -> Json {
        self.tell("read", json!({ "document": document.to_url() })).await
    }

    pub(crate) async fn put(&self, document: DocumentId, path: &[&str], text: &str, immutable: bool) {
        let args = json!({ "document": document.to_url(), "path": path, "text": text, "immutable": immutable });
        self.tell("put", args).await;
    }

    pub(crate) async fn until(&self, document: DocumentId, path: &[&str], text: Option<&str>) -> Json {
        let mut args = json!({ "document": document.to_url(), "path": path });
        if let Some(text) = text {
            args["is"] = json!(text);
        }
        self.tell("until", args).await
    }

    pub(crate) async fn heard(&self, document: DocumentId) -> Json {
        self.tell("heard", json!({ "document": document.to_url() })).await["message"].clone()
    }

    /// Waits for an error that the library threw where no app can catch it.
    pub(crate) async fn uncaught(&self) -> String {
        let mut uncaught = self.uncaught.subscribe();
        let found = uncaught.wait_for(|errors| !errors.is_empty()).await.unwrap();
        found.first().unwrap().clone()
    }

    pub(crate) async fn die(mut self) {
        self.tell("flush", json!({})).await;
        self.child.kill().await.unwrap();
    }
}

/// Hands out what the process says.
async fn hear(
    answers: ChildStdout,
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>,
    uncaught: watch::Sender<Vec<String>>,
) {
    let mut lines = BufReader::new(answers).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let said: Json = serde_json::from_str(&line).expect("the client speaks JSON");
        if let Some(id) = said["id"].as_u64() {
            let answer = match said["error"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(said["value"].clone()),
            };
            if let Some(asked) = waiting.lock().unwrap().remove(&id) {
                // Whoever asked may have stopped waiting.
                drop(asked.send(answer));
            }
        } else if let Some(message) = said["message"].as_str() {
            uncaught.send_modify(|errors| errors.push(message.to_owned()));
        }
    }
    // Whoever still waits is told that nothing comes any more.
    waiting.lock().unwrap().clear();
}
