//! The tickets that people carry to the door, read from the attendee file as they would be printed from it.
//!
//! The roster knows only hashes, so the demo cannot ask Muster for them: it must hold the paper.

use std::path::{Path, PathBuf};

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

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Codes(all) | Self::Names(all) => all.len(),
        }
    }
}
