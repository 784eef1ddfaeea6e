//! Whether the shipped sample conference is sound in itself: what its README promises, asked of the files.
//!
//! The importer has tests of its own; these hold when no importer looks.

mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use self::xml::Element;

const ROOMS: usize = 8;
const OFFSET: &str = "+03:00";

fn shipped(name: &str) -> String {
    fs::read_to_string(format!("{}/../samples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The first columns of a CSV file, header left out; none of these is ever in quotes.
fn first_columns<const N: usize>(file: &str) -> Vec<[String; N]> {
    let row = |line: &str| {
        let fields: Vec<String> = line.splitn(N + 1, ',').take(N).map(str::to_owned).collect();
        assert!(fields.iter().all(|field| !field.contains('"')), "{line}");
        fields.try_into().unwrap()
    };
    shipped(file).lines().skip(1).map(row).collect()
}

/// What a session says of itself, times in minutes of its day.
#[derive(Debug)]
struct Session {
    day: String,
    room: String,
    id: String,
    guid: String,
    title: String,
    kind: String,
    language: String,
    start: u32,
    end: u32,
    presenters: Vec<(String, String)>,
}

impl Session {
    fn meets(&self, other: &Self) -> bool {
        self.day == other.day && self.start < other.end && other.start < self.end
    }
}

fn minutes(clock: &str) -> u32 {
    let (hours, minutes) = clock.split_once(':').unwrap();
    assert!(hours.len() == 2 && minutes.len() == 2, "{clock}");
    hours.parse::<u32>().unwrap() * 60 + minutes.parse::<u32>().unwrap()
}

fn session(day: &Element, room: &Element, event: &Element) -> Session {
    let (date, start) = (day.attribute("date"), event.text_of("start"));
    assert_eq!(event.text_of("date"), format!("{date}T{start}:00{OFFSET}"));
    assert_eq!(event.text_of("room"), room.attribute("name"));
    assert!(event.text_of("slug").starts_with("bhid2027-"));
    let start = minutes(start);
    let end = start + minutes(event.text_of("duration"));
    for (bound, holds) in [("start", OFFSET), ("end", OFFSET)] {
        assert!(day.attribute(bound).ends_with(holds));
    }
    let clock = |bound: &str| minutes(&day.attribute(bound)[11..16]);
    assert!(clock("start") <= start && end <= clock("end"), "outside its day: {}", event.text_of("title"));
    Session {
        day: date.to_owned(),
        room: room.attribute("name").to_owned(),
        id: event.attribute("id").to_owned(),
        guid: event.attribute("guid").to_owned(),
        title: event.text_of("title").to_owned(),
        kind: event.text_of("type").to_owned(),
        language: event.text_of("language").to_owned(),
        start,
        end,
        presenters: event
            .child("persons")
            .children("person")
            .map(|person| (person.attribute("id").to_owned(), person.text.clone()))
            .collect(),
    }
}

fn sessions() -> Vec<Session> {
    let root = xml::read(&shipped("conference.xml")).unwrap();
    assert_eq!(root.name, "schedule");
    let mut sessions = Vec::new();
    for day in root.children("day") {
        assert_eq!(day.children("room").count(), ROOMS);
        for room in day.children("room") {
            sessions.extend(room.children("event").map(|event| session(day, room, event)));
        }
    }
    sessions
}

fn all_different<'a>(values: impl Iterator<Item = &'a String>) -> bool {
    let values: Vec<_> = values.collect();
    values.iter().collect::<BTreeSet<_>>().len() == values.len()
}

#[test]
fn the_programme_is_as_large_as_promised() {
    let sessions = sessions();
    assert_eq!(sessions.len(), 74);
    let with_presenters = sessions.iter().filter(|session| !session.presenters.is_empty()).count();
    assert_eq!(with_presenters, 65, "all but eight breaks and the reception");
    let kinds: BTreeSet<&str> = sessions.iter().map(|session| session.kind.as_str()).collect();
    assert!(["keynote", "talk", "workshop", "panel", "lightning", "break"].iter().all(|kind| kinds.contains(kind)));
    assert_eq!(sessions.iter().filter(|session| session.language == "lv").count(), 5);
    assert!(all_different(sessions.iter().map(|session| &session.title)));
    assert!(all_different(sessions.iter().map(|session| &session.id)));
    assert!(all_different(sessions.iter().map(|session| &session.guid)));
}

#[test]
fn nobody_and_no_room_is_in_two_sessions_at_once() {
    let sessions = sessions();
    for (at, one) in sessions.iter().enumerate() {
        assert!(one.start < one.end, "{} takes no time", one.title);
        for other in sessions[at + 1..].iter().filter(|other| one.meets(other)) {
            assert_ne!(one.room, other.room, "{} / {}", one.title, other.title);
            let shared = one.presenters.iter().find(|presenter| other.presenters.contains(presenter));
            assert_eq!(shared, None, "{} / {}", one.title, other.title);
        }
    }
}

#[test]
fn rooms_are_those_of_the_room_list() {
    let sessions = sessions();
    let used: BTreeSet<&str> = sessions.iter().map(|session| session.room.as_str()).collect();
    let listed = first_columns::<3>("rooms.csv");
    assert_eq!(listed.iter().map(|[name, ..]| name.as_str()).collect::<BTreeSet<_>>(), used);
    assert_eq!(listed.len(), ROOMS);
    assert!(listed.iter().all(|[_, capacity, _]| capacity.parse::<u32>().unwrap() >= 40));
}

#[test]
fn presenters_are_those_of_the_logistics_list() {
    let sessions = sessions();
    let mut speaking: BTreeMap<String, String> = BTreeMap::new();
    for (id, name) in sessions.iter().flat_map(|session| &session.presenters) {
        let known = speaking.entry(id.clone()).or_insert_with(|| name.clone());
        assert_eq!(known, name, "person {id} has two names");
    }
    let listed = first_columns::<3>("presenters.csv");
    assert_eq!(listed.iter().map(|[id, name, _]| (id.clone(), name.clone())).collect::<BTreeMap<_, _>>(), speaking);
    assert_eq!(listed.len(), 44);
    assert!(all_different(listed.iter().map(|[_, _, email]| email)));
    assert!(listed.iter().all(|[_, _, email]| email.is_ascii() && email.contains("@example.")));
}

#[test]
fn presenters_arrive_before_their_sessions_and_leave_after_them() {
    let sessions = sessions();
    let stamp = |day: &str, at: u32| format!("{day}T{:02}:{:02}{OFFSET}", at / 60, at % 60);
    let mut travelling = 0;
    for [id, _, _, _, _, _, arrival, _, departure] in first_columns::<9>("presenters.csv") {
        let own: Vec<&Session> =
            sessions.iter().filter(|one| one.presenters.iter().any(|(who, _)| *who == id)).collect();
        if arrival.is_empty() {
            assert_eq!(departure, "", "person {id} leaves without having come");
            continue;
        }
        travelling += 1;
        // All times have the same offset, so their texts sort as they do.
        assert!(own.iter().all(|one| arrival < stamp(&one.day, one.start)), "person {id} arrives at {arrival}");
        assert!(own.iter().all(|one| stamp(&one.day, one.end) < departure), "person {id} leaves at {departure}");
    }
    assert_eq!(travelling, 39);
}
