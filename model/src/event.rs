//! The event itself.

use serde::{Deserialize, Serialize};

use crate::document::{DocKind, MAX_SHARDS};
use crate::record::Record;
use crate::time::{TimeZone, Timestamp};

/// How people take part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Everybody comes to the venue.
    #[default]
    OnSite,
    /// Some come, some are connected.
    Hybrid,
    /// Nobody comes.
    Remote,
}

/// The key of the only record in the collection `event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnlyKey;

impl std::fmt::Display for OnlyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("main")
    }
}

impl std::str::FromStr for OnlyKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "main" { Ok(Self) } else { Err(()) }
    }
}

/// An event: a meeting of professionals, from an hour to a week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// The name people know it by.
    pub name: String,
    /// A short name for file names and feeds ("fosdem-2026").
    pub acronym: String,
    /// A line under the name.
    pub subtitle: String,
    /// What the organiser wants of it.
    pub goals: String,
    /// How people take part.
    pub format: Format,
    /// Where it is held.
    pub venue: String,
    /// The city it is held in.
    pub city: String,
    /// The beginning of its first day.
    pub starts_at: Timestamp,
    /// The end of its last day.
    pub ends_at: Timestamp,
    /// When the doors open, if that is not its beginning.
    pub admission_at: Option<Timestamp>,
    /// The zone its times are shown in.
    pub time_zone: TimeZone,
    /// Minutes after midnight at which a day of the event begins, for checkpoints that admit once a day.
    pub day_starts_min: u16,
    /// Minutes after midnight at which a day of the published programme begins (`day_change` of schedule files).
    pub program_day_starts_min: u16,
    /// The grid that sessions start on, in minutes; 0 if unknown.
    pub slot_min: u16,
    /// Where the programme is published.
    pub base_url: String,
    /// The version of the programme, as its makers call it.
    pub program_version: String,
    /// BCP 47 tags of the languages spoken.
    pub languages: Vec<String>,
    /// ISO 4217 code of the budget's currency.
    pub currency: String,
    /// How many shards the attendees fill. Edits at the same time: the larger number holds.
    pub shards: u16,
}

impl Default for Event {
    fn default() -> Self {
        Self {
            name: String::new(),
            acronym: String::new(),
            subtitle: String::new(),
            goals: String::new(),
            format: Format::default(),
            venue: String::new(),
            city: String::new(),
            starts_at: Timestamp::default(),
            ends_at: Timestamp::default(),
            admission_at: None,
            time_zone: TimeZone::UTC,
            day_starts_min: 240,
            program_day_starts_min: 0,
            slot_min: 0,
            base_url: String::new(),
            program_version: String::new(),
            languages: Vec::new(),
            currency: String::new(),
            shards: 1,
        }
    }
}

impl Event {
    /// The shards that hold attendees: at least one, at most [`MAX_SHARDS`].
    #[must_use]
    pub fn shard_range(&self) -> std::ops::Range<u16> {
        0..self.shards.clamp(1, MAX_SHARDS)
    }

    /// The day of the event that a point in time belongs to.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> Option<jiff::civil::Date> {
        self.time_zone.event_day(at, self.day_starts_min)
    }
}

impl Record for Event {
    type Key = OnlyKey;
    const DOCUMENT: DocKind = DocKind::Event;
    const COLLECTION: &'static str = "event";
}
