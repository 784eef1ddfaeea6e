//! Time: points in time, time zones and the days of an event.

use std::fmt;

use jiff::civil::Date;
use jiff::tz;
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point in time so many milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// So many milliseconds later (earlier, if negative); the ends of time hold.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// So many minutes later (earlier, if negative); the ends of time hold.
    #[must_use]
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        self.plus_ms(minutes.saturating_mul(60_000))
    }

    /// Milliseconds from `earlier` to this point; negative if this point is the earlier one.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// As RFC 3339 in UTC, for people who read logs; a time out of the calendar's range as its number.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A time zone of the IANA database, by its full name ("Europe/Riga").
#[derive(Clone, PartialEq, Eq)]
pub struct TimeZone(tz::TimeZone);

/// A name that the IANA time zone database does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone: use a name of the IANA database such as Europe/Riga")]
pub struct TimeZoneError;

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(tz::TimeZone::UTC);

    /// The zone of this name.
    ///
    /// # Errors
    /// If the database, which is part of the program, has no such zone.
    pub fn named(name: &str) -> Result<Self, TimeZoneError> {
        tz::TimeZone::get(name).map(Self).map_err(|_| TimeZoneError)
    }

    /// The zone's name in the IANA database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The underlying zone, for formatting and calendar arithmetic.
    #[must_use]
    pub fn as_jiff(&self) -> &tz::TimeZone {
        &self.0
    }

    /// The local date and time of a point in time.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> Option<jiff::Zoned> {
        let at = jiff::Timestamp::from_millisecond(at.ms()).ok()?;
        Some(at.to_zoned(self.0.clone()))
    }

    /// The day of an event that a point in time belongs to, when days begin `starts_min` minutes after midnight: a
    /// party that ends at two in the morning belongs to the evening before.
    #[must_use]
    pub fn event_day(&self, at: Timestamp, starts_min: u16) -> Option<Date> {
        let shifted = self.local(at)?.datetime().checked_sub(jiff::Span::new().minutes(i64::from(starts_min)));
        shifted.ok().map(|local| local.date())
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeZone({})", self.name())
    }
}

impl Serialize for TimeZone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::named(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn a_day_of_an_event_may_begin_after_midnight() {
        let riga = TimeZone::named("Europe/Riga").unwrap();
        let day = |text| riga.event_day(at(text), 240).unwrap().to_string();
        assert_eq!(day("2027-05-20T06:00:00Z"), "2027-05-20");
        assert_eq!(day("2027-05-20T23:30:00Z"), "2027-05-20", "02:30 in Riga is still the evening");
        assert_eq!(day("2027-05-21T01:00:00Z"), "2027-05-21", "04:00 in Riga begins the day");
    }

    #[test]
    fn zones_go_by_their_full_names() {
        assert_eq!(TimeZone::named("Europe/Riga").unwrap().name(), "Europe/Riga");
        assert_eq!(TimeZone::named("Europe/Atlantis"), Err(TimeZoneError));
        assert_eq!(serde_json::to_string(&TimeZone::UTC).unwrap(), "\"UTC\"");
    }

    #[test]
    fn the_ends_of_time_hold() {
        assert_eq!(Timestamp::from_ms(i64::MAX).plus_minutes(5), Timestamp::from_ms(i64::MAX));
        assert_eq!(Timestamp::from_ms(i64::MAX).to_string(), format!("{} ms", i64::MAX));
    }
}
