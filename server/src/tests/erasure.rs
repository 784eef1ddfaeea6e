//! Whoever is erased is in no file any more.

use std::path::Path;
use std::sync::Arc;

use automerge::Automerge;
use automerge::transaction::Transactable;
use muster_model::attendee::{Attendee, Contact};
use muster_model::document::{self, DocKind, DocRef};
use muster_model::epoch::Epochs;
use muster_model::event::Event;
use muster_model::fact::{self, AppendError, Entry, EntryVia, Fact, FactBody, Incident, Severity, WalkIn};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, EventId, FactId, QuestionId, RecordId};
use muster_model::record;
use muster_model::time::Timestamp;
use serde_json::json;

use super::test_app::{ATTENDEES, TestApp};
use crate::app::{App, AppState};
use crate::audit::{self, Actor};
use crate::backup;
use crate::config::Config;
use crate::erasure::{self, retention};
use crate::events::create;
use crate::imports::ImportJob;
use crate::quarantine;
use crate::storage::{DocumentStore, NewQuarantined};

const NAME: &str = "Jānis Bērziņš";
const EMAIL: &str = "janis@example.org";

fn roster() -> DocRef {
    DocRef::shard(DocKind::Roster, 0)
}

fn checkins() -> DocRef {
    DocRef::shard(DocKind::Checkins, 0)
}

fn rooms() -> DocRef {
    DocRef::whole(DocKind::Rooms)
}

async fn open(data: &Path) -> AppState {
    App::open(data, Config::default(), String::new()).await.unwrap()
}

/// An event that ended on a day of May 2027, with three attendees.
async fn event(app: &AppState) -> EventId {
    let ends_at = Timestamp::from_ms(1_810_900_000_000);
    let event = Event { name: "Baltic Summit".into(), ends_at, ..Event::default() };
    let event = create::create(app, Actor::Operator, event).await.unwrap().id;
    import(app, event).await;
    event
}

async fn import(app: &AppState, event: EventId) -> crate::imports::Imported {
    let bytes = ATTENDEES.as_bytes().to_vec().into();
    let job = ImportJob { event, format: None, source: None, bytes, actor: Actor::Operator };
    app.imports.run(app, job).await.unwrap()
}

async fn attendees(app: &AppState, event: EventId) -> Vec<(AttendeeId, Attendee)> {
    let read = |doc: &Automerge| record::read_all::<Attendee>(doc);
    app.documents.read(event, roster(), read).await.unwrap().records.into_iter().collect()
}

async fn of_name(app: &AppState, event: EventId, name: &str) -> AttendeeId {
    attendees(app, event).await.into_iter().find(|(_, attendee)| attendee.name == name).unwrap().0
}

fn id(counter: u64) -> FactId {
    FactId { device: DeviceId::from_random([3; 8]), counter }
}

fn checkpoint() -> CheckpointId {
    CheckpointId::from_random([1; 10])
}

async fn append(app: &AppState, event: EventId, document: DocRef, counter: u64, body: FactBody) {
    let fact = Fact { id: id(counter), at: Timestamp::from_ms(1), skew: None, by: "Gate A".into(), body };
    let edit = move |tx: &mut automerge::transaction::Transaction<'_>| fact::append(tx, &fact);
    app.documents.edit::<(), AppendError, _>(event, document, edit).await.unwrap().unwrap();
}

fn entry(attendee: AttendeeId, answer: &str) -> FactBody {
    let answers = [(QuestionId::from_random([1; 10]), answer.to_owned())].into();
    let (checkpoint, via, ticket, despite) = (checkpoint(), EntryVia::Search, None, String::new());
    FactBody::Entry(Entry { attendee, checkpoint, via, ticket, answers, despite })
}

/// Every byte of every file below a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(std::fs::read(path).unwrap()) }
    }
    found
}

fn stands_in(files: &[Vec<u8>], text: &str) -> bool {
    files.iter().any(|file| file.windows(text.len()).any(|some| some == text.as_bytes()))
}

/// Everything that the stored documents say and ever said, decompressed.
async fn history(app: &AppState, event: EventId) -> String {
    let epochs: std::collections::BTreeMap<DocRef, u32> =
        app.storage.epochs(event).await.unwrap().into_iter().collect();
    let mut said = String::new();
    for document in DocumentStore::documents(&app.storage, event).await.unwrap() {
        let epoch = epochs.get(&document).copied().unwrap_or_default();
        let stored = DocumentStore::load(&app.storage, document.id_in(event, epoch)).await.unwrap().unwrap();
        let doc = Automerge::load(&stored.bytes).unwrap();
        for change in doc.get_changes(&[]) {
            said.push_str(&format!("{:?}", change.decode().operations));
        }
    }
    said
}

/// The attendee stands wherever somebody can stand: record, contact, history, facts, notes of others, quarantine, base.
async fn spread(app: &AppState, event: EventId, janis: AttendeeId) {
    append(app, event, checkins(), 1, entry(janis, &format!("{NAME} eats no nuts"))).await;
    append(app, event, checkins(), 2, entry(of_name(app, event, "Zoë Müller").await, "nothing")).await;
    append(app, event, checkins(), 3, FactBody::Undo { fact: id(1), reason: format!("{NAME} is his brother") }).await;
    append(app, event, checkins(), 4, entry(janis, "")).await;
    fall(app, event).await;
    let edit = move |tx: &mut automerge::transaction::Transaction<'_>| {
        let renamed = Attendee { name: NAME.into(), notes: "second record".into(), ..Attendee::default() };
        record::put(tx, &janis, &renamed)
    };
    app.documents.edit(event, roster(), edit).await.unwrap().unwrap();
    for (number, text) in [(1_u8, NAME), (2, "Zoë Müller")] {
        let mut doc = Automerge::load(&[]).unwrap().with_actor(DeviceId::from_random([number; 8]).actor([1; 8]));
        let mut tx = doc.transaction();
        tx.put(automerge::ROOT, "said", text).unwrap();
        tx.commit();
        let refused = NewQuarantined {
            event,
            document: checkins().id(event),
            device: DeviceId::from_random([number; 8]),
            author: None,
            code: "read_only".into(),
            reason: "not yours".into(),
            bytes: doc.get_changes(&[])[0].raw_bytes().to_vec(),
            received_at: Timestamp::from_ms(1),
        };
        app.storage.quarantine(refused).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_attendee_is_in_no_file_and_counts_still() {
    let (dir, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let app = open(dir.path()).await;
    let event = event(&app).await;
    let janis = of_name(&app, event, NAME).await;
    spread(&app, event, janis).await;
    let copy = copies.path().join("copy");
    backup::back_up(&app, Actor::Operator, &copy).await.unwrap();
    assert!(history(&app, event).await.contains(NAME) && history(&app, event).await.contains(EMAIL));
    assert!(stands_in(&files(dir.path()), NAME), "the test would find it");

    let erased = erasure::attendee(&app, Actor::Operator, event, janis).await.unwrap();
    let contacts = DocRef::shard(DocKind::Contacts, 0);
    assert_eq!(erased.documents, [roster(), contacts, checkins(), rooms()]);
    assert_eq!((erased.discarded, erased.files_clean, erased.named_in), (1, true, Vec::new()));
    assert_eq!(erased.backups.iter().map(|copy| copy.folder.as_str()).collect::<Vec<_>>(), [copy.to_str().unwrap()]);
    for text in [NAME, EMAIL, "janis", "eats no nuts", "brother", "second record"] {
        assert!(!stands_in(&files(dir.path()), text), "{text} stands in a file");
        assert!(!history(&app, event).await.contains(text), "{text} stands in a document");
    }
    assert!(stands_in(&files(&copy), NAME), "that is what is warned of");
    let listed = backup::copies(&app.storage).await.unwrap();
    assert_eq!((listed.len(), listed[0].erased_since), (1, 1));

    let facts = app.documents.read(event, checkins(), fact::read_all).await.unwrap().facts;
    assert_eq!(facts.iter().map(|fact| fact.id.counter).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let counted = muster_model::attendance::count(&facts, |_| None);
    assert_eq!(counted[&checkpoint()].total.admitted, 2);
    let incidents = app.documents.read(event, rooms(), fact::read_all).await.unwrap().facts;
    assert!(matches!(&incidents[0].body, FactBody::Incident(incident) if incident.text == "… fell on the stairs"));
    let names: Vec<String> = attendees(&app, event).await.into_iter().map(|(_, attendee)| attendee.name).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"Zoë Müller".to_owned()) && names.contains(&"Łukasz Żak".to_owned()));
    let said = app.documents.read(event, DocRef::whole(DocKind::Event), Epochs::read).await.unwrap();
    assert_eq!(said.moved().count(), 4);
    assert!(said.moved().all(|(_, epoch)| epoch == 1));

    let again = import(&app, event).await;
    assert_eq!(again.report.notes.count("attendee_erased"), 1);
    assert_eq!(attendees(&app, event).await.len(), 2, "the next list does not bring them back");
    assert!(!history(&app, event).await.contains(NAME));
    let log = audit::page(&app.storage, Some(event), 0, 100).await.unwrap();
    let entry = log.iter().find(|entry| entry.action == "attendee.erased").unwrap();
    assert_eq!(entry.subjects, format!("attendee:{janis}"));
    assert!(entry.detail.starts_with("discarded=1 begun=roster/00:1 begun=contacts/00:1 begun="), "{}", entry.detail);
    app.hub.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_erasure_and_a_restart_go_on_from_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let event = event(&app).await;
    let (janis, zoe) = (of_name(&app, event, NAME).await, of_name(&app, event, "Zoë Müller").await);
    erasure::attendee(&app, Actor::Operator, event, janis).await.unwrap();
    app.hub.shutdown().await;
    drop(app);
    let app = open(dir.path()).await;
    assert_eq!(attendees(&app, event).await.len(), 2, "the new epoch is what is loaded");
    erasure::attendee(&app, Actor::Operator, event, zoe).await.unwrap();
    assert_eq!(attendees(&app, event).await.len(), 1);
    let said = app.documents.read(event, DocRef::whole(DocKind::Event), Epochs::read).await.unwrap();
    assert_eq!(said.of(&roster()), 2);
    let unknown = erasure::attendee(&app, Actor::Operator, event, AttendeeId::from_random([9; 10])).await.unwrap_err();
    assert_eq!(unknown.code.as_str(), "attendee_not_found");
    let again = erasure::attendee(&app, Actor::Operator, event, zoe).await.unwrap();
    assert_eq!(again.documents, []);
    app.hub.shutdown().await;
}

/// A phone that was away when somebody was erased, and revoked meanwhile, hands over what it wrote for the document that has
/// ended: that counts, and of the erased nothing else stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_for_a_document_that_has_ended_can_be_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let event = event(&app).await;
    let (janis, zoe) = (of_name(&app, event, NAME).await, of_name(&app, event, "Zoë Müller").await);
    let mut away = document::create(event, &checkins(), DeviceId::from_random([3; 8]).actor([1; 8])).unwrap();
    let genesis = away.get_heads();
    let undo = FactBody::Undo { fact: id(11), reason: format!("{NAME} left") };
    for (counter, body) in [(11, entry(janis, "no nuts")), (12, entry(zoe, "no fish")), (13, undo)] {
        let fact = Fact { id: id(counter), at: Timestamp::from_ms(1), skew: None, by: "Gate B".into(), body };
        let mut tx = away.transaction();
        fact::append(&mut tx, &fact).unwrap();
        tx.commit();
    }
    let bytes: Vec<u8> = away.get_changes(&genesis).iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
    erasure::attendee(&app, Actor::Operator, event, janis).await.unwrap();
    let accepted = quarantine::accept(&app.hub, event, checkins().id(event), &bytes).await.unwrap();
    assert_eq!((accepted.written, accepted.there, accepted.left_out), (3, 0, 0));
    let facts = app.documents.read(event, checkins(), |doc: &Automerge| fact::read_all(doc)).await.unwrap().facts;
    let body = |counter| facts.iter().find(|fact| fact.id == id(counter)).unwrap().body.clone();
    let FactBody::Entry(of_janis) = body(11) else { panic!("an entry") };
    assert_eq!((of_janis.attendee, of_janis.answers.len()), (janis, 0));
    assert_eq!(body(12), entry(zoe, "no fish"));
    assert_eq!(body(13), FactBody::Undo { fact: id(11), reason: String::new() });
    app.hub.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_told_is_told_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let event = event(&app).await;
    let janis = of_name(&app, event, NAME).await;
    erasure::attendee(&app, Actor::Operator, event, janis).await.unwrap();
    let said = app.documents.read(event, DocRef::whole(DocKind::Event), Epochs::read).await.unwrap();
    // As if the server had died between the erasure and telling of it.
    let silence = |tx: &mut automerge::transaction::Transaction<'_>| -> Result<(), automerge::AutomergeError> {
        tx.delete(automerge::ROOT, "epochs")?;
        tx.delete(automerge::ROOT, "erased")
    };
    app.documents.edit(event, DocRef::whole(DocKind::Event), silence).await.unwrap().unwrap();
    retention::look(&app, Timestamp::from_ms(0)).await;
    assert_eq!(app.documents.read(event, DocRef::whole(DocKind::Event), Epochs::read).await.unwrap(), said);
    app.hub.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_a_backup_does_not_know_is_made_again() {
    let (dir, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let app = open(dir.path()).await;
    let event = event(&app).await;
    let (janis, zoe) = (of_name(&app, event, NAME).await, of_name(&app, event, "Zoë Müller").await);
    erasure::attendee(&app, Actor::Operator, event, zoe).await.unwrap();
    let copy = copies.path().join("copy");
    backup::back_up(&app, Actor::Operator, &copy).await.unwrap();
    // Only since then something was written about them, so another document is begun anew.
    fall(&app, event).await;
    erasure::attendee(&app, Actor::Operator, event, janis).await.unwrap();
    let lukasz = of_name(&app, event, "Łukasz Żak").await;
    erasure::attendee(&app, Actor::Operator, event, lukasz).await.unwrap();
    let said = app.documents.read(event, DocRef::whole(DocKind::Event), Epochs::read).await.unwrap();
    app.hub.shutdown().await;
    drop(app);
    let log = copies.path().join("audit.jsonl");
    let (log, copy) = (log.to_str().unwrap(), copy.to_str().unwrap());
    super::cli::muster(dir.path(), &["audit", "export", "--output", log]).await.unwrap();

    let data = copies.path().join("data");
    let restored = super::cli::muster_json(&data, &["restore", copy, "--erased", log]).await;
    assert_eq!((&restored["sound"], &restored["erased_again"]), (&json!(true), &json!(2)));
    for gone in [NAME, EMAIL, "Łukasz Żak"] {
        assert!(!stands_in(&files(&data), gone), "{gone}");
    }
    let app = open(&data).await;
    assert_eq!(attendees(&app, event).await.len(), 0);
    let now = app.documents.read(event, DocRef::whole(DocKind::Event), Epochs::read).await.unwrap();
    for (document, epoch) in said.moved() {
        assert!(now.of(&document) > epoch, "{document} is in an epoch that no phone knows");
    }
    assert_eq!(now.erasure(), said.erasure());
    app.hub.shutdown().await;
    drop(app);
    std::fs::write(log, "{}\n").unwrap();
    let other = copies.path().join("other");
    let refused = super::cli::muster(&other, &["restore", copy, "--erased", log]).await.unwrap_err();
    assert!(matches!(refused, crate::cli::CliError::NoLog { .. }), "{refused}");
    assert!(!other.exists(), "nothing was begun");
}

/// An incident that names them.
async fn fall(app: &AppState, event: EventId) {
    let text = format!("{NAME} fell on the stairs");
    let incident = FactBody::Incident(Incident { room: None, session: None, severity: Severity::Urgent, text });
    append(app, event, rooms(), 5, incident).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_known_from_facts_or_from_the_past_is_erased_too() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let event = event(&app).await;
    let walk_in = AttendeeId::from_random([8; 10]);
    let (name, organisation, category) = ("Edith Walker".to_owned(), "Walkers".to_owned(), "Press".to_owned());
    let body = FactBody::WalkIn(WalkIn { attendee: walk_in, checkpoint: checkpoint(), name, organisation, category });
    append(&app, event, checkins(), 1, body).await;
    let janis = of_name(&app, event, NAME).await;
    for document in [roster(), DocRef::shard(DocKind::Contacts, 0)] {
        let delete = move |tx: &mut automerge::transaction::Transaction<'_>| match document.kind {
            DocKind::Roster => record::delete::<Attendee, _>(tx, &janis),
            _ => record::delete::<Contact, _>(tx, &janis),
        };
        app.documents.edit(event, document, delete).await.unwrap().unwrap();
    }
    assert!(history(&app, event).await.contains(NAME) && history(&app, event).await.contains("Edith"));
    erasure::attendee(&app, Actor::Operator, event, walk_in).await.unwrap();
    erasure::attendee(&app, Actor::Operator, event, janis).await.unwrap();
    let said = history(&app, event).await;
    for text in [NAME, EMAIL, "Edith", "Walkers"] {
        assert!(!said.contains(text) && !stands_in(&files(dir.path()), text), "{text}");
    }
    let facts = app.documents.read(event, checkins(), fact::read_all).await.unwrap().facts;
    assert!(matches!(&facts[0].body, FactBody::WalkIn(walk_in) if walk_in.category == "Press"));
    app.hub.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_time_is_over_names_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let event = event(&app).await;
    let janis = of_name(&app, event, NAME).await;
    spread(&app, event, janis).await;
    let day_ms = 24 * 60 * 60 * 1_000;
    let ends_at = Timestamp::from_ms(1_810_900_000_000);
    retention::look(&app, ends_at.plus_ms(1_000 * day_ms)).await;
    assert_eq!(attendees(&app, event).await.len(), 3, "nobody said when");
    retention::set(&app.storage, Actor::Operator, event, Some(30)).await.unwrap();
    retention::look(&app, ends_at.plus_ms(30 * day_ms - 1)).await;
    assert_eq!(attendees(&app, event).await.len(), 3, "not yet");
    retention::look(&app, ends_at.plus_ms(30 * day_ms)).await;
    let said = history(&app, event).await;
    for text in [NAME, EMAIL, "Müller", "zoe@example.org", "stairs", "eats no nuts", "nothing"] {
        assert!(!said.contains(text), "{text} stands in a document");
        assert!(!stands_in(&files(dir.path()), text), "{text} stands in a file");
    }
    let facts = app.documents.read(event, checkins(), fact::read_all).await.unwrap().facts;
    assert_eq!(muster_model::attendance::count(&facts, |_| None)[&checkpoint()].total.admitted, 2);
    assert!(retention::of(&app.storage, event).await.unwrap().erased_at.is_some());
    let heads = app.documents.read(event, roster(), |doc| Ok(doc.get_heads())).await.unwrap();
    retention::look(&app, ends_at.plus_ms(31 * day_ms)).await;
    assert_eq!(app.documents.read(event, roster(), |doc| Ok(doc.get_heads())).await.unwrap(), heads, "once is enough");
    let log = audit::page(&app.storage, Some(event), 0, 100).await.unwrap();
    let entry = log.iter().find(|entry| entry.action == "event.erased").unwrap();
    assert_eq!(entry.actor, "server");
    app.hub.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_readers_at_the_same_time_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let event = event(&app).await;
    let janis = of_name(&app, event, NAME).await;
    let writing = {
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            for counter in 1..200 {
                let body = FactBody::Exit { attendee: AttendeeId::from_random([7; 10]), checkpoint: checkpoint() };
                let fact = Fact { id: id(counter), at: Timestamp::from_ms(1), skew: None, by: String::new(), body };
                let edit = move |tx: &mut automerge::transaction::Transaction<'_>| fact::append(tx, &fact);
                // Refused while the document is begun anew: then it was not kept.
                match app.documents.edit::<(), AppendError, _>(event, checkins(), edit).await {
                    Ok(edited) => {
                        edited.unwrap();
                        kept.push(counter);
                    }
                    Err(error) => assert_eq!(error.code.as_str(), "document_reloading"),
                }
            }
            kept
        })
    };
    for _ in 0..3 {
        erasure::attendee(&app, Actor::Operator, event, janis).await.unwrap();
    }
    let kept = writing.await.unwrap();
    let facts = app.documents.read(event, checkins(), fact::read_all).await.unwrap().facts;
    // They come in the order of their keys, in which 10 is before 2.
    let mut found: Vec<_> = facts.iter().map(|fact| fact.id.counter).collect();
    found.sort_unstable();
    assert_eq!(found, kept);
    app.hub.shutdown().await;
}

#[tokio::test]
async fn coordinators_erase_and_say_for_how_long() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    let coordinator = app.device(event, &json!({"role": "coordinator", "name": "Desk"})).await.token;
    let export = format!("/api/v1/events/{event}/exports/attendees-csv");
    let list = app.get(&coordinator, &export).await.text();
    let line = list.lines().find(|line| line.contains(NAME)).unwrap();
    let id = line.split(',').find(|cell| cell.parse::<AttendeeId>().is_ok()).unwrap();
    let erased = app.delete(&coordinator, &format!("/api/v1/events/{event}/attendees/{id}")).await.json();
    assert_eq!((&erased["attendee_id"], &erased["files_clean"]), (&json!(id), &json!(true)));
    assert_eq!(erased["documents"], json!(["roster/00", "contacts/00", "checkins/00"]));
    assert!(!app.get(&coordinator, &export).await.text().contains(NAME));
    let path = format!("/api/v1/events/{event}/retention");
    assert_eq!(app.get(&coordinator, &path).await.json()["days"], json!(null));
    let set = app.put(&coordinator, &path, &json!({"days": 90})).await.json();
    assert_eq!((&set["days"], set["due_at_ms"].as_i64().is_some()), (&json!(90), true));
    assert_eq!(app.put(&coordinator, &path, &json!({"days": 40_000})).await.code(), "bad_field");
    let said = super::cli::muster(app.dir.path(), &["event", "retention", &event.to_string()]).await.unwrap();
    assert!(said.starts_with("Personal data is erased 90 days after the end: 2027-08-19"), "{said}");
    app.stop().await;
}
