use super::*;

fn session() -> Session {
    Session { title: "Opening".into(), starts_at: Timestamp::from_ms(60_000), duration_min: 45, ..Session::default() }
}

fn refused<F: FieldOf>(record: &F::Record, edit: F) -> EditError {
    match edited(record, vec![edit]) {
        Ok(_) => panic!("it is let through"),
        Err(error) => error,
    }
}

#[test]
fn names_say_something_and_no_text_is_endless() {
    let attendee = Attendee { name: "Anna".into(), ..Attendee::default() };
    assert_eq!(refused(&attendee, AttendeeEdit::Name("  ".into())), EditError::TextMissing);
    assert_eq!(refused(&attendee, AttendeeEdit::Name("ā".repeat(MAX_NAME_CHARS + 1))), EditError::TextTooLong);
    assert_eq!(refused(&attendee, AttendeeEdit::Notes("x".repeat(MAX_NOTE_CHARS + 1))), EditError::TextTooLong);
    assert_eq!(refused(&Room::default(), RoomEdit::Equipment(vec!["x".into(); 101])), EditError::TextTooLong);
    let longest = "ā".repeat(MAX_NAME_CHARS);
    let edits = vec![AttendeeEdit::Name(format!(" {longest} ")), AttendeeEdit::Notes(String::new())];
    assert_eq!(edited(&attendee, edits).unwrap().name, longest, "characters count, not bytes, and none around it");
}

#[test]
fn a_session_that_is_moved_lasts_as_long_as_before() {
    let hour = Timestamp::from_ms(3_600_000);
    let moved = edited(&session(), vec![SessionEdit::StartsAt(hour)]).unwrap();
    assert_eq!((moved.starts_at, moved.duration_min), (hour, 45));
    let both = vec![SessionEdit::StartsAt(hour), SessionEdit::EndsAt(hour.plus_ms(60_001))];
    assert_eq!(edited(&session(), both).unwrap().duration_min, 2, "a part of a minute counts as one");
    assert_eq!(refused(&session(), SessionEdit::EndsAt(Timestamp::from_ms(60_000))), EditError::TimesReversed);
    assert_eq!(refused(&session(), SessionEdit::EndsAt(Timestamp::from_ms(0))), EditError::TimesReversed);
    let in_a_month = session().starts_at.plus_minutes(31 * 24 * 60);
    assert_eq!(refused(&session(), SessionEdit::EndsAt(in_a_month)), EditError::OutOfRange);
    for at in [-1, i64::MIN, i64::MAX, 253_402_300_800_000] {
        assert_eq!(refused(&session(), SessionEdit::StartsAt(Timestamp::from_ms(at))), EditError::OutOfRange);
    }
}

#[test]
fn places_are_counted_in_people() {
    for capacity in [0, MAX_CAPACITY + 1, u32::MAX] {
        assert_eq!(refused(&Room::default(), RoomEdit::Capacity(Some(capacity))), EditError::OutOfRange);
        assert_eq!(refused(&Checkpoint::default(), CheckpointEdit::Capacity(Some(capacity))), EditError::OutOfRange);
    }
    let room = Room { capacity: Some(9), ..Room::default() };
    assert_eq!(edited(&room, vec![RoomEdit::Capacity(None)]).unwrap().capacity, None);
    let things = vec![" piano ".into(), " ".into(), "lamp".into()];
    assert_eq!(edited(&room, vec![RoomEdit::Equipment(things)]).unwrap().equipment, ["piano", "lamp"]);
}

#[test]
fn only_what_is_edited_is_looked_at() {
    let (from, until) = (Some(Timestamp::from_ms(9)), Some(Timestamp::from_ms(5)));
    let reversed = Checkpoint { valid_from: from, valid_until: until, ..Checkpoint::default() };
    assert_eq!(edited(&reversed, vec![CheckpointEdit::Name("Gate".into())]).unwrap().name, "Gate");
    assert_eq!(refused(&reversed, CheckpointEdit::ValidUntil(Some(Timestamp::from_ms(8)))), EditError::TimesReversed);
    let put_right = vec![CheckpointEdit::ValidFrom(until), CheckpointEdit::ValidUntil(from)];
    assert!(edited(&reversed, put_right).is_ok());
    let imported = Session { title: "x".repeat(900), ..session() };
    assert!(edited(&imported, vec![SessionEdit::Cancelled(true)]).unwrap().cancelled);
}

#[test]
fn needs_may_be_emptied() {
    let needs = Needs { dietary: "nuts".into(), ..Needs::default() };
    let edits = vec![NeedsEdit::Dietary(String::new()), NeedsEdit::Aids("HDMI".into())];
    assert_eq!(edited(&needs, edits).unwrap(), Needs { aids: "HDMI".into(), ..Needs::default() });
}
