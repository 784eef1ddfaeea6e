//! Tickets that the server issues, as their bearers, their makers and their thieves see them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use muster_model::attendee::Attendee;
use muster_model::document::{DocKind, DocRef};
use muster_model::id::EventId;
use muster_model::record;
use muster_model::ticket::code::read;
use muster_model::ticket::key::{TicketKey, TicketKeys};
use muster_model::ticket::signed::{Checked, SignedTicket, check};
use muster_model::ticket::withdrawn::{self, Withdrawal};
use muster_model::ticket::{TicketHash, bearer};
use serde_json::{Value, json};

use super::cli::{muster, muster_json};
use super::test_app::{ATTENDEES, TestApp, config};
use crate::run;

/// Those who come without a ticket.
const GUESTS: &str = "ID,Name,Organisation,Category,E-mail\n\
7,Ieva Kalniņa,Ostas pārvalde,Delegate,ieva@example.org\n\
8,Ruta Ozola,Ostas pārvalde,Press,ruta@example.org\n";

async fn with_guests() -> (TestApp, EventId) {
    let app = TestApp::start().await;
    let event = app.event().await;
    for (source, list) in [("paper", GUESTS), ("shop", ATTENDEES)] {
        let path = format!("/api/v1/events/{event}/imports?format=attendees-csv&source={source}");
        assert_eq!(app.upload(&app.operator(), &path, list).await.status, 200);
    }
    (app, event)
}

async fn issue(app: &TestApp, event: EventId, request: Value) -> Value {
    app.post(&app.operator(), &format!("/api/v1/events/{event}/tickets"), &request).await.json()
}

/// The codes, by the attendees' names.
fn codes(issued: &Value) -> Vec<(String, String)> {
    let tickets = issued["tickets"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut codes: Vec<_> = tickets.map(|ticket| (text(&ticket["name"]), text(&ticket["code"]))).collect();
    codes.sort();
    codes
}

/// What the documents in a data directory say: what a phone goes by.
struct Door {
    event: EventId,
    keys: TicketKeys,
    withdrawn: withdrawn::Withdrawn,
    roster: Vec<Attendee>,
}

async fn door(data: &Path, event: EventId) -> Door {
    let opened = run::open(config(data), None).await.unwrap();
    let documents = &opened.app.documents;
    let look =
        |doc: &automerge::Automerge| Ok((record::read_all::<TicketKey>(doc)?.records, withdrawn::read_all(doc)?));
    let (keys, withdrawn) = documents.read(event, DocRef::whole(DocKind::Event), look).await.unwrap();
    let look = |doc: &automerge::Automerge| Ok(record::read_all::<Attendee>(doc)?.records.into_values().collect());
    let roster = documents.read(event, DocRef::shard(DocKind::Roster, 0), look).await.unwrap();
    opened.close().await;
    Door { event, keys: TicketKeys::new(&keys), withdrawn, roster }
}

impl Door {
    fn checked(&self, code: &str) -> Checked {
        check(self.event, &self.keys, &read(code).form)
    }

    fn good(&self, code: &str) -> SignedTicket {
        match self.checked(code) {
            Checked::Good(ticket) => *ticket,
            other => panic!("{other:?}"),
        }
    }

    fn withdrawal(&self, code: &str) -> Option<Withdrawal> {
        self.withdrawn.get(&TicketHash::of(self.event, code)).copied()
    }
}

#[tokio::test]
async fn tickets_are_issued_to_those_who_have_none_and_are_the_same_when_asked_again() {
    let (app, event) = with_guests().await;
    let first = issue(&app, event, json!({"all": true})).await;
    assert_eq!((first["kept"].as_u64(), first["not_standing"].as_u64()), (Some(3), Some(0)), "{first}");
    let codes_first = codes(&first);
    assert_eq!(codes_first.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Ieva Kalniņa", "Ruta Ozola"]);
    assert_eq!(codes(&issue(&app, event, json!({"all": true})).await), codes_first);
    // The same lists again take no ticket away.
    let path = format!("/api/v1/events/{event}/imports?format=attendees-csv&source=paper");
    assert_eq!(app.upload(&app.operator(), &path, GUESTS).await.json()["changed"], false);
    let dir = app.stop().await;
    let door = door(dir.path(), event).await;
    for (name, code) in &codes_first {
        let ticket = door.good(code);
        let record = door.roster.iter().find(|attendee| attendee.name == *name).unwrap();
        assert_eq!((record.ticket, record.ticket_key), (Some(ticket.hash), Some(ticket.key)));
        assert!(ticket.category.is(&record.category) && !ticket.category.name([]).is_empty(), "{name}");
        assert_ne!(ticket.holder, bearer::bearer_of(event, ticket.hash), "it names its attendee");
        assert_eq!(door.withdrawal(code), None);
    }
}

#[tokio::test]
async fn a_new_key_signs_from_now_on_and_a_retired_one_is_worth_nothing() {
    let (app, event) = with_guests().await;
    let keys = format!("/api/v1/events/{event}/ticket-keys");
    let before = codes(&issue(&app, event, json!({"all": true})).await);
    let listed = app.get(&app.operator(), &keys).await.json();
    let old = listed["keys"][0]["key_id"].as_str().unwrap().to_owned();
    assert_eq!((listed["keys"].as_array().unwrap().len(), &listed["keys"][0]["signs"]), (1, &json!(true)));
    let made = app.post(&app.operator(), &keys, &json!({})).await;
    assert_eq!(made.status, 201);
    let listed = app.get(&app.operator(), &keys).await.json();
    assert_eq!(listed["keys"][0], made.json(), "the latest first");
    assert_eq!(listed["keys"][1]["signs"], false);
    // One attendee gets theirs anew: the old one lets nobody in, also where nobody knows the attendee.
    let one = issue(&app, event, json!({"all": true})).await["tickets"][0].clone();
    let dir = app.stop().await;
    let at_the_door = door(dir.path(), event).await;
    let (_, replaced) = before.iter().find(|(name, _)| *name == one["name"].as_str().unwrap()).unwrap();
    assert_ne!(at_the_door.good(replaced).key, at_the_door.good(one["code"].as_str().unwrap()).key);
    assert_eq!(at_the_door.withdrawal(replaced), Some(Withdrawal::Revoked));
    let app = TestApp::start_with(dir, |_| {}).await;
    let retire = app.delete(&app.operator(), &format!("{keys}/{old}")).await;
    assert_eq!(retire.status, 204);
    assert_eq!(app.delete(&app.operator(), &format!("{keys}/{old}")).await.status, 204, "once is enough");
    assert_eq!(app.delete(&app.operator(), &format!("{keys}/ffffff")).await.code(), "ticket_key_not_found");
    let dir = app.stop().await;
    let folder = dir.path().join("keys/tickets").join(event.to_string());
    assert!(!folder.join(format!("{old}.pem")).exists(), "its private half is gone");
    let at_the_door = door(dir.path(), event).await;
    assert_eq!(at_the_door.checked(replaced), Checked::Retired);
    at_the_door.good(one["code"].as_str().unwrap());
}

#[tokio::test]
async fn tickets_of_another_system_are_replaced_on_demand_alone() {
    let (app, event) = with_guests().await;
    let exported = app.get(&app.operator(), &format!("/api/v1/events/{event}/exports/attendees-csv")).await.text();
    let line = exported.lines().find(|line| line.contains("Bērziņš")).unwrap();
    let id = line.split(',').find(|cell| cell.trim_matches('"').len() == 16).unwrap().trim_matches('"').to_owned();
    let kept = issue(&app, event, json!({"attendees": [id]})).await;
    assert_eq!((kept["tickets"].as_array().unwrap().len(), kept["kept"].as_u64()), (0, Some(1)));
    let given = issue(&app, event, json!({"attendees": [id], "replace": true})).await;
    assert_eq!(codes(&given).len(), 1);
    for request in [
        json!({}),
        json!({"all": true, "attendees": [id]}),
        json!({"all": false}),
        json!({"all": true, "everybody": 1}),
        json!({"attendees": ["x"]}),
    ] {
        let answer = app.post(&app.operator(), &format!("/api/v1/events/{event}/tickets"), &request).await;
        assert_eq!(answer.code(), "bad_field", "{request}");
    }
    let nobody = json!({"attendees": ["0000000000000000"]});
    let answer = app.post(&app.operator(), &format!("/api/v1/events/{event}/tickets"), &nobody).await;
    assert_eq!(answer.code(), "attendee_not_found");
    let dir = app.stop().await;
    let door = door(dir.path(), event).await;
    let janis = door.roster.iter().find(|attendee| attendee.name == "Jānis Bērziņš").unwrap();
    assert_eq!(janis.revoked_tickets, [TicketHash::of(event, "TICKET-0001")], "the shop's ticket lets nobody in");
    assert_eq!(janis.ticket, Some(TicketHash::of(event, &codes(&given)[0].1)));
}

#[tokio::test]
async fn a_ticket_is_withdrawn_and_given_back_at_every_door() {
    let (app, event) = with_guests().await;
    let issued = issue(&app, event, json!({"all": true})).await;
    let (id, code) = (&issued["tickets"][0]["attendee_id"], issued["tickets"][0]["code"].as_str().unwrap().to_owned());
    let path = format!("/api/v1/events/{event}/withdrawn-tickets");
    for state in ["blocked", "revoked", "good", "blocked"] {
        let answer = app.post(&app.operator(), &path, &json!({"attendee": id, "state": state})).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    let unknown = json!({"attendee": "0000000000000000", "state": "revoked"});
    assert_eq!(app.post(&app.operator(), &path, &unknown).await.code(), "attendee_not_found");
    let audited = app.get(&app.operator(), &format!("/api/v1/audit?event={event}")).await.text();
    for action in ["key.rotated", "tickets.issued", "tickets.withdrawn"] {
        assert!(audited.contains(action), "{action}: {audited}");
    }
    assert!(!audited.contains(&code) && !audited.contains("Ieva"), "neither codes nor names are in the log");
    let dir = app.stop().await;
    assert_eq!(door(dir.path(), event).await.withdrawal(&code), Some(Withdrawal::Blocked));
}

#[tokio::test]
async fn private_halves_are_their_owners_and_in_every_backup() {
    let (app, event) = with_guests().await;
    issue(&app, event, json!({"all": true})).await;
    let folder = app.dir.path().join("keys/tickets").join(event.to_string());
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("copy");
    assert!(app.post(&app.operator(), "/api/v1/backups", &json!({ "target": target })).await.status.is_success());
    let copied = target.join(file.strip_prefix(app.dir.path()).unwrap());
    assert_eq!((std::fs::read(&copied).unwrap(), mode(&copied)), (std::fs::read(&file).unwrap(), 0o600));
    // A key that others can read signs nothing more.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let answer = app.post(&app.operator(), &format!("/api/v1/events/{event}/tickets"), &json!({"all": true})).await;
    assert_eq!(answer.code(), "ticket_key_unusable");
    app.stop().await;
}

#[tokio::test]
async fn commands_write_lists_and_qr_codes() {
    let (app, event) = with_guests().await;
    let (data, event) = (app.dir.path(), event.to_string());
    let list = muster(data, &["ticket", "issue", &event, "--all"]).await.unwrap();
    let mut lines = list.lines();
    assert_eq!(lines.next(), Some("Muster ID,Name,Organisation,Category,Ticket code"));
    assert_eq!(lines.filter(|line| line.split(",MT1").nth(1).is_some_and(|code| code.len() == 144)).count(), 2);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("codes");
    let issue = ["ticket", "issue", &event, "--all", "--format", "svg", "--output", folder.to_str().unwrap()];
    assert!(muster(data, &issue).await.unwrap().starts_with("2 tickets in "));
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap()).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let (name, svg) = (file.file_name(), std::fs::read_to_string(file.path()).unwrap());
        assert_eq!(name.len(), "0123456789abcdef.svg".len(), "{name:?}");
        assert!(svg.contains("<svg") && !svg.contains("Ieva"), "{name:?}");
    }
    let key = muster_json(data, &["ticket", "keys", &event, "list"]).await["keys"][0]["key_id"].clone();
    let rotated = muster(data, &["ticket", "keys", &event, "rotate"]).await.unwrap();
    assert!(rotated.contains("signs from now on"), "{rotated}");
    muster(data, &["ticket", "keys", &event, "retire", key.as_str().unwrap()]).await.unwrap();
    let table = muster(data, &["ticket", "keys", &event, "list"]).await.unwrap();
    assert_eq!((table.lines().count(), table.matches(" yes").count()), (3, 1), "{table}");
    app.stop().await;
}
