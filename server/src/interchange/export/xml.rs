//! Writing schedule.xml (voc/schedule, `validator/xsd/schedule.xml.xsd`).

use muster_model::program::{Link, Session};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesPI, BytesStart, BytesText, Event};

use super::super::error::ExportError;
use super::super::guid::number_of;
use super::super::text::is_text;
use super::super::{Format, Programme};
use super::guids::{Guids, clock, day_begins, days, ends_text, hours, rfc3339, starts_text, supplement};

type Out = Writer<Vec<u8>>;

/// A programme as schedule.xml. What the format cannot say stands in a processing instruction that only Muster reads;
/// cancelled sessions stand only there.
///
/// # Errors
/// Only if memory does not suffice.
pub fn schedule_xml(programme: &Programme) -> Result<Vec<u8>, ExportError> {
    let guids = Guids::new(programme);
    let plain = write(programme, &guids, None)?;
    match supplement(programme, &guids, Format::ScheduleXml, &plain)? {
        None => Ok(plain),
        Some(supplement) => write(programme, &guids, Some(&supplement)),
    }
}

fn write(programme: &Programme, guids: &Guids, supplement: Option<&str>) -> Result<Vec<u8>, ExportError> {
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 2);
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    open(&mut out, "schedule", &[])?;
    empty(&mut out, "generator", &[("name", "muster"), ("version", env!("CARGO_PKG_VERSION"))])?;
    text(&mut out, "version", &programme.event.program_version)?;
    let days = days(programme);
    conference(&mut out, programme, guids, days.len())?;
    persons(&mut out, programme, guids)?;
    for (index, day) in days.iter().enumerate() {
        let number = (index + 1).to_string();
        let next = day.date.tomorrow().map(|next| day_begins(next, programme)).unwrap_or_default();
        let attributes = [
            ("index", number.as_str()),
            ("date", &day.date.to_string()),
            ("start", &day_begins(day.date, programme)),
            ("end", &next),
        ];
        open(&mut out, "day", &attributes)?;
        for (room, sessions) in &day.rooms {
            let mut attributes = Vec::new();
            let capacity = room.and_then(|(_, room)| room.capacity).map(|seats| seats.to_string());
            if let Some((id, room)) = room {
                attributes.push(("name", room.name.as_str()));
                attributes.extend(guids.rooms.get(id).map(|guid| ("guid", guid.as_str())));
                attributes.extend(capacity.as_deref().map(|seats| ("capacity", seats)));
                let known = ["name", "guid", "capacity", "id"];
                let extra = room.extra.iter().filter(|(name, _)| is_name(name) && !known.contains(&name.as_str()));
                attributes.extend(extra.map(|(name, value)| (name.as_str(), value.as_str())));
            }
            open(&mut out, "room", &attributes)?;
            for (id, session) in sessions {
                let guid = guids.sessions.get(id).map(String::as_str).unwrap_or_default();
                event(&mut out, programme, guids, (guid, session))?;
            }
            close(&mut out, "room")?;
        }
        close(&mut out, "day")?;
    }
    if let Some(supplement) = supplement {
        // The end of an instruction may not stand in it; in JSON's strings, `>` may be written as a number.
        let content = format!("muster {}", supplement.replace('>', "\\u003e"));
        out.write_event(Event::PI(BytesPI::new(content)))?;
    }
    close(&mut out, "schedule")?;
    let mut bytes = out.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

fn conference(out: &mut Out, programme: &Programme, guids: &Guids, days: usize) -> Result<(), ExportError> {
    let event = &programme.event;
    let zone = &event.time_zone;
    open(out, "conference", &[])?;
    text(out, "acronym", &event.acronym)?;
    text(out, "title", &event.name)?;
    for (name, value) in [("subtitle", &event.subtitle), ("venue", &event.venue), ("city", &event.city)] {
        if !value.is_empty() {
            text(out, name, value)?;
        }
    }
    text(out, "start", &starts_text(event.starts_at, zone))?;
    text(out, "end", &ends_text(event.ends_at, zone))?;
    text(out, "days", &days.to_string())?;
    text(out, "day_change", &format!("{}:00", hours(u32::from(event.program_day_starts_min))))?;
    text(out, "timeslot_duration", &hours(u32::from(event.slot_min)))?;
    text(out, "time_zone_name", zone.name())?;
    if !event.base_url.is_empty() {
        text(out, "base_url", &event.base_url)?;
    }
    let mut tracks: Vec<_> = programme.tracks.iter().collect();
    tracks.sort_by_key(|(id, track)| (track.position, **id));
    for (id, track) in tracks {
        let mut attributes = vec![("name", track.name.as_str())];
        attributes.extend((!track.color.is_empty()).then_some(("color", track.color.as_str())));
        attributes.extend((!track.slug.is_empty()).then_some(("slug", track.slug.as_str())));
        attributes.extend(guids.tracks.get(id).map(|guid| ("guid", guid.as_str())));
        let known = ["name", "color", "slug", "guid"];
        let extra = track.extra.iter().filter(|(name, _)| is_name(name) && !known.contains(&name.as_str()));
        attributes.extend(extra.map(|(name, value)| (name.as_str(), value.as_str())));
        empty(out, "track", &attributes)?;
    }
    close(out, "conference")
}

/// The people apart from their sessions, as FOSDEM lists them: the only place for a biography.
fn persons(out: &mut Out, programme: &Programme, guids: &Guids) -> Result<(), ExportError> {
    if programme.presenters.is_empty() {
        return Ok(());
    }
    open(out, "persons", &[])?;
    for (id, presenter) in &programme.presenters {
        let known = ["id", "guid", "code", "url"];
        let mut attributes = Vec::new();
        let own = [("id", &presenter.source_id), ("code", &presenter.code), ("url", &presenter.url)];
        attributes
            .extend(own.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.as_str())));
        attributes.extend(guids.presenters.get(id).map(|guid| ("guid", guid.as_str())));
        let extra = presenter.extra.iter().filter(|(name, _)| is_name(name) && !known.contains(&name.as_str()));
        attributes.extend(extra.map(|(name, value)| (name.as_str(), value.as_str())));
        open(out, "person", &attributes)?;
        text(out, "name", &presenter.name)?;
        let fields = [
            ("biography", &presenter.biography),
            ("avatar", &presenter.avatar),
            ("organisation", &presenter.organisation),
        ];
        for (name, value) in fields {
            if !value.is_empty() {
                text(out, name, value)?;
            }
        }
        close(out, "person")?;
    }
    close(out, "persons")
}

fn event(out: &mut Out, programme: &Programme, guids: &Guids, session: (&str, &Session)) -> Result<(), ExportError> {
    let (guid, session) = session;
    let zone = &programme.event.time_zone;
    let number = number_of(guid).map(|number| number.to_string()).unwrap_or_default();
    let id = if session.source_id.is_empty() { &number } else { &session.source_id };
    open(out, "event", &[("guid", guid), ("id", id)])?;
    let room = session.room.and_then(|room| programme.rooms.get(&room)).map(|room| room.name.as_str());
    let track = session.track.and_then(|track| programme.tracks.get(&track)).map(|track| track.name.as_str());
    text(out, "date", &rfc3339(session.starts_at, zone))?;
    text(out, "start", &clock(session.starts_at, zone))?;
    text(out, "duration", &hours(session.duration_min))?;
    text(out, "room", room.unwrap_or_default())?;
    text(out, "slug", &session.slug)?;
    text(out, "url", &session.url)?;
    text(out, "title", &session.title)?;
    text(out, "subtitle", &session.subtitle)?;
    text(out, "track", track.unwrap_or_default())?;
    text(out, "type", &session.kind)?;
    text(out, "language", &session.language)?;
    text(out, "abstract", &session.r#abstract)?;
    text(out, "description", &session.description)?;
    for (name, value) in [("code", &session.code), ("logo", &session.logo), ("feedback_url", &session.feedback_url)] {
        if !value.is_empty() {
            text(out, name, value)?;
        }
    }
    open(out, "recording", &[])?;
    text(out, "license", &session.recording_license)?;
    text(out, "optout", if session.recording_optout { "true" } else { "false" })?;
    close(out, "recording")?;
    open(out, "persons", &[])?;
    for id in &session.presenters {
        if let Some((presenter, guid)) = programme.presenters.get(id).zip(guids.presenters.get(id)) {
            let mut attributes = vec![("guid", guid.as_str())];
            attributes.extend((!presenter.source_id.is_empty()).then_some(("id", presenter.source_id.as_str())));
            attributes.extend((!presenter.code.is_empty()).then_some(("code", presenter.code.as_str())));
            text_in(out, "person", &attributes, &presenter.name)?;
        }
    }
    close(out, "persons")?;
    links(out, ("links", "link"), &session.links)?;
    links(out, ("attachments", "attachment"), &session.attachments)?;
    for (name, value) in session.extra.iter().filter(|(name, _)| is_name(name) && !STANDARD.contains(&name.as_str())) {
        text(out, name, value)?;
    }
    close(out, "event")
}

/// The elements of an event that are written anyway, or mean something to the reader.
const STANDARD: [&str; 20] = [
    "date",
    "start",
    "duration",
    "end",
    "room",
    "slug",
    "url",
    "title",
    "subtitle",
    "track",
    "type",
    "language",
    "abstract",
    "description",
    "code",
    "logo",
    "feedback_url",
    "recording",
    "persons",
    "links",
];

fn links(out: &mut Out, names: (&str, &str), links: &[Link]) -> Result<(), ExportError> {
    open(out, names.0, &[])?;
    for link in links {
        let mut attributes = vec![("href", link.url.as_str())];
        attributes.extend((!link.kind.is_empty()).then_some(("type", link.kind.as_str())));
        text_in(out, names.1, &attributes, &link.title)?;
    }
    close(out, names.0)
}

/// Whether a text can be the name of an element or attribute; others go into the supplement.
fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.'))
        && !name.to_ascii_lowercase().starts_with("xml")
        && name != "attachments"
}

/// A text without the characters that XML has no way to write.
fn allowed(value: &str) -> String {
    value.chars().filter(|&character| is_text(character)).collect()
}

fn start<'a>(name: &'a str, attributes: &[(&'a str, &str)]) -> BytesStart<'a> {
    let mut tag = BytesStart::new(name);
    let mut seen = std::collections::BTreeSet::new();
    for (key, value) in attributes.iter().filter(|(key, _)| seen.insert(*key)) {
        tag.push_attribute((*key, allowed(value).as_str()));
    }
    tag
}

fn open(out: &mut Out, name: &str, attributes: &[(&str, &str)]) -> Result<(), ExportError> {
    Ok(out.write_event(Event::Start(start(name, attributes)))?)
}

fn empty(out: &mut Out, name: &str, attributes: &[(&str, &str)]) -> Result<(), ExportError> {
    Ok(out.write_event(Event::Empty(start(name, attributes)))?)
}

fn close(out: &mut Out, name: &str) -> Result<(), ExportError> {
    Ok(out.write_event(Event::End(BytesEnd::new(name)))?)
}

fn text(out: &mut Out, name: &str, value: &str) -> Result<(), ExportError> {
    text_in(out, name, &[], value)
}

fn text_in(out: &mut Out, name: &str, attributes: &[(&str, &str)], value: &str) -> Result<(), ExportError> {
    open(out, name, attributes)?;
    out.write_event(Event::Text(BytesText::new(&allowed(value))))?;
    close(out, name)?;
    Ok(())
}
