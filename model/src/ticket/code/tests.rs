use proptest::prelude::*;

use super::*;
use crate::id::EventId;
use crate::testing::{attendee, signing_key};
use crate::ticket::key::{KeyId, TicketKeys};
use crate::ticket::muster::MusterTicket;
use crate::ticket::sig1::Sig1Ticket;
use crate::ticket::signed;

fn event() -> EventId {
    EventId::from_random([1; 16])
}

fn candidates(text: &str) -> Vec<String> {
    read(text).candidates
}

fn muster_code() -> String {
    let key = KeyId::of(&signing_key(1).verifying_key().to_bytes());
    MusterTicket::new(event(), key, attendee(1)).sign(event(), &signing_key(1))
}

fn sig1_code() -> String {
    Sig1Ticket { seed: "abcdefghj".into(), product: 1, ..Sig1Ticket::default() }.sign(&signing_key(1))
}

#[test]
fn a_code_is_looked_for_as_it_stands_and_inside_addresses() {
    assert_eq!(candidates(" kfnd\r\n"), ["kfnd"]);
    assert_eq!(candidates("\u{feff}==QCiFO1\t"), ["==QCiFO1"]);
    assert_eq!(candidates("https://tickets.example/t/kfnd/")[1..], ["kfnd"]);
    assert_eq!(candidates("HTTPS://tickets.example/check?lang=lv&code=kf%2Bnd")[1..], ["kf+nd", "check"]);
    assert_eq!(candidates("https://tickets.example/#kfnd")[1..], ["kfnd"]);
    assert_eq!(candidates("muster:kfnd")[1..], ["kfnd"]);
    assert_eq!(candidates("https://tickets.example"), ["https://tickets.example"]);
    assert_eq!(candidates("WIFI:S:venue;;"), ["WIFI:S:venue;;"]);
}

#[test]
fn every_form_is_told_by_itself() {
    let forms = [
        (muster_code(), "muster"),
        (muster_code().to_lowercase(), "muster"),
        (format!("https://tickets.example/t#{}", muster_code()), "muster"),
        (sig1_code(), "sig1"),
        (format!("https://tickets.example/?secret={}", sig1_code().replace('+', "%2B").replace('/', "%2F")), "sig1"),
        (r#"{"i":[2,"indico.example/e","mYK+TjLPRlangWKtRWCdEg=="]}"#.to_owned(), "indico"),
        (r#"{"checkin_secret":"x","event_id":1,"server_url":"https://indico.example"}"#.to_owned(), "indico"),
        ("https://tickets.example/t/kfnd".to_owned(), "address"),
        ("kfndgffgyw4tdgcacx6bb3bgemq69cxj".to_owned(), "text"),
        ("{}".to_owned(), "text"),
        ("[1,2]".to_owned(), "text"),
        (r#"{"i":2}"#.to_owned(), "text"),
        ("{\"i\":".to_owned(), "text"),
        ("WIFI:S:venue;;".to_owned(), "text"),
        (" \u{feff} ".to_owned(), "nothing"),
    ];
    for (text, expected) in forms {
        let form = match read(&text).form {
            Form::Nothing => "nothing",
            Form::Muster(_) => "muster",
            Form::PretixSig1(..) => "sig1",
            Form::Indico { .. } => "indico",
            Form::Address => "address",
            Form::Text => "text",
        };
        assert_eq!(form, expected, "{text}");
    }
}

#[test]
fn a_signed_ticket_is_looked_up_in_its_one_spelling_first() {
    for text in [muster_code(), muster_code().to_lowercase(), format!("https://tickets.example/{}", muster_code())] {
        assert_eq!(candidates(&text)[0], muster_code(), "{text}");
    }
    assert_eq!(candidates(&sig1_code()), [sig1_code()]);
}

#[test]
fn a_ticket_of_indico_is_looked_up_by_its_secret_in_either_spelling() {
    let code = r#"{"i":[2,"indico.example/e","mYK+TjLPRlangWKtRWCdEg==","X6bXG6goSBG/nH6Z3wTQrw=="]}"#;
    assert_eq!(
        candidates(code)[1..],
        [
            "9982be4e-32cf-4656-a781-62ad45609d12",
            "mYK+TjLPRlangWKtRWCdEg==",
            "5fa6d71b-a828-4811-bf9c-7e99df04d0af",
            "X6bXG6goSBG/nH6Z3wTQrw=="
        ]
    );
    assert_eq!(read(code).form, Form::Indico { server: "indico.example/e".into() });
}

#[test]
fn what_cannot_be_a_ticket_is_nothing() {
    for text in ["", "  ", "\0\u{1}", "ab\u{0}cd"] {
        assert_eq!(read(text), Scanned { form: Form::Nothing, candidates: Vec::new() }, "{text:?}");
    }
    assert_eq!(candidates(&"x".repeat(MAX_CODE_CHARS + 1)).len(), 0);
    assert_eq!(candidates(&"x".repeat(MAX_CODE_CHARS)).len(), 1);
}

#[test]
fn no_code_is_looked_up_more_often_than_it_is_worth() {
    let many = format!("https://tickets.example/?{}", "code=x&".repeat(500));
    assert_eq!(candidates(&many).len(), MAX_CANDIDATES);
    let nested = format!("{{\"i\":[2,\"x\",\"y\",{}]}}", ["\"z\""; 900].join(","));
    assert!(candidates(&nested).len() <= MAX_CANDIDATES);
}

/// The texts that reach a parser last: long, deep, nearly right.
#[test]
fn the_worst_texts_are_read_at_once() {
    let deep = format!("{}{}", "{\"i\":".repeat(700), "1");
    let worst = [
        "[".repeat(MAX_CODE_CHARS),
        deep,
        "%".repeat(MAX_CODE_CHARS),
        format!("https://x/?{}", "t=%41&".repeat(700)),
        format!("MT1{}", "0".repeat(144)),
        "A".repeat(432),
        "=".repeat(MAX_CODE_CHARS),
        "x".repeat(1_000_000),
        "é".repeat(1_000_000),
    ];
    let began = std::time::Instant::elapsed;
    #[expect(clippy::disallowed_methods, reason = "a test of how long it takes")]
    let start = std::time::Instant::now();
    for text in &worst {
        for _ in 0..20 {
            std::hint::black_box(read(text));
        }
    }
    let took = began(&start);
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}

proptest! {
    #[test]
    fn no_text_makes_it_fail(text in any::<String>()) {
        let scanned = read(&text);
        prop_assert!(scanned.candidates.len() <= MAX_CANDIDATES);
        let _ = signed::check(event(), &TicketKeys::default(), &scanned.form);
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&String::from_utf8_lossy(&bytes));
    }

    /// A good code with some of its characters changed: the form may hold, nothing may break, and no other code has the
    /// spelling of the first.
    #[test]
    fn a_damaged_ticket_is_another_ticket(at in 0_usize..147, with in "[0-9A-Za-z+/=]", pretix in any::<bool>()) {
        let code = if pretix { sig1_code() } else { muster_code() };
        let damaged: String = code.chars().enumerate().map(|(index, c)| if index == at % code.len() { with.chars().next().unwrap() } else { c }).collect();
        let scanned = read(&damaged);
        let same = if pretix { damaged == code } else { damaged.eq_ignore_ascii_case(&code) };
        prop_assert_eq!(scanned.candidates.first() == Some(&code), same);
    }
}
