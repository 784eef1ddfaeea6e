//! Programmes: schedule.xml and schedule.json to records.
//!
//! Both readers collect what the file says in a [`Schedule`], which resolves what only the whole file can answer: which
//! room a name means, whether the numbers of people identify them, when a session starts that has no date of its own.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use muster_model::event::Event;
use muster_model::id::{EventId, PresenterId, RecordId, RoomId, SessionId, TrackId};
use muster_model::program::{PresenterProfile, Room, Session, Track};
use muster_model::time::{TimeZone, Timestamp};

use super::error::ImportError;
use super::guid::{carried, is_own, number_of};
use super::note::{ImportNotes, NoteCode};
use super::{Counts, Draft, ReadContext, ReadLimits};

mod check;
pub(crate) mod json;
mod people;
pub(crate) mod supplement;
mod times;
pub(crate) mod xml;

use times::{clock_minutes, duration_minutes};
pub(crate) use times::{day_start, instant};

/// The id of what a file knows under a globally unique id: the one it carries, if Muster made it.
pub(crate) fn id_of_guid<I: RecordId>(event: EventId, guid: &str) -> I {
    carried(guid).unwrap_or_else(|| I::derive(event, &format!("guid/{}", guid.to_ascii_lowercase())))
}

/// A day of the schedule.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawDay {
    /// Its date, as written.
    pub(crate) date: String,
    /// When it ends, as written.
    pub(crate) end: String,
}

/// A session as the file has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawSession {
    /// Where it stands in the file.
    pub(crate) place: String,
    /// The date of the day it stands under.
    pub(crate) day: String,
    /// Its own date and time.
    pub(crate) date: String,
    /// Its time of day.
    pub(crate) start: String,
    /// How long it lasts.
    pub(crate) duration: String,
    /// When it ends.
    pub(crate) end: String,
    /// The room it stands under.
    pub(crate) room: Option<usize>,
    /// The room it names.
    pub(crate) room_name: String,
    /// Its track.
    pub(crate) track: Track,
    /// Who presents.
    pub(crate) persons: Vec<PresenterProfile>,
    /// All that can be taken over as it is.
    pub(crate) session: Session,
}

/// What a schedule file says, before names are resolved.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// The fields of the conference, by the name they have in schedule.xml.
    pub(crate) conference: BTreeMap<String, String>,
    /// The days.
    pub(crate) days: Vec<RawDay>,
    /// The sessions.
    pub(crate) sessions: Vec<RawSession>,
    /// People named apart from sessions.
    pub(crate) persons: Vec<PresenterProfile>,
    /// What Muster added to the file that its format cannot express.
    pub(crate) supplement: Option<String>,
    /// What was noticed.
    pub(crate) notes: ImportNotes,
    parts: usize,
    rooms: Vec<Room>,
    room_places: BTreeMap<String, usize>,
    tracks: Vec<Track>,
    track_guids: Vec<String>,
    track_places: BTreeMap<String, usize>,
}

/// The most days of a schedule: more than 27 years.
const MAX_DAYS: usize = 10_000;

impl Schedule {
    /// Takes in a session.
    pub(crate) fn session(&mut self, raw: RawSession) {
        let session = &raw.session;
        self.parts += raw.persons.len() + session.links.len() + session.attachments.len() + session.extra.len();
        self.sessions.push(raw);
    }

    /// Refuses a file as soon as it holds more than is read.
    pub(crate) fn bound(&self, limits: &ReadLimits) -> Result<(), ImportError> {
        let counts = [
            ("sessions", self.sessions.len(), limits.sessions),
            ("rooms", self.rooms.len(), limits.sessions),
            ("tracks", self.tracks.len(), limits.sessions),
            ("days", self.days.len(), MAX_DAYS),
            ("people and links", self.parts.saturating_add(self.persons.len()), limits.attendees),
        ];
        match counts.into_iter().find(|(_, count, limit)| count > limit) {
            Some((what, _, limit)) => {
                Err(ImportError::TooLarge { what, limit: u64::try_from(limit).unwrap_or(u64::MAX) })
            }
            None => Ok(()),
        }
    }

    /// The place of a room; one that is named again may say more.
    pub(crate) fn room(&mut self, room: Room) -> Option<usize> {
        if room.name.is_empty() && room.guid.is_empty() {
            return None;
        }
        let by_name = format!("name/{}", room.name);
        let by_guid = (!room.guid.is_empty()).then(|| format!("guid/{}", room.guid.to_ascii_lowercase()));
        let known = match &by_guid {
            Some(guid) => self.room_places.get(guid).copied(),
            None => self.room_places.get(&by_name).copied(),
        };
        let place = known.unwrap_or(self.rooms.len());
        match self.rooms.get_mut(place) {
            Some(there) => {
                there.capacity = there.capacity.or(room.capacity);
                for (name, value) in room.extra {
                    there.extra.entry(name).or_insert(value);
                }
            }
            None => {
                let position = u32::try_from(place).unwrap_or(u32::MAX);
                self.rooms.push(Room { position, ..room });
            }
        }
        self.room_places.entry(by_name).or_insert(place);
        self.room_places.extend(by_guid.map(|guid| (guid, place)));
        Some(place)
    }

    /// Takes in a track, which may carry a globally unique id; tracks go by their names.
    pub(crate) fn track(&mut self, track: Track, guid: &str) {
        if track.name.is_empty() {
            return;
        }
        let known = self.track_places.get(&track.name).copied().filter(|_| guid.is_empty());
        let place = known.unwrap_or(self.tracks.len());
        match self.tracks.get_mut(place) {
            Some(there) => {
                if there.slug.is_empty() {
                    there.slug = track.slug;
                }
                if there.color.is_empty() {
                    there.color = track.color;
                }
            }
            None => {
                self.track_places.entry(track.name.clone()).or_insert(place);
                let position = u32::try_from(place).unwrap_or(u32::MAX);
                self.tracks.push(Track { position, ..track });
                self.track_guids.push(guid.to_owned());
            }
        }
    }

    /// Turns what was read into records.
    pub(crate) fn into_draft(mut self, context: &ReadContext) -> Result<Draft, ImportError> {
        for track in self.sessions.iter().map(|session| session.track.clone()).collect::<Vec<_>>() {
            self.track(track, "");
        }
        for session in 0..self.sessions.len() {
            let name = self.sessions.get(session).map(|session| session.room_name.clone()).unwrap_or_default();
            let unplaced = self.sessions.get(session).is_some_and(|session| session.room.is_none());
            if unplaced && !name.is_empty() {
                let room = self.room(Room { name, ..Room::default() });
                self.sessions.get_mut(session).into_iter().for_each(|session| session.room = room);
            }
        }
        let named = self.conference.get("time_zone_name").is_some_and(|name| TimeZone::named(name).is_ok());
        let (event, zone) = self.event(context);
        let mut fields = BTreeSet::from([
            "name",
            "acronym",
            "subtitle",
            "venue",
            "city",
            "starts_at",
            "ends_at",
            "program_day_starts_min",
            "slot_min",
            "base_url",
            "program_version",
        ]);
        if named {
            fields.insert("time_zone");
        }
        let counts = Counts {
            read: u64::try_from(self.sessions.len()).unwrap_or(u64::MAX),
            days: u64::try_from(self.days.len()).unwrap_or(u64::MAX),
            ..Counts::default()
        };
        let mut draft = Draft { event_fields: fields, counts, complete: true, ..Draft::default() };
        let rooms = self.finish_rooms(context.event, &mut draft);
        let tracks = self.finish_tracks(context.event, &mut draft);
        let people = people::People::gather(&self, context.event);
        for raw in std::mem::take(&mut self.sessions) {
            let day_change = self.conference.get("day_change").and_then(|text| clock_minutes(text)).unwrap_or(0);
            let starts = times::starts_at(&raw, &zone, day_change);
            let lasts = times::lasts_min(&raw, starts);
            let (Some(starts_at), Some(duration_min)) = (starts, lasts) else {
                draft.counts.skipped += 1;
                let what = if starts.is_none() { "no date and time that can be read" } else { "no duration" };
                self.notes.add(NoteCode::SessionTime, raw.place, format!("skipped: it has {what}"));
                continue;
            };
            let (presenters, repeated) = people.of(&raw.persons, context.event);
            if repeated > 0 {
                self.notes.add(
                    NoteCode::PresenterTwice,
                    raw.place.clone(),
                    "a presenter is named more than once: taken once",
                );
            }
            let session = Session {
                starts_at,
                duration_min,
                room: raw.room.and_then(|place| rooms.get(place).copied()),
                track: self.track_places.get(&raw.track.name).and_then(|place| tracks.get(*place).copied()),
                presenters,
                ..raw.session
            };
            add_session(session, &raw.place, context.event, &mut draft, &mut self.notes);
        }
        draft.presenters = people.into_profiles();
        draft.event = Some(event);
        draft.notes = std::mem::take(&mut self.notes);
        if let Some(text) = self.supplement.take() {
            supplement::apply(&text, context, &mut draft);
        }
        check::note_oddities(&mut draft, &zone);
        shorten_all(&mut draft, context.limits.text_chars);
        Ok(draft)
    }

    fn finish_rooms(&mut self, event: EventId, draft: &mut Draft) -> Vec<RoomId> {
        let mut ids = Vec::with_capacity(self.rooms.len());
        for mut room in std::mem::take(&mut self.rooms) {
            let id = match room.guid.as_str() {
                "" => RoomId::derive(event, &format!("name/{}", room.name)),
                guid => id_of_guid(event, guid),
            };
            if is_own(&room.guid) {
                room.guid.clear();
            }
            ids.push(id);
            draft.rooms.entry(id).or_insert(room);
        }
        ids
    }

    fn finish_tracks(&mut self, event: EventId, draft: &mut Draft) -> Vec<TrackId> {
        let mut ids = Vec::with_capacity(self.tracks.len());
        for (track, guid) in std::mem::take(&mut self.tracks).into_iter().zip(std::mem::take(&mut self.track_guids)) {
            let id = match guid.as_str() {
                "" => TrackId::derive(event, &format!("name/{}", track.name)),
                guid => id_of_guid(event, guid),
            };
            ids.push(id);
            draft.tracks.entry(id).or_insert(track);
        }
        ids
    }

    /// The event, and the zone that local times are read in.
    fn event(&mut self, context: &ReadContext) -> (Event, TimeZone) {
        let text = |name: &str| self.conference.get(name).cloned().unwrap_or_default();
        let zone = match text("time_zone_name").as_str() {
            "" => {
                if self.sessions.iter().any(|session| session.date.is_empty()) {
                    let detail =
                        format!("the file names no time zone: its times are taken as {}", context.time_zone.name());
                    self.notes.add(NoteCode::TimeZoneAssumed, "conference", detail);
                }
                context.time_zone.clone()
            }
            name => TimeZone::named(name).unwrap_or_else(|_| {
                let detail =
                    format!("unknown time zone: times without an offset are taken as {}", context.time_zone.name());
                self.notes.add(NoteCode::TimeZoneUnknown, "conference/time_zone_name", detail);
                context.time_zone.clone()
            }),
        };
        let first = self.days.first().map(|day| day.date.clone()).unwrap_or_default();
        let last = self.days.last().map(|day| day.date.clone()).unwrap_or_default();
        let start = [text("start"), first].into_iter().find_map(|text| times::day_start(&text, &zone));
        let end = [text("end"), last].into_iter().find_map(|text| times::day_end(&text, &zone));
        let day_starts = text("day_change");
        let day_starts = clock_minutes(&day_starts).or_else(|| times::day_change_of(self.days.first()?, &zone));
        let base_url = Some(text("base_url")).filter(|url| !url.is_empty()).unwrap_or_else(|| text("url"));
        let event = Event {
            name: text("title"),
            acronym: text("acronym"),
            subtitle: text("subtitle"),
            venue: text("venue"),
            city: text("city"),
            starts_at: start.unwrap_or_default(),
            ends_at: end.unwrap_or_default(),
            time_zone: zone.clone(),
            program_day_starts_min: day_starts.and_then(|minutes| u16::try_from(minutes).ok()).unwrap_or(0) % 1_440,
            slot_min: duration_minutes(&text("timeslot_duration")).and_then(|min| u16::try_from(min).ok()).unwrap_or(0),
            base_url,
            program_version: text("version"),
            ..Event::default()
        };
        (event, zone)
    }
}

fn add_session(mut session: Session, place: &str, event: EventId, draft: &mut Draft, notes: &mut ImportNotes) {
    let id = match (session.guid.as_str(), session.source_id.as_str()) {
        ("", "") => SessionId::derive(event, &format!("natural/{}/{}", session.starts_at.ms(), session.title)),
        ("", number) => SessionId::derive(event, &format!("id/{number}")),
        (guid, _) => id_of_guid(event, guid),
    };
    if number_of(&session.guid).is_some_and(|number| session.source_id == number.to_string()) {
        session.source_id.clear();
    }
    if session.url == format!("urn:uuid:{}", session.guid) {
        session.url.clear();
    }
    if is_own(&session.guid) {
        session.guid.clear();
    }
    if let Entry::Vacant(free) = draft.sessions.entry(id) {
        free.insert(session);
    } else {
        draft.counts.skipped += 1;
        notes.add(NoteCode::DuplicateSession, place, "skipped: a session with the same id came before");
    }
}

/// Cuts texts that no screen could show.
fn shorten_all(draft: &mut Draft, limit: usize) {
    let notes = &mut draft.notes;
    let mut shorten = |text: &mut String, place: &dyn Fn() -> String| {
        if text.len() > limit && text.chars().count() > limit {
            *text = text.chars().take(limit).collect();
            notes.add(NoteCode::TextShortened, place(), format!("a text of more than {limit} characters was cut"));
        }
    };
    for (id, session) in &mut draft.sessions {
        let place = || format!("session {id}");
        for text in [&mut session.title, &mut session.subtitle, &mut session.r#abstract, &mut session.description] {
            shorten(text, &place);
        }
        session.extra.values_mut().for_each(|text| shorten(text, &place));
    }
    for (id, presenter) in &mut draft.presenters {
        let place = || format!("presenter {id}");
        [&mut presenter.name, &mut presenter.biography].into_iter().for_each(|text| shorten(text, &place));
    }
}

/// The presenters' ids, for a file that names people.
pub(crate) type PresenterIds = Vec<PresenterId>;

/// When a session is, for those who only compare.
pub(crate) fn span(session: &Session) -> (Timestamp, Timestamp) {
    (session.starts_at, session.ends_at())
}
