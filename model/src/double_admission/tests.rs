use proptest::prelude::*;

use super::*;
use crate::fact::ResolutionKind;
use crate::testing::{
    ahead, at, attendee, checkpoint, entry, entry_of, exit, fact, fact_id, minute, replicas, resolution, retold, undo,
    walk_in,
};
use crate::time::TimeZone;

const RULES: [AdmissionRule; 4] =
    [AdmissionRule::Once, AdmissionRule::OncePerDay, AdmissionRule::EntryAndExit, AdmissionRule::Many];

fn found(rule: AdmissionRule, facts: &[Fact]) -> Vec<DoubleAdmission> {
    let event = Event { time_zone: TimeZone::named("Europe/Riga").unwrap(), ..Event::default() };
    let gate = Checkpoint { rule, ..Checkpoint::default() };
    find(&event, (attendee(1), checkpoint(1)), &gate, facts)
}

fn admissions(rule: AdmissionRule, facts: &[Fact]) -> Vec<Vec<FactId>> {
    found(rule, facts).into_iter().map(|double| double.admissions).collect()
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

/// What happened, and the doubles by each rule: once, once a day, entry and exit. Where many may come there is none.
#[test]
fn each_rule_finds_its_doubles() {
    type Doubles = &'static [&'static [(u8, u64)]];
    const NONE: [Doubles; 3] = [&[], &[], &[]];
    const TWO_ONE: Doubles = &[&[(2, 1), (1, 1)]];
    let day = 24 * 60;
    let rows: [(&str, Vec<Fact>, [Doubles; 3]); 14] = [
        ("nothing", vec![], NONE),
        ("one gate", vec![enter((1, 1), 0)], NONE),
        ("two gates", vec![enter((1, 1), 5), enter((2, 1), 3)], [TWO_ONE; 3]),
        ("one gate, twice", vec![enter((1, 1), 3), enter((1, 2), 3)], [&[&[(1, 1), (1, 2)]]; 3]),
        ("a walk-in and an entry", vec![fact((2, 1), minute(3), walk_in()), enter((1, 1), 5)], [TWO_ONE; 3]),
        ("three gates", vec![enter((1, 1), 5), enter((2, 1), 3), enter((3, 1), 4)], [&[&[(2, 1), (3, 1), (1, 1)]]; 3]),
        ("heard twice", vec![enter((1, 1), 5), enter((1, 1), 5)], NONE),
        ("on two days", vec![enter((1, 1), day), enter((2, 1), 0)], [TWO_ONE, &[], TWO_ONE]),
        (
            "twice on two days",
            vec![enter((1, 1), 0), enter((2, 1), 1), enter((1, 2), day), enter((2, 2), day + 1)],
            [
                &[&[(1, 1), (2, 1), (1, 2), (2, 2)]],
                &[&[(1, 1), (2, 1)], &[(1, 2), (2, 2)]],
                &[&[(1, 1), (2, 1), (1, 2), (2, 2)]],
            ],
        ),
        ("in, out, in", vec![enter((2, 1), 0), leave((2, 2), 2), enter((1, 1), 5)], [TWO_ONE, TWO_ONE, &[]]),
        (
            "twice in, out, twice in",
            vec![enter((1, 1), 0), enter((2, 1), 1), leave((1, 2), 2), enter((1, 3), 3), enter((2, 2), 4)],
            [
                &[&[(1, 1), (2, 1), (1, 3), (2, 2)]],
                &[&[(1, 1), (2, 1), (1, 3), (2, 2)]],
                &[&[(1, 1), (2, 1)], &[(1, 3), (2, 2)]],
            ],
        ),
        ("two gates, one takes back", vec![enter((1, 1), 5), enter((2, 1), 3), back((1, 2), 6, (1, 1))], NONE),
        (
            "two gates, one takes back the taking back",
            vec![enter((1, 1), 5), enter((2, 1), 3), back((1, 2), 6, (1, 1)), back((1, 3), 7, (1, 2))],
            [TWO_ONE; 3],
        ),
        (
            "others, elsewhere",
            vec![
                enter((1, 1), 5),
                fact((2, 1), minute(3), entry_of(attendee(2), checkpoint(1))),
                fact((2, 2), minute(3), entry_of(attendee(1), checkpoint(2))),
            ],
            NONE,
        ),
    ];
    for (what, facts, expected) in rows {
        for (rule, expected) in RULES.into_iter().zip(expected.into_iter().chain([&[][..]])) {
            let ids =
                |double: &&[(u8, u64)]| double.iter().map(|(device, counter)| fact_id(*device, *counter)).collect();
            let expected: Vec<Vec<FactId>> = expected.iter().map(ids).collect();
            assert_eq!(admissions(rule, &facts), expected, "{what}, {rule:?}");
        }
    }
}

#[test]
fn the_first_is_the_first_by_corrected_clocks() {
    // Phone 1 admitted at minute 5, its clock is a day behind; phone 2 admitted at minute 3.
    let (behind, right) = (ahead(-1_440, enter((1, 1), 5)), enter((2, 1), 3));
    assert!(behind.at < right.at);
    let expected = vec![vec![fact_id(2, 1), fact_id(1, 1)]];
    for rule in [AdmissionRule::Once, AdmissionRule::OncePerDay, AdmissionRule::EntryAndExit] {
        assert_eq!(admissions(rule, &[behind.clone(), right.clone()]), expected, "{rule:?}");
    }
    // An unknown error of a day hides it only where days count.
    let unknown = Fact { skew: None, ..behind };
    assert_eq!(admissions(AdmissionRule::OncePerDay, &[unknown.clone(), right.clone()]), Vec::<Vec<FactId>>::new());
    assert_eq!(admissions(AdmissionRule::Once, &[unknown, right]), [[fact_id(1, 1), fact_id(2, 1)]]);
}

#[test]
fn a_night_is_one_day() {
    // 23:30, 00:30 and, after the day has begun at four, 04:30 in Riga.
    let [evening, night, morning] = ["2027-05-20T20:30:00Z", "2027-05-20T21:30:00Z", "2027-05-21T01:30:00Z"];
    let facts =
        [evening, night, morning].into_iter().zip(1..).map(|(time, device)| fact((device, 1), at(time), entry()));
    let facts: Vec<_> = facts.collect();
    assert_eq!(admissions(AdmissionRule::OncePerDay, &facts), [[fact_id(1, 1), fact_id(2, 1)]]);
}

/// Who settles a double admission of (1, 1) and (2, 1), and how it then stands.
#[test]
fn a_double_admission_is_open_until_somebody_has_looked_at_all_of_it() {
    use ResolutionKind::{SamePerson, SecondAdmitted, SecondRemoved};
    const BOTH: &[(u8, u64)] = &[(1, 1), (2, 1)];
    let settle = |id, at, found, facts: &[(u8, u64)]| fact(id, minute(at), resolution(found, facts));
    let elsewhere = |edit: fn(&mut Resolution)| {
        let mut fact = settle((3, 1), 9, SamePerson, BOTH);
        if let FactBody::Resolution(resolution) = &mut fact.body {
            edit(resolution);
        }
        fact
    };
    type Settled = Option<((u8, u64), ResolutionKind)>;
    let rows: [(&str, Vec<Fact>, Settled); 17] = [
        ("nobody", vec![], None),
        ("same person", vec![settle((3, 1), 9, SamePerson, BOTH)], Some(((3, 1), SamePerson))),
        ("second admitted", vec![settle((3, 1), 9, SecondAdmitted, BOTH)], Some(((3, 1), SecondAdmitted))),
        ("second removed", vec![settle((3, 1), 9, SecondRemoved, BOTH)], Some(((3, 1), SecondRemoved))),
        ("the other way round", vec![settle((3, 1), 9, SamePerson, &[(2, 1), (1, 1)])], Some(((3, 1), SamePerson))),
        ("by one of the phones", vec![settle((1, 2), 9, SamePerson, BOTH)], Some(((1, 2), SamePerson))),
        ("by a clock far behind", vec![settle((3, 1), -999, SamePerson, BOTH)], Some(((3, 1), SamePerson))),
        ("only one was looked at", vec![settle((3, 1), 9, SamePerson, &[(2, 1)])], None),
        ("one was looked at twice", vec![settle((3, 1), 9, SamePerson, &[(2, 1), (2, 1)])], None),
        ("none was looked at", vec![settle((3, 1), 9, SamePerson, &[])], None),
        (
            "more was looked at",
            vec![settle((3, 1), 9, SamePerson, &[(1, 1), (7, 7), (2, 1)])],
            Some(((3, 1), SamePerson)),
        ),
        ("of another attendee", vec![elsewhere(|resolution| resolution.attendee = attendee(2))], None),
        ("of another checkpoint", vec![elsewhere(|resolution| resolution.checkpoint = checkpoint(2))], None),
        (
            "twice: the last holds",
            vec![settle((3, 2), 12, SecondRemoved, BOTH), settle((3, 1), 9, SamePerson, BOTH)],
            Some(((3, 2), SecondRemoved)),
        ),
        ("taken back", vec![settle((3, 1), 9, SamePerson, BOTH), back((3, 2), 10, (3, 1))], None),
        (
            "the last taken back",
            vec![
                settle((3, 1), 9, SamePerson, BOTH),
                settle((4, 1), 10, SecondRemoved, BOTH),
                back((3, 2), 11, (4, 1)),
            ],
            Some(((3, 1), SamePerson)),
        ),
        ("a third admission is heard of later", vec![settle((3, 1), 9, SamePerson, BOTH), enter((4, 1), 2)], None),
    ];
    for (what, more, expected) in rows {
        let facts = [vec![enter((1, 1), 0), enter((2, 1), 1)], more].concat();
        for rule in [AdmissionRule::Once, AdmissionRule::OncePerDay, AdmissionRule::EntryAndExit] {
            let found = found(rule, &facts);
            assert_eq!(found.len(), 1, "{what}, {rule:?}");
            let state = match &found[0].state {
                State::Open => None,
                State::Settled { by, resolution } => Some((*by, resolution.found)),
            };
            let expected = expected.map(|((device, counter), found)| (fact_id(device, counter), found));
            assert_eq!(state, expected, "{what}, {rule:?}");
        }
    }
}

#[test]
fn what_was_reopened_can_be_settled_again_and_each_group_by_itself() {
    let settle = |id, facts: &[(u8, u64)]| fact(id, minute(9), resolution(ResolutionKind::SamePerson, facts));
    let mut facts = vec![enter((1, 1), 0), enter((2, 1), 1), settle((3, 1), &[(1, 1), (2, 1)]), enter((4, 1), 2)];
    let states = |facts: &[Fact]| -> Vec<bool> {
        found(AdmissionRule::EntryAndExit, facts).iter().map(|double| double.state == State::Open).collect()
    };
    assert_eq!(states(&facts), [true]);
    facts.push(settle((3, 2), &[(1, 1), (2, 1), (4, 1)]));
    assert_eq!(states(&facts), [false]);
    facts.extend([leave((1, 2), 10), enter((1, 3), 11), enter((2, 2), 12)]);
    assert_eq!(states(&facts), [false, true]);
    facts.push(settle((3, 3), &[(1, 3), (2, 2)]));
    assert_eq!(states(&facts), [false, false]);
}

#[test]
fn somebody_may_come_and_go_a_hundred_thousand_times() {
    // Twice in, once out and settled, over and over. A search of every resolution for every group takes 25 s here.
    let rounds = (0..25_000_u64).flat_map(|round| {
        let (minutes, first) = (i64::try_from(round).unwrap() * 4, 4 * round + 1);
        let both = [(1, first), (1, first + 1)];
        [
            enter((1, first), minutes),
            enter((1, first + 1), minutes + 1),
            leave((1, first + 2), minutes + 2),
            fact((1, first + 3), minute(minutes + 3), resolution(ResolutionKind::SamePerson, &both)),
        ]
    });
    let facts: Vec<Fact> = rounds.collect();
    let found = found(AdmissionRule::EntryAndExit, &facts);
    assert_eq!(found.len(), 25_000);
    assert!(found.iter().all(|double| matches!(double.state, State::Settled { .. }) && double.admissions.len() == 2));
}

proptest! {
    #[test]
    fn order_and_repetition_of_facts_do_not_matter((facts, retold) in retold()) {
        for rule in RULES {
            prop_assert_eq!(found(rule, &facts), found(rule, &retold));
        }
    }

    #[test]
    fn replicas_that_have_met_agree((one, other) in replicas()) {
        for rule in RULES {
            let (here, there) = ([&one[..], &other].concat(), [&other[..], &one].concat());
            prop_assert_eq!(found(rule, &here), found(rule, &there));
        }
    }
}
