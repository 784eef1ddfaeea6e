//! What a scanner reads: a ticket's code in one of its forms, or anything else that is printed in squares.

use muster_model::id::EventId;
use muster_model::ticket::{MAX_CODE_CHARS, TicketHash, code};

use crate::{mode_and_text, seed};

/// The most texts that one code is looked up by, and the most bytes of one: an address of bytes that are no text has
/// three for each of them.
const MOST_CANDIDATES: usize = MAX_CODE_CHARS;
const MOST_BYTES: usize = 4 * MAX_CODE_CHARS;

/// What the roster is asked for when this is scanned: the one place that names the parser.
fn candidates(text: &str) -> Vec<String> {
    code::read(text).candidates
}

/// Takes a scanned text.
pub fn run(data: &[u8]) {
    let Some((mode, text)) = mode_and_text(data) else { return };
    if mode & 1 != 0 {
        return hash(&text);
    }
    let event = EventId::from_random([1; 16]);
    let found = candidates(&text);
    assert!(found.len() <= MOST_CANDIDATES && found.iter().all(|one| one.len() <= MOST_BYTES), "{}", found.len());
    let Some(first) = found.first() else { return };
    assert_eq!(candidates(first).first(), Some(first), "a code that is looked up is read as itself");
    for candidate in &found {
        let hash = TicketHash::of(event, candidate);
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }
}

/// A hash has one spelling.
fn hash(text: &str) {
    if let Ok(hash) = text.parse::<TicketHash>() {
        assert!(hash.to_string().eq_ignore_ascii_case(text));
    }
}

/// Codes as they are printed.
pub fn seeds() -> Vec<Vec<u8>> {
    let codes = [
        " kfndgffgyw4tdgca\r\n",
        "\u{feff}==QCiFO1\t",
        "https://tickets.example/t/kfnd/",
        "HTTPS://tickets.example/check?lang=lv&code=kf%2Bnd#x",
        "muster:kfnd",
        r#"{"i":[2,"indico.example/e","aGVsbG8="]}"#,
        r#"{"checkin_secret":"x","event_id":1}"#,
        "WIFI:S:venue;;",
        "E4BibyTSylQOgeKjuMPiTDxi5YXPuTVsx1qCjny8kTQHCHr9QckwFwHdrKTYWbXxOFEuhy8hxnDmjcJxzNVQAw==",
    ];
    let hash = TicketHash::of(EventId::from_random([1; 16]), "kfnd").to_string();
    codes.iter().map(|code| seed(0, code)).chain([seed(1, hash)]).collect()
}
