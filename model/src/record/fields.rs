//! Records field by field: edits that touch what they say and nothing else, and what waits to be settled.
//!
//! An edit writes what it says even where that says nothing ("no capacity" is an empty value, not a missing key): so
//! somebody who empties a field while somebody else fills it is shown as well.

use automerge::transaction::Transactable;
use automerge::{Automerge, ObjId, ObjType, Prop, ReadDoc, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{RecordError, put_json, says_nothing, to_json, value_json};
use crate::document::{DocRef, collection};
use crate::id::DeviceId;
use crate::time::Timestamp;

/// What an edit makes of one field. A field that is not there is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldEdit {
    /// The field.
    pub field: String,
    /// What it said.
    pub before: Json,
    /// What it says now.
    pub after: Json,
}

/// What somebody edited of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordEdit {
    /// The collection that the record is in.
    pub collection: String,
    /// Its key.
    pub key: String,
    /// The fields that differ; never none.
    pub fields: Vec<FieldEdit>,
}

impl RecordEdit {
    /// What was edited between two states of a record; `None` if nothing differs.
    #[must_use]
    pub fn between<T: super::Record>(key: &T::Key, before: &T, after: &T) -> Option<Self> {
        let fields_of = |record: &T| match serde_json::to_value(record) {
            Ok(Json::Object(fields)) => fields,
            _ => Map::new(),
        };
        let (before, after) = (fields_of(before), fields_of(after));
        let differs = |(field, value): (&String, &Json)| {
            let known = before.get(field).cloned().unwrap_or_default();
            (known != *value).then(|| FieldEdit { field: field.clone(), before: known, after: value.clone() })
        };
        let fields: Vec<FieldEdit> = after.iter().filter_map(differs).collect();
        let edit = Self { collection: T::COLLECTION.to_owned(), key: key.to_string(), fields };
        (!edit.fields.is_empty()).then_some(edit)
    }

    /// How the record stands to this edit.
    ///
    /// # Errors
    /// If the document does not have the collection.
    pub fn stands_in<D: ReadDoc>(&self, doc: &D, document: &DocRef) -> Result<EditState, RecordError> {
        let Some(name) = document.kind.collection_named(&self.collection) else { return Ok(EditState::NoRecord) };
        let id = collection(doc, name)?;
        let Some(fields) = read_fields(doc, &id, &self.key)? else { return Ok(EditState::NoRecord) };
        let says = |field: &FieldEdit, value: &Json| {
            let there = fields.get(&field.field).cloned().unwrap_or_default();
            there == *value || (says_nothing(&there) && says_nothing(value))
        };
        Ok(if self.fields.iter().all(|field| says(field, &field.after)) {
            EditState::Done
        } else if self.fields.iter().all(|field| says(field, &field.before)) {
            EditState::Undone
        } else {
            EditState::Overtaken
        })
    }
}

/// How a record stands to an edit of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditState {
    /// It says what the edit says.
    Done,
    /// It says what it said before.
    Undone,
    /// It says something else.
    Overtaken,
    /// There is no such record.
    NoRecord,
}

/// The maps under a record's key. More than one if replicas that did not know of each other made the record; what they say
/// holds together, and where they differ the last one's is what readers see.
pub(super) fn maps<D: ReadDoc>(doc: &D, collection: &ObjId, key: &str) -> Result<Vec<ObjId>, RecordError> {
    let all = doc.get_all(collection, key)?.into_iter();
    Ok(all.filter_map(|(value, id)| matches!(value, Value::Object(ObjType::Map)).then_some(id)).collect())
}

pub(super) fn read_fields<D: ReadDoc>(
    doc: &D,
    collection: &ObjId,
    key: &str,
) -> Result<Option<Map<String, Json>>, RecordError> {
    let mut fields: Option<Map<String, Json>> = None;
    for map in maps(doc, collection, key)? {
        if let Json::Object(of_map) = to_json(&ReadDoc::hydrate(doc, &map, None)?) {
            fields.get_or_insert_default().extend(of_map);
        }
    }
    Ok(fields)
}

/// Whether a collection holds a record under this key.
///
/// # Errors
/// If the document does not have the collection.
pub fn holds<D: ReadDoc>(doc: &D, name: &'static str, key: &str) -> Result<bool, RecordError> {
    Ok(!maps(doc, &collection(doc, name)?, key)?.is_empty())
}

/// Writes what an edit says: these fields, and no other. A field that waits to be settled is settled with it. Makes the
/// record if there is none. Says whether anything was written.
///
/// # Errors
/// If the document does not have the collection or refuses the write.
pub fn set_fields<D: Transactable + ReadDoc>(
    doc: &mut D,
    name: &'static str,
    key: &str,
    fields: impl IntoIterator<Item = (String, Json)>,
) -> Result<bool, RecordError> {
    let id = collection(doc, name)?;
    let mut fields: Vec<(String, Json)> = fields.into_iter().collect();
    let mut maps = maps(doc, &id, key)?;
    if maps.is_empty() {
        fields.retain(|(_, value)| !says_nothing(value));
        if fields.is_empty() {
            return Ok(false);
        }
        maps.push(doc.put_object(&id, key, ObjType::Map)?);
    }
    let mut changed = false;
    for (field, value) in fields {
        let mut there = said(doc, &maps, &field)?.into_iter().map(|(value, _)| value);
        let is_so = match (there.next(), there.next()) {
            (None, _) => says_nothing(&value),
            (Some(only), None) => only == value,
            _ => false,
        };
        if !is_so {
            write_field(doc, &maps, &field, Some(&value))?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Writes a field of a record that consists of these maps, or takes it away.
pub(super) fn write_field<D: Transactable + ReadDoc>(
    doc: &mut D,
    maps: &[ObjId],
    field: &str,
    value: Option<&Json>,
) -> Result<(), RecordError> {
    let Some((written, hidden)) = maps.split_last() else { return Ok(()) };
    for map in hidden {
        if doc.get(map, field)?.is_some() {
            doc.delete(map, field)?;
        }
    }
    match value {
        Some(value) => {
            // Of several values Automerge would let the one that is put once more stand, and only take away the others: whoever
            // chose another one at the same time would overrule this choice unseen.
            if doc.get_all(written, field)?.len() > 1 {
                doc.delete(written, field)?;
            }
            put_json(doc, written, Prop::Map(field.to_owned()), value)?;
        }
        None if doc.get(written, field)?.is_some() => doc.delete(written, field)?,
        None => {}
    }
    Ok(())
}

/// What a field says, each thing once, with the operation that says so; the last is what readers see.
fn said<D: ReadDoc>(doc: &D, maps: &[ObjId], field: &str) -> Result<Vec<(Json, ObjId)>, RecordError> {
    let mut found: Vec<(Json, ObjId)> = Vec::new();
    for map in maps {
        for (value, id) in doc.get_all(map, field)? {
            let value = value_json(doc, &value, &id)?;
            found.retain(|(other, _)| *other != value);
            found.push((value, id));
        }
    }
    Ok(found)
}

/// One of the values that a field was given by several people at once.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidValue {
    /// Names it; the same on every replica.
    pub id: String,
    /// What it says.
    pub value: Json,
    /// The device that wrote it; `None` if no device did.
    pub device: Option<DeviceId>,
    /// When, by that device's clock, to the second.
    pub at: Option<Timestamp>,
}

/// What a field says, by whom and since when; the last is what readers see. More than one value waits to be settled.
///
/// # Errors
/// If the document does not have the collection.
pub fn said_by(doc: &Automerge, name: &'static str, key: &str, field: &str) -> Result<Vec<SaidValue>, RecordError> {
    let maps = maps(doc, &collection(doc, name)?, key)?;
    let with_author = |(value, id): (Json, ObjId)| {
        let device = match &id {
            ObjId::Id(_, actor, _) => DeviceId::of_actor(actor),
            ObjId::Root => None,
        };
        let change = doc.hash_for_opid(&id).and_then(|hash| doc.get_change_meta_by_hash(&hash));
        let seconds = change.map(|change| change.timestamp).filter(|seconds| *seconds > 0);
        let at = seconds.map(|seconds| Timestamp::from_ms(seconds.saturating_mul(1_000)));
        let id = match &id {
            ObjId::Id(counter, actor, _) => format!("{counter}@{actor}"),
            ObjId::Root => String::new(),
        };
        SaidValue { id, value, device, at }
    };
    Ok(said(doc, &maps, field)?.into_iter().map(with_author).collect())
}

/// The fields of a record that wait for somebody to settle them.
///
/// # Errors
/// If the document does not have the collection.
pub fn unsettled(doc: &Automerge, name: &'static str, key: &str) -> Result<Vec<String>, RecordError> {
    let maps = maps(doc, &collection(doc, name)?, key)?;
    let mut fields = std::collections::BTreeSet::new();
    for map in &maps {
        let suspects = doc.map_range(map, ..).filter(|item| item.conflict || maps.len() > 1);
        fields.extend(suspects.map(|item| item.key.to_string()));
    }
    let mut found = Vec::new();
    for field in fields {
        if said(doc, &maps, &field)?.len() > 1 {
            found.push(field);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
