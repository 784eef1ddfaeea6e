use muster_model::fact::{Entry, EntryVia, Skew, WalkIn};
use muster_model::id::{EventId, RecordId};
use muster_model::ticket::TicketHash;
use muster_model::time::Timestamp;

use super::super::super::{Format, ReadContext, ReadLimits, read};
use super::*;

fn event() -> EventId {
    EventId::from_random([1; 16])
}

fn attendee(number: u8) -> AttendeeId {
    AttendeeId::derive(event(), &number.to_string())
}

#[test]
fn an_exported_list_reads_back_and_holds_no_formula() {
    let evil = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'=x", "''-y", "plain", "O'Neill", "a\"b,c\nd"];
    let attendees: BTreeMap<_, _> = evil
        .iter()
        .zip(0_u8..)
        .map(|(name, number)| {
            let ticket = Some(TicketHash::of(event(), name));
            let attendee_record = Attendee {
                name: (*name).into(),
                notes: (*name).into(),
                registration: Registration::Unpaid,
                attention: number == 1,
                valid_from: Some(Timestamp::from_ms(1_800_000_000_000)),
                ticket,
                ..Attendee::default()
            };
            (attendee(number), attendee_record)
        })
        .collect();
    let contacts =
        BTreeMap::from([(attendee(0), Contact { email: "=a@b".into(), phone: "+371 2".into(), ..Contact::default() })]);
    let bytes = attendees_csv(&attendees, Some(&contacts)).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    for record in reader.records() {
        assert!(record.unwrap().iter().all(|field| !field.starts_with(FORMULA_STARTS)));
    }
    let context = ReadContext { event: event(), time_zone: TimeZone::UTC, limits: ReadLimits::default() };
    let draft = read(Format::AttendeesCsv, &bytes, &context).unwrap();
    assert_eq!(draft.attendees, attendees);
    assert_eq!(draft.contacts, contacts);
    let short = String::from_utf8(attendees_csv(&attendees, None).unwrap()).unwrap();
    assert!(!short.contains("=a@b") && !short.contains("E-mail"));
}

fn fact(counter: u64, minute: i64, body: FactBody) -> Fact {
    let id = FactId { device: DeviceId::from_random([5; 8]), counter };
    let at = Timestamp::from_ms(1_800_000_000_000).plus_minutes(minute);
    Fact { id, at, skew: Some(Skew { ms: 60_000, age_ms: 0 }), by: "=gate".into(), body }
}

#[test]
fn check_ins_say_when_where_and_whether_they_were_taken_back() {
    let checkpoint = CheckpointId::derive(event(), "door");
    let entry = |number| {
        FactBody::Entry(Entry {
            attendee: attendee(number),
            checkpoint,
            via: EntryVia::Scan,
            ticket: None,
            answers: BTreeMap::new(),
            despite: String::new(),
        })
    };
    let undo = |target: u64| FactBody::Undo {
        fact: FactId { device: DeviceId::from_random([5; 8]), counter: target },
        reason: String::new(),
    };
    let walk_in = FactBody::WalkIn(WalkIn {
        attendee: attendee(9),
        checkpoint,
        name: "Walker".into(),
        organisation: String::new(),
        category: String::new(),
    });
    let facts = [
        fact(1, 5, entry(1)),
        fact(2, 3, entry(2)),
        fact(3, 6, undo(1)),
        fact(4, 7, undo(2)),
        fact(5, 8, undo(4)),
        fact(6, 9, walk_in),
        fact(7, 10, FactBody::Exit { attendee: attendee(2), checkpoint }),
    ];
    let names = CheckinNames {
        attendees: BTreeMap::from([(attendee(1), ("=Anna", "X")), (attendee(2), ("Bert", ""))]),
        checkpoints: BTreeMap::from([(checkpoint, "Main door")]),
        devices: BTreeMap::new(),
    };
    let zone = TimeZone::named("Europe/Riga").unwrap();
    let bytes = checkins_csv(&facts, &names, &zone).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let rows: Vec<Vec<String>> =
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
    let short: Vec<[&str; 4]> =
        rows.iter().map(|row| [row[0].as_str(), row[1].as_str(), row[3].as_str(), row[8].as_str()]).collect();
    assert_eq!(
        short,
        [
            ["2027-01-15T10:04:00+02:00", "entry", "Bert", ""],
            ["2027-01-15T10:06:00+02:00", "entry", "'=Anna", "yes"],
            ["2027-01-15T10:10:00+02:00", "walk-in", "Walker", ""],
            ["2027-01-15T10:11:00+02:00", "exit", "Bert", ""],
        ]
    );
    assert!(rows.iter().all(|row| row[5] == "Main door" && row[7] == "'=gate"));
}
