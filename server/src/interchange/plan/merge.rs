//! The three-way merge of fields and records.

use std::collections::BTreeMap;
use std::fmt::Display;

use muster_model::record::Record;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::note::NoteCode;
use super::super::{Draft, ImportNotes};
use super::{Fields, Tally};

/// The source's side: what it says now and said last time.
pub(crate) struct Side<'a> {
    /// What it says now.
    pub(crate) draft: &'a Draft,
    /// The collection, as the report and the base call it.
    pub(crate) collection: &'static str,
    /// What it said last time, of this collection.
    pub(crate) base: &'a BTreeMap<String, Fields>,
}

/// What a merge of a collection comes to.
pub(crate) struct Merged<K, T> {
    /// The records to write.
    pub(crate) records: Vec<(K, T)>,
    /// What the source said of each, for next time.
    pub(crate) new_base: BTreeMap<String, Fields>,
    /// What became of them.
    pub(crate) tally: Tally,
}

fn fields_of<T: Serialize>(record: &T) -> Fields {
    match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => fields,
        _ => Fields::new(),
    }
}

/// Merges what the source says of a collection's records with the documents'.
pub(crate) fn merge_records<'a, K, T>(
    side: &Side<'_>,
    said: &BTreeMap<K, T>,
    there: impl Fn(&K) -> Option<&'a T>,
    notes: &mut ImportNotes,
) -> Merged<K, T>
where
    K: Display + Ord + Clone,
    T: Record + Default + Clone + PartialEq + 'a,
{
    let blank = fields_of(&T::default());
    let mut merged = Merged { records: Vec::new(), new_base: BTreeMap::new(), tally: Tally::default() };
    for (key, record) in said {
        let name = key.to_string();
        let base = side.base.get(&name);
        let spoken = spoken(side.draft, side.collection, fields_of(record), base);
        match (there(key), base) {
            (None, None) => {
                merged.tally.created += 1;
                merged.records.push((key.clone(), record.clone()));
            }
            (None, Some(_)) => {
                merged.tally.unchanged += 1;
                let place = format!("{} {name}", side.collection);
                notes.add(NoteCode::KeptDeleted, place, "it was deleted here and is not brought back");
            }
            (Some(current), base) => {
                let result: Option<T> = merge_fields(&spoken, current, base, |field| {
                    merged.tally.kept_edits += 1;
                    let place = format!("{} {name}, {field}", side.collection);
                    notes.add(NoteCode::KeptEdit, place, "the coordinator's value was kept");
                });
                match result.filter(|result| result != current) {
                    Some(result) => {
                        merged.tally.changed += 1;
                        merged.records.push((key.clone(), result));
                    }
                    None => merged.tally.unchanged += 1,
                }
            }
        }
        let mut remembered = base.cloned().unwrap_or_default();
        for (field, value) in spoken {
            if blank.get(&field) == Some(&value) {
                remembered.remove(&field);
            } else {
                remembered.insert(field, value);
            }
        }
        merged.new_base.insert(name, remembered);
    }
    merged
}

/// A record's fields that say something.
pub(crate) fn said_fields<T: Serialize + Default>(record: &T) -> Fields {
    let blank = fields_of(&T::default());
    fields_of(record).into_iter().filter(|(field, value)| blank.get(field) != Some(value)).collect()
}

/// The fields that the source speaks about: not those it is silent on, nor its guesses where it once knew.
fn spoken(draft: &Draft, collection: &'static str, fields: Fields, base: Option<&Fields>) -> Fields {
    if draft.silent.is_empty() && draft.guessed.is_empty() {
        return fields;
    }
    let listed = |list: &std::collections::BTreeSet<(&'static str, &'static str)>, name: &str| {
        list.iter().any(|(known, field)| *known == collection && *field == name)
    };
    let unspoken = |name: &str| listed(&draft.silent, name) || (base.is_some() && listed(&draft.guessed, name));
    fields.into_iter().filter(|(name, _)| !unspoken(name)).collect()
}

/// Merges the fields that a source speaks about into a record; `None` if the result is no record of its kind. `kept` is
/// called with every field in which the documents' value is kept against the source's.
pub(crate) fn merge_fields<T>(
    said: &Fields,
    current: &T,
    base: Option<&Fields>,
    mut kept: impl FnMut(&str),
) -> Option<T>
where
    T: Serialize + DeserializeOwned + Default,
{
    let blank = fields_of(&T::default());
    let mut result = fields_of(current);
    let mut changed = false;
    for (field, said) in said {
        let nothing = blank.get(field).unwrap_or(&Value::Null);
        let now = result.get(field).unwrap_or(nothing);
        if said == now {
            continue;
        }
        let take = match base {
            Some(base) => {
                let before = base.get(field).unwrap_or(nothing);
                if before == said {
                    continue;
                }
                before == now
            }
            None if said == nothing => continue,
            None => now == nothing,
        };
        if take {
            result.insert(field.clone(), said.clone());
            changed = true;
        } else {
            kept(field);
        }
    }
    if !changed {
        return None;
    }
    serde_json::from_value(Value::Object(result)).ok()
}
