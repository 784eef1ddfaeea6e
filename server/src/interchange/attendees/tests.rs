use muster_model::attendee::Registration;
use muster_model::id::EventId;
use muster_model::time::TimeZone;

use super::super::{Format, ReadLimits, detect, read};
use super::*;

fn context() -> ReadContext {
    ReadContext {
        event: EventId::from_random([3; 16]),
        time_zone: TimeZone::named("Europe/Riga").unwrap(),
        limits: ReadLimits { attendees: 100, ..ReadLimits::default() },
    }
}

fn list(text: &str) -> Draft {
    super::super::read(Format::AttendeesCsv, text.as_bytes(), &context()).unwrap()
}

fn refused(text: &str) -> ImportError {
    read(Format::AttendeesCsv, text.as_bytes(), &context()).unwrap_err()
}

fn names(draft: &Draft) -> Vec<&str> {
    let mut names: Vec<&str> = draft.attendees.values().map(|attendee| attendee.name.as_str()).collect();
    names.sort_unstable();
    names
}

const OWN: &str = "Ticket code,First name,Last name,Organisation,Category,E-mail,Language,Status,Notes";

#[test]
fn musters_own_list_is_read_whole() {
    let draft = list(&format!("{OWN}\nAB12,Jānis,Bērziņš,\"Ceļš, SIA\",Press,j@example.org,lv,unpaid,VIP\n"));
    let (id, attendee) = draft.attendees.iter().next().unwrap();
    assert_eq!(attendee.name, "Jānis Bērziņš");
    assert_eq!((attendee.organisation.as_str(), attendee.category.as_str()), ("Ceļš, SIA", "Press"));
    assert_eq!(attendee.registration, Registration::Unpaid);
    assert_eq!(attendee.ticket, Some(TicketHash::of(context().event, "AB12")));
    assert_eq!((attendee.language.as_str(), attendee.notes.as_str()), ("lv", "VIP"));
    assert_eq!(draft.contacts[id].email, "j@example.org");
    assert!(!format!("{draft:?}").contains("AB12"), "the code is kept nowhere");
    assert!(!draft.complete);
}

#[test]
fn headings_separators_and_quotes_are_taken_as_they_come() {
    for text in [
        "\u{feff}NAME; e mail ;ORGANIZATION\r\nAnna;a@example.org;X\r\n",
        "name\te-mail\torganization\nAnna\ta@example.org\tX",
        "\"Name\",\"E-Mail\",\"organization\"\n\"Anna\",\"a@example.org\",\"X\"\n\n",
    ] {
        assert_eq!(detect(text.as_bytes()), Some(Format::AttendeesCsv), "{text:?}");
        let draft = list(text);
        let attendee = draft.attendees.values().next().unwrap();
        assert_eq!((attendee.name.as_str(), attendee.organisation.as_str()), ("Anna", "X"), "{text:?}");
        assert_eq!(draft.contacts.len(), 1, "{text:?}");
    }
}

#[test]
fn bad_rows_are_skipped_and_named_by_their_number() {
    let draft =
        list("Name,Ticket code,Status\nAnna,A,paid\nBert,B\nCilla,A,paid\n,D,paid\nDora,E,paid,x\nEmil,F,perhaps\n");
    assert_eq!(names(&draft), ["Anna", "Emil"]);
    let notes: Vec<(&str, &str)> =
        draft.notes.notes.iter().map(|note| (note.code.as_str(), note.place.as_str())).collect();
    assert_eq!(
        notes,
        [
            ("row_fields", "row 3"),
            ("row_without_name", "row 5"),
            ("row_fields", "row 6"),
            ("status_unknown", "row 7"),
            ("duplicate_ticket", "row 4")
        ]
    );
    assert_eq!((draft.counts.read, draft.counts.skipped), (6, 4));
    let told = format!("{:?}", draft.notes);
    assert!(["Anna", "Bert", "Cilla", "Dora", "Emil"].iter().all(|name| !told.contains(name)), "{told}");
}

#[test]
fn lists_that_cannot_be_read_say_why() {
    let missing = refused("E-mail,Company\na@example.org,X\n");
    assert_eq!(missing.code(), "import_missing_column");
    assert!(missing.to_string().contains("First name and Last name"), "{missing}");
    assert_eq!(refused("Name,Name\nA,B\n").code(), "import_ambiguous_column");
    assert_eq!(refused("Speaker Name,Speaker Email\nA,b@c\n").code(), "import_wrong_kind");
    assert_eq!(refused("Name,E-mail\nA\0,b\n").code(), "import_control_character");
    assert_eq!(refused(" \n\n").code(), "import_empty");
    assert_eq!(refused("<!DOCTYPE html><html></html>").code(), "import_wrong_kind");
    let broken = read(Format::AttendeesCsv, b"Name\nJ\xc4\x81nis\nM\xfcller\n", &context()).unwrap_err();
    assert_eq!((broken.code(), broken.to_string().contains("line 3")), ("import_encoding", true));
    let many: String = (0..200).map(|row| format!("Name {row},x\n")).collect();
    let many = refused(&format!("Name,Company\n{many}"));
    assert_eq!(many, ImportError::TooLarge { what: "rows", limit: 100 });
}

#[test]
fn people_who_share_an_address_or_an_order_stay_apart() {
    let draft = list("Name,E-mail\nAnna,x@example.org\nBert,X@example.org\nCilla,c@example.org\n");
    assert_eq!(draft.attendees.len(), 3);
    let reordered = list("Name,E-mail\nBert,x@example.org\nCilla,c@example.org\nAnna,x@example.org\n");
    assert_eq!(draft.attendees.keys().collect::<Vec<_>>(), reordered.attendees.keys().collect::<Vec<_>>());
    assert_eq!(list("Name,Order code\nAnna,1\nBert,1\n").attendees.len(), 2);
    let repeated = list("Name,Company\nAnna,X\nAnna,X\nAnna,Y\n");
    assert_eq!((repeated.attendees.len(), repeated.notes.count("duplicate_row")), (2, 1));
}

#[test]
fn an_id_holds_through_a_change_of_ticket() {
    let one = list("ID,Name,Ticket code\n7,Anna,A\n");
    let other = list("ID,Name,Ticket code\n7,Anna,B\n");
    assert_eq!(one.attendees.keys().collect::<Vec<_>>(), other.attendees.keys().collect::<Vec<_>>());
    assert_ne!(one.attendees, other.attendees);
}

#[test]
fn what_has_no_place_is_kept_by_its_heading() {
    let draft = list("Name,T-shirt,Dietary requirements\nAnna,M,vegan\n");
    let contact = draft.contacts.values().next().unwrap();
    assert_eq!(contact.extra.get("T-shirt").map(String::as_str), Some("M"));
    assert_eq!(contact.dietary_needs, "vegan");
    assert!(draft.silent.contains(&("attendees", "notes")), "a list without notes is silent about them");
    assert!(!draft.silent.contains(&("contacts", "extra")));
}
