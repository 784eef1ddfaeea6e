//! Stories of devices that are renewed, get another role, are revoked or copied: the real server, real phones.

#![expect(clippy::unwrap_used, reason = "a story says what went wrong by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_client_core::CoreCode;
use muster_client_core::view::{LinkState, Standing};
use muster_client_native::{Client, ClientConfig, ClientError, EnrolmentLink, WebSocketCarrier};
use muster_model::access::Role;
use muster_model::document::DocKind;
use muster_model::id::CheckpointId;
use muster_tests::demo::phone::Phone;
use muster_tests::network::Network;
use muster_tests::stage::{Stage, text};

/// How long something may take that must happen: generous, since the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program `muster`, which `cargo xtask test` builds beside the tests' own programs.
fn muster() -> PathBuf {
    let muster = Path::new(env!("CARGO_BIN_EXE_muster-phone")).with_file_name("muster");
    assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
    muster
}

fn ticket(nth: usize) -> String {
    format!("storyticket{nth}")
}

/// An event with twenty attendees whose devices' access tokens last for so many seconds.
async fn stage(folder: &Path, access_token_s: u32) -> Stage {
    std::fs::create_dir_all(folder.join("server")).unwrap();
    let config = format!("[auth]\naccess_token_s = {access_token_s}\n");
    std::fs::write(folder.join("server/muster.toml"), config).unwrap();
    let stage = Stage::set(&muster(), folder, "Story").await.unwrap();
    let mut list = String::from("Ticket code,First name,Last name,Organisation,Category\n");
    for nth in 0..20 {
        list.push_str(&format!("{},Guest,Zvirbulis{nth},Nobody,Delegate\n", ticket(nth)));
    }
    let file = folder.join("attendees.csv");
    std::fs::write(&file, list).unwrap();
    stage.import(&file).await.unwrap();
    stage
}

async fn phone(stage: &Stage, folder: &Path, name: &str) -> Phone {
    let link = stage.invite("staff", name, None).await.unwrap();
    let network = Network::to(stage.server.address()).await.unwrap();
    let phone = Phone::enrol(name, &folder.join(format!("{name}.db")), network, &link).await.unwrap();
    until(&phone.client, "the event is there", || knows_everybody(&phone.client)).await;
    phone
}

/// Looks again whenever the phone says that something changed, until it is as it should be.
async fn until<F: Future<Output = bool>>(client: &Client, what: &str, mut holds: impl FnMut() -> F) {
    let mut changes = client.changes();
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {} s: {what}", PATIENCE.as_secs());
        // A change may come from the server alone: then look again after a moment.
        let _ = tokio::time::timeout(Duration::from_millis(200), changes.recv()).await;
    }
}

async fn knows_everybody(client: &Client) -> bool {
    let known = client.read(|core, now| {
        let status = core.status(now)?;
        Ok(status.missing.is_empty() && !status.indexing && !core.search(now, &ticket(19), 1)?.is_empty())
    });
    known.await.unwrap()
}

async fn status(client: &Client) -> muster_client_core::view::StatusView {
    client.read(|core, now| core.status(now)).await.unwrap()
}

async fn entrance(client: &Client) -> CheckpointId {
    client.read(|core, now| core.checkpoints(now)).await.unwrap().first().unwrap().id
}

async fn own_id(client: &Client) -> String {
    client.read(|core, now| core.me(now)).await.unwrap().unwrap().device.to_string()
}

/// What one query finds in a backup of the server's database.
async fn in_the_database(stage: &Stage, folder: &Path, query: &str) -> Vec<String> {
    let target = folder.join(format!("look-{}", rand::random::<u32>()));
    stage.server.command(&["backup", &target.to_string_lossy()]).await.unwrap();
    let database = rusqlite::Connection::open(target.join("muster.db")).unwrap();
    let mut statement = database.prepare(query).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The device of each entry of the quarantine and how many changes it holds.
async fn set_aside(stage: &Stage, folder: &Path, code: &str) -> Vec<(String, usize)> {
    let query = format!("SELECT device_id || ' ' || hex(bytes) FROM quarantine WHERE code = '{code}' ORDER BY 1");
    let found = in_the_database(stage, folder, &query).await;
    // Each change of a document begins with the magic bytes of Automerge.
    let count = |row: &String| {
        let (device, hex) = row.split_once(' ').unwrap();
        (device.to_owned(), hex.matches("856F4A83").count())
    };
    found.iter().map(count).collect()
}

fn holds_bytes(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    let mine = |path: &PathBuf| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(mine);
    files.into_iter().any(|path| std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_every_two_seconds_are_not_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path(), 2).await;
    let phone = phone(&stage, folder.path(), "A").await;
    let checkpoint = entrance(&phone.client).await;
    let mut tokens = 0;
    let deadline = Instant::now() + PATIENCE;
    let mut nth = 0;
    while tokens < 5 {
        assert!(Instant::now() < deadline, "{tokens} tokens");
        phone.client.scan(checkpoint, &ticket(nth)).await.unwrap();
        nth += 1;
        let sent = || async { phone.facts_here_only().await.unwrap() == 0 };
        until(&phone.client, "the check-in is on the server", sent).await;
        tokens = in_the_database(&stage, folder.path(), "SELECT hex(token_hash) FROM refresh_tokens").await.len();
    }
    assert!(matches!(status(&phone.client).await.servers[0].link, LinkState::Connected));
    let alerts = stage.server.command(&["device", "alerts", &stage.event.to_string()]).await.unwrap();
    assert_eq!(alerts["alerts"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_phone_hands_over_what_it_had_not_sent_and_forgets_the_event() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path(), 900).await;
    let (lost, other) = (phone(&stage, folder.path(), "lost").await, phone(&stage, folder.path(), "other").await);
    let checkpoint = entrance(&lost.client).await;
    let id = own_id(&lost.client).await;
    lost.network.cut();
    for nth in 0..3 {
        assert!(lost.client.scan(checkpoint, &ticket(nth)).await.unwrap().recorded.is_some());
    }
    assert!(holds_bytes(folder.path(), "lost", b"Zvirbulis7"));
    stage.server.command(&["device", "revoke", &stage.event.to_string(), &id]).await.unwrap();
    lost.network.heal();
    let forgotten = || async { status(&lost.client).await.standing == Standing::Forgotten };
    until(&lost.client, "it has forgotten the event", forgotten).await;
    let refused = lost.client.scan(checkpoint, &ticket(4)).await.unwrap_err();
    assert!(matches!(refused, ClientError::Core(ref error) if error.code == CoreCode::DeviceRevoked), "{refused}");
    assert!(!holds_bytes(folder.path(), "lost", b"Zvirbulis"), "no name is left in its files");
    let kept = set_aside(&stage, folder.path(), "device_revoked").await;
    assert_eq!(kept, [(id, 3)], "a coordinator can look at all three");
    let facts = stage.replica().await.unwrap().facts().unwrap();
    assert!(facts.is_empty(), "nothing of it counts by itself");

    // Found again, and given a new code: it is another device on the same phone.
    let link = stage.invite("staff", "found", None).await.unwrap();
    let link = link.replace(&stage.server.address().to_string(), &lost.network.address().to_string());
    lost.client.enrol(&EnrolmentLink::parse(&link).unwrap(), "found").await.unwrap();
    until(&lost.client, "the event is there", || knows_everybody(&lost.client)).await;
    lost.client.scan(checkpoint, &ticket(4)).await.unwrap();
    let heard = || async {
        let read = other.client.read(move |core, now| Ok(core.counts(now, checkpoint)?.total.admitted));
        read.await.unwrap() == 1
    };
    until(&other.client, "the others hear of it", heard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_role_takes_effect_while_the_phone_is_connected() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path(), 900).await;
    let phone = phone(&stage, folder.path(), "A").await;
    let (event, id) = (stage.event.to_string(), own_id(&phone.client).await);
    let set = async |role| stage.server.command(&["device", "role", &event, &id, "--role", role]).await.unwrap();
    set("finance").await;
    let role = async || phone.client.read(|core, now| core.me(now)).await.unwrap().unwrap().role;
    until(&phone.client, "it is finance's", || async { role().await == Role::Finance }).await;
    let kinds = async || -> Vec<DocKind> {
        phone.client.read(|core, now| core.heads(now)).await.unwrap().into_keys().map(|doc| doc.kind).collect()
    };
    let has_budget = || async { kinds().await.contains(&DocKind::Budget) };
    until(&phone.client, "the budget is there", has_budget).await;
    assert!(!kinds().await.contains(&DocKind::Roster));
    assert!(!holds_bytes(folder.path(), "A", b"Zvirbulis"), "nor is a name left in its files");
    set("staff").await;
    until(&phone.client, "everybody is back", || knows_everybody(&phone.client)).await;
    assert!(!kinds().await.contains(&DocKind::Budget));
    let checkpoint = entrance(&phone.client).await;
    phone.client.scan(checkpoint, &ticket(1)).await.unwrap();
    let sent = || async { phone.facts_here_only().await.unwrap() == 0 };
    until(&phone.client, "the check-in is on the server", sent).await;
}

async fn open(database: PathBuf) -> Client {
    let carrier = Arc::new(WebSocketCarrier::new(&[]).unwrap());
    Client::open(ClientConfig::new(database, carrier)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_phone_is_noticed_and_nothing_of_either_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path(), 900).await;
    let original = phone(&stage, folder.path(), "original").await;
    let checkpoint = entrance(&original.client).await;
    let id = own_id(&original.client).await;
    original.network.cut();
    original.client.scan(checkpoint, &ticket(0)).await.unwrap();
    original.client.close().await;
    for suffix in ["", "-wal"] {
        let file = |name: &str| folder.path().join(format!("{name}.db{suffix}"));
        if file("original").exists() {
            std::fs::copy(file("original"), file("copy")).unwrap();
        }
    }
    // Both know of tokens that have ended, so both ask for the next.
    stage_tokens_end(folder.path(), "original");
    stage_tokens_end(folder.path(), "copy");
    let (one, two) = (open(folder.path().join("original.db")).await, open(folder.path().join("copy.db")).await);
    one.scan(checkpoint, &ticket(1)).await.unwrap();
    two.scan(checkpoint, &ticket(2)).await.unwrap();
    original.network.heal();
    for client in [&one, &two] {
        client.start_sync().await.unwrap();
    }
    for client in [&one, &two] {
        let forgotten = || async { status(client).await.standing == Standing::Forgotten };
        until(client, "it has forgotten the event", forgotten).await;
    }
    let alerts = stage.server.command(&["device", "alerts", &stage.event.to_string()]).await.unwrap();
    let alerts = alerts["alerts"].as_array().unwrap().clone();
    assert_eq!(alerts.len(), 1);
    assert_eq!(text(&alerts[0], "device_id").unwrap(), id);
    // What each had recorded is on the server, or set aside for a coordinator: one of them may have sent its own before the
    // other showed itself.
    let sent = stage.replica().await.unwrap().facts().unwrap().len();
    let aside: usize =
        set_aside(&stage, folder.path(), "device_revoked").await.iter().map(|(_, changes)| changes).sum();
    assert!(sent + aside >= 3, "{sent} sent, {aside} set aside");
}

/// Makes a phone believe that its access token ended long ago.
fn stage_tokens_end(folder: &Path, name: &str) {
    let database = rusqlite::Connection::open(folder.join(format!("{name}.db"))).unwrap();
    let (key, value): (String, Vec<u8>) = database
        .query_row("SELECT key, value FROM meta WHERE key LIKE 'server/%'", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let mut entry: serde_json::Value = serde_json::from_slice(&value).unwrap();
    entry.as_object_mut().unwrap().insert("got_at".to_owned(), serde_json::json!(1_000));
    let value = serde_json::to_vec(&entry).unwrap();
    database.execute("UPDATE meta SET value = ?2 WHERE key = ?1", rusqlite::params![key, value]).unwrap();
}
