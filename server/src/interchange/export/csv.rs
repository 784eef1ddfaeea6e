//! Writing lists: attendees and check-ins as CSV (RFC 4180), safe to open in a spreadsheet.

use std::collections::BTreeMap;

use muster_model::attendee::{Attendee, Contact, Registration};
use muster_model::fact::{Fact, FactBody};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId};
use muster_model::time::TimeZone;

use super::super::error::ExportError;

/// The characters with which a field begins that a spreadsheet would take for a formula.
pub(crate) const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The headings of a list of attendees; the import knows them again.
const ATTENDEE_HEADINGS: [&str; 17] = [
    "Muster ID",
    "Name",
    "Organisation",
    "Category",
    "Status",
    "Order",
    "Notes",
    "Attention",
    "Valid from",
    "Valid until",
    "Language",
    "Ticket hash",
    "E-mail",
    "Phone",
    "Country",
    "Dietary needs",
    "Access needs",
];

/// Attendees as CSV, by name. With `contacts`, their addresses and needs are in it: not for everybody's eyes.
///
/// A ticket's code is not in it, as Muster does not know it; its hash is.
///
/// # Errors
/// Only if memory does not suffice.
pub fn attendees_csv(
    attendees: &BTreeMap<AttendeeId, Attendee>,
    contacts: Option<&BTreeMap<AttendeeId, Contact>>,
) -> Result<Vec<u8>, ExportError> {
    let mut rows: Vec<_> = attendees.iter().collect();
    rows.sort_by(|(one_id, one), (other_id, other)| (&one.name, one_id).cmp(&(&other.name, other_id)));
    let columns = if contacts.is_some() { ATTENDEE_HEADINGS.len() } else { ATTENDEE_HEADINGS.len() - 5 };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(ATTENDEE_HEADINGS.iter().take(columns)).map_err(std::io::Error::from)?;
    let nobody = Contact::default();
    for (id, attendee) in rows {
        let contact = contacts.and_then(|contacts| contacts.get(id)).unwrap_or(&nobody);
        let time = |at: Option<muster_model::time::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let ticket = attendee.ticket.map(|ticket| ticket.to_string()).unwrap_or_default();
        let fields = [
            id.to_string(),
            guarded(&attendee.name),
            guarded(&attendee.organisation),
            guarded(&attendee.category),
            registration(attendee.registration).to_owned(),
            guarded(&attendee.order),
            guarded(&attendee.notes),
            if attendee.attention { "yes".to_owned() } else { String::new() },
            time(attendee.valid_from),
            time(attendee.valid_until),
            guarded(&attendee.language),
            ticket,
            guarded(&contact.email),
            guarded(&contact.phone),
            guarded(&contact.country),
            guarded(&contact.dietary_needs),
            guarded(&contact.access_needs),
        ];
        writer.write_record(fields.iter().take(columns)).map_err(std::io::Error::from)?;
    }
    finish(writer)
}

/// What a list of check-ins needs besides the facts.
#[derive(Debug, Clone, Default)]
pub struct CheckinNames<'a> {
    /// The attendees' names and organisations.
    pub attendees: BTreeMap<AttendeeId, (&'a str, &'a str)>,
    /// The checkpoints' names.
    pub checkpoints: BTreeMap<CheckpointId, &'a str>,
    /// The devices' labels.
    pub devices: BTreeMap<DeviceId, &'a str>,
}

/// Entries, exits and walk-ins as CSV, by corrected time in the event's zone; each says whether it was taken back.
///
/// # Errors
/// Only if memory does not suffice.
pub fn checkins_csv(facts: &[Fact], names: &CheckinNames<'_>, zone: &TimeZone) -> Result<Vec<u8>, ExportError> {
    let undone: BTreeMap<FactId, &Fact> = undone(facts);
    let mut rows: Vec<&Fact> = facts.iter().filter(|fact| kind(&fact.body).is_some()).collect();
    rows.sort_by_key(|fact| (fact.corrected_at(), fact.id));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let headings = [
        "Time",
        "Kind",
        "Muster ID",
        "Name",
        "Organisation",
        "Checkpoint",
        "Device",
        "By",
        "Undone",
        "Despite",
        "Fact",
    ];
    writer.write_record(headings).map_err(std::io::Error::from)?;
    for fact in rows {
        let (Some(kind), Some((attendee, checkpoint))) = (kind(&fact.body), fact.body.attendance()) else { continue };
        let known = names.attendees.get(&attendee).copied();
        let (name, organisation) = match (&fact.body, known) {
            (_, Some(known)) => known,
            (FactBody::WalkIn(walk_in), None) => (walk_in.name.as_str(), walk_in.organisation.as_str()),
            _ => ("", ""),
        };
        let despite = match &fact.body {
            FactBody::Entry(entry) => entry.despite.as_str(),
            _ => "",
        };
        let place = names.checkpoints.get(&checkpoint).map_or_else(|| checkpoint.to_string(), |name| guarded(name));
        let device = fact.device();
        let device = names.devices.get(&device).map_or_else(|| device.to_string(), |label| guarded(label));
        let fields = [
            super::guids::rfc3339(fact.corrected_at(), zone),
            kind.to_owned(),
            attendee.to_string(),
            guarded(name),
            guarded(organisation),
            place,
            device,
            guarded(&fact.by),
            if undone.contains_key(&fact.id) { "yes".to_owned() } else { String::new() },
            guarded(despite),
            fact.id.to_string(),
        ];
        writer.write_record(&fields).map_err(std::io::Error::from)?;
    }
    finish(writer)
}

/// The facts that another takes back. An undo may be undone too, so the latest are looked at first.
fn undone(facts: &[Fact]) -> BTreeMap<FactId, &Fact> {
    let mut undos: Vec<(&Fact, FactId)> = facts
        .iter()
        .filter_map(|fact| match &fact.body {
            FactBody::Undo { fact: target, .. } => Some((fact, *target)),
            _ => None,
        })
        .collect();
    undos.sort_by_key(|(fact, _)| std::cmp::Reverse((fact.corrected_at(), fact.id)));
    let mut undone = BTreeMap::new();
    for (undo, target) in undos {
        if !undone.contains_key(&undo.id) {
            undone.insert(target, undo);
        }
    }
    undone
}

const fn kind(body: &FactBody) -> Option<&'static str> {
    match body {
        FactBody::Entry(_) => Some("entry"),
        FactBody::Exit { .. } => Some("exit"),
        FactBody::WalkIn(_) => Some("walk-in"),
        _ => None,
    }
}

const fn registration(registration: Registration) -> &'static str {
    match registration {
        Registration::Confirmed => "confirmed",
        Registration::Unpaid => "unpaid",
        Registration::Cancelled => "cancelled",
        Registration::Blocked => "blocked",
    }
}

/// A field that no spreadsheet takes for a formula: one that looks like it gets an apostrophe in front, as does one that
/// has an apostrophe there already, so that the import can tell.
fn guarded(field: &str) -> String {
    let bare = field.trim_start_matches('\'');
    if bare.starts_with(FORMULA_STARTS) { format!("'{field}") } else { field.to_owned() }
}

fn finish(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, ExportError> {
    writer.into_inner().map_err(|error| ExportError::Write(error.into_error()))
}

#[cfg(test)]
mod tests;
