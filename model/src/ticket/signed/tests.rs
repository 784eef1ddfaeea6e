use std::collections::BTreeMap;

use super::*;
use crate::testing::{at, attendee, signing_key};
use crate::ticket::code::read;
use crate::ticket::muster::MusterTicket;
use crate::ticket::sig1::Sig1Ticket;

fn event(seed: u8) -> EventId {
    EventId::from_random([seed; 16])
}

fn key_id(seed: u8) -> KeyId {
    KeyId::of(&signing_key(seed).verifying_key().to_bytes())
}

fn key(seed: u8, scheme: Scheme) -> (KeyId, TicketKey) {
    let public = signing_key(seed).verifying_key().to_bytes();
    (key_id(seed), TicketKey::new(scheme, &public, Timestamp::from_ms(seed.into())).unwrap())
}

fn keys(keys: impl IntoIterator<Item = (KeyId, TicketKey)>) -> TicketKeys {
    TicketKeys::new(&keys.into_iter().collect::<BTreeMap<_, _>>())
}

fn retired((id, key): (KeyId, TicketKey)) -> (KeyId, TicketKey) {
    (id, TicketKey { retired_at: Some(at("2027-05-20T10:00:00Z")), ..key })
}

fn muster_code(seed: u8) -> String {
    let mut ticket = MusterTicket::new(event(1), key_id(seed), attendee(7));
    ticket.category = CategoryTag::of("Press");
    ticket.valid_until = Some(at("2027-05-21T20:00:00Z"));
    ticket.sign(event(1), &signing_key(seed))
}

fn sig1_code(seed: u8) -> String {
    let ticket = Sig1Ticket { seed: "abcdefghj".into(), product: 5, variation: Some(6), ..Sig1Ticket::default() };
    ticket.sign(&signing_key(seed))
}

fn checked(code: &str, keys: &TicketKeys) -> Checked {
    check(event(1), keys, &read(code).form)
}

fn good(checked: Checked) -> SignedTicket {
    match checked {
        Checked::Good(ticket) => *ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ticket_of_musters_is_good_with_its_key_alone() {
    let code = muster_code(1);
    let several = keys([key(1, Scheme::Muster), key(2, Scheme::Muster), key(3, Scheme::PretixSig1)]);
    let ticket = good(checked(&code, &several));
    assert_eq!((ticket.holder, ticket.key, ticket.hash), (attendee(7), key_id(1), TicketHash::of(event(1), &code)));
    assert_eq!(ticket.valid_until, Some(at("2027-05-21T20:00:00Z")));
    assert_eq!(good(checked(&code.to_lowercase(), &several)).hash, ticket.hash, "one hash, whatever was typed");
    for (keys, expected) in [
        (keys([]), Checked::UnknownKey),
        (keys([key(2, Scheme::Muster)]), Checked::UnknownKey),
        (keys([key(1, Scheme::PretixSig1)]), Checked::UnknownKey),
        (keys([retired(key(1, Scheme::Muster)), key(2, Scheme::Muster)]), Checked::Retired),
    ] {
        assert_eq!(checked(&code, &keys), expected);
    }
}

#[test]
fn a_ticket_of_another_event_is_said_to_be() {
    let keys = keys([key(1, Scheme::Muster)]);
    assert_eq!(check(event(2), &keys, &read(&muster_code(1)).form), Checked::OtherEvent);
    assert_eq!(checked(&sig1_code(1), &keys), Checked::OtherEvent, "the event has no key of pretix");
    for text in ["kfnd", "", "https://tickets.example/kfnd"] {
        assert_eq!(checked(text, &keys), Checked::Unsigned);
    }
}

/// Every character of a ticket is covered by its signature, or by the key and the event that it names.
#[test]
fn no_character_of_a_ticket_can_be_changed() {
    let keys = keys([key(1, Scheme::Muster), key(2, Scheme::PretixSig1)]);
    for code in [muster_code(1), sig1_code(2)] {
        good(checked(&code, &keys));
        for at in 0..code.len() {
            for with in ['0', '7', 'A', 'Z', 'q', '/'] {
                let mut changed: Vec<char> = code.chars().collect();
                if changed[at].eq_ignore_ascii_case(&with) {
                    continue;
                }
                changed[at] = with;
                let changed: String = changed.into_iter().collect();
                let checked = checked(&changed, &keys);
                assert!(!matches!(checked, Checked::Good(_)), "{changed}");
            }
        }
    }
}

#[test]
fn categories_are_known_by_the_keys_records() {
    let (id, record) = key(1, Scheme::Muster);
    let code = muster_code(1);
    let unnamed = good(checked(&code, &keys([(id, record.clone())])));
    assert_eq!(unnamed.category, TicketCategory::Tagged(CategoryTag::of("Press")));
    assert_eq!(unnamed.category.name([&"Crew".to_owned(), &"Press".to_owned()]), "Press");
    assert_eq!(unnamed.category.name([]), "");
    let named = TicketKey { categories: vec!["Crew".into(), "Press".into()], ..record };
    assert_eq!(good(checked(&code, &keys([(id, named)]))).category, TicketCategory::Named("Press".into()));
}

#[test]
fn a_ticket_of_pretix_is_good_with_any_of_the_keys() {
    let code = sig1_code(2);
    let (id, record) = key(2, Scheme::PretixSig1);
    let products = BTreeMap::from([("5".to_owned(), "Regular".to_owned())]);
    let named = (id, TicketKey { products, ..record });
    let ticket = good(checked(&code, &keys([key(1, Scheme::PretixSig1), named.clone()])));
    assert_eq!((ticket.key, ticket.product, ticket.variation), (key_id(2), Some(5), Some(6)));
    assert_eq!(ticket.category, TicketCategory::Named("Regular".into()));
    assert_eq!(ticket.holder, bearer_of(event(1), TicketHash::of(event(1), &code)));
    let plain = good(checked(&code, &keys([key(2, Scheme::PretixSig1)])));
    assert_eq!(plain.category, TicketCategory::Named("Product 5".into()));
    assert_eq!(checked(&code, &keys([key(1, Scheme::PretixSig1), key(2, Scheme::Muster)])), Checked::Bad);
    assert_eq!(checked(&code, &keys([retired(named)])), Checked::Retired);
}
