//! What Muster knows of a programme and a schedule file cannot say.
//!
//! schedule.xml and schedule.json have no place for a room's equipment, a cancelled session, an acronym with a capital
//! letter. So that a programme that is exported and imported again is the same programme, an export carries a supplement
//! (an XML processing instruction `<?muster ...?>`, or `conference.meta.muster` in JSON): by kind of record and its
//! globally unique id, the fields that the rest of the file does not give back. Other programs ignore it.

use std::collections::BTreeMap;

use muster_model::id::{EventId, PresenterId, RecordId, RoomId, TrackId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::json::parse_all;
use super::super::note::NoteCode;
use super::super::text::is_text;
use super::super::{Draft, ReadContext};
use super::id_of_guid;

type Fields = Map<String, Value>;

/// The ids that a session's fields hold, by field.
const REFERENCES: [&str; 3] = ["room", "track", "presenters"];

/// Takes the supplement of a file into what was read from the rest.
pub(crate) fn apply(text: &str, context: &ReadContext, draft: &mut Draft) {
    let event = context.event;
    let parsed = parse_all(text.as_bytes(), &context.limits).unwrap_or_default();
    let Some(Value::Object(supplement)) = parsed.first() else {
        draft.notes.add(NoteCode::SupplementIgnored, "muster", "the part of the file that only Muster reads is broken");
        return;
    };
    let mut ignored = 0_u64;
    if let Some(Value::Object(fields)) = supplement.get("event") {
        let known = draft.event.take().unwrap_or_default();
        let mut fields = fields.clone();
        fields.retain(|name, _| EVENT_FIELDS.contains(&name.as_str()));
        draft.event_fields.extend(EVENT_FIELDS.iter().filter(|name| fields.contains_key(**name)));
        draft.event = Some(overlay(known, &fields).unwrap_or_else(|known| {
            ignored += 1;
            *known
        }));
    }
    ignored += records(supplement.get("rooms"), event, &mut draft.rooms);
    ignored += records(supplement.get("tracks"), event, &mut draft.tracks);
    ignored += records(supplement.get("presenters"), event, &mut draft.presenters);
    ignored += records(supplement.get("sessions"), event, &mut draft.sessions);
    if ignored > 0 {
        let detail = format!("{ignored} parts of the file that only Muster reads do not read");
        draft.notes.add(NoteCode::SupplementIgnored, "muster", detail);
    }
}

/// The fields of an event that a supplement may hold: those of its programme, none of its plans.
pub(crate) const EVENT_FIELDS: [&str; 13] = [
    "name",
    "acronym",
    "subtitle",
    "venue",
    "city",
    "starts_at",
    "ends_at",
    "time_zone",
    "program_day_starts_min",
    "slot_min",
    "base_url",
    "program_version",
    "languages",
];

fn records<I, T>(given: Option<&Value>, event: EventId, records: &mut BTreeMap<I, T>) -> u64
where
    I: RecordId,
    T: Serialize + DeserializeOwned + Default,
{
    let Some(Value::Object(given)) = given else { return 0 };
    let mut ignored = 0;
    for (guid, fields) in given {
        let (Value::Object(fields), true) = (fields, uuid::Uuid::try_parse(guid).is_ok()) else {
            ignored += 1;
            continue;
        };
        let id = id_of_guid(event, guid);
        let known = records.remove(&id).unwrap_or_default();
        let fields = with_ids(fields, event);
        records.insert(
            id,
            overlay(known, &fields).unwrap_or_else(|known| {
                ignored += 1;
                *known
            }),
        );
    }
    ignored
}

/// Replaces the guids in a session's references by ids.
fn with_ids(fields: &Fields, event: EventId) -> Fields {
    let mut fields = fields.clone();
    for name in REFERENCES {
        if let Some(value) = fields.get_mut(name) {
            *value = match (name, &*value) {
                ("room", Value::String(guid)) => id_of_guid::<RoomId>(event, guid).to_string().into(),
                ("track", Value::String(guid)) => id_of_guid::<TrackId>(event, guid).to_string().into(),
                (_, Value::Array(guids)) => guids
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|guid| Value::from(id_of_guid::<PresenterId>(event, guid).to_string()))
                    .collect(),
                (_, other) => other.clone(),
            };
        }
    }
    fields
}

/// A record with some fields replaced; the record as it was, if they do not fit.
fn overlay<T: Serialize + DeserializeOwned>(known: T, fields: &Fields) -> Result<T, Box<T>> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(&known) else { return Err(Box::new(known)) };
    for (name, value) in fields {
        all.insert(name.clone(), without_control_characters(value));
    }
    serde_json::from_value(Value::Object(all)).map_err(|_| Box::new(known))
}

fn without_control_characters(value: &Value) -> Value {
    match value {
        Value::String(text) => text.chars().filter(|&character| is_text(character)).collect::<String>().into(),
        Value::Array(items) => items.iter().map(without_control_characters).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), without_control_characters(value)))
            .collect::<Fields>()
            .into(),
        other => other.clone(),
    }
}

/// The fields in which a record differs from what the rest of the file gives back of it, guids for ids.
pub(crate) fn difference<T: Serialize>(
    own: &T,
    read: Option<&T>,
    own_guids: &dyn Fn(&str) -> Option<String>,
    read_guids: &dyn Fn(&str) -> Option<String>,
) -> Result<Fields, serde_json::Error> {
    let own = with_guids(serde_json::to_value(own)?, own_guids);
    let read = read.map(serde_json::to_value).transpose()?.map(|read| with_guids(read, read_guids));
    let read = read.unwrap_or_default();
    Ok(own.into_iter().filter(|(name, value)| read.get(name) != Some(value)).collect())
}

fn with_guids(record: Value, guids: &dyn Fn(&str) -> Option<String>) -> Fields {
    let Value::Object(mut fields) = record else { return Fields::new() };
    for name in REFERENCES {
        if let Some(value) = fields.get_mut(name) {
            let guid = |id: &Value| id.as_str().and_then(guids).map(Value::from);
            *value = match &*value {
                Value::Array(ids) => ids.iter().filter_map(guid).collect(),
                id => guid(id).unwrap_or(Value::Null),
            };
        }
    }
    fields
}
