//! The small documents as typed values in memory: the event with its checkpoints, the programme, readiness templates.
//!
//! They are read whole once, and afterwards record by record as changes come in.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use automerge::Automerge;
use muster_model::checkpoint::Checkpoint;
use muster_model::document::{DocKind, DocRef, DocumentError};
use muster_model::epoch::Epochs;
use muster_model::event::{Event, OnlyKey};
use muster_model::id::{CheckpointId, PresenterId, RoomId, SessionId, TemplateId, TrackId};
use muster_model::program::{PresenterProfile, Room, Session, Track};
use muster_model::readiness::ReadinessTemplate;
use muster_model::record::{self, Record, RecordError};
use muster_model::ticket::key::{KeyId, TicketKey, TicketKeys};
use muster_model::ticket::withdrawn::{self, Withdrawn};

use super::{Cx, Engine};
use crate::error::EngineError;

/// Which records of which collections differ.
pub(crate) type ChangedKeys = BTreeSet<(String, String)>;

/// The document `event`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct EventView {
    pub(crate) event: Event,
    pub(crate) checkpoints: BTreeMap<CheckpointId, Checkpoint>,
    pub(crate) epochs: Epochs,
    key_records: BTreeMap<KeyId, TicketKey>,
    pub(crate) keys: TicketKeys,
    pub(crate) withdrawn: Withdrawn,
}

/// The document `program`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProgramView {
    pub(crate) rooms: BTreeMap<RoomId, Room>,
    pub(crate) tracks: BTreeMap<TrackId, Track>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) presenters: BTreeMap<PresenterId, PresenterProfile>,
}

/// The records of the document `rooms`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RoomsView {
    pub(crate) templates: BTreeMap<TemplateId, ReadinessTemplate>,
}

pub(super) fn all<T: Record>(doc: &Automerge) -> Result<BTreeMap<T::Key, T>, RecordError> {
    let found = record::read_all::<T>(doc)?;
    if !found.unreadable.is_empty() {
        tracing::warn!(collection = T::COLLECTION, records = found.unreadable.len(), "records cannot be read");
    }
    Ok(found.records)
}

fn refresh<T: Record>(
    doc: &Automerge,
    keys: &ChangedKeys,
    records: &mut BTreeMap<T::Key, T>,
) -> Result<(), RecordError> {
    for (_, key) in keys.iter().filter(|(collection, _)| collection == T::COLLECTION) {
        let Ok(key) = T::Key::from_str(key) else { continue };
        match record::read::<T>(doc, &key) {
            Ok(Some(record)) => drop(records.insert(key, record)),
            Ok(None) | Err(RecordError::Fields { .. }) => drop(records.remove(&key)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl EventView {
    fn read(doc: &Automerge) -> Result<Self, RecordError> {
        let event = all::<Event>(doc)?.into_values().next().unwrap_or_default();
        let key_records = match all(doc) {
            // An event that was begun before there were signed tickets has no keys.
            Err(RecordError::Document(DocumentError::NotGenesis { .. })) => BTreeMap::new(),
            records => records?,
        };
        let keys = TicketKeys::new(&key_records);
        Ok(Self {
            event,
            checkpoints: all(doc)?,
            key_records,
            keys,
            withdrawn: withdrawn::read_all(doc)?,
            epochs: Epochs::read(doc)?,
        })
    }

    fn refresh(&mut self, doc: &Automerge, keys: &ChangedKeys) -> Result<(), RecordError> {
        let mut event = BTreeMap::from([(OnlyKey, std::mem::take(&mut self.event))]);
        refresh(doc, keys, &mut event)?;
        self.event = event.into_values().next().unwrap_or_default();
        self.epochs = Epochs::read(doc)?;
        if keys.iter().any(|(collection, _)| collection == TicketKey::COLLECTION) {
            refresh(doc, keys, &mut self.key_records)?;
            self.keys = TicketKeys::new(&self.key_records);
        }
        for (_, ticket) in keys.iter().filter(|(collection, _)| collection == withdrawn::COLLECTION) {
            let Ok(ticket) = ticket.parse() else { continue };
            match withdrawn::read(doc, ticket)? {
                Some(withdrawal) => drop(self.withdrawn.insert(ticket, withdrawal)),
                None => drop(self.withdrawn.remove(&ticket)),
            }
        }
        refresh(doc, keys, &mut self.checkpoints)
    }
}

impl ProgramView {
    fn read(doc: &Automerge) -> Result<Self, RecordError> {
        Ok(Self { rooms: all(doc)?, tracks: all(doc)?, sessions: all(doc)?, presenters: all(doc)? })
    }

    fn refresh(&mut self, doc: &Automerge, keys: &ChangedKeys) -> Result<(), RecordError> {
        refresh(doc, keys, &mut self.rooms)?;
        refresh(doc, keys, &mut self.tracks)?;
        refresh(doc, keys, &mut self.sessions)?;
        refresh(doc, keys, &mut self.presenters)
    }
}

impl RoomsView {
    fn read(doc: &Automerge) -> Result<Self, RecordError> {
        Ok(Self { templates: all(doc)? })
    }

    fn refresh(&mut self, doc: &Automerge, keys: &ChangedKeys) -> Result<(), RecordError> {
        refresh(doc, keys, &mut self.templates)
    }
}

/// What of a view a change may have made stale.
pub(super) enum Stale<'k> {
    /// These records.
    Keys(&'k ChangedKeys),
    /// Anything.
    All,
}

impl Engine {
    pub(crate) fn event_view(&mut self, cx: &mut Cx<'_>) -> Result<Arc<EventView>, EngineError> {
        if let Some(view) = &self.event {
            return Ok(Arc::clone(view));
        }
        let view = match self.readable(cx, DocRef::whole(DocKind::Event))? {
            Some(doc) => EventView::read(doc)?,
            None => EventView::default(),
        };
        Ok(Arc::clone(self.event.insert(Arc::new(view))))
    }

    pub(crate) fn program_view(&mut self, cx: &mut Cx<'_>) -> Result<Arc<ProgramView>, EngineError> {
        if let Some(view) = &self.program {
            return Ok(Arc::clone(view));
        }
        let view = match self.readable(cx, DocRef::whole(DocKind::Program))? {
            Some(doc) => ProgramView::read(doc)?,
            None => ProgramView::default(),
        };
        Ok(Arc::clone(self.program.insert(Arc::new(view))))
    }

    pub(crate) fn rooms_view(&mut self, cx: &mut Cx<'_>) -> Result<Arc<RoomsView>, EngineError> {
        if let Some(view) = &self.rooms {
            return Ok(Arc::clone(view));
        }
        let view = match self.readable(cx, DocRef::whole(DocKind::Rooms))? {
            Some(doc) => RoomsView::read(doc)?,
            None => RoomsView::default(),
        };
        Ok(Arc::clone(self.rooms.insert(Arc::new(view))))
    }

    /// Brings the view of a document up to date, if there is one in memory.
    pub(super) fn refresh_view(&mut self, doc: &DocRef, stale: &Stale<'_>) -> Result<(), EngineError> {
        let Some(am) = self.docs.get(doc) else { return Ok(()) };
        match (doc.kind, stale) {
            (DocKind::Event, Stale::Keys(keys)) => {
                self.event.as_mut().map_or(Ok(()), |view| Arc::make_mut(view).refresh(am, keys))?;
            }
            (DocKind::Program, Stale::Keys(keys)) => {
                self.program.as_mut().map_or(Ok(()), |view| Arc::make_mut(view).refresh(am, keys))?;
            }
            (DocKind::Rooms, Stale::Keys(keys)) => {
                self.rooms.as_mut().map_or(Ok(()), |view| Arc::make_mut(view).refresh(am, keys))?;
            }
            (DocKind::Event, Stale::All) => self.event = None,
            (DocKind::Program, Stale::All) => self.program = None,
            (DocKind::Rooms, Stale::All) => self.rooms = None,
            _ => {}
        }
        Ok(())
    }
}
