//! Lists of attendees: CSV files of registration systems, spreadsheets and Muster itself.
//!
//! What a column holds is told by its heading, by the tables in [`columns`]. Every row is one attendee; a row that cannot
//! be one is skipped with a note that names the row, never the person.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use csv::StringRecord;
use muster_model::attendee::Contact;
use muster_model::id::{AttendeeId, RecordId};
use muster_model::ticket::TicketHash;

use self::columns::Headings;
use self::status::registration_of;
use super::error::ImportError;
use super::note::{ImportNotes, NoteCode};
use super::table::{head, open, records};
use super::text::{clean, excerpt};
use super::{Draft, ReadContext};

mod columns;
mod row;
mod status;

use row::Row;

/// The most characters of one row's unknown columns that are kept.
const MAX_EXTRA_CHARS: usize = 2_000;

/// Whether a file may be a list of attendees: its first line has headings that are known, or columns at all.
pub(crate) fn looks_like_list(bytes: &[u8]) -> bool {
    head(bytes).is_some_and(|record| {
        record.len() >= 2 && (columns::recognise(&record).is_ok() || columns::is_indico_import(&record))
    })
}

/// Reads a list of attendees.
pub(crate) fn read(bytes: &[u8], context: &ReadContext) -> Result<Draft, ImportError> {
    let mut notes = ImportNotes::default();
    let (text, separator) = open(bytes, context, context.limits.attendees, &mut notes)?;
    let mut reader = records(&text, separator);
    let mut rows = reader.records();
    let head = rows.next().and_then(Result::ok).ok_or(ImportError::Empty)?;
    let mut list = List { context, notes, rows: Vec::new(), read: 0, skipped: 0, check_ins: 0 };
    let headings = if columns::is_indico_import(&head) {
        let headings = columns::indico_import();
        list.row(&head, 1, &headings);
        headings
    } else {
        columns::recognise(&head)?
    };
    for (index, record) in rows.enumerate() {
        let number = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(2);
        match record {
            Ok(record) => list.row(&record, number, &headings),
            Err(_) => list.skip(NoteCode::RowUnreadable, number, "skipped: it cannot be read"),
        }
    }
    Ok(list.into_draft(&headings))
}

struct List<'a> {
    context: &'a ReadContext,
    notes: ImportNotes,
    rows: Vec<Row>,
    read: u64,
    skipped: u64,
    check_ins: u64,
}

impl List<'_> {
    fn skip(&mut self, code: NoteCode, number: u64, detail: &str) {
        self.skipped = self.skipped.saturating_add(1);
        self.notes.add(code, format!("row {number}"), detail);
    }

    fn row(&mut self, record: &StringRecord, number: u64, headings: &Headings) {
        if record.iter().all(|field| field.trim().is_empty()) {
            return;
        }
        self.read = self.read.saturating_add(1);
        let surplus = record.iter().skip(headings.count()).any(|field| !field.trim().is_empty());
        if record.len() < headings.count() || surplus {
            let detail = format!("skipped: it has {} fields, the heading has {}", record.len(), headings.count());
            self.skip(NoteCode::RowFields, number, &detail);
            return;
        }
        let mut row = Row::read(record, number, headings);
        if row.attendee.name.is_empty() {
            self.skip(NoteCode::RowWithoutName, number, "skipped: it names nobody");
            return;
        }
        if row.checked_in {
            self.check_ins = self.check_ins.saturating_add(1);
        }
        if !row.status.is_empty() {
            match registration_of(&row.status) {
                Some(registration) => row.attendee.registration = registration,
                None => {
                    let detail = format!("the status \"{}\" is not known: taken as confirmed", excerpt(&row.status));
                    self.notes.add(NoteCode::StatusUnknown, format!("row {number}"), detail);
                }
            }
        }
        if !row.ticket.is_empty() {
            row.attendee.ticket = Some(TicketHash::of(self.context.event, &row.ticket));
            row.ticket.clear();
        }
        self.rows.push(row);
    }

    fn into_draft(mut self, headings: &Headings) -> Draft {
        let event = self.context.event;
        let mut emails = BTreeMap::<String, u32>::new();
        for row in &self.rows {
            if !row.contact.email.is_empty() {
                *emails.entry(row.contact.email.to_lowercase()).or_default() += 1;
            }
        }
        let mut draft = Draft::default();
        let (mut tickets, mut orders) = (BTreeSet::new(), BTreeMap::<String, u32>::new());
        for row in std::mem::take(&mut self.rows) {
            let shared = emails.get(&row.contact.email.to_lowercase()).is_some_and(|&count| count > 1);
            let id = row.own_id.unwrap_or_else(|| AttendeeId::derive(event, &key_of(&row, shared, &mut orders)));
            if row.attendee.ticket.is_some_and(|ticket| !tickets.insert(ticket)) {
                self.skip(NoteCode::DuplicateTicket, row.number, "skipped: its ticket code stands in a row before");
            } else if let Entry::Vacant(place) = draft.attendees.entry(id) {
                place.insert(row.attendee);
                if row.contact != Contact::default() {
                    draft.contacts.insert(id, row.contact);
                }
            } else {
                self.skip(NoteCode::DuplicateRow, row.number, "skipped: the same attendee stands in a row before");
            }
        }
        if self.check_ins > 0 {
            let detail = format!("{} rows are checked in there; check-ins are not imported", self.check_ins);
            self.notes.add(NoteCode::CheckInsNotImported, "file", detail);
        }
        headings.note(&mut self.notes);
        draft.silent = headings.silent();
        draft.counts.read = self.read;
        draft.counts.skipped = self.skipped;
        draft.counts.check_ins = self.check_ins;
        draft.notes = self.notes;
        draft
    }
}

/// What an attendee goes by: an id of the list's own, the ticket, the place in the order, the e-mail address, the name.
fn key_of(row: &Row, email_shared: bool, orders: &mut BTreeMap<String, u32>) -> String {
    let name = row.attendee.name.to_lowercase();
    if !row.id.is_empty() {
        return format!("list/id/{}", row.id);
    }
    if let Some(ticket) = row.attendee.ticket {
        return format!("list/ticket/{ticket}");
    }
    let order = &row.attendee.order;
    if !order.is_empty() {
        let place = orders.entry(order.clone()).or_default();
        *place += 1;
        return format!("list/order/{order}/{place}");
    }
    match row.contact.email.to_lowercase() {
        email if email.is_empty() => format!("list/name/{name}/{}", row.attendee.organisation.to_lowercase()),
        email if email_shared => format!("list/email/{email}/{name}"),
        email => format!("list/email/{email}"),
    }
}

/// A field of a list as it was before a spreadsheet's formulas were made harmless.
pub(crate) fn unguarded(field: &str) -> String {
    let field = clean(field);
    match field.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(super::export::FORMULA_STARTS) => rest.to_owned(),
        _ => field,
    }
}

#[cfg(test)]
mod tests;
