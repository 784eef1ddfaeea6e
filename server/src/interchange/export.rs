//! Records to files: the programme as schedule.xml, schedule.json and iCalendar, attendees and check-ins as CSV.

mod csv;
mod guids;
mod ical;
mod json;
mod xml;

pub(crate) use self::csv::FORMULA_STARTS;
pub use self::csv::{CheckinNames, attendees_csv, checkins_csv};
pub use ical::icalendar;
pub use json::schedule_json;
pub use xml::schedule_xml;
