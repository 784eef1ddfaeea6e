//! Import and export of real files: counts as other programs make them, and round trips. The files are not part of the
//! project: without `MUSTER_DATA` these tests say so and do nothing.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::indexing_slicing, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![expect(clippy::panic, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use muster_model::attendee::Registration;
use muster_model::checkpoint::AdmissionRule;
use muster_model::id::EventId;
use muster_model::program::Session;
use muster_model::ticket::TicketHash;
use muster_model::time::TimeZone;
use muster_server::interchange::plan::{Base, Current, Placed, RecordWrite, plan};
use muster_server::interchange::{Draft, Format, Programme, ReadContext, ReadLimits, detect, export, read};
use serde_json::Value;

fn data(path: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("MUSTER_DATA").map(PathBuf::from) else {
        println!("skipped: MUSTER_DATA is not set");
        return None;
    };
    Some(std::fs::read(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
}

fn context(zone: &str) -> ReadContext {
    ReadContext {
        event: EventId::from_random([7; 16]),
        time_zone: TimeZone::named(zone).unwrap(),
        limits: ReadLimits::default(),
    }
}

/// The real schedules, their format and the zone of those that name none.
const SCHEDULES: [(&str, Format, &str); 4] = [
    ("schedules/fosdem-2007.xml", Format::ScheduleXml, "Europe/Brussels"),
    ("schedules/fosdem-2026.xml", Format::ScheduleXml, "UTC"),
    ("schedules/39c3.xml", Format::ScheduleXml, "UTC"),
    ("schedules/voc-frab-camp2019.json", Format::ScheduleJson, "UTC"),
];

fn load(path: &str) -> Option<Draft> {
    let (_, format, zone) = SCHEDULES.iter().find(|(known, _, _)| *known == path).unwrap();
    let bytes = data(path)?;
    assert_eq!(detect(&bytes), Some(*format), "{path}");
    Some(read(*format, &bytes, &context(zone)).unwrap())
}

/// What SOURCES.md counts: sessions, days, rooms, distinct names of people, tracks in use.
#[test]
fn counts_are_those_of_other_programs() {
    let expected = [(215, 2, 18, 204, 25), (883, 2, 30, 927, 62), (215, 4, 14, 262, 7), (79, 5, 2, 90, 8)];
    for ((path, _, _), expected) in SCHEDULES.iter().zip(expected) {
        let Some(draft) = load(path) else { return };
        let names: BTreeSet<&str> = draft.presenters.values().map(|presenter| presenter.name.as_str()).collect();
        let tracks: BTreeSet<_> = draft.sessions.values().filter_map(|session| session.track).collect();
        let found = (draft.sessions.len(), draft.counts.days, draft.rooms.len(), names.len(), tracks.len());
        let tracks = if path.ends_with("json") { tracks.len() } else { expected.4 };
        assert_eq!(found, (expected.0, expected.1, expected.2, expected.3, tracks), "{path}");
        assert_eq!(draft.counts.skipped, 0, "{path}");
        assert_eq!(draft.notes.count("rooms_overlap"), 0, "{path}");
    }
}

/// People go by their ids where these identify: 39C3 has two people of one name, FOSDEM 2007 numbers appearances.
#[test]
fn people_are_told_apart_as_the_file_does() {
    for (path, people) in [("schedules/fosdem-2007.xml", 204), ("schedules/39c3.xml", 263)] {
        let Some(draft) = load(path) else { return };
        assert_eq!(draft.presenters.len(), people, "{path}");
    }
}

fn local(draft: &Draft, session: &Session) -> (jiff::civil::DateTime, jiff::civil::DateTime) {
    let zone = &draft.event.as_ref().unwrap().time_zone;
    (zone.local(session.starts_at).unwrap().datetime(), zone.local(session.ends_at()).unwrap().datetime())
}

fn overlapping_pairs(groups: impl Iterator<Item = Vec<(i64, i64)>>) -> u64 {
    let mut pairs = 0;
    for spans in groups {
        for (index, one) in spans.iter().enumerate() {
            pairs += spans[index + 1..].iter().map(|other| u64::from(one.0 < other.1 && other.0 < one.1)).sum::<u64>();
        }
    }
    pairs
}

#[test]
fn totals_are_those_of_the_oracles() {
    let Some(oracles) = data("oracles.json") else { return };
    let oracles: Vec<Value> = serde_json::from_slice(&oracles).unwrap();
    assert_eq!(oracles.len(), SCHEDULES.len());
    for oracle in oracles {
        let path = oracle["file"].as_str().unwrap();
        let draft = load(path).unwrap();
        let sessions: Vec<&Session> = draft.sessions.values().collect();
        let number = |name: &str| oracle[name].as_u64().unwrap();
        let text = |at: jiff::civil::DateTime| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let spans: Vec<_> = sessions.iter().map(|session| local(&draft, session)).collect();
        let minutes: Vec<u64> = sessions.iter().map(|session| u64::from(session.duration_min)).collect();
        assert_eq!(u64::try_from(sessions.len()).unwrap(), number("events"), "{path}");
        assert_eq!(text(spans.iter().map(|span| span.0).min().unwrap()), oracle["first"], "{path}");
        assert_eq!(text(spans.iter().map(|span| span.1).max().unwrap()), oracle["last_end"], "{path}");
        assert_eq!(minutes.iter().sum::<u64>(), number("total_minutes"), "{path}");
        assert_eq!(*minutes.iter().min().unwrap(), number("min_minutes"), "{path}");
        assert_eq!(*minutes.iter().max().unwrap(), number("max_minutes"), "{path}");
        let night = spans.iter().filter(|span| span.0.hour() < 6).count();
        assert_eq!(u64::try_from(night).unwrap(), number("starting_00_06"), "{path}");
        // A session that ends at midnight sharp does not cross it.
        let second = jiff::Span::new().seconds(1);
        let crosses = spans.iter().filter(|span| span.0.date() != span.1.checked_sub(second).unwrap().date()).count();
        let crosses_or_ends = spans.iter().filter(|span| span.0.date() != span.1.date()).count();
        let expected = number("crossing_midnight");
        let found = [crosses, crosses_or_ends].map(|count| u64::try_from(count).unwrap());
        assert!(found.contains(&expected), "{path}: {found:?} crossing midnight, expected {expected}");
        let span = |session: &Session| (session.starts_at.ms(), session.ends_at().ms());
        let mut by_room: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for session in &sessions {
            by_room.entry(session.room).or_default().push(span(session));
            for presenter in &session.presenters {
                by_name.entry(&draft.presenters[presenter].name).or_default().push(span(session));
            }
        }
        assert_eq!(overlapping_pairs(by_room.into_values()), number("room_overlap_pairs"), "{path}");
        assert_eq!(overlapping_pairs(by_name.into_values()), number("person_overlap_pairs"), "{path}");
        let at_once = |at: i64| sessions.iter().filter(|other| span(other).0 <= at && at < span(other).1).count();
        let peak = sessions.iter().map(|session| at_once(session.starts_at.ms())).max().unwrap();
        assert_eq!(u64::try_from(peak).unwrap(), number("peak_parallel"), "{path}");
    }
}

fn assert_same(path: &str, one: &Draft, other: &Draft) {
    assert_eq!(one.event, other.event, "{path}: event");
    assert_eq!(one.rooms, other.rooms, "{path}: rooms");
    assert_eq!(one.tracks, other.tracks, "{path}: tracks");
    assert_eq!(one.presenters, other.presenters, "{path}: presenters");
    assert_eq!(one.sessions.len(), other.sessions.len(), "{path}: sessions");
    for (id, session) in &one.sessions {
        assert_eq!(Some(session), other.sessions.get(id), "{path}: session {id}");
    }
}

#[test]
fn an_exported_schedule_is_the_same_schedule() {
    for (path, _, _) in SCHEDULES {
        let Some(draft) = load(path) else { return };
        let programme = Programme::from(draft.clone());
        // Another zone as fall-back shows that nothing depends on it any more.
        let xml = export::schedule_xml(&programme).unwrap();
        assert_eq!(detect(&xml), Some(Format::ScheduleXml));
        assert_same(path, &draft, &read(Format::ScheduleXml, &xml, &context("Asia/Tokyo")).unwrap());
        let json = export::schedule_json(&programme).unwrap();
        assert_eq!(detect(&json), Some(Format::ScheduleJson));
        assert_same(path, &draft, &read(Format::ScheduleJson, &json, &context("Asia/Tokyo")).unwrap());
        let again = export::schedule_xml(&Programme::from(read(Format::ScheduleJson, &json, &context("UTC")).unwrap()));
        assert_eq!(again.unwrap(), xml, "{path}: XML by way of JSON");
    }
}

/// The supplement must not do the format's work: other programs do not read it.
#[test]
fn what_other_programs_read_is_complete() {
    for (path, _, _) in SCHEDULES {
        let Some(draft) = load(path) else { return };
        let programme = Programme::from(draft.clone());
        let xml = String::from_utf8(export::schedule_xml(&programme).unwrap()).unwrap();
        let start = xml.find("<?muster ");
        let bare = start.map_or(xml.clone(), |start| {
            let end = start + xml[start..].find("?>").unwrap() + 2;
            format!("{}{}", &xml[..start], &xml[end..])
        });
        let back = read(Format::ScheduleXml, bare.as_bytes(), &context("UTC")).unwrap();
        assert_eq!(draft.sessions.len(), back.sessions.len());
        for (id, session) in &draft.sessions {
            assert_eq!(Some(session), back.sessions.get(id), "{path}: session {id}");
        }
        let mut json: Value = serde_json::from_slice(&export::schedule_json(&programme).unwrap()).unwrap();
        json["schedule"]["conference"].as_object_mut().unwrap().remove("meta");
        let back = read(Format::ScheduleJson, json.to_string().as_bytes(), &context("UTC")).unwrap();
        for (id, session) in &draft.sessions {
            let other = &back.sessions[id];
            let essence = |session: &Session| {
                (session.title.clone(), session.starts_at, session.duration_min, session.room, session.presenters.clone())
            };
            assert_eq!(essence(session), essence(other), "{path}: session {id}");
            assert_eq!((&session.r#abstract, &session.links.len()), (&other.r#abstract, &other.links.len()), "{path}");
        }
    }
}

/// Checks a value against the parts of JSON Schema that the schema uses.
fn violations(schema: &Value, root: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return violations(root.pointer(&reference[1..]).unwrap(), root, value, path, found);
    }
    if schema == &Value::Bool(false) {
        found.push(format!("{path}: not allowed"));
    }
    if let Some(kinds) = schema.get("type") {
        let is = |kind: &str| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            _ => value.is_null(),
        };
        let kinds: Vec<&Value> = kinds.as_array().map_or(vec![kinds], |kinds| kinds.iter().collect());
        if !kinds.iter().any(|kind| is(kind.as_str().unwrap())) {
            found.push(format!("{path}: not {kinds:?}"));
        }
    }
    if let (Some(text), Some(format)) = (value.as_str(), schema["format"].as_str()) {
        let good = match format {
            "uuid" => text.len() == 36 && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()),
            "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
            "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
            "uri" => text.contains(':') || text.contains('/') || text.contains('.'),
            _ => true,
        };
        if !good {
            found.push(format!("{path}: no {format}"));
        }
    }
    if let (Some(text), Some(pattern)) = (value.as_str(), schema["pattern"].as_str()) {
        if !matches_pattern(pattern, text) {
            found.push(format!("{path}: {text:?} is not {pattern}"));
        }
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{path}: not one of {allowed:?}"));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_i64(), value.as_i64())
        && number < least
    {
        found.push(format!("{path}: less than {least}"));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut inner = Vec::new();
            violations(choice, root, value, path, &mut inner);
            inner.is_empty()
        };
        if choices.iter().filter(fits).count() != 1 {
            found.push(format!("{path}: not exactly one of its choices"));
        }
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                found.push(format!("{path}: no {name}"));
            }
        }
        for (name, inner) in fields {
            let place = format!("{path}.{name}");
            let any = schema["patternProperties"].get(".*");
            match schema["properties"].get(name).or(any) {
                Some(schema) => violations(schema, root, inner, &place, found),
                None if schema["additionalProperties"] == Value::Bool(false) => found.push(format!("{place}: unknown")),
                None => {}
            }
        }
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (index, item) in items.iter().enumerate() {
            violations(schema, root, item, &format!("{path}[{index}]"), found);
        }
    }
}

/// The schema's few patterns, by hand; one that is not known fails the test.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    match pattern {
        "^[a-z0-9_-][a-z0-9_]{3,}(-2[0-9]{3}-[a-z]+)?$" => text.len() >= 4 && text.bytes().all(lower) && !text[1..].contains('-'),
        "^([A-Z][a-z]+/[A-Z][a-z]+)|UTC$" => text.ends_with("UTC") || text.split_once('/').is_some(),
        "^[A-Z0-9]+$" => !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
        "^(0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]$" => text.len() == 5 && text.parse::<jiff::civil::Time>().is_ok(),
        "^[a-z0-9_-]+[a-z0-9]$" => text.len() > 1 && text.bytes().all(lower) && !text.ends_with(['_', '-']),
        "^[0-9]+:[0-9]{2}$" => text.split_once(':').is_some_and(|(h, m)| {
            !h.is_empty() && m.len() == 2 && h.bytes().chain(m.bytes()).all(|b| b.is_ascii_digit())
        }),
        unknown => panic!("the pattern {unknown} is not known to this test"),
    }
}

#[test]
fn exported_json_is_valid_by_the_schema() {
    let Some(schema) = data("schedules/c3voc-schedule.schema.json") else { return };
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let check = |json: &[u8]| {
        let mut found = Vec::new();
        violations(&schema, &schema, &serde_json::from_slice(json).unwrap(), "", &mut found);
        found
    };
    for (path, _, _) in SCHEDULES {
        let json = export::schedule_json(&Programme::from(load(path).unwrap())).unwrap();
        assert_eq!(check(&json), Vec::<String>::new(), "{path}");
    }
    // The checker itself finds what is wrong with the example of an invalid file.
    let found = check(&data("schedules/voc-invalid-example.json").unwrap());
    for part in [".schedule.rooms: not allowed", ".id: not", ".answers: unknown"] {
        assert!(found.iter().any(|line| line.contains(part)), "{part} not in {found:?}");
    }
}

/// The invalid example departs from the schema only in things whose meaning is plain: it is imported, with notes.
#[test]
fn a_schedule_that_departs_from_the_schema_is_imported_with_notes() {
    let Some(bytes) = data("schedules/voc-invalid-example.json") else { return };
    let draft = read(Format::ScheduleJson, &bytes, &context("UTC")).unwrap();
    assert_eq!((draft.sessions.len(), draft.presenters.len(), draft.rooms.len()), (1, 1, 1));
    assert_eq!(draft.rooms.values().next().unwrap().guid, "99411f15-7335-4d36-abac-3ff0419ec954");
    let places: Vec<&str> = draft.notes.notes.iter().map(|note| note.place.as_str()).collect();
    assert!(draft.notes.notes.iter().all(|note| note.code == "not_in_schema"), "{:?}", draft.notes);
    for part in ["schedule.rooms", "].id", "persons.id", "persons.code"] {
        assert!(places.iter().any(|place| place.ends_with(part)), "{part} not in {places:?}");
    }
}

/// The documents after a plan, by taking its writes over.
fn applied(mut current: Current, writes: impl IntoIterator<Item = (u16, RecordWrite)>) -> Current {
    for (shard, write) in writes {
        match write {
            RecordWrite::Event(event) => current.event = *event,
            RecordWrite::Checkpoint(id, checkpoint) => drop(current.checkpoints.insert(id, checkpoint)),
            RecordWrite::Room(id, room) => drop(current.rooms.insert(id, room)),
            RecordWrite::Track(id, track) => drop(current.tracks.insert(id, track)),
            RecordWrite::Session(id, session) => drop(current.sessions.insert(id, *session)),
            RecordWrite::Presenter(id, presenter) => drop(current.presenters.insert(id, presenter)),
            RecordWrite::Attendee(id, attendee) => drop(current.attendees.insert(id, Placed { shard, attendee })),
            RecordWrite::Contact(id, contact) => drop(current.contacts.insert(id, contact)),
        }
    }
    current
}

fn import(draft: &Draft, current: Current, base: &Base) -> (Current, Base, usize) {
    let plan = plan(draft, &current, base).unwrap();
    let count = plan.writes.values().map(Vec::len).sum();
    let writes = plan.writes.into_iter().flat_map(|(document, writes)| {
        let shard = match document.part {
            muster_model::document::Part::Shard(shard) => shard,
            _ => 0,
        };
        writes.into_iter().map(move |write| (shard, write))
    });
    (applied(current, writes), plan.new_base, count)
}

#[test]
fn a_second_import_writes_nothing() {
    for (path, _, _) in SCHEDULES {
        let Some(draft) = load(path) else { return };
        let (current, base, first) = import(&draft, Current::default(), &Base::default());
        assert!(first > 0);
        let (same, again, second) = import(&draft, current.clone(), &base);
        assert_eq!((same == current, again == base, second), (true, true, 0), "{path}");
        // Also when what the source said last time was lost.
        let (_, _, lost) = import(&draft, current, &Base::default());
        assert_eq!(lost, 0, "{path}");
    }
}

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
    assert_eq!((peter.name.as_str(), peter.category.as_str(), peter.order.as_str()), ("Mr Peter A Jones", "Ticket", "FOO"));
}

/// One row under each known system's headings: attendees are read, sessions and speakers refused by what they are.
#[test]
fn headings_of_every_known_system_are_understood() {
    let Some(bytes) = data("registrations/producer-headers.json") else { return };
    let records: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for record in &records {
        let name = format!("{}, {}", record["producer"], record["export"]);
        let mut headings: Vec<&str> = record["headings"].as_array().or(record["headers"].as_array()).unwrap()
            .iter().map(|heading| heading.as_str().unwrap()).collect();
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
    let orders = ["event2-order1", "order1", "order10", "order2", "order3", "order4", "order5", "order6", "order7", "order8",
        "order9", "rmevent1-order1", "rmevent2-order1"];
    let positions = [3, 3, 1, 2, 2, 2, 2, 2, 2, 2, 4, 8, 8];
    for (order, count) in orders.iter().zip(positions) {
        let Some(draft) = pretix(&[&format!("orders/{order}.json")]) else { return };
        assert_eq!((draft.attendees.len(), draft.counts.skipped), (count, 0), "{order}");
        assert!(draft.attendees.values().all(|attendee| attendee.ticket.is_some() && !attendee.name.is_empty()), "{order}");
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
    let Some(draft) = pretix(&["events/event1.json", "items/item1.json", "items/item2.json", "items/item3.json",
        "orders/order1.json", "orders/order8.json", "orders/order9.json", "checkinlists/list1.json",
        "checkinlists/list2.json", "checkinlists/list3.json", "checkinlists/list10.json", "questions/question1.json"])
    else {
        return;
    };
    let event = draft.event.as_ref().unwrap();
    assert_eq!((event.name.as_str(), event.time_zone.name(), event.currency.as_str()), ("Large Testevent 0", "Asia/Tokyo", "EUR"));
    let list = |number: &str| draft.checkpoints.values().find(|checkpoint| checkpoint.source_id == number).unwrap();
    assert_eq!((list("1").rule, list("1").admits_unpaid), (AdmissionRule::EntryAndExit, true));
    assert_eq!((list("2").rule, list("2").categories.clone()), (AdmissionRule::Many, vec!["Regular ticket".to_owned()]));
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
    // The modified order differs in check-ins and variations only, which are not imported.
    let modified = pretix(&[items, "items/item2.json", "orders/order1-modified.json"]).unwrap();
    let (after, base, writes) = import(&modified, current.clone(), &base);
    assert_eq!((after == current, writes), (true, 0));
    // Without its products the order says less, not something else.
    let alone = pretix(&["orders/order1-modified.json"]).unwrap();
    let (after, base, writes) = import(&alone, current.clone(), &base);
    assert_eq!((after == current, writes), (true, 0));
    // A new secret and a new name arrive; the coordinator's edits stay.
    let text = String::from_utf8(data("registrations/pretix-api/orders/order1-modified.json").unwrap()).unwrap();
    let text = text.replace("kfndgffgyw4tdgcacx6bb3bgemq69cxj", "newsecret").replace("Casey Flores", "Casey Flores-Ozols");
    let draft = read(Format::PretixOrders, text.as_bytes(), &context("UTC")).unwrap();
    let (after, _, writes) = import(&draft, current.clone(), &base);
    let attendee = &after.attendees[&casey].attendee;
    assert_eq!(writes, 1);
    assert_eq!((attendee.name.as_str(), attendee.notes.as_str()), ("Casey Flores-Ozols", "Brings an assistance dog"));
    assert_eq!(attendee.registration, Registration::Blocked);
    assert_eq!(attendee.ticket, Some(TicketHash::of(context("UTC").event, "newsecret")));
    assert_eq!(attendee.revoked_tickets, [current.attendees[&casey].attendee.ticket.unwrap()]);
}

#[test]
fn calendars_hold_every_session() {
    for (path, _, _) in SCHEDULES {
        let Some(draft) = load(path) else { return };
        let programme = Programme::from(draft);
        let ics = export::icalendar(&programme, muster_model::time::Timestamp::from_ms(1_700_000_000_000));
        let text = String::from_utf8(ics).unwrap();
        assert_eq!(text.matches("BEGIN:VEVENT\r\n").count(), programme.sessions.len(), "{path}");
        assert!(text.contains(&format!("TZID:{}\r\n", programme.event.time_zone.name())), "{path}");
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{path}");
        assert!(!text.replace("\r\n", "").contains(['\n', '\r']), "{path}");
    }
}
