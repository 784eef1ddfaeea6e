//! What a page shows: each is read from this phone's database, whatever the network does.

use tsify::Ts;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Client;
use crate::attendee::{AttendeeCard, SearchHit};
use crate::checkpoint::{Checkpoint, Counts, DoubleAdmission};
use crate::edit::{Conflict, UnsentEdit};
use crate::error::Failed;
use crate::event::{Event, Me};
use crate::fact::Fact;
use crate::logistics::Logistics;
use crate::program::{Room, Session, SessionFilter};
use crate::readiness::BoardRow;
use crate::report::{Arrival, Incident};
use crate::status::Status;
use crate::value::{given, given_list, id, record};

/// How many attendees a search gives unless more are asked for.
const SEARCH_LIMIT: u32 = 20;

/// Errors of all: `not_enrolled`, `storage_*` and `document_*`, besides what each names.
#[wasm_bindgen]
impl Client {
    /// Who this device is; none before it is enrolled.
    ///
    /// # Errors
    /// See above; so for all questions.
    pub fn me(&mut self) -> Result<Option<Ts<Me>>, Failed> {
        self.read(|core, now| core.me(now))?.map(given).transpose()
    }

    /// How this phone stands with servers and other phones.
    ///
    /// # Errors
    /// See above.
    pub fn status(&mut self) -> Result<Ts<Status>, Failed> {
        given(self.read(|core, now| core.status(now))?)
    }

    /// The event.
    ///
    /// # Errors
    /// See above.
    pub fn event(&mut self) -> Result<Ts<Event>, Failed> {
        given(self.read(|core, now| core.event(now))?)
    }

    /// The checkpoints, in their order.
    ///
    /// # Errors
    /// See above.
    pub fn checkpoints(&mut self) -> Result<Vec<Ts<Checkpoint>>, Failed> {
        given_list(self.read(|core, now| core.checkpoints(now))?)
    }

    /// Attendees by any part of name or organisation, from two letters, or by their ticket's code; best first.
    ///
    /// # Errors
    /// See above.
    pub fn search(&mut self, typed: &str, limit: Option<u32>) -> Result<Vec<Ts<SearchHit>>, Failed> {
        let limit = usize::try_from(limit.unwrap_or(SEARCH_LIMIT)).unwrap_or(usize::MAX);
        given_list(self.read(|core, now| core.search(now, typed, limit))?)
    }

    /// An attendee with the facts about them.
    ///
    /// # Errors
    /// `attendee_unknown`.
    pub fn attendee(&mut self, attendee: &str) -> Result<Ts<AttendeeCard>, Failed> {
        let attendee = id(attendee)?;
        given(self.read(|core, now| core.attendee(now, attendee))?)
    }

    /// The counts of a checkpoint, with what this phone knows.
    ///
    /// # Errors
    /// See above.
    pub fn counts(&mut self, checkpoint: &str) -> Result<Ts<Counts>, Failed> {
        let checkpoint = id(checkpoint)?;
        given(self.read(|core, now| core.counts(now, checkpoint))?)
    }

    /// All double admissions: open ones first.
    ///
    /// # Errors
    /// See above.
    #[wasm_bindgen(js_name = doubleAdmissions)]
    pub fn double_admissions(&mut self) -> Result<Vec<Ts<DoubleAdmission>>, Failed> {
        given_list(self.read(|core, now| core.double_admissions(now))?)
    }

    /// Fields that several people gave different values at once, for those who may choose one.
    ///
    /// # Errors
    /// See above.
    pub fn conflicts(&mut self) -> Result<Vec<Ts<Conflict>>, Failed> {
        given_list(self.read(|core, now| core.conflicts(now))?)
    }

    /// The rooms, in their order.
    ///
    /// # Errors
    /// See above.
    pub fn rooms(&mut self) -> Result<Vec<Ts<Room>>, Failed> {
        given_list(self.read(|core, now| core.rooms(now))?)
    }

    /// Sessions, by start and room.
    ///
    /// # Errors
    /// See above.
    pub fn sessions(&mut self, filter: Option<Ts<SessionFilter>>) -> Result<Vec<Ts<Session>>, Failed> {
        let filter = filter.as_ref().map(record).transpose()?.unwrap_or_default().into();
        given_list(self.read(|core, now| core.sessions(now, &filter))?)
    }

    /// The readiness board: overdue first, then problems, then by deadline.
    ///
    /// # Errors
    /// See above.
    #[wasm_bindgen(js_name = readinessBoard)]
    pub fn readiness_board(&mut self, filter: Option<Ts<SessionFilter>>) -> Result<Vec<Ts<BoardRow>>, Failed> {
        let filter = filter.as_ref().map(record).transpose()?.unwrap_or_default().into();
        given_list(self.read(|core, now| core.readiness_board(now, &filter))?)
    }

    /// The checklist of a session.
    ///
    /// # Errors
    /// `session_unknown`.
    pub fn checklist(&mut self, session: &str) -> Result<Ts<BoardRow>, Failed> {
        let session = id(session)?;
        given(self.read(|core, now| core.checklist(now, session))?)
    }

    /// Incidents that were not taken back, the latest first.
    ///
    /// # Errors
    /// See above.
    pub fn incidents(&mut self) -> Result<Vec<Ts<Incident>>, Failed> {
        given_list(self.read(|core, now| core.incidents(now))?)
    }

    /// Presenters and whether they are here.
    ///
    /// # Errors
    /// See above.
    pub fn arrivals(&mut self) -> Result<Vec<Ts<Arrival>>, Failed> {
        given_list(self.read(|core, now| core.arrivals(now))?)
    }

    /// The presenter's own logistics.
    ///
    /// # Errors
    /// `not_allowed` on a device that is no presenter's.
    #[wasm_bindgen(js_name = myLogistics)]
    pub fn my_logistics(&mut self) -> Result<Ts<Logistics>, Failed> {
        given(self.read(|core, now| core.my_logistics(now))?)
    }

    /// A presenter's logistics, for those who may read them.
    ///
    /// # Errors
    /// `not_allowed`.
    pub fn logistics(&mut self, presenter: &str) -> Result<Ts<Logistics>, Failed> {
        let presenter = id(presenter)?;
        given(self.read(|core, now| core.logistics(now, presenter))?)
    }

    /// The facts that this device recorded, in the order in which it did.
    ///
    /// # Errors
    /// See above.
    #[wasm_bindgen(js_name = ownFacts)]
    pub fn own_facts(&mut self) -> Result<Vec<Ts<Fact>>, Failed> {
        given_list(self.read(|core, now| core.own_facts(now))?)
    }

    /// Those of them that no server is known to have.
    ///
    /// # Errors
    /// See above.
    #[wasm_bindgen(js_name = unsentFacts)]
    pub fn unsent_facts(&mut self) -> Result<Vec<Ts<Fact>>, Failed> {
        given_list(self.read(|core, now| core.unsent_facts(now))?)
    }

    /// The edits of this device that no server is known to have, in the order in which they were made.
    ///
    /// # Errors
    /// See above.
    #[wasm_bindgen(js_name = unsentEdits)]
    pub fn unsent_edits(&mut self) -> Result<Vec<Ts<UnsentEdit>>, Failed> {
        given_list(self.read(|core, now| core.unsent_edits(now))?)
    }
}
