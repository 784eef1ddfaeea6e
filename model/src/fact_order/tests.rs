use proptest::prelude::*;

use super::*;
use crate::fact::Skew;
use crate::testing::{attendee, checkpoint, device, entry_of, exit, fact_id, replicas, retold};

/// A fact of a device, at a millisecond of its clock, with the error that was measured.
fn fact(device: u8, counter: u64, at: i64, skew: Option<i64>) -> Fact {
    let fact = crate::testing::fact((device, counter), Timestamp::from_ms(at), exit());
    Fact { skew: skew.map(|ms| Skew { ms, age_ms: 0 }), ..fact }
}

fn undo(device: u8, counter: u64, at: i64, target: &Fact) -> Fact {
    Fact { body: FactBody::Undo { fact: target.id, reason: String::new() }, ..fact(device, counter, at, None) }
}

fn ids(facts: &[&Fact]) -> Vec<(u8, u64)> {
    let seed = |fact: &Fact| (0..=u8::MAX).find(|seed| device(*seed) == fact.device()).unwrap();
    facts.iter().map(|fact| (seed(fact), fact.id.counter)).collect()
}

#[test]
fn facts_go_by_corrected_time_then_by_id() {
    for (what, facts, expected) in [
        ("none", vec![], vec![]),
        ("by time", vec![fact(1, 1, 20, None), fact(2, 1, 10, None)], vec![(2, 1), (1, 1)]),
        (
            "a tie by id",
            vec![fact(2, 1, 5, None), fact(1, 2, 5, None), fact(1, 1, 5, None)],
            vec![(1, 1), (1, 2), (2, 1)],
        ),
        (
            "device 1 is an hour ahead and knows it",
            vec![fact(1, 1, 3_700_000, Some(-3_600_000)), fact(2, 1, 90_000, Some(0)), fact(2, 2, 110_000, Some(0))],
            vec![(2, 1), (1, 1), (2, 2)],
        ),
        (
            "device 1 is an hour ahead and does not know",
            vec![fact(1, 1, 3_700_000, None), fact(2, 1, 90_000, Some(0)), fact(2, 2, 110_000, Some(0))],
            vec![(2, 1), (2, 2), (1, 1)],
        ),
        ("a tie once corrected", vec![fact(2, 1, 10, Some(0)), fact(1, 1, 30, Some(-20))], vec![(1, 1), (2, 1)]),
        (
            "a clock set back keeps its device's facts in their order",
            vec![fact(1, 1, 1_000, None), fact(1, 2, 10, None), fact(2, 1, 500, None)],
            vec![(2, 1), (1, 1), (1, 2)],
        ),
        (
            "and so does a measure that comes between",
            vec![fact(1, 1, 1_000, None), fact(1, 2, 1_001, Some(-900)), fact(2, 1, 500, None)],
            vec![(2, 1), (1, 1), (1, 2)],
        ),
        ("device numbers are numbers", vec![fact(1, 10, 5, None), fact(1, 9, 5, None)], vec![(1, 9), (1, 10)]),
        (
            "the ends of time hold",
            vec![fact(1, 1, i64::MAX, Some(i64::MAX)), fact(2, 1, i64::MIN, Some(i64::MIN)), fact(3, 1, 0, None)],
            vec![(2, 1), (3, 1), (1, 1)],
        ),
    ] {
        assert_eq!(ids(&in_order(&facts)), expected, "{what}");
        assert_eq!(ids(&in_order(facts.iter().rev())), expected, "{what}, the other way round");
        assert_eq!(ids(&in_order(facts.iter().chain(&facts))), expected, "{what}, heard twice");
    }
}

#[test]
fn what_is_taken_back_does_not_stand() {
    let entry = fact(1, 1, 10, None);
    // The clock of the first undo says that it came before what it takes back.
    let back = undo(2, 1, 5, &entry);
    let not_back = undo(2, 2, 20, &back);
    let back_after_all = undo(3, 1, 1, &not_back);
    let also_back = undo(4, 1, 30, &entry);
    let of_nothing = undo(3, 1, 30, &fact(9, 9, 0, None));
    for (what, facts, stands) in [
        ("an undo", vec![&back], false),
        ("an undo of the undo", vec![&back, &not_back], true),
        ("and of that", vec![&back, &not_back, &back_after_all], false),
        ("only the undo's undo has been heard of", vec![&not_back], true),
        ("two undos", vec![&back, &also_back], false),
        ("two undos, one taken back", vec![&back, &also_back, &not_back], false),
        ("an undo of what is not known", vec![&of_nothing], true),
    ] {
        let expected = if stands { vec![(1, 1)] } else { vec![] };
        assert_eq!(ids(&standing(facts.into_iter().chain([&entry]))), expected, "{what}");
    }
}

#[test]
fn undos_in_a_circle_take_back_nothing() {
    let entry = fact(1, 1, 10, None);
    let mut one = undo(2, 1, 20, &entry);
    let other = undo(2, 2, 30, &one);
    one.body = FactBody::Undo { fact: other.id, reason: String::new() };
    assert_eq!(ids(&standing([&entry, &one, &other])), [(1, 1)]);
    let itself = undo(3, 1, 30, &fact(3, 1, 0, None));
    assert!(undone(&[&itself]).is_empty());
    let breaks_in = undo(4, 1, 40, &one);
    let taken_back = undone(&[&one, &other, &breaks_in]);
    assert_eq!(taken_back, BTreeMap::from([(one.id, breaks_in.id)]));
}

#[test]
fn it_is_said_which_undo_took_a_fact_back() {
    let entry = fact(1, 1, 10, None);
    let back = undo(2, 1, 20, &entry);
    let not_back = undo(3, 1, 30, &back);
    assert_eq!(undone(&[&entry, &back]), BTreeMap::from([(fact_id(1, 1), fact_id(2, 1))]));
    assert_eq!(undone(&[&entry, &back, &not_back]), BTreeMap::from([(fact_id(2, 1), fact_id(3, 1))]));
}

#[test]
fn only_the_facts_asked_for_have_a_say_in_their_order() {
    let place = (attendee(1), checkpoint(1));
    let other = Fact { body: entry_of(attendee(2), checkpoint(1)), ..fact(1, 1, 1_000, None) };
    let here = [fact(1, 2, 10, None), fact(2, 1, 500, None)];
    let more = [here.to_vec(), vec![other]].concat();
    assert_eq!(ids(&standing_at(&here, place)), [(1, 2), (2, 1)]);
    assert_eq!(ids(&standing_at(&more, place)), [(1, 2), (2, 1)]);
    assert_eq!(
        ids(&standing(&more)),
        [(2, 1), (1, 1), (1, 2)],
        "of all, the first of device 1 comes before its second"
    );
}

proptest! {
    #[test]
    fn order_and_repetition_do_not_matter((facts, retold) in retold()) {
        prop_assert_eq!(in_order(&facts), in_order(&retold));
        prop_assert_eq!(standing(&facts), standing(&retold));
        let (one, other): (Vec<_>, Vec<_>) = (facts.iter().collect(), retold.iter().collect());
        prop_assert_eq!(undone(&one), undone(&other));
    }

    #[test]
    fn replicas_that_have_met_agree((one, other) in replicas()) {
        prop_assert_eq!(standing(one.iter().chain(&other)), standing(other.iter().chain(&one)));
    }

    #[test]
    fn a_device_keeps_its_own_order((facts, _) in retold()) {
        for seed in 1..=3 {
            let of_device = in_order(&facts).into_iter().filter(|fact| fact.device() == device(seed));
            let counters: Vec<_> = of_device.map(|fact| fact.id.counter).collect();
            prop_assert!(counters.is_sorted());
        }
    }

    #[test]
    fn a_fact_stands_unless_a_standing_undo_takes_it_back((facts, _) in retold()) {
        let all: Vec<_> = facts.iter().collect();
        let taken_back = undone(&all);
        for fact in &facts {
            let by_standing = facts.iter().any(|undo| {
                matches!(&undo.body, FactBody::Undo { fact: target, .. } if *target == fact.id)
                    && !taken_back.contains_key(&undo.id)
            });
            prop_assert_eq!(taken_back.contains_key(&fact.id), by_standing);
        }
    }
}
