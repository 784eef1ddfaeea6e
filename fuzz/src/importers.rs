//! Files of other systems: read, planned, planned once more, and written out again.

use std::sync::LazyLock;

use muster_model::document::DocRef;
use muster_model::id::EventId;
use muster_model::time::{TimeZone, Timestamp};
use muster_server::interchange::plan::{Base, Current, Placed, RecordWrite, plan};
use muster_server::interchange::{Draft, Format, Programme, ReadContext, ReadLimits, detect, export, read};

use crate::meter::peak_of;
use crate::seed;

/// Bytes that a file may make us hold for each of its own, and besides.
const BYTES_PER_BYTE: usize = 2_000;
const BYTES_BESIDES: usize = 32 << 20;

#[expect(clippy::expect_used, reason = "a zone that exists")]
static CONTEXT: LazyLock<ReadContext> = LazyLock::new(|| {
    let limits = ReadLimits { sessions: 1_000, attendees: 1_000, values: 100_000, ..ReadLimits::default() };
    let time_zone = TimeZone::named("Europe/Riga").expect("a time zone");
    ReadContext { event: EventId::from_random([7; 16]), time_zone, limits }
});

/// Takes a file, as the format that the first byte names or that it looks like.
pub fn run(data: &[u8]) {
    let Some((&mode, bytes)) = data.split_first() else { return };
    let format = Format::ALL.get(usize::from(mode)).copied().or_else(|| detect(bytes));
    let Some(format) = format else { return };
    let ((), peak) = peak_of(|| import(format, bytes));
    let most = bytes.len().saturating_mul(BYTES_PER_BYTE).saturating_add(BYTES_BESIDES);
    assert!(peak <= most, "{} bytes made it hold {peak}", bytes.len());
}

fn import(format: Format, bytes: &[u8]) {
    let Ok(draft) = read(format, bytes, &CONTEXT) else { return };
    let Ok(first) = plan(&draft, &Current::default(), &Base::default()) else { return };
    let mut current = Current::default();
    for (document, writes) in &first.writes {
        writes.iter().for_each(|write| apply(&mut current, *document, write));
    }
    let second = plan(&draft, &current, &first.new_base);
    let writes = second.map(|second| second.writes);
    assert!(
        writes.as_ref().is_ok_and(|writes| !writes.values().flatten().any(is_of_event)),
        "twice is once: {writes:?}"
    );
    if matches!(format, Format::ScheduleXml | Format::ScheduleJson) {
        export_and_read(draft);
    }
}

/// Logistics are of documents that the caller reads for each presenter: they are left out here.
fn is_of_event(write: &RecordWrite) -> bool {
    !matches!(write, RecordWrite::Logistics(_))
}

fn apply(current: &mut Current, document: DocRef, write: &RecordWrite) {
    match write.clone() {
        RecordWrite::Event(event) => current.event = *event,
        RecordWrite::Checkpoint(id, checkpoint) => drop(current.checkpoints.insert(id, checkpoint)),
        RecordWrite::TicketKey(id, key) => drop(current.ticket_keys.insert(id, key)),
        RecordWrite::Withdrawn(ticket, Some(withdrawal)) => drop(current.withdrawn.insert(ticket, withdrawal)),
        RecordWrite::Withdrawn(ticket, None) => drop(current.withdrawn.remove(&ticket)),
        RecordWrite::Room(id, room) => drop(current.rooms.insert(id, room)),
        RecordWrite::Track(id, track) => drop(current.tracks.insert(id, track)),
        RecordWrite::Session(id, session) => drop(current.sessions.insert(id, *session)),
        RecordWrite::Presenter(id, presenter) => drop(current.presenters.insert(id, presenter)),
        RecordWrite::Attendee(id, attendee) => {
            let shard = match document.part {
                muster_model::document::Part::Shard(shard) => shard,
                _ => 0,
            };
            current.attendees.insert(id, Placed { shard, attendee });
        }
        RecordWrite::Contact(id, contact) => drop(current.contacts.insert(id, contact)),
        RecordWrite::Logistics(_) => {}
    }
}

/// A programme that was read can be written, and what is written is the same programme.
fn export_and_read(draft: Draft) {
    let programme = Programme::from(draft);
    let files = [
        (Format::ScheduleXml, export::schedule_xml(&programme)),
        (Format::ScheduleJson, export::schedule_json(&programme)),
    ];
    for (format, file) in files {
        let again = file.map(|file| read(format, &file, &CONTEXT));
        let Ok(Ok(again)) = again else { unreachable!("{} cannot be read again: {again:?}", format.as_str()) };
        let again = Programme::from(again);
        assert_eq!((&again.sessions, &again.rooms), (&programme.sessions, &programme.rooms), "{}", format.as_str());
        assert_eq!(
            (&again.presenters, &again.tracks),
            (&programme.presenters, &programme.tracks),
            "{}",
            format.as_str()
        );
    }
    let calendar = export::icalendar(&programme, Timestamp::from_ms(0));
    assert!(calendar.split(|byte| *byte == b'\n').all(|line| line.len() <= 76), "lines of a calendar are short");
}

/// A small file of each format, and schedules as Muster writes them.
pub fn seeds() -> Vec<Vec<u8>> {
    let files = [XML, JSON, CSV, PRETIX, ROOMS, PRESENTERS];
    let mut seeds: Vec<Vec<u8>> = (0_u8..).zip(files).map(|(mode, file)| seed(mode, file)).collect();
    seeds.extend(files.map(|file| seed(u8::MAX, file)));
    if let Ok(draft) = read(Format::ScheduleXml, XML.as_bytes(), &CONTEXT) {
        let programme = Programme::from(draft);
        seeds.extend(export::schedule_xml(&programme).map(|file| seed(0, file)));
        seeds.extend(export::schedule_json(&programme).map(|file| seed(1, file)));
    }
    seeds
}

const XML: &str = "<?xml version='1.0'?><schedule><version>1</version><conference><acronym>a</acronym><title>T</title>\
    <start>2027-05-20</start><end>2027-05-21</end><time_zone_name>Europe/Riga</time_zone_name>\
    <track name='X' color='#0a0'/></conference><day date='2027-05-20' start='2027-05-20T04:00:00+03:00'>\
    <room name='A' guid='ba692ba3-421b-5371-8309-60acc34a3c05'><event id='1'><date>2027-05-20T10:00:00+03:00</date>\
    <start>10:00</start><duration>00:30</duration><title>T &amp; U</title><track>X</track><language>lv</language>\
    <persons><person id='1' code='N'>N</person></persons><links><link href='x'>y</link></links></event></room></day>\
    </schedule>";
const JSON: &str = r#"{"schedule":{"version":"1","conference":{"title":"T","acronym":"abcd","tracks":[{"name":"X"}],
    "time_zone_name":"Europe/Riga","days":[{"date":"2027-05-20","day_end":"2027-05-21T04:00:00+03:00","rooms":{"A":[
    {"id":1,"guid":"ba692ba3-421b-5371-8309-60acc34a3c05","date":"2027-05-20T10:00:00+03:00","start":"10:00",
    "duration":"00:30","title":"T","track":"X","persons":[{"id":1,"public_name":"N"}],
    "links":[{"title":"y","url":"x"}]}]}}]}}}"#;
const CSV: &str = "Ticket code,First name,Last name,E-mail,Status,Notes,Organisation,Category,Language\n\
    A,\"Jānis\",Bērziņš,j@example.org,paid,\"x, y\",O,Delegate,lv\nB,Anna,Ozola,a@example.org,cancelled,,,,\n";
const PRETIX: &str = r#"{"count":1,"next":null,"results":[{"code":"A","status":"p","email":"a@example.org","positions":[
    {"id":1,"positionid":1,"item":1,"attendee_name":"N","secret":"s","addon_to":null,"blocked":["admin"],
    "valid_from":"2027-05-20T10:00:00Z","answers":[{"question":1,"answer":"x"}],"checkins":[{"list":1}]}]},
    {"id":1,"name":"L","all_products":false,"limit_products":[1],"rules":{}},
    {"id":1,"name":{"en":"I"},"admission":true,"default_price":"1"},
    {"id":1,"question":{"en":"Q"},"identifier":"Q","type":"B","items":[1]},
    {"slug":"e","name":{"en":"E"},"date_from":"2027-05-20T10:00:00Z","timezone":"Europe/Riga"}]}"#;
const ROOMS: &str =
    "Name,Capacity,Floor,Equipment\nLielā zāle,600,1,Stage; 2 projectors\nStudija,40,3,\"Display 75\"\"\"\n";
const PRESENTERS: &str = "Person id,Name,E-mail,Phone,Travel number,Travel from,Arrival,Departure number,Departure,Hotel,\
    Check-in,Check-out,Confirmation code,Honorarium,Currency,Honorarium state,AV needs\n\
    101,Ilze Kalnbērza,i@example.com,+44 7700 900101,BT 611,Rīga,2027-05-19 14:05,BT 612,2027-05-21 09:00,Hotel,\
    2027-05-19,2027-05-21,X,200.00,EUR,invoiced,Table microphone; Flip chart\n";
