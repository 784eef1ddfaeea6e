use proptest::prelude::*;

use super::*;
use crate::double_admission;
use crate::fact::ResolutionKind;
use crate::id::{EventId, RecordId};
use crate::testing::{
    ahead, at, attendee, checkpoint, device, entry, entry_of, exit, fact, fact_id, histories, minute, replicas,
    resolution, retold, undo, walk_in,
};
use crate::time::TimeZone;

/// A scan of attendee 1 at checkpoint 1, at minute 0.
struct Door {
    event: Event,
    attendee: Attendee,
    checkpoint: Checkpoint,
    now: Timestamp,
    ticket: Option<TicketHash>,
    withdrawn: Option<Withdrawal>,
    facts: Vec<Fact>,
    answers: BTreeMap<QuestionId, String>,
}

fn door(rule: AdmissionRule, facts: impl IntoIterator<Item = Fact>) -> Door {
    let time_zone = TimeZone::named("Europe/Riga").unwrap();
    Door {
        event: Event { time_zone, ..Event::default() },
        attendee: Attendee { category: "Delegate".into(), ticket: Some(ticket("new")), ..Attendee::default() },
        checkpoint: Checkpoint { rule, ..Checkpoint::default() },
        now: minute(0),
        ticket: Some(ticket("new")),
        withdrawn: None,
        facts: facts.into_iter().collect(),
        answers: BTreeMap::new(),
    }
}

impl Door {
    fn found<'a>(&'a self, found: Found<'a>) -> Verdict {
        decide(&Scan {
            now: self.now,
            event: &self.event,
            checkpoint_id: checkpoint(1),
            checkpoint: &self.checkpoint,
            found,
            ticket: self.ticket,
            withdrawn: self.withdrawn,
            facts: &self.facts,
            answers: &self.answers,
        })
    }

    fn verdict(&self) -> Verdict {
        self.found(Found::One(attendee(1), &self.attendee))
    }

    /// The admission in the way, if they are in already.
    fn already(&self) -> Option<FactId> {
        match self.verdict() {
            Verdict::Admitted => None,
            Verdict::AlreadyIn { fact, .. } => Some(fact),
            other => panic!("{other:?}"),
        }
    }
}

fn ticket(code: &str) -> TicketHash {
    TicketHash::of(EventId::from_random([1; 16]), code)
}

fn question(seed: u8, required: bool, categories: &[&str]) -> Question {
    let categories = categories.iter().map(ToString::to_string).collect();
    let (answer, choices) = (crate::checkpoint::AnswerKind::Text, Vec::new());
    Question { id: question_id(seed), text: format!("Question {seed}"), answer, choices, required, categories }
}

fn question_id(seed: u8) -> QuestionId {
    QuestionId::from_random([seed; 10])
}

/// The tests' day is a Thursday.
const NOT_ON_A_THURSDAY: &str = r#"{"!=": [{"var": "now_isoweekday"}, 4]}"#;

fn already_in(at: Timestamp, (seed, counter): (u8, u64)) -> Verdict {
    Verdict::AlreadyIn { at, checkpoint: checkpoint(1), device: device(seed), fact: fact_id(seed, counter) }
}

/// Everything is wrong at once; each row mends the reason that was given and meets the next.
#[test]
fn the_first_reason_that_applies_is_given() {
    let mut door = door(AdmissionRule::Once, [fact((2, 1), minute(-5), entry())]);
    door.attendee.registration = Registration::Blocked;
    door.attendee.revoked_tickets = vec![ticket("old")];
    door.ticket = Some(ticket("old"));
    door.checkpoint.categories = vec!["Press".into(), "Crew".into()];
    door.checkpoint.valid_until = Some(minute(-1));
    door.checkpoint.questions = vec![question(1, true, &[])];
    door.checkpoint.rules = NOT_ON_A_THURSDAY.into();
    door.withdrawn = Some(Withdrawal::Blocked);

    assert_eq!(door.found(Found::BadSignature), Verdict::BadSignature);
    assert_eq!(door.found(Found::UnknownKey), Verdict::UnknownKey);
    assert_eq!(door.found(Found::Withdrawn(Withdrawal::Revoked)), Verdict::Revoked);
    assert_eq!(door.found(Found::Withdrawn(Withdrawal::Blocked)), Verdict::Blocked);
    assert_eq!(door.found(Found::Nobody), Verdict::Unknown);
    assert_eq!(door.found(Found::Several(&[])), Verdict::Unknown, "there is nobody to choose");
    assert_eq!(door.found(Found::OtherEvent), Verdict::WrongEvent);
    let candidates = vec![attendee(2), attendee(1)];
    assert_eq!(door.found(Found::Several(&candidates)), Verdict::Ambiguous { candidates: candidates.clone() });

    type Mend = fn(&mut Door);
    let steps: [(Mend, Verdict); 12] = [
        (|_| (), Verdict::Blocked),
        (|door| door.attendee.registration = Registration::Cancelled, Verdict::Cancelled),
        (|door| door.attendee.registration = Registration::Unpaid, Verdict::Revoked),
        (|door| door.ticket = Some(ticket("new")), Verdict::Blocked),
        (|door| door.withdrawn = None, Verdict::Unpaid),
        (
            |door| door.checkpoint.admits_unpaid = true,
            Verdict::WrongCategory { category: "Delegate".into(), admits: vec!["Press".into(), "Crew".into()] },
        ),
        (|door| door.attendee.category = "Crew".into(), Verdict::TooLate { until: minute(-1) }),
        (
            |door| (door.checkpoint.valid_from, door.checkpoint.valid_until) = (Some(minute(1)), None),
            Verdict::TooEarly { from: minute(1) },
        ),
        (|door| door.now = minute(1), already_in(minute(-5), (2, 1))),
        (
            |door| door.facts.push(fact((2, 2), minute(-4), undo(2, 1))),
            Verdict::Rules { reasons: vec!["day of the week: 4, admitted: not 4".into()] },
        ),
        (|door| door.checkpoint.rules.clear(), Verdict::AnswersRequired { questions: vec![question(1, true, &[])] }),
        (|door| drop(door.answers.insert(question_id(1), "yes".into())), Verdict::Admitted),
    ];
    for (row, (mend, expected)) in steps.into_iter().enumerate() {
        mend(&mut door);
        assert_eq!(door.verdict(), expected, "row {row}");
    }
}

#[test]
fn every_verdict_has_a_code_of_its_own() {
    let verdicts = [
        (Verdict::Admitted, "admitted"),
        (already_in(minute(0), (1, 1)), "already_in"),
        (Verdict::Unknown, "unknown"),
        (Verdict::Cancelled, "cancelled"),
        (Verdict::Unpaid, "unpaid"),
        (Verdict::Blocked, "blocked"),
        (Verdict::Revoked, "revoked"),
        (Verdict::WrongCategory { category: String::new(), admits: Vec::new() }, "wrong_category"),
        (Verdict::TooEarly { from: minute(0) }, "too_early"),
        (Verdict::TooLate { until: minute(0) }, "too_late"),
        (Verdict::WrongEvent, "wrong_event"),
        (Verdict::AnswersRequired { questions: Vec::new() }, "answers_required"),
        (Verdict::Ambiguous { candidates: Vec::new() }, "ambiguous"),
        (Verdict::BadSignature, "bad_signature"),
        (Verdict::UnknownKey, "unknown_key"),
        (Verdict::Rules { reasons: Vec::new() }, "rules"),
        (Verdict::RulesUnreadable, "rules_unreadable"),
    ];
    for (verdict, code) in verdicts {
        assert_eq!(verdict.code(), code);
    }
}

#[test]
fn a_revoked_ticket_is_refused_but_not_its_owner() {
    for (shown, expected) in [
        (Some("old"), Verdict::Revoked),
        (Some("older"), Verdict::Revoked),
        (Some("new"), Verdict::Admitted),
        (None, Verdict::Admitted),
    ] {
        let mut door = door(AdmissionRule::Once, []);
        door.attendee.revoked_tickets = vec![ticket("older"), ticket("old")];
        door.ticket = shown.map(ticket);
        assert_eq!(door.verdict(), expected, "{shown:?}");
    }
}

#[test]
fn a_checkpoint_admits_its_categories_or_all() {
    for (admits, category, admitted) in [
        (&[][..], "Delegate", true),
        (&[], "", true),
        (&["Delegate"], "Delegate", true),
        (&["Press", "Delegate"], "Delegate", true),
        (&["Press"], "Delegate", false),
        (&["Press"], "press", false),
        (&["Press"], "", false),
    ] {
        let mut door = door(AdmissionRule::Once, []);
        door.checkpoint.categories = admits.iter().map(ToString::to_string).collect();
        door.attendee.category = category.into();
        assert_eq!(door.verdict() == Verdict::Admitted, admitted, "{category:?} at {admits:?}");
    }
}

/// Minutes from which and until which checkpoint and attendee are good, and the verdict at minute 0.
#[test]
fn the_narrower_of_two_windows_holds_and_its_ends_belong_to_it() {
    type Window = (Option<i64>, Option<i64>);
    let (early, late) =
        (|from| Verdict::TooEarly { from: minute(from) }, |until| Verdict::TooLate { until: minute(until) });
    let rows: [(Window, Window, Verdict); 13] = [
        ((None, None), (None, None), Verdict::Admitted),
        ((Some(0), None), (None, None), Verdict::Admitted),
        ((None, Some(0)), (None, None), Verdict::Admitted),
        ((Some(0), Some(0)), (Some(0), Some(0)), Verdict::Admitted),
        ((Some(1), None), (None, None), early(1)),
        ((None, None), (Some(1), None), early(1)),
        ((Some(1), None), (Some(3), None), early(3)),
        ((Some(3), None), (Some(1), None), early(3)),
        ((Some(-9), Some(9)), (Some(-1), Some(1)), Verdict::Admitted),
        ((None, Some(-1)), (None, None), late(-1)),
        ((None, None), (None, Some(-1)), late(-1)),
        ((None, Some(-1)), (None, Some(-3)), late(-3)),
        ((Some(5), None), (None, Some(-5)), late(-5)),
    ];
    for ((from, until), (own_from, own_until), expected) in rows {
        let mut door = door(AdmissionRule::Once, []);
        (door.checkpoint.valid_from, door.checkpoint.valid_until) = (from.map(minute), until.map(minute));
        (door.attendee.valid_from, door.attendee.valid_until) = (own_from.map(minute), own_until.map(minute));
        assert_eq!(door.verdict(), expected, "{from:?} {until:?} {own_from:?} {own_until:?}");
    }
}

#[test]
fn questions_are_asked_once_and_required_ones_until_answered() {
    // Required, optional, for delegates only, for press only.
    let asked = [
        question(1, true, &[]),
        question(2, false, &[]),
        question(3, true, &["Delegate"]),
        question(4, true, &["Press"]),
    ];
    for (answers, missing) in [
        (&[][..], &[1_u8, 2, 3][..]),
        (&[(1, "42")], &[2, 3]),
        (&[(1, ""), (2, ""), (3, " \t")], &[1, 3]),
        (&[(1, "42"), (2, ""), (3, "vegan")], &[]),
        (&[(4, "LETA")], &[1, 2, 3]),
    ] {
        let mut door = door(AdmissionRule::Once, []);
        door.checkpoint.questions = asked.to_vec();
        door.answers = answers.iter().map(|(seed, text)| (question_id(*seed), (*text).to_owned())).collect();
        let questions: Vec<_> = missing.iter().map(|seed| asked[usize::from(*seed) - 1].clone()).collect();
        let expected = if questions.is_empty() { Verdict::Admitted } else { Verdict::AnswersRequired { questions } };
        assert_eq!(door.verdict(), expected, "{answers:?}");
    }
}

/// What happened before minute 0, and the admission in the way by each rule: once, once a day, many, entry and exit.
#[test]
fn each_rule_looks_at_other_facts() {
    type InTheWay = Option<(u8, u64)>;
    const ONE: InTheWay = Some((2, 1));
    let yesterday = -24 * 60;
    let enter = |id, at| fact(id, minute(at), entry());
    let leave = |id, at| fact(id, minute(at), exit());
    let back = |id, at, (device, counter)| fact(id, minute(at), undo(device, counter));
    let same = |id, facts: &[(u8, u64)]| fact(id, minute(-1), resolution(ResolutionKind::SamePerson, facts));
    let rows: [(&str, Vec<Fact>, [InTheWay; 4]); 15] = [
        ("nothing", vec![], [None; 4]),
        ("an entry", vec![enter((2, 1), -9)], [ONE, ONE, None, ONE]),
        ("a walk-in", vec![fact((2, 1), minute(-9), walk_in())], [ONE, ONE, None, ONE]),
        ("an entry of yesterday", vec![enter((2, 1), yesterday)], [ONE, None, None, ONE]),
        ("an exit alone", vec![leave((2, 1), -9)], [None; 4]),
        ("in and out", vec![enter((2, 1), -9), leave((2, 2), -5)], [ONE, ONE, None, None]),
        (
            "in, out and in",
            vec![enter((2, 1), -9), leave((3, 1), -5), enter((3, 2), -3)],
            [ONE, ONE, None, Some((3, 2))],
        ),
        ("in at two gates", vec![enter((3, 1), -3), enter((2, 1), -9)], [ONE, ONE, None, ONE]),
        (
            "in at two gates, settled",
            vec![enter((3, 1), -3), enter((2, 1), -9), same((2, 2), &[(3, 1), (2, 1)])],
            [ONE, ONE, None, ONE],
        ),
        ("in, taken back", vec![enter((2, 1), -9), back((3, 1), -5, (2, 1))], [None; 4]),
        (
            "in, taken back and not",
            vec![enter((2, 1), -9), back((3, 1), -5, (2, 1)), back((2, 2), -3, (3, 1))],
            [ONE, ONE, None, ONE],
        ),
        (
            "in, out taken back",
            vec![enter((2, 1), -9), leave((3, 1), -5), back((3, 2), -4, (3, 1))],
            [ONE, ONE, None, ONE],
        ),
        (
            "the first of two taken back",
            vec![enter((3, 1), -9), enter((2, 1), -7), back((3, 2), -4, (3, 1))],
            [ONE, ONE, None, ONE],
        ),
        ("an undo of what is not known", vec![enter((2, 1), -9), back((3, 1), -5, (4, 1))], [ONE, ONE, None, ONE]),
        (
            "others, elsewhere",
            vec![
                fact((2, 1), minute(-9), entry_of(attendee(2), checkpoint(1))),
                fact((2, 2), minute(-9), entry_of(attendee(1), checkpoint(2))),
            ],
            [None; 4],
        ),
    ];
    let rules = [AdmissionRule::Once, AdmissionRule::OncePerDay, AdmissionRule::Many, AdmissionRule::EntryAndExit];
    for (what, facts, expected) in rows {
        for (rule, expected) in rules.into_iter().zip(expected) {
            let expected = expected.map(|(device, counter)| fact_id(device, counter));
            assert_eq!(door(rule, facts.clone()).already(), expected, "{what}, {rule:?}");
        }
    }
}

/// An admission, a scan, and whether they are of one day of the event.
#[test]
fn a_day_is_the_events_own() {
    for (zone, starts_min, admitted, scanned, same_day) in [
        // The day in Riga begins at four, 01:00 UTC in summer.
        ("Europe/Riga", 240, "2027-05-20T07:00:00Z", "2027-05-20T20:59:00Z", true),
        ("Europe/Riga", 240, "2027-05-20T20:59:00Z", "2027-05-20T21:01:00Z", true),
        ("Europe/Riga", 240, "2027-05-20T20:59:00Z", "2027-05-21T00:59:59Z", true),
        ("Europe/Riga", 240, "2027-05-20T20:59:00Z", "2027-05-21T01:00:00Z", false),
        ("Europe/Riga", 0, "2027-05-20T20:59:00Z", "2027-05-20T21:01:00Z", false),
        ("UTC", 0, "2027-05-20T20:59:00Z", "2027-05-20T21:01:00Z", true),
        // Far from Greenwich on either side.
        ("Pacific/Auckland", 240, "2027-05-20T15:59:00Z", "2027-05-20T16:00:00Z", false),
        ("Pacific/Auckland", 240, "2027-05-20T16:00:00Z", "2027-05-21T15:59:00Z", true),
        ("America/Los_Angeles", 240, "2027-05-20T11:00:00Z", "2027-05-21T10:59:00Z", true),
        ("America/Los_Angeles", 240, "2027-05-20T10:59:00Z", "2027-05-20T11:00:00Z", false),
        // Clocks go forward on 28 March 2027 at 03:00 in Riga: that day begins after 23 hours, at 01:00 UTC.
        ("Europe/Riga", 240, "2027-03-27T02:00:00Z", "2027-03-28T00:59:00Z", true),
        ("Europe/Riga", 240, "2027-03-27T02:00:00Z", "2027-03-28T01:00:00Z", false),
        // And back on 31 October at 04:00: the day before lasts 25 hours, until 02:00 UTC.
        ("Europe/Riga", 240, "2027-10-30T01:00:00Z", "2027-10-31T01:59:00Z", true),
        ("Europe/Riga", 240, "2027-10-30T01:00:00Z", "2027-10-31T02:00:00Z", false),
    ] {
        let mut door = door(AdmissionRule::OncePerDay, [fact((2, 1), at(admitted), entry())]);
        door.event.time_zone = TimeZone::named(zone).unwrap();
        door.event.day_starts_min = starts_min;
        door.now = at(scanned);
        assert_eq!(door.already().is_some(), same_day, "{zone}: {admitted}, {scanned}");
    }
}

#[test]
fn a_clock_out_of_the_calendar_is_of_no_day() {
    let broken = fact((2, 1), Timestamp::from_ms(i64::MAX), entry());
    let mut door = door(AdmissionRule::OncePerDay, [broken]);
    assert_eq!(door.already(), None);
    door.now = Timestamp::from_ms(i64::MIN);
    assert_eq!(door.already(), Some(fact_id(2, 1)), "without a calendar there is but one day");
    door.checkpoint.rule = AdmissionRule::Once;
    door.now = minute(0);
    assert_eq!(door.already(), Some(fact_id(2, 1)), "once is once by any clock");
}

#[test]
fn wrong_clocks_are_corrected_as_far_as_they_are_known() {
    // Right time: in at -9 by phone 2, out at -5 by phone 3.
    let (enter, leave) = (fact((2, 1), minute(-9), entry()), fact((3, 1), minute(-5), exit()));
    let two_hours_behind = fact((3, 1), minute(-125), exit());
    for (what, facts, already) in [
        ("phone 2 is a day ahead and knows it", [ahead(1_440, enter.clone()), leave.clone()], false),
        ("phone 3 is a day behind and knows it", [enter.clone(), ahead(-1_440, leave.clone())], false),
        ("phone 3 is two hours behind and does not know", [enter.clone(), two_hours_behind], true),
    ] {
        assert_eq!(door(AdmissionRule::EntryAndExit, facts).already().is_some(), already, "{what}");
    }
    let corrected = door(AdmissionRule::Once, [ahead(1_440, enter)]).verdict();
    assert_eq!(corrected, already_in(minute(-9), (2, 1)), "the time shown is corrected");
    // One phone saw both, and its clock was set back an hour between.
    let set_back = [fact((2, 1), minute(-9), entry()), fact((2, 2), minute(-65), exit())];
    assert_eq!(door(AdmissionRule::EntryAndExit, set_back).already(), None);
}

#[test]
fn what_else_a_phone_holds_does_not_change_the_verdict() {
    // Phone 2's clock was an hour ahead when it admitted somebody else, and was then set right: its own facts about
    // attendee 1 are not to be moved past phone 3's for that.
    let here = [fact((2, 2), minute(-9), entry()), fact((3, 1), minute(-5), exit())];
    let other = fact((2, 1), minute(51), entry_of(attendee(2), checkpoint(1)));
    assert_eq!(door(AdmissionRule::EntryAndExit, here.clone()).already(), None);
    assert_eq!(door(AdmissionRule::EntryAndExit, here.into_iter().chain([other])).already(), None);
}

mod tickets;

fn rules() -> impl Strategy<Value = AdmissionRule> {
    use AdmissionRule::{EntryAndExit, Many, Once, OncePerDay};
    prop::sample::select(vec![Once, OncePerDay, Many, EntryAndExit])
}

proptest! {
    #[test]
    fn order_and_repetition_of_facts_do_not_matter((facts, retold) in retold(), rule in rules(), now in -2_000_i64..2_000) {
        let [mut one, mut other] = [door(rule, facts), door(rule, retold)];
        (one.now, other.now) = (minute(now), minute(now));
        prop_assert_eq!(one.verdict(), other.verdict());
    }

    #[test]
    fn replicas_that_have_met_agree((one, other) in replicas(), rule in rules()) {
        let (here, there) = ([&one[..], &other].concat(), [&other[..], &one].concat());
        prop_assert_eq!(door(rule, here).verdict(), door(rule, there).verdict());
    }

    #[test]
    fn whom_a_verdict_admits_is_no_double_admission(facts in histories(), rule in rules()) {
        // Late enough to be the last of all, by whatever clock.
        let mut door = door(rule, facts);
        door.now = minute(3_000);
        let doubles = |facts: &[Fact]| {
            let found = double_admission::find(&door.event, (attendee(1), checkpoint(1)), &door.checkpoint, facts);
            found.into_iter().map(|double| double.admissions.len()).sum::<usize>()
        };
        let mut after = door.facts.clone();
        after.push(fact((9, 1), door.now, entry()));
        let admitted = door.verdict() == Verdict::Admitted;
        prop_assert_eq!(doubles(&after) == doubles(&door.facts), admitted);
    }
}
