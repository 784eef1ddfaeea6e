//! Fields that several people gave different values at once.
//!
//! Which they are is kept in the store: looked for in the records that a change touches, and, where a whole document came,
//! record by record when nothing else waits. What they say is read from the documents when somebody asks; there are few. Only
//! whoever may settle one is told of it, so door phones look for none.

use std::collections::BTreeMap;

use automerge::Automerge;
use muster_model::document::{DocKind, DocRef, DocumentError, Part};
use muster_model::record::{self, FieldEdit, RecordEdit, RecordError, SaidValue};
use muster_model::time::Timestamp;
use serde_json::Value as Json;

use super::docs::keys_after;
use super::jobs::Job;
use super::views::{ChangedKeys, ProgramView};
use super::{Cx, Engine};
use crate::command::Choice;
use crate::error::{EngineError, Missing};
use crate::event::Topic;
use crate::store::{ConflictRow, Write};
use crate::view::{ConflictValue, ConflictView, FieldValue};

pub(super) const REVIEW: &str = "review/";

/// How many records one piece looks at.
const REVIEW_PIECE: usize = 500;

impl Engine {
    /// The collections of a document whose records this device may settle.
    fn settles(&self, cx: &Cx<'_>, doc: &DocRef) -> Result<Vec<&'static str>, EngineError> {
        let access = self.book(cx)?.1.role.access(doc);
        let collections = doc.kind.collections().iter().copied();
        Ok(collections.filter(|name| *name != "facts" && access.edits(name)).collect())
    }

    /// Looks which fields of these records wait to be settled.
    pub(super) fn note_conflicts(
        &mut self,
        cx: &mut Cx<'_>,
        doc: DocRef,
        keys: &ChangedKeys,
    ) -> Result<(), EngineError> {
        let collections = self.settles(cx, &doc)?;
        if collections.is_empty() || keys.is_empty() {
            return Ok(());
        }
        if keys.len() > REVIEW_PIECE {
            self.review_later(cx, doc)?;
            return Ok(());
        }
        let Some(am) = self.docs.get(&doc) else { return Ok(()) };
        let mut known: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for row in cx.store.conflicts()?.into_iter().filter(|row| row.doc == doc) {
            known.insert((row.collection, row.key), row.fields);
        }
        // What was found earlier in this event is not in the store yet.
        for write in &cx.batch.writes {
            if let Write::Conflicts(row) = write
                && row.doc == doc
            {
                known.insert((row.collection.clone(), row.key.clone()), row.fields.clone());
            }
        }
        for (collection, key) in keys {
            let Some(name) = collections.iter().find(|name| **name == collection) else { continue };
            let fields = record::unsettled(am, name, key)?;
            let before = known.get(&(collection.clone(), key.clone())).map(Vec::as_slice).unwrap_or_default();
            // What is settled may have said something else while it was not: both are worth a look.
            if !fields.is_empty() || !before.is_empty() {
                cx.topics.insert(Topic::Conflicts);
            }
            if fields != before {
                let (collection, key) = (collection.clone(), key.clone());
                cx.write(Write::Conflicts(ConflictRow { doc, collection, key, fields }));
            }
        }
        Ok(())
    }

    /// A whole document came: looks at its records at once if they are few, else piece by piece.
    pub(super) fn review(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        let collections = self.settles(cx, &doc)?;
        let Some(am) = self.docs.get(&doc).filter(|_| !collections.is_empty()) else { return Ok(()) };
        let mut keys = ChangedKeys::new();
        for name in collections {
            let found = keys_in(am, name, "", REVIEW_PIECE.saturating_sub(keys.len()))?;
            keys.extend(found.into_iter().map(|key| (name.to_owned(), key)));
        }
        if keys.len() < REVIEW_PIECE { self.note_conflicts(cx, doc, &keys) } else { self.review_later(cx, doc) }
    }

    /// Has all records of a document looked at, piece by piece.
    pub(super) fn review_later(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        if !self.settles(cx, &doc)?.is_empty() {
            cx.write(Write::Meta(format!("{REVIEW}{doc}"), Some(Vec::new())));
            self.add_job(Job::Review(doc));
        }
        Ok(())
    }

    pub(super) fn plan_reviews(&mut self, cx: &Cx<'_>) -> Result<(), EngineError> {
        for (key, _) in cx.store.meta_with_prefix(REVIEW)? {
            if let Some(Ok(doc)) = key.strip_prefix(REVIEW).map(str::parse) {
                self.add_job(Job::Review(doc));
            }
        }
        Ok(())
    }

    pub(super) fn review_piece(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        let meta = format!("{REVIEW}{doc}");
        let Some(after) = cx.store.meta(&meta)? else { return Ok(()) };
        let after = String::from_utf8_lossy(&after).into_owned();
        let (begun, after) = after.split_once('/').unwrap_or_default();
        let collections = self.settles(cx, &doc)?;
        let done = collections.iter().position(|name| *name == begun).unwrap_or_default();
        let mut keys = ChangedKeys::new();
        let mut last = None;
        if !collections.is_empty()
            && let Some(am) = self.readable(cx, doc)?
        {
            for name in collections.into_iter().skip(done) {
                let from = if name == begun { after } else { "" };
                for key in keys_in(am, name, from, REVIEW_PIECE.saturating_sub(keys.len()))? {
                    last = Some(format!("{name}/{key}"));
                    keys.insert((name.to_owned(), key));
                }
            }
        }
        let last = last.filter(|_| keys.len() == REVIEW_PIECE);
        self.note_conflicts(cx, doc, &keys)?;
        if last.is_some() {
            self.add_job(Job::Review(doc));
        }
        cx.write(Write::Meta(meta, last.map(String::into_bytes)));
        Ok(())
    }

    /// All fields that wait to be settled.
    pub(crate) fn conflicts(&mut self, cx: &mut Cx<'_>) -> Result<Vec<ConflictView>, EngineError> {
        let rows = cx.store.conflicts()?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let program = self.program_view(cx)?;
        let heard: BTreeMap<_, _> = cx.store.heard()?.into_iter().map(|row| (row.device, row.by)).collect();
        let (own, by_own) = {
            let (book, identity) = self.book(cx)?;
            (identity.device, book.by())
        };
        let mut found = Vec::new();
        for row in rows {
            // Another role may have been this device's when it was found.
            let settles = self.settles(cx, &row.doc)?;
            let Some(name) = settles.into_iter().find(|name| *name == row.collection) else { continue };
            let Some(am) = self.readable(cx, row.doc)? else { continue };
            let title = title(am, &program, &row)?;
            for field in row.fields {
                let value = |said: SaidValue| ConflictValue {
                    id: said.id,
                    value: field_value(name, &field, &said.value, &program),
                    own: said.device == Some(own),
                    by: match said.device {
                        Some(device) if device == own => by_own.clone(),
                        Some(device) => heard.get(&device).cloned().unwrap_or_default(),
                        None => String::new(),
                    },
                    device: said.device,
                    at: said.at,
                };
                let values: Vec<_> = record::said_by(am, name, &row.key, &field)?.into_iter().map(value).collect();
                if values.len() > 1 {
                    let (document, collection, key, title) = (row.doc, name.to_owned(), row.key.clone(), title.clone());
                    found.push(ConflictView { document, collection, key, title, field, values });
                }
            }
        }
        Ok(found)
    }

    /// Settles a field: it says what was chosen, and nothing else any more.
    pub(super) fn choose(&mut self, cx: &mut Cx<'_>, choice: &Choice) -> Result<bool, EngineError> {
        let Choice { document, collection, key, field, value } = choice;
        self.check_may_edit(cx, document, collection)?;
        let gone = || EngineError::Missing(Missing::Conflict);
        let name = document.kind.collection_named(collection).filter(|name| *name != "facts").ok_or_else(gone)?;
        let said = match self.readable(cx, *document)? {
            Some(am) => record::said_by(am, name, key, field)?,
            None => Vec::new(),
        };
        let chosen = said.iter().find(|said| said.id == *value).filter(|_| said.len() > 1).ok_or_else(gone)?;
        let before = said.last().map(|said| said.value.clone()).unwrap_or_default();
        let fields = vec![FieldEdit { field: field.clone(), before, after: chosen.value.clone() }];
        self.write_edit(cx, *document, &RecordEdit { collection: collection.clone(), key: key.clone(), fields })
    }
}

/// As [`keys_after`]; none of a collection that documents begun by an earlier version lack.
fn keys_in(am: &Automerge, name: &'static str, after: &str, limit: usize) -> Result<Vec<String>, RecordError> {
    match keys_after(am, name, after, limit) {
        Err(RecordError::Document(DocumentError::NotGenesis { .. })) => Ok(Vec::new()),
        keys => keys,
    }
}

/// What a record is called.
fn title(am: &Automerge, program: &ProgramView, row: &ConflictRow) -> Result<String, RecordError> {
    if let (DocKind::Presenter, Part::Presenter(id)) = (row.doc.kind, row.doc.part) {
        return Ok(program.presenters.get(&id).map(|profile| profile.name.clone()).unwrap_or_default());
    }
    let Some(name) = row.doc.kind.collection_named(&row.collection) else { return Ok(String::new()) };
    let field = if name == "sessions" { "title" } else { "name" };
    let said = record::said_by(am, name, &row.key, field)?;
    Ok(said.last().and_then(|said| said.value.as_str()).unwrap_or_default().to_owned())
}

fn field_value(collection: &str, field: &str, value: &Json, program: &ProgramView) -> FieldValue {
    let is_time = matches!(
        (collection, field),
        ("attendees" | "checkpoints", "valid_from" | "valid_until")
            | ("sessions" | "event", "starts_at" | "ends_at" | "admission_at")
            | ("travel", "departs_at" | "arrives_at")
            | ("hotels", "from" | "until")
            | ("honorarium", "paid_at")
    );
    let is_word = matches!(
        (collection, field),
        ("attendees", "registration") | ("checkpoints", "rule" | "kind") | ("honorarium", "state") | ("travel", "mode")
    );
    match value {
        Json::Null => FieldValue::Empty,
        Json::Bool(flag) => FieldValue::Flag(*flag),
        Json::String(text) if text.is_empty() => FieldValue::Empty,
        Json::String(text) => match text.parse() {
            Ok(room) if collection == "sessions" && field == "room" => {
                FieldValue::Room(room, program.rooms.get(&room).map(|room| room.name.clone()).unwrap_or_default())
            }
            _ if is_word => FieldValue::Word(text.clone()),
            _ => FieldValue::Plain(text.clone()),
        },
        Json::Number(number) => match number.as_i64() {
            Some(ms) if is_time => FieldValue::Time(Timestamp::from_ms(ms)),
            Some(number) => FieldValue::Whole(number),
            None => FieldValue::Other(number.to_string()),
        },
        Json::Array(items) if items.is_empty() => FieldValue::Empty,
        Json::Array(items) => match items.iter().map(|item| item.as_str().map(str::to_owned)).collect() {
            Some(texts) => FieldValue::Texts(texts),
            None => FieldValue::Other(value.to_string()),
        },
        Json::Object(_) => FieldValue::Other(value.to_string()),
    }
}
