//! Muster's own list of presenters: how they come, where they sleep, what they are paid, what they need.
//!
//! A row says all that the list knows of a presenter, so what a cell no longer says is taken back; a presenter without a
//! row stays as they are. A row with a cell that cannot be read is skipped whole: half a journey helps nobody.

use std::collections::{BTreeMap, BTreeSet};

use csv::StringRecord;
use muster_model::id::{LogisticsId, PresenterId, RecordId};
use muster_model::logistics::{Aid, HotelStay, LogisticsContact};
use muster_model::program::PresenterProfile;
use muster_model::time::{TimeZone, Timestamp};

use super::error::ImportError;
use super::note::NoteCode;
use super::schedule::{day_start, instant};
use super::table::{BadCell, OwnColumn, OwnList, OwnRow, plain};
use super::text::same_name;
use super::{Draft, Logistics, ReadContext};

mod honorarium;
mod travel;

const PERSON: OwnColumn = OwnColumn { heading: "Person id", holds: "the person's id in the schedule" };
const NAME: OwnColumn = OwnColumn { heading: "Name", holds: "the presenter's name" };
const EMAIL: OwnColumn = OwnColumn { heading: "E-mail", holds: "the e-mail address" };
const PHONE: OwnColumn = OwnColumn { heading: "Phone", holds: "the telephone number" };
const TRAVEL_NUMBER: OwnColumn = OwnColumn { heading: "Travel number", holds: "the flight or train they come by" };
const TRAVEL_FROM: OwnColumn = OwnColumn { heading: "Travel from", holds: "where they come from" };
const ARRIVAL: OwnColumn = OwnColumn { heading: "Arrival", holds: "when they arrive" };
const DEPARTURE_NUMBER: OwnColumn =
    OwnColumn { heading: "Departure number", holds: "the flight or train they leave by" };
const DEPARTURE: OwnColumn = OwnColumn { heading: "Departure", holds: "when they leave" };
const HOTEL: OwnColumn = OwnColumn { heading: "Hotel", holds: "the hotel" };
const CHECK_IN: OwnColumn = OwnColumn { heading: "Check-in", holds: "from when they stay at the hotel" };
const CHECK_OUT: OwnColumn = OwnColumn { heading: "Check-out", holds: "until when they stay at the hotel" };
const CONFIRMATION: OwnColumn = OwnColumn { heading: "Confirmation code", holds: "the hotel booking's code" };
const HONORARIUM: OwnColumn = OwnColumn { heading: "Honorarium", holds: "the honorarium's amount" };
const CURRENCY: OwnColumn = OwnColumn { heading: "Currency", holds: "the honorarium's currency" };
const STATE: OwnColumn = OwnColumn { heading: "Honorarium state", holds: "how far the honorarium has come" };
const AV_NEEDS: OwnColumn = OwnColumn { heading: "AV needs", holds: "what they present with" };

const COLUMNS: [OwnColumn; 17] = [
    PERSON,
    NAME,
    EMAIL,
    PHONE,
    TRAVEL_NUMBER,
    TRAVEL_FROM,
    ARRIVAL,
    DEPARTURE_NUMBER,
    DEPARTURE,
    HOTEL,
    CHECK_IN,
    CHECK_OUT,
    CONFIRMATION,
    HONORARIUM,
    CURRENCY,
    STATE,
    AV_NEEDS,
];

/// How many of the columns that only this list has tell it by.
const TELLING: usize = 4;

/// The fields of a public profile that this list knows nothing of.
const SILENT: [&str; 7] = ["organisation", "biography", "avatar", "url", "guid", "code", "extra"];

/// Whether headings are those of a list of presenters, be one missing.
pub(crate) fn looks_like_list(headings: &StringRecord) -> bool {
    let plains: BTreeSet<String> = headings.iter().map(plain).collect();
    let own = COLUMNS.iter().skip_while(|column| **column != TRAVEL_NUMBER);
    own.filter(|column| plains.contains(&plain(column.heading))).count() >= TELLING
}

/// Reads a list of presenters.
pub(crate) fn read(bytes: &[u8], context: &ReadContext) -> Result<Draft, ImportError> {
    let mut list = OwnList::read(bytes, context, &COLUMNS)?;
    let silent = SILENT.map(|field| ("presenters", field));
    let mut draft = Draft { silent: BTreeSet::from(silent), ..Draft::default() };
    let mut names = BTreeSet::new();
    for row in std::mem::take(&mut list.rows) {
        let profile = PresenterProfile {
            name: row.text(NAME).to_owned(),
            source_id: row.text(PERSON).to_owned(),
            ..PresenterProfile::default()
        };
        if profile.name.is_empty() {
            list.skip_cell(row.number, &BadCell { column: NAME.heading, expected: "a name" });
            continue;
        }
        // The ids that the schedule gives, so that it does not matter which of the two is imported first.
        let id = match profile.source_id.as_str() {
            "" => PresenterId::derive(context.event, &format!("name/{}", profile.name)),
            number => PresenterId::derive(context.event, &format!("id/{number}")),
        };
        let reader = RowReader { row: &row, context, presenter: id, assumed: Vec::new() };
        let (logistics, assumed) = match reader.read() {
            Ok(read) => read,
            Err(bad) => {
                list.skip_cell(row.number, &bad);
                continue;
            }
        };
        if !names.insert((profile.source_id.clone(), same_name(&profile.name))) || draft.presenters.contains_key(&id) {
            let detail = "skipped: the same presenter stands in a row before";
            list.skip(NoteCode::DuplicateRow, format!("row {}", row.number), detail);
            continue;
        }
        for (column, detail) in assumed {
            list.notes.add(NoteCode::ValueAssumed, format!("row {}, {}", row.number, column.heading), detail);
        }
        draft.rows.presenters.insert(id, row.number);
        draft.presenters.insert(id, profile);
        draft.logistics.insert(id, logistics);
    }
    draft.counts = list.counts;
    draft.notes = list.notes;
    Ok(draft)
}

/// What was assumed, and of which column.
type Assumed = Vec<(OwnColumn, &'static str)>;

/// Turns a row into records.
struct RowReader<'a> {
    row: &'a OwnRow,
    context: &'a ReadContext,
    presenter: PresenterId,
    assumed: Assumed,
}

impl RowReader<'_> {
    fn read(mut self) -> Result<(Logistics, Assumed), BadCell> {
        let logistics = Logistics {
            travel: self.travel()?,
            hotels: self.hotel()?,
            honorarium: self.honorarium()?,
            aids: self.aids()?,
            contacts: self.contacts(),
        };
        Ok((logistics, self.assumed))
    }

    fn text(&self, column: OwnColumn) -> &str {
        self.row.text(column)
    }

    fn says(&self, columns: &[OwnColumn]) -> bool {
        columns.iter().any(|column| !self.text(*column).is_empty())
    }

    /// The id of one of the presenter's records: the same at every import.
    fn id(&self, part: &str) -> LogisticsId {
        LogisticsId::derive(self.context.event, &format!("{}/{part}", self.presenter))
    }

    fn assume(&mut self, column: OwnColumn, detail: &'static str) {
        self.assumed.push((column, detail));
    }

    fn hotel(&self) -> Result<BTreeMap<LogisticsId, HotelStay>, BadCell> {
        if !self.says(&[HOTEL, CHECK_IN, CHECK_OUT, CONFIRMATION]) {
            return Ok(BTreeMap::new());
        }
        let day = |column, text: &str, zone: &TimeZone| match text.len() {
            // A longer text is a date and a time; of one that is neither, the first ten letters must not count.
            11.. => instant(text, zone).ok_or(bad_day(column)),
            _ => day_start(text, zone).ok_or(bad_day(column)),
        };
        let from = self.time(CHECK_IN, day)?;
        let until = self.time(CHECK_OUT, day)?;
        in_order(from, until, CHECK_OUT, "a day that is not before Check-in")?;
        let stay = HotelStay {
            hotel: self.text(HOTEL).to_owned(),
            from,
            until,
            confirmation: self.text(CONFIRMATION).to_owned(),
            ..HotelStay::default()
        };
        Ok(BTreeMap::from([(self.id("hotel"), stay)]))
    }

    fn time(
        &self,
        column: OwnColumn,
        read: impl Fn(OwnColumn, &str, &TimeZone) -> Result<Timestamp, BadCell>,
    ) -> Result<Option<Timestamp>, BadCell> {
        match self.text(column) {
            "" => Ok(None),
            text => read(column, text, &self.context.time_zone).map(Some),
        }
    }

    fn aids(&self) -> Result<BTreeMap<LogisticsId, Aid>, BadCell> {
        let mut aids = BTreeMap::<LogisticsId, Aid>::new();
        for name in self.row.parts(AV_NEEDS)? {
            let aid = aids
                .entry(self.id(&format!("aid/{}", same_name(&name))))
                .or_insert_with(|| Aid { name, ..Aid::default() });
            aid.count += 1;
        }
        Ok(aids)
    }

    fn contacts(&self) -> BTreeMap<LogisticsId, LogisticsContact> {
        if !self.says(&[EMAIL, PHONE]) {
            return BTreeMap::new();
        }
        let own = LogisticsContact {
            role: "self".to_owned(),
            name: self.text(NAME).to_owned(),
            phone: self.text(PHONE).to_owned(),
            email: self.text(EMAIL).to_owned(),
        };
        BTreeMap::from([(self.id("self"), own)])
    }
}

fn bad_day(column: OwnColumn) -> BadCell {
    BadCell { column: column.heading, expected: "a date such as 2027-05-19, or a date and time" }
}

/// Refuses an end before its beginning.
fn in_order(
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    column: OwnColumn,
    expected: &'static str,
) -> Result<(), BadCell> {
    let reversed = from.zip(until).is_some_and(|(from, until)| until < from);
    if reversed { Err(BadCell { column: column.heading, expected }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
