//! What an import has to say besides its result: what was skipped, kept or assumed.

use serde::{Deserialize, Serialize};

/// The most notes kept of one import; the rest are counted.
pub const MAX_NOTES: usize = 1_000;

/// Something that was skipped, kept or assumed. Never holds personal data: rows and elements go by their place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportNote {
    /// The note's stable code.
    pub code: String,
    /// Where: a line, a row, a path of elements, a record's id.
    pub place: String,
    /// What happened and why.
    pub detail: String,
}

/// The notes of an import: the first [`MAX_NOTES`], and how many there were beyond them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportNotes {
    /// The first of them, in the order of the file.
    pub notes: Vec<ImportNote>,
    /// How many more there were.
    pub omitted: u64,
}

impl ImportNotes {
    /// Adds a note; only counts it if there are too many.
    pub fn add(&mut self, code: &'static str, place: impl Into<String>, detail: impl Into<String>) {
        if self.notes.len() >= MAX_NOTES {
            self.omitted = self.omitted.saturating_add(1);
        } else {
            self.notes.push(ImportNote { code: code.into(), place: place.into(), detail: detail.into() });
        }
    }

    /// Adds all notes of another import.
    pub fn extend(&mut self, other: &Self) {
        for note in &other.notes {
            if self.notes.len() >= MAX_NOTES {
                self.omitted = self.omitted.saturating_add(1);
            } else {
                self.notes.push(note.clone());
            }
        }
        self.omitted = self.omitted.saturating_add(other.omitted);
    }

    /// How many of the kept notes have this code.
    #[must_use]
    pub fn count(&self, code: &str) -> usize {
        self.notes.iter().filter(|note| note.code == code).count()
    }
}
