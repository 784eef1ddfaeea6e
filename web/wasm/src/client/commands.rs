//! What a page records: each is on disk when it returns, and on an error nothing of it was kept.

use muster_client_core::command::{Answer, Command, Edit};
use muster_client_core::event::Event;
use tsify::Ts;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Client, unexpected};
use crate::command::{Answers, CheckIn, NewIncident, NewWalkIn, Settle};
use crate::edit::{AttendeeEdits, CheckpointEdits, Choice, NeedsEdits, RoomEdits, SessionEdits};
use crate::error::Failed;
use crate::fact::ItemState;
use crate::value::{given, id, record};
use crate::verdict::{Recorded, ScanResult};

/// Errors of all: `not_enrolled`, `not_allowed` and `storage_*`, besides what each names.
#[wasm_bindgen]
impl Client {
    /// A code was scanned at a checkpoint. Whoever is admitted has been checked in, durably, when this returns. `answers`
    /// are those to the questions of an earlier verdict.
    ///
    /// # Errors
    /// `checkpoint_unknown`. What is wrong with a ticket is no error but the verdict.
    pub fn scan(
        &mut self,
        checkpoint: &str,
        code: &str,
        answers: Option<Ts<Answers>>,
    ) -> Result<Ts<ScanResult>, Failed> {
        let answers = answers.as_ref().map(record).transpose()?.unwrap_or_default();
        self.scanned(Command::Scan { checkpoint: id(checkpoint)?, code: code.to_owned(), answers: answers.into() })
    }

    /// Checks in an attendee found by name, or of the same order.
    ///
    /// # Errors
    /// `checkpoint_unknown`, `attendee_unknown`, `text_too_long`.
    #[wasm_bindgen(js_name = checkIn)]
    pub fn check_in(&mut self, wish: Ts<CheckIn>) -> Result<Ts<ScanResult>, Failed> {
        self.scanned(Command::CheckIn(record(&wish)?.into()))
    }

    /// An attendee leaves.
    ///
    /// # Errors
    /// `checkpoint_unknown`, `attendee_unknown`.
    pub fn exit(&mut self, checkpoint: &str, attendee: &str) -> Result<Ts<Recorded>, Failed> {
        self.record(Command::Exit { checkpoint: id(checkpoint)?, attendee: id(attendee)? })
    }

    /// Takes a fact back, by another fact.
    ///
    /// # Errors
    /// `fact_unknown`, `text_too_long`.
    pub fn undo(&mut self, fact: &str, reason: &str) -> Result<Ts<Recorded>, Failed> {
        self.record(Command::Undo { fact: id(fact)?, reason: reason.to_owned() })
    }

    /// Registers and admits somebody who has no registration.
    ///
    /// # Errors
    /// `checkpoint_unknown`, `text_missing` if there is no name, `text_too_long`.
    #[wasm_bindgen(js_name = walkIn)]
    pub fn walk_in(&mut self, wish: Ts<NewWalkIn>) -> Result<Ts<Recorded>, Failed> {
        self.record(Command::WalkIn(record(&wish)?.into()))
    }

    /// Settles a double admission.
    ///
    /// # Errors
    /// `nothing_to_settle`, `text_too_long`.
    pub fn settle(&mut self, wish: Ts<Settle>) -> Result<Ts<Recorded>, Failed> {
        self.record(Command::Settle(record(&wish)?.into()))
    }

    /// An item of a session's checklist was looked at.
    ///
    /// # Errors
    /// `session_unknown`, `item_unknown`, `text_missing` if a problem has no note, `text_too_long`.
    pub fn observe(
        &mut self,
        session: &str,
        item: &str,
        state: Ts<ItemState>,
        note: Option<String>,
    ) -> Result<Ts<Recorded>, Failed> {
        let (session, item, state) = (id(session)?, id(item)?, record(&state)?.into());
        self.record(Command::Observe { session, item, state, note: note.unwrap_or_default() })
    }

    /// Something went wrong.
    ///
    /// # Errors
    /// `text_missing`, `text_too_long`.
    #[wasm_bindgen(js_name = reportIncident)]
    pub fn report_incident(&mut self, wish: Ts<NewIncident>) -> Result<Ts<Recorded>, Failed> {
        self.record(Command::ReportIncident(record(&wish)?.into()))
    }

    /// A presenter is here: they say so themselves (a presenter's device), or staff saw them.
    ///
    /// # Errors
    /// `not_allowed`.
    pub fn arrive(&mut self, presenter: &str) -> Result<Ts<Recorded>, Failed> {
        self.record(Command::Arrive { presenter: id(presenter)? })
    }

    /// Edits fields of an attendee; one who registered at the door gets a record with it. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `attendee_unknown`, `text_missing`, `text_too_long`.
    #[wasm_bindgen(js_name = editAttendee)]
    pub fn edit_attendee(&mut self, attendee: &str, edits: Ts<AttendeeEdits>) -> Result<bool, Failed> {
        self.edit(Command::Edit(Edit::Attendee(id(attendee)?, record(&edits)?.into())))
    }

    /// Edits fields of a session. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `session_unknown`, `room_unknown`, `text_missing`, `text_too_long`, `times_reversed`, `out_of_range`.
    #[wasm_bindgen(js_name = editSession)]
    pub fn edit_session(&mut self, session: &str, edits: Ts<SessionEdits>) -> Result<bool, Failed> {
        self.edit(Command::Edit(Edit::Session(id(session)?, record(&edits)?.into())))
    }

    /// Edits fields of a room. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `room_unknown`, `text_missing`, `text_too_long`, `out_of_range`.
    #[wasm_bindgen(js_name = editRoom)]
    pub fn edit_room(&mut self, room: &str, edits: Ts<RoomEdits>) -> Result<bool, Failed> {
        self.edit(Command::Edit(Edit::Room(id(room)?, record(&edits)?.into())))
    }

    /// Edits fields of a checkpoint. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `checkpoint_unknown`, `text_missing`, `text_too_long`, `times_reversed`, `out_of_range`.
    #[wasm_bindgen(js_name = editCheckpoint)]
    pub fn edit_checkpoint(&mut self, checkpoint: &str, edits: Ts<CheckpointEdits>) -> Result<bool, Failed> {
        self.edit(Command::Edit(Edit::Checkpoint(id(checkpoint)?, record(&edits)?.into())))
    }

    /// Edits what a presenter needs: their own, on a presenter's device. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `text_too_long`.
    #[wasm_bindgen(js_name = editNeeds)]
    pub fn edit_needs(&mut self, presenter: &str, edits: Ts<NeedsEdits>) -> Result<bool, Failed> {
        self.edit(Command::Edit(Edit::Needs(id(presenter)?, record(&edits)?.into())))
    }

    /// Chooses one of the values that a field was given at once; it says that, and nothing else any more.
    ///
    /// # Errors
    /// `conflict_unknown` if there is nothing to choose between any more.
    pub fn choose(&mut self, choice: Ts<Choice>) -> Result<bool, Failed> {
        self.edit(Command::Choose(record(&choice)?.into()))
    }

    /// Says again what of this device's own work a server refused (`status().parked`): a coordinator may have given its
    /// rights back, or the server may be a restored one that knows nothing of it.
    ///
    /// # Errors
    /// If the core fails.
    #[wasm_bindgen(js_name = offerAgain)]
    pub fn offer_again(&mut self) -> Result<(), Failed> {
        Ok(self.dispatch(Event::Command(Command::OfferAgain)).map(drop)?)
    }

    /// Says who works with this device; facts carry it.
    ///
    /// # Errors
    /// `text_too_long`.
    #[wasm_bindgen(js_name = setLabel)]
    pub fn set_label(&mut self, label: &str) -> Result<(), Failed> {
        Ok(self.dispatch(Event::Command(Command::SetLabel { label: label.to_owned() })).map(drop)?)
    }
}

impl Client {
    fn edit(&mut self, command: Command) -> Result<bool, Failed> {
        match self.dispatch(Event::Command(command))? {
            Answer::Edited(differed) => Ok(differed),
            Answer::Nothing | Answer::Scan(_) | Answer::Recorded(_) => Err(unexpected()),
        }
    }

    fn scanned(&mut self, command: Command) -> Result<Ts<ScanResult>, Failed> {
        match self.dispatch(Event::Command(command))? {
            Answer::Scan(result) => given(*result),
            Answer::Nothing | Answer::Recorded(_) | Answer::Edited(_) => Err(unexpected()),
        }
    }

    fn record(&mut self, command: Command) -> Result<Ts<Recorded>, Failed> {
        match self.dispatch(Event::Command(command))? {
            Answer::Recorded(recorded) => given(recorded),
            Answer::Nothing | Answer::Scan(_) | Answer::Edited(_) => Err(unexpected()),
        }
    }
}
