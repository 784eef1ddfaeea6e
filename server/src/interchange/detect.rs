//! Telling formats apart by their content.

use super::Format;
use super::error::ImportError;
use super::text::byte_order_mark;

/// How far into a file its kind is looked for.
const PROBE: usize = 64 * 1024;

/// What a file is at first sight.
enum Sight {
    Xml { root: String },
    Json { keys: Vec<String> },
    Binary(&'static str),
    Lines,
}

/// The format of a file, judged by its content alone; `None` if it is none that can be imported.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Format> {
    match sight(bytes) {
        Sight::Xml { root } => (root == "schedule").then_some(Format::ScheduleXml),
        Sight::Json { keys } => {
            let has = |name: &str| keys.iter().any(|key| key == name);
            if has("schedule") || (has("conference") && has("version")) {
                Some(Format::ScheduleJson)
            } else {
                is_pretix(&keys).then_some(Format::PretixOrders)
            }
        }
        Sight::Binary(_) => None,
        Sight::Lines => {
            own_list(bytes).or_else(|| super::attendees::looks_like_list(bytes).then_some(Format::AttendeesCsv))
        }
    }
}

/// Which of Muster's own lists a file is by its headings, even if a column is missing.
fn own_list(bytes: &[u8]) -> Option<Format> {
    let headings = super::table::head(bytes)?;
    if super::presenters::looks_like_list(&headings) {
        Some(Format::PresentersCsv)
    } else {
        super::rooms::looks_like_list(&headings).then_some(Format::RoomsCsv)
    }
}

/// Whether the keys at the beginning of a JSON file are those of a pretix resource.
fn is_pretix(keys: &[String]) -> bool {
    let has = |name: &str| keys.iter().any(|key| key == name);
    has("positions")
        || has("all_products")
        || has("limit_products")
        || (has("admission") && has("default_price"))
        || (has("slug") && has("date_from"))
        || (has("question") && has("identifier"))
        || has("positionid")
        || has("valid_keys")
        || (has("secret") && (has("blocked") || has("created")))
        || (has("results") && has("count"))
}

/// Refuses a file that is plainly of another kind, and says of which.
pub(crate) fn refuse_other(expected: Format, bytes: &[u8]) -> Result<(), ImportError> {
    let wrong = |found: String, remedy| Err(ImportError::WrongKind { found, expected: expected.describe(), remedy });
    let found = sight(bytes);
    match (expected, found) {
        (_, Sight::Binary(what)) => {
            wrong(what.to_owned(), "export the data as text (CSV, XML or JSON), not as a document or archive")
        }
        (Format::ScheduleXml, Sight::Xml { root }) if root == "schedule" || root.is_empty() => Ok(()),
        (_, Sight::Xml { root }) if root.eq_ignore_ascii_case("html") => {
            wrong("a web page".to_owned(), "download the file itself; the server may have answered with a login page")
        }
        (Format::ScheduleXml, Sight::Xml { root }) => {
            wrong(format!("XML with the root element {}", super::text::excerpt(&root)), "its root must be schedule")
        }
        (Format::ScheduleJson | Format::PretixOrders, Sight::Json { .. }) => Ok(()),
        (Format::AttendeesCsv | Format::RoomsCsv | Format::PresentersCsv, Sight::Lines) => match own_list(bytes) {
            Some(own) if own != expected => wrong(own.describe().to_owned(), "import it as the format it is"),
            _ => Ok(()),
        },
        (_, Sight::Xml { .. }) => wrong("XML".to_owned(), "import it as the format it is"),
        (_, Sight::Json { .. }) => wrong("JSON".to_owned(), "import it as the format it is"),
        (_, Sight::Lines) => wrong("plain text or a list".to_owned(), "import it as the format it is"),
    }
}

fn sight(bytes: &[u8]) -> Sight {
    let signatures: [(&[u8], &'static str); 5] = [
        (b"PK\x03\x04", "a ZIP archive or a spreadsheet (XLSX, ODS)"),
        (b"%PDF", "a PDF document"),
        (b"\xd0\xcf\x11\xe0", "an old Office document (XLS)"),
        (b"\x1f\x8b", "a compressed file (gzip)"),
        (b"\x89PNG", "a picture"),
    ];
    if let Some((_, what)) = signatures.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Sight::Binary(what);
    }
    let (encoding, rest) = byte_order_mark(bytes);
    let head = rest.get(..PROBE).unwrap_or(rest);
    let text = match encoding {
        Some(encoding) => encoding.decode_without_bom_handling(head).0.into_owned(),
        None => String::from_utf8_lossy(head).into_owned(),
    };
    let start = text.trim_start();
    match start.chars().next() {
        Some('<') => Sight::Xml { root: root_of(start) },
        Some('{' | '[') => Sight::Json { keys: first_keys(start) },
        _ => Sight::Lines,
    }
}

/// The name of an XML file's root element: the first tag that is no declaration, comment or instruction.
fn root_of(text: &str) -> String {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if after.starts_with(['?', '!']) {
            rest = after;
        } else {
            let name: String =
                after.chars().take_while(|c| !c.is_whitespace() && !['>', '/', '<'].contains(c)).collect();
            return name;
        }
    }
    String::new()
}

/// The keys of the first three levels of the beginning of a JSON text, as far as it reads.
fn first_keys(text: &str) -> Vec<String> {
    let (mut keys, mut depth, mut rest) = (Vec::new(), 0_u32, text.chars().peekable());
    while let Some(character) = rest.next() {
        match character {
            '{' | '[' => depth = depth.saturating_add(1),
            '}' | ']' => depth = depth.saturating_sub(1),
            '"' => {
                let mut string = String::new();
                while let Some(inner) = rest.next() {
                    match inner {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        other => string.push(other),
                    }
                }
                while rest.next_if(|next| next.is_whitespace()).is_some() {}
                if depth <= 3 && rest.peek() == Some(&':') && keys.len() < 1_000 {
                    keys.push(string);
                }
            }
            _ => {}
        }
    }
    keys
}
