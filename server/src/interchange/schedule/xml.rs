//! Reading schedule.xml: Pentabarf (no guids, no dates, no rooms around events), frab, pretalx and FOSDEM's own.
//!
//! The file is read as a stream; only one record (an event, a person, a track) is held as a tree at a time.

use muster_model::program::{Link, PresenterProfile, Room, Session, Track};

use self::tree::{Element, Tree};
use super::super::error::ImportError;
use super::super::note::NoteCode;
use super::super::text::{self, byte_order_mark, clean, refuse_control_characters};
use super::super::{Draft, ReadContext};
use super::{RawDay, RawSession, Schedule};

mod tree;

/// Reads a schedule.xml.
pub(crate) fn read(bytes: &[u8], context: &ReadContext) -> Result<Draft, ImportError> {
    let text = decode(bytes)?;
    refuse_control_characters(&text)?;
    let mut reader = Reader::default();
    let mut tree = Tree::new(&text, context.limits.depth);
    while let Some(step) = tree.next()? {
        match step {
            tree::Step::Enter(path, attributes) => reader.enter(&path, &attributes),
            tree::Step::Record(path, element) => reader.record(&path, element),
            tree::Step::Instruction(content) => reader.schedule.supplement = Some(content),
        }
        reader.schedule.bound(&context.limits)?;
    }
    if reader.schedule.conference.is_empty() && !reader.seen_event {
        return Err(ImportError::Incomplete { what: "conference and no event", kind: "schedule.xml" });
    }
    reader.schedule.into_draft(context)
}

/// The text of an XML file in the encoding that its byte order mark or its declaration names.
fn decode(bytes: &[u8]) -> Result<String, ImportError> {
    let (marked, rest) = byte_order_mark(bytes);
    if let Some(encoding) = marked {
        return text::decode(rest, encoding);
    }
    let head: String = rest.iter().take(200).map(|&byte| char::from(byte)).collect();
    let declaration =
        head.split_once("?>").map(|(declaration, _)| declaration).filter(|text| text.starts_with("<?xml"));
    let label = declaration.and_then(|text| text.split_once("encoding")).and_then(|(_, rest)| {
        let mut parts = rest.split(['"', '\'']);
        (parts.next()?.trim() == "=").then(|| parts.next())?
    });
    let Some(label) = label else { return text::decode(rest, encoding_rs::UTF_8) };
    match encoding_rs::Encoding::for_label(label.as_bytes()) {
        Some(encoding) => text::decode(rest, encoding),
        None => Err(ImportError::Encoding { line: 1, encoding: text::excerpt(label) }),
    }
}

#[derive(Default)]
struct Reader {
    schedule: Schedule,
    day: String,
    room: Option<usize>,
    seen_event: bool,
}

impl Reader {
    fn enter(&mut self, path: &[String], attributes: &[(String, String)]) {
        let attribute = |name: &str| {
            attributes.iter().find(|(key, _)| key == name).map(|(_, value)| clean(value)).unwrap_or_default()
        };
        match path.last().map(String::as_str) {
            Some("day") => {
                self.day = attribute("date");
                self.room = None;
                self.schedule.days.push(RawDay { date: attribute("date"), end: attribute("end") });
            }
            Some("room") => {
                let known = ["name", "guid", "id", "capacity"];
                let extra = attributes
                    .iter()
                    .filter(|(key, value)| !known.contains(&key.as_str()) && !value.is_empty())
                    .map(|(key, value)| (key.clone(), clean(value)))
                    .collect();
                let room = Room {
                    name: attribute("name"),
                    guid: attribute("guid"),
                    source_id: attribute("id"),
                    capacity: attribute("capacity").parse().ok(),
                    extra,
                    ..Room::default()
                };
                self.room = self.schedule.room(room);
            }
            _ => {}
        }
    }

    fn record(&mut self, path: &[String], element: Element) {
        let parents: Vec<&str> = path.iter().map(String::as_str).collect();
        match (parents.as_slice(), element.name.as_str()) {
            (["schedule", "conference"] | ["schedule", "tracks"], "track") => {
                let guid = element.attribute("guid");
                self.schedule.track(track(&element), &guid);
            }
            (["schedule", "conference"], _) => self.conference(&element),
            (["schedule"], "version") => self.conference(&element),
            (["schedule", "persons"], "person") => self.schedule.persons.push(person(&element)),
            (["schedule", "day"] | ["schedule", "day", "room"], "event") => {
                self.seen_event = true;
                let session = self.event(&element, parents.len() == 3);
                self.schedule.session(session);
            }
            (["schedule"], "generator") => {}
            _ => {
                let place = format!("line {}", element.line);
                let detail = format!("not imported: element {}", text::excerpt(&element.name));
                self.schedule.notes.add(NoteCode::ElementIgnored, place, detail);
            }
        }
    }

    fn conference(&mut self, element: &Element) {
        let known = [
            "acronym",
            "title",
            "subtitle",
            "venue",
            "city",
            "start",
            "end",
            "days",
            "day_change",
            "timeslot_duration",
            "base_url",
            "url",
            "time_zone_name",
            "version",
        ];
        let value = clean(&element.deep_text());
        if known.contains(&element.name.as_str()) {
            if !value.is_empty() {
                self.schedule.conference.entry(element.name.clone()).or_insert(value);
            }
        } else if !value.is_empty() {
            let detail = format!("not imported: {}", text::excerpt(&element.name));
            self.schedule.notes.add(NoteCode::ElementIgnored, format!("line {}", element.line), detail);
        }
    }

    fn event(&mut self, element: &Element, in_room: bool) -> RawSession {
        let mut raw = RawSession {
            place: format!("line {}", element.line),
            day: self.day.clone(),
            room: self.room.filter(|_| in_room),
            ..RawSession::default()
        };
        let session = &mut raw.session;
        session.guid = element.attribute("guid");
        session.source_id = element.attribute("id");
        session.code = element.attribute("code");
        for (name, value) in &element.attributes {
            if !["guid", "id", "code"].contains(&name.as_str()) && !value.is_empty() {
                session.extra.insert(name.clone(), clean(value));
            }
        }
        for child in &element.children {
            match child.name.as_str() {
                "date" => raw.date = child.clean_text(),
                "start" => raw.start = child.clean_text(),
                "duration" => raw.duration = child.clean_text(),
                "end" => raw.end = child.clean_text(),
                "room" => raw.room_name = child.clean_text(),
                "track" => raw.track = track(child),
                "persons" => raw.persons.extend(child.children_named("person").map(person)),
                "links" => raw.session.links.extend(child.children_named("link").map(link)),
                "attachments" => raw.session.attachments.extend(child.children_named("attachment").map(link)),
                "recording" => recording(child, &mut raw.session),
                _ => self.plain_field(child, &mut raw.session),
            }
        }
        raw
    }

    /// A field that is one text; unknown ones are kept for export.
    fn plain_field(&mut self, child: &Element, session: &mut Session) {
        let value = clean(&child.deep_text());
        let field = match child.name.as_str() {
            "title" => &mut session.title,
            "subtitle" => &mut session.subtitle,
            "slug" => &mut session.slug,
            "type" => &mut session.kind,
            "language" => &mut session.language,
            "abstract" => &mut session.r#abstract,
            "description" => &mut session.description,
            "url" => &mut session.url,
            "code" => &mut session.code,
            "logo" => &mut session.logo,
            "feedback_url" => &mut session.feedback_url,
            name => {
                if !child.children.is_empty() {
                    let detail = format!("only the text of {} was kept", text::excerpt(name));
                    self.schedule.notes.add(NoteCode::ElementFlattened, format!("line {}", child.line), detail);
                }
                if !value.is_empty() {
                    session.extra.insert(name.to_owned(), value);
                }
                return;
            }
        };
        if !value.is_empty() {
            *field = value;
        }
    }
}

fn track(element: &Element) -> Track {
    let named = element.attribute("name");
    let known = ["name", "color", "slug", "guid"];
    let extra = element.attributes.iter().filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_empty());
    Track {
        name: if named.is_empty() { element.clean_text() } else { named },
        color: element.attribute("color"),
        slug: element.attribute("slug"),
        extra: extra.map(|(name, value)| (name.clone(), clean(value))).collect(),
        ..Track::default()
    }
}

/// A person: a name in an element with attributes, or (FOSDEM) elements of their own.
fn person(element: &Element) -> PresenterProfile {
    let mut profile = PresenterProfile {
        source_id: element.attribute("id"),
        guid: element.attribute("guid"),
        code: element.attribute("code"),
        url: element.attribute("url"),
        ..PresenterProfile::default()
    };
    for (name, value) in &element.attributes {
        if !["id", "guid", "code", "url"].contains(&name.as_str()) && !value.is_empty() {
            profile.extra.insert(name.clone(), clean(value));
        }
    }
    if element.children.is_empty() {
        profile.name = element.clean_text();
        return profile;
    }
    for child in &element.children {
        let value = clean(&child.deep_text());
        match child.name.as_str() {
            "name" => profile.name = value,
            "biography" => profile.biography = value,
            "avatar" => profile.avatar = value,
            "url" => profile.url = value,
            "organisation" => profile.organisation = value,
            _ if value.is_empty() => {}
            name => drop(profile.extra.insert(name.to_owned(), value)),
        }
    }
    profile
}

/// A link: its title as text, or (voc) in elements.
fn link(element: &Element) -> Link {
    let part = |name: &str| element.children_named(name).next().map(Element::clean_text).unwrap_or_default();
    let or = |one: String, other: String| if one.is_empty() { other } else { one };
    let own = if element.children.is_empty() { element.clean_text() } else { String::new() };
    Link {
        title: or(own, part("title")),
        url: or(element.attribute("href"), part("url")),
        kind: or(element.attribute("type"), part("type")),
    }
}

fn recording(element: &Element, session: &mut Session) {
    for child in &element.children {
        let value = child.clean_text();
        match child.name.as_str() {
            "license" => session.recording_license = value,
            "optout" => session.recording_optout = value.eq_ignore_ascii_case("true") || value == "1",
            _ if value.is_empty() => {}
            name => drop(session.extra.insert(format!("recording_{name}"), value)),
        }
    }
}
