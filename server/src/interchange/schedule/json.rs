//! Reading schedule.json (voc/schedule).
//!
//! The schema is strict about things whose meaning is plain (a number given as text, rooms beside the conference, fields
//! it does not know); such a file is imported all the same, and what departs from the schema is noted.

use muster_model::program::{Link, PresenterProfile, Room, Session, Track};
use serde_json::{Map, Value};

use super::super::error::ImportError;
use super::super::json::{bool_of, objects_of, parse_all, text_of};
use super::super::note::NoteCode;
use super::super::text::{clean, excerpt};
use super::super::{Draft, ReadContext};
use super::{RawDay, RawSession, Schedule};

type Fields = Map<String, Value>;

/// The fields of a session that the schema knows.
const EVENT_FIELDS: [&str; 30] = [
    "guid",
    "code",
    "id",
    "logo",
    "date",
    "start",
    "end",
    "duration",
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
    "recording_license",
    "do_not_record",
    "do_not_stream",
    "persons",
    "links",
    "feedback_url",
    "origin_url",
    "attachments",
    "answers",
    "video_download_url",
    "recording",
    "resources",
];

/// Reads a schedule.json.
pub(crate) fn read(bytes: &[u8], context: &ReadContext) -> Result<Draft, ImportError> {
    let values = parse_all(bytes, &context.limits)?;
    let [Value::Object(root)] = values.as_slice() else {
        return Err(ImportError::Incomplete { what: "single object", kind: "schedule.json" });
    };
    let missing = |what| ImportError::Incomplete { what, kind: "schedule.json" };
    let outer = root.get("schedule").and_then(Value::as_object).unwrap_or(root);
    let conference = outer.get("conference").and_then(Value::as_object).ok_or_else(|| missing("conference"))?;
    let days = conference.get("days").and_then(Value::as_array).ok_or_else(|| missing("list of days"))?;
    let mut reader = Reader { context, schedule: Schedule::default() };
    reader.conference(outer, conference);
    reader.schedule.bound(&context.limits)?;
    for (index, day) in days.iter().enumerate() {
        if let Some(day) = day.as_object() {
            reader.day(index, day)?;
        } else {
            reader.schedule.notes.add(NoteCode::NotInSchema, format!("days[{index}]"), "skipped: not an object");
        }
        reader.schedule.bound(&context.limits)?;
    }
    reader.schedule.into_draft(context)
}

struct Reader<'a> {
    context: &'a ReadContext,
    schedule: Schedule,
}

impl Reader<'_> {
    fn departs(&mut self, place: &str, detail: &str) {
        self.schedule.notes.add(NoteCode::NotInSchema, place, detail);
    }

    fn conference(&mut self, outer: &Fields, conference: &Fields) {
        for name in ["acronym", "title", "start", "end", "timeslot_duration", "time_zone_name", "url"] {
            let value = text_of(conference, name);
            if !value.is_empty() {
                self.schedule.conference.insert(name.to_owned(), value);
            }
        }
        for name in ["version", "base_url"] {
            let value = text_of(outer, name);
            if !value.is_empty() {
                self.schedule.conference.insert(name.to_owned(), value);
            }
        }
        if outer.contains_key("rooms") {
            self.departs("schedule.rooms", "read as conference.rooms, where the schema has them");
        }
        for fields in objects_of(conference, "rooms").chain(objects_of(outer, "rooms")) {
            self.schedule.room(room(fields));
        }
        for fields in objects_of(conference, "tracks") {
            let track = Track {
                name: text_of(fields, "name"),
                color: text_of(fields, "color"),
                slug: text_of(fields, "slug"),
                extra: extra(fields, &["name", "color", "slug", "guid"]),
                ..Track::default()
            };
            self.schedule.track(track, &text_of(fields, "guid"));
        }
        let supplement = conference.get("meta").and_then(|meta| meta.get("muster"));
        self.schedule.supplement = supplement.filter(|value| value.is_object()).map(Value::to_string);
    }

    fn day(&mut self, index: usize, day: &Fields) -> Result<(), ImportError> {
        let date = text_of(day, "date");
        self.schedule.days.push(RawDay { date: date.clone(), end: text_of(day, "day_end") });
        let Some(rooms) = day.get("rooms").and_then(Value::as_object) else {
            self.departs(&format!("days[{index}].rooms"), "skipped: not an object keyed by the names of rooms");
            return Ok(());
        };
        for (name, events) in rooms {
            let name = clean(name);
            let room = self.schedule.room(Room { name: name.clone(), ..Room::default() });
            for (number, event) in events.as_array().into_iter().flatten().enumerate() {
                let place = format!("days[{index}].rooms.{}[{number}]", excerpt(&name));
                let Some(fields) = event.as_object() else {
                    self.departs(&place, "skipped: not an object");
                    continue;
                };
                let raw = RawSession { day: date.clone(), room, ..self.event(place, fields) };
                self.schedule.session(raw);
                self.schedule.bound(&self.context.limits)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, place: String, fields: &Fields) -> RawSession {
        if fields.get("id").is_some_and(Value::is_string) {
            self.departs(&format!("{place}.id"), "read, though it is a text and not a number");
        }
        for name in fields.keys().filter(|name| !EVENT_FIELDS.contains(&name.as_str())) {
            self.departs(&format!("{place}.{}", excerpt(name)), "not a field of a session: kept if it is a text");
        }
        let text = |name: &str| text_of(fields, name);
        let mut extra = extra(fields, &EVENT_FIELDS);
        for name in ["origin_url", "do_not_stream", "video_download_url"] {
            let value = match fields.get(name) {
                Some(Value::Bool(true)) => "true".to_owned(),
                _ => text(name),
            };
            if !value.is_empty() {
                extra.insert(name.to_owned(), value);
            }
        }
        let session = Session {
            title: text("title"),
            subtitle: text("subtitle"),
            kind: text("type"),
            language: text("language"),
            r#abstract: text("abstract"),
            description: text("description"),
            links: objects_of(fields, "links").map(link).collect(),
            attachments: objects_of(fields, "attachments").map(link).collect(),
            url: text("url"),
            slug: text("slug"),
            source_id: text("id"),
            guid: text("guid"),
            code: text("code"),
            logo: text("logo"),
            feedback_url: text("feedback_url"),
            recording_license: text("recording_license"),
            recording_optout: bool_of(fields, "do_not_record"),
            extra,
            ..Session::default()
        };
        RawSession {
            date: text("date"),
            start: text("start"),
            duration: text("duration"),
            end: text("end"),
            track: Track { name: text("track"), ..Track::default() },
            persons: objects_of(fields, "persons").map(|person| self.person(&place, person)).collect(),
            session,
            place,
            ..RawSession::default()
        }
    }

    fn person(&mut self, place: &str, fields: &Fields) -> PresenterProfile {
        let given = [text_of(fields, "name"), text_of(fields, "public_name"), text_of(fields, "full_public_name")];
        let mut profile = PresenterProfile {
            name: given.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            source_id: text_of(fields, "id"),
            guid: text_of(fields, "guid"),
            code: text_of(fields, "code"),
            biography: text_of(fields, "biography"),
            avatar: text_of(fields, "avatar"),
            url: text_of(fields, "url"),
            ..PresenterProfile::default()
        };
        let plain = |code: &str| code.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit());
        if !plain(&profile.code) {
            self.departs(&format!("{place}.persons.code"), "read, though a code has only A-Z and 0-9");
        }
        if fields.get("id").is_some_and(Value::is_string) {
            self.departs(&format!("{place}.persons.id"), "read, though it is a text and not a number");
        }
        let known = [
            "name",
            "public_name",
            "full_public_name",
            "id",
            "guid",
            "code",
            "biography",
            "avatar",
            "url",
            "links",
            "answers",
        ];
        profile.extra = extra(fields, &known);
        profile
    }
}

fn room(fields: &Fields) -> Room {
    let capacity = fields.get("capacity").and_then(Value::as_u64).and_then(|seats| u32::try_from(seats).ok());
    Room {
        name: text_of(fields, "name"),
        guid: text_of(fields, "guid"),
        source_id: text_of(fields, "id"),
        capacity,
        extra: extra(fields, &["name", "guid", "id", "capacity"]),
        ..Room::default()
    }
}

fn link(fields: &Fields) -> Link {
    Link { title: text_of(fields, "title"), url: text_of(fields, "url"), kind: text_of(fields, "type") }
}

/// The texts and numbers of an object beyond those known.
fn extra(fields: &Fields, known: &[&str]) -> std::collections::BTreeMap<String, String> {
    let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
    unknown.map(|name| (name.clone(), text_of(fields, name))).filter(|(_, value)| !value.is_empty()).collect()
}
