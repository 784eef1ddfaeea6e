//! Records: what a coordinator edits. One Automerge map a record, one key a field.
//!
//! Two people who edit different fields both keep their edits. Two who edit one field at the same time leave both
//! values in the document; readers see one of them (the same everywhere) until somebody settles it, and [`conflicts`]
//! shows both. A field that holds a list or a map is replaced whole. A record that two people made apart, under the one key
//! that it can have, is one record: it says what both say.

mod fields;

use std::collections::BTreeMap;
use std::fmt;

use automerge::transaction::Transactable;
use automerge::{
    Automerge, AutomergeError, ChangeHash, ObjId, ObjType, PatchAction, Prop, ReadDoc, ScalarValue, Value, hydrate,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::document::{DocKind, DocumentError, collection};

pub use fields::{EditState, FieldEdit, RecordEdit, SaidValue, holds, said_by, set_fields, unsettled};
use fields::{maps, read_fields, write_field};

/// A kind of record and where it lives.
///
/// A field that says nothing (none, false, an empty text, list or map) has no key in the document, so every field must
/// have a default (`#[serde(default)]`) and none may be skipped when it is serialised.
pub trait Record: Serialize + DeserializeOwned {
    /// The record's key in its collection.
    type Key: fmt::Display + std::str::FromStr + Ord + Clone;
    /// The kind of document that holds it.
    const DOCUMENT: DocKind;
    /// The collection that holds it.
    const COLLECTION: &'static str;
}

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The document cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Automerge refused the operation.
    #[error("the document refused the operation")]
    Automerge(#[source] Box<AutomergeError>),
    /// The record does not have the fields of its kind. The text names fields and types, never their values.
    #[error("the record {key} of {collection} cannot be read")]
    Fields {
        /// The collection it is in.
        collection: &'static str,
        /// Its key.
        key: String,
    },
}

impl From<AutomergeError> for RecordError {
    fn from(error: AutomergeError) -> Self {
        Self::Automerge(Box::new(error))
    }
}

/// The records of a collection.
#[derive(Debug)]
pub struct Records<T: Record> {
    /// Those that could be read, by key.
    pub records: BTreeMap<T::Key, T>,
    /// The keys of those that could not: written by a later version, or half there.
    pub unreadable: Vec<String>,
}

/// Reads all records of a kind.
///
/// # Errors
/// If the document does not have the collection. A record that cannot be read is listed, not an error: one bad record
/// must not close the door for all others.
pub fn read_all<T: Record>(doc: &Automerge) -> Result<Records<T>, RecordError> {
    let id = collection(doc, T::COLLECTION)?;
    let mut found = Records { records: BTreeMap::new(), unreadable: Vec::new() };
    let hydrate::Value::Map(all) = ReadDoc::hydrate(doc, &id, None)? else { return Ok(found) };
    for (key, value) in all.iter() {
        let fields = match value.conflict {
            true => read_fields(doc, &id, key)?.map_or(Json::Null, Json::Object),
            false => to_json(&value.value),
        };
        match (key.parse(), serde_json::from_value(fields)) {
            (Ok(key), Ok(record)) => drop(found.records.insert(key, record)),
            _ => found.unreadable.push(key.to_string()),
        }
    }
    Ok(found)
}

/// Reads one record; `None` if there is none under this key.
///
/// # Errors
/// If the document does not have the collection, or the record's fields are not those of its kind.
pub fn read<T: Record>(doc: &impl ReadDoc, key: &T::Key) -> Result<Option<T>, RecordError> {
    let id = collection(doc, T::COLLECTION)?;
    let key = key.to_string();
    let Some(fields) = read_fields(doc, &id, &key)? else { return Ok(None) };
    match serde_json::from_value(Json::Object(fields)) {
        Ok(record) => Ok(Some(record)),
        Err(_) => Err(RecordError::Fields { collection: T::COLLECTION, key }),
    }
}

/// Writes a record: creates it, or changes just the fields that differ. Says whether anything differed.
///
/// # Errors
/// If the document does not have the collection or refuses the write.
pub fn put<T: Record, D: Transactable + ReadDoc>(doc: &mut D, key: &T::Key, record: &T) -> Result<bool, RecordError> {
    let id = collection(doc, T::COLLECTION)?;
    let key = key.to_string();
    let unreadable = || RecordError::Fields { collection: T::COLLECTION, key: key.clone() };
    let Ok(Json::Object(fields)) = serde_json::to_value(record) else { return Err(unreadable()) };
    put_fields(doc, &id, &key, &fields)
}

fn put_fields<D: Transactable + ReadDoc>(
    doc: &mut D,
    collection: &ObjId,
    key: &str,
    fields: &Map<String, Json>,
) -> Result<bool, RecordError> {
    let maps = maps(doc, collection, key)?;
    let Some(before) = read_fields(doc, collection, key)? else {
        let id = doc.put_object(collection, key, ObjType::Map)?;
        for (field, value) in fields.iter().filter(|(_, value)| !says_nothing(value)) {
            put_json(doc, &id, Prop::Map(field.clone()), value)?;
        }
        return Ok(true);
    };
    let mut changed = false;
    for (field, value) in fields.iter().filter(|(_, value)| !says_nothing(value)) {
        if before.get(field) != Some(value) {
            write_field(doc, &maps, field, Some(value))?;
            changed = true;
        }
    }
    for field in before.keys() {
        // A field this program does not know is left alone: a later version wrote it.
        if fields.get(field).is_some_and(says_nothing) {
            write_field(doc, &maps, field, None)?;
            changed = true;
        }
    }
    Ok(changed)
}

fn says_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Bool(true) | Json::Number(_) => false,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
    }
}

/// Deletes a record; says whether there was one.
///
/// # Errors
/// If the document does not have the collection or refuses the write.
pub fn delete<T: Record, D: Transactable + ReadDoc>(doc: &mut D, key: &T::Key) -> Result<bool, RecordError> {
    let id = collection(doc, T::COLLECTION)?;
    let key = key.to_string();
    let there = doc.get(&id, key.as_str())?.is_some();
    if there {
        doc.delete(&id, key)?;
    }
    Ok(there)
}

/// A field that was edited in several places at once.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldConflict {
    /// The record's key.
    pub key: String,
    /// The field.
    pub field: String,
    /// Every value it was given; the last is the one that readers see.
    pub values: Vec<Json>,
}

/// The fields of a kind of record that wait for somebody to settle them.
///
/// # Errors
/// If the document does not have the collection.
pub fn conflicts<T: Record>(doc: &Automerge) -> Result<Vec<FieldConflict>, RecordError> {
    let id = collection(doc, T::COLLECTION)?;
    let mut found = Vec::new();
    for key in doc.keys(&id) {
        for field in unsettled(doc, T::COLLECTION, &key)? {
            let values = said_by(doc, T::COLLECTION, &key, &field)?.into_iter().map(|said| said.value).collect();
            found.push(FieldConflict { key: key.clone(), field, values });
        }
    }
    Ok(found)
}

fn value_json<D: ReadDoc>(doc: &D, value: &Value<'_>, id: &ObjId) -> Result<Json, RecordError> {
    match value {
        Value::Object(_) => Ok(to_json(&ReadDoc::hydrate(doc, id, None)?)),
        Value::Scalar(scalar) => Ok(scalar_json(scalar)),
    }
}

/// Which keys of which collections differ between two states of a document.
#[must_use]
pub fn changed_keys(doc: &Automerge, before: &[ChangeHash], after: &[ChangeHash]) -> Vec<(String, String)> {
    let mut found = std::collections::BTreeSet::new();
    for patch in doc.diff(before, after) {
        let mut path = patch.path.iter().map(|(_, prop)| prop);
        let touched = match (path.next(), path.next()) {
            (Some(Prop::Map(collection)), Some(Prop::Map(key))) => Some((collection.clone(), key.clone())),
            (Some(Prop::Map(collection)), None) => match &patch.action {
                PatchAction::PutMap { key, .. } | PatchAction::DeleteMap { key } => {
                    Some((collection.clone(), key.clone()))
                }
                _ => None,
            },
            _ => None,
        };
        found.extend(touched);
    }
    found.into_iter().collect()
}

fn put_json<D: Transactable>(doc: &mut D, obj: &ObjId, prop: Prop, value: &Json) -> Result<(), RecordError> {
    match value {
        Json::Array(items) => {
            let list = doc.put_object(obj, prop, ObjType::List)?;
            for (index, item) in items.iter().enumerate() {
                insert_json(doc, &list, index, item)?;
            }
        }
        Json::Object(fields) => {
            let map = doc.put_object(obj, prop, ObjType::Map)?;
            for (field, value) in fields {
                put_json(doc, &map, Prop::Map(field.clone()), value)?;
            }
        }
        scalar => doc.put(obj, prop, json_scalar(scalar))?,
    }
    Ok(())
}

fn insert_json<D: Transactable>(doc: &mut D, list: &ObjId, index: usize, value: &Json) -> Result<(), RecordError> {
    match value {
        Json::Array(items) => {
            let inner = doc.insert_object(list, index, ObjType::List)?;
            for (index, item) in items.iter().enumerate() {
                insert_json(doc, &inner, index, item)?;
            }
        }
        Json::Object(fields) => {
            let map = doc.insert_object(list, index, ObjType::Map)?;
            for (field, value) in fields {
                put_json(doc, &map, Prop::Map(field.clone()), value)?;
            }
        }
        scalar => doc.insert(list, index, json_scalar(scalar))?,
    }
    Ok(())
}

fn json_scalar(value: &Json) -> ScalarValue {
    match value {
        Json::Bool(value) => ScalarValue::Boolean(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => ScalarValue::Int(value),
            (None, Some(value)) => ScalarValue::Uint(value),
            (None, None) => ScalarValue::F64(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => ScalarValue::Str(text.as_str().into()),
        Json::Null | Json::Array(_) | Json::Object(_) => ScalarValue::Null,
    }
}

fn scalar_json(scalar: &ScalarValue) -> Json {
    match scalar {
        ScalarValue::Str(text) => Json::from(text.as_str()),
        ScalarValue::Int(value) | ScalarValue::Timestamp(value) => Json::from(*value),
        ScalarValue::Uint(value) => Json::from(*value),
        ScalarValue::F64(value) => Json::from(*value),
        ScalarValue::Counter(counter) => Json::from(i64::from(counter)),
        ScalarValue::Boolean(value) => Json::from(*value),
        ScalarValue::Bytes(_) | ScalarValue::Unknown { .. } | ScalarValue::Null => Json::Null,
    }
}

fn to_json(value: &hydrate::Value) -> Json {
    match value {
        hydrate::Value::Scalar(scalar) => scalar_json(scalar),
        hydrate::Value::Map(map) => {
            map.iter().map(|(key, value)| (key.to_string(), to_json(&value.value))).collect::<Map<_, _>>().into()
        }
        hydrate::Value::List(list) => list.iter().map(|item| to_json(&item.value)).collect(),
        // A stock Automerge client writes strings as texts unless told otherwise: read them as what they say.
        hydrate::Value::Text(text) => Json::from(text.to_string()),
    }
}

#[cfg(test)]
mod tests;
