//! Records edited on this device: field by field, each edit a change of its own that waits in the outbox as facts do.

use automerge::transaction::CommitOptions;
use muster_model::attendee::Attendee;
use muster_model::document::{DocKind, DocRef, Part};
use muster_model::edit::{AttendeeEdit, FieldOf, SessionEdit, edited};
use muster_model::event::OnlyKey;
use muster_model::id::AttendeeId;
use muster_model::logistics::Needs;
use muster_model::record::{self, EditState, FieldEdit, Record, RecordEdit};

use super::aside::refused_edits;
use super::receive::Change;
use super::{Cx, Engine};
use crate::command::Edit;
use crate::error::{EngineError, Missing};
use crate::event::Topic;
use crate::store::{Origin, OutboxRow, UnsentEdit, Write};
use crate::view::{Durability, EditView};

impl Engine {
    /// Makes an edit; says whether anything differed.
    pub(super) fn edit(&mut self, cx: &mut Cx<'_>, edit: Edit) -> Result<bool, EngineError> {
        match edit {
            Edit::Attendee(id, edits) => self.edit_attendee(cx, id, edits),
            Edit::Session(id, edits) => {
                let program = self.program_view(cx)?;
                let doc = DocRef::whole(DocKind::Program);
                self.check_may_edit(cx, &doc, "sessions")?;
                let unknown = |edit: &SessionEdit| match edit {
                    SessionEdit::Room(Some(room)) => !program.rooms.contains_key(room),
                    _ => false,
                };
                if edits.iter().any(unknown) {
                    return Err(EngineError::Missing(Missing::Room));
                }
                self.edit_record(cx, doc, &id, (edits, Missing::Session))
            }
            Edit::Room(id, edits) => self.edit_record(cx, DocRef::whole(DocKind::Program), &id, (edits, Missing::Room)),
            Edit::Checkpoint(id, edits) => {
                self.edit_record(cx, DocRef::whole(DocKind::Event), &id, (edits, Missing::Checkpoint))
            }
            Edit::Needs(presenter, edits) => {
                let doc = DocRef::presenter(presenter);
                self.check_may_edit(cx, &doc, "needs")?;
                let before = match self.readable(cx, doc)? {
                    Some(am) => record::read(am, &OnlyKey)?.unwrap_or_default(),
                    None => Default::default(),
                };
                self.edit_from(cx, doc, (&OnlyKey, &before), edits)
            }
        }
    }

    /// Fails unless the role may edit records of the collection.
    pub(super) fn check_may_edit(&self, cx: &Cx<'_>, doc: &DocRef, collection: &str) -> Result<(), EngineError> {
        let access = self.book(cx)?.1.role.access(doc);
        if access.edits(collection) { Ok(()) } else { Err(EngineError::NotAllowed(*doc)) }
    }

    fn edit_record<F: FieldOf>(
        &mut self,
        cx: &mut Cx<'_>,
        doc: DocRef,
        key: &<F::Record as Record>::Key,
        (edits, missing): (Vec<F>, Missing),
    ) -> Result<bool, EngineError> {
        self.check_may_edit(cx, &doc, F::Record::COLLECTION)?;
        let before = match self.readable(cx, doc)? {
            Some(am) => record::read::<F::Record>(am, key)?,
            None => None,
        };
        let before = before.ok_or(EngineError::Missing(missing))?;
        self.edit_from(cx, doc, (key, &before), edits)
    }

    fn edit_from<F: FieldOf>(
        &mut self,
        cx: &mut Cx<'_>,
        doc: DocRef,
        (key, before): (&<F::Record as Record>::Key, &F::Record),
        edits: Vec<F>,
    ) -> Result<bool, EngineError> {
        match RecordEdit::between(key, before, &edited(before, edits)?) {
            Some(edit) => self.write_edit(cx, doc, &edit),
            None => Ok(false),
        }
    }

    fn edit_attendee(
        &mut self,
        cx: &mut Cx<'_>,
        id: AttendeeId,
        edits: Vec<AttendeeEdit>,
    ) -> Result<bool, EngineError> {
        self.check_may_edit(cx, &DocRef::shard(DocKind::Roster, 0), "attendees")?;
        let row = cx.projections.attendee(id)?.ok_or(EngineError::Missing(Missing::Attendee))?;
        match row.origin {
            Origin::Roster(doc) => self.edit_record(cx, doc, &id, (edits, Missing::Attendee)),
            Origin::WalkIn(_) => {
                // Their check-ins lie in the shard that every device finds by the id; the record goes beside them.
                let shard = match self.checkins_of(cx, id, None)?.part {
                    Part::Shard(shard) => shard,
                    Part::Whole | Part::Presenter(_) => 0,
                };
                let doc = DocRef::shard(DocKind::Roster, shard);
                let nobody = Attendee::default();
                let after = edited(&row.attendee, edits)?;
                if after == row.attendee {
                    return Ok(false);
                }
                match RecordEdit::between(&id, &nobody, &after) {
                    Some(edit) => self.write_edit(cx, doc, &edit),
                    None => Ok(false),
                }
            }
        }
    }

    /// Writes an edit in a change of its own, with all that belongs to it: chunk, outbox, views, projections, peers.
    pub(super) fn write_edit(&mut self, cx: &mut Cx<'_>, doc: DocRef, edit: &RecordEdit) -> Result<bool, EngineError> {
        let Some(collection) = doc.kind.collection_named(&edit.collection) else {
            return Err(EngineError::NotAllowed(doc));
        };
        if doc.kind == DocKind::Event {
            // What the rules were is needed to see what of them changes.
            self.event_view(cx)?;
        }
        self.begin(cx, doc)?;
        let servers: Vec<_> = self.book(cx)?.0.servers.keys().cloned().collect();
        let seconds = cx.now.ms().div_euclid(1000);
        let am = self.doc(cx, doc)?;
        let mut transaction = am.transaction();
        let fields = edit.fields.iter().map(|field| (field.field.clone(), field.after.clone()));
        if !record::set_fields(&mut transaction, collection, &edit.key, fields)? {
            transaction.rollback();
            return Ok(false);
        }
        transaction.commit_with(CommitOptions::default().with_time(seconds));
        let change = am.get_last_local_change().ok_or(EngineError::OutOfRange { what: "our change" })?;
        cx.touched.docs.insert(doc);
        cx.speak.insert(doc);
        cx.write(Write::AppendChunk(doc, change.raw_bytes().to_vec()));
        for server in servers {
            let edit = Some(UnsentEdit { edit: edit.clone(), at: cx.now, order: change.max_op() });
            cx.write(Write::OutboxAdd(OutboxRow { server, doc, change: change.hash(), fact: None, edit }));
        }
        self.chunks_since_compaction = self.chunks_since_compaction.saturating_add(1);
        cx.topics.insert(Topic::Status);
        self.take_in(cx, doc, Change::Keys([(edit.collection.clone(), edit.key.clone())].into()))?;
        Ok(true)
    }

    /// Makes an edit once more whose change is gone, if the record says still what it said before: nobody's edit since is
    /// overwritten unseen. Says whether it is made now.
    pub(super) fn edit_again(&mut self, cx: &mut Cx<'_>, doc: DocRef, edit: &RecordEdit) -> Result<bool, EngineError> {
        let state = match self.readable(cx, doc)? {
            Some(am) => edit.stands_in(am, &doc)?,
            None => EditState::NoRecord,
        };
        let may = self.check_may_edit(cx, &doc, &edit.collection).is_ok();
        match state {
            EditState::Done => Ok(true),
            EditState::Undone if may => self.write_edit(cx, doc, edit).map(|_| true),
            EditState::NoRecord if may && makes_record(edit) => self.write_edit(cx, doc, edit).map(|_| true),
            _ => Ok(false),
        }
    }

    /// The edits of this device that no server is known to have, in the order in which they were made.
    pub(crate) fn unsent_edits(&self, cx: &Cx<'_>) -> Result<Vec<EditView>, EngineError> {
        let servers = self.book(cx)?.0.servers.len();
        let mut lacking: std::collections::BTreeMap<_, (usize, EditView)> = std::collections::BTreeMap::new();
        for row in cx.store.unsent_edits()? {
            let Some(UnsentEdit { edit, at, order }) = row.edit else { continue };
            let view = || (0, EditView { document: row.doc, edit, at });
            lacking.entry((at, order, row.change.0)).or_insert_with(view).0 += 1;
        }
        Ok(lacking.into_values().filter(|(by, _)| *by == servers).map(|(_, edit)| edit).collect())
    }

    /// Where what this device edited of a collection is: on a server as soon as one has all of it.
    pub(super) fn edits_durability(
        &self,
        cx: &Cx<'_>,
        doc: &DocRef,
        collection: &str,
    ) -> Result<Durability, EngineError> {
        let waits =
            self.unsent_edits(cx)?.iter().any(|view| view.document == *doc && view.edit.collection == collection);
        let is_refused = refused_edits(cx, doc)?.iter().any(|edit| edit.collection == collection);
        Ok(if waits || is_refused { Durability::OnThisPhone } else { Durability::OnServer })
    }
}

/// Whether an edit makes the record that it edits: what a presenter needs, or the record of somebody who registered at the
/// door. Any other would be half a record.
pub(super) fn makes_record(edit: &RecordEdit) -> bool {
    let names = |field: &FieldEdit| field.field == "name" && field.before.as_str().is_none_or(str::is_empty);
    edit.collection == Needs::COLLECTION || edit.fields.iter().any(names)
}
