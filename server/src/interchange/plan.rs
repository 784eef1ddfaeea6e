//! Merging what a source says with what the documents hold.
//!
//! Three states of every field meet: what the source says now (the draft), what it said last time (the [`Base`], which
//! the caller keeps per source), and what the documents hold ([`Current`]).
//!
//! | source since last time | documents since last time | result |
//! |---|---|---|
//! | unchanged | any | the documents' value |
//! | changed | unchanged | the source's value |
//! | changed | changed | the documents' value, and a note `kept_edit` |
//! | first seen | no such record | a new record |
//! | first seen | record there | the documents' value; the source's where the documents say nothing |
//! | any | record deleted | stays deleted, and a note `kept_deleted` |
//!
//! What a complete source no longer names becomes cancelled if it is a session, and stays as it is otherwise. A part of a
//! presenter's logistics that the presenter's row no longer says is removed, unless it was edited here.

use std::collections::BTreeMap;
use std::fmt::Display;

use automerge::ReadDoc;
use automerge::transaction::Transactable;
use muster_model::attendee::{Attendee, Contact};
use muster_model::checkpoint::Checkpoint;
use muster_model::document::{DocKind, DocRef, later_collection};
use muster_model::event::{Event, OnlyKey};
use muster_model::id::{AttendeeId, CheckpointId, PresenterId, RoomId, SessionId, TrackId};
use muster_model::program::{PresenterProfile, Room, Session, Track};
use muster_model::record::{self, Record, RecordError};
use muster_model::ticket::TicketHash;
use muster_model::ticket::key::{KeyId, TicketKey};
use muster_model::ticket::withdrawn::{self, Withdrawal, Withdrawn};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::ImportError;
use super::note::NoteCode;
use super::{Draft, ImportNotes, Logistics, Rows};

mod logistics;
mod matching;
mod merge;
mod place;
mod tickets;

pub use logistics::LogisticsWrite;
pub use matching::presenters;
use merge::{Merged, Side, merge_fields, merge_records};
use place::Shards;

/// A record's fields that say something.
pub type Fields = Map<String, Value>;

/// What a source said last time: by collection and record, the fields that said something.
///
/// It holds personal data, as the documents do; the caller stores it and gives it back at the source's next import.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Base {
    /// The fields by collection and by the record's id.
    pub collections: BTreeMap<String, BTreeMap<String, Fields>>,
}

impl Base {
    /// What was said of a collection's records.
    #[must_use]
    pub fn collection(&self, collection: &str) -> Option<&BTreeMap<String, Fields>> {
        self.collections.get(collection)
    }
}

/// An attendee and the shard that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The shard, from 0.
    pub shard: u16,
    /// The attendee.
    pub attendee: Attendee,
}

/// What the documents hold now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Current {
    /// The event.
    pub event: Event,
    /// Its checkpoints.
    pub checkpoints: BTreeMap<CheckpointId, Checkpoint>,
    /// Its keys of signed tickets.
    pub ticket_keys: BTreeMap<KeyId, TicketKey>,
    /// Its withdrawn tickets.
    pub withdrawn: Withdrawn,
    /// Its rooms.
    pub rooms: BTreeMap<RoomId, Room>,
    /// Its tracks.
    pub tracks: BTreeMap<TrackId, Track>,
    /// Its sessions.
    pub sessions: BTreeMap<SessionId, Session>,
    /// Its presenters.
    pub presenters: BTreeMap<PresenterId, PresenterProfile>,
    /// Its attendees.
    pub attendees: BTreeMap<AttendeeId, Placed>,
    /// How to reach them.
    pub contacts: BTreeMap<AttendeeId, Contact>,
    /// The logistics of the presenters whom [`presenters`] names; nobody else's are looked at.
    pub logistics: BTreeMap<PresenterId, Logistics>,
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordWrite {
    /// The event.
    Event(Box<Event>),
    /// A checkpoint.
    Checkpoint(CheckpointId, Checkpoint),
    /// A key of signed tickets.
    TicketKey(KeyId, TicketKey),
    /// A ticket that lets nobody in, or does again.
    Withdrawn(TicketHash, Option<Withdrawal>),
    /// A room.
    Room(RoomId, Room),
    /// A track.
    Track(TrackId, Track),
    /// A session.
    Session(SessionId, Box<Session>),
    /// A presenter's profile.
    Presenter(PresenterId, PresenterProfile),
    /// An attendee.
    Attendee(AttendeeId, Attendee),
    /// How to reach an attendee.
    Contact(AttendeeId, Contact),
    /// A part of a presenter's logistics.
    Logistics(LogisticsWrite),
}

impl RecordWrite {
    /// Writes the record into the document it belongs to; says whether anything differed.
    ///
    /// A plan is made from a state of the documents and must be applied to that state: an edit made between the two in
    /// the same record would be overwritten.
    ///
    /// # Errors
    /// If the document does not hold records of this kind or refuses the write.
    pub fn apply<D: Transactable + ReadDoc>(&self, doc: &mut D) -> Result<bool, RecordError> {
        match self {
            Self::Event(event) => record::put(doc, &OnlyKey, event.as_ref()),
            Self::Checkpoint(id, checkpoint) => record::put(doc, id, checkpoint),
            Self::TicketKey(id, key) => {
                later_collection(doc, TicketKey::COLLECTION)?;
                record::put(doc, id, key)
            }
            Self::Withdrawn(ticket, withdrawal) => withdrawn::put(doc, *ticket, *withdrawal),
            Self::Room(id, room) => record::put(doc, id, room),
            Self::Track(id, track) => record::put(doc, id, track),
            Self::Session(id, session) => record::put(doc, id, session.as_ref()),
            Self::Presenter(id, presenter) => record::put(doc, id, presenter),
            Self::Attendee(id, attendee) => record::put(doc, id, attendee),
            Self::Contact(id, contact) => record::put(doc, id, contact),
            Self::Logistics(part) => part.apply(doc),
        }
    }
}

/// What became of the records of a collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records that are new.
    pub created: u64,
    /// Records with fields that changed, and parts of logistics that were removed because the source took them back.
    pub changed: u64,
    /// Records in which nothing changed.
    pub unchanged: u64,
    /// Sessions that the source no longer names and that were cancelled therefore; not among the changed.
    pub cancelled: u64,
    /// Fields in which the documents' value was kept though the source has another.
    pub kept_edits: u64,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// By collection.
    pub collections: BTreeMap<String, Tally>,
    /// Rows, elements or resources that were skipped in reading.
    pub skipped: u64,
    /// Check-ins that the source holds and that were not imported.
    pub check_ins: u64,
    /// What was skipped, kept or assumed, in reading and in merging.
    pub notes: ImportNotes,
}

impl ImportReport {
    /// What became of a collection's records.
    #[must_use]
    pub fn tally(&self, collection: &str) -> Tally {
        self.collections.get(collection).copied().unwrap_or_default()
    }
}

/// What an import comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportPlan {
    /// The records to write, by document.
    pub writes: BTreeMap<DocRef, Vec<RecordWrite>>,
    /// What to keep until the source's next import, once the writes are durable.
    pub new_base: Base,
    /// What to tell who imported.
    pub report: ImportReport,
}

/// Merges a draft with what the documents hold and with what the source said last time.
///
/// # Errors
/// [`ImportError::EventFull`] if there are more attendees than an event can hold.
pub fn plan(draft: &Draft, current: &Current, base: &Base) -> Result<ImportPlan, ImportError> {
    let resolved;
    let draft = if draft.rows == Rows::default() {
        draft
    } else {
        resolved = matching::resolve(draft, current, base);
        &resolved
    };
    let asked = tickets::asked_elsewhere(draft, current);
    let draft = asked.as_ref().unwrap_or(draft);
    let mut planner = Planner::new(draft, base);
    planner.program(current);
    planner.tickets(current)?;
    let mut event = planner.event(current);
    planner.attendees(current, &mut event)?;
    planner.logistics(current);
    if event != current.event {
        planner.write(DocRef::whole(DocKind::Event), RecordWrite::Event(Box::new(event)));
    }
    Ok(planner.plan)
}

struct Planner<'a> {
    draft: &'a Draft,
    base: &'a Base,
    plan: ImportPlan,
}

impl<'a> Planner<'a> {
    fn new(draft: &'a Draft, base: &'a Base) -> Self {
        let report = ImportReport {
            skipped: draft.counts.skipped,
            check_ins: draft.counts.check_ins,
            notes: draft.notes.clone(),
            ..ImportReport::default()
        };
        Self { draft, base, plan: ImportPlan { new_base: base.clone(), report, ..ImportPlan::default() } }
    }

    fn write(&mut self, document: DocRef, write: RecordWrite) {
        self.plan.writes.entry(document).or_default().push(write);
    }

    /// Merges a collection and books what came of it; gives back the records that differ from the documents'.
    fn merge<T>(&mut self, said: &BTreeMap<T::Key, T>, there: impl Fn(&T::Key) -> Option<&'a T>) -> Vec<(T::Key, T)>
    where
        T: Record + Default + Clone + PartialEq + 'a,
    {
        self.merge_as(T::COLLECTION, said, there)
    }

    /// The same under another name for the collection and with keys that are unique beyond one document.
    fn merge_as<K, T>(
        &mut self,
        collection: &'static str,
        said: &BTreeMap<K, T>,
        there: impl Fn(&K) -> Option<&'a T>,
    ) -> Vec<(K, T)>
    where
        K: Display + Ord + Clone,
        T: Record + Default + Clone + PartialEq + 'a,
    {
        let none = BTreeMap::new();
        let base = self.base.collection(collection).unwrap_or(&none);
        let side = Side { draft: self.draft, collection, base };
        let Merged { records, new_base, tally } = merge_records(&side, said, there, &mut self.plan.report.notes);
        if !new_base.is_empty() {
            self.plan.new_base.collections.entry(collection.to_owned()).or_default().extend(new_base);
        }
        if tally != Tally::default() {
            self.plan.report.collections.insert(collection.to_owned(), tally);
        }
        records
    }

    fn program(&mut self, current: &'a Current) {
        let document = DocRef::whole(DocKind::Program);
        let draft = self.draft;
        for (id, room) in self.merge(&draft.rooms, |id| current.rooms.get(id)) {
            self.write(document, RecordWrite::Room(id, room));
        }
        for (id, track) in self.merge(&draft.tracks, |id| current.tracks.get(id)) {
            self.write(document, RecordWrite::Track(id, track));
        }
        for (id, presenter) in self.merge(&draft.presenters, |id| current.presenters.get(id)) {
            self.write(document, RecordWrite::Presenter(id, presenter));
        }
        for (id, session) in self.merge(&draft.sessions, |id| current.sessions.get(id)) {
            self.write(document, RecordWrite::Session(id, Box::new(session)));
        }
        if draft.complete {
            self.cancel_dropped(current);
        }
        let document = DocRef::whole(DocKind::Event);
        for (id, checkpoint) in self.merge(&draft.checkpoints, |id| current.checkpoints.get(id)) {
            self.write(document, RecordWrite::Checkpoint(id, checkpoint));
        }
    }

    /// Cancels the sessions that the source named last time and no longer does, as if it had said so.
    fn cancel_dropped(&mut self, current: &'a Current) {
        let Some(base) = self.base.collection(Session::COLLECTION) else { return };
        for (key, said) in base {
            let Ok(id) = key.parse::<SessionId>() else { continue };
            let dropped = !self.draft.sessions.contains_key(&id) && said.get("cancelled") != Some(&Value::Bool(true));
            if !dropped {
                continue;
            }
            let mut now_said = said.clone();
            now_said.insert("cancelled".to_owned(), Value::Bool(true));
            self.plan
                .new_base
                .collections
                .entry(Session::COLLECTION.to_owned())
                .or_default()
                .insert(key.clone(), now_said);
            // The source said it takes place; if the documents do not say so any more, that was a coordinator.
            if let Some(session) = current.sessions.get(&id).filter(|session| !session.cancelled) {
                let cancelled = Session { cancelled: true, ..session.clone() };
                self.write(DocRef::whole(DocKind::Program), RecordWrite::Session(id, Box::new(cancelled)));
                self.plan.report.collections.entry(Session::COLLECTION.to_owned()).or_default().cancelled += 1;
            }
        }
    }

    fn event(&mut self, current: &Current) -> Event {
        let Some(said) = &self.draft.event else { return current.event.clone() };
        let said: Fields = match serde_json::to_value(said) {
            Ok(Value::Object(fields)) => {
                fields.into_iter().filter(|(name, _)| self.draft.event_fields.contains(name.as_str())).collect()
            }
            _ => Fields::new(),
        };
        let key = OnlyKey.to_string();
        let base = self.base.collection(Event::COLLECTION).and_then(|records| records.get(&key));
        let mut tally = Tally::default();
        let merged = merge_fields(&said, &current.event, base, |field| {
            tally.kept_edits += 1;
            self.plan.report.notes.add(
                NoteCode::KeptEdit,
                format!("event, {field}"),
                "the coordinator's value was kept",
            );
        });
        let event: Event = merged.unwrap_or_else(|| current.event.clone());
        if event == current.event {
            tally.unchanged += 1
        } else {
            tally.changed += 1
        }
        self.plan.report.collections.insert(Event::COLLECTION.to_owned(), tally);
        let mut all = base.cloned().unwrap_or_default();
        all.extend(said);
        self.plan.new_base.collections.entry(Event::COLLECTION.to_owned()).or_default().insert(key, all);
        event
    }

    fn attendees(&mut self, current: &'a Current, event: &mut Event) -> Result<(), ImportError> {
        let draft = self.draft;
        let mut shards = Shards::new(current);
        for (id, mut attendee) in
            self.merge(&draft.attendees, |id| current.attendees.get(id).map(|placed| &placed.attendee))
        {
            if let Some(placed) = current.attendees.get(&id) {
                place::revoke_replaced(&placed.attendee, &mut attendee);
            }
            let shard = shards.of(id)?;
            self.write(DocRef::shard(DocKind::Roster, shard), RecordWrite::Attendee(id, attendee));
        }
        for (id, contact) in self.merge(&draft.contacts, |id| current.contacts.get(id)) {
            if !shards.knows(id) {
                // The attendee was deleted: their address must not come back.
                continue;
            }
            let shard = shards.of(id)?;
            self.write(DocRef::shard(DocKind::Contacts, shard), RecordWrite::Contact(id, contact));
        }
        event.shards = event.shards.max(shards.needed());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
