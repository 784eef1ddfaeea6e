//! A new event: its record, an entrance, and what is looked at before a session starts.

use automerge::transaction::Transaction;
use jiff::civil::{Date, DateTime, Time};
use muster_model::checkpoint::{AdmissionRule, Checkpoint, CheckpointKind};
use muster_model::document::{DocKind, DocRef};
use muster_model::event::{Event, OnlyKey};
use muster_model::id::{CheckpointId, EventId, ItemId, RecordId, TemplateId};
use muster_model::readiness::{Item, ItemKind, ReadinessTemplate};
use muster_model::record;
use muster_model::time::{TimeZone, Timestamp};
use rand::Rng;

use super::EventRow;
use crate::api::input::short_text;
use crate::app::App;
use crate::audit::{self, Action, Actor, Entry};
use crate::clock;
use crate::error::{ApiError, ErrorCode};

/// What is asked of a new event, as people write it.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its short name, or nothing.
    pub acronym: &'a str,
    /// Its time zone's IANA name, or nothing for UTC.
    pub time_zone: &'a str,
    /// When it starts, or nothing: a date, a local date and time, or RFC 3339.
    pub starts: &'a str,
    /// When it ends, likewise; a date stands for its end.
    pub ends: &'a str,
}

impl NewEvent<'_> {
    /// The event's record.
    ///
    /// # Errors
    /// `bad_field`, which names the field.
    pub fn check(&self) -> Result<Event, ApiError> {
        let bad = |detail: &'static str| ApiError::new(ErrorCode::BadField, detail);
        let name = short_text("name", self.name, 200)?;
        if name.is_empty() {
            return Err(bad("name must not be empty"));
        }
        let time_zone = match self.time_zone.trim() {
            "" => TimeZone::UTC,
            zone => TimeZone::named(zone)
                .map_err(|_| bad("time_zone must be a name of the IANA database, such as Europe/Riga"))?,
        };
        let unclear = "must be a date (2027-05-20), a local date and time (2027-05-20T09:00) or RFC 3339";
        let starts_at = point_in_time(self.starts, &time_zone, 0)
            .ok_or_else(|| ApiError::new(ErrorCode::BadField, format!("starts {unclear}")))?;
        let ends_at = point_in_time(self.ends, &time_zone, 1)
            .ok_or_else(|| ApiError::new(ErrorCode::BadField, format!("ends {unclear}")))?;
        if !self.starts.trim().is_empty() && !self.ends.trim().is_empty() && ends_at <= starts_at {
            return Err(bad("ends must be after starts"));
        }
        let acronym = short_text("acronym", self.acronym, 64)?;
        Ok(Event { name, acronym, time_zone, starts_at, ends_at, ..Event::default() })
    }
}

/// The point in time that a text means; the beginning of the day `days_on` days after a date. Nothing stands for unknown,
/// which is the beginning of time.
fn point_in_time(text: &str, zone: &TimeZone, days_on: i64) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Timestamp::default());
    }
    let local = |at: DateTime| at.to_zoned(zone.as_jiff().clone()).ok().map(|at| at.timestamp());
    let at = if let Ok(at) = text.parse::<jiff::Timestamp>() {
        Some(at)
    } else if text.contains(['T', ' ']) {
        local(text.parse().ok()?)
    } else {
        let date: Date = text.parse().ok()?;
        local(date.checked_add(jiff::Span::new().days(days_on)).ok()?.to_datetime(Time::midnight()))
    };
    at.map(|at| Timestamp::from_ms(at.as_millisecond()))
}

/// Keeps a new event.
///
/// The list entry comes first, since documents belong to one: a crash in between leaves an event without an entrance, which
/// can be seen and added to, not documents that nobody can find.
///
/// # Errors
/// If the database or a document cannot be written.
pub async fn create(app: &App, actor: Actor, event: Event) -> Result<EventRow, ApiError> {
    let id = EventId::from_random(rand::rng().random());
    let row = EventRow { id, name: event.name.clone(), created_at: clock::now() };
    let inserted = row.clone();
    let entry = Entry::new(row.created_at, actor, Action::EventCreated).event(id);
    let insert = move |tx: &rusqlite::Transaction<'_>| {
        super::insert(tx, &inserted)?;
        audit::append(tx, &entry)
    };
    app.storage.write(insert).await?;
    let edit_event = move |tx: &mut Transaction<'_>| {
        record::put(tx, &OnlyKey, &event)?;
        record::put(tx, &CheckpointId::derive(id, "entrance"), &entrance())
    };
    app.documents.edit(id, DocRef::whole(DocKind::Event), edit_event).await??;
    let edit_rooms = move |tx: &mut Transaction<'_>| record::put(tx, &TemplateId::derive(id, "default"), &template(id));
    app.documents.edit(id, DocRef::whole(DocKind::Rooms), edit_rooms).await??;
    Ok(row)
}

fn entrance() -> Checkpoint {
    Checkpoint {
        name: "Entrance".to_owned(),
        kind: CheckpointKind::Entrance,
        rule: AdmissionRule::Once,
        ..Checkpoint::default()
    }
}

/// What most rooms need, and how many minutes before the start: what takes longest to mend is looked at first.
fn template(event: EventId) -> ReadinessTemplate {
    let item = |key: &str, kind, due_min, label: &str| Item {
        id: ItemId::derive(event, key),
        label: label.to_owned(),
        kind,
        due_min,
    };
    ReadinessTemplate {
        name: "Every session".to_owned(),
        session_kinds: Vec::new(),
        items: vec![
            item("av", ItemKind::Av, 30, "Projector, sound and microphones work"),
            item("seating", ItemKind::Seating, 30, "Chairs and tables stand as planned"),
            item("materials", ItemKind::Materials, 20, "Hand-outs and name plates are there"),
            item("signage", ItemKind::Signage, 20, "Signs show the way and the session"),
            item("water", ItemKind::Water, 15, "Water for the presenters"),
            item("capacity", ItemKind::Capacity, 10, "Seats suffice, and exits are free"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new<'a>(starts: &'a str, ends: &'a str) -> NewEvent<'a> {
        NewEvent { name: " Baltic Summit ", acronym: "baltic", time_zone: "Europe/Riga", starts, ends }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn days_are_those_of_the_zone_and_whole() {
        let event = new("2027-05-20", "2027-05-21").check().unwrap();
        assert_eq!(event.name, "Baltic Summit");
        assert_eq!((event.starts_at, event.ends_at), (at("2027-05-19T21:00:00Z"), at("2027-05-21T21:00:00Z")));
        let event = new("2027-05-20T09:00", "2027-05-20T18:00:00Z").check().unwrap();
        assert_eq!((event.starts_at, event.ends_at), (at("2027-05-20T06:00:00Z"), at("2027-05-20T18:00:00Z")));
        assert_eq!(new("", "").check().unwrap().starts_at, Timestamp::default());
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_field() {
        let detail = |event: NewEvent<'_>| event.check().unwrap_err().detail.into_owned();
        assert!(detail(new("20 May", "")).starts_with("starts must"));
        assert!(detail(new("2027-05-20", "2027-02-30")).starts_with("ends must"));
        assert!(detail(new("2027-05-20", "2027-05-19")).starts_with("ends must be after"));
        assert!(detail(NewEvent { time_zone: "Riga", ..new("", "") }).starts_with("time_zone"));
        assert!(detail(NewEvent { name: " ", ..new("", "") }).starts_with("name"));
        assert!(detail(NewEvent { acronym: "a\nb", ..new("", "") }).starts_with("acronym"));
    }
}
