//! The tickets that people carry to the door, read from the attendee file as they would be printed from it.
//!
//! The roster knows only hashes, so the demo cannot ask Muster for them: it must hold the paper.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// The columns under which ticket codes stand in the files that Muster imports.
const CODE_COLUMNS: [&str; 4] = ["ticket code", "secret", "public id", "barcode"];

/// The columns under which a whole name stands.
const NAME_COLUMNS: [&str; 3] = ["attendee name", "name", "full name"];

/// What people show at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tickets {
    /// Codes to be scanned.
    Codes(Vec<String>),
    /// The file has no codes: people say their names.
    Names(Vec<String>),
}

/// Why a file has no tickets.
#[derive(Debug, thiserror::Error)]
pub enum TicketsError {
    /// The file cannot be read.
    #[error("{} cannot be read", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// It has neither codes nor names.
    #[error("{} has neither a column of ticket codes nor one of names", file.display())]
    NoColumn {
        /// The file.
        file: PathBuf,
    },
}

impl Tickets {
    /// Reads them from an attendee CSV.
    ///
    /// # Errors
    /// If the file cannot be read or has no column that helps.
    pub fn read(file: &Path) -> Result<Self, TicketsError> {
        if file.extension().is_some_and(|extension| extension == "json") {
            return Self::read_orders(file);
        }
        let failed = |source| TicketsError::Read { file: file.to_owned(), source };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(file).map_err(failed)?;
        let headers = reader.headers().map_err(failed)?.clone();
        let column = |names: &[&str]| {
            let plain = |header: &str| header.trim_start_matches('\u{feff}').trim().to_lowercase();
            names.iter().find_map(|name| headers.iter().position(|header| plain(header) == *name))
        };
        let (codes, names) = (column(&CODE_COLUMNS), column(&NAME_COLUMNS));
        let wanted = codes.or(names).ok_or_else(|| TicketsError::NoColumn { file: file.to_owned() })?;
        let mut values = Vec::new();
        for row in reader.records() {
            let row = row.map_err(failed)?;
            values.extend(row.get(wanted).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned));
        }
        Ok(if codes.is_some() { Self::Codes(values) } else { Self::Names(values) })
    }

    /// Reads them from pretix orders: the secret of every position.
    fn read_orders(file: &Path) -> Result<Self, TicketsError> {
        let failed = |source| TicketsError::Read { file: file.to_owned(), source };
        let text = std::fs::read(file).map_err(|error| failed(error.into()))?;
        let orders: Json = serde_json::from_slice(&text).map_err(|error| failed(std::io::Error::from(error).into()))?;
        let mut codes = Vec::new();
        secrets(&orders, &mut codes);
        match codes.is_empty() {
            true => Err(TicketsError::NoColumn { file: file.to_owned() }),
            false => Ok(Self::Codes(codes)),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Codes(all) | Self::Names(all) => all.len(),
        }
    }
}

/// Collects the secrets of the positions of orders, however they are wrapped: one, a list, a page.
fn secrets(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| secrets(item, found)),
        Json::Object(fields) => match fields.get("positions") {
            Some(Json::Array(positions)) => {
                found.extend(positions.iter().filter_map(|one| one.get("secret")?.as_str()).map(str::to_owned));
            }
            _ => fields.values().for_each(|field| secrets(field, found)),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Tickets, TicketsError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        Tickets::read(&file)
    }

    #[test]
    fn codes_are_read_where_there_are_some_and_names_otherwise() {
        let codes = Tickets::Codes(vec!["abc".into(), "def".into()]);
        assert_eq!(read("a.csv", "Name,Ticket code\nAnna,abc\nBruno, def\n").unwrap(), codes);
        assert_eq!(read("a.csv", "\u{feff}Secret,Name\nabc,Anna\ndef,Bruno\n").unwrap(), codes);
        let orders = r#"{"results":[{"code":"A","positions":[{"secret":"abc"},{"secret":"def"}]}]}"#;
        assert_eq!(read("a.json", orders).unwrap(), codes);
        assert_eq!(read("a.csv", "Attendee name\nAnna\n").unwrap(), Tickets::Names(vec!["Anna".into()]));
        assert!(matches!(read("a.csv", "Colour\nblue\n"), Err(TicketsError::NoColumn { .. })));
    }
}
