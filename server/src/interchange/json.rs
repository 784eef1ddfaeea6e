//! JSON from outside: bounded before it is parsed, and small helpers to read it leniently.

use serde_json::{Map, Value};

use super::error::ImportError;
use super::text::{byte_order_mark, clean, decode, line_of};
use super::{ReadLimits, text};

/// Decodes, bounds and parses one or more JSON values that follow each other.
pub(crate) fn parse_all(bytes: &[u8], limits: &ReadLimits) -> Result<Vec<Value>, ImportError> {
    let (encoding, rest) = byte_order_mark(bytes);
    let text = decode(rest, encoding.unwrap_or(encoding_rs::UTF_8))?;
    bound(text.as_bytes(), limits)?;
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        values.push(value.map_err(|error| broken(&error))?);
    }
    if values.is_empty() { Err(ImportError::Empty) } else { Ok(values) }
}

fn broken(error: &serde_json::Error) -> ImportError {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    ImportError::Json { line: number(error.line()), column: number(error.column()) }
}

/// Bounds what parsing will cost: depth and number of values, counted in one pass.
fn bound(bytes: &[u8], limits: &ReadLimits) -> Result<(), ImportError> {
    let (mut depth, mut values, mut in_string, mut escaped) = (0_usize, 1_usize, false, false);
    for (position, &byte) in bytes.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                0..=8 | 11 | 12 | 14..=31 => {
                    let line = line_of(bytes, position);
                    return Err(ImportError::ControlCharacter { line, character: u32::from(byte) });
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                values = values.saturating_add(1);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values = values.saturating_add(1),
            _ => {}
        }
        if depth > limits.depth {
            return Err(ImportError::TooDeep { limit: limits.depth });
        }
        if values > limits.values {
            let limit = u64::try_from(limits.values).unwrap_or(u64::MAX);
            return Err(ImportError::TooLarge { what: "values", limit });
        }
    }
    Ok(())
}

/// The text of a field: strings and numbers as they are, all else as nothing.
pub(crate) fn text_of(fields: &Map<String, Value>, name: &str) -> String {
    match fields.get(name) {
        Some(Value::String(text)) => text::clean(text),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The truth of a field: `true`, `"true"` and `"yes"` are, all else is not.
pub(crate) fn bool_of(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get(name) {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => ["true", "yes", "1"].contains(&text.to_ascii_lowercase().as_str()),
        _ => false,
    }
}

/// The objects of a field that holds a list of them.
pub(crate) fn objects_of<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> + use<'a> {
    fields.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// A text that may be given in several languages (`{"en": ..., "de": ...}`): English, else the first.
pub(crate) fn localized(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => clean(text),
        Some(Value::Object(languages)) => {
            let spoken = |text: &&Value| text.as_str().is_some_and(|text| !text.trim().is_empty());
            let chosen = languages.get("en").filter(spoken).or_else(|| languages.values().find(spoken));
            chosen.and_then(Value::as_str).map(clean).unwrap_or_default()
        }
        _ => String::new(),
    }
}
