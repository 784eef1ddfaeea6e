//! Stories of phones and the real server over a network that fails.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a story says what went wrong by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_client_core::command::Edit;
use muster_client_core::event::Side;
use muster_client_core::view::{DoubleView, Durability};
use muster_client_native::{Client, ClientConfig, EnrolmentLink, Link, LinkEnd, WebSocketCarrier};
use muster_model::access::Role;
use muster_model::edit::{NeedsEdit, RoomEdit};
use muster_model::id::{CheckpointId, RoomId};
use muster_model::logistics::Needs;
use muster_model::time::Timestamp;
use muster_model::verdict::Verdict;
use muster_tests::demo::phone::Phone;
use muster_tests::network::Network;
use muster_tests::stage::Stage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How many attendees the stories have.
const ATTENDEES: usize = 400;

/// How long replicas may take to agree: generous, since the machine may be busy with other tests.
const AGREE_WITHIN: Duration = Duration::from_secs(60);

/// The program `muster`, which `cargo xtask test` builds beside the tests' own programs.
fn muster() -> PathBuf {
    let muster = Path::new(env!("CARGO_BIN_EXE_muster-phone")).with_file_name("muster");
    assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
    muster
}

fn ticket(nth: usize) -> String {
    format!("storyticket{nth}")
}

async fn stage(folder: &Path) -> Stage {
    let stage = Stage::set(&muster(), folder, "Story").await.unwrap();
    let mut list =
        String::from("Ticket code,First name,Last name,Organisation,Category,E-mail,Language,Status,Notes\n");
    for nth in 0..ATTENDEES {
        list.push_str(&format!("{},Guest,Number {nth},Nobody,Delegate,g{nth}@example.org,lv,paid,\n", ticket(nth)));
    }
    let file = folder.join("attendees.csv");
    std::fs::write(&file, list).unwrap();
    stage.import(&file).await.unwrap();
    stage
}

async fn phone(stage: &Stage, folder: &Path, name: &str) -> Phone {
    let link = stage.invite("staff", name, None).await.unwrap();
    let network = Network::to(stage.server.address()).await.unwrap();
    Phone::enrol(name, &folder.join(format!("{name}.db")), network, &link).await.unwrap()
}

/// Looks again whenever the phone says that something changed, until it is as it should be.
async fn until<F: Future<Output = bool>>(client: &Client, what: &str, mut holds: impl FnMut() -> F) {
    let mut changes = client.changes();
    let deadline = Instant::now() + AGREE_WITHIN;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {} s: {what}", AGREE_WITHIN.as_secs());
        // A change may come from another phone or the server alone: then look again after a moment.
        let _ = tokio::time::timeout(Duration::from_millis(200), changes.recv()).await;
    }
}

async fn knows_everybody(client: &Client) -> bool {
    let last = ticket(ATTENDEES - 1);
    let known = client.read(move |core, now| {
        let status = core.status(now)?;
        Ok(status.missing.is_empty() && !status.indexing && !core.search(now, &last, 1)?.is_empty())
    });
    known.await.unwrap()
}

async fn entrance(client: &Client) -> CheckpointId {
    client.read(|core, now| core.checkpoints(now)).await.unwrap().first().unwrap().id
}

async fn agree(stage: &Stage, phones: &[&Phone]) -> bool {
    let mut heads = Vec::new();
    for phone in phones {
        if phone.facts_here_only().await.unwrap() > 0 {
            return false;
        }
        heads.push(phone.client.read(|core, now| core.heads(now)).await.unwrap());
    }
    let server = stage.replica().await.unwrap();
    heads.iter().all(|heads| server.agrees_with(stage.event, Role::Staff, heads).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_cut_at_any_byte_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    let (one, other) = (phone(&stage, folder.path(), "A").await, phone(&stage, folder.path(), "B").await);
    for phone in [&one, &other] {
        until(&phone.client, "the event is there", || knows_everybody(&phone.client)).await;
    }
    let checkpoint = entrance(&one.client).await;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut shown = Vec::new();
    for nth in 0..ATTENDEES / 2 {
        for (phone, nth) in [(&one, nth), (&other, nth + ATTENDEES / 2)] {
            match rng.random_range(0..4) {
                0 => phone.network.cut_after(rng.random_range(0..3_000)),
                1 => phone.network.cut(),
                _ => phone.network.heal(),
            }
            let result = phone.client.scan(checkpoint, &ticket(nth)).await.unwrap();
            shown.push(result.recorded.unwrap().fact);
        }
    }
    for phone in [&one, &other] {
        phone.network.heal();
    }
    let both = [&one, &other];
    until(&one.client, "phones and server agree", || agree(&stage, &both)).await;
    let held = stage.replica().await.unwrap().facts().unwrap();
    assert!(shown.iter().all(|fact| held.contains_key(fact)));
    assert_eq!(held.len(), shown.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_hours_off_is_corrected_once_the_server_was_met() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    let carrier = Arc::new(WebSocketCarrier::new(&[]).unwrap());
    let real = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let wrong_by = 3 * 60 * 60 * 1_000;
    let config = ClientConfig {
        clock: Arc::new(move || Timestamp::from_ms(real() + wrong_by)),
        ..ClientConfig::new(folder.path().join("late.db"), carrier)
    };
    let client = Client::open(config).await.unwrap();
    let link = stage.invite("staff", "Late", None).await.unwrap();
    client.enrol(&EnrolmentLink::parse(&link).unwrap(), "Late").await.unwrap();
    client.start_sync().await.unwrap();
    until(&client, "the event is there", || knows_everybody(&client)).await;
    let checkpoint = entrance(&client).await;
    let before = real();
    let result = client.scan(checkpoint, &ticket(0)).await.unwrap();
    let after = real();
    let card = result.card.unwrap();
    let fact = &card.facts.first().unwrap().fact;
    assert!(fact.at.ms() >= before + wrong_by, "the device's own clock is kept");
    let corrected = fact.corrected_at().ms();
    assert!((before - 2_000..=after + 2_000).contains(&corrected), "{} ms off", corrected - before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_phones_meet_over_a_carrier_of_the_host_with_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    let (one, other) = (phone(&stage, folder.path(), "A").await, phone(&stage, folder.path(), "B").await);
    for phone in [&one, &other] {
        until(&phone.client, "the event is there", || knows_everybody(&phone.client)).await;
        phone.network.cut();
    }
    let checkpoint = entrance(&one.client).await;
    let result = one.client.scan(checkpoint, &ticket(3)).await.unwrap();
    assert_eq!(result.recorded.unwrap().durability, Durability::OnThisPhone);

    let ((link_one, end_one), (link_other, end_other)) = (Link::new(), Link::new());
    tokio::spawn(wire(end_one, end_other));
    one.client.attach(link_one, Role::Staff, Side::Initiator).await.unwrap();
    other.client.attach(link_other, Role::Staff, Side::Acceptor).await.unwrap();

    let heard = || async {
        let read = other.client.read(move |core, now| Ok(core.counts(now, checkpoint)?.total.admitted));
        read.await.unwrap() == 1
    };
    until(&other.client, "the other phone hears of the check-in", heard).await;
    let again = other.client.scan(checkpoint, &ticket(3)).await.unwrap();
    assert_eq!(again.verdict.code(), "already_in");
}

/// A wire between two phones, of the host's own making.
async fn wire(mut one: LinkEnd, mut other: LinkEnd) {
    loop {
        let carried = tokio::select! {
            frame = one.to_send.recv() => match frame {
                Some(frame) => other.deliver.send(Ok(frame)).await.is_ok(),
                None => false,
            },
            frame = other.to_send.recv() => match frame {
                Some(frame) => one.deliver.send(Ok(frame)).await.is_ok(),
                None => false,
            },
        };
        if !carried {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presenter_holds_their_own_logistics_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(&muster(), folder.path(), "Story").await.unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    for file in ["conference.xml", "rooms.csv", "presenters.csv"] {
        stage.import(&samples.join(file)).await.unwrap();
    }
    let staff = phone(&stage, folder.path(), "Staff").await;
    let known = || async {
        let arrivals = staff.client.read(|core, now| core.arrivals(now)).await.unwrap();
        arrivals.len() == 44
    };
    until(&staff.client, "the programme is there", known).await;
    let arrivals = staff.client.read(|core, now| core.arrivals(now)).await.unwrap();
    let with_hotel = |name: &str| name == "Mārtiņš Grāvītis";
    let presenter = arrivals.iter().find(|one| one.profile.as_ref().is_some_and(|of| with_hotel(&of.name))).unwrap();
    let id = presenter.presenter.to_string();

    let link = stage.invite("presenter", "Mine", Some(&id)).await.unwrap();
    let network = Network::to(stage.server.address()).await.unwrap();
    let mine = Phone::enrol("Mine", &folder.path().join("mine.db"), network, &link).await.unwrap();
    let paid = || async {
        let logistics = mine.client.read(|core, now| core.my_logistics(now)).await.unwrap();
        logistics.honorarium.is_some_and(|honorarium| honorarium.amount_cents == 35_000)
    };
    until(&mine.client, "the honorarium is there", paid).await;
    let held = mine.client.read(|core, now| core.heads(now)).await.unwrap();
    let own = Role::Presenter(presenter.presenter);
    assert!(held.keys().all(|document| own.access(document).may_read()), "{held:?}");
    assert!(held.keys().all(|document| !document.to_string().starts_with("roster")), "{held:?}");
    let staff_holds = staff.client.read(|core, now| core.heads(now)).await.unwrap();
    assert!(staff_holds.keys().all(|document| !document.to_string().starts_with("presenter")), "{staff_holds:?}");

    mine.network.cut();
    let arrived = mine.client.arrive(presenter.presenter).await.unwrap();
    assert_eq!(arrived.durability, Durability::OnThisPhone);
    mine.network.heal();
    let seen = || async {
        let arrivals = staff.client.read(|core, now| core.arrivals(now)).await.unwrap();
        arrivals.iter().any(|one| one.arrival.as_ref().is_some_and(|fact| fact.id == arrived.fact))
    };
    until(&staff.client, "staff see that the presenter is here", seen).await;

    // What they need they say themselves, while the office writes down what they said on the telephone.
    let office = stage.invite("coordinator", "Office", None).await.unwrap();
    let network = Network::to(stage.server.address()).await.unwrap();
    let office = Phone::enrol("Office", &folder.path().join("office.db"), network, &office).await.unwrap();
    let of = presenter.presenter;
    let needs = |phone: &Phone| {
        let client = phone.client.clone();
        async move { client.read(move |core, now| core.logistics(now, of)).await.unwrap().needs.unwrap_or_default() }
    };
    let before = needs(&mine).await;
    let has_programme = || async { !office.client.read(|core, now| core.rooms(now)).await.unwrap().is_empty() };
    until(&office.client, "the office has the programme", has_programme).await;
    mine.network.cut();
    office.network.cut();
    let (aids, access) = (NeedsEdit::Aids("HDMI adapter".into()), NeedsEdit::Access("a ramp".into()));
    assert!(mine.client.edit(Edit::Needs(of, vec![aids])).await.unwrap());
    assert!(office.client.edit(Edit::Needs(of, vec![access])).await.unwrap());
    assert_eq!(
        mine.client.edit(Edit::Room(room_of(&staff).await, vec![RoomEdit::Capacity(None)])).await.unwrap_err().code(),
        "not_allowed"
    );
    mine.network.heal();
    office.network.heal();
    let expected = Needs { aids: "HDMI adapter".into(), access: "a ramp".into(), ..before };
    let both = || async { needs(&mine).await == expected && needs(&office).await == expected };
    until(&office.client, "both see what both wrote", both).await;
    let stored = || async {
        let logistics = mine.client.read(|core, now| core.my_logistics(now)).await.unwrap();
        logistics.needs_durability == Durability::OnServer
    };
    until(&mine.client, "the server has it", stored).await;
}

/// Any room of the programme.
async fn room_of(phone: &Phone) -> RoomId {
    phone.client.read(|core, now| core.rooms(now)).await.unwrap().first().unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_admits_nobody_and_keeps_what_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    let name = "Full";
    let link = stage.invite("staff", name, None).await.unwrap();
    let tickets = folder.path().join("tickets.txt");
    let codes: Vec<String> = (0..ATTENDEES).map(ticket).collect();
    std::fs::write(&tickets, codes.join("\n")).unwrap();
    let database = folder.path().join("full.db");
    // No file of this process may grow over 1.5 MiB: what the system does on a full disk, without one. The signal that says
    // so is ignored, so that the write fails instead.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 3072; exec '{}' --database '{}' --link '{link}' --tickets '{}' --pace-ms 1",
        env!("CARGO_BIN_EXE_muster-phone"),
        database.display(),
        tickets.display()
    );
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", &limited])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let (shown, failed) = read_until_failures(output, 20).await;
    child.kill().await.unwrap();
    assert!(!shown.is_empty(), "some were admitted before the disk was full");
    assert!(failed.iter().all(|code| code.starts_with("storage_")), "{failed:?}");
    let store = muster_client_core::store::sqlite::SqliteStore::open(&database).unwrap();
    let rng = Box::new(ChaCha8Rng::seed_from_u64(0));
    let mut core = muster_client_core::Driver::open(store, rng, Timestamp::from_ms(0)).unwrap();
    let held = core.own_facts(Timestamp::from_ms(0)).unwrap();
    assert!(shown.iter().all(|fact| held.iter().any(|known| known.id == *fact)), "what was shown is there");
}

/// What a phone process showed, and the codes of its first `count` failures.
async fn read_until_failures(
    output: tokio::process::ChildStdout,
    count: usize,
) -> (Vec<muster_model::id::FactId>, Vec<String>) {
    use muster_tests::crash::Said;
    use tokio::io::AsyncBufReadExt;
    let (mut shown, mut failed) = (Vec::new(), Vec::new());
    let mut lines = tokio::io::BufReader::new(output).lines();
    let reading = async {
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(Said::Shown { fact, .. }) => shown.extend(fact),
                Ok(Said::Failed { code, .. }) => failed.push(code),
                _ => {}
            }
            if failed.len() == count {
                return;
            }
        }
    };
    tokio::time::timeout(AGREE_WITHIN, reading).await.expect("the disk fills up");
    (shown, failed)
}

/// Doors without network, an attendee who registered after it was lost, and a ticket that says all there is to know.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_ticket_opens_doors_that_have_never_heard_of_its_bearer() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    let event = stage.event.to_string();
    stage.server.command(&["ticket", "keys", &event, "rotate"]).await.unwrap();
    let (one, other) = (phone(&stage, folder.path(), "A").await, phone(&stage, folder.path(), "B").await);
    for phone in [&one, &other] {
        until(&phone.client, "the event is there", || knows_everybody(&phone.client)).await;
        phone.network.cut();
    }
    let late = folder.path().join("late.csv");
    std::fs::write(&late, "Name,Organisation,Category,E-mail\nIeva Vilciņa,Osta,Press,ieva@example.org\n").unwrap();
    let late = late.to_string_lossy().into_owned();
    stage.server.command(&["event", "import", &event, &late, "--source", "late"]).await.unwrap();
    let issued = stage.server.command(&["ticket", "issue", &event, "--all"]).await.unwrap();
    let code = issued["tickets"][0]["code"].as_str().unwrap().to_owned();
    let checkpoint = entrance(&one.client).await;
    for phone in [&one, &other] {
        let result = phone.client.scan(checkpoint, &code).await.unwrap();
        assert_eq!(result.verdict, Verdict::Admitted, "{}", phone.name);
        assert_eq!(result.card, None, "nobody has told this phone who it is");
        assert_eq!(result.bearer.unwrap().attendee.to_string(), issued["tickets"][0]["attendee_id"].as_str().unwrap());
    }
    for phone in [&one, &other] {
        phone.network.heal();
    }
    let both = [&one, &other];
    until(&one.client, "phones and server agree", || agree(&stage, &both)).await;
    for phone in both {
        let found = async || {
            let doubles = phone.client.read(|core, now| core.double_admissions(now)).await.unwrap();
            let named = |double: &DoubleView| double.card.as_ref().is_some_and(|card| card.name == "Ieva Vilciņa");
            doubles.len() == 1 && doubles.iter().all(|double| named(double) && double.admissions.len() == 2)
        };
        until(&phone.client, "the double admission has a name", found).await;
    }
    let counts = stage.server.command(&["event", "counts", &event]).await.unwrap();
    assert_eq!(counts["double_admissions"]["open"], 1);
}
