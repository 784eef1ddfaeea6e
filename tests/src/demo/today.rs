//! Moves a schedule file and the lists beside it in time, so that the demo's conference takes place while somebody watches: rooms are late only
//! by a clock, and phones set theirs by the server's.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// How long before now the first session of the moved schedule started.
const STARTED_BEFORE: SignedDuration = SignedDuration::from_mins(100);

/// How far an event is moved.
#[derive(Debug, Clone)]
pub(super) struct Shift {
    by: SignedDuration,
    zone: TimeZone,
}

impl Shift {
    /// How far a schedule (schedule.xml) is from now; none without dates of sessions.
    #[must_use]
    pub(super) fn of(schedule: &str, now: &Zoned) -> Option<Self> {
        let first = texts(schedule, "<date>", "</date>").filter_map(|date| date.parse::<Timestamp>().ok()).min()?;
        let target = now.timestamp() - STARTED_BEFORE;
        // Sessions start on round minutes; a programme that begins at 09:03 looks like a mistake.
        let target = target.as_second() / 300 * 300;
        Some(Self { by: SignedDuration::from_secs(target - first.as_second()), zone: now.time_zone().clone() })
    }

    fn moment(&self, text: &str) -> Option<String> {
        let moved = text.parse::<Timestamp>().ok()?.checked_add(self.by).ok()?;
        Some(moved.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    }

    fn day(&self, text: &str) -> Option<String> {
        let noon = text.parse::<Date>().ok()?.at(12, 0, 0, 0).to_zoned(self.zone.clone()).ok()?;
        Some(noon.checked_add(self.by).ok()?.date().to_string())
    }

    /// The schedule with all its dates moved.
    #[must_use]
    pub(super) fn schedule(&self, text: &str) -> String {
        let mut moved = text.to_owned();
        for (before, after) in [("<date>", "</date>"), (" start=\"", "\""), (" end=\"", "\"")] {
            moved = replaced(&moved, (before, after), |text| self.moment(text));
        }
        for (before, after) in [("<start>", "</start>"), ("<end>", "</end>"), (" date=\"", "\"")] {
            moved = replaced(&moved, (before, after), |text| self.day(text));
        }
        moved
    }

    /// A list with all cells moved that are a date or a moment and nothing else.
    #[must_use]
    pub(super) fn list(&self, text: &str) -> String {
        let cell = |text: &str| self.moment(text).or_else(|| self.day(text)).unwrap_or_else(|| text.to_owned());
        let line = |line: &str| line.split(',').map(cell).collect::<Vec<_>>().join(",");
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }
}

fn texts<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split_once(after).map(|(found, _)| found))
}

/// Replaces what stands between two texts wherever `new` knows what to put there.
fn replaced(text: &str, (before, after): (&str, &str), new: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split(before);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str(before);
        match part.split_once(after).and_then(|(found, rest)| Some((new(found)?, rest))) {
            Some((new, rest)) => result.extend([&new, after, rest]),
            None => result.push_str(part),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_session_started_a_while_ago_and_the_rest_keeps_its_distance() {
        let now: Zoned = "2026-11-23T15:02:10+02:00[Europe/Riga]".parse().unwrap();
        let schedule = r#"<conference><start>2027-05-20</start></conference>
            <day index="1" date="2027-05-20" start="2027-05-20T09:00:00+03:00"><event><date>2027-05-20T09:30:00+03:00</date>
            <start>09:30</start></event><event><date>2027-05-20T09:00:00+03:00</date></event></day>"#;
        let shift = Shift::of(schedule, &now).unwrap();
        let moved = shift.schedule(schedule);
        let dates: Vec<&str> = texts(&moved, "<date>", "</date>").collect();
        assert_eq!(dates, ["2026-11-23T13:50:00+02:00", "2026-11-23T13:20:00+02:00"]);
        assert!(moved.contains("<start>2026-11-23</start>"), "{moved}");
        assert!(moved.contains(r#"date="2026-11-23" start="2026-11-23T13:20:00+02:00""#), "{moved}");
        assert!(moved.contains("<start>09:30</start>"), "the time of day follows from the date");
        let list = "Name,Arrival,Hotel from\n\"A, B\",2027-05-19T20:40+03:00,2027-05-19\n";
        assert_eq!(
            shift.list(list),
            "Name,Arrival,Hotel from\n\"A, B\",2026-11-23T01:00:00+02:00,2026-11-22\n",
            "as far before the first session as it was"
        );
    }

    #[test]
    fn a_schedule_without_dates_stays() {
        assert!(Shift::of("<schedule/>", &Zoned::default()).is_none());
    }
}
