//! What an app shows: each is read from this phone's database, whatever the network does.

use muster_client_core::Driver;
use muster_client_core::error::CoreError;
use muster_client_core::store::sqlite::SqliteStore;
use muster_model::id::{AttendeeId, CheckpointId, PresenterId, SessionId};
use muster_model::time::Timestamp;

use super::Client;
use crate::attendee::{AttendeeCard, SearchHit};
use crate::checkpoint::{Checkpoint, Counts, DoubleAdmission};
use crate::edit::{Conflict, UnsentEdit};
use crate::error::MusterError;
use crate::event::{Event, Me};
use crate::fact::Fact;
use crate::logistics::Logistics;
use crate::mirror::list;
use crate::program::{Room, Session, SessionFilter};
use crate::readiness::BoardRow;
use crate::report::{Arrival, Incident};
use crate::status::Status;
use crate::value::Text;

/// Errors of all: `not_enrolled`, `storage_*` and `document_*`, besides what each names.
#[uniffi::export]
impl Client {
    /// Who this device is; none before it is enrolled.
    ///
    /// # Errors
    /// See above; so for all questions.
    pub async fn me(&self) -> Result<Option<Me>, MusterError> {
        Ok(self.read(|core, now| core.me(now)).await?.map(Into::into))
    }

    /// How this phone stands with servers and other phones.
    ///
    /// # Errors
    /// See above.
    pub async fn status(&self) -> Result<Status, MusterError> {
        Ok(self.read(|core, now| core.status(now)).await?.into())
    }

    /// The event.
    ///
    /// # Errors
    /// See above.
    pub async fn event(&self) -> Result<Event, MusterError> {
        Ok(self.read(|core, now| core.event(now)).await?.into())
    }

    /// The checkpoints, in their order.
    ///
    /// # Errors
    /// See above.
    pub async fn checkpoints(&self) -> Result<Vec<Checkpoint>, MusterError> {
        Ok(list(self.read(|core, now| core.checkpoints(now)).await?))
    }

    /// Attendees by any part of name or organisation, from two letters, or by their ticket's code; best first.
    ///
    /// # Errors
    /// See above.
    #[uniffi::method(default(limit = 20))]
    pub async fn search(&self, typed: Text, limit: u32) -> Result<Vec<SearchHit>, MusterError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(list(self.read(move |core, now| core.search(now, typed.as_str(), limit)).await?))
    }

    /// An attendee with the facts about them.
    ///
    /// # Errors
    /// `attendee_unknown`.
    pub async fn attendee(&self, id: AttendeeId) -> Result<AttendeeCard, MusterError> {
        Ok(self.read(move |core, now| core.attendee(now, id)).await?.into())
    }

    /// The counts of a checkpoint, with what this phone knows.
    ///
    /// # Errors
    /// See above.
    pub async fn counts(&self, checkpoint: CheckpointId) -> Result<Counts, MusterError> {
        Ok(self.read(move |core, now| core.counts(now, checkpoint)).await?.into())
    }

    /// All double admissions: open ones first.
    ///
    /// # Errors
    /// See above.
    pub async fn double_admissions(&self) -> Result<Vec<DoubleAdmission>, MusterError> {
        Ok(list(self.read(|core, now| core.double_admissions(now)).await?))
    }

    /// Fields that several people gave different values at once, for those who may choose one.
    ///
    /// # Errors
    /// See above.
    pub async fn conflicts(&self) -> Result<Vec<Conflict>, MusterError> {
        Ok(list(self.read(|core, now| core.conflicts(now)).await?))
    }

    /// The rooms, in their order.
    ///
    /// # Errors
    /// See above.
    pub async fn rooms(&self) -> Result<Vec<Room>, MusterError> {
        Ok(list(self.read(|core, now| core.rooms(now)).await?))
    }

    /// Sessions, by start and room.
    ///
    /// # Errors
    /// See above.
    pub async fn sessions(&self, filter: SessionFilter) -> Result<Vec<Session>, MusterError> {
        Ok(list(self.read(move |core, now| core.sessions(now, &filter.into())).await?))
    }

    /// The readiness board: overdue first, then problems, then by deadline.
    ///
    /// # Errors
    /// See above.
    pub async fn readiness_board(&self, filter: SessionFilter) -> Result<Vec<BoardRow>, MusterError> {
        Ok(list(self.read(move |core, now| core.readiness_board(now, &filter.into())).await?))
    }

    /// The checklist of a session.
    ///
    /// # Errors
    /// `session_unknown`.
    pub async fn checklist(&self, session: SessionId) -> Result<BoardRow, MusterError> {
        Ok(self.read(move |core, now| core.checklist(now, session)).await?.into())
    }

    /// Incidents that were not taken back, the latest first.
    ///
    /// # Errors
    /// See above.
    pub async fn incidents(&self) -> Result<Vec<Incident>, MusterError> {
        Ok(list(self.read(|core, now| core.incidents(now)).await?))
    }

    /// Presenters and whether they are here.
    ///
    /// # Errors
    /// See above.
    pub async fn arrivals(&self) -> Result<Vec<Arrival>, MusterError> {
        Ok(list(self.read(|core, now| core.arrivals(now)).await?))
    }

    /// The presenter's own logistics.
    ///
    /// # Errors
    /// `not_allowed` on a device that is no presenter's.
    pub async fn my_logistics(&self) -> Result<Logistics, MusterError> {
        Ok(self.read(|core, now| core.my_logistics(now)).await?.into())
    }

    /// A presenter's logistics, for those who may read them.
    ///
    /// # Errors
    /// `not_allowed`.
    pub async fn logistics(&self, presenter: PresenterId) -> Result<Logistics, MusterError> {
        Ok(self.read(move |core, now| core.logistics(now, presenter)).await?.into())
    }

    /// The facts that this device recorded, in the order in which it did.
    ///
    /// # Errors
    /// See above.
    pub async fn own_facts(&self) -> Result<Vec<Fact>, MusterError> {
        Ok(list(self.read(|core, now| core.own_facts(now)).await?))
    }

    /// Those of them that no server is known to have.
    ///
    /// # Errors
    /// See above.
    pub async fn unsent_facts(&self) -> Result<Vec<Fact>, MusterError> {
        Ok(list(self.read(|core, now| core.unsent_facts(now)).await?))
    }

    /// The edits of this device that no server is known to have, in the order in which they were made.
    ///
    /// # Errors
    /// See above.
    pub async fn unsent_edits(&self) -> Result<Vec<UnsentEdit>, MusterError> {
        Ok(list(self.read(|core, now| core.unsent_edits(now)).await?))
    }
}

impl Client {
    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Driver<SqliteStore>, Timestamp) -> Result<T, CoreError> + Send + 'static,
    ) -> Result<T, MusterError> {
        self.ask(|native| async move { native.read(question).await }).await
    }
}
