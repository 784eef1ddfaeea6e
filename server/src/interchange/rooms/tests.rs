use muster_model::id::EventId;
use muster_model::time::TimeZone;

use super::super::{Format, ReadLimits, detect, read};
use super::*;

fn context() -> ReadContext {
    ReadContext {
        event: EventId::from_random([3; 16]),
        time_zone: TimeZone::named("Europe/Riga").unwrap(),
        limits: ReadLimits { sessions: 100, ..ReadLimits::default() },
    }
}

fn refused(text: &str) -> ImportError {
    read(Format::RoomsCsv, text.as_bytes(), &context()).unwrap_err()
}

#[test]
fn rooms_are_read_whatever_the_order_of_columns() {
    for text in [
        "Name,Capacity,Floor,Equipment\nGauja,120,2,Projector; ;4 m screen;\n",
        "\u{feff}equipment;FLOOR;capacity;name\r\nProjector;2;120;Gauja\r\n\r\n",
    ] {
        assert_eq!(detect(text.as_bytes()), Some(Format::RoomsCsv), "{text}");
        let draft = read(Format::RoomsCsv, text.as_bytes(), &context()).unwrap();
        let room = draft.rooms.values().next().unwrap();
        assert_eq!((room.name.as_str(), room.capacity, room.floor.as_str()), ("Gauja", Some(120), "2"), "{text}");
        assert_eq!(room.equipment.first().map(String::as_str), Some("Projector"), "{text}");
        assert!(!room.equipment.iter().any(String::is_empty), "{text}");
        assert_eq!((draft.counts.read, draft.counts.skipped, draft.complete), (1, 0, false), "{text}");
    }
}

#[test]
fn bad_rows_are_named_by_row_and_column() {
    let notes = |draft: &Draft| -> Vec<String> {
        draft.notes.notes.iter().map(|note| format!("{}: {}", note.place, note.code)).collect()
    };
    let text = "Name,Capacity,Floor,Equipment,Colour\nF,1\nG,1,1,,red,x\nH,1,1,,red\n";
    let draft = read(Format::RoomsCsv, text.as_bytes(), &context()).unwrap();
    assert_eq!(notes(&draft), ["column 5: column_unknown", "row 2: row_fields", "row 3: row_fields"]);
    assert_eq!(draft.rooms.len(), 1);
    let text =
        "Name,Capacity,Floor,Equipment\nA,many,1,\nB,-5,1,\nC,12.5,1,\nD,99999999999,1,\nE,,,\n,7,1,\n e ,8,1,\n";
    let draft = read(Format::RoomsCsv, text.as_bytes(), &context()).unwrap();
    assert_eq!(
        notes(&draft),
        [
            "row 2, Capacity: value_unreadable",
            "row 3, Capacity: value_unreadable",
            "row 4, Capacity: value_unreadable",
            "row 5, Capacity: value_unreadable",
            "row 7, Name: value_unreadable",
            "row 8: duplicate_row",
        ]
    );
    assert_eq!((draft.rooms.len(), draft.counts.read, draft.counts.skipped), (1, 7, 6));
    let kept = draft.rooms.values().next().unwrap();
    assert_eq!((kept.name.as_str(), kept.capacity), ("E", None), "of two rows of one name the first counts");
}

#[test]
fn lists_that_cannot_be_read_say_why() {
    let missing = refused("Name,Floor,Equipment\nA,1,x\n");
    assert_eq!(missing.code(), "import_missing_column");
    assert!(missing.to_string().ends_with("name one of its columns Capacity"), "{missing}");
    assert_eq!(detect(b"Name,Floor,Equipment\nA,1,x\n"), Some(Format::RoomsCsv), "never a list of attendees");
    assert_eq!(detect(b"Name,Capacity\nA,1\n"), Some(Format::RoomsCsv));
    assert_eq!(refused("Name,Capacity,Floor,Equipment,name\n").code(), "import_ambiguous_column");
    assert_eq!(refused("<html></html>").code(), "import_wrong_kind");
    let rows: String = (0..101).map(|row| format!("R{row},1,1,\n")).collect();
    let many = refused(&format!("Name,Capacity,Floor,Equipment\n{rows}"));
    assert_eq!(many, ImportError::TooLarge { what: "rows", limit: 100 });
    let parts = "x;".repeat(201);
    let draft =
        read(Format::RoomsCsv, format!("Name,Capacity,Floor,Equipment\nA,1,1,\"{parts}\"\n").as_bytes(), &context());
    assert_eq!(draft.unwrap().notes.count("value_unreadable"), 1);
    // Each of Muster's own lists is refused as any other.
    let rooms = b"Name,Capacity,Floor,Equipment\nA,1,1,\n";
    for other in [Format::AttendeesCsv, Format::PresentersCsv, Format::ScheduleJson] {
        assert_eq!(read(other, rooms, &context()).unwrap_err().code(), "import_wrong_kind", "{other:?}");
    }
}
