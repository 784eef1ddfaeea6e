//! What was scanned: the forms in which a ticket's code reaches a scanner.
//!
//! A code is looked up as it stands and, when it is an address or a ticket of Indico, by the parts of it that may be what
//! the roster knows. Signed tickets are told by their form; whether they are good, [`crate::ticket::signed`] says. Every
//! text is read in a time that is bounded by its length, and none longer than [`MAX_CODE_CHARS`].

use crate::ticket::{MAX_CODE_CHARS, muster, sig1};

/// The most texts that a code is looked up by.
pub const MAX_CANDIDATES: usize = 8;

/// The parameters under which addresses carry codes.
const PARAMETERS: [&str; 5] = ["code", "ticket", "secret", "token", "t"];

/// The form of what was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Nothing that could be a ticket.
    Nothing,
    /// Muster's own signed ticket, by its form.
    Muster(Box<muster::Signed>),
    /// A signed ticket of pretix, by its form, and the code it is.
    PretixSig1(Box<sig1::Signed>, String),
    /// A ticket of Indico: an unsigned secret, with the server it is of.
    Indico {
        /// The server, as far as the ticket names it.
        server: String,
    },
    /// A web address.
    Address,
    /// Anything else: most likely a random secret.
    Text,
}

/// What was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// Its form.
    pub form: Form,
    /// What the roster may know it by, in the order in which it is tried.
    pub candidates: Vec<String>,
}

/// Reads a scanned text.
#[must_use]
pub fn read(text: &str) -> Scanned {
    // A byte order mark and the control characters that scanners append are not part of a code.
    let code = text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if code.is_empty() || code.chars().nth(MAX_CODE_CHARS).is_some() || code.contains(char::is_control) {
        return Scanned { form: Form::Nothing, candidates: Vec::new() };
    }
    let mut candidates = vec![code.to_owned()];
    if let Some(form) = signed(code, &mut candidates) {
        return Scanned { form, candidates };
    }
    if let Some((server, secrets)) = indico(code) {
        candidates.extend(secrets);
        candidates.truncate(MAX_CANDIDATES);
        return Scanned { form: Form::Indico { server }, candidates };
    }
    let Some(parts) = parts_of_address(code) else { return Scanned { form: Form::Text, candidates } };
    for part in parts {
        // An address may carry a signed ticket, as any other code.
        if let Some(form) = signed(&part, &mut candidates) {
            return Scanned { form, candidates };
        }
        if candidates.len() < MAX_CANDIDATES {
            candidates.push(part);
        }
    }
    Scanned { form: Form::Address, candidates }
}

/// The signed ticket that a code is by its form; then it is looked up in its one spelling first.
fn signed(code: &str, candidates: &mut Vec<String>) -> Option<Form> {
    let (form, spelling) = if let Some(signed) = muster::Signed::parse(code) {
        let spelling = signed.code();
        (Form::Muster(Box::new(signed)), spelling)
    } else {
        let signed = sig1::Signed::parse(code)?;
        (Form::PretixSig1(Box::new(signed), code.to_owned()), code.to_owned())
    };
    candidates.retain(|candidate| *candidate != spelling);
    candidates.insert(0, spelling);
    candidates.truncate(MAX_CANDIDATES);
    Some(form)
}

/// The parts of an address that may be a code; `None` if it is no address.
fn parts_of_address(code: &str) -> Option<impl Iterator<Item = String>> {
    let (scheme, rest) = code.split_once(':')?;
    let rest = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.trim_start_matches('/').split_once('/').map_or("", |(_, rest)| rest),
        "muster" => rest.trim_start_matches('/'),
        _ => return None,
    };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let of_query = pairs.filter(|(name, _)| PARAMETERS.contains(name)).map(|(_, value)| value);
    let of_path = path.split('/').rfind(|part| !part.is_empty());
    let parts = of_query.chain(of_path).chain((!fragment.is_empty()).then_some(fragment));
    Some(parts.map(percent_decoded).filter(|part| !part.is_empty()).take(MAX_CANDIDATES))
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

/// The server and the secrets of a ticket of Indico: compact JSON `{"i":[2,"host/path","<base64 of a UUID>",...]}`,
/// formerly an object with a `checkin_secret`. A list may have the UUID in either spelling.
fn indico(code: &str) -> Option<(String, Vec<String>)> {
    let serde_json::Value::Object(fields) = serde_json::from_str(code).ok()? else { return None };
    let text =
        |value: Option<&serde_json::Value>| value.and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    if let Some(parts) = fields.get("i").and_then(serde_json::Value::as_array).filter(|parts| parts.len() >= 3) {
        let secrets = parts.iter().skip(2).take(2).filter_map(serde_json::Value::as_str);
        let spellings = secrets.flat_map(|secret| uuid_of(secret).into_iter().chain([secret.to_owned()]));
        return Some((text(parts.get(1)), spellings.collect()));
    }
    let secret = fields.get("checkin_secret")?;
    Some((text(fields.get("server_url")), vec![text(Some(secret))]))
}

fn uuid_of(base64: &str) -> Option<String> {
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).ok()?;
    Some(uuid::Uuid::from_slice(&bytes).ok()?.hyphenated().to_string())
}

#[cfg(test)]
mod tests;
