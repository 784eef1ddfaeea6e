//! Writing schedule.json (voc/schedule, `validator/json/schema.json`).
//!
//! The schema is narrower than most programmes: an acronym has no capital letters, a slug neither, every session has a
//! number and an address. What does not fit is made to fit, and stands as it was in `conference.meta.muster`.

use muster_model::id::{PresenterId, SessionId};
use muster_model::program::{Link, Session};
use serde_json::{Map, Value, json};

use super::super::error::ExportError;
use super::super::guid::number_of;
use super::super::{Format, Programme};
use super::guids::{Day, Guids, clock, day_begins, days, ends_text, hours, rfc3339, starts_text, supplement};

/// The kinds of links that the schema knows.
const LINK_TYPES: [&str; 8] = ["slides", "paper", "web", "blog", "article", "media", "related", "activitypub"];

/// A programme as schedule.json, valid by the schema.
///
/// # Errors
/// Only if memory does not suffice.
pub fn schedule_json(programme: &Programme) -> Result<Vec<u8>, ExportError> {
    let guids = Guids::new(programme);
    let mut schedule = build(programme, &guids);
    let plain = serde_json::to_vec(&schedule)?;
    if let Some(text) = supplement(programme, &guids, Format::ScheduleJson, &plain)? {
        let supplement: Value = serde_json::from_str(&text)?;
        if let Some(conference) = schedule.pointer_mut("/schedule/conference").and_then(Value::as_object_mut) {
            conference.insert("meta".to_owned(), json!({ "muster": supplement }));
        }
    }
    let mut bytes = serde_json::to_vec_pretty(&schedule)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn build(programme: &Programme, guids: &Guids) -> Value {
    let event = &programme.event;
    let days = days(programme);
    let mut schedule = Map::new();
    schedule.insert("version".to_owned(), json!(event.program_version));
    insert_text(&mut schedule, "base_url", &event.base_url);
    schedule.insert("conference".to_owned(), conference(programme, guids, &days));
    json!({
        "$schema": "https://c3voc.de/schedule/schema.json",
        "generator": { "name": "muster", "version": env!("CARGO_PKG_VERSION") },
        "schedule": schedule,
    })
}

fn conference(programme: &Programme, guids: &Guids, days: &[Day<'_>]) -> Value {
    let event = &programme.event;
    let zone = &event.time_zone;
    let mut tracks: Vec<_> = programme.tracks.iter().collect();
    tracks.sort_by_key(|(id, track)| (track.position, **id));
    let tracks = tracks.into_iter().map(|(id, track)| {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(track.name));
        insert_text(&mut fields, "color", &track.color);
        insert_text(&mut fields, "slug", if is_slug(&track.slug) { &track.slug } else { "" });
        fields.insert("guid".to_owned(), json!(guids.tracks.get(id)));
        Value::Object(fields)
    });
    let mut rooms: Vec<_> = programme.rooms.iter().collect();
    rooms.sort_by_key(|(id, room)| (room.position, **id));
    let rooms = rooms.into_iter().map(|(id, room)| {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(room.name));
        fields.insert("guid".to_owned(), json!(guids.rooms.get(id)));
        if let Some(capacity) = room.capacity {
            fields.insert("capacity".to_owned(), json!(capacity));
        }
        let slug = room.extra.get("slug").filter(|slug| is_slug(slug));
        insert_text(&mut fields, "slug", slug.map(String::as_str).unwrap_or_default());
        insert_text(&mut fields, "description", room.extra.get("description").map(String::as_str).unwrap_or_default());
        Value::Object(fields)
    });
    let mut fields = Map::new();
    fields.insert("acronym".to_owned(), json!(acronym(&event.acronym)));
    fields.insert("title".to_owned(), json!(event.name));
    fields.insert("start".to_owned(), json!(starts_text(event.starts_at, zone)));
    fields.insert("end".to_owned(), json!(ends_text(event.ends_at, zone)));
    fields.insert("daysCount".to_owned(), json!(days.len()));
    let slot = if event.slot_min == 0 { 5 } else { event.slot_min };
    fields.insert("timeslot_duration".to_owned(), json!(hours(u32::from(slot))));
    insert_text(&mut fields, "time_zone_name", if is_zone_name(zone.name()) { zone.name() } else { "" });
    fields.insert("tracks".to_owned(), tracks.collect());
    fields.insert("rooms".to_owned(), rooms.collect());
    fields.insert(
        "days".to_owned(),
        days.iter().enumerate().map(|(index, day)| day_of(programme, guids, index, day)).collect(),
    );
    Value::Object(fields)
}

fn day_of(programme: &Programme, guids: &Guids, index: usize, day: &Day<'_>) -> Value {
    let mut rooms: Map<String, Value> = Map::new();
    for (room, sessions) in &day.rooms {
        let name = room.map(|(_, room)| room.name.clone()).unwrap_or_default();
        let events = sessions.iter().map(|(id, session)| event(programme, guids, *id, session));
        if let Value::Array(list) = rooms.entry(name).or_insert_with(|| json!([])) {
            list.extend(events);
        }
    }
    let next = day.date.tomorrow().map(|next| day_begins(next, programme)).unwrap_or_default();
    json!({
        "index": index + 1,
        "date": day.date.to_string(),
        "day_start": day_begins(day.date, programme),
        "day_end": next,
        "rooms": rooms,
    })
}

fn event(programme: &Programme, guids: &Guids, id: SessionId, session: &Session) -> Value {
    let zone = &programme.event.time_zone;
    let guid = guids.sessions.get(&id).map(String::as_str).unwrap_or_default();
    let number = session.source_id.parse::<u32>().ok().filter(|&number| number > 0).or_else(|| number_of(guid));
    let room = session.room.and_then(|room| programme.rooms.get(&room)).map(|room| room.name.as_str());
    let track = session.track.and_then(|track| programme.tracks.get(&track)).map(|track| track.name.as_str());
    let urn = format!("urn:uuid:{guid}");
    let mut fields = Map::new();
    fields.insert("guid".to_owned(), json!(guid));
    fields.insert("id".to_owned(), json!(number.unwrap_or(1)));
    insert_text(&mut fields, "code", if is_code(&session.code) { &session.code } else { "" });
    insert_text(&mut fields, "logo", &session.logo);
    fields.insert("date".to_owned(), json!(rfc3339(session.starts_at, zone)));
    fields.insert("start".to_owned(), json!(clock(session.starts_at, zone)));
    fields.insert("end".to_owned(), json!(rfc3339(session.ends_at(), zone)));
    fields.insert("duration".to_owned(), json!(hours(session.duration_min)));
    fields.insert("room".to_owned(), json!(room.unwrap_or_default()));
    fields.insert("slug".to_owned(), json!(slug(session, number.unwrap_or(1))));
    fields.insert("url".to_owned(), json!(if session.url.is_empty() { &urn } else { &session.url }));
    fields.insert("title".to_owned(), json!(session.title));
    fields.insert("subtitle".to_owned(), json!(session.subtitle));
    fields.insert("track".to_owned(), json!(track));
    fields.insert("type".to_owned(), json!(session.kind));
    fields.insert("language".to_owned(), json!(session.language));
    fields.insert("abstract".to_owned(), json!(session.r#abstract));
    fields.insert("description".to_owned(), json!(session.description));
    fields.insert("recording_license".to_owned(), json!(session.recording_license));
    fields.insert("do_not_record".to_owned(), json!(session.recording_optout));
    insert_text(&mut fields, "feedback_url", &session.feedback_url);
    for name in ["origin_url", "do_not_stream"] {
        insert_text(&mut fields, name, session.extra.get(name).map(String::as_str).unwrap_or_default());
    }
    let persons = session.presenters.iter().filter_map(|id| person(programme, guids, *id));
    fields.insert("persons".to_owned(), persons.collect());
    fields.insert("links".to_owned(), session.links.iter().map(link).collect());
    fields.insert("attachments".to_owned(), session.attachments.iter().map(link).collect());
    Value::Object(fields)
}

/// A person by `name`: the schema takes those with a `public_name` for frab's, who may have nothing else.
fn person(programme: &Programme, guids: &Guids, id: PresenterId) -> Option<Value> {
    let presenter = programme.presenters.get(&id)?;
    let mut fields = Map::new();
    fields.insert("guid".to_owned(), json!(guids.presenters.get(&id)?));
    if let Ok(number) = presenter.source_id.parse::<u32>() {
        fields.insert("id".to_owned(), json!(number));
    }
    insert_text(&mut fields, "code", if is_code(&presenter.code) { &presenter.code } else { "" });
    fields.insert("name".to_owned(), json!(presenter.name));
    insert_text(&mut fields, "avatar", &presenter.avatar);
    insert_text(&mut fields, "biography", &presenter.biography);
    insert_text(&mut fields, "url", &presenter.url);
    Some(Value::Object(fields))
}

fn link(link: &Link) -> Value {
    let mut fields = Map::new();
    fields.insert("url".to_owned(), json!(link.url));
    insert_text(&mut fields, "title", &link.title);
    insert_text(&mut fields, "type", if LINK_TYPES.contains(&link.kind.as_str()) { &link.kind } else { "" });
    Value::Object(fields)
}

fn insert_text(fields: &mut Map<String, Value>, name: &str, value: &str) {
    if !value.is_empty() {
        fields.insert(name.to_owned(), Value::from(value));
    }
}

/// Letters, digits, `_` and `-` in lower case, the last a letter or digit.
fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    text.len() > 1
        && text.bytes().all(allowed)
        && text.bytes().last().is_some_and(|last| last.is_ascii_lowercase() || last.is_ascii_digit())
}

fn is_code(text: &str) -> bool {
    text.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
}

/// `Area/City` or `UTC`: the only names that the schema lets through.
fn is_zone_name(name: &str) -> bool {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().is_some_and(|first| first.is_ascii_uppercase())
            && letters.next().is_some_and(|second| second.is_ascii_lowercase())
    };
    let area =
        |(area, city): (&str, &str)| word(area) && area.chars().skip(1).all(|c| c.is_ascii_lowercase()) && word(city);
    name == "UTC" || name.split_once('/').is_some_and(area)
}

fn slug(session: &Session, number: u32) -> String {
    if is_slug(&session.slug) {
        return session.slug.clone();
    }
    let source = if session.slug.is_empty() { &session.title } else { &session.slug };
    let mut slug = if session.slug.is_empty() { format!("{number}-") } else { String::new() };
    for letter in source.to_lowercase().chars().take(80) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let trimmed = slug.trim_end_matches(['-', '_']);
    if is_slug(trimmed) { trimmed.to_owned() } else { format!("session-{number}") }
}

/// An acronym as the schema wants it: at least four of `a-z`, `0-9` and `_`.
fn acronym(given: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let mut acronym: String = given.chars().map(plain).collect();
    while acronym.len() < 4 {
        acronym.push('_');
    }
    acronym
}
