//! People are erased and servers restored while phones are away: the real server, real phones, real files.

#![expect(clippy::unwrap_used, reason = "a story says what went wrong by panicking")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_client_native::Client;
use muster_model::access::Role;
use muster_model::fact::FactBody;
use muster_model::id::{AttendeeId, CheckpointId, FactId};
use muster_tests::demo::phone::Phone;
use muster_tests::network::Network;
use muster_tests::server_process::ServerProcess;
use muster_tests::stage::{Stage, any_port};

const ATTENDEES: usize = 60;

/// Whom the stories erase.
const NAME: &str = "Zvaigzne Auseklis";

/// How long replicas may take to agree: generous, since the machine may be busy with other tests.
const AGREE_WITHIN: Duration = Duration::from_secs(60);

/// The program `muster`, which `cargo xtask test` builds beside the tests' own programs.
fn muster() -> PathBuf {
    let muster = Path::new(env!("CARGO_BIN_EXE_muster-phone")).with_file_name("muster");
    assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
    muster
}

fn ticket(nth: usize) -> String {
    format!("erasureticket{nth}")
}

async fn stage(folder: &Path) -> Stage {
    let stage = Stage::set(&muster(), folder, "Story").await.unwrap();
    let mut list = String::from("Ticket code,Name,Organisation,Category,E-mail\n");
    for nth in 0..ATTENDEES {
        let name = if nth == 7 { NAME.to_owned() } else { format!("Guest Number {nth}") };
        list.push_str(&format!("{},{name},Nobody,Delegate,g{nth}@example.org\n", ticket(nth)));
    }
    let file = folder.join("attendees.csv");
    std::fs::write(&file, list).unwrap();
    stage.import(&file).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    stage
}

async fn phone(stage: &Stage, folder: &Path, role: &str, name: &str) -> Phone {
    let link = stage.invite(role, name, None).await.unwrap();
    let network = Network::to(stage.server.address()).await.unwrap();
    let phone = Phone::enrol(name, &folder.join(format!("{name}.db")), network, &link).await.unwrap();
    let last = ticket(ATTENDEES - 1);
    until(&phone.client, "the event is there", || knows(&phone.client, &last)).await;
    phone
}

async fn until<F: Future<Output = bool>>(client: &Client, what: &str, mut holds: impl FnMut() -> F) {
    let mut changes = client.changes();
    let deadline = Instant::now() + AGREE_WITHIN;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {} s: {what}", AGREE_WITHIN.as_secs());
        // A change may come from another phone or the server alone: then look again after a moment.
        let _ = tokio::time::timeout(Duration::from_millis(200), changes.recv()).await;
    }
}

async fn knows(client: &Client, typed: &str) -> bool {
    let typed = typed.to_owned();
    let known = client.read(move |core, now| {
        let status = core.status(now)?;
        Ok(status.missing.is_empty() && !status.indexing && !core.search(now, &typed, 1)?.is_empty())
    });
    known.await.unwrap()
}

async fn entrance(client: &Client) -> CheckpointId {
    client.read(|core, now| core.checkpoints(now)).await.unwrap().first().unwrap().id
}

async fn scan(phone: &Phone, nth: usize) -> FactId {
    let checkpoint = entrance(&phone.client).await;
    phone.client.scan(checkpoint, &ticket(nth)).await.unwrap().recorded.unwrap().fact
}

async fn id_of(client: &Client, name: &str) -> AttendeeId {
    let name = name.to_owned();
    client.read(move |core, now| core.search(now, &name, 1)).await.unwrap().first().unwrap().id
}

async fn agree(stage: &Stage, phones: &[(&Phone, Role)]) -> bool {
    let mut heads = Vec::new();
    for (phone, role) in phones {
        if phone.facts_here_only().await.unwrap() > 0 {
            return false;
        }
        heads.push((phone.client.read(|core, now| core.heads(now)).await.unwrap(), *role));
    }
    let server = stage.replica().await.unwrap();
    heads.iter().all(|(heads, role)| server.agrees_with(stage.event, *role, heads).unwrap())
}

/// Every byte of the files of a phone's database.
fn of_phone(folder: &Path, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for suffix in ["", "-wal", "-journal"] {
        if let Ok(read) = std::fs::read(folder.join(format!("{name}.db{suffix}"))) {
            bytes.extend(read);
        }
    }
    bytes
}

fn of_folder(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { of_folder(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

fn stands_in(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|some| some == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_is_gone_from_server_and_phones_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    let here = phone(&stage, folder.path(), "staff", "here").await;
    let away = phone(&stage, folder.path(), "staff", "away").await;
    let desk = phone(&stage, folder.path(), "coordinator", "desk").await;
    let mut shown = vec![scan(&here, 1).await, scan(&away, 2).await];
    let all = [(&here, Role::Staff), (&away, Role::Staff), (&desk, Role::Coordinator)];
    until(&away.client, "everybody agrees", || agree(&stage, &all)).await;
    away.network.cut();
    let about = scan(&away, 7).await;
    for nth in [10, 11, 12] {
        shown.push(scan(&away, nth).await);
    }
    assert!(stands_in(&of_phone(folder.path(), "away"), NAME) || stands_in(&of_phone(folder.path(), "here"), NAME));
    let id = id_of(&desk.client, NAME).await.to_string();

    let erased = stage.server.command(&["attendee", "erase", &stage.event.to_string(), &id]).await.unwrap();
    assert_eq!(erased["files_clean"], true, "{erased}");
    for text in [NAME, "Auseklis", "g7@example.org"] {
        assert!(!stands_in(&of_folder(stage.server.data()), text), "{text} stands in a file of the server");
    }
    shown.push(scan(&here, 20).await);
    away.network.heal();
    until(&away.client, "everybody agrees again", || agree(&stage, &all)).await;
    let held = stage.replica().await.unwrap().facts().unwrap();
    assert_eq!(held.len(), shown.len() + 1);
    assert!(shown.iter().all(|fact| held.contains_key(fact)), "nothing of others is lost");
    assert!(
        matches!(&held[&about].body, FactBody::Entry(entry) if entry.ticket.is_none()),
        "it counts, without a ticket"
    );
    for phone in [&here, &away, &desk] {
        assert!(!knows(&phone.client, NAME).await, "{}", phone.name);
        let checkpoint = entrance(&phone.client).await;
        let counts = phone.client.read(move |core, now| core.counts(now, checkpoint)).await.unwrap();
        assert_eq!(counts.total.admitted, 7, "{}", phone.name);
        let gone = || async { !stands_in(&of_phone(folder.path(), &phone.name), "Auseklis") };
        until(&phone.client, "the name left the phone's files", gone).await;
    }
}

/// The server is killed while phones come back to it, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_around_an_erasure_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(folder.path()).await;
    let one = phone(&stage, folder.path(), "staff", "one").await;
    let id = id_of(&one.client, NAME).await.to_string();
    one.network.cut();
    let shown = [scan(&one, 1).await, scan(&one, 7).await, scan(&one, 9).await];
    let event = stage.event.to_string();
    for pause_ms in [0, 5, 10, 20, 30, 40, 50, 60, 80, 120] {
        // Whether it was done, half done or not begun when the server died: asking again ends it.
        let data = stage.server.data().to_string_lossy().into_owned();
        let mut asking = tokio::process::Command::new(muster())
            .args(["--data", &data, "attendee", "erase", &event, &id])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        stage.server.kill().await.unwrap();
        // It may have found no server and be doing it itself.
        asking.kill().await.unwrap();
        stage.server.restart().await.unwrap();
    }
    stage.server.command(&["attendee", "erase", &event, &id]).await.unwrap();
    assert!(!stands_in(&of_folder(stage.server.data()), NAME));
    one.network.heal();
    let all = [(&one, Role::Staff)];
    until(&one.client, "phone and server agree", || agree(&stage, &all)).await;
    let held = stage.replica().await.unwrap().facts().unwrap();
    assert_eq!(held.len(), shown.len());
    assert!(shown.iter().all(|fact| held.contains_key(fact)));
}

/// The server loses a day and is put back from a backup; the phones bring back what it forgot, also what they know from
/// others only. It is killed in the middle of it.
#[tokio::test(flavor = "multi_thread")]
async fn phones_bring_back_what_a_restored_server_forgot() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(folder.path()).await;
    let one = phone(&stage, folder.path(), "staff", "one").await;
    let other = phone(&stage, folder.path(), "staff", "other").await;
    let lost = phone(&stage, folder.path(), "staff", "lost").await;
    let mut shown = vec![scan(&one, 1).await, scan(&other, 2).await];
    let both = [(&one, Role::Staff), (&other, Role::Staff)];
    until(&one.client, "everybody agrees", || agree(&stage, &both)).await;
    let copy = folder.path().join("copy");
    stage.server.command(&["backup", &copy.to_string_lossy()]).await.unwrap();
    for nth in 10..20 {
        for (phone, offset) in [(&one, 0), (&other, 10), (&lost, 20)] {
            shown.push(scan(phone, nth + offset).await);
        }
    }
    let all = [(&one, Role::Staff), (&other, Role::Staff), (&lost, Role::Staff)];
    until(&one.client, "everybody agrees", || agree(&stage, &all)).await;
    // This phone is never seen again: what it recorded, the others know.
    lost.network.cut();
    let data = stage.server.data().to_owned();
    stage.server.kill().await.unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    shown.push(scan(&one, 50).await);
    let restore = tokio::process::Command::new(muster())
        .args(["--data", &data.to_string_lossy(), "restore", &copy.to_string_lossy()])
        .output()
        .await
        .unwrap();
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    for pause_ms in [0, 20, 60, 150, 400] {
        stage.server.restart().await.unwrap();
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        stage.server.kill().await.unwrap();
    }
    stage.server.restart().await.unwrap();
    until(&one.client, "everybody agrees again", || agree(&stage, &both)).await;
    let held = stage.replica().await.unwrap().facts().unwrap();
    assert!(shown.iter().all(|fact| held.contains_key(fact)), "{} of {}", held.len(), shown.len());
    assert_eq!(held.len(), shown.len());
    let log = stage.server.command(&["audit", "verify"]).await.unwrap();
    assert_eq!(log["sound"], true);
}

/// The backup is older than an erasure: it is made again, and phones that followed the first follow it.
#[tokio::test(flavor = "multi_thread")]
async fn phones_meet_a_server_that_was_restored_to_before_an_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(folder.path()).await;
    let one = phone(&stage, folder.path(), "staff", "one").await;
    let other = phone(&stage, folder.path(), "staff", "other").await;
    let late = phone(&stage, folder.path(), "staff", "late").await;
    let id = id_of(&one.client, NAME).await.to_string();
    let mut shown = vec![scan(&one, 1).await, scan(&other, 2).await];
    let all = [(&one, Role::Staff), (&other, Role::Staff), (&late, Role::Staff)];
    until(&one.client, "everybody agrees", || agree(&stage, &all)).await;
    let copy = folder.path().join("copy");
    stage.server.command(&["backup", &copy.to_string_lossy()]).await.unwrap();
    stage.server.command(&["attendee", "erase", &stage.event.to_string(), &id]).await.unwrap();
    for (phone, nth) in [(&one, 10), (&other, 11), (&late, 12), (&one, 13)] {
        shown.push(scan(phone, nth).await);
    }
    until(&one.client, "everybody agrees", || agree(&stage, &all)).await;
    late.network.cut();
    shown.push(scan(&late, 14).await);
    let log = folder.path().join("audit.jsonl");
    let data = stage.server.data().to_owned();
    let muster_on_data = async |words: &[&str]| {
        let output = tokio::process::Command::new(muster())
            .args(["--data", &data.to_string_lossy()])
            .args(words)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    muster_on_data(&["audit", "export", "--output", &log.to_string_lossy()]).await;
    stage.server.kill().await.unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    muster_on_data(&["restore", &copy.to_string_lossy(), "--erased", &log.to_string_lossy()]).await;
    assert!(!stands_in(&of_folder(&data), NAME));
    stage.server.restart().await.unwrap();
    shown.push(scan(&other, 20).await);
    late.network.heal();
    // The event's document differs: phones keep what the server once said there, and nobody brings it that in its own name.
    let back = || async {
        let held = stage.replica().await.unwrap().facts().unwrap();
        shown.iter().all(|fact| held.contains_key(fact))
    };
    until(&other.client, "everything is back", back).await;
    let held = stage.replica().await.unwrap().facts().unwrap();
    assert_eq!(held.len(), shown.len());
    for phone in [&one, &other, &late] {
        let acknowledged = || async { phone.facts_here_only().await.unwrap() == 0 };
        until(&phone.client, "it is acknowledged", acknowledged).await;
        assert!(!knows(&phone.client, NAME).await && knows(&phone.client, &ticket(9)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_holds_everything_that_was_answered_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    let one = phone(&stage, folder.path(), "staff", "one").await;
    for round in 0..5 {
        let fact = scan(&one, round).await;
        let acknowledged = || async { one.facts_here_only().await.unwrap() == 0 };
        until(&one.client, "it is acknowledged", acknowledged).await;
        let copy = folder.path().join(format!("copy-{round}"));
        stage.server.command(&["backup", &copy.to_string_lossy()]).await.unwrap();
        let held = muster_tests::replica::Replica::of_server(&copy.join("muster.db"), stage.event).await.unwrap();
        assert!(held.facts().unwrap().contains_key(&fact), "round {round}");
    }
    let listed = stage.server.command(&["backups"]).await.unwrap();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 5);
    // A copy is a server too.
    let copy = ServerProcess::start(&muster(), &folder.path().join("copy-4"), any_port()).await.unwrap();
    assert_eq!(copy.command(&["audit", "verify"]).await.unwrap()["sound"], true);
}
