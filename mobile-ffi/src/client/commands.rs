//! What an app records: each returns when it is on disk, and on an error nothing of it was kept.

use muster_client_core::command::{Answers as CoreAnswers, Edit};
use muster_client_native::{self as native, ClientError};
use muster_model::id::{AttendeeId, CheckpointId, FactId, ItemId, PresenterId, RoomId, SessionId};

use super::Client;
use crate::command::{Answers, CheckIn, NewIncident, NewWalkIn, Settle};
use crate::edit::{AttendeeEdit, CheckpointEdit, Choice, NeedsEdit, RoomEdit, SessionEdit};
use crate::error::MusterError;
use crate::fact::ItemState;
use crate::mirror::list;
use crate::value::Text;
use crate::verdict::{Recorded, ScanResult};

/// Errors of all: `not_enrolled`, `not_allowed` and `storage_*`, besides what each names.
#[uniffi::export]
impl Client {
    /// A code was scanned at a checkpoint. Whoever is admitted has been checked in, durably, when this returns. `answers`
    /// are those to the questions of an earlier verdict.
    ///
    /// # Errors
    /// `checkpoint_unknown`. What is wrong with a ticket is no error but the verdict.
    #[uniffi::method(default(answers))]
    pub async fn scan(
        &self,
        checkpoint: CheckpointId,
        code: Text,
        answers: Answers,
    ) -> Result<ScanResult, MusterError> {
        let answers: CoreAnswers = answers.into_iter().collect();
        let scan =
            |native: native::Client| async move { native.scan_with_answers(checkpoint, code.as_str(), answers).await };
        Ok(self.ask(scan).await?.into())
    }

    /// The same, for a scanner that gives bytes.
    ///
    /// # Errors
    /// `bad_parameter` if they are not a text in UTF-8, as every ticket is; `checkpoint_unknown`.
    #[uniffi::method(default(answers))]
    pub async fn scan_bytes(
        &self,
        checkpoint: CheckpointId,
        code: Vec<u8>,
        answers: Answers,
    ) -> Result<ScanResult, MusterError> {
        self.scan(checkpoint, Text::from_bytes(code)?, answers).await
    }

    /// Checks in an attendee found by name, or of the same order.
    ///
    /// # Errors
    /// `checkpoint_unknown`, `attendee_unknown`, `text_too_long`.
    pub async fn check_in(&self, wish: CheckIn) -> Result<ScanResult, MusterError> {
        Ok(self.ask(|native| async move { native.check_in(wish.into()).await }).await?.into())
    }

    /// An attendee leaves.
    ///
    /// # Errors
    /// `checkpoint_unknown`, `attendee_unknown`.
    pub async fn exit(&self, checkpoint: CheckpointId, attendee: AttendeeId) -> Result<Recorded, MusterError> {
        self.record(|native| async move { native.exit(checkpoint, attendee).await }).await
    }

    /// Takes a fact back, by another fact.
    ///
    /// # Errors
    /// `fact_unknown`, `text_too_long`.
    pub async fn undo(&self, fact: FactId, reason: Text) -> Result<Recorded, MusterError> {
        self.record(|native| async move { native.undo(fact, reason.as_str()).await }).await
    }

    /// Registers and admits somebody who has no registration.
    ///
    /// # Errors
    /// `checkpoint_unknown`, `text_missing` if there is no name, `text_too_long`.
    pub async fn walk_in(&self, wish: NewWalkIn) -> Result<Recorded, MusterError> {
        self.record(|native| async move { native.walk_in(wish.into()).await }).await
    }

    /// Settles a double admission.
    ///
    /// # Errors
    /// `nothing_to_settle`, `text_too_long`.
    pub async fn settle(&self, wish: Settle) -> Result<Recorded, MusterError> {
        self.record(|native| async move { native.settle(wish.into()).await }).await
    }

    /// An item of a session's checklist was looked at.
    ///
    /// # Errors
    /// `session_unknown`, `item_unknown`, `text_missing` if a problem has no note, `text_too_long`.
    #[uniffi::method(default(note = ""))]
    pub async fn observe(
        &self,
        session: SessionId,
        item: ItemId,
        state: ItemState,
        note: String,
    ) -> Result<Recorded, MusterError> {
        let note = Text::from_bytes(note.into_bytes())?;
        self.record(|native| async move { native.observe((session, item), state.into(), note.as_str()).await }).await
    }

    /// Something went wrong.
    ///
    /// # Errors
    /// `text_missing`, `text_too_long`.
    pub async fn report_incident(&self, wish: NewIncident) -> Result<Recorded, MusterError> {
        self.record(|native| async move { native.report_incident(wish.into()).await }).await
    }

    /// A presenter is here: they say so themselves (a presenter's device), or staff saw them.
    ///
    /// # Errors
    /// `not_allowed`.
    pub async fn arrive(&self, presenter: PresenterId) -> Result<Recorded, MusterError> {
        self.record(|native| async move { native.arrive(presenter).await }).await
    }

    /// Edits fields of an attendee; one who registered at the door gets a record with it. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `attendee_unknown`, `text_missing`, `text_too_long`.
    pub async fn edit_attendee(&self, attendee: AttendeeId, edits: Vec<AttendeeEdit>) -> Result<bool, MusterError> {
        self.edit(Edit::Attendee(attendee, list(edits))).await
    }

    /// Edits fields of a session. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `session_unknown`, `room_unknown`, `text_missing`, `text_too_long`, `times_reversed`, `out_of_range`.
    pub async fn edit_session(&self, session: SessionId, edits: Vec<SessionEdit>) -> Result<bool, MusterError> {
        self.edit(Edit::Session(session, list(edits))).await
    }

    /// Edits fields of a room. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `room_unknown`, `text_missing`, `text_too_long`, `out_of_range`.
    pub async fn edit_room(&self, room: RoomId, edits: Vec<RoomEdit>) -> Result<bool, MusterError> {
        self.edit(Edit::Room(room, list(edits))).await
    }

    /// Edits fields of a checkpoint. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `checkpoint_unknown`, `text_missing`, `text_too_long`, `times_reversed`, `out_of_range`.
    pub async fn edit_checkpoint(
        &self,
        checkpoint: CheckpointId,
        edits: Vec<CheckpointEdit>,
    ) -> Result<bool, MusterError> {
        self.edit(Edit::Checkpoint(checkpoint, list(edits))).await
    }

    /// Edits what a presenter needs: their own, on a presenter's device. What is not named stays as it is. Says whether anything differed.
    ///
    /// # Errors
    /// `text_too_long`.
    pub async fn edit_needs(&self, presenter: PresenterId, edits: Vec<NeedsEdit>) -> Result<bool, MusterError> {
        self.edit(Edit::Needs(presenter, list(edits))).await
    }

    /// Chooses one of the values that a field was given at once; it says that, and nothing else any more.
    ///
    /// # Errors
    /// `conflict_unknown` if there is nothing to choose between any more.
    pub async fn choose(&self, choice: Choice) -> Result<bool, MusterError> {
        self.ask(|native| async move { native.choose(choice.into()).await }).await
    }

    /// Says again what of this device's own work a server refused (`status().parked`): a coordinator may have given its
    /// rights back, or the server may be a restored one that knows nothing of it. What is refused once more is parked once
    /// more.
    ///
    /// # Errors
    /// If the core fails.
    pub async fn offer_again(&self) -> Result<(), MusterError> {
        self.ask(|native| async move { native.offer_again().await }).await
    }

    /// Says who works with this device; facts carry it.
    ///
    /// # Errors
    /// `text_too_long`.
    pub async fn set_label(&self, label: Text) -> Result<(), MusterError> {
        self.ask(|native| async move { native.set_label(label.as_str()).await }).await
    }
}

impl Client {
    async fn edit(&self, edit: Edit) -> Result<bool, MusterError> {
        self.ask(|native| async move { native.edit(edit).await }).await
    }

    async fn record<F>(&self, command: impl FnOnce(native::Client) -> F) -> Result<Recorded, MusterError>
    where
        F: Future<Output = Result<muster_client_core::command::Recorded, ClientError>> + Send + 'static,
    {
        Ok(self.ask(command).await?.into())
    }
}
