//! Files that are not what they say, and generated ones: readers never panic, bounds hold, round trips keep everything.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};

use muster_model::event::Event;
use muster_model::id::{EventId, PresenterId, RecordId, RoomId, SessionId, TrackId};
use muster_model::program::{Link, PresenterProfile, Room, Session, Track};
use muster_model::time::{TimeZone, Timestamp};
use muster_server::interchange::plan::{Base, Current, plan};
use muster_server::interchange::{Format, ImportError, Programme, ReadContext, ReadLimits, detect, export, read};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn context() -> ReadContext {
    let limits = ReadLimits { sessions: 1_000, attendees: 1_000, values: 100_000, ..ReadLimits::default() };
    ReadContext { event: EventId::from_random([7; 16]), time_zone: TimeZone::named("Europe/Riga").unwrap(), limits }
}

fn xml(text: &str) -> Result<muster_server::interchange::Draft, ImportError> {
    read(Format::ScheduleXml, text.as_bytes(), &context())
}

const EVENT: &str = "<event id='1'><start>10:00</start><duration>00:30</duration><title>T</title></event>";

fn around(inner: &str) -> String {
    format!("<schedule><conference><title>X</title></conference><day date='2027-05-20'>{inner}</day></schedule>")
}

#[test]
fn a_small_schedule_is_read() {
    let draft = xml(&around(EVENT)).unwrap();
    let session = draft.sessions.values().next().unwrap();
    assert_eq!((session.starts_at.to_string().as_str(), session.duration_min), ("2027-05-20T07:00:00Z", 30));
}

#[test]
fn hostile_xml_is_refused_by_a_clear_code() {
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><schedule>&b;</schedule>"#;
    let external = r#"<!DOCTYPE schedule [<!ENTITY x SYSTEM "file:///etc/passwd">]><schedule>&x;</schedule>"#;
    let deep = format!("<schedule><conference>{}", "<a>".repeat(100_000));
    let cases = [
        (bomb.to_owned(), "import_entities"),
        (external.to_owned(), "import_entities"),
        (around("<event><title>&nbsp;</title></event>"), "import_not_xml"),
        (around("<event><title>a\u{1}b</title></event>"), "import_control_character"),
        (around("<event><title>a&#0;b</title></event>"), "import_not_xml"),
        (around("<event><title>a&#1;b</title></event>"), "import_control_character"),
        (around("<event a='&#x8;'/>"), "import_control_character"),
        (around("<event>"), "import_not_xml"),
        ("<schedule><conference>".to_owned(), "import_not_xml"),
        (format!("{}<x/>", around("")), "import_not_xml"),
        (deep, "import_too_deep"),
        (around(&format!("<event>{}</event>", "<a/>".repeat(200_000))), "import_too_large"),
        (around(&EVENT.repeat(1_001)), "import_too_large"),
        (
            around(&format!("<event>{}</event>", "<persons><person>a</person></persons>".repeat(1_001))),
            "import_too_large",
        ),
        (format!("<schedule>{}</schedule>", "<day/>".repeat(10_001)), "import_too_large"),
        (around(&(0..1_001).map(|name| format!("<room name='{name}'/>")).collect::<String>()), "import_too_large"),
        ("<html><body>Please log in</body></html>".to_owned(), "import_wrong_kind"),
        ("<feed/>".to_owned(), "import_wrong_kind"),
        ("{\"schedule\": {}}".to_owned(), "import_wrong_kind"),
        ("PK\u{3}\u{4}...".to_owned(), "import_wrong_kind"),
        ("<schedule/>".to_owned(), "import_incomplete"),
        ("  \n".to_owned(), "import_empty"),
    ];
    for (text, code) in cases {
        let shown: String = text.chars().take(80).collect();
        let error = xml(&text).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), code, "{shown}: {error}");
    }
    // A document type without declarations does no harm.
    assert_eq!(xml(&format!("<!DOCTYPE schedule>{}", around(EVENT))).unwrap().sessions.len(), 1);
}

#[test]
fn encodings_are_followed_and_broken_ones_refused() {
    let latin = b"<?xml version='1.0' encoding='iso-8859-1'?><schedule><conference><title>Z\xfcrich</title></conference></schedule>";
    let draft = read(Format::ScheduleXml, latin, &context()).unwrap();
    assert_eq!(draft.event.unwrap().name, "Zürich");
    let broken = read(Format::ScheduleXml, b"<schedule>\n<conference>Z\xfcrich</conference></schedule>", &context());
    assert_eq!(broken.unwrap_err(), ImportError::Encoding { line: 2, encoding: "UTF-8".into() });
    let unknown = read(Format::ScheduleXml, b"<?xml version='1.0' encoding='klingon'?><schedule/>", &context());
    assert_eq!(unknown.unwrap_err().code(), "import_encoding");
    let json = read(Format::ScheduleJson, b"{\"schedule\": \"\xff\"}", &context());
    assert_eq!(json.unwrap_err().code(), "import_encoding");
}

#[test]
fn hostile_json_is_refused_by_a_clear_code() {
    let many = format!("{{\"schedule\":{{\"x\":[{}0]}}}}", "0,".repeat(200_000));
    let deep = format!("{{\"schedule\":{}", "[".repeat(100_000));
    for (text, code) in [
        (many.as_str(), "import_too_large"),
        (deep.as_str(), "import_too_deep"),
        ("{\"schedule\":", "import_not_json"),
        ("{\"schedule\": {}}", "import_incomplete"),
        ("{\"schedule\": {\"conference\": {}}}", "import_incomplete"),
        ("[1, 2]", "import_incomplete"),
        ("{\"a\":\"\u{1}\"}", "import_control_character"),
        ("Name,E-mail\nA,b", "import_wrong_kind"),
    ] {
        let error = read(Format::ScheduleJson, text.as_bytes(), &context()).map(|_| ()).unwrap_err();
        let shown: String = text.chars().take(60).collect();
        assert_eq!(error.code(), code, "{shown}: {error}");
    }
    let error = read(Format::PretixOrders, b"{\"nothing\": 1}", &context());
    assert!(error.is_ok_and(|draft| draft.attendees.is_empty() && draft.notes.count("resource_ignored") == 1));
    let small = ReadContext { limits: ReadLimits { bytes: 10, ..ReadLimits::default() }, ..context() };
    assert_eq!(read(Format::AttendeesCsv, b"Name,E-mail\nA,b\n", &small).unwrap_err().code(), "import_too_large");
}

#[test]
fn oddities_are_notes_and_not_errors() {
    let event = |id: u32, day: &str, start: &str, room: &str| {
        format!(
            "<event id='{id}'><date>{day}T{start}:00+03:00</date><duration>01:00</duration><room>{room}</room><title>{id}</title></event>"
        )
    };
    let text = format!(
        "<schedule><conference><title>X</title><start>2027-05-20</start><end>2027-05-21</end>
        <time_zone_name>Europe/Atlantis</time_zone_name></conference><day date='2027-05-20'>{}{}{}{}{}{}</day></schedule>",
        event(1, "2027-05-20", "10:00", "A"),
        event(2, "2027-05-20", "10:30", "A"),
        event(3, "2027-05-20", "11:00", "B"),
        event(4, "2028-05-20", "10:00", "B"),
        event(1, "2027-05-20", "15:00", "A"),
        "<event id='9'><start>soon</start><duration>01:00</duration></event>",
    );
    let draft = xml(&text).unwrap();
    assert_eq!((draft.sessions.len(), draft.counts.skipped), (4, 2));
    for code in ["rooms_overlap", "session_outside_event", "duplicate_session", "session_time", "time_zone_unknown"] {
        assert_eq!(draft.notes.count(code), 1, "{code}: {:?}", draft.notes);
    }
}

#[test]
fn a_supplement_from_a_stranger_changes_programme_fields_only() {
    let text = around(EVENT).replace(
        "</schedule>",
        r#"<?muster {"event":{"goals":"x","shards":200,"venue":"V"},"rooms":{"no guid":{}},"sessions":3}?></schedule>"#,
    );
    let draft = xml(&text).unwrap();
    let event = draft.event.unwrap();
    assert_eq!((event.goals.as_str(), event.shards, event.venue.as_str()), ("", 1, "V"));
    assert_eq!((draft.rooms.len(), draft.notes.count("supplement_ignored")), (0, 1));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9 ]{0,12}",
        1 => any::<Vec<char>>().prop_map(|letters| {
            letters.into_iter().take(20).filter(|letter| !letter.is_control() && !matches!(letter, '\u{fffe}' | '\u{ffff}')).collect()
        }),
        1 => Just("  <b>&amp; ]]> ?> \" ' \n\t line".to_owned()),
        1 => Just("'=1+1".to_owned()),
    ]
}

fn extra() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[a-z_ ]{1,8}", text().prop_filter("says something", |text| !text.is_empty()), 0..3)
}

prop_compose! {
    fn room()(name in text(), capacity in any::<Option<u32>>(), position in 0_u32..9, floor in text(),
              equipment in vec(text(), 0..2), extra in extra()) -> Room {
        Room { name, capacity, position, floor, equipment, extra, ..Room::default() }
    }
}

prop_compose! {
    fn track()(name in text(), color in text(), slug in text(), position in 0_u32..9, extra in extra()) -> Track {
        Track { name, color, slug, position, extra }
    }
}

prop_compose! {
    fn presenter()(name in text(), biography in text(), source_id in text(), code in "[A-Z]{0,3}", url in text(),
                   organisation in text(), extra in extra()) -> PresenterProfile {
        PresenterProfile { name, biography, source_id, code, url, organisation, extra, ..PresenterProfile::default() }
    }
}

prop_compose! {
    fn session()(texts in vec(text(), 10), starts in 1_700_000_000_000_i64..1_701_000_000_000, duration_min in 0_u32..3_000,
                 room in any::<Option<u8>>(), track in any::<Option<u8>>(), presenters in vec(any::<u8>(), 0..3),
                 links in vec((text(), text(), text()), 0..2), flags in any::<(bool, bool, bool)>(), extra in extra())
                -> (Session, Option<u8>, Option<u8>, Vec<u8>) {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap();
        let starts = if flags.2 { starts } else { starts / 60_000 * 60_000 };
        let session = Session {
            title: next(), subtitle: next(), kind: next(), language: next(), r#abstract: next(), description: next(),
            slug: next(), source_id: next(), url: next(), code: next(),
            starts_at: Timestamp::from_ms(starts), duration_min,
            links: links.into_iter().map(|(title, url, kind)| Link { title, url, kind }).collect(),
            cancelled: flags.0, recording_optout: flags.1, extra,
            ..Session::default()
        };
        (session, room, track, presenters)
    }
}

fn pick<I: Copy>(ids: &[I], number: u8) -> Option<I> {
    ids.get(usize::from(number) % ids.len().max(1)).copied()
}

prop_compose! {
    fn programme()(rooms in vec(room(), 0..4), tracks in vec(track(), 0..4), presenters in vec(presenter(), 0..5),
                   sessions in vec(session(), 0..8), name in text(), acronym in text(), zone in 0_usize..4,
                   day_starts in 0_u16..720, guids in any::<bool>()) -> Programme {
        let zones = ["UTC", "Europe/Riga", "America/New_York", "Asia/Kathmandu"];
        let zone = zones.get(zone).copied().unwrap_or("UTC");
        fn numbered<I: RecordId, T>(records: Vec<T>) -> BTreeMap<I, T> {
            records.into_iter().zip(0_u8..).map(|(record, number)| (I::from_random([number; 10]), record)).collect()
        }
        let event = EventId::from_random([7; 16]);
        let rooms: BTreeMap<RoomId, Room> = numbered(rooms);
        let tracks: BTreeMap<TrackId, Track> = numbered(tracks);
        let presenters: BTreeMap<PresenterId, PresenterProfile> = numbered(presenters);
        let (room_ids, track_ids): (Vec<_>, Vec<_>) = (rooms.keys().copied().collect(), tracks.keys().copied().collect());
        let people: Vec<_> = presenters.keys().copied().collect();
        let sessions = sessions.into_iter().zip(0_u8..).map(|((session, room, track, by), number)| {
            let mut seen = BTreeSet::new();
            let presenters = by.into_iter().filter_map(|by| pick(&people, by)).filter(|id| seen.insert(*id)).collect();
            let room = room.and_then(|room| pick(&room_ids, room));
            let track = track.and_then(|track| pick(&track_ids, track));
            let guid = format!("a2dd3dc7-ecae-50b3-82d9-266ad02f7a{number:02x}");
            // An imported session's id follows from its guid.
            let (id, guid) = if guids {
                (SessionId::derive(event, &format!("guid/{guid}")), guid)
            } else {
                (SessionId::from_random([number; 10]), String::new())
            };
            (id, Session { room, track, presenters, guid, ..session })
        }).collect();
        let event = Event {
            name, acronym, time_zone: TimeZone::named(zone).unwrap(), program_day_starts_min: day_starts,
            starts_at: Timestamp::from_ms(1_700_000_000_000), ends_at: Timestamp::from_ms(1_701_000_000_000),
            ..Event::default()
        };
        Programme { event, rooms, tracks, sessions, presenters }
    }
}

const XML_SEED: &str = "<?xml version='1.0'?><schedule><version>1</version><conference><acronym>a</acronym><title>T</title>\
    <start>2027-05-20</start><end>2027-05-21</end><time_zone_name>Europe/Riga</time_zone_name><track name='X'/></conference>\
    <persons><person id='1'><name>N</name></person></persons><day date='2027-05-20' start='2027-05-20T04:00:00+03:00'>\
    <room name='A' guid='ba692ba3-421b-5371-8309-60acc34a3c05'><event id='1'><date>2027-05-20T10:00:00+03:00</date>\
    <duration>00:30</duration><title>T &amp; U</title><persons><person id='1'>N</person></persons>\
    <links><link href='x'>y</link></links></event></room></day><?muster {\"event\":{}}?></schedule>";
const JSON_SEED: &str = r#"{"schedule":{"version":"1","conference":{"title":"T","acronym":"abcd","days":[{"date":"2027-05-20",
    "day_end":"2027-05-21T04:00:00+03:00","rooms":{"A":[{"id":1,"guid":"ba692ba3-421b-5371-8309-60acc34a3c05",
    "date":"2027-05-20T10:00:00+03:00","duration":"00:30","persons":[{"id":1,"public_name":"N"}],"links":[]}]}}]}}}"#;
const CSV_SEED: &str =
    "Ticket code,First name,Last name,E-mail,Status,Notes\nA,\"Jānis\",Bērziņš,j@example.org,paid,\"x, y\"\n";
const PRETIX_SEED: &str = r#"{"count":1,"next":null,"results":[{"code":"A","status":"p","positions":[{"id":1,"item":1,
    "attendee_name":"N","secret":"s","addon_to":null,"blocked":["admin"],"valid_from":"2027-05-20T10:00:00Z"}]},
    {"id":1,"name":"L","all_products":false,"limit_products":[1],"rules":{}},{"id":1,"name":{"en":"I"},"admission":true,
    "default_price":"1"}]}"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_exported_programme_is_the_same_programme(programme in programme()) {
        let expected = &programme;
        for format in [Format::ScheduleXml, Format::ScheduleJson] {
            let bytes = match format {
                Format::ScheduleXml => export::schedule_xml(&programme).unwrap(),
                _ => export::schedule_json(&programme).unwrap(),
            };
            let draft = read(format, &bytes, &context()).unwrap();
            prop_assert_eq!(draft.notes.count("supplement_ignored"), 0);
            let found = Programme::from(draft);
            prop_assert_eq!(&found.rooms, &expected.rooms, "{:?}", format);
            prop_assert_eq!(&found.tracks, &expected.tracks, "{:?}", format);
            prop_assert_eq!(&found.presenters, &expected.presenters, "{:?}", format);
            prop_assert_eq!(&found.sessions, &expected.sessions, "{:?}", format);
            prop_assert_eq!(&found.event, &expected.event, "{:?}", format);
        }
    }

    #[test]
    fn calendars_never_break_their_lines(programme in programme()) {
        let text = String::from_utf8(export::icalendar(&programme, Timestamp::from_ms(0))).unwrap();
        prop_assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])));
        prop_assert_eq!(text.matches("\r\nBEGIN:VEVENT\r\n").count(), programme.sessions.len());
    }

    #[test]
    fn a_second_plan_is_empty(programme in programme()) {
        let draft = read(Format::ScheduleXml, &export::schedule_xml(&programme).unwrap(), &context()).unwrap();
        let first = plan(&draft, &Current::default(), &Base::default()).unwrap();
        let current = Current {
            event: draft.event.clone().unwrap(), rooms: draft.rooms.clone(), tracks: draft.tracks.clone(),
            sessions: draft.sessions.clone(), presenters: draft.presenters.clone(), ..Current::default()
        };
        let second = plan(&draft, &current, &first.new_base).unwrap();
        prop_assert!(second.writes.is_empty(), "{:?}", second.writes);
        prop_assert_eq!(second.new_base, first.new_base);
    }

    #[test]
    fn readers_never_panic(seed in 0_usize..4, edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 0..12),
                           all in any::<bool>()) {
        let seeds = [XML_SEED, JSON_SEED, CSV_SEED, PRETIX_SEED];
        let mut bytes = seeds.get(seed).copied().unwrap_or_default().as_bytes().to_vec();
        for (index, byte, how) in edits {
            let place = index.index(bytes.len().max(1)).min(bytes.len());
            match how {
                0 => bytes.insert(place, byte),
                1 if place < bytes.len() => drop(bytes.remove(place)),
                2 => bytes.truncate(place),
                _ => bytes.get_mut(place).into_iter().for_each(|there| *there = byte),
            }
        }
        let _ = detect(&bytes);
        let formats: Vec<Format> = if all { Format::ALL.to_vec() } else { detect(&bytes).into_iter().collect() };
        for format in formats {
            if let Ok(draft) = read(format, &bytes, &context()) {
                let _ = plan(&draft, &Current::default(), &Base::default()).unwrap();
                let programme = Programme::from(draft);
                let _ = export::schedule_xml(&programme).unwrap();
                let _ = export::schedule_json(&programme).unwrap();
                let _ = export::icalendar(&programme, Timestamp::from_ms(0));
            }
        }
    }
}
