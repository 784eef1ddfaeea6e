//! Writing iCalendar (RFC 5545): one event a session, the zone by its full name with its own rules beside it.

use std::fmt::Write;

use muster_model::program::Session;
use muster_model::time::{TimeZone, Timestamp};

use super::super::Programme;
use super::guids::Guids;

/// The most octets of a line (RFC 5545, 3.1).
const LINE_OCTETS: usize = 75;

/// A programme as iCalendar. `stamp` is when it was made (DTSTAMP). Cancelled sessions are in it, as cancelled, so that
/// calendars that have them take them out.
#[must_use]
pub fn icalendar(programme: &Programme, stamp: Timestamp) -> Vec<u8> {
    let zone = &programme.event.time_zone;
    let guids = Guids::new(programme);
    let mut out = Lines::default();
    out.line("BEGIN", "VCALENDAR");
    out.line("VERSION", "2.0");
    out.line("PRODID", "-//Muster//muster//EN");
    out.line("CALSCALE", "GREGORIAN");
    out.line("METHOD", "PUBLISH");
    out.line("X-WR-CALNAME", &escaped(&programme.event.name));
    let first = programme.sessions.values().map(|session| session.starts_at).min();
    let last = programme.sessions.values().map(Session::ends_at).max();
    if let Some((first, last)) = first.zip(last).filter(|_| *zone != TimeZone::UTC) {
        time_zone(&mut out, zone, first, last);
    }
    let mut sessions: Vec<_> = programme.sessions.iter().collect();
    sessions.sort_by_key(|(id, session)| (session.starts_at, **id));
    for (id, session) in sessions {
        let guid = guids.sessions.get(id).map(String::as_str).unwrap_or_default();
        event(&mut out, programme, guid, session, stamp);
    }
    out.line("END", "VCALENDAR");
    out.text.into_bytes()
}

fn event(out: &mut Lines, programme: &Programme, guid: &str, session: &Session, stamp: Timestamp) {
    let zone = &programme.event.time_zone;
    out.line("BEGIN", "VEVENT");
    out.line("UID", guid);
    out.line("DTSTAMP", &utc(stamp));
    time(out, "DTSTART", session.starts_at, zone);
    time(out, "DTEND", session.ends_at(), zone);
    out.line("SUMMARY", &escaped(&session.title));
    let names = session.presenters.iter().filter_map(|id| programme.presenters.get(id));
    let names: Vec<&str> = names.map(|presenter| presenter.name.as_str()).filter(|name| !name.is_empty()).collect();
    let parts = [session.subtitle.clone(), names.join(", "), session.r#abstract.clone()];
    let about = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    if !about.is_empty() {
        out.line("DESCRIPTION", &escaped(&about));
    }
    if let Some(room) = session.room.and_then(|room| programme.rooms.get(&room)) {
        out.line("LOCATION", &escaped(&room.name));
    }
    let track = session.track.and_then(|track| programme.tracks.get(&track)).map(|track| track.name.as_str());
    let categories = [track.unwrap_or_default(), session.kind.as_str()];
    let categories: Vec<String> = categories.into_iter().filter(|name| !name.is_empty()).map(escaped).collect();
    if !categories.is_empty() {
        out.line("CATEGORIES", &categories.join(","));
    }
    if !session.url.is_empty() && session.url.is_ascii() && !session.url.contains(char::is_whitespace) {
        out.line("URL", &session.url);
    }
    out.line("STATUS", if session.cancelled { "CANCELLED" } else { "CONFIRMED" });
    out.line("END", "VEVENT");
}

fn time(out: &mut Lines, name: &str, at: Timestamp, zone: &TimeZone) {
    if *zone == TimeZone::UTC {
        out.line(name, &utc(at));
    } else {
        out.line(&format!("{name};TZID={}", zone.name()), &local(at, zone));
    }
}

fn utc(at: Timestamp) -> String {
    format!("{}Z", local(at, &TimeZone::UTC))
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    zone.local(at).map(|local| local.strftime("%Y%m%dT%H%M%S").to_string()).unwrap_or_default()
}

/// The zone's rules as far as the programme needs them: what holds when it begins, and every change until it ends.
fn time_zone(out: &mut Lines, zone: &TimeZone, first: Timestamp, last: Timestamp) {
    let (Ok(first), Ok(last)) =
        (jiff::Timestamp::from_millisecond(first.ms()), jiff::Timestamp::from_millisecond(last.ms()))
    else {
        return;
    };
    out.line("BEGIN", "VTIMEZONE");
    out.line("TZID", zone.name());
    let tz = zone.as_jiff();
    let before = tz.preceding(first).next();
    match before {
        Some(change) => observance(out, zone, change.timestamp()),
        None => observance(out, zone, jiff::Timestamp::from_second(0).unwrap_or(first)),
    }
    for change in tz.following(first).take_while(|change| change.timestamp() <= last).take(1_000) {
        observance(out, zone, change.timestamp());
    }
    out.line("END", "VTIMEZONE");
}

/// What holds from a point in time on.
fn observance(out: &mut Lines, zone: &TimeZone, from: jiff::Timestamp) {
    let tz = zone.as_jiff();
    let just_before = from.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(from);
    let (before, after) = (tz.to_offset_info(just_before), tz.to_offset_info(from));
    let name = if after.dst().is_dst() { "DAYLIGHT" } else { "STANDARD" };
    out.line("BEGIN", name);
    // The local time of the change, by the clock that was valid until then (RFC 5545, 3.6.5).
    let start = before.offset().to_datetime(from);
    out.line("DTSTART", &start.strftime("%Y%m%dT%H%M%S").to_string());
    out.line("TZOFFSETFROM", &offset(before.offset()));
    out.line("TZOFFSETTO", &offset(after.offset()));
    out.line("TZNAME", after.abbreviation());
    out.line("END", name);
}

fn offset(offset: jiff::tz::Offset) -> String {
    let seconds = offset.seconds();
    let (sign, seconds) = if seconds < 0 { ('-', seconds.unsigned_abs()) } else { ('+', seconds.unsigned_abs()) };
    let rest = seconds % 60;
    let tail = if rest == 0 { String::new() } else { format!("{rest:02}") };
    format!("{sign}{:02}{:02}{tail}", seconds / 3_600, seconds % 3_600 / 60)
}

/// A text's characters that mean something to iCalendar, escaped (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            ';' => escaped.push_str("\\;"),
            ',' => escaped.push_str("\\,"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push('\t'),
            control if control.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    /// Writes a line, folded so that no part is longer than allowed and no character is divided.
    fn line(&mut self, name: &str, value: &str) {
        let mut line = String::with_capacity(name.len() + value.len() + 1);
        // Writing to a string cannot fail.
        let _ = write!(line, "{name}:{value}");
        let mut octets = 0;
        for character in line.chars() {
            if octets + character.len_utf8() > LINE_OCTETS {
                self.text.push_str("\r\n ");
                octets = 1;
            }
            self.text.push(character);
            octets += character.len_utf8();
        }
        self.text.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests;
