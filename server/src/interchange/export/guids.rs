//! What both schedule formats need: globally unique ids, days, and what the format cannot say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use jiff::civil::Date;
use muster_model::id::{EventId, PresenterId, RecordId, RoomId, SessionId, TrackId};
use muster_model::program::{Room, Session};
use muster_model::time::{TimeZone, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::error::ExportError;
use super::super::guid::carrying;
use super::super::schedule::id_of_guid;
use super::super::schedule::supplement::{EVENT_FIELDS, difference};
use super::super::{Draft, Format, Programme, ReadContext, ReadLimits};

/// The most days between the first and the last session that are written though nothing happens on them.
const MAX_EMPTY_DAYS: usize = 60;

/// The globally unique ids that a programme's records are exported under.
pub(crate) struct Guids {
    pub(crate) rooms: BTreeMap<RoomId, String>,
    pub(crate) tracks: BTreeMap<TrackId, String>,
    pub(crate) presenters: BTreeMap<PresenterId, String>,
    pub(crate) sessions: BTreeMap<SessionId, String>,
}

/// A record's own guid if it has one that no other has, else the one that carries its id.
fn guids_of<'a, I: RecordId + 'a>(records: impl Iterator<Item = (I, &'a str)>) -> BTreeMap<I, String> {
    let mut taken = BTreeSet::new();
    let mut guids = BTreeMap::new();
    for (id, guid) in records {
        let own = uuid::Uuid::try_parse(guid).ok().filter(|_| guid.len() == 36).filter(|uuid| taken.insert(*uuid));
        guids.insert(id, own.map_or_else(|| carrying(id), |_| guid.to_owned()));
    }
    guids
}

impl Guids {
    /// The guids of all records of a programme.
    pub(crate) fn new(programme: &Programme) -> Self {
        Self {
            rooms: guids_of(programme.rooms.iter().map(|(id, room)| (*id, room.guid.as_str()))),
            tracks: guids_of(programme.tracks.keys().map(|id| (*id, ""))),
            presenters: guids_of(programme.presenters.iter().map(|(id, presenter)| (*id, presenter.guid.as_str()))),
            sessions: guids_of(programme.sessions.iter().map(|(id, session)| (*id, session.guid.as_str()))),
        }
    }

    /// Every guid by its record's id as text; ids of different kinds do not collide.
    fn by_text(&self) -> BTreeMap<String, String> {
        fn pairs<I: Display>(guids: &BTreeMap<I, String>) -> impl Iterator<Item = (String, String)> {
            guids.iter().map(|(id, guid)| (id.to_string(), guid.clone()))
        }
        pairs(&self.rooms).chain(pairs(&self.tracks)).chain(pairs(&self.presenters)).collect()
    }
}

/// What a format did not give back of a programme: read again from the file without its supplement. `None` if all.
pub(crate) fn supplement(
    programme: &Programme,
    guids: &Guids,
    format: Format,
    file: &[u8],
) -> Result<Option<String>, ExportError> {
    let limits = ReadLimits { bytes: usize::MAX, values: usize::MAX, ..ReadLimits::default() };
    let event = EventId::from_random([0; 16]);
    let context = ReadContext { event, time_zone: TimeZone::UTC, limits };
    // A file that does not read back gives nothing back: all is put into the supplement.
    let read = super::super::read(format, file, &context).unwrap_or_default();
    let own = guids.by_text();
    let mut found = Map::new();
    let fields = event_difference(programme, &read)?;
    if !fields.is_empty() {
        found.insert("event".to_owned(), fields.into());
    }
    let names = Names { event, own: &own, read: read_names(guids, event) };
    found.extend(names.differences("rooms", &programme.rooms, &guids.rooms, &read.rooms)?);
    found.extend(names.differences("tracks", &programme.tracks, &guids.tracks, &read.tracks)?);
    found.extend(names.differences("presenters", &programme.presenters, &guids.presenters, &read.presenters)?);
    found.extend(names.differences("sessions", &programme.sessions, &guids.sessions, &read.sessions)?);
    if found.is_empty() { Ok(None) } else { Ok(Some(Value::Object(found).to_string())) }
}

fn event_difference(programme: &Programme, read: &Draft) -> Result<Map<String, Value>, ExportError> {
    let none = |_: &str| None;
    let known = read.event.clone().unwrap_or_default();
    let mut fields = difference(&programme.event, Some(&known), &none, &none)?;
    fields.retain(|name, _| EVENT_FIELDS.contains(&name.as_str()));
    if !read.event_fields.contains("time_zone") {
        fields.insert("time_zone".to_owned(), json!(programme.event.time_zone));
    }
    Ok(fields)
}

fn read_names(guids: &Guids, event: EventId) -> BTreeMap<String, String> {
    let rooms = guids.rooms.values().map(|guid| (id_of_guid::<RoomId>(event, guid).to_string(), guid.clone()));
    let tracks = guids.tracks.values().map(|guid| (id_of_guid::<TrackId>(event, guid).to_string(), guid.clone()));
    let presenters =
        guids.presenters.values().map(|guid| (id_of_guid::<PresenterId>(event, guid).to_string(), guid.clone()));
    rooms.chain(tracks).chain(presenters).collect()
}

struct Names<'a> {
    event: EventId,
    own: &'a BTreeMap<String, String>,
    read: BTreeMap<String, String>,
}

impl Names<'_> {
    fn differences<I, T>(
        &self,
        kind: &str,
        own: &BTreeMap<I, T>,
        guids: &BTreeMap<I, String>,
        read: &BTreeMap<I, T>,
    ) -> Result<Option<(String, Value)>, ExportError>
    where
        I: RecordId,
        T: Serialize + Default,
    {
        let mut found = Map::new();
        for (id, record) in own {
            let Some(guid) = guids.get(id) else { continue };
            let back = read.get(&id_of_guid::<I>(self.event, guid));
            let blank = T::default();
            let own_guid = |id: &str| self.own.get(id).cloned();
            let read_guid = |id: &str| self.read.get(id).cloned();
            let fields = difference(record, Some(back.unwrap_or(&blank)), &own_guid, &read_guid)?;
            if back.is_none() || !fields.is_empty() {
                found.insert(guid.clone(), fields.into());
            }
        }
        Ok((!found.is_empty()).then(|| (kind.to_owned(), Value::Object(found))))
    }
}

/// Sessions in one room, by time.
type Sessions<'a> = Vec<(SessionId, &'a Session)>;
/// A room; none for the sessions that have none.
type Place<'a> = Option<(RoomId, &'a Room)>;
/// Sessions by room.
type ByRoom<'a> = BTreeMap<Option<RoomId>, Sessions<'a>>;

/// A day of the programme and its sessions by room.
pub(crate) struct Day<'a> {
    pub(crate) date: Date,
    pub(crate) rooms: Vec<(Place<'a>, Sessions<'a>)>,
}

/// The days of a programme: every room on every day, sessions by time. Cancelled sessions are on none.
pub(crate) fn days(programme: &Programme) -> Vec<Day<'_>> {
    let event = &programme.event;
    let day_of = |at: Timestamp| event.time_zone.event_day(at, event.program_day_starts_min);
    let mut by_day: BTreeMap<Date, ByRoom<'_>> = BTreeMap::new();
    for (id, session) in programme.sessions.iter().filter(|(_, session)| !session.cancelled) {
        let room = session.room.filter(|room| programme.rooms.contains_key(room));
        if let Some(day) = day_of(session.starts_at) {
            by_day.entry(day).or_default().entry(room).or_default().push((*id, session));
        }
    }
    if by_day.is_empty() {
        by_day.extend(day_of(event.starts_at).map(|day| (day, BTreeMap::new())));
    }
    let bounds = by_day.keys().next().copied().zip(by_day.keys().next_back().copied());
    if let Some((first, last)) = bounds {
        let all: Vec<Date> = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).take(400).collect();
        if all.len() <= by_day.len() + MAX_EMPTY_DAYS {
            for day in all {
                by_day.entry(day).or_default();
            }
        }
    }
    let mut rooms: Vec<(RoomId, &Room)> = programme.rooms.iter().map(|(id, room)| (*id, room)).collect();
    rooms.sort_by(|(one_id, one), (other_id, other)| {
        (one.position, &one.name, one_id).cmp(&(other.position, &other.name, other_id))
    });
    let day = |(date, mut sessions): (Date, BTreeMap<Option<RoomId>, Vec<_>>)| {
        let mut of = |room: Option<RoomId>| {
            let mut here: Vec<(SessionId, &Session)> = sessions.remove(&room).unwrap_or_default();
            here.sort_by_key(|(id, session)| (session.starts_at, *id));
            here
        };
        let mut all: Vec<_> = rooms.iter().map(|(id, room)| (Some((*id, *room)), of(Some(*id)))).collect();
        let roomless = of(None);
        if !roomless.is_empty() {
            all.push((None, roomless));
        }
        Day { date, rooms: all }
    };
    by_day.into_iter().map(day).collect()
}

/// A point in time in the event's zone, with its offset: `2026-01-31T09:30:00+01:00`.
pub(crate) fn rfc3339(at: Timestamp, zone: &TimeZone) -> String {
    zone.local(at).map(|local| local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).unwrap_or_default()
}

/// The beginning of a day of the programme, with its offset.
pub(crate) fn day_begins(date: Date, programme: &Programme) -> String {
    let starts = i64::from(programme.event.program_day_starts_min);
    let local = date.at(0, 0, 0, 0).checked_add(jiff::Span::new().minutes(starts)).ok();
    let at = local.and_then(|local| programme.event.time_zone.as_jiff().to_timestamp(local).ok());
    at.map(|at| rfc3339(Timestamp::from_ms(at.as_millisecond()), &programme.event.time_zone)).unwrap_or_default()
}

/// The beginning of the event: a date if it is a midnight, else a point in time.
pub(crate) fn starts_text(at: Timestamp, zone: &TimeZone) -> String {
    match zone.local(at) {
        Some(local) if local.time() == jiff::civil::Time::midnight() => local.date().to_string(),
        _ => rfc3339(at, zone),
    }
}

/// The end of the event: the date before if it is a midnight, else a point in time.
pub(crate) fn ends_text(at: Timestamp, zone: &TimeZone) -> String {
    match zone.local(at) {
        Some(local) if local.time() == jiff::civil::Time::midnight() => {
            local.date().yesterday().map(|date| date.to_string()).unwrap_or_default()
        }
        _ => rfc3339(at, zone),
    }
}

/// Minutes as `HH:MM`.
pub(crate) fn hours(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A session's time of day in the event's zone.
pub(crate) fn clock(at: Timestamp, zone: &TimeZone) -> String {
    zone.local(at).map(|local| local.strftime("%H:%M").to_string()).unwrap_or_default()
}
