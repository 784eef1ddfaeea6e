//! Import of real registrations: lists of many systems and orders of pretix. The files are not part of the project:
//! without `MUSTER_DATA` these tests say so and do nothing.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![expect(clippy::panic, reason = "a test stops where it fails")]

use interchange_files::{context, data, import};
use muster_model::attendee::Registration;
use muster_model::checkpoint::AdmissionRule;
use muster_model::ticket::TicketHash;
use muster_server::interchange::plan::{Base, Current};
use muster_server::interchange::{Draft, Format, detect, read};
use serde_json::Value;

mod interchange_files;

#[test]
fn lists_of_real_systems_are_read() {
    let lists = [
        ("registrations/pretix-checkinlist-simple.csv", 2, true),
        ("registrations/alfio-import-attendees.csv", 3, false),
        ("registrations/indico-import-users.csv", 3, false),
    ];
    for (path, count, tickets) in lists {
        let Some(bytes) = data(path) else { return };
        assert_eq!(detect(&bytes), Some(Format::AttendeesCsv), "{path}");
        let draft = read(Format::AttendeesCsv, &bytes, &context("UTC")).unwrap();
        assert_eq!((draft.attendees.len(), draft.counts.skipped), (count, 0), "{path}");
        assert!(draft.attendees.values().all(|attendee| attendee.ticket.is_some() == tickets), "{path}");
        assert!(draft.contacts.values().all(|contact| contact.email.contains('@')), "{path}");
    }
    let bytes = data("registrations/pretix-checkinlist-simple.csv").unwrap();
    let draft = read(Format::AttendeesCsv, &bytes, &context("UTC")).unwrap();
    let ticket = TicketHash::of(context("UTC").event, "hutjztuxhkbtwnesv2suqv26k6ttytxx");
    let peter = draft.attendees.values().find(|attendee| attendee.ticket == Some(ticket)).unwrap();
    assert_eq!(
        (peter.name.as_str(), peter.category.as_str(), peter.order.as_str()),
        ("Mr Peter A Jones", "Ticket", "FOO")
    );
}

/// One row under each known system's headings: attendees are read, sessions and speakers refused by what they are.
#[test]
fn headings_of_every_known_system_are_understood() {
    let Some(bytes) = data("registrations/producer-headers.json") else { return };
    let records: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for record in &records {
        let name = format!("{}, {}", record["producer"], record["export"]);
        let mut headings: Vec<&str> = record["headings"]
            .as_array()
            .or(record["headers"].as_array())
            .unwrap()
            .iter()
            .map(|heading| heading.as_str().unwrap())
            .collect();
        if name.contains("custom form fields follow") && name.contains("attendees") {
            headings.extend(["First Name", "Last Name", "Email"]);
        }
        let field = |heading: &str| match heading {
            "Name" | "name" | "Attendee name" => "Jānis Bērziņš",
            "First Name" | "firstName" | "first_name" | "Attendee name: First name" => "Jānis",
            "Last Name" | "Surname" | "lastName" | "last_name" | "Attendee name: Family name" => "Bērziņš",
            "Email" | "email" | "E-mail" => "janis@example.org",
            "Company" | "company" | "affiliation" => "Ceļš, SIA",
            "Buyer First Name" | "Buyer Last Name" => "Wrong",
            _ => "",
        };
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let row = headings.iter().map(|heading| quote(field(heading))).collect::<Vec<_>>().join(",");
        let head = headings.iter().map(|heading| quote(heading)).collect::<Vec<_>>().join(",");
        let text = if name.contains("no header line") { row } else { format!("{head}\r\n{row}\r\n") };
        let other = ["sessions", "speakers", "CFP"].iter().any(|word| name.contains(word));
        match read(Format::AttendeesCsv, text.as_bytes(), &context("UTC")) {
            Ok(draft) => {
                assert!(!other, "{name} is no list of attendees");
                let attendee = draft.attendees.values().next().unwrap_or_else(|| panic!("{name}: {:?}", draft.notes));
                assert_eq!(attendee.name, "Jānis Bērziņš", "{name}");
                taken += 1;
            }
            Err(error) => {
                assert!(other, "{name}: {error}");
                assert_eq!(error.code(), "import_wrong_kind", "{name}: {error}");
                refused += 1;
            }
        }
    }
    assert_eq!((taken, refused, records.len()), (14, 6, 20));
}

fn pretix(paths: &[&str]) -> Option<Draft> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(data(&format!("registrations/pretix-api/{path}"))?);
        all.push(b'\n');
    }
    assert_eq!(detect(&all), Some(Format::PretixOrders), "{paths:?}");
    Some(read(Format::PretixOrders, &all, &context("UTC")).unwrap())
}

#[test]
fn every_position_of_every_real_order_becomes_an_attendee() {
    let orders = [
        "event2-order1",
        "order1",
        "order10",
        "order2",
        "order3",
        "order4",
        "order5",
        "order6",
        "order7",
        "order8",
        "order9",
        "rmevent1-order1",
        "rmevent2-order1",
    ];
    let positions = [3, 3, 1, 2, 2, 2, 2, 2, 2, 2, 4, 8, 8];
    for (order, count) in orders.iter().zip(positions) {
        let Some(draft) = pretix(&[&format!("orders/{order}.json")]) else { return };
        assert_eq!((draft.attendees.len(), draft.counts.skipped), (count, 0), "{order}");
        assert!(
            draft.attendees.values().all(|attendee| attendee.ticket.is_some() && !attendee.name.is_empty()),
            "{order}"
        );
    }
    let state = |order: &str| {
        let draft = pretix(&[&format!("orders/{order}.json")]).unwrap();
        let mut states: Vec<String> =
            draft.attendees.values().map(|attendee| format!("{:?}", attendee.registration)).collect();
        states.sort();
        states.dedup();
        states.join(" ")
    };
    assert_eq!(state("order1"), "Confirmed");
    assert_eq!(state("order2"), "Unpaid");
    assert_eq!(state("order5"), "Blocked", "it waits for approval");
    assert_eq!(state("order6"), "Cancelled");
    assert_eq!(state("order9"), "Blocked Confirmed", "valid if pending; one position is blocked");
}

#[test]
fn orders_products_and_lists_belong_together() {
    let Some(draft) = pretix(&[
        "events/event1.json",
        "items/item1.json",
        "items/item2.json",
        "items/item3.json",
        "orders/order1.json",
        "orders/order8.json",
        "orders/order9.json",
        "checkinlists/list1.json",
        "checkinlists/list2.json",
        "checkinlists/list3.json",
        "checkinlists/list10.json",
        "questions/question1.json",
    ]) else {
        return;
    };
    let event = draft.event.as_ref().unwrap();
    assert_eq!(
        (event.name.as_str(), event.time_zone.name(), event.currency.as_str()),
        ("Large Testevent 0", "Asia/Tokyo", "EUR")
    );
    let list = |number: &str| draft.checkpoints.values().find(|checkpoint| checkpoint.source_id == number).unwrap();
    assert_eq!((list("1").rule, list("1").admits_unpaid), (AdmissionRule::EntryAndExit, true));
    assert_eq!(
        (list("2").rule, list("2").categories.clone()),
        (AdmissionRule::Many, vec!["Regular ticket".to_owned()])
    );
    assert_eq!(list("3").rule, AdmissionRule::Once);
    assert_eq!(list("10").categories, ["Regular ticket (42)"], "another product of the same name");
    assert_eq!(list("1").questions.len(), 1);
    let named = |name: &str| draft.attendees.values().filter(|attendee| attendee.name == name).collect::<Vec<_>>();
    assert_eq!(named("Casey Flores")[0].category, "Regular ticket");
    assert!(named("Casey Flores")[0].attention, "the product asks for attention");
    assert_eq!(named("Alexis Johnson").len(), 2, "an add-on goes by the name of what it is added to");
    assert_eq!(named("VH3D3-3").len(), 1, "a position that names nobody");
    let until = draft.attendees.values().filter_map(|attendee| attendee.valid_until).map(|at| at.to_string());
    assert_eq!(until.collect::<Vec<_>>(), ["2023-03-04T00:00:00Z"]);
    assert_eq!(draft.counts.check_ins, 2);
    assert_eq!(draft.notes.count("check_ins_not_imported"), 1);
    assert!(draft.contacts.values().any(|contact| contact.email == "holmesconnie@kelly.com"));
}

#[test]
fn an_updated_order_changes_only_what_the_source_changed() {
    let items = "items/item1.json";
    let Some(first) = pretix(&[items, "items/item2.json", "orders/order1.json"]) else { return };
    let (mut current, base, _) = import(&first, Current::default(), &Base::default());
    let casey = *current.attendees.iter().find(|(_, placed)| placed.attendee.name == "Casey Flores").unwrap().0;
    current.attendees.get_mut(&casey).unwrap().attendee.notes = "Brings an assistance dog".into();
    current.attendees.get_mut(&casey).unwrap().attendee.registration = Registration::Blocked;
    // The modified order differs in variations and in check-ins, which are not imported.
    let modified = pretix(&[items, "items/item2.json", "orders/order1-modified.json"]).unwrap();
    let (after, base, writes) = import(&modified, current.clone(), &base);
    for (id, placed) in &mut current.attendees {
        placed.attendee.variation = after.attendees[id].attendee.variation;
    }
    assert_eq!((after == current, writes), (true, 2));
    // Without its products the order says less, not something else.
    let alone = pretix(&["orders/order1-modified.json"]).unwrap();
    let (after, base, writes) = import(&alone, current.clone(), &base);
    assert_eq!((after == current, writes), (true, 0));
    // A new secret and a new name arrive; the coordinator's edits stay.
    let text = String::from_utf8(data("registrations/pretix-api/orders/order1-modified.json").unwrap()).unwrap();
    let text =
        text.replace("kfndgffgyw4tdgcacx6bb3bgemq69cxj", "newsecret").replace("Casey Flores", "Casey Flores-Ozols");
    let draft = read(Format::PretixOrders, text.as_bytes(), &context("UTC")).unwrap();
    let (after, _, writes) = import(&draft, current.clone(), &base);
    let attendee = &after.attendees[&casey].attendee;
    assert_eq!(writes, 1);
    assert_eq!((attendee.name.as_str(), attendee.notes.as_str()), ("Casey Flores-Ozols", "Brings an assistance dog"));
    assert_eq!(attendee.registration, Registration::Blocked);
    assert_eq!(attendee.ticket, Some(TicketHash::of(context("UTC").event, "newsecret")));
    assert_eq!(attendee.revoked_tickets, [current.attendees[&casey].attendee.ticket.unwrap()]);
}
