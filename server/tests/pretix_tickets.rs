//! Tickets of pretix: the published ones, and what an import brings to the doors. The events they are of are not part of
//! the project: without `MUSTER_DATA` those tests say so and do nothing.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![expect(clippy::panic, reason = "a test stops where it fails")]

use interchange_files::{context, data, import};
use muster_model::checkpoint::AnswerKind;
use muster_model::ticket::TicketHash;
use muster_model::ticket::code::read as scan;
use muster_model::ticket::key::{Scheme, TicketKeys};
use muster_model::ticket::signed::{Checked, TicketCategory, check};
use muster_model::ticket::withdrawn::Withdrawal;
use muster_model::time::Timestamp;
use muster_server::interchange::plan::{Base, Current, plan};
use muster_server::interchange::{Draft, Format, detect, read};
use serde_json::{Value, json};

mod interchange_files;

fn pretix(values: &[Value]) -> Draft {
    let text: String = values.iter().map(|value| format!("{value}\n")).collect();
    assert_eq!(detect(text.as_bytes()), Some(Format::PretixOrders), "{text}");
    read(Format::PretixOrders, text.as_bytes(), &context("UTC")).unwrap()
}

fn resource(path: &str) -> Option<Value> {
    Some(serde_json::from_slice(&data(&format!("registrations/pretix-api/{path}"))?).unwrap())
}

/// A ticket's product, its name, the place of its key in the event, and when it begins and ends.
type Says = (i64, &'static str, usize, Option<i64>, Option<i64>);

/// The tickets that pretix publishes with what they say, in seconds of Unix time; the last one is forged.
/// Source: pretix/libpretixsync, `AsyncCheckProviderTest`; their keys are those of its `event1.json`.
const PUBLISHED: [(&str, Option<Says>); 6] = [
    (
        "E4BibyTSylQOgeKjuMPiTDxi5HXPuTVsx1qCli3IL0143gj0EZXOB9iQInANxRFJTt4Pf9nXnHdB91Qk/RN0L5AIBABSxw2TKFnSUNUCKAEAPAQA",
        Some((1, "Regular", 0, None, None)),
    ),
    (
        "EU9dJn3k5jzwfY4JQAKrTOVFmo+BvZKwH6UAIFOz3XTxABa7tmjU5UoLD8hJr3440uY7IFEHzau1DVk0sP994bgnzLNswAAKBARdUdGMmNVSHVUCKAEAVAQA",
        Some((1, "Regular", 1, None, Some(1_675_422_000))),
    ),
    (
        "OUmw2Ro3YOMQ4ktAlAIsDVe4Xsr1KXla/0SZVN34qIZWtUX0hx1DXDHxaCatGTNzOeCMjHQABR5E6ESCOOx1g7AIkBhVkdDdJJTVSZWCKAEAPAQA",
        Some((100, "Other", 0, None, None)),
    ),
    (
        "Ok4EsqDRCr2cL6yDRtqeP7j5Usr1Vj1Db7J0izOuRGx6Qn0BS1ISW2nxlW8PXkYRk7PJhIBmsK1V1ucq5obBoBAMG4p9jCPKBAheRdFV0REVDZUCKAEAVAQA",
        Some((1, "Regular", 1, Some(1_675_465_200), None)),
    ),
    (
        "==QCiFO1apLFypH1BXorPlbn4efNA0aCAsO1Z2hsmY/hKTI3/UVSlON/Vw8WSYof/1tz5tepBltUAg4GnzpOBSSlqARYhFWYhFWYhFWCKAEANAQA",
        Some((42, "Product 42", 1, None, None)),
    ),
    (
        "EFAKEyTSylQOgeKjuMPiTDxi5HXPuTVsx1qCli3IL0143gj0EZXOB9iQInANxRFJTt4Pf9nXnHdB91Qk/RN0L5AIBABSxw2TKFnSUNUCKAEAPAQA",
        None,
    ),
];

#[test]
fn every_published_ticket_is_read_as_its_makers_do() {
    let Some(event) = resource("events/event1.json") else { return };
    let keys = event["valid_keys"]["pretix_sig1"].as_array().unwrap().clone();
    let item =
        |id: i64, name: &str| json!({"id": id, "name": {"en": name}, "admission": true, "default_price": "1.00"});
    let draft = pretix(&[event, item(1, "Regular"), item(100, "Other")]);
    let (current, ..) = import(&draft, Current::default(), &Base::default());
    assert_eq!(current.ticket_keys.len(), 2);
    let ready = TicketKeys::new(&current.ticket_keys);
    let ids: Vec<_> = keys
        .iter()
        .map(|key| muster_model::ticket::key::TicketKey::from_pretix(key.as_str().unwrap()).unwrap().0)
        .collect();
    for (secret, says) in PUBLISHED {
        match (check(context("UTC").event, &ready, &scan(secret).form), says) {
            (Checked::Good(ticket), Some((product, category, key, from, until))) => {
                let at = |seconds: i64| Timestamp::from_ms(seconds * 1_000);
                assert_eq!((ticket.product, ticket.key), (Some(product), ids[key]), "{secret}");
                assert_eq!(ticket.category, TicketCategory::Named(category.into()));
                assert_eq!((ticket.valid_from, ticket.valid_until), (from.map(at), until.map(at)), "{secret}");
            }
            (Checked::Bad, None) => {}
            (other, _) => panic!("{secret}: {other:?}"),
        }
    }
}

#[test]
fn keys_and_products_may_come_in_files_of_their_own() {
    let (Some(event), Some(item)) = (resource("events/event1.json"), resource("items/item1.json")) else { return };
    let (current, base, _) = import(&pretix(std::slice::from_ref(&event)), Current::default(), &Base::default());
    assert!(current.ticket_keys.values().all(|key| key.scheme == Scheme::PretixSig1 && key.products.is_empty()));
    assert_eq!(current.event.admission_at.map(|at| at.to_string()), Some("2020-01-01T09:00:00Z".into()));
    let (mut current, base, _) = import(&pretix(&[item]), current, &base);
    assert!(current.ticket_keys.values().all(|key| key.products["1"] == "Regular ticket"));
    // A coordinator retires a key: the same event again does not bring it back.
    let retired = Some(Timestamp::from_ms(5));
    current.ticket_keys.values_mut().next().unwrap().retired_at = retired;
    let (after, _, writes) = import(&pretix(&[event]), current, &base);
    assert_eq!((writes, after.ticket_keys.values().next().unwrap().retired_at), (0, retired));
}

#[test]
fn what_is_no_key_is_skipped_and_said() {
    let event = json!({"slug": "x", "date_from": "2027-05-20T09:00:00Z", "name": "X", "timezone": "UTC",
        "valid_keys": {"pretix_sig1": ["AAAA", 5], "pretix_sig9": ["x"]}});
    let draft = pretix(&[event]);
    assert_eq!((draft.ticket_keys.len(), draft.counts.skipped), (0, 2));
    assert_eq!((draft.notes.count("ticket_key_broken"), draft.notes.count("ticket_scheme_unknown")), (2, 1));
}

#[test]
fn revoked_and_blocked_secrets_arrive_as_hashes() {
    let revoked = |secret: &str| json!({"id": 1, "secret": secret, "created": "2027-05-01T10:00:00Z"});
    let blocked = |secret: &str, blocked: bool| json!({"id": 2, "secret": secret, "updated": "2027-05-01T10:00:00Z", "blocked": blocked});
    let page = |values: Vec<Value>| json!({"count": values.len(), "next": null, "results": values});
    let hash = |secret: &str| TicketHash::of(context("UTC").event, secret);
    let first = pretix(&[
        page(vec![revoked("one"), revoked("two"), revoked("")]),
        page(vec![blocked("two", true), blocked("three", true)]),
    ]);
    assert_eq!(first.notes.count("secret_missing"), 1);
    let (current, base, writes) = import(&first, Current::default(), &Base::default());
    assert_eq!(writes, 3);
    let expected =
        [(hash("one"), Withdrawal::Revoked), (hash("two"), Withdrawal::Revoked), (hash("three"), Withdrawal::Blocked)];
    assert_eq!(current.withdrawn, expected.into_iter().collect());
    let (current, base, writes) = import(&first, current, &base);
    assert_eq!(writes, 0, "the same again changes nothing");
    let (current, ..) = import(&pretix(&[page(vec![blocked("three", false)])]), current, &base);
    assert_eq!(current.withdrawn.get(&hash("three")), None, "an unblocked ticket is good again");
    let many: Vec<Value> = (0..20_001).map(|number| revoked(&format!("secret-{number}"))).collect();
    let error = plan(&pretix(&[page(many)]), &Current::default(), &Base::default()).unwrap_err();
    assert_eq!(error.code(), "import_too_large");
    assert!(!serde_json::to_string(&base).unwrap().contains("one"), "secrets are not remembered");
}

fn list(rules: Value) -> Value {
    json!({"id": 7, "name": "Main", "all_products": true, "limit_products": [], "rules": rules})
}

#[test]
fn a_lists_rules_arrive_and_those_that_cannot_be_read_are_said() {
    let rules = json!({"isAfter": [{"var": "now"}, {"buildTime": ["date_admission"]}, 10]});
    let rules_of = |draft: &Draft| draft.checkpoints.values().next().unwrap().rules.clone();
    let draft = pretix(&[list(rules.clone())]);
    assert_eq!(serde_json::from_str::<Value>(&rules_of(&draft)).unwrap(), rules);
    assert_eq!(draft.notes.count("rules_unreadable"), 0);
    for nothing in [json!({}), Value::Null] {
        assert_eq!(rules_of(&pretix(&[list(nothing)])), "");
    }
    let long = json!({"and": vec![true; 9_000]});
    for unreadable in [json!({"==": [{"var": "gate"}, 1]}), json!({"reduce": []}), json!("x"), long] {
        let draft = pretix(&[list(unreadable.clone())]);
        assert_eq!(draft.notes.count("rules_unreadable"), 1, "{unreadable:.60}");
        let kept = rules_of(&draft);
        assert!(muster_model::rules::parse(&kept).is_err() && kept.len() <= muster_model::rules::MAX_RULES_BYTES);
    }
}

#[test]
fn questions_are_asked_at_the_lists_they_come_with_or_after() {
    let question = json!({"id": 3, "question": {"en": "Size?"}, "type": "C", "required": true, "items": [1],
        "options": [{"id": 1, "answer": {"en": "S"}}, {"id": 2, "answer": {"en": "M"}}],
        "ask_during_checkin": true, "identifier": "SIZE"});
    let asked = |current: &Current| current.checkpoints.values().next().unwrap().questions.clone();
    let (together, ..) = import(&pretix(&[list(json!({})), question.clone()]), Current::default(), &Base::default());
    let questions = asked(&together);
    assert_eq!((questions[0].text.as_str(), questions[0].answer), ("Size?", AnswerKind::Choice));
    assert_eq!(questions[0].choices, ["S", "M"]);
    let (alone, base, _) = import(&pretix(&[list(json!({}))]), Current::default(), &Base::default());
    assert_eq!(asked(&alone), []);
    let (after, base, writes) = import(&pretix(std::slice::from_ref(&question)), alone, &base);
    assert_eq!((asked(&after), writes), (questions.clone(), 1));
    let (again, _, writes) = import(&pretix(&[list(json!({}))]), after, &base);
    assert_eq!((asked(&again), writes), (questions, 0), "the list alone does not take them away");
    let early = plan(&pretix(&[question]), &Current::default(), &Base::default()).unwrap();
    assert_eq!(early.report.notes.count("questions_without_lists"), 1);
}

#[test]
fn what_the_order_answers_is_not_asked_at_the_door() {
    let question = json!({"id": 3, "question": "Size?", "type": "S", "required": true, "items": [],
        "ask_during_checkin": true, "identifier": "SIZE"});
    let order = json!({"code": "ABC12", "status": "p", "positions": [
        {"id": 1, "item": 5, "variation": 6, "attendee_name": "A", "secret": "a", "answers": [{"question": 3, "answer": "M"}]},
        {"id": 2, "item": 5, "variation": null, "attendee_name": "B", "secret": "b", "answers": [{"question": 3, "answer": ""}]},
    ]});
    let draft = pretix(&[question, list(json!({})), order]);
    let asked = draft.checkpoints.values().next().unwrap().questions[0].id;
    let of = |name: &str| draft.attendees.values().find(|attendee| attendee.name == name).unwrap();
    assert_eq!((of("A").answered.as_slice(), of("A").product, of("A").variation), (&[asked][..], Some(5), Some(6)));
    assert_eq!((of("B").answered.as_slice(), of("B").product, of("B").variation), (&[][..], Some(5), None));
}
