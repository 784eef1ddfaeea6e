//! Lists in CSV: what all readers of them share, and the rows of Muster's own, whose columns are fixed.

use csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::ReadContext;
use super::error::ImportError;
use super::note::{ImportNotes, NoteCode};
use super::text::{byte_order_mark, clean, decode_list, excerpt, refuse_control_characters};

/// The most parts of a cell that holds several.
const MAX_PARTS: usize = 200;

/// The fields of a list's first line; `None` if it does not read.
pub(crate) fn head(bytes: &[u8]) -> Option<StringRecord> {
    let head = bytes.get(..64 * 1024).unwrap_or(bytes);
    let line_end = head.iter().position(|&byte| byte == b'\n').unwrap_or(head.len());
    let head = if byte_order_mark(head).0.is_some() { head } else { head.get(..line_end).unwrap_or(head) };
    let (text, _) = decode_list(head, "UTC").ok()?;
    let first = text.lines().next().unwrap_or_default();
    records(first, separator_of(first)).into_records().next().and_then(Result::ok)
}

/// Decodes a list and bounds its rows; gives its text and its separator.
pub(crate) fn open(
    bytes: &[u8],
    context: &ReadContext,
    rows: usize,
    notes: &mut ImportNotes,
) -> Result<(String, u8), ImportError> {
    let (text, assumed) = decode_list(bytes, context.time_zone.name())?;
    refuse_control_characters(&text)?;
    if let Some(encoding) = assumed {
        let detail = format!("the file is not UTF-8: it was read as {encoding}; check the names with accents");
        notes.add(NoteCode::EncodingAssumed, "file", detail);
    }
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let separator = separator_of(first);
    bound(&text, separator, rows)?;
    Ok((text, separator))
}

/// The rows of a text, however many fields each has.
pub(crate) fn records(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes())
}

/// Counts the rows before any is kept: a list that is too long must not cost memory.
fn bound(text: &str, separator: u8, limit: usize) -> Result<(), ImportError> {
    let mut reader = records(text, separator);
    let mut row = ByteRecord::new();
    // The heading is not counted.
    for _ in 0..=limit {
        if !reader.read_byte_record(&mut row).unwrap_or(false) {
            return Ok(());
        }
    }
    if reader.read_byte_record(&mut row).unwrap_or(false) {
        return Err(ImportError::TooLarge { what: "rows", limit: u64::try_from(limit).unwrap_or(u64::MAX) });
    }
    Ok(())
}

/// The separator: the one of comma, semicolon and tab that divides the first line most, outside quotes.
fn separator_of(line: &str) -> u8 {
    let count = |separator: u8| {
        let mut record = ByteRecord::new();
        let mut reader = records(line, separator);
        let read = reader.read_byte_record(&mut record).unwrap_or(false);
        if read { record.len() } else { 0 }
    };
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|&separator| count(separator)).unwrap_or(b',')
}

/// A heading without case, spaces and punctuation.
pub(crate) fn plain(heading: &str) -> String {
    heading.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A column of one of Muster's own lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnColumn {
    /// Its heading.
    pub(crate) heading: &'static str,
    /// What it holds, in an error's words.
    pub(crate) holds: &'static str,
}

/// One of Muster's own lists: every column is there, in any order.
#[derive(Debug, Default)]
pub(crate) struct OwnList {
    /// The rows that can be read.
    pub(crate) rows: Vec<OwnRow>,
    /// How many there were, and how many were skipped.
    pub(crate) counts: super::Counts,
    /// What was skipped or assumed.
    pub(crate) notes: ImportNotes,
}

/// A row of one of Muster's own lists.
#[derive(Debug, Default)]
pub(crate) struct OwnRow {
    /// Its number in the file, the heading's being 1.
    pub(crate) number: u64,
    cells: Vec<(&'static str, String)>,
}

/// A cell that does not hold what its column should; the row is skipped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadCell {
    /// The column's heading.
    pub(crate) column: &'static str,
    /// What is expected there.
    pub(crate) expected: &'static str,
}

impl OwnRow {
    /// What stands in a column.
    pub(crate) fn text(&self, column: OwnColumn) -> &str {
        self.cells.iter().find(|(heading, _)| *heading == column.heading).map_or("", |(_, cell)| cell)
    }

    /// The parts of a cell that are separated by semicolons.
    pub(crate) fn parts(&self, column: OwnColumn) -> Result<Vec<String>, BadCell> {
        let all = self.text(column).split(';').map(clean).filter(|part| !part.is_empty());
        let parts: Vec<String> = all.take(MAX_PARTS + 1).collect();
        let bad = BadCell { column: column.heading, expected: "at most 200 parts, separated by semicolons" };
        if parts.len() > MAX_PARTS { Err(bad) } else { Ok(parts) }
    }
}

impl OwnList {
    /// Reads the rows of a list with these columns.
    pub(crate) fn read(bytes: &[u8], context: &ReadContext, columns: &[OwnColumn]) -> Result<Self, ImportError> {
        let mut list = Self::default();
        let (text, separator) = open(bytes, context, context.limits.sessions, &mut list.notes)?;
        let mut reader = records(&text, separator);
        let mut rows = reader.records();
        let head = rows.next().and_then(Result::ok).ok_or(ImportError::Empty)?;
        let places = places(&head, columns)?;
        for (place, heading) in head.iter().enumerate() {
            if !heading.trim().is_empty() && !places.iter().any(|(_, known)| *known == place) {
                let detail = format!("the heading \"{}\" is not known: the column is left out", excerpt(heading));
                list.notes.add(NoteCode::ColumnUnknown, format!("column {}", place + 1), detail);
            }
        }
        for (index, record) in rows.enumerate() {
            let number = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(2);
            match record {
                Ok(record) => list.row(&record, number, &places, head.len(), context.limits.text_chars),
                Err(_) => list.skip(NoteCode::RowUnreadable, format!("row {number}"), "skipped: it cannot be read"),
            }
        }
        Ok(list)
    }

    fn row(
        &mut self,
        record: &StringRecord,
        number: u64,
        places: &[(OwnColumn, usize)],
        headings: usize,
        limit: usize,
    ) {
        if record.iter().all(|field| field.trim().is_empty()) {
            return;
        }
        self.counts.read = self.counts.read.saturating_add(1);
        let surplus = record.iter().skip(headings).any(|field| !field.trim().is_empty());
        if record.len() < headings || surplus {
            let detail = format!("skipped: it has {} fields, the heading has {headings}", record.len());
            self.skip(NoteCode::RowFields, format!("row {number}"), &detail);
            return;
        }
        let mut row = OwnRow { number, cells: Vec::with_capacity(places.len()) };
        for (column, place) in places {
            let mut cell = record.get(*place).map(super::attendees::unguarded).unwrap_or_default();
            if cell.len() > limit && cell.chars().count() > limit {
                cell = cell.chars().take(limit).collect();
                let detail = format!("a text of more than {limit} characters was cut");
                self.notes.add(NoteCode::TextShortened, format!("row {number}, {}", column.heading), detail);
            }
            row.cells.push((column.heading, cell));
        }
        self.rows.push(row);
    }

    /// Counts and notes something that is skipped.
    pub(crate) fn skip(&mut self, code: NoteCode, place: String, detail: &str) {
        self.counts.skipped = self.counts.skipped.saturating_add(1);
        self.notes.add(code, place, detail);
    }

    /// Counts and notes a row that is skipped because of a cell: by row and column, never by what stands there.
    pub(crate) fn skip_cell(&mut self, number: u64, bad: &BadCell) {
        let detail = format!("skipped: expected {}", bad.expected);
        self.skip(NoteCode::ValueUnreadable, format!("row {number}, {}", bad.column), &detail);
    }
}

/// Where the columns stand.
fn places(head: &StringRecord, columns: &[OwnColumn]) -> Result<Vec<(OwnColumn, usize)>, ImportError> {
    let plains: Vec<String> = head.iter().map(plain).collect();
    let place = |column: &OwnColumn| {
        let name = plain(column.heading);
        let mut found = plains.iter().enumerate().filter(|(_, heading)| **heading == name).map(|(place, _)| place);
        match (found.next(), found.next()) {
            (Some(place), None) => Ok((*column, place)),
            (Some(first), Some(second)) => {
                let (first, second) = (first + 1, second + 1);
                Err(ImportError::AmbiguousColumn { column: column.holds, first, second })
            }
            (None, _) => Err(ImportError::MissingColumn { column: column.holds, accepted: column.heading.to_owned() }),
        }
    };
    columns.iter().map(place).collect()
}
