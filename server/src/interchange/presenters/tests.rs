use muster_model::id::EventId;
use muster_model::logistics::{Honorarium, HonorariumState, TravelMode};

use super::super::{Format, ReadLimits, detect, read};
use super::honorarium::cents;
use super::travel::mode_of;
use super::*;

const HEAD: &str = "Person id,Name,E-mail,Phone,Travel number,Travel from,Arrival,Departure number,Departure,Hotel,\
    Check-in,Check-out,Confirmation code,Honorarium,Currency,Honorarium state,AV needs";

fn context() -> ReadContext {
    ReadContext {
        event: EventId::from_random([3; 16]),
        time_zone: TimeZone::named("Europe/Riga").unwrap(),
        limits: ReadLimits { sessions: 100, ..ReadLimits::default() },
    }
}

/// A list with one row per set of cells; who is in a row is told by its place.
fn list(rows: &[&[(&str, &str)]]) -> String {
    let headings: Vec<&str> = HEAD.split(',').collect();
    let line = |(index, cells): (usize, &&[(&str, &str)])| {
        let number = (index + 1).to_string();
        let cell = |heading: &&str| match cells.iter().find(|(known, _)| known == heading) {
            Some((_, value)) => format!("\"{value}\""),
            None if *heading == "Person id" => number.clone(),
            None if *heading == "Name" => format!("Secret Person {number}"),
            None => String::new(),
        };
        headings.iter().map(cell).collect::<Vec<_>>().join(",")
    };
    let lines: Vec<String> = rows.iter().enumerate().map(line).collect();
    format!("{HEAD}\n{}\n", lines.join("\n"))
}

fn draft(rows: &[&[(&str, &str)]]) -> Draft {
    read(Format::PresentersCsv, list(rows).as_bytes(), &context()).unwrap()
}

fn only(rows: &[&[(&str, &str)]]) -> Logistics {
    let draft = draft(rows);
    assert_eq!((draft.logistics.len(), draft.counts.skipped), (1, 0), "{:?}", draft.notes);
    draft.logistics.into_values().next().unwrap()
}

#[test]
fn a_row_becomes_a_journey_a_stay_an_honorarium_aids_and_a_contact() {
    let logistics = only(&[&[
        ("E-mail", "a@example.org"),
        ("Phone", "'+44 7700 900101"),
        ("Travel number", "ZZ 2148"),
        ("Travel from", "Hamburg"),
        ("Arrival", "2027-05-19T20:40"),
        ("Departure number", "train 803"),
        ("Departure", "2027-05-21T19:15+02:00"),
        ("Hotel", "Hotel Kaija"),
        ("Check-in", "2027-05-19"),
        ("Check-out", "2027-05-21T11:00"),
        ("Confirmation code", "7V5ZA4GA"),
        ("Honorarium", "350.5"),
        ("Currency", "eur"),
        ("Honorarium state", "Approved"),
        ("AV needs", "Table microphone; Own laptop, USB-C;table  Microphone;"),
    ]]);
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let legs: BTreeMap<String, _> = logistics.travel.values().map(|leg| (leg.number.clone(), leg)).collect();
    let (there, back) = (legs["ZZ 2148"], legs["803"]);
    assert_eq!((there.mode, there.from.as_str(), there.to.as_str()), (TravelMode::Flight, "Hamburg", ""));
    assert_eq!((time(there.arrives_at).as_str(), there.departs_at), ("2027-05-19T17:40:00Z", None), "Riga's time");
    assert_eq!((back.mode, back.from.as_str(), back.to.as_str()), (TravelMode::Train, "", "Hamburg"));
    assert_eq!((time(back.departs_at).as_str(), back.arrives_at), ("2027-05-21T17:15:00Z", None));
    let stay = logistics.hotels.values().next().unwrap();
    assert_eq!((stay.hotel.as_str(), stay.confirmation.as_str()), ("Hotel Kaija", "7V5ZA4GA"));
    assert_eq!(time(stay.from), "2027-05-18T21:00:00Z", "a day stands for its beginning in Riga");
    assert_eq!(time(stay.until), "2027-05-21T08:00:00Z");
    let honorarium = logistics.honorarium.unwrap();
    assert_eq!((honorarium.amount_cents, honorarium.currency.as_str()), (35_050, "EUR"));
    assert_eq!(honorarium.state, HonorariumState::Approved);
    let mut aids: Vec<(&str, u32)> = logistics.aids.values().map(|aid| (aid.name.as_str(), aid.count)).collect();
    aids.sort_unstable();
    assert_eq!(aids, [("Own laptop, USB-C", 1), ("Table microphone", 2)]);
    let contact = logistics.contacts.values().next().unwrap();
    assert_eq!((contact.role.as_str(), contact.name.as_str()), ("self", "Secret Person 1"));
    assert_eq!((contact.phone.as_str(), contact.email.as_str()), ("+44 7700 900101", "a@example.org"));
}

#[test]
fn an_empty_row_says_nothing_and_a_place_alone_is_no_journey() {
    assert_eq!(
        only(&[&[("Travel from", "Rīga"), ("Currency", "EUR"), ("Honorarium state", "none")]]),
        Logistics::default()
    );
}

#[test]
fn honoraria_are_read_to_the_cent_or_not_at_all() {
    let amounts = [
        ("200.00", Some(20_000)),
        ("0", Some(0)),
        ("12,5", Some(1_250)),
        ("999999999999.99", Some(99_999_999_999_999)),
        ("1000000000000", None),
        ("1,200", None),
        ("1 200", None),
        ("1.2.3", None),
        ("-5", None),
        ("5.", None),
        (".5", None),
        ("5e3", None),
        ("NaN", None),
        ("٣", None),
    ];
    for (text, amount) in amounts {
        assert_eq!(cents(text), amount, "{text}");
    }
    let of = |amount, currency, state| {
        let draft = draft(&[&[("Honorarium", amount), ("Currency", currency), ("Honorarium state", state)]]);
        let place = draft.notes.notes.first().map(|note| note.place.clone());
        draft.logistics.into_values().next().map(|logistics| logistics.honorarium).ok_or(place.unwrap_or_default())
    };
    let some = |amount_cents, currency: &str, state| {
        Ok(Some(Honorarium { amount_cents, currency: currency.into(), state, ..Honorarium::default() }))
    };
    assert_eq!(of("", "", ""), Ok(None));
    assert_eq!(of("0.00", "EUR", "none"), Ok(None));
    assert_eq!(of("", "", "waived"), some(0, "", HonorariumState::Waived));
    assert_eq!(of("1", "PLN", "waived"), some(100, "PLN", HonorariumState::Waived));
    assert_eq!(of("1", "PLN", ""), some(100, "PLN", HonorariumState::Agreed));
    assert_eq!(of("1", "EUR", "none"), Err("row 2, Honorarium state".to_owned()), "none, and yet an amount");
    assert_eq!(of("1", "EUR", "promised"), Err("row 2, Honorarium state".to_owned()));
    assert_eq!(of("", "EUR", "paid"), Err("row 2, Honorarium".to_owned()));
    assert_eq!(of("a lot", "EUR", "paid"), Err("row 2, Honorarium".to_owned()));
    assert_eq!(of("1", "", "paid"), Err("row 2, Currency".to_owned()));
    assert_eq!(of("1", "euro", "paid"), Err("row 2, Currency".to_owned()));
    let assumed = draft(&[&[("Honorarium", "1"), ("Currency", "EUR")]]);
    assert_eq!(assumed.notes.count("value_assumed"), 1);
}

#[test]
fn the_shape_of_a_number_tells_how_one_travels() {
    let cases = [
        ("ZZ 2148", Some(TravelMode::Flight), "ZZ 2148"),
        ("BT1A", Some(TravelMode::Flight), "BT1A"),
        ("BT 651", Some(TravelMode::Flight), "BT 651"),
        ("U2 8001", Some(TravelMode::Flight), "U2 8001"),
        ("5O-12", Some(TravelMode::Flight), "5O-12"),
        ("BTI4CY", None, "BTI4CY"),
        ("RYR 1234", Some(TravelMode::Flight), "RYR 1234"),
        ("LH 900A", Some(TravelMode::Flight), "LH 900A"),
        ("flight LH900", Some(TravelMode::Flight), "LH900"),
        ("train 803", Some(TravelMode::Train), "803"),
        ("Zug: 12", Some(TravelMode::Train), "12"),
        ("ICE 1005", Some(TravelMode::Train), "ICE 1005"),
        ("TGV9713", Some(TravelMode::Train), "TGV9713"),
        ("803", Some(TravelMode::Train), "803"),
        ("bus 7312", Some(TravelMode::Bus), "7312"),
        ("Prāmis", Some(TravelMode::Ferry), ""),
        ("taxi", Some(TravelMode::Transfer), ""),
        ("car", Some(TravelMode::Car), ""),
        ("Busy Bee 1", None, "Busy Bee 1"),
        ("LH 12345", None, "LH 12345"),
        ("", None, ""),
        ("Ž", None, "Ž"),
    ];
    for (text, mode, number) in cases {
        assert_eq!(mode_of(text), (mode, number), "{text}");
    }
    let assumed = draft(&[&[("Arrival", "2027-05-19T20:40")]]);
    assert_eq!((assumed.notes.count("value_assumed"), assumed.counts.skipped), (1, 0));
    assert_eq!(assumed.notes.notes[0].place, "row 2, Travel number");
}

#[test]
fn bad_rows_are_named_by_row_and_column_and_never_by_person() {
    let draft = draft(&[
        &[("Arrival", "tomorrow")],
        &[("Arrival", "2027-05-19")],
        &[("Departure", "2027-13-01T10:00")],
        &[("Arrival", "2027-05-21T10:00"), ("Departure", "2027-05-19T10:00")],
        &[("Check-in", "19.05.2027")],
        &[("Check-out", "2027-05-19 or so")],
        &[("Check-in", "2027-05-21"), ("Check-out", "2027-05-19")],
        &[("Name", "")],
        &[("AV needs", &"x;".repeat(201))],
        &[("Phone", "1")],
        &[("Person id", "10")],
        &[("Person id", ""), ("Name", "Secret Twin")],
        &[("Person id", ""), ("Name", "SECRET  twin")],
        &[("Name", "Secret Person 10")],
    ]);
    let notes: Vec<(&str, &str)> =
        draft.notes.notes.iter().map(|note| (note.code.as_str(), note.place.as_str())).collect();
    assert_eq!(
        notes,
        [
            ("value_unreadable", "row 2, Arrival"),
            ("value_unreadable", "row 3, Arrival"),
            ("value_unreadable", "row 4, Departure"),
            ("value_unreadable", "row 5, Departure"),
            ("value_unreadable", "row 6, Check-in"),
            ("value_unreadable", "row 7, Check-out"),
            ("value_unreadable", "row 8, Check-out"),
            ("value_unreadable", "row 9, Name"),
            ("value_unreadable", "row 10, AV needs"),
            ("duplicate_row", "row 12"),
            ("duplicate_row", "row 14"),
        ]
    );
    assert_eq!(draft.presenters.len(), 3, "a namesake with another number is somebody else");
    assert_eq!((draft.counts.read, draft.counts.skipped), (14, 11));
    assert!(!format!("{:?}", draft.notes).to_lowercase().contains("secret"), "{:?}", draft.notes);
}

#[test]
fn a_list_without_one_of_its_columns_is_refused_and_taken_for_nothing_else() {
    for column in HEAD.split(',') {
        let headings: Vec<&str> = HEAD.split(',').filter(|heading| *heading != column).collect();
        let text = format!("{}\n{}\n", headings.join(","), vec!["x"; 16].join(","));
        assert_eq!(detect(text.as_bytes()), Some(Format::PresentersCsv), "without {column}");
        let error = read(Format::PresentersCsv, text.as_bytes(), &context()).unwrap_err();
        assert_eq!(error.code(), "import_missing_column", "without {column}");
        assert!(error.to_string().ends_with(&format!("columns {column}")), "{error}");
    }
    let other = read(Format::AttendeesCsv, list(&[&[]]).as_bytes(), &context()).unwrap_err();
    assert_eq!(other.code(), "import_wrong_kind", "presenters are not attendees: {other}");
}
