//! Signed tickets whose attendee is not known here.

use super::*;
use crate::ticket::bearer::bearer_of;
use crate::ticket::key::KeyId;
use crate::ticket::muster::CategoryTag;
use crate::ticket::signed::TicketCategory;

fn signed(category: TicketCategory) -> SignedTicket {
    SignedTicket {
        hash: ticket("new"),
        key: KeyId::from_bytes([1, 2, 3]),
        holder: attendee(1),
        category,
        product: Some(7),
        variation: None,
        valid_from: None,
        valid_until: None,
    }
}

fn named(name: &str) -> TicketCategory {
    TicketCategory::Named(name.into())
}

/// Everything is wrong at once; each row mends the reason that was given and meets the next.
#[test]
fn the_first_reason_that_applies_to_a_ticket_is_given() {
    type Mend = fn(&mut Door, &mut SignedTicket);
    let mut door = door(AdmissionRule::Once, [fact((2, 1), minute(-5), entry())]);
    door.withdrawn = Some(Withdrawal::Revoked);
    door.checkpoint.categories = vec!["Press".into()];
    door.checkpoint.valid_from = Some(minute(1));
    door.checkpoint.rules = NOT_ON_A_THURSDAY.into();
    door.checkpoint.questions = vec![question(1, true, &["Press"]), question(2, true, &["Crew"])];
    let mut ticket = signed(named("Delegate"));
    ticket.valid_until = Some(minute(-1));
    let steps: [(Mend, Verdict); 9] = [
        (|_, _| (), Verdict::Revoked),
        (|door, _| door.withdrawn = Some(Withdrawal::Blocked), Verdict::Blocked),
        (
            |door, _| door.withdrawn = None,
            Verdict::WrongCategory { category: "Delegate".into(), admits: vec!["Press".into()] },
        ),
        (|_, ticket| ticket.category = named("Press"), Verdict::TooLate { until: minute(-1) }),
        (|_, ticket| ticket.valid_until = None, Verdict::TooEarly { from: minute(1) }),
        (|door, _| door.now = minute(1), already_in(minute(-5), (2, 1))),
        (|door, _| door.facts.clear(), Verdict::Rules { reasons: vec!["day of the week: 4, admitted: not 4".into()] }),
        (
            |door, _| door.checkpoint.rules = "{}".into(),
            Verdict::AnswersRequired { questions: vec![question(1, true, &["Press"])] },
        ),
        (|door, _| drop(door.answers.insert(question_id(1), "LETA".into())), Verdict::Admitted),
    ];
    for (row, (mend, expected)) in steps.into_iter().enumerate() {
        mend(&mut door, &mut ticket);
        assert_eq!(door.found(Found::Ticket(&ticket)), expected, "row {row}");
    }
}

#[test]
fn a_category_is_known_by_name_or_by_its_tag() {
    for (category, admits, admitted) in [
        (named("Press"), &["Press"][..], true),
        (named("Press"), &["Crew"], false),
        (TicketCategory::Tagged(CategoryTag::of("Press")), &["Crew", "Press"], true),
        (TicketCategory::Tagged(CategoryTag::of("Press")), &["Crew"], false),
        (TicketCategory::Tagged(CategoryTag::of("Press")), &[], true),
        (named(""), &["Press"], false),
        (named(""), &[], true),
    ] {
        let mut door = door(AdmissionRule::Once, []);
        door.checkpoint.categories = admits.iter().map(ToString::to_string).collect();
        let ticket = signed(category);
        assert_eq!(door.found(Found::Ticket(&ticket)) == Verdict::Admitted, admitted, "{ticket:?} at {admits:?}");
    }
}

#[test]
fn a_used_ticket_is_used_whoever_recorded_it() {
    let event = EventId::from_random([1; 16]);
    let holder = bearer_of(event, ticket("new"));
    let ticket = SignedTicket { holder, ..signed(named("")) };
    let here = fact((2, 1), minute(-5), entry_of(holder, checkpoint(1)));
    let elsewhere = fact((2, 2), minute(-5), entry_of(holder, checkpoint(2)));
    assert_eq!(door(AdmissionRule::Once, [here]).found(Found::Ticket(&ticket)), already_in(minute(-5), (2, 1)));
    assert_eq!(door(AdmissionRule::Once, [elsewhere]).found(Found::Ticket(&ticket)), Verdict::Admitted);
}

#[test]
fn rules_that_cannot_be_read_refuse() {
    for rules in ["{", "[]", r#"{"teleport": []}"#, r#"{"==": [{"var": "shoe_size"}, 43]}"#] {
        let mut door = door(AdmissionRule::Once, []);
        door.checkpoint.rules = rules.into();
        assert_eq!(door.verdict(), Verdict::RulesUnreadable, "{rules}");
    }
}

#[test]
fn what_was_answered_with_the_registration_is_not_asked_again() {
    let mut door = door(AdmissionRule::Once, []);
    door.checkpoint.questions = vec![question(1, true, &[]), question(2, true, &[])];
    door.attendee.answered = vec![question_id(1)];
    assert_eq!(door.verdict(), Verdict::AnswersRequired { questions: vec![question(2, true, &[])] });
}
