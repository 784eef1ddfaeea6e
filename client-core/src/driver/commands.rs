//! What a person at the device wants done.

use muster_model::fact::{EntryVia, ItemState};
use muster_model::id::{AttendeeId, CheckpointId, FactId, ItemId, PresenterId, SessionId};
use muster_model::time::Timestamp;

use super::{Driver, internal};
use crate::command::{
    Answer, Answers, CheckIn, Choice, Command, Edit, NewIncident, NewWalkIn, Recorded, ScanResult, Settle,
};
use crate::error::CoreError;
use crate::event::Event;
use crate::store::Store;

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

    /// Edits fields of a record; says whether anything differed. What did is durable, and waits in the outbox.
    ///
    /// # Errors
    /// `text_missing`, `text_too_long`, `times_reversed`, `out_of_range`, and the code of what is not known here.
    pub fn edit(&mut self, now: Timestamp, edit: Edit) -> Result<bool, CoreError> {
        self.edited(now, Command::Edit(edit))
    }

    /// Chooses one of the values that a field was given at once.
    ///
    /// # Errors
    /// `conflict_unknown` if there is nothing to choose any more.
    pub fn choose(&mut self, now: Timestamp, choice: Choice) -> Result<bool, CoreError> {
        self.edited(now, Command::Choose(choice))
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

impl<S: Store> Driver<S> {
    fn scan_answer(&mut self, now: Timestamp, command: Command) -> Result<ScanResult, CoreError> {
        match self.dispatch(now, Event::Command(command))? {
            Answer::Scan(result) => Ok(*result),
            _ => Err(internal("a scan without a result")),
        }
    }

    fn edited(&mut self, now: Timestamp, command: Command) -> Result<bool, CoreError> {
        match self.dispatch(now, Event::Command(command))? {
            Answer::Edited(differed) => Ok(differed),
            _ => Err(internal("an edit without an answer")),
        }
    }

    fn recorded(&mut self, now: Timestamp, command: Command) -> Result<Recorded, CoreError> {
        match self.dispatch(now, Event::Command(command))? {
            Answer::Recorded(recorded) => Ok(recorded),
            _ => Err(internal("a command without a record")),
        }
    }
}
