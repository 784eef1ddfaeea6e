//! The event as pretix has it.

use muster_model::event::Event;
use muster_model::time::TimeZone;

use super::super::json::{localized, text_of};
use super::super::note::NoteCode;
use super::super::schedule::instant;
use super::super::{Draft, ReadContext};
use super::Fields;

/// Takes over the fields of an event.
pub(crate) fn read(fields: &Fields, context: &ReadContext, draft: &mut Draft) {
    let mut known = vec!["name", "acronym", "venue", "currency"];
    let zone = text_of(fields, "timezone");
    let time_zone = match TimeZone::named(&zone) {
        Ok(zone) => {
            known.push("time_zone");
            zone
        }
        Err(_) => {
            draft.notes.add(NoteCode::TimeZoneUnknown, "event.timezone", "the event's time zone is not taken over");
            context.time_zone.clone()
        }
    };
    let starts_at = instant(&text_of(fields, "date_from"), &time_zone);
    let ends_at = instant(&text_of(fields, "date_to"), &time_zone).or(starts_at);
    if starts_at.is_some() {
        known.extend(["starts_at", "ends_at"]);
    }
    let admission_at = instant(&text_of(fields, "date_admission"), &time_zone);
    known.push("admission_at");
    draft.event = Some(Event {
        admission_at,
        name: localized(fields.get("name")),
        acronym: text_of(fields, "slug"),
        venue: localized(fields.get("location")),
        currency: text_of(fields, "currency"),
        starts_at: starts_at.unwrap_or_default(),
        ends_at: ends_at.unwrap_or_default(),
        time_zone,
        ..Event::default()
    });
    draft.event_fields.extend(known);
}
