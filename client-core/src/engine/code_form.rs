//! The forms in which a ticket's code reaches a scanner.
//!
//! A code is looked up as it stands and, when it is an address, by the parts of it that may be the code. What another
//! system printed in a form of its own can be told from a code that nobody knows.

use muster_model::ticket::MAX_CODE_CHARS;

/// What a scanned text may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeForm {
    /// One of these may be a ticket of this event; in the order in which they are tried.
    Candidates(Vec<String>),
    /// Nothing that could be a ticket.
    Junk,
}

/// The parameters under which addresses carry codes.
const PARAMETERS: [&str; 5] = ["code", "ticket", "secret", "token", "t"];

/// Reads a scanned text.
#[must_use]
pub fn read(text: &str) -> CodeForm {
    // A byte order mark and the control characters that scanners append are not part of a code.
    let code = text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if code.is_empty() || code.chars().count() > MAX_CODE_CHARS || code.contains(char::is_control) {
        return CodeForm::Junk;
    }
    let mut candidates = vec![code.to_owned()];
    candidates.extend(parts_of_address(code));
    CodeForm::Candidates(candidates)
}

fn parts_of_address(code: &str) -> Vec<String> {
    let Some((scheme, rest)) = code.split_once(':') else { return Vec::new() };
    let rest = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.trim_start_matches('/').split_once('/').map_or("", |(_, rest)| rest),
        "muster" => rest.trim_start_matches('/'),
        _ => return Vec::new(),
    };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let of_query = pairs.filter(|(name, _)| PARAMETERS.contains(name)).map(|(_, value)| value);
    let of_path = path.split('/').rfind(|part| !part.is_empty());
    let parts = of_query.chain(of_path).chain((!fragment.is_empty()).then_some(fragment));
    parts.map(percent_decoded).filter(|part| !part.is_empty()).collect()
}

/// Undoes percent-encoding (RFC 3986, 2.1); what is no encoding stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a code that nobody knows is plainly a ticket of another system.
///
/// Indico prints compact JSON: `{"i":[2,"host/path",...]}`, formerly an object with a `checkin_secret`.
#[must_use]
pub fn is_of_another_system(code: &str) -> bool {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(code) else { return false };
    fields.get("i").is_some_and(|value| value.as_array().is_some_and(|parts| parts.len() >= 3))
        || fields.contains_key("checkin_secret")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidates(text: &str) -> Vec<String> {
        match read(text) {
            CodeForm::Candidates(candidates) => candidates,
            CodeForm::Junk => Vec::new(),
        }
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
    fn what_cannot_be_a_ticket_is_junk() {
        for text in ["", "  ", "\0\u{1}", "ab\u{0}cd"] {
            assert_eq!(read(text), CodeForm::Junk, "{text:?}");
        }
        assert_eq!(read(&"x".repeat(MAX_CODE_CHARS + 1)), CodeForm::Junk);
        assert_eq!(candidates(&"x".repeat(MAX_CODE_CHARS)).len(), 1);
    }

    #[test]
    fn tickets_of_other_systems_are_told_apart() {
        assert!(is_of_another_system(r#"{"i":[2,"indico.example/e","aGVsbG8="]}"#));
        assert!(is_of_another_system(r#"{"checkin_secret":"x","event_id":1}"#));
        for code in ["kfnd", "{}", "[1,2]", r#"{"i":2}"#, "{\"i\":"] {
            assert!(!is_of_another_system(code), "{code}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in any::<String>()) {
            let _ = read(&text);
            let _ = is_of_another_system(&text);
        }
    }
}
