//! Import and export of real schedules: counts as other programs make them, and round trips. The files are not part of
//! the project: without `MUSTER_DATA` these tests say so and do nothing.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::indexing_slicing, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![expect(clippy::panic, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};

use interchange_files::{context, data, import};
use muster_model::program::Session;
use muster_server::interchange::plan::{Base, Current};
use muster_server::interchange::{Draft, Format, Programme, detect, export, read};
use serde_json::Value;

mod interchange_files;

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
        // The oracle counts somebody who is named twice in one session as overlapping with themselves; we take them once.
        let twice = u64::try_from(draft.notes.count("presenter_twice")).unwrap();
        assert_eq!(overlapping_pairs(by_name.into_values()) + twice, number("person_overlap_pairs"), "{path}");
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
                (
                    session.title.clone(),
                    session.starts_at,
                    session.duration_min,
                    session.room,
                    session.presenters.clone(),
                )
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
    if let (Some(text), Some(pattern)) = (value.as_str(), schema["pattern"].as_str())
        && !matches_pattern(pattern, text)
    {
        found.push(format!("{path}: {text:?} is not {pattern}"));
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
        "^[a-z0-9_-][a-z0-9_]{3,}(-2[0-9]{3}-[a-z]+)?$" => {
            text.len() >= 4 && text.bytes().all(lower) && !text[1..].contains('-')
        }
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
