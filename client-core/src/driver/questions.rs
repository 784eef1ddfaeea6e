//! What a screen asks.

use std::collections::BTreeMap;

use automerge::ChangeHash;
use muster_model::document::DocRef;
use muster_model::event::Event as EventRecord;
use muster_model::fact::Fact;
use muster_model::id::{AttendeeId, CheckpointId, PresenterId, RoomId, SessionId};
use muster_model::program::Room;
use muster_model::time::Timestamp;

use super::{Driver, Me};
use crate::error::CoreError;
use crate::event::Token;
use crate::store::{Store, StoreRead};
use crate::view::{
    ArrivalView, AttendeeCard, BoardRow, CheckpointView, ConflictView, CountsView, DoubleView, EditView, IncidentView,
    LogisticsView, RefusedWork, SearchHit, SessionFilter, SessionView, StatusView,
};

/// Questions. They change nothing; errors: the store failed, what is asked for is not here, or the device may not show it
/// any more (`device_revoked`, `lease_ended`).
impl<S: Store> Driver<S> {
    /// Who this device is; `None` before it is enrolled.
    ///
    /// # Errors
    /// If the store fails; so for all questions.
    pub fn me(&mut self, now: Timestamp) -> Result<Option<Me>, CoreError> {
        self.read_always(now, |engine, cx| {
            let me = engine.book(cx).ok().map(|(_, identity)| Me {
                event: identity.event,
                device: identity.device,
                role: identity.role,
            });
            Ok(me)
        })
    }

    /// The event.
    ///
    /// # Errors
    /// If the store fails.
    pub fn event(&mut self, now: Timestamp) -> Result<EventRecord, CoreError> {
        self.read(now, |engine, cx| engine.event_record(cx))
    }

    /// The checkpoints that this device may serve, in their order.
    ///
    /// # Errors
    /// If the store fails.
    pub fn checkpoints(&mut self, now: Timestamp) -> Result<Vec<CheckpointView>, CoreError> {
        self.read(now, |engine, cx| engine.checkpoints(cx))
    }

    /// The rooms, in their order.
    ///
    /// # Errors
    /// If the store fails.
    pub fn rooms(&mut self, now: Timestamp) -> Result<Vec<(RoomId, Room)>, CoreError> {
        self.read(now, |engine, cx| engine.rooms(cx))
    }

    /// Attendees by any part of name or organisation, from two letters, or by their ticket's code; best first.
    ///
    /// # Errors
    /// If the store fails.
    pub fn search(&mut self, now: Timestamp, typed: &str, limit: usize) -> Result<Vec<SearchHit>, CoreError> {
        self.read(now, |engine, cx| engine.search(cx, typed, limit))
    }

    /// An attendee with the facts about them.
    ///
    /// # Errors
    /// `attendee_unknown`, or if the store fails.
    pub fn attendee(&mut self, now: Timestamp, id: AttendeeId) -> Result<AttendeeCard, CoreError> {
        self.read(now, |engine, cx| engine.attendee(cx, id))
    }

    /// The counts of a checkpoint.
    ///
    /// # Errors
    /// If the store fails.
    pub fn counts(&mut self, now: Timestamp, checkpoint: CheckpointId) -> Result<CountsView, CoreError> {
        self.read(now, |engine, cx| engine.counts(cx, checkpoint))
    }

    /// All double admissions: open ones first.
    ///
    /// # Errors
    /// If the store fails.
    pub fn double_admissions(&mut self, now: Timestamp) -> Result<Vec<DoubleView>, CoreError> {
        self.read(now, |engine, cx| engine.double_admissions(cx))
    }

    /// Sessions, by start and room.
    ///
    /// # Errors
    /// If the store fails.
    pub fn sessions(&mut self, now: Timestamp, filter: &SessionFilter) -> Result<Vec<SessionView>, CoreError> {
        self.read(now, |engine, cx| engine.sessions(cx, filter))
    }

    /// The readiness board: overdue first, then problems, then by deadline.
    ///
    /// # Errors
    /// If the store fails.
    pub fn readiness_board(&mut self, now: Timestamp, filter: &SessionFilter) -> Result<Vec<BoardRow>, CoreError> {
        self.read(now, |engine, cx| engine.board(cx, filter))
    }

    /// The checklist of a session.
    ///
    /// # Errors
    /// `session_unknown`, or if the store fails.
    pub fn checklist(&mut self, now: Timestamp, session: SessionId) -> Result<BoardRow, CoreError> {
        self.read(now, |engine, cx| engine.checklist(cx, session))
    }

    /// Incidents that were not taken back, the latest first.
    ///
    /// # Errors
    /// If the store fails.
    pub fn incidents(&mut self, now: Timestamp) -> Result<Vec<IncidentView>, CoreError> {
        self.read(now, |engine, cx| engine.incidents(cx))
    }

    /// Presenters and whether they are here.
    ///
    /// # Errors
    /// If the store fails.
    pub fn arrivals(&mut self, now: Timestamp) -> Result<Vec<ArrivalView>, CoreError> {
        self.read(now, |engine, cx| engine.arrivals(cx))
    }

    /// The presenter's own logistics.
    ///
    /// # Errors
    /// `not_allowed` on a device that is no presenter's, or if the store fails.
    pub fn my_logistics(&mut self, now: Timestamp) -> Result<LogisticsView, CoreError> {
        self.read(now, |engine, cx| engine.my_logistics(cx))
    }

    /// A presenter's logistics, for those who may read them.
    ///
    /// # Errors
    /// `not_allowed`, or if the store fails.
    pub fn logistics(&mut self, now: Timestamp, of: PresenterId) -> Result<LogisticsView, CoreError> {
        self.read(now, |engine, cx| engine.logistics(cx, of))
    }

    /// How this phone stands with servers and other phones.
    ///
    /// # Errors
    /// If the store fails.
    pub fn status(&mut self, now: Timestamp) -> Result<StatusView, CoreError> {
        self.read_always(now, |engine, cx| engine.status(cx))
    }

    /// What to show a server with a request over HTTP; `None` while there is none that is good. It is exchanged in time as
    /// long as a link is open.
    ///
    /// # Errors
    /// If the store fails.
    pub fn access_token(&mut self, now: Timestamp) -> Result<Option<Token>, CoreError> {
        self.read_always(now, |engine, cx| {
            let servers = engine.book(cx).ok().map(|(book, _)| book.servers.values());
            Ok(servers.and_then(|mut servers| servers.find_map(|server| server.good_token(cx.now))).cloned())
        })
    }

    /// The facts that this device recorded, in the order in which it did.
    ///
    /// # Errors
    /// If the store fails.
    pub fn own_facts(&mut self, now: Timestamp) -> Result<Vec<Fact>, CoreError> {
        self.read(now, |engine, cx| engine.own_facts(cx))
    }

    /// The facts that this device recorded and no server is known to have, in the order in which they were recorded.
    ///
    /// # Errors
    /// If the store fails.
    pub fn unsent_facts(&mut self, now: Timestamp) -> Result<Vec<Fact>, CoreError> {
        self.read(now, |engine, cx| engine.unsent_facts(cx))
    }

    /// The edits of this device that no server is known to have, in the order in which they were made.
    ///
    /// # Errors
    /// If the store fails.
    pub fn unsent_edits(&mut self, now: Timestamp) -> Result<Vec<EditView>, CoreError> {
        self.read(now, |engine, cx| engine.unsent_edits(cx))
    }

    /// Fields that several people gave different values at once, for those who may choose one.
    ///
    /// # Errors
    /// If the store fails.
    pub fn conflicts(&mut self, now: Timestamp) -> Result<Vec<ConflictView>, CoreError> {
        self.read(now, |engine, cx| engine.conflicts(cx))
    }

    /// What servers refused and this phone keeps aside, its own work and others'. Empty almost always.
    ///
    /// # Errors
    /// If the store fails.
    pub fn refused(&mut self, now: Timestamp) -> Result<Vec<RefusedWork>, CoreError> {
        self.read(now, |engine, cx| engine.refused_work(cx))
    }

    /// The bytes of a document as this phone has it, whole, to compare replicas with; `None` if nothing of it is here.
    ///
    /// # Errors
    /// If the store fails or the document is damaged.
    pub fn save_document(&mut self, now: Timestamp, doc: DocRef) -> Result<Option<Vec<u8>>, CoreError> {
        self.read(now, |engine, cx| engine.save_document(cx, doc))
    }

    /// The heads of every document that this phone holds, sorted: two replicas with the same heads hold the same.
    ///
    /// # Errors
    /// If the store fails or a document is damaged.
    pub fn heads(&mut self, now: Timestamp) -> Result<BTreeMap<DocRef, Vec<ChangeHash>>, CoreError> {
        let mut heads = BTreeMap::new();
        for size in self.store.documents()? {
            let of_doc = self.read(now, |engine, cx| engine.heads_of(cx, size.doc))?;
            heads.extend(of_doc.map(|of_doc| (size.doc, of_doc)));
        }
        Ok(heads)
    }

    /// Every row of every projection as text, to compare with others.
    ///
    /// # Errors
    /// If the store fails.
    pub fn dump_projections(&self) -> Result<Vec<String>, CoreError> {
        Ok(StoreRead::dump_projections(&self.store)?)
    }
}
