//! The driver: the engine, its store and its randomness in one hand.
//!
//! Whatever is asked goes the same way: the engine says what is to be done, the batch is committed in one transaction, and
//! only then are the answer given and the effects let out. When the commit fails, nothing was shown and nothing is sent.

use muster_model::access::Role;
use muster_model::document::DocRef;
use std::collections::BTreeMap;

use automerge::ChangeHash;
use muster_model::event::Event as EventRecord;
use muster_model::fact::{EntryVia, Fact, ItemState};
use muster_model::id::DeviceId;
use muster_model::id::{AttendeeId, CheckpointId, EventId, FactId, ItemId, PresenterId, RoomId, SessionId};
use muster_model::program::Room;
use muster_model::time::Timestamp;
use rand::RngCore;

use crate::code::CoreCode;
use crate::command::{Answer, Answers, CheckIn, Command, NewIncident, NewWalkIn, Recorded, ScanResult, Settle};
use crate::engine::{Cx, Engine, Output};
use crate::error::{CoreError, EngineError};
use crate::event::{Effect, Event, Token};
use crate::store::{Flush, Store, StoreRead};
use crate::view::{
    ArrivalView, AttendeeCard, BoardRow, CheckpointView, CountsView, DoubleView, IncidentView, LogisticsView,
    RefusedWork, SearchHit, SessionFilter, SessionView, StatusView,
};

/// The engine with its store and its randomness. See the [module](self).
pub struct Driver<S> {
    engine: Engine,
    store: S,
    rng: Box<dyn RngCore + Send>,
    effects: Vec<Effect>,
}

/// Who this device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Me {
    /// The event.
    pub event: EventId,
    /// The device.
    pub device: DeviceId,
    /// What it may do.
    pub role: Role,
}

impl<S> std::fmt::Debug for Driver<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("engine", &self.engine)
            .field("effects", &self.effects.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Driver<S> {
    /// Takes an opened store and a source of randomness (a cryptographic one: ids of walk-ins come from it), and looks at
    /// what there is to do. Loads no attendees.
    ///
    /// # Errors
    /// If the store fails.
    pub fn open(store: S, rng: Box<dyn RngCore + Send>, now: Timestamp) -> Result<Self, CoreError> {
        let mut driver = Self { engine: Engine::new(), store, rng, effects: Vec::new() };
        driver.dispatch(now, Event::Opened)?;
        Ok(driver)
    }

    /// Handles an event: decides, commits, and gives the answer. [`Driver::take_effects`] then has what is to be done.
    ///
    /// # Errors
    /// If it could not be done or not be made durable. Then it was not done at all; take the effects all the same, since
    /// links may have to be closed.
    pub fn dispatch(&mut self, now: Timestamp, event: Event) -> Result<Answer, CoreError> {
        let flush = flush_after(&event);
        let mut output = self.engine.handle(&self.store, now, &mut *self.rng, event);
        if let Ok(output) = &mut output {
            output.batch.flush = flush;
        }
        self.carry_out(now, output)
    }

    fn carry_out(&mut self, now: Timestamp, output: Result<Output, EngineError>) -> Result<Answer, CoreError> {
        let result = output.map_err(CoreError::from).and_then(|output| {
            if !output.batch.is_empty()
                && let Err(error) = self.store.commit(&output.batch)
            {
                self.engine.forget(&output.touched, &output.effects, now, &mut *self.rng);
                return Err(error.into());
            }
            self.effects.extend(output.effects);
            Ok(output.answer)
        });
        self.effects.extend(self.engine.take_recovery());
        result
    }

    /// What the shell has to do, in this order. To be taken after every call, whether it succeeded or not.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Gives the store back, for example to close it.
    pub fn into_store(self) -> S {
        self.store
    }

    fn read<T>(
        &mut self,
        now: Timestamp,
        question: impl FnOnce(&mut Engine, &mut Cx<'_>) -> Result<T, EngineError>,
    ) -> Result<T, CoreError> {
        self.read_always(now, |engine, cx| {
            engine.check_standing(cx)?;
            question(engine, cx)
        })
    }

    /// Reads what whoever holds the device may know however it stands.
    fn read_always<T>(
        &mut self,
        now: Timestamp,
        question: impl FnOnce(&mut Engine, &mut Cx<'_>) -> Result<T, EngineError>,
    ) -> Result<T, CoreError> {
        let mut cx = Cx::new(&self.store, now, &mut *self.rng);
        self.engine.read_book(&mut cx)?;
        Ok(question(&mut self.engine, &mut cx)?)
    }

    fn scan_answer(&mut self, now: Timestamp, command: Command) -> Result<ScanResult, CoreError> {
        match self.dispatch(now, Event::Command(command))? {
            Answer::Scan(result) => Ok(*result),
            _ => Err(internal("a scan without a result")),
        }
    }

    fn recorded(&mut self, now: Timestamp, command: Command) -> Result<Recorded, CoreError> {
        match self.dispatch(now, Event::Command(command))? {
            Answer::Recorded(recorded) => Ok(recorded),
            _ => Err(internal("a command without a record")),
        }
    }

    /// Does the work that can wait, as [`Event::Wake`] does piece by piece, until none is left.
    ///
    /// # Errors
    /// If the store fails.
    pub fn work_off(&mut self, now: Timestamp) -> Result<(), CoreError> {
        while self.engine.has_work(now) {
            self.dispatch(now, Event::Wake)?;
        }
        Ok(())
    }

    /// Makes all projections anew from the documents, to the end.
    ///
    /// # Errors
    /// If the store fails; then the rest is made at the next wakes.
    pub fn rebuild_projections(&mut self, now: Timestamp) -> Result<(), CoreError> {
        let mut cx = Cx::new(&self.store, now, &mut *self.rng);
        let output = self.engine.rebuild(&mut cx).map(|()| cx.into_output(Answer::Nothing));
        self.carry_out(now, output)?;
        self.work_off(now)
    }
}

/// Errors of all commands: the action could not be done or not be made durable; nothing of it was kept.
impl<S: Store> Driver<S> {
    /// Scans a code at a checkpoint. Whoever is admitted has been checked in, durably, when this returns.
    ///
    /// # Errors
    /// See above; what is wrong with a ticket is no error but the verdict.
    pub fn scan(
        &mut self,
        now: Timestamp,
        checkpoint: CheckpointId,
        code: &str,
        answers: Answers,
    ) -> Result<ScanResult, CoreError> {
        self.scan_answer(now, Command::Scan { checkpoint, code: code.to_owned(), answers })
    }

    /// Checks in an attendee found by name or of the same order.
    ///
    /// # Errors
    /// See above.
    pub fn check_in(&mut self, now: Timestamp, wish: CheckIn) -> Result<ScanResult, CoreError> {
        self.scan_answer(now, Command::CheckIn(wish))
    }

    /// Checks in an attendee found by name, following the verdict.
    ///
    /// # Errors
    /// See above.
    pub fn check_in_by_name(
        &mut self,
        now: Timestamp,
        checkpoint: CheckpointId,
        attendee: AttendeeId,
    ) -> Result<ScanResult, CoreError> {
        let (via, answers, despite) = (EntryVia::Search, Answers::new(), String::new());
        self.check_in(now, CheckIn { checkpoint, attendee, via, answers, despite })
    }

    /// Records that an attendee left.
    ///
    /// # Errors
    /// See above.
    pub fn exit(
        &mut self,
        now: Timestamp,
        checkpoint: CheckpointId,
        attendee: AttendeeId,
    ) -> Result<Recorded, CoreError> {
        self.recorded(now, Command::Exit { checkpoint, attendee })
    }

    /// Takes a fact back, by another fact.
    ///
    /// # Errors
    /// See above.
    pub fn undo(&mut self, now: Timestamp, fact: FactId, reason: &str) -> Result<Recorded, CoreError> {
        self.recorded(now, Command::Undo { fact, reason: reason.to_owned() })
    }

    /// Registers somebody at the door and admits them.
    ///
    /// # Errors
    /// See above.
    pub fn walk_in(&mut self, now: Timestamp, wish: NewWalkIn) -> Result<Recorded, CoreError> {
        self.recorded(now, Command::WalkIn(wish))
    }

    /// Settles a double admission.
    ///
    /// # Errors
    /// See above.
    pub fn settle(&mut self, now: Timestamp, wish: Settle) -> Result<Recorded, CoreError> {
        self.recorded(now, Command::Settle(wish))
    }

    /// Records what somebody found who looked at an item of a session's checklist.
    ///
    /// # Errors
    /// See above.
    pub fn observe(
        &mut self,
        now: Timestamp,
        (session, item): (SessionId, ItemId),
        state: ItemState,
        note: &str,
    ) -> Result<Recorded, CoreError> {
        self.recorded(now, Command::Observe { session, item, state, note: note.to_owned() })
    }

    /// Reports that something went wrong.
    ///
    /// # Errors
    /// See above.
    pub fn report_incident(&mut self, now: Timestamp, wish: NewIncident) -> Result<Recorded, CoreError> {
        self.recorded(now, Command::ReportIncident(wish))
    }

    /// Records that a presenter is here.
    ///
    /// # Errors
    /// See above.
    pub fn arrive(&mut self, now: Timestamp, presenter: PresenterId) -> Result<Recorded, CoreError> {
        self.recorded(now, Command::Arrive { presenter })
    }

    /// Says again what of this device's own work a server refused, which a coordinator or a restore may have made right.
    ///
    /// # Errors
    /// See above.
    pub fn offer_again(&mut self, now: Timestamp) -> Result<(), CoreError> {
        self.dispatch(now, Event::Command(Command::OfferAgain)).map(drop)
    }

    /// Names who works with this device.
    ///
    /// # Errors
    /// See above.
    pub fn set_label(&mut self, now: Timestamp, label: &str) -> Result<(), CoreError> {
        self.dispatch(now, Event::Command(Command::SetLabel { label: label.to_owned() })).map(drop)
    }
}

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

/// What a person did must survive the loss of power before they are told that it is done. What came over a link others have
/// too, and what is done in idle time can be done again.
const fn flush_after(event: &Event) -> Flush {
    match event {
        Event::Opened | Event::Enrolled(_) | Event::Command(_) | Event::SyncStart | Event::SyncStop => Flush::Now,
        Event::LinkUp { .. }
        | Event::PeerUp { .. }
        | Event::LinkDown { .. }
        | Event::LinkFrame { .. }
        | Event::LinkText { .. }
        | Event::Wake => Flush::WithNext,
        // A token that was exchanged is gone, and a nonce has to be found again: see `engine::tokens`.
        Event::Refreshed { .. } | Event::HandedOver { .. } => Flush::Now,
    }
}

fn internal(detail: &str) -> CoreError {
    let code = CoreCode::Internal;
    CoreError { code, retry: code.retry(), detail: detail.to_owned() }
}
