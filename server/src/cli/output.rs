//! What commands print.

use std::io::Write;

use muster_model::time::Timestamp;
use serde_json::Value;

use super::CliError;

/// Prints JSON as the API answers.
pub(super) fn json(value: &Value, output: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|_| CliError::Answer)?;
    Ok(writeln!(output, "{text}")?)
}

/// A field of an answer as people read it: nothing for null.
pub(super) fn text(value: &Value, field: &str) -> String {
    match value.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A point in time as people read it, to the minute, in UTC; a dash for none.
pub(super) fn time(value: &Value, field: &str) -> String {
    match value.get(field).and_then(Value::as_i64) {
        None | Some(0) => "-".to_owned(),
        Some(ms) => {
            let text = Timestamp::from_ms(ms).to_string();
            text.get(..16).map_or(text.clone(), |minute| format!("{}Z", minute.replace('T', " ")))
        }
    }
}

/// The list in a field of an answer.
pub(super) fn list<'a>(value: &'a Value, field: &str) -> Result<&'a [Value], CliError> {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).ok_or(CliError::Answer)
}

/// Prints rows in columns as wide as their widest cell.
pub(super) fn table(rows: &[Vec<String>], output: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or_default()).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(output, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
