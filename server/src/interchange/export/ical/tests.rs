use std::collections::BTreeMap;

use muster_model::event::Event;
use muster_model::id::{EventId, RecordId, RoomId, SessionId};
use muster_model::program::Room;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::from_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn programme(zone: &str, sessions: &[Session]) -> Programme {
    let event = EventId::from_random([1; 16]);
    let room = RoomId::derive(event, "room");
    let numbered = sessions.iter().enumerate();
    Programme {
        event: Event { name: "Fest".into(), time_zone: TimeZone::named(zone).unwrap(), ..Event::default() },
        rooms: BTreeMap::from([(room, Room { name: "Lielā zāle; A, B".into(), ..Room::default() })]),
        sessions: numbered
            .map(|(number, session)| {
                let id = SessionId::derive(event, &number.to_string());
                (id, Session { room: Some(room), ..session.clone() })
            })
            .collect(),
        ..Programme::default()
    }
}

fn calendar(programme: &Programme) -> String {
    String::from_utf8(icalendar(programme, at("2027-01-01T12:00:00Z"))).unwrap()
}

#[test]
fn long_lines_are_folded_between_characters() {
    let long = "āžuļ ".repeat(100);
    let session =
        Session { title: long.clone(), starts_at: at("2027-05-20T08:00:00Z"), duration_min: 45, ..Session::default() };
    let text = calendar(&programme("Europe/Riga", &[session]));
    assert!(text.split("\r\n").all(|line| line.len() <= LINE_OCTETS));
    assert!(text.ends_with("END:VCALENDAR\r\n"));
    assert!(text.replace("\r\n ", "").contains(&format!("\r\nSUMMARY:{long}\r\n")));
}

#[test]
fn texts_are_escaped_and_cannot_break_out() {
    let session = Session {
        title: "A; B, C\\D\nEND:VEVENT\r\nX".into(),
        starts_at: at("2027-05-20T08:00:00Z"),
        url: "https://example.org/\r\nX:1".into(),
        ..Session::default()
    };
    let text = calendar(&programme("UTC", &[session]));
    assert!(text.contains("\r\nSUMMARY:A\\; B\\, C\\\\D\\nEND:VEVENT\\nX\r\n"), "{text}");
    assert!(text.contains("\r\nLOCATION:Lielā zāle\\; A\\, B\r\n"));
    assert!(text.contains("\r\nDTSTART:20270520T080000Z\r\n"));
    assert_eq!(text.matches("\r\nEND:VEVENT\r\n").count(), 1);
    assert!(!text.contains("\r\nX:1") && !text.contains("VTIMEZONE"));
}

#[test]
fn a_zone_brings_its_changes_and_a_uid_stays() {
    let before =
        Session { starts_at: at("2027-10-30T20:00:00Z"), duration_min: 600, cancelled: true, ..Session::default() };
    let one = programme("Europe/Riga", std::slice::from_ref(&before));
    let text = calendar(&one);
    assert!(text.contains("\r\nDTSTART;TZID=Europe/Riga:20271030T230000\r\n"), "{text}");
    assert!(text.contains("\r\nDTEND;TZID=Europe/Riga:20271031T080000\r\n"), "{text}");
    let summer = "BEGIN:DAYLIGHT\r\nDTSTART:20270328T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0300\r\nTZNAME:EEST";
    let winter = "BEGIN:STANDARD\r\nDTSTART:20271031T040000\r\nTZOFFSETFROM:+0300\r\nTZOFFSETTO:+0200\r\nTZNAME:EET";
    assert!(text.contains(summer) && text.contains(winter), "{text}");
    assert!(text.contains("\r\nSTATUS:CANCELLED\r\n") && text.contains("\r\nDTSTAMP:20270101T120000Z\r\n"));
    let uid = |text: &str| text.lines().find(|line| line.starts_with("UID:")).unwrap().to_owned();
    let moved = programme("Europe/Riga", &[Session { starts_at: at("2027-10-30T10:00:00Z"), ..before }]);
    assert_eq!(uid(&text), uid(&calendar(&moved)));
}
