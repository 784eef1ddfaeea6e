use super::*;
use crate::document::{DocRef, create};
use crate::id::{EventId, RecordId};

fn id(counter: u64) -> FactId {
    FactId { device: DeviceId::from_random([4; 8]), counter }
}

fn entry(counter: u64) -> Fact {
    let body = FactBody::Entry(Entry {
        attendee: AttendeeId::from_random([1; 10]),
        checkpoint: CheckpointId::from_random([2; 10]),
        via: EntryVia::Scan,
        ticket: None,
        answers: BTreeMap::new(),
        despite: String::new(),
    });
    Fact {
        id: id(counter),
        at: Timestamp::from_ms(1_000),
        skew: Some(Skew { ms: -70, age_ms: 5 }),
        by: "A".into(),
        body,
    }
}

#[test]
fn facts_read_back_as_written() {
    let bodies = [
        entry(1).body,
        FactBody::Exit { attendee: AttendeeId::from_random([1; 10]), checkpoint: CheckpointId::from_random([2; 10]) },
        FactBody::Undo { fact: id(1), reason: "wrong person".into() },
        FactBody::WalkIn(WalkIn {
            attendee: AttendeeId::from_random([3; 10]),
            checkpoint: CheckpointId::from_random([2; 10]),
            name: "Zaļā Žanna".into(),
            organisation: String::new(),
            category: "Press".into(),
        }),
        FactBody::Resolution(Resolution {
            attendee: AttendeeId::from_random([1; 10]),
            checkpoint: CheckpointId::from_random([2; 10]),
            facts: vec![id(1), id(2)],
            found: ResolutionKind::SamePerson,
            note: String::new(),
        }),
        FactBody::Observation(Observation {
            session: SessionId::from_random([5; 10]),
            item: ItemId::from_random([6; 10]),
            state: ItemState::Problem,
            note: "no lamp".into(),
        }),
        FactBody::Incident(Incident { room: None, session: None, severity: Severity::Urgent, text: "flood".into() }),
        FactBody::Arrival { presenter: PresenterId::from_random([7; 10]), own: true },
    ];
    for (counter, body) in (1..).zip(bodies) {
        for skew in [None, Some(Skew { ms: -70, age_ms: 5 })] {
            let fact =
                Fact { id: id(counter), at: Timestamp::from_ms(-3), skew, by: String::new(), body: body.clone() };
            let json = fact.to_json().unwrap();
            assert_eq!(Fact::from_json(fact.id, &json), Ok(fact), "{json}");
        }
    }
}

#[test]
fn a_check_in_is_small() {
    let json = entry(1).to_json().unwrap();
    assert!(json.len() < 200, "{} bytes: {json}", json.len());
}

#[test]
fn what_a_later_version_says_is_kept_as_unknown() {
    let fact = Fact::from_json(id(1), r#"{"at_ms":5,"kind":"teleport","where":{"x":1}}"#).unwrap();
    assert_eq!((fact.body, fact.at), (FactBody::Unknown, Timestamp::from_ms(5)));
}

#[test]
fn what_is_no_fact_is_refused() {
    for text in
        ["", "{}", "[]", r#"{"at_ms":"x","kind":"unknown"}"#, r#"{"at_ms":1,"kind":"exit"}"#, r#"[5,null,null,"x"]"#]
    {
        assert_eq!(Fact::from_json(id(1), text), Err(FactError::Malformed), "{text}");
    }
    let long = Fact { by: "x".repeat(MAX_FACT_BYTES), ..entry(1) };
    assert_eq!(long.to_json(), Err(FactError::TooLong));
    assert_eq!(Fact::from_json(id(1), &"x".repeat(MAX_FACT_BYTES + 1)), Err(FactError::TooLong));
}

#[test]
fn the_clock_is_corrected_by_what_was_measured() {
    assert_eq!(entry(1).corrected_at(), Timestamp::from_ms(930));
    assert_eq!(Fact { skew: None, ..entry(1) }.corrected_at(), Timestamp::from_ms(1_000));
}

#[test]
fn a_document_holds_facts_and_survives_a_bad_one() {
    let actor = id(1).device.actor([0; 8]);
    let document = DocRef::shard(DocKind::Checkins, 0);
    let mut doc = create(EventId::from_random([1; 16]), &document, actor).unwrap();
    let mut transaction = doc.transaction();
    append(&mut transaction, &entry(1)).unwrap();
    append(&mut transaction, &entry(2)).unwrap();
    let facts = collection(&transaction, "facts").unwrap();
    transaction.put(&facts, "nonsense", 7).unwrap();
    transaction.commit();
    let found = read_all(&doc).unwrap();
    assert_eq!((found.facts, found.unreadable), (vec![entry(1), entry(2)], vec!["nonsense".to_string()]));
    assert_eq!(read(&doc, id(2)).unwrap(), Some(entry(2)));
    assert_eq!(read(&doc, id(3)).unwrap(), None);
}
