//! What looks odd in a programme: noted, never refused.

use std::collections::BTreeMap;

use muster_model::program::Session;
use muster_model::time::TimeZone;

use super::super::Draft;
use super::super::note::NoteCode;
use super::span;

/// Notes sessions outside the event and sessions that share a room at one time.
pub(crate) fn note_oddities(draft: &mut Draft, zone: &TimeZone) {
    let mut outside = Vec::new();
    let mut by_room: BTreeMap<_, Vec<(&_, &Session)>> = BTreeMap::new();
    if let Some(event) = &draft.event {
        let night = i64::from(event.program_day_starts_min);
        for (id, session) in &draft.sessions {
            let (starts, ends) = span(session);
            if event.starts_at < event.ends_at && (starts < event.starts_at || ends > event.ends_at.plus_minutes(night))
            {
                outside.push(format!("session {id}"));
            }
        }
    }
    for (id, session) in draft.sessions.iter().filter(|(_, session)| !session.cancelled) {
        by_room.entry(session.room).or_default().push((id, session));
    }
    let mut overlapping = Vec::new();
    for (room, mut sessions) in by_room.into_iter().filter_map(|(room, sessions)| room.map(|room| (room, sessions))) {
        sessions.sort_by_key(|(_, session)| span(session));
        let mut busy_until = None;
        for (id, session) in sessions {
            let (starts, ends) = span(session);
            if busy_until.is_some_and(|until| starts < until) {
                let at = zone.local(starts).map(|local| local.datetime().to_string()).unwrap_or_default();
                overlapping.push((format!("session {id}"), format!("room {room} is taken at {at} by another session")));
            }
            busy_until = busy_until.max(Some(ends));
        }
    }
    for place in outside {
        draft.notes.add(NoteCode::SessionOutsideEvent, place, "kept: it is not within the dates of the event");
    }
    for (place, detail) in overlapping {
        draft.notes.add(NoteCode::RoomsOverlap, place, detail);
    }
}
