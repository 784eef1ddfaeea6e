//! The times of schedules, as leniently as they are written.

use jiff::Span;
use jiff::civil::{Date, DateTime};
use muster_model::time::{TimeZone, Timestamp};

use super::{RawDay, RawSession};

/// The longest that a session may last: a year.
const MAX_DURATION_MIN: u32 = 366 * 1_440;

/// Minutes after midnight of `H:MM` or `HH:MM:SS`; hours up to 47 reach into the next day.
pub(crate) fn clock_minutes(text: &str) -> Option<u32> {
    let mut parts = text.trim().split(':');
    let hours: u32 = number(parts.next()?)?;
    let minutes: u32 = number(parts.next()?)?;
    let seconds = parts.next().map_or(Some(0), number)?;
    let plausible = hours < 48 && minutes < 60 && seconds < 60 && parts.next().is_none();
    plausible.then_some(hours * 60 + minutes)
}

/// The minutes of a duration: `H:MM`, `HH:MM:SS` or plain minutes.
pub(crate) fn duration_minutes(text: &str) -> Option<u32> {
    let text = text.trim();
    if let Some(minutes) = number(text) {
        return (minutes <= MAX_DURATION_MIN).then_some(minutes);
    }
    let mut parts = text.split(':');
    let hours: u32 = number(parts.next()?)?;
    let minutes: u32 = number(parts.next()?)?;
    let seconds = parts.next().map_or(Some(0), number)?;
    let total = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && seconds < 60 && parts.next().is_none() && total <= MAX_DURATION_MIN).then_some(total)
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|digit| digit.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A point in time with an offset, or a local one in the zone.
pub(crate) fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_ms(time.as_millisecond()));
    }
    if text.len() <= 10 {
        return None;
    }
    text.parse::<DateTime>().ok().and_then(|local| of_local(local, zone))
}

fn of_local(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.as_jiff().to_timestamp(local).ok().map(|time| Timestamp::from_ms(time.as_millisecond()))
}

fn date(text: &str) -> Option<Date> {
    text.trim().get(..10)?.parse().ok()
}

/// The beginning of a day given as a date, or a point in time given as one.
pub(crate) fn day_start(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    instant(text, zone).or_else(|| of_local(date(text)?.to_datetime(jiff::civil::Time::midnight()), zone))
}

/// The end of a day given as a date, or a point in time given as one.
pub(crate) fn day_end(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let next =
        || date(text)?.tomorrow().ok().and_then(|day| of_local(day.to_datetime(jiff::civil::Time::midnight()), zone));
    instant(text, zone).or_else(next)
}

/// The minutes after midnight at which days change, from the end of a day that ends on the next.
pub(crate) fn day_change_of(day: &RawDay, zone: &TimeZone) -> Option<u32> {
    let end = zone.local(instant(&day.end, zone)?)?.datetime();
    // Files write the end as the last minute or second (08:59, 23:59:59) or as the first moment after.
    let end = if end.minute() == 59 { end.checked_add(Span::new().minutes(1)).ok()? } else { end };
    let after = end.date() > date(&day.date)?;
    let minutes = u32::try_from(end.hour()).ok()? * 60 + u32::try_from(end.minute()).ok()?;
    (after && minutes <= 720).then_some(minutes)
}

/// When a session starts: its own date, else its time on the day it stands under, which ends when days change.
pub(crate) fn starts_at(raw: &RawSession, zone: &TimeZone, day_change_min: u32) -> Option<Timestamp> {
    if let Some(time) = instant(&raw.date, zone) {
        return Some(time);
    }
    let day = date(&raw.date).or_else(|| date(&raw.day))?;
    let minutes = clock_minutes(&raw.start)?;
    let minutes = if minutes < day_change_min { minutes + 1_440 } else { minutes };
    let midnight = day.to_datetime(jiff::civil::Time::midnight());
    of_local(midnight.checked_add(Span::new().minutes(i64::from(minutes))).ok()?, zone)
}

/// How long a session lasts: its duration, else until its end.
pub(crate) fn lasts_min(raw: &RawSession, starts_at: Option<Timestamp>) -> Option<u32> {
    duration_minutes(&raw.duration).or_else(|| {
        let end = instant(&raw.end, &TimeZone::UTC)?;
        let minutes = end.since_ms(starts_at?).checked_div(60_000)?;
        u32::try_from(minutes).ok().filter(|&minutes| minutes <= MAX_DURATION_MIN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_clocks_are_read_as_written() {
        for (text, minutes) in [
            ("00:45", Some(45)),
            ("1:30", Some(90)),
            ("08:00:00", Some(480)),
            ("45", Some(45)),
            ("30:00", Some(1_800)),
            ("", None),
            ("-1:00", None),
            ("1:60", None),
            ("99999999:00", None),
            ("1:2:3:4", None),
        ] {
            assert_eq!(duration_minutes(text), minutes, "{text}");
        }
        assert_eq!(clock_minutes("25:10"), Some(1_510));
        assert_eq!(clock_minutes("48:00"), None);
        assert_eq!(clock_minutes("09:00:00"), Some(540));
    }

    #[test]
    fn a_time_before_the_change_of_days_is_of_the_next_day() {
        let zone = TimeZone::named("Europe/Brussels").unwrap();
        let raw = |start: &str| RawSession { day: "2007-02-25".into(), start: start.into(), ..RawSession::default() };
        let text = |start| starts_at(&raw(start), &zone, 540).unwrap().to_string();
        assert_eq!(text("10:00"), "2007-02-25T09:00:00Z");
        assert_eq!(text("02:00"), "2007-02-26T01:00:00Z");
    }

    #[test]
    fn ends_of_days_tell_when_days_change() {
        let zone = TimeZone::named("Europe/Berlin").unwrap();
        let day = |end: &str| RawDay { date: "2019-08-21".into(), end: end.into() };
        for (end, minutes) in [
            ("2019-08-22T04:00:00+02:00", Some(240)),
            ("2019-08-22T08:59:00+02:00", Some(540)),
            ("2019-08-21T23:59:59+02:00", Some(0)),
            ("2019-08-21T18:00:00+02:00", None),
        ] {
            assert_eq!(day_change_of(&day(end), &zone), minutes, "{end}");
        }
    }
}
