use muster_model::document::{MAX_SHARDS, SHARD_ATTENDEES};
use muster_model::id::{EventId, RecordId};
use muster_model::ticket::TicketHash;
use muster_model::time::Timestamp;

use super::*;

fn id(number: u16) -> SessionId {
    SessionId::derive(EventId::from_random([1; 16]), &number.to_string())
}

fn session(title: &str) -> Session {
    Session { title: title.into(), starts_at: Timestamp::from_ms(1_000), duration_min: 30, ..Session::default() }
}

fn draft(sessions: &[(u16, Session)]) -> Draft {
    let sessions = sessions.iter().map(|(number, session)| (id(*number), session.clone())).collect();
    Draft { sessions, complete: true, ..Draft::default() }
}

/// Takes a plan's writes over, as the documents would.
fn apply(current: &mut Current, plan: &ImportPlan) -> usize {
    let mut count = 0;
    for (document, writes) in &plan.writes {
        let shard = match document.part {
            muster_model::document::Part::Shard(shard) => shard,
            _ => 0,
        };
        for write in writes.clone() {
            count += 1;
            match write {
                RecordWrite::Event(event) => current.event = *event,
                RecordWrite::Session(id, session) => drop(current.sessions.insert(id, *session)),
                RecordWrite::Attendee(id, attendee) => drop(current.attendees.insert(id, Placed { shard, attendee })),
                RecordWrite::Contact(id, contact) => drop(current.contacts.insert(id, contact)),
                other => panic!("not expected here: {other:?}"),
            }
        }
    }
    count
}

fn import(draft: &Draft, current: &mut Current, base: &mut Base) -> ImportPlan {
    let plan = plan(draft, current, base).unwrap();
    apply(current, &plan);
    *base = plan.new_base.clone();
    plan
}

/// The table at the top of the module, for one field: the source last time, the source now, the documents now.
#[test]
fn a_field_is_merged_by_the_table() {
    let cases = [
        // source before, source now, document now -> result, kept edits
        ("A", "A", "A", "A", 0),
        ("A", "A", "B", "B", 0),
        ("A", "B", "A", "B", 0),
        ("A", "B", "B", "B", 0),
        ("A", "B", "C", "C", 1),
        ("A", "", "A", "", 0),
        ("A", "", "C", "C", 1),
        ("", "B", "", "B", 0),
        ("", "B", "C", "C", 1),
        ("A", "A", "", "", 0),
    ];
    for (before, now, there, result, kept) in cases {
        let mut current = Current::default();
        let mut base = Base::default();
        let with = |subtitle: &str| draft(&[(1, Session { subtitle: subtitle.into(), ..session("T") })]);
        import(&with(before), &mut current, &mut base);
        current.sessions.get_mut(&id(1)).unwrap().subtitle = there.into();
        let plan = import(&with(now), &mut current, &mut base);
        let case = format!("{before:?} {now:?} {there:?}");
        assert_eq!(current.sessions[&id(1)].subtitle, result, "{case}");
        assert_eq!(plan.report.tally("sessions").kept_edits, kept, "{case}");
        assert_eq!(plan.report.notes.count("kept_edit"), usize::try_from(kept).unwrap(), "{case}");
        let again = import(&with(now), &mut current, &mut base);
        assert!(again.writes.is_empty(), "{case}: {:?}", again.writes);
        assert_eq!(current.sessions[&id(1)].subtitle, result, "{case}, again");
    }
}

#[test]
fn a_record_from_elsewhere_is_only_completed() {
    let mut current = Current::default();
    current.sessions.insert(id(1), Session { language: String::new(), ..session("Ours") });
    let said = draft(&[(1, Session { language: "lv".into(), ..session("Theirs") })]);
    let plan = import(&said, &mut current, &mut Base::default());
    assert_eq!(current.sessions[&id(1)], Session { language: "lv".into(), ..session("Ours") });
    assert_eq!(plan.report.tally("sessions"), Tally { changed: 1, kept_edits: 1, ..Tally::default() });
}

#[test]
fn what_a_schedule_drops_is_cancelled_and_comes_back() {
    let (mut current, mut base) = (Current::default(), Base::default());
    let both = draft(&[(1, session("One")), (2, session("Two"))]);
    let one = draft(&[(1, session("One"))]);
    assert_eq!(import(&both, &mut current, &mut base).report.tally("sessions").created, 2);
    let dropped = import(&one, &mut current, &mut base);
    assert_eq!(dropped.report.tally("sessions").cancelled, 1);
    assert!(current.sessions[&id(2)].cancelled);
    assert!(import(&one, &mut current, &mut base).writes.is_empty());
    import(&both, &mut current, &mut base);
    assert!(!current.sessions[&id(2)].cancelled, "it takes place again");
    // The coordinator keeps it alive although the source drops it twice.
    import(&one, &mut current, &mut base);
    current.sessions.get_mut(&id(2)).unwrap().cancelled = false;
    assert!(import(&one, &mut current, &mut base).writes.is_empty());
    assert!(!current.sessions[&id(2)].cancelled);
}

#[test]
fn what_a_partial_source_does_not_name_stays() {
    let (mut current, mut base) = (Current::default(), Base::default());
    import(&draft(&[(1, session("One")), (2, session("Two"))]), &mut current, &mut base);
    let partial = Draft { complete: false, ..draft(&[(1, session("One"))]) };
    assert!(import(&partial, &mut current, &mut base).writes.is_empty());
    // And what a coordinator made is not the source's to cancel.
    current.sessions.insert(id(3), session("Ours"));
    let plan = import(&draft(&[(1, session("One")), (2, session("Two"))]), &mut current, &mut base);
    assert!(plan.writes.is_empty());
}

#[test]
fn what_was_deleted_stays_deleted() {
    let (mut current, mut base) = (Current::default(), Base::default());
    import(&draft(&[(1, session("One"))]), &mut current, &mut base);
    current.sessions.clear();
    let plan = import(&draft(&[(1, session("Uno"))]), &mut current, &mut base);
    assert!(plan.writes.is_empty());
    assert_eq!(plan.report.notes.count("kept_deleted"), 1);
}

#[test]
fn the_event_takes_only_what_the_source_knows() {
    let (mut current, mut base) = (Current::default(), Base::default());
    current.event.goals = "Meet".into();
    let event = Event { name: "Fest".into(), goals: "not said".into(), slot_min: 5, ..Event::default() };
    let mut said = Draft { event: Some(event), ..Draft::default() };
    said.event_fields.extend(["name", "slot_min"]);
    import(&said, &mut current, &mut base);
    assert_eq!(current.event, Event { name: "Fest".into(), goals: "Meet".into(), slot_min: 5, ..Event::default() });
    current.event.name = "Fest 2027".into();
    assert!(import(&said, &mut current, &mut base).writes.is_empty());
    assert_eq!(current.event.name, "Fest 2027");
}

fn attendee_id(number: usize) -> AttendeeId {
    AttendeeId::derive(EventId::from_random([1; 16]), &number.to_string())
}

fn people(numbers: std::ops::Range<usize>) -> Draft {
    let attendee = |number: usize| Attendee { name: format!("Person {number}"), ..Attendee::default() };
    let contact = |number: usize| Contact { email: format!("{number}@example.org"), ..Contact::default() };
    Draft {
        attendees: numbers.clone().map(|number| (attendee_id(number), attendee(number))).collect(),
        contacts: numbers.map(|number| (attendee_id(number), contact(number))).collect(),
        ..Draft::default()
    }
}

#[test]
fn attendees_fill_shards_and_stay_where_they_are() {
    let (mut current, mut base) = (Current::default(), Base::default());
    import(&people(0..SHARD_ATTENDEES - 1), &mut current, &mut base);
    assert_eq!(current.event.shards, 1);
    let before = current.attendees.clone();
    import(&people(0..SHARD_ATTENDEES + 5), &mut current, &mut base);
    assert_eq!(current.event.shards, 2);
    assert!(before.iter().all(|(id, placed)| current.attendees[id].shard == placed.shard));
    let count = |shard: u16| current.attendees.values().filter(|placed| placed.shard == shard).count();
    assert_eq!((count(0), count(1)), (SHARD_ATTENDEES, 5));
    let plan = plan(&people(0..SHARD_ATTENDEES + 5), &current, &Base::default()).unwrap();
    assert!(plan.writes.is_empty());
}

#[test]
fn contacts_go_where_their_attendee_is() {
    let mut current = Current::default();
    current.event.shards = 3;
    let attendee = Attendee { name: "Person 1".into(), ..Attendee::default() };
    current.attendees.insert(attendee_id(1), Placed { shard: 2, attendee });
    let plan = plan(&people(0..2), &current, &Base::default()).unwrap();
    let documents: Vec<String> = plan.writes.keys().map(ToString::to_string).collect();
    assert_eq!(documents, ["roster/00", "contacts/00", "contacts/02"]);
}

#[test]
fn an_event_has_room_for_a_million_and_no_more() {
    let mut current = Current::default();
    current.event.shards = MAX_SHARDS;
    let mut shards = Shards::new(&current);
    for number in 0..usize::from(MAX_SHARDS) * SHARD_ATTENDEES {
        shards.of(attendee_id(number)).unwrap();
    }
    let error = shards.of(attendee_id(2_000_000)).unwrap_err();
    assert_eq!(error.code(), "import_event_full");
    assert_eq!(shards.of(attendee_id(0)), Ok(0), "who is there stays there");
}

#[test]
fn a_replaced_ticket_is_revoked() {
    let event = EventId::from_random([1; 16]);
    let [old, new] = ["old", "new"].map(|code| TicketHash::of(event, code));
    let with = |ticket| Draft {
        attendees: BTreeMap::from([(attendee_id(1), Attendee { name: "A".into(), ticket, ..Attendee::default() })]),
        silent: std::collections::BTreeSet::from([("attendees", "revoked_tickets")]),
        ..Draft::default()
    };
    let (mut current, mut base) = (Current::default(), Base::default());
    import(&with(Some(old)), &mut current, &mut base);
    import(&with(Some(new)), &mut current, &mut base);
    let attendee = &current.attendees[&attendee_id(1)].attendee;
    assert_eq!((attendee.ticket, attendee.revoked_tickets.clone()), (Some(new), vec![old]));
    import(&with(Some(old)), &mut current, &mut base);
    let attendee = &current.attendees[&attendee_id(1)].attendee;
    assert_eq!((attendee.ticket, attendee.revoked_tickets.clone()), (Some(old), vec![new]), "taken back into use");
}

#[test]
fn a_guess_counts_only_where_nothing_is_known() {
    let with = |category: &str, guessed: bool| Draft {
        attendees: BTreeMap::from([(attendee_id(1), Attendee { category: category.into(), ..Attendee::default() })]),
        guessed: guessed.then_some(("attendees", "category")).into_iter().collect(),
        ..Draft::default()
    };
    let (mut current, mut base) = (Current::default(), Base::default());
    let category = |current: &Current| current.attendees[&attendee_id(1)].attendee.category.clone();
    import(&with("Product 1", true), &mut current, &mut base);
    assert_eq!(category(&current), "Product 1");
    import(&with("Regular", false), &mut current, &mut base);
    assert_eq!(category(&current), "Regular");
    import(&with("Product 1", true), &mut current, &mut base);
    assert_eq!(category(&current), "Regular");
}

#[test]
fn writes_go_into_documents() {
    let event = EventId::from_random([1; 16]);
    let actor = muster_model::id::DeviceId::from_random([9; 8]).actor([0; 8]);
    let document = DocRef::whole(DocKind::Program);
    let mut doc = muster_model::document::create(event, &document, actor).unwrap();
    let plan = plan(&draft(&[(1, session("One"))]), &Current::default(), &Base::default()).unwrap();
    let mut transaction = doc.transaction();
    let changed: Vec<bool> =
        plan.writes[&document].iter().map(|write| write.apply(&mut transaction).unwrap()).collect();
    transaction.commit();
    assert_eq!(changed, [true]);
    assert_eq!(record::read::<Session>(&doc, &id(1)).unwrap(), Some(session("One")));
    let json = serde_json::to_string(&plan.new_base).unwrap();
    assert_eq!(serde_json::from_str::<Base>(&json).unwrap(), plan.new_base);
}
