use proptest::prelude::*;

use super::*;
use crate::fact::ItemState::{NotNeeded, Ok as Fine, Problem};
use crate::testing::{ahead, fact, fact_id, item, minute, replicas, retold, seen, session, undo};

/// An item that is due so many minutes before the start.
fn needed(seed: u8, due_min: u32) -> Item {
    Item { id: item(seed), label: format!("Item {seed}"), kind: ItemKind::Other, due_min }
}

/// A talk at minute 0.
fn talk() -> Session {
    Session { starts_at: minute(0), duration_min: 45, kind: "talk".into(), ..Session::default() }
}

/// AV, due at minute -30, and water, due at minute -10.
fn items() -> Vec<Item> {
    vec![needed(1, 30), needed(2, 10)]
}

fn readiness(items: &[Item], facts: &[Fact], now: i64) -> Readiness {
    of_session((session(1), &talk()), items, facts, minute(now))
}

fn look(id: (u8, u64), at: i64, item: u8, state: ItemState) -> Fact {
    fact(id, minute(at), seen(item, state))
}

/// What was seen of item 1 (due at -30) and item 2 (due at -10), the time now, and: the state, the deadline, how many
/// items are done.
#[test]
fn the_state_follows_from_what_was_seen_and_the_time() {
    use State::{NotStarted, Overdue, Ready, UnderWay};
    const TROUBLE: State = State::Problem;
    type Seen = Option<ItemState>;
    let rows: [(Seen, Seen, i64, State, Option<i64>, usize); 22] = [
        (None, None, -99, NotStarted, Some(-30), 0),
        (None, None, -31, NotStarted, Some(-30), 0),
        (None, None, -30, Overdue, Some(-30), 0),
        (None, None, 60, Overdue, Some(-30), 0),
        (Some(Fine), None, -31, UnderWay, Some(-10), 1),
        (Some(Fine), None, -11, UnderWay, Some(-10), 1),
        (Some(Fine), None, -10, Overdue, Some(-10), 1),
        (None, Some(Fine), -31, UnderWay, Some(-30), 1),
        (None, Some(Fine), -30, Overdue, Some(-30), 1),
        (Some(NotNeeded), None, -11, UnderWay, Some(-10), 1),
        (Some(NotNeeded), None, -10, Overdue, Some(-10), 1),
        (Some(Fine), Some(Fine), -99, Ready, None, 2),
        (Some(Fine), Some(Fine), 60, Ready, None, 2),
        (Some(Fine), Some(NotNeeded), 60, Ready, None, 2),
        (Some(NotNeeded), Some(NotNeeded), 60, Ready, None, 2),
        // A problem outweighs all else, and is still to be done by when the item is due.
        (Some(Problem), None, -99, TROUBLE, Some(-30), 0),
        (Some(Problem), None, -5, TROUBLE, Some(-30), 0),
        (None, Some(Problem), -99, TROUBLE, Some(-30), 0),
        (None, Some(Problem), -15, TROUBLE, Some(-30), 0),
        (Some(Fine), Some(Problem), -99, TROUBLE, Some(-10), 1),
        (Some(NotNeeded), Some(Problem), 60, TROUBLE, Some(-10), 1),
        (Some(Problem), Some(Problem), 0, TROUBLE, Some(-30), 0),
    ];
    for (first, second, now, state, deadline, done) in rows {
        let facts = [(1, first), (2, second)].into_iter().filter_map(|(item, state)| Some((item, state?)));
        let facts: Vec<_> = facts.map(|(item, state)| look((item, 1), -99, item, state)).collect();
        let found = readiness(&items(), &facts, now);
        let what = format!("{first:?} {second:?} at {now}");
        assert_eq!((found.state, found.deadline, found.done()), (state, deadline.map(minute), done), "{what}");
    }
}

/// What happened to the only item, due at minute -30, and how it stands at minute -5.
#[test]
fn the_last_look_that_stands_counts() {
    let back = |id, at, device, counter| fact(id, minute(at), undo(device, counter));
    let other_session = |fact: Fact| match fact.body {
        FactBody::Observation(seen) => {
            Fact { body: FactBody::Observation(Observation { session: session(2), ..seen }), ..fact }
        }
        _ => fact,
    };
    let (ok, bad) = (look((1, 1), -60, 1, Fine), look((1, 1), -60, 1, Problem));
    for (what, facts, state, last) in [
        ("nobody looked", vec![], State::Overdue, None),
        ("problem, then ok", vec![look((2, 1), -50, 1, Fine), bad.clone()], State::Ready, Some((2, 1))),
        ("ok, then a problem", vec![look((2, 1), -50, 1, Problem), ok.clone()], State::Problem, Some((2, 1))),
        ("problem, then not needed", vec![bad.clone(), look((2, 1), -50, 1, NotNeeded)], State::Ready, Some((2, 1))),
        ("looked at late", vec![look((2, 1), -6, 1, Fine)], State::Ready, Some((2, 1))),
        ("ok, taken back", vec![ok.clone(), back((2, 1), -50, 1, 1)], State::Overdue, None),
        (
            "ok, taken back and not",
            vec![ok.clone(), back((2, 1), -50, 1, 1), back((1, 2), -40, 2, 1)],
            State::Ready,
            Some((1, 1)),
        ),
        (
            "ok, then a problem that was none",
            vec![ok.clone(), look((2, 1), -50, 1, Problem), back((2, 2), -40, 2, 1)],
            State::Ready,
            Some((1, 1)),
        ),
        (
            "problem, then ok by a clock known to be an hour behind",
            vec![bad.clone(), ahead(-60, look((2, 1), -50, 1, Fine))],
            State::Ready,
            Some((2, 1)),
        ),
        (
            "problem, then ok by one phone whose clock was set back",
            vec![bad.clone(), look((1, 2), -99, 1, Fine)],
            State::Ready,
            Some((1, 2)),
        ),
        ("of another item", vec![look((2, 1), -50, 9, Fine)], State::Overdue, None),
        ("of another session", vec![other_session(ok)], State::Overdue, None),
        ("not about readiness", vec![fact((2, 1), minute(-50), crate::testing::entry())], State::Overdue, None),
    ] {
        let found = readiness(&[needed(1, 30)], &facts, -5);
        let seen = found.items[0].last.as_ref().map(|(id, _)| *id);
        assert_eq!((found.state, seen), (state, last.map(|(device, counter)| fact_id(device, counter))), "{what}");
    }
}

#[test]
fn a_session_that_needs_nothing_is_ready() {
    let found = readiness(&[], &[look((1, 1), -60, 1, Problem)], 60);
    assert_eq!(found, Readiness { state: State::Ready, deadline: None, items: vec![] });
    assert_eq!(found.done(), 0);
}

#[test]
fn items_say_when_they_are_due_and_whether_that_has_passed() {
    let found = readiness(&items(), &[look((1, 1), -60, 2, Problem)], -5);
    let items: Vec<_> = found.items.iter().map(|item| (item.item.id, item.due_at, item.overdue)).collect();
    assert_eq!(items, [(item(1), minute(-30), true), (item(2), minute(-10), false)], "a problem has been looked at");
    let moved = Session { starts_at: minute(60), ..talk() };
    let found = of_session((session(1), &moved), &self::items(), &[], minute(-5));
    assert_eq!((found.state, found.deadline), (State::NotStarted, Some(minute(30))), "deadlines move with the session");
    let longest = needed(1, u32::MAX);
    let first = Session { starts_at: Timestamp::from_ms(i64::MIN), ..talk() };
    let found = of_session((session(1), &first), &[longest], &[], minute(0));
    assert_eq!(found.deadline, Some(Timestamp::from_ms(i64::MIN)), "the ends of time hold");
}

#[test]
fn a_session_needs_the_items_of_every_template_for_its_kind() {
    let template = |kinds: &[&str], items: &[(u8, u32)]| ReadinessTemplate {
        name: String::new(),
        session_kinds: kinds.iter().map(ToString::to_string).collect(),
        items: items.iter().map(|(seed, due)| needed(*seed, *due)).collect(),
    };
    let all = template(&[], &[(3, 10), (1, 30)]);
    let talks = template(&["keynote", "talk"], &[(2, 10), (3, 20)]);
    let meals = template(&["meal"], &[(4, 60)]);
    type Due = &'static [(u8, u32)];
    let rows: [(&[&ReadinessTemplate], &str, bool, Due); 7] = [
        (&[], "talk", false, &[]),
        (&[&all], "talk", false, &[(1, 30), (3, 10)]),
        // What is due first comes first; an item that two templates name is due at the earlier time.
        (&[&all, &talks, &meals], "talk", false, &[(1, 30), (3, 20), (2, 10)]),
        (&[&meals, &talks, &all], "talk", false, &[(1, 30), (3, 20), (2, 10)]),
        (&[&all, &talks, &meals], "meal", false, &[(4, 60), (1, 30), (3, 10)]),
        (&[&talks, &meals], "", false, &[]),
        (&[&all, &talks, &meals], "talk", true, &[]),
    ];
    for (templates, kind, cancelled, expected) in rows {
        let session = Session { kind: kind.into(), cancelled, ..talk() };
        let found: Vec<_> =
            items_for(&session, templates.iter().copied()).into_iter().map(|item| (item.id, item.due_min)).collect();
        let expected: Vec<_> = expected.iter().map(|(seed, due)| (item(*seed), *due)).collect();
        assert_eq!(found, expected, "{kind:?} {cancelled}");
    }
}

proptest! {
    #[test]
    fn order_and_repetition_of_facts_do_not_matter((facts, retold) in retold(), now in -99_i64..99) {
        let items = [needed(1, 30), needed(2, 10), needed(3, 0)];
        prop_assert_eq!(readiness(&items, &facts, now), readiness(&items, &retold, now));
    }

    #[test]
    fn replicas_that_have_met_agree((one, other) in replicas(), now in -99_i64..99) {
        let items = [needed(1, 30), needed(2, 10), needed(3, 0)];
        let (here, there) = ([&one[..], &other].concat(), [&other[..], &one].concat());
        prop_assert_eq!(readiness(&items, &here, now), readiness(&items, &there, now));
    }
}
