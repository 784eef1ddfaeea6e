use proptest::prelude::*;

use super::*;
use crate::fact::ResolutionKind::{self, SamePerson, SecondAdmitted, SecondRemoved};
use crate::testing::{
    ahead, attendee, checkpoint, entry, entry_of, exit, fact, histories, minute, replicas, resolution, retold, undo,
    walk_in, walk_in_of,
};

fn one(facts: &[Fact]) -> Count {
    count_one(attendee(1), checkpoint(1), facts)
}

fn counted(admitted: u64, inside: u64, admissions: u64, extra_inside: u64) -> Count {
    Count { admitted, inside, admissions, extra_inside }
}

fn enter(id: (u8, u64), at: i64) -> Fact {
    fact(id, minute(at), entry())
}

fn leave(id: (u8, u64), at: i64) -> Fact {
    fact(id, minute(at), exit())
}

fn back(id: (u8, u64), at: i64, (device, counter): (u8, u64)) -> Fact {
    fact(id, minute(at), undo(device, counter))
}

fn settle(id: (u8, u64), at: i64, found: ResolutionKind, facts: &[(u8, u64)]) -> Fact {
    fact(id, minute(at), resolution(found, facts))
}

/// What happened, and: admitted, inside, admissions, more inside on the ticket.
#[test]
fn one_attendee_is_counted_by_what_stands() {
    let elsewhere = [
        fact((2, 1), minute(3), entry_of(attendee(2), checkpoint(1))),
        fact((2, 2), minute(3), entry_of(attendee(1), checkpoint(2))),
    ];
    for (what, facts, expected) in [
        ("nothing", vec![], (0, 0, 0, 0)),
        ("in", vec![enter((1, 1), 0)], (1, 1, 1, 0)),
        ("in, heard twice", vec![enter((1, 1), 0), enter((1, 1), 0)], (1, 1, 1, 0)),
        ("a walk-in", vec![fact((1, 1), minute(0), walk_in())], (1, 1, 1, 0)),
        ("in and out", vec![leave((1, 2), 1), enter((1, 1), 0)], (1, 0, 1, 0)),
        ("in, out and in", vec![enter((1, 1), 0), leave((1, 2), 1), enter((2, 1), 2)], (1, 1, 2, 0)),
        ("out alone", vec![leave((1, 1), 0)], (0, 0, 0, 0)),
        ("out before in", vec![enter((1, 1), 5), leave((2, 1), 3)], (1, 1, 1, 0)),
        (
            "out before in by a clock that is known to be behind",
            vec![enter((1, 1), 5), ahead(-9, leave((2, 1), 8))],
            (1, 0, 1, 0),
        ),
        ("in, taken back", vec![enter((1, 1), 0), back((2, 1), 1, (1, 1))], (0, 0, 0, 0)),
        (
            "in, taken back and not",
            vec![enter((1, 1), 0), back((2, 1), 1, (1, 1)), back((2, 2), 2, (2, 1))],
            (1, 1, 1, 0),
        ),
        ("in and out, out taken back", vec![enter((1, 1), 0), leave((1, 2), 1), back((2, 1), 2, (1, 2))], (1, 1, 1, 0)),
        ("in twice, one taken back", vec![enter((1, 1), 0), enter((2, 1), 1), back((2, 2), 2, (2, 1))], (1, 1, 1, 0)),
        ("others, elsewhere", elsewhere.to_vec(), (0, 0, 0, 0)),
    ] {
        let (admitted, inside, admissions, extra_inside) = expected;
        assert_eq!(one(&facts), counted(admitted, inside, admissions, extra_inside), "{what}");
    }
}

/// Admitted at two gates as (1, 1) and (2, 1); what follows, and: inside, admissions, more inside on the ticket.
#[test]
fn a_double_admission_counts_as_it_was_settled() {
    const BOTH: &[(u8, u64)] = &[(1, 1), (2, 1)];
    const ALL: &[(u8, u64)] = &[(1, 1), (2, 1), (4, 1)];
    let admitted = settle((3, 1), 9, SecondAdmitted, BOTH);
    let [out, out_too] = [leave((1, 2), 5), leave((1, 3), 6)];
    for (what, more, (inside, admissions, extra_inside)) in [
        ("open", vec![], (1, 2, 0)),
        ("same person", vec![settle((3, 1), 9, SamePerson, BOTH)], (1, 2, 0)),
        ("second removed", vec![settle((3, 1), 9, SecondRemoved, BOTH)], (1, 2, 0)),
        ("second admitted", vec![admitted.clone()], (1, 2, 1)),
        ("second admitted, taken back", vec![admitted.clone(), back((3, 2), 10, (3, 1))], (1, 2, 0)),
        ("second admitted, then removed", vec![admitted.clone(), settle((3, 2), 10, SecondRemoved, BOTH)], (1, 2, 0)),
        ("second admitted twice", vec![admitted.clone(), settle((3, 2), 10, SecondAdmitted, BOTH)], (1, 2, 1)),
        ("second admitted, the second entry taken back", vec![admitted.clone(), back((2, 2), 10, (2, 1))], (1, 1, 0)),
        ("second admitted, the first entry taken back", vec![admitted.clone(), back((1, 2), 10, (1, 1))], (1, 1, 0)),
        ("second admitted, a third gate heard of", vec![admitted.clone(), enter((4, 1), 3)], (1, 3, 1)),
        ("three gates, a second person", vec![settle((3, 1), 9, SecondAdmitted, ALL), enter((4, 1), 3)], (1, 3, 1)),
        (
            "three gates, settled by who knew of them and later by who did not",
            vec![admitted.clone(), settle((5, 1), 7, SamePerson, ALL), enter((4, 1), 3)],
            (1, 3, 0),
        ),
        ("open, one leaves", vec![out.clone()], (0, 2, 0)),
        ("second admitted, one leaves", vec![admitted.clone(), out.clone()], (0, 2, 1)),
        ("second admitted, both leave", vec![admitted.clone(), out.clone(), out_too.clone()], (0, 2, 0)),
        (
            "second admitted, both leave and one comes again",
            vec![admitted.clone(), out.clone(), out_too.clone(), enter((1, 4), 7)],
            (1, 3, 0),
        ),
        ("second admitted, three leave", vec![admitted.clone(), out.clone(), out_too, leave((1, 4), 7)], (0, 2, 0)),
        ("second admitted, but one had left before", vec![admitted.clone(), leave((4, 1), 0)], (1, 2, 0)),
        (
            "second admitted of admissions not heard of",
            vec![settle((3, 1), 9, SecondAdmitted, &[(7, 1), (8, 1)])],
            (1, 2, 0),
        ),
        ("second admitted of nothing", vec![settle((3, 1), 9, SecondAdmitted, &[])], (1, 2, 0)),
    ] {
        let facts = [vec![enter((1, 1), 0), enter((2, 1), 1)], more].concat();
        assert_eq!(one(&facts), counted(1, inside, admissions, extra_inside), "{what}");
    }
}

#[test]
fn what_was_settled_on_one_day_does_not_unsettle_another() {
    let day = 24 * 60;
    let facts = [
        enter((1, 1), 0),
        enter((2, 1), 1),
        settle((3, 1), 9, SecondAdmitted, &[(1, 1), (2, 1)]),
        enter((1, 2), day),
        enter((2, 2), day + 1),
        settle((3, 2), day + 9, SamePerson, &[(1, 2), (2, 2)]),
    ];
    assert_eq!(one(&facts), counted(1, 1, 4, 1));
}

#[test]
fn counts_are_by_checkpoint_and_category() {
    let facts = [
        fact((1, 1), minute(0), entry_of(attendee(1), checkpoint(1))),
        fact((1, 2), minute(1), entry_of(attendee(2), checkpoint(1))),
        fact((1, 3), minute(2), FactBody::Exit { attendee: attendee(2), checkpoint: checkpoint(1) }),
        fact((1, 4), minute(3), entry_of(attendee(3), checkpoint(1))),
        fact((1, 5), minute(4), undo(1, 4)),
        fact((1, 6), minute(5), walk_in_of(attendee(4), checkpoint(1), "Press")),
        fact((1, 7), minute(6), entry_of(attendee(5), checkpoint(1))),
        fact((1, 8), minute(7), entry_of(attendee(4), checkpoint(2))),
        fact((1, 9), minute(8), crate::testing::seen(1, crate::fact::ItemState::Ok)),
    ];
    let category_of = |who| (who != attendee(4) && who != attendee(5)).then(|| "Delegate".to_owned());
    let counts = count(&facts, category_of);
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [checkpoint(1), checkpoint(2)]);
    let of = |place: u8| {
        let by_category = counts[&checkpoint(place)].by_category.iter();
        by_category.map(|(category, count)| (category.as_str(), *count)).collect::<Vec<_>>()
    };
    assert_eq!(counts[&checkpoint(1)].total, counted(4, 3, 4, 0));
    assert_eq!(of(1), [("", counted(1, 1, 1, 0)), ("Delegate", counted(2, 1, 2, 0)), ("Press", counted(1, 1, 1, 0))]);
    assert_eq!(of(2), [("Press", counted(1, 1, 1, 0))], "a walk-in is Press everywhere");
}

#[test]
fn a_walk_in_has_the_last_category_that_stands_until_the_roster_says_more() {
    let wrong = fact((1, 1), minute(0), walk_in_of(attendee(1), checkpoint(1), "Guest"));
    let right = fact((2, 1), minute(5), walk_in_of(attendee(1), checkpoint(1), "Press"));
    let category = |facts: &[Fact], known: Option<&str>| {
        let counts = count(facts, |_| known.map(str::to_owned));
        counts[&checkpoint(1)].by_category.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(category(&[right.clone(), wrong.clone()], None), ["Press"]);
    assert_eq!(category(&[wrong.clone(), right.clone()], None), ["Press"]);
    assert_eq!(category(&[wrong.clone(), right.clone(), back((2, 2), 6, (2, 1))], None), ["Guest"]);
    assert_eq!(category(&[wrong, right], Some("Speaker")), ["Speaker"]);
}

#[test]
fn a_chain_of_a_hundred_thousand_undos_is_followed_to_its_end() {
    // Each undo takes back the one before it, and each clock is behind the clock before. To go through all undos for
    // each link takes minutes.
    let length = 100_000_u64;
    let undos = (1..=length).map(|number| {
        let minutes = -i64::try_from(number).unwrap();
        fact((1, number + 1), minute(minutes), undo(1, number))
    });
    let mut facts: Vec<Fact> = std::iter::once(enter((1, 1), 0)).chain(undos).collect();
    let inside = |facts: &[Fact]| count(facts, |_| None)[&checkpoint(1)].total.inside;
    assert_eq!((inside(&facts), one(&facts).inside), (1, 1), "an even number of undos");
    facts.pop();
    assert_eq!((inside(&facts), one(&facts).inside), (0, 0), "an odd number of undos");
}

/// A category of some and none of others, so that walk-ins have their own.
fn category_of(who: AttendeeId) -> Option<String> {
    (who == attendee(1)).then(|| "Delegate".to_owned())
}

proptest! {
    #[test]
    fn order_and_repetition_of_facts_do_not_matter((facts, retold) in retold()) {
        prop_assert_eq!(one(&facts), one(&retold));
        prop_assert_eq!(count(&facts, category_of), count(&retold, category_of));
    }

    #[test]
    fn replicas_that_have_met_agree((here, there) in replicas()) {
        let met = count(here.iter().chain(&there), category_of);
        prop_assert_eq!(met, count(there.iter().chain(&here), category_of));
    }

    #[test]
    fn the_whole_is_the_sum_of_its_parts(facts in histories()) {
        let counts = count(&facts, category_of);
        for place in [checkpoint(1), checkpoint(2)] {
            let mut sum = Count::default();
            for who in [attendee(1), attendee(2)] {
                sum.add(&count_one(who, place, &facts));
            }
            let attendance = counts.get(&place).cloned().unwrap_or_default();
            prop_assert_eq!(attendance.total, sum);
            let mut by_category = Count::default();
            attendance.by_category.values().for_each(|count| by_category.add(count));
            prop_assert_eq!(by_category, sum);
            prop_assert!(sum.inside <= sum.admitted && sum.admitted <= sum.admissions);
            prop_assert!(sum.inside + sum.extra_inside <= sum.admissions);
        }
    }
}
