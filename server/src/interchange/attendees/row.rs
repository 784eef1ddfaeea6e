//! One row of a list.

use csv::StringRecord;
use muster_model::attendee::{Attendee, Contact};
use muster_model::id::AttendeeId;
use muster_model::time::Timestamp;

use super::columns::{Column, Headings};
use super::{MAX_EXTRA_CHARS, unguarded};

/// A row, before it is known who it is.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Its number in the file, the heading's being 1.
    pub(crate) number: u64,
    /// The id Muster itself gave.
    pub(crate) own_id: Option<AttendeeId>,
    /// The id the list's system gave.
    pub(crate) id: String,
    /// The ticket's code, until it is hashed.
    pub(crate) ticket: String,
    /// Whether the registration stands, in the list's words.
    pub(crate) status: String,
    /// Whether the list has them as checked in.
    pub(crate) checked_in: bool,
    /// For the roster.
    pub(crate) attendee: Attendee,
    /// For the contacts.
    pub(crate) contact: Contact,
}

impl Row {
    /// Takes a row's fields by their headings.
    pub(crate) fn read(record: &StringRecord, number: u64, headings: &Headings) -> Self {
        let first = |column: Column| {
            let mut places = headings.places(column);
            places
                .find_map(|place| record.get(place).map(unguarded).filter(|value| !value.is_empty()))
                .unwrap_or_default()
        };
        let all = |columns: &[Column], by: &str| {
            let parts: Vec<String> =
                columns.iter().map(|&column| first(column)).filter(|part| !part.is_empty()).collect();
            parts.join(by)
        };
        let own_name = first(Column::Name);
        let from_parts = all(&[Column::FirstName, Column::MiddleName, Column::LastName], " ");
        let town = all(&[Column::PostCode, Column::City], " ");
        let address: Vec<String> = [all(&[Column::Address, Column::Address2], "\n"), town, first(Column::State)]
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect();
        let attendee = Attendee {
            name: if own_name.is_empty() { from_parts } else { own_name },
            organisation: first(Column::Organisation),
            category: first(Column::Category),
            order: first(Column::Order),
            notes: first(Column::Notes),
            attention: is_yes(&first(Column::Attention)),
            valid_from: time(&first(Column::ValidFrom)),
            valid_until: time(&first(Column::ValidUntil)),
            ticket: first(Column::TicketHash).parse().ok(),
            language: first(Column::Language),
            ..Attendee::default()
        };
        let contact = Contact {
            email: first(Column::Email),
            phone: first(Column::Phone),
            address: address.join("\n"),
            country: first(Column::Country),
            dietary_needs: first(Column::Dietary),
            access_needs: first(Column::Access),
            extra: extra(record, headings),
        };
        Self {
            number,
            own_id: first(Column::MusterId).parse().ok(),
            id: first(Column::Id),
            ticket: first(Column::Ticket),
            status: first(Column::Status),
            checked_in: is_checked_in(&first(Column::CheckedIn)),
            attendee,
            contact,
        }
    }
}

fn extra(record: &StringRecord, headings: &Headings) -> std::collections::BTreeMap<String, String> {
    let mut left = MAX_EXTRA_CHARS;
    let mut extra = std::collections::BTreeMap::new();
    for (place, heading) in headings.unknown() {
        let value = record.get(place).map(unguarded).unwrap_or_default();
        let value: String = value.chars().take(left).collect();
        if !value.is_empty() && !heading.is_empty() {
            left = left.saturating_sub(value.chars().count());
            extra.insert(heading.to_owned(), value);
        }
    }
    extra
}

fn is_yes(value: &str) -> bool {
    ["yes", "true", "1", "x", "ja", "jā", "oui", "tak"].contains(&value.to_lowercase().as_str())
}

/// Lists write a time, or a word, for those who are checked in, and nothing, "No" or "0" for those who are not.
fn is_checked_in(value: &str) -> bool {
    !["", "no", "false", "0", "-", "none", "not checked in"].contains(&value.to_lowercase().as_str())
}

fn time(value: &str) -> Option<Timestamp> {
    value.parse::<jiff::Timestamp>().ok().map(|time| Timestamp::from_ms(time.as_millisecond()))
}
