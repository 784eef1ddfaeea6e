//! The store in memory: for tests, and for a browser that grants no storage.

use std::collections::{BTreeMap, BTreeSet};

use automerge::ChangeHash;
use muster_model::attendance::Count;
use muster_model::document::DocRef;
use muster_model::fact::FactBody;
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId};
use muster_model::ticket::{TicketHash, bearer};

use crate::event::ServerId;
use crate::search::{Term, by_organisation, fit, index_text};
use crate::store::dump::{Projections, lines};
use crate::store::{
    AttendeeRow, ConflictRow, DocSize, DoubleRow, FactRow, HeardRow, OutboxRow, Place, Store, StoreError, StoreRead,
    Tally, Write, WriteBatch, is_zero, moved,
};

/// A document's chunks: whether each is a snapshot, and its bytes.
type Chunks = Vec<(bool, Vec<u8>)>;

/// The store in memory. A clone is what a copy of the database file would be.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    meta: BTreeMap<String, Vec<u8>>,
    chunks: BTreeMap<String, (DocRef, Chunks)>,
    outbox: BTreeMap<(ServerId, String, ChangeHash), OutboxRow>,
    sync_states: BTreeMap<(ServerId, DocRef), Vec<u8>>,
    heard: BTreeMap<DeviceId, HeardRow>,
    attendees: BTreeMap<AttendeeId, AttendeeRow>,
    facts: BTreeMap<FactId, FactRow>,
    tallies: BTreeMap<(CheckpointId, AttendeeId), Tally>,
    counts: BTreeMap<(CheckpointId, String), Count>,
    doubles: BTreeMap<(CheckpointId, AttendeeId), Vec<DoubleRow>>,
    /// By document, collection and key, as texts.
    conflicts: BTreeMap<[String; 3], ConflictRow>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn apply(&mut self, write: &Write) {
        match write {
            Write::Meta(key, Some(value)) => drop(self.meta.insert(key.clone(), value.clone())),
            Write::Meta(key, None) => drop(self.meta.remove(key)),
            Write::AppendChunk(doc, bytes) => self.chunks_of(doc).push((false, bytes.clone())),
            Write::Snapshot(doc, bytes) => *self.chunks_of(doc) = vec![(true, bytes.clone())],
            Write::OutboxAdd(row) => {
                drop(self.outbox.insert((row.server.clone(), row.doc.to_string(), row.change), row.clone()));
            }
            Write::OutboxDone(server, doc, change) => {
                drop(self.outbox.remove(&(server.clone(), doc.to_string(), *change)));
            }
            Write::SyncState(server, doc, bytes) => {
                drop(self.sync_states.insert((server.clone(), *doc), bytes.clone()));
            }
            Write::Purge => {}
            Write::Heard(row) => drop(self.heard.insert(row.device, row.clone())),
            Write::Attendee(row) => drop(self.attendees.insert(row.id, (**row).clone())),
            Write::AttendeeGone(id) => drop(self.attendees.remove(id)),
            Write::Fact(row) => drop(self.facts.insert(row.fact.id, (**row).clone())),
            Write::FactGone(id) => drop(self.facts.remove(id)),
            Write::Tally(row) if is_zero(&row.count) => drop(self.tallies.remove(&(row.checkpoint, row.attendee))),
            Write::Tally(row) => drop(self.tallies.insert((row.checkpoint, row.attendee), row.clone())),
            Write::Count(delta) => {
                let key = (delta.checkpoint, delta.category.clone());
                let count = moved(self.counts.get(&key).copied().unwrap_or_default(), &delta.minus, &delta.plus);
                match is_zero(&count) {
                    true => drop(self.counts.remove(&key)),
                    false => drop(self.counts.insert(key, count)),
                }
            }
            Write::Doubles(attendee, checkpoint, rows) if rows.is_empty() => {
                drop(self.doubles.remove(&(*checkpoint, *attendee)));
            }
            Write::Conflicts(row) => {
                let key = [row.doc.to_string(), row.collection.clone(), row.key.clone()];
                match row.fields.is_empty() {
                    true => drop(self.conflicts.remove(&key)),
                    false => drop(self.conflicts.insert(key, row.clone())),
                }
            }
            Write::Doubles(attendee, checkpoint, rows) => {
                drop(self.doubles.insert((*checkpoint, *attendee), rows.clone()));
            }
            Write::ForgetDocument(doc) => {
                self.chunks.remove(&doc.to_string());
                self.outbox.retain(|_, row| row.doc != *doc);
                self.sync_states.retain(|(_, of), _| of != doc);
                self.conflicts.retain(|_, row| row.doc != *doc);
            }
            Write::Wipe => *self = Self::default(),
            Write::ClearProjections => {
                self.attendees.clear();
                self.facts.clear();
                self.tallies.clear();
                self.counts.clear();
                self.doubles.clear();
                self.conflicts.clear();
            }
        }
    }

    fn chunks_of(&mut self, doc: &DocRef) -> &mut Chunks {
        &mut self.chunks.entry(doc.to_string()).or_insert_with(|| (*doc, Vec::new())).1
    }

    fn facts_where(&self, fits: impl Fn(&FactRow) -> bool) -> Vec<FactRow> {
        self.facts.values().filter(|row| fits(row)).cloned().collect()
    }

    fn attendees_where(&self, fits: impl Fn(&AttendeeRow) -> bool) -> Vec<AttendeeId> {
        self.attendees.values().filter(|row| fits(row)).map(|row| row.id).collect()
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, batch: &WriteBatch) -> Result<(), StoreError> {
        // Whatever can fail is tried before anything is changed.
        for write in &batch.writes {
            if let Write::Fact(row) = write {
                row.fact.to_json().map_err(|_| StoreError::Damaged { what: "a fact" })?;
            }
        }
        batch.writes.iter().for_each(|write| self.apply(write));
        Ok(())
    }
}

fn bytes(chunks: &Chunks, snapshots: bool) -> u64 {
    let sizes = chunks.iter().filter(|(snapshot, _)| *snapshot == snapshots).map(|(_, bytes)| bytes.len());
    u64::try_from(sizes.sum::<usize>()).unwrap_or(u64::MAX)
}

impl StoreRead for MemoryStore {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.meta.get(key).cloned())
    }

    fn meta_with_prefix(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let fitting = self.meta.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(fitting.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn documents(&self) -> Result<Vec<DocSize>, StoreError> {
        let size = |(doc, chunks): &(DocRef, Chunks)| DocSize {
            doc: *doc,
            snapshot_bytes: bytes(chunks, true),
            incremental_bytes: bytes(chunks, false),
        };
        Ok(self.chunks.values().map(size).collect())
    }

    fn chunks(&self, doc: &DocRef) -> Result<Vec<Vec<u8>>, StoreError> {
        let chunks = self.chunks.get(&doc.to_string()).map(|(_, chunks)| chunks.as_slice()).unwrap_or_default();
        Ok(chunks.iter().map(|(_, bytes)| bytes.clone()).collect())
    }

    fn sync_state(&self, server: &ServerId, doc: &DocRef) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.sync_states.get(&(server.clone(), *doc)).cloned())
    }

    fn outbox(&self, server: &ServerId, doc: &DocRef) -> Result<Vec<OutboxRow>, StoreError> {
        Ok(self.outbox.values().filter(|row| row.server == *server && row.doc == *doc).cloned().collect())
    }

    fn servers_lacking(&self, fact: FactId) -> Result<Vec<ServerId>, StoreError> {
        let lacking = self.outbox.values().filter(|row| row.fact == Some(fact)).map(|row| row.server.clone());
        Ok(lacking.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn outbox_counts(&self) -> Result<Vec<(ServerId, DocRef, u64)>, StoreError> {
        let mut counts: BTreeMap<(ServerId, String), (DocRef, u64)> = BTreeMap::new();
        for row in self.outbox.values() {
            let key = (row.server.clone(), row.doc.to_string());
            counts.entry(key).or_insert((row.doc, 0)).1 += u64::from(row.fact.is_some());
        }
        Ok(counts.into_iter().map(|((server, _), (doc, count))| (server, doc, count)).collect())
    }

    fn unsent_edits(&self) -> Result<Vec<OutboxRow>, StoreError> {
        let mut rows: Vec<OutboxRow> = self.outbox.values().filter(|row| row.edit.is_some()).cloned().collect();
        let order = |row: &OutboxRow| row.edit.as_ref().map(|edit| edit.order);
        rows.sort_by_cached_key(|row| (row.server.clone(), row.doc.to_string(), order(row)));
        Ok(rows)
    }

    fn heard(&self) -> Result<Vec<HeardRow>, StoreError> {
        Ok(self.heard.values().cloned().collect())
    }

    fn attendee(&self, id: AttendeeId) -> Result<Option<AttendeeRow>, StoreError> {
        Ok(self.attendees.get(&id).cloned())
    }

    fn attendees_by_ticket(&self, ticket: TicketHash) -> Result<Vec<AttendeeId>, StoreError> {
        let fits =
            |row: &AttendeeRow| row.attendee.ticket == Some(ticket) || row.attendee.revoked_tickets.contains(&ticket);
        Ok(self.attendees_where(fits))
    }

    fn attendees_by_order(&self, order: &str) -> Result<Vec<AttendeeId>, StoreError> {
        Ok(self.attendees_where(|row| !order.is_empty() && row.attendee.order == order))
    }

    fn search(&self, terms: &[Term], limit: usize) -> Result<Vec<AttendeeId>, StoreError> {
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let rank = |row: &AttendeeRow| {
            let words = index_text(&row.attendee.name, &row.attendee.organisation);
            let name = &row.attendee.name;
            fit(&words, terms).map(|fit| (fit, by_organisation(name, terms), name.clone(), row.id))
        };
        let mut found: Vec<_> = self.attendees.values().filter_map(rank).collect();
        found.sort_unstable();
        Ok(found.into_iter().take(limit).map(|(.., id)| id).collect())
    }

    fn fact(&self, id: FactId) -> Result<Option<FactRow>, StoreError> {
        Ok(self.facts.get(&id).cloned())
    }

    fn facts_at(&self, place: &Place) -> Result<Vec<FactRow>, StoreError> {
        Ok(self.facts_where(|row| row.place == *place))
    }

    fn facts_of(&self, attendee: AttendeeId) -> Result<Vec<FactRow>, StoreError> {
        Ok(self.facts_where(|row| matches!(row.place, Place::Attendance(of, _) if of == attendee)))
    }

    fn facts_with_ticket(&self, ticket: TicketHash) -> Result<Vec<FactRow>, StoreError> {
        Ok(self.facts_where(|row| bearer::ticket_of(&row.fact) == Some(ticket)))
    }

    fn any_borne(&self) -> Result<bool, StoreError> {
        Ok(self.facts.values().any(|row| row.borne))
    }

    fn undos_of(&self, fact: FactId) -> Result<Vec<FactRow>, StoreError> {
        let undoes = |row: &FactRow| matches!(&row.fact.body, FactBody::Undo { fact: undone, .. } if *undone == fact);
        Ok(self.facts_where(undoes))
    }

    fn tally(&self, attendee: AttendeeId, checkpoint: CheckpointId) -> Result<Option<Tally>, StoreError> {
        Ok(self.tallies.get(&(checkpoint, attendee)).cloned())
    }

    fn tallies_of(&self, attendee: AttendeeId) -> Result<Vec<Tally>, StoreError> {
        Ok(self.tallies.values().filter(|row| row.attendee == attendee).cloned().collect())
    }

    fn attendees_at(
        &self,
        checkpoint: CheckpointId,
        after: Option<AttendeeId>,
        limit: usize,
    ) -> Result<Vec<AttendeeId>, StoreError> {
        let here = self.tallies.keys().filter(|(at, id)| *at == checkpoint && after.is_none_or(|after| *id > after));
        Ok(here.map(|(_, id)| *id).take(limit).collect())
    }

    fn counts(&self, checkpoint: CheckpointId) -> Result<Vec<(String, Count)>, StoreError> {
        let here = self.counts.iter().filter(|((at, _), _)| *at == checkpoint);
        Ok(here.map(|((_, category), count)| (category.clone(), *count)).collect())
    }

    fn doubles(&self) -> Result<Vec<DoubleRow>, StoreError> {
        Ok(self.doubles.values().flatten().cloned().collect())
    }

    fn doubles_at(&self, attendee: AttendeeId, checkpoint: CheckpointId) -> Result<Vec<DoubleRow>, StoreError> {
        Ok(self.doubles.get(&(checkpoint, attendee)).cloned().unwrap_or_default())
    }

    fn conflicts(&self) -> Result<Vec<ConflictRow>, StoreError> {
        Ok(self.conflicts.values().cloned().collect())
    }

    fn dump_projections(&self) -> Result<Vec<String>, StoreError> {
        let words = |row: &AttendeeRow| (row.id, index_text(&row.attendee.name, &row.attendee.organisation));
        let count = |((checkpoint, category), count): (&(CheckpointId, String), &Count)| {
            (*checkpoint, category.clone(), *count)
        };
        Ok(lines(&Projections {
            attendees: self.attendees.values().cloned().collect(),
            words: self.attendees.values().map(words).collect(),
            facts: self.facts.values().cloned().collect(),
            tallies: self.tallies.values().cloned().collect(),
            counts: self.counts.iter().map(count).collect(),
            doubles: self.doubles()?,
            conflicts: self.conflicts()?,
        }))
    }
}
