use proptest::prelude::*;

use super::*;
use crate::fact_order::in_order;
use crate::testing::{at, entry, exit, fact};
use crate::time::TimeZone;

/// A day in Riga: doors at 08:00, from 09:00 to 18:00 (UTC+3).
fn event() -> Event {
    Event {
        time_zone: TimeZone::named("Europe/Riga").unwrap(),
        starts_at: at("2027-05-20T06:00:00Z"),
        ends_at: at("2027-05-20T15:00:00Z"),
        admission_at: Some(at("2027-05-20T05:00:00Z")),
        ..Event::default()
    }
}

/// What the rules say at a time to whoever bought product 1, variation 2, and entered at these times.
fn reasons(rules: &str, now: &str, entries: &[&str]) -> Result<Vec<String>, RulesError> {
    let event = event();
    let facts: Vec<Fact> =
        entries.iter().zip(1..).map(|(time, counter)| fact((1, counter), at(time), entry())).collect();
    let here = in_order(&facts);
    evaluate(rules, &About { event: &event, now: at(now), product: Some(1), variation: Some(2), here: &here })
}

fn admits(rules: &str, now: &str, entries: &[&str]) -> bool {
    reasons(rules, now, entries).unwrap().is_empty()
}

const NOON: &str = "2027-05-20T09:00:00Z";

#[test]
fn products_and_variations_are_looked_up() {
    let list = |variable: &str, numbers: &[&str]| {
        let lookups: Vec<Value> =
            numbers.iter().map(|number| json!({"lookup": [variable, number, format!("No. {number}")]})).collect();
        json!({"inList": [{"var": variable}, {"objectList": lookups}]}).to_string()
    };
    for (variable, numbers, admitted) in [
        ("product", &["1"][..], true),
        ("product", &["2", "1"], true),
        ("product", &["2"], false),
        ("product", &[], false),
        ("variation", &["2"], true),
        ("variation", &["1"], false),
    ] {
        assert_eq!(admits(&list(variable, numbers), NOON, &[]), admitted, "{variable} in {numbers:?}");
    }
    assert_eq!(reasons(&list("product", &["2", "3"]), NOON, &[]).unwrap(), ["product: 1, admitted: No. 2, No. 3"]);
}

#[test]
fn times_are_built_and_compared_with_a_tolerance() {
    let before = |time: Value, tolerance: Value| json!({"isBefore": [{"var": "now"}, {"buildTime": time}, tolerance]});
    let after = |time: Value, tolerance: Value| json!({"isAfter": [{"var": "now"}, {"buildTime": time}, tolerance]});
    for (rule, from, until) in [
        (before(json!(["date_from"]), json!(null)), "", "2027-05-20T06:00:00Z"),
        (before(json!(["date_to"]), json!(30)), "", "2027-05-20T15:30:00Z"),
        (after(json!(["date_admission"]), json!(null)), "2027-05-20T05:00:00.001Z", ""),
        (after(json!(["date_admission"]), json!("15")), "2027-05-20T04:45:00.001Z", ""),
        (after(json!(["custom", "2027-05-20T12:00:00+03:00"]), json!(0)), "2027-05-20T09:00:00.001Z", ""),
        (after(json!(["custom", "2027-05-20T12:00:00"]), json!(0)), "2027-05-20T09:00:00.001Z", ""),
        (before(json!(["customtime", "14:30:00"]), json!(null)), "2027-05-19T21:00:00Z", "2027-05-20T11:30:00Z"),
        (before(json!(["customtime", "14:30"]), json!("")), "2027-05-19T21:00:00Z", "2027-05-20T11:30:00Z"),
    ] {
        let rule = rule.to_string();
        let ms = |time: &str, by: i64| at(time).plus_ms(by).to_string();
        if !from.is_empty() {
            assert!(admits(&rule, from, &[]), "{rule} at {from}");
        }
        if !until.is_empty() {
            assert!(admits(&rule, &ms(until, -1), &[]), "{rule} before {until}");
            assert!(!admits(&rule, until, &[]), "{rule} at {until}");
        } else {
            assert!(!admits(&rule, &ms(from, -1), &[]), "{rule} before {from}");
        }
    }
    let late = before(json!(["date_from"]), json!(null)).to_string();
    assert_eq!(reasons(&late, NOON, &[]).unwrap(), ["time: 2027-05-20 12:00, admitted: before 2027-05-20 09:00"]);
}

#[test]
fn entries_are_counted() {
    // Midnight in Riga is 21:00 UTC.
    let entries = ["2027-05-18T10:00:00Z", "2027-05-19T20:59:00Z", "2027-05-19T21:00:00Z", "2027-05-20T08:30:30Z"];
    for (variable, value) in [
        ("entries_number", 4),
        ("entries_today", 2),
        ("entries_days", 3),
        ("minutes_since_last_entry", 29),
        ("minutes_since_first_entry", 47 * 60),
        ("now_isoweekday", 4),
    ] {
        let rule = json!({"==": [{"var": variable}, value]}).to_string();
        assert!(admits(&rule, NOON, &entries), "{variable}: {:?}", reasons(&rule, NOON, &entries));
    }
    for (operator, time, value) in [
        ("entries_since", "2027-05-19T21:00:00Z", 2),
        ("entries_before", "2027-05-19T21:00:00Z", 2),
        ("entries_days_since", "2027-05-19T20:00:00Z", 2),
        ("entries_days_before", "2027-05-19T21:00:00Z", 2),
    ] {
        let rule = json!({"==": [{operator: [{"buildTime": ["custom", time]}]}, value]}).to_string();
        assert!(admits(&rule, NOON, &entries), "{operator}: {:?}", reasons(&rule, NOON, &entries));
    }
    for variable in ["minutes_since_last_entry", "minutes_since_first_entry"] {
        assert!(
            admits(&json!({"<": [{"var": variable}, 0]}).to_string(), NOON, &[]),
            "{variable} is -1 before the first"
        );
    }
    let few = json!({"<": [{"var": "entries_number"}, 3]}).to_string();
    assert_eq!(reasons(&few, NOON, &entries).unwrap(), ["entries so far: 4, admitted: fewer than 3"]);
}

#[test]
fn who_left_is_absent() {
    let event = event();
    let facts = [fact((1, 1), at(NOON), entry()), fact((1, 2), at(NOON).plus_minutes(1), exit())];
    for (facts, status) in [(&facts[..0], "absent"), (&facts[..1], "present"), (&facts[..], "absent")] {
        let here = in_order(facts);
        let about = About { event: &event, now: at(NOON).plus_minutes(5), product: None, variation: None, here: &here };
        let rule = json!({"==": [{"var": "entry_status"}, status]}).to_string();
        assert_eq!(evaluate(&rule, &about), Ok(vec![]), "{status}");
    }
}

/// The ticket is valid once before a time, and on one day after it (an example of pretix's own).
#[test]
fn rules_are_combined_as_pretix_does() {
    let cut = json!({"buildTime": ["custom", "2027-05-20T12:00:00+03:00"]});
    let rule = json!({"or": [
        {"<=": [{"var": "entries_number"}, 0]},
        {"and": [
            {"isAfter": [{"var": "now"}, cut, 0]},
            {"or": [{">": [{"var": "entries_today"}, 0]}, {"<=": [{"entries_days_since": [cut]}, 0]}]}
        ]}
    ]})
    .to_string();
    let first = "2027-05-20T07:00:00Z";
    assert!(admits(&rule, first, &[]));
    assert!(!admits(&rule, "2027-05-20T08:00:00Z", &[first]), "once before");
    assert!(admits(&rule, "2027-05-21T10:00:00Z", &[first]), "on a day after");
    assert!(admits(&rule, "2027-05-21T12:00:00Z", &[first, "2027-05-21T10:00:00Z"]), "as often as they come that day");
    assert!(!admits(&rule, "2027-05-22T10:00:00Z", &[first, "2027-05-21T10:00:00Z"]), "not on another");
    let why = reasons(&rule, "2027-05-20T08:00:00Z", &[first]).unwrap();
    assert_eq!(
        why,
        ["entries so far: 1, admitted: at most 0, or time: 2027-05-20 11:00, admitted: after 2027-05-20 12:00"]
    );
}

#[test]
fn rules_that_say_nothing_admit() {
    for rules in ["", "  ", "{}", " { } "] {
        assert_eq!(reasons(rules, NOON, &[]), Ok(vec![]));
    }
}

#[test]
fn empty_groups_are_settled_as_pretix_does() {
    let refused = Ok(vec!["a rule of this checkpoint".to_owned()]);
    for (rules, expected) in [
        (json!({"and": []}), Ok(vec![])),
        (json!({"or": []}), refused.clone()),
        (json!({"and": [{"and": []}, {"or": []}]}), refused.clone()),
        (json!({"or": [{"or": []}, {"and": []}]}), Ok(vec![])),
        (json!({"!": [{"and": []}]}), refused),
    ] {
        assert_eq!(reasons(&rules.to_string(), NOON, &[]), expected, "{rules}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let deep = format!("{}1{}", "{\"!\":[".repeat(40), "]}".repeat(40));
    let long = json!({"and": vec![true; 2_000]}).to_string();
    for (rules, error) in [
        ("{", RulesError::NotJson),
        ("[]", RulesError::Evaluation),
        ("true", RulesError::Evaluation),
        (r#"{"==": [1, 1], "!=": [1, 1]}"#, RulesError::Evaluation),
        (r#"{"map": [[1], {"var": ""}]}"#, RulesError::Operator("map".into())),
        (r#"{"==": [{"var": "gate"}, 1]}"#, RulesError::Variable("gate".into())),
        (r#"{"==": [{"var": "product.x"}, 1]}"#, RulesError::Variable("product.x".into())),
        (r#"{"==": [{"var": ["product", 1]}, 1]}"#, RulesError::Evaluation),
        (r#"{"isBefore": [{"var": "now"}, {"buildTime": ["custom", "soon"]}]}"#, RulesError::Evaluation),
        (r#"{"isBefore": [{"var": "now"}, {"buildTime": ["teatime"]}]}"#, RulesError::Evaluation),
        (r#"{"isAfter": [{"var": "now"}]}"#, RulesError::Evaluation),
        (r#"{"inList": [{"var": "product"}, 1]}"#, RulesError::Evaluation),
        (deep.as_str(), RulesError::TooLarge),
        (long.as_str(), RulesError::TooLarge),
        (&" ".repeat(MAX_RULES_BYTES + 1), RulesError::TooLarge),
    ] {
        assert_eq!(reasons(rules, NOON, &[]), Err(error), "{rules:.80}");
    }
}

fn made_rules() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        "[a-z0-9:.-]{0,12}".prop_map(Value::from),
        prop::sample::select(VARIABLES.to_vec()).prop_map(|name| json!({"var": name})),
        prop::sample::select(vec!["date_from", "date_to", "date_admission"])
            .prop_map(|time| json!({"buildTime": [time]})),
    ];
    leaf.prop_recursive(4, 40, 3, |inner| {
        let operators: Vec<&str> = OPERATORS.into_iter().chain(OF_PRETIX).collect();
        (prop::sample::select(operators), prop::collection::vec(inner, 0..3))
            .prop_map(|(operator, operands)| json!({operator: operands}))
    })
}

proptest! {
    #[test]
    fn no_rules_make_it_fail(rules in made_rules()) {
        let _ = reasons(&rules.to_string(), NOON, &["2027-05-20T08:00:00Z"]);
    }

    #[test]
    fn no_text_makes_it_fail(text in any::<String>()) {
        let _ = reasons(&text, NOON, &[]);
    }

    #[test]
    fn what_refuses_says_why(rules in made_rules()) {
        if let Ok(reasons) = reasons(&rules.to_string(), NOON, &[]) {
            prop_assert!(reasons.iter().all(|reason| !reason.is_empty()));
        }
    }
}
