//! What every foreign client lives through.

use std::collections::BTreeSet;

use muster_model::document::{DocKind, DocRef};
use muster_model::fact::{Fact, FactBody};
use muster_protocol::Frame;
use muster_tests::tap::{Tap, Who};

use crate::client::{Client, Found, Kind, in_time};
use crate::scene::{Scene, admitted, attendee, entrance, entry, ticket, title_on, until, until_titled};

/// The programme that a client reads is the one that was imported.
pub(crate) async fn reads_the_programme(kind: Kind) {
    let scene = Scene::set().await;
    let (_, client) = scene.client(kind, "staff").await;
    assert_eq!(client.open(scene.program()).await, Found::Ready);
    let read = client.read(scene.program()).await;
    let title = |id: &str| read["sessions"][id]["title"].as_str().map(str::to_owned);
    let imported = scene.sessions().await;
    assert_eq!(imported.len(), 74);
    assert_eq!(read["sessions"].as_object().unwrap().len(), imported.len());
    for (id, session) in &imported {
        assert_eq!(title(&id.to_string()).as_ref(), Some(&session.title));
    }
}

/// A coordinator edits a session on another's client; a phone shows it, and the server keeps it.
pub(crate) async fn edits_a_session_that_a_phone_then_shows(kind: Kind) {
    let scene = Scene::set().await;
    let phone = scene.phone().await;
    let (_, client) = scene.client(kind, "coordinator").await;
    let session = *scene.sessions().await.keys().next().unwrap();
    assert_eq!(client.open(scene.program()).await, Found::Ready);
    client.edit(scene.program(), &["sessions", &session.to_string(), "title"], "Moved to the great hall").await;
    until_titled(&phone, session, "Moved to the great hall").await;
    assert_eq!(scene.sessions().await[&session].title, "Moved to the great hall");
}

/// A device of staff appends a check-in in the model's form; the phone counts it and knows the ticket.
pub(crate) async fn checks_somebody_in_for_a_phone_to_see(kind: Kind) {
    let scene = Scene::set().await;
    let phone = scene.phone().await;
    let (device, client) = scene.client(kind, "staff").await;
    let (checkpoint, guest) = (entrance(&phone).await, attendee(&phone, 3).await);
    assert_eq!(client.open(scene.checkins()).await, Found::Ready);
    let fact = entry(&device, 1, guest, checkpoint);
    client.append(scene.checkins(), &fact).await;
    until(&phone.client, "the phone counts the check-in", || async { admitted(&phone, checkpoint).await == 1 }).await;
    let result = phone.client.scan(checkpoint, &ticket(3)).await.unwrap();
    assert_eq!(result.verdict.code(), "already_in");
    assert_eq!(scene.stage.replica().await.unwrap().facts().unwrap().get(&fact.id), Some(&fact));
}

/// A phone checks somebody in; the client that looks on sees the fact as the phone wrote it.
pub(crate) async fn sees_a_phones_check_in(kind: Kind) {
    let scene = Scene::set().await;
    let phone = scene.phone().await;
    let (_, client) = scene.client(kind, "staff").await;
    assert_eq!(client.open(scene.checkins()).await, Found::Ready);
    let checkpoint = entrance(&phone).await;
    let recorded = phone.client.scan(checkpoint, &ticket(5)).await.unwrap().recorded.unwrap().fact;
    let json = client.until(scene.checkins(), &["facts", &recorded.to_string()], None).await;
    let fact = Fact::from_json(recorded, json.as_str().unwrap()).unwrap();
    let FactBody::Entry(entry) = fact.body else { panic!("not a check-in: {fact:?}") };
    assert_eq!((entry.attendee, entry.checkpoint), (attendee(&phone, 5).await, checkpoint));
}

/// Staff edit a session, which they may not: nothing changes for anybody, they are told why, the exchange ends, and what
/// others write still arrives.
pub(crate) async fn changes_nothing_where_it_may_not_write_and_is_told(kind: Kind) {
    let scene = Scene::set().await;
    let phone = scene.phone().await;
    let sessions = scene.sessions().await;
    let [refused, allowed] = [0, 1].map(|nth| *sessions.keys().nth(nth).unwrap());
    let tap = Tap::to(scene.address()).await.unwrap();
    let device = scene.device("staff").await;
    let client = Client::start(kind, &scene.dial(&device, tap.address())).await;
    let program = scene.program();
    assert_eq!(client.open(program).await, Found::Ready);

    client.edit(program, &["sessions", &refused.to_string(), "title"], "Mine now").await;
    let told = client.heard(program).await;
    assert_eq!((&told["type"], &told["code"]), (&"muster-notice".into(), &"read_only".into()), "{told}");
    // What follows proves by its arrival that the wire is free again, and gives an endless exchange time to show.
    let (_, coordinator) = scene.client(kind, "coordinator").await;
    assert_eq!(coordinator.open(program).await, Found::Ready);
    for round in 0..5 {
        let title = format!("Version {round}");
        coordinator.edit(program, &["sessions", &allowed.to_string(), "title"], &title).await;
        client.until(program, &["sessions", &allowed.to_string(), "title"], Some(&title)).await;
    }
    until_titled(&phone, allowed, "Version 4").await;
    assert_eq!(title_on(&phone, refused).await, sessions[&refused].title);
    assert_eq!(scene.sessions().await[&refused].title, sessions[&refused].title);
    let frames = |who| tap.count(|from, frame| from == who && is_sync_of(frame, program));
    let (from_client, from_server) = (frames(Who::Client), frames(Who::Server));
    assert!(from_client <= 15 && from_server <= 15, "{kind}: {from_client} and {from_server} frames for 5 edits");
}

fn is_sync_of(frame: &Frame, meant: muster_protocol::DocumentId) -> bool {
    matches!(frame, Frame::Sync { document, .. } | Frame::Request { document, .. } if *document == meant)
}

/// What the role may not read is said to be unavailable, and the rest goes on.
pub(crate) async fn does_not_get_what_it_may_not_read(kind: Kind) {
    let scene = Scene::set().await;
    let (_, client) = scene.client(kind, "staff").await;
    for document in [DocRef::whole(DocKind::Budget), DocRef::shard(DocKind::Contacts, 0)] {
        assert_eq!(client.open(scene.id(document)).await, Found::Unavailable, "{document}");
    }
    assert_eq!(client.open(scene.program()).await, Found::Ready);
}

/// The server dies; client and phone go on alone; when it is back, each has what the other did.
pub(crate) async fn meets_the_others_again_after_the_server_was_killed(kind: Kind) {
    let mut scene = Scene::set().await;
    let phone = scene.phone().await;
    let (_, client) = scene.client(kind, "coordinator").await;
    let (program, checkins) = (scene.program(), scene.checkins());
    let session = *scene.sessions().await.keys().next().unwrap();
    let checkpoint = entrance(&phone).await;
    for document in [program, checkins] {
        assert_eq!(client.open(document).await, Found::Ready);
    }
    scene.kill_server().await;
    client.disconnected().await;
    client.edit(program, &["sessions", &session.to_string(), "title"], "While nobody listened").await;
    let recorded = phone.client.scan(checkpoint, &ticket(7)).await.unwrap().recorded.unwrap().fact;
    scene.restart_server().await;
    until_titled(&phone, session, "While nobody listened").await;
    client.until(checkins, &["facts", &recorded.to_string()], None).await;
    assert_eq!(scene.sessions().await[&session].title, "While nobody listened");
}

/// The client ends, the others go on; started again on what it stored, it brings what it did and gets what it missed.
pub(crate) async fn starts_again_from_its_own_storage(kind: Kind) {
    let mut scene = Scene::set().await;
    let phone = scene.phone().await;
    let device = scene.device("coordinator").await;
    let mut dial = scene.dial(&device, scene.address());
    dial.storage = Some(scene.folder.path().join("laptop"));
    let client = Client::start(kind, &dial).await;
    let (program, checkins) = (scene.program(), scene.checkins());
    let session = *scene.sessions().await.keys().next().unwrap();
    let checkpoint = entrance(&phone).await;
    for document in [program, checkins] {
        assert_eq!(client.open(document).await, Found::Ready);
    }
    scene.kill_server().await;
    client.disconnected().await;
    client.edit(program, &["sessions", &session.to_string(), "title"], "Kept on the laptop").await;
    client.die().await;
    scene.restart_server().await;
    let recorded = phone.client.scan(checkpoint, &ticket(9)).await.unwrap().recorded.unwrap().fact;

    let client = Client::start(kind, &dial).await;
    for document in [program, checkins] {
        assert_eq!(client.open(document).await, Found::Ready);
    }
    until_titled(&phone, session, "Kept on the laptop").await;
    client.until(checkins, &["facts", &recorded.to_string()], None).await;
}

/// A second connection under the same peer id takes the first one's place, and the two do not talk for ever.
pub(crate) async fn takes_its_own_place_under_the_same_peer_id(kind: Kind) {
    let scene = Scene::set().await;
    let phone = scene.phone().await;
    let device = scene.device("coordinator").await;
    let tap = Tap::to(scene.address()).await.unwrap();
    let mut dial = scene.dial(&device, tap.address());
    dial.again = false;
    let program = scene.program();
    let older = Client::start(kind, &dial).await;
    assert_eq!(older.open(program).await, Found::Ready);
    let newer = Client::start(kind, &dial).await;
    older.disconnected().await;
    assert_eq!(newer.open(program).await, Found::Ready);

    let ids: Vec<String> = scene.sessions().await.keys().take(10).map(ToString::to_string).collect();
    for (nth, id) in ids.iter().enumerate() {
        newer.edit(program, &["sessions", id, "title"], &format!("Version {nth}")).await;
    }
    let last = *scene.sessions().await.keys().nth(9).unwrap();
    until_titled(&phone, last, "Version 9").await;
    let frames = tap.count(|_, frame| is_sync_of(frame, program));
    assert!(frames <= 40, "{kind}: {frames} frames for two joins and 10 edits");
}

/// A client has documents that are none of Muster's: the server does not take them, says so once, and the rest goes on.
pub(crate) async fn keeps_documents_of_its_own_to_itself(kind: Kind) {
    let scene = Scene::set().await;
    let phone = scene.phone().await;
    let device = scene.device("staff").await;
    let tap = Tap::to(scene.address()).await.unwrap();
    let client = Client::start(kind, &scene.dial(&device, tap.address())).await;
    let mut own = BTreeSet::new();
    client.connected().await;
    for _ in 0..5 {
        own.insert(client.create().await);
    }
    for document in &own {
        let is_answer = |who, frame: &Frame| {
            who == Who::Server && matches!(frame, Frame::DocUnavailable { document: about, .. } if about == document)
        };
        in_time("the server says that it lacks the document", tap.until(is_answer)).await;
    }
    assert_eq!(client.open(scene.checkins()).await, Found::Ready);
    let checkpoint = entrance(&phone).await;
    for nth in 0..10 {
        let recorded = phone.client.scan(checkpoint, &ticket(nth)).await.unwrap().recorded.unwrap().fact;
        client.until(scene.checkins(), &["facts", &recorded.to_string()], None).await;
    }
    let frames = tap.count(|_, frame| match frame {
        Frame::Sync { document, .. } | Frame::Request { document, .. } | Frame::DocUnavailable { document, .. } => {
            own.contains(document)
        }
        _ => false,
    });
    assert!(frames <= 20, "{kind}: {frames} frames about 5 documents that the server does not take");
    for document in own {
        assert_eq!(client.read(document).await["own"], "mine");
    }
}
