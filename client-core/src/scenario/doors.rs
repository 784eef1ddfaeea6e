//! At the doors: scans, manual check-ins, walk-ins, undo, double admissions.

use muster_model::access::Role;
use muster_model::attendee::{Attendee, Registration};
use muster_model::double_admission::State;
use muster_model::fact::{EntryVia, FactBody, ResolutionKind};
use muster_model::id::PresenterId;
use muster_model::id::RecordId;
use muster_model::verdict::Verdict;

use super::world::{World, attendee, code, event_id, gate, lunch, presenter, record, roster};
use crate::code::CoreCode;
use crate::command::{Answers, CheckIn, NewWalkIn, Settle};
use crate::view::Durability;

#[test]
fn a_scan_admits_once_and_says_where_the_entry_is() {
    let mut world = World::with_phones(20, 1);
    world.network_down();
    let result = world.scan(0, 3);
    assert_eq!(result.verdict, Verdict::Admitted);
    let recorded = result.recorded.unwrap();
    assert_eq!(recorded.durability, Durability::OnThisPhone);
    let card = result.card.unwrap();
    assert_eq!(card.attendee.name, record(3).name);
    assert_eq!(card.group, {
        let mut group = vec![attendee(4), attendee(5)];
        group.sort_unstable();
        group
    });
    assert_eq!(card.facts[0].fact.id, recorded.fact);
    world.now = world.now.plus_ms(4_000);
    let again = world.scan(0, 3);
    assert!(matches!(again.verdict, Verdict::AlreadyIn { fact, .. } if fact == recorded.fact), "{again:?}");
    assert_eq!(again.recorded, None);
    world.network_up();
    let now = world.now;
    let card = world.phones[0].attendee(now, attendee(3)).unwrap();
    assert_eq!(card.facts[0].durability, Some(Durability::OnServer));
    world.assert_converged();
}

#[test]
fn a_scanner_that_emits_twice_gets_the_first_answer_again() {
    let mut world = World::with_phones(4, 1);
    let first = world.scan(0, 1);
    world.now = world.now.plus_ms(2_999);
    let second = world.scan(0, 1);
    assert!(second.repeated);
    assert_eq!((second.verdict, second.recorded.unwrap().fact), (Verdict::Admitted, first.recorded.unwrap().fact));
    world.now = world.now.plus_ms(1);
    assert!(matches!(world.scan(0, 1).verdict, Verdict::AlreadyIn { .. }));
    let now = world.now;
    world.phones[0].undo(now, first.recorded.unwrap().fact, "wrong person").unwrap();
    let third = world.scan(0, 1);
    assert_eq!((third.verdict, third.repeated), (Verdict::Admitted, false), "an undo in between counts at once");
    assert_eq!(world.phones[0].own_facts(now).unwrap().len(), 3);
}

#[test]
fn codes_that_are_no_tickets_are_verdicts_not_errors() {
    let mut world = World::with_phones(4, 1);
    let now = world.now;
    let long = "x".repeat(100_000);
    for junk in ["", " ", "nobody", "\0\u{7}binary", long.as_str(), "https://example.org/?code=nobody"] {
        let result = world.phones[0].scan(now, gate(), junk, Answers::new()).unwrap();
        assert_eq!(result.verdict, Verdict::Unknown);
        assert_eq!((result.recorded, result.card), (None, None));
    }
    let indico = r#"{"i":[2,"indico.example/event","aGVsbG8="]}"#;
    let result = world.phones[0].scan(now, gate(), indico, Answers::new()).unwrap();
    assert_eq!(result.verdict, Verdict::WrongEvent);
    let url = format!("https://tickets.example/t/{}\r\n", code(2));
    assert_eq!(world.phones[0].scan(now, gate(), &url, Answers::new()).unwrap().verdict, Verdict::Admitted);
    let missing = muster_model::id::CheckpointId::from_random([99; 10]);
    let error = world.phones[0].scan(now, missing, &code(1), Answers::new()).unwrap_err();
    assert_eq!(error.code, CoreCode::CheckpointUnknown);
}

#[test]
fn staff_may_override_a_verdict_with_a_reason() {
    let mut world = World::with_phones(4, 1);
    let unpaid = Attendee { registration: Registration::Unpaid, ..record(1) };
    let frames = world.server.put(roster(1), &[(attendee(1), unpaid)]);
    world.tell(frames);
    let now = world.now;
    let wish = CheckIn {
        checkpoint: gate(),
        attendee: attendee(1),
        via: EntryVia::Search,
        answers: Answers::new(),
        despite: " ".into(),
    };
    let refused = world.phones[0].check_in(now, wish.clone()).unwrap();
    assert_eq!((refused.verdict, refused.recorded), (Verdict::Unpaid, None));
    let wish = CheckIn { despite: "paid in cash".into(), ..wish };
    let result = world.phones[0].check_in(now, wish).unwrap();
    assert_eq!(result.verdict, Verdict::Unpaid);
    let fact = result.recorded.unwrap().fact;
    let entry = world.phones[0].own_facts(now).unwrap().into_iter().find(|known| known.id == fact).unwrap();
    assert!(matches!(entry.body, FactBody::Entry(entry) if entry.despite == "paid in cash"));
}

#[test]
fn a_walk_in_is_found_counted_and_gone_when_taken_back() {
    let mut world = World::with_phones(4, 2);
    let now = world.now;
    let wish = NewWalkIn {
        checkpoint: gate(),
        name: "Żaneta Ūpe".into(),
        organisation: "Nams".into(),
        category: "Guest".into(),
    };
    let recorded = world.phones[0].walk_in(now, wish.clone()).unwrap();
    world.run();
    for phone in &mut world.phones {
        let hits = phone.search(now, "zaneta up", 5).unwrap();
        assert_eq!(hits.len(), 1);
        assert_eq!((hits[0].id, hits[0].inside.clone()), (recorded.attendee.unwrap(), vec![gate()]));
        let counts = phone.counts(now, gate()).unwrap();
        assert_eq!(counts.by_category, [("Guest".to_owned(), counts.total)]);
        assert_eq!(counts.total.inside, 1);
    }
    let blank = NewWalkIn { name: " ".into(), ..wish };
    assert_eq!(world.phones[0].walk_in(now, blank).unwrap_err().code, CoreCode::TextMissing);
    world.phones[1].undo(now, recorded.fact, "").unwrap();
    world.run();
    for phone in &mut world.phones {
        assert_eq!(phone.search(now, "zaneta", 5).unwrap(), []);
        assert_eq!(phone.counts(now, gate()).unwrap().total.inside, 0);
    }
    world.assert_converged();
}

#[test]
fn the_same_ticket_at_two_gates_waits_to_be_settled() {
    let mut world = World::with_phones(20, 3);
    world.network_down();
    assert_eq!(world.scan(0, 7).verdict, Verdict::Admitted);
    world.now = world.now.plus_ms(1_000);
    assert_eq!(world.scan(1, 7).verdict, Verdict::Admitted, "gate B cannot know");
    world.network_up();
    let now = world.now;
    for phone in &mut world.phones {
        let doubles = phone.double_admissions(now).unwrap();
        assert_eq!(doubles.len(), 1);
        assert_eq!((doubles[0].attendee, doubles[0].admissions.len()), (attendee(7), 2));
        assert_eq!(doubles[0].state, State::Open);
        assert_eq!(doubles[0].admissions[0].device(), World::device(0), "the earlier comes first");
        let counts = phone.counts(now, gate()).unwrap();
        assert_eq!((counts.total.admitted, counts.total.admissions), (1, 2));
    }
    let settle = Settle {
        attendee: attendee(7),
        checkpoint: gate(),
        admissions: Vec::new(),
        found: ResolutionKind::SecondAdmitted,
        note: "brought a colleague".into(),
    };
    world.phones[2].settle(now, settle.clone()).unwrap();
    world.run();
    for phone in &mut world.phones {
        let doubles = phone.double_admissions(now).unwrap();
        let State::Settled { resolution, .. } = &doubles[0].state else { panic!("still open") };
        assert_eq!((resolution.found, resolution.facts.len()), (ResolutionKind::SecondAdmitted, 2));
        assert_eq!(phone.counts(now, gate()).unwrap().total.extra_inside, 1);
    }
    let nobody = Settle { attendee: attendee(8), ..settle };
    assert_eq!(world.phones[0].settle(now, nobody).unwrap_err().code, CoreCode::NothingToSettle);
    world.assert_converged();
}

/// What else a device recorded at a place has a say in when its clock was set back: it keeps its own order.
#[test]
fn a_double_admission_shows_its_admissions_in_the_order_in_which_they_count() {
    let mut world = World::with_phones(20, 2);
    world.network_down();
    let now = world.now;
    let minute = |minute: i64| now.plus_ms(minute * 60_000);
    let scan = |world: &mut World, phone: usize, at| {
        world.phones[phone].scan(at, gate(), &code(7), Answers::new()).unwrap().recorded.unwrap().fact
    };
    world.phones[0].exit(minute(10), gate(), attendee(7)).unwrap();
    let after_setting_back = scan(&mut world, 0, minute(1));
    let between = scan(&mut world, 1, minute(5));
    world.network_up();
    for phone in &mut world.phones {
        let doubles = phone.double_admissions(now).unwrap();
        let admissions: Vec<_> = doubles[0].admissions.iter().map(|fact| fact.id).collect();
        assert_eq!(admissions, [between, after_setting_back]);
    }
    world.assert_converged();
}

#[test]
fn entry_and_exit_count_who_is_inside() {
    let mut world = World::with_phones(20, 2);
    let now = world.now;
    for number in 0..10 {
        world.phones[0].check_in_by_name(now, lunch(), attendee(number)).unwrap();
    }
    world.run();
    world.phones[1].exit(now.plus_ms(5), lunch(), attendee(3)).unwrap();
    world.run();
    for phone in &mut world.phones {
        let counts = phone.counts(now, lunch()).unwrap();
        assert_eq!((counts.total.admitted, counts.total.inside), (10, 9));
        let press = counts.by_category.iter().find(|(category, _)| category == "Press").unwrap();
        assert_eq!(press.1.admitted, 2);
    }
    let back = world.phones[1].check_in_by_name(now.plus_ms(10), lunch(), attendee(3)).unwrap();
    assert_eq!(back.verdict, Verdict::Admitted);
    world.run();
    world.assert_converged();
}

#[test]
fn a_presenter_cannot_check_anybody_in_and_arrives_for_themselves() {
    let mut world = World::with_phones(4, 1);
    let phone = world.add_phone(Role::Presenter(presenter()));
    world.start(phone);
    world.run();
    let now = world.now;
    assert_eq!(world.phones[phone].search(now, "anna", 5).unwrap(), [], "no attendee reaches a presenter's phone");
    let other = PresenterId::derive(event_id(), "other");
    assert_eq!(world.phones[phone].arrive(now, other).unwrap_err().code, CoreCode::NotAllowed);
    world.phones[phone].arrive(now, presenter()).unwrap();
    world.run();
    let arrivals = world.phones[0].arrivals(now).unwrap();
    assert_eq!(arrivals.len(), 1);
    assert!(matches!(arrivals[0].arrival.as_ref().unwrap().body, FactBody::Arrival { own: true, .. }));
    world.phones[phone].my_logistics(now).unwrap();
    assert_eq!(world.phones[0].my_logistics(now).unwrap_err().code, CoreCode::NotAllowed);
}
