//! How many are in, and how many rooms are ready.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use muster_model::attendance::{self, Attendance, Count};
use muster_model::attendee::Attendee;
use muster_model::checkpoint::Checkpoint;
use muster_model::document::{DocKind, DocRef};
use muster_model::double_admission::{self, State as AdmissionState};
use muster_model::event::Event;
use muster_model::fact::{Fact, FactBody};
use muster_model::fact_order::standing;
use muster_model::id::{AttendeeId, CheckpointId, EventId, SessionId};
use muster_model::program::Session;
use muster_model::readiness::{self, ReadinessTemplate};
use muster_model::ticket::bearer;
use muster_model::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::Path;
use crate::app::{App, AppState};
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::{clock, records};

/// Counts of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CountView {
    /// Attendees admitted at least once.
    admitted: u64,
    /// Attendees whose last move was in.
    inside: u64,
    /// Admissions in all.
    admissions: u64,
    /// People inside beyond the attendees: second persons on one ticket who may stay.
    extra_inside: u64,
}

/// The counts of a checkpoint.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckpointCounts {
    /// The checkpoint.
    #[schema(value_type = String)]
    checkpoint_id: CheckpointId,
    /// Its name; empty if it was removed.
    name: String,
    /// Everybody.
    total: CountView,
    /// By the attendees' category; the empty one are those whose record is not there.
    by_category: BTreeMap<String, CountView>,
}

/// Tickets that were admitted more often than allowed.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DoubleAdmissions {
    /// Those that wait for somebody to settle them.
    open: u64,
    /// Those that somebody has settled.
    settled: u64,
}

/// Sessions by how far their rooms are; cancelled sessions do not count.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReadinessCounts {
    /// Nothing has been looked at, and nothing is due.
    not_started: u64,
    /// Some of it has been looked at.
    under_way: u64,
    /// All is as it should be.
    ready: u64,
    /// Something is not as it should be.
    problem: u64,
    /// Something that was due has not been looked at.
    overdue: u64,
}

/// How many are in, and how many rooms are ready.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CountsView {
    /// When this was counted, in milliseconds since 1970.
    at_ms: i64,
    /// Attendees on the list.
    attendees: u64,
    /// By checkpoint, in the checkpoints' order.
    checkpoints: Vec<CheckpointCounts>,
    /// Tickets admitted more often than allowed.
    double_admissions: DoubleAdmissions,
    /// Sessions by how far their rooms are.
    readiness: ReadinessCounts,
    /// Facts that could not be read, of a later version for example, and count for nothing here.
    unreadable_facts: u64,
}

impl From<&Count> for CountView {
    fn from(count: &Count) -> Self {
        let Count { admitted, inside, admissions, extra_inside } = *count;
        Self { admitted, inside, admissions, extra_inside }
    }
}

/// Count who is in and which rooms are ready, as far as the phones have told.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/counts", tag = "events", operation_id = "counts",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = CountsView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<EventId>,
) -> Result<Json<CountsView>, ApiError> {
    app.event(&caller, Action::ReadCounts, id).await?;
    let data = gather(&app, id).await?;
    let counted = tokio::task::spawn_blocking(move || data.count(clock::now())).await;
    Ok(Json(counted.map_err(|_| ErrorCode::Internal)?))
}

/// All that is counted.
#[derive(Default)]
struct Data {
    event: Event,
    checkpoints: BTreeMap<CheckpointId, Checkpoint>,
    attendees: BTreeMap<AttendeeId, Attendee>,
    check_ins: Vec<Fact>,
    sessions: BTreeMap<SessionId, Session>,
    templates: Vec<ReadinessTemplate>,
    observations: Vec<Fact>,
    unreadable: usize,
}

async fn gather(app: &App, id: EventId) -> Result<Data, ApiError> {
    let documents = &app.documents;
    let records::EventData { event, checkpoints, .. } = records::event_data(documents, id).await?;
    let (check_ins, unreadable) = records::facts(documents, id, &event, DocKind::Checkins).await?;
    let (observations, more) = records::facts(documents, id, &event, DocKind::Rooms).await?;
    let templates = records::all::<ReadinessTemplate>;
    let templates = documents.read(id, DocRef::whole(DocKind::Rooms), templates).await?.into_values().collect();
    let attendees = records::attendees(documents, id, &event).await?;
    let check_ins = bearer::settled(id, check_ins, &records::holders(&attendees));
    let programme = records::programme(documents, id, event).await?;
    Ok(Data {
        event: programme.event,
        checkpoints,
        attendees,
        check_ins,
        sessions: programme.sessions,
        templates,
        observations,
        unreadable: unreadable.saturating_add(more),
    })
}

impl Data {
    fn count(&self, now: Timestamp) -> CountsView {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        CountsView {
            at_ms: now.ms(),
            attendees: number(self.attendees.len()),
            checkpoints: self.checkpoint_counts(),
            double_admissions: self.double_admissions(),
            readiness: self.readiness(now),
            unreadable_facts: number(self.unreadable),
        }
    }

    fn checkpoint_counts(&self) -> Vec<CheckpointCounts> {
        let category = |id: AttendeeId| self.attendees.get(&id).map(|attendee| attendee.category.clone());
        let mut counts = attendance::count(&self.check_ins, category);
        for id in self.checkpoints.keys() {
            counts.entry(*id).or_default();
        }
        let mut views: Vec<(u32, CheckpointCounts)> = counts.iter().map(|(id, one)| self.view(*id, one)).collect();
        views.sort_by_key(|(position, view)| (*position, view.checkpoint_id));
        views.into_iter().map(|(_, view)| view).collect()
    }

    fn view(&self, id: CheckpointId, attendance: &Attendance) -> (u32, CheckpointCounts) {
        let checkpoint = self.checkpoints.get(&id);
        let counts = CheckpointCounts {
            checkpoint_id: id,
            name: checkpoint.map(|checkpoint| checkpoint.name.clone()).unwrap_or_default(),
            total: CountView::from(&attendance.total),
            by_category: attendance.by_category.iter().map(|(name, count)| (name.clone(), count.into())).collect(),
        };
        (checkpoint.map_or(u32::MAX, |checkpoint| checkpoint.position), counts)
    }

    fn double_admissions(&self) -> DoubleAdmissions {
        let mut places: BTreeMap<(AttendeeId, CheckpointId), Vec<Fact>> = BTreeMap::new();
        for fact in standing(&self.check_ins) {
            if let Some(place) = fact.body.attendance() {
                places.entry(place).or_default().push(fact.clone());
            }
        }
        let mut found = DoubleAdmissions::default();
        for (place, facts) in places.iter().filter(|(_, facts)| facts.len() > 1) {
            let Some(checkpoint) = self.checkpoints.get(&place.1) else { continue };
            for double in double_admission::find(&self.event, *place, checkpoint, facts) {
                match double.state {
                    AdmissionState::Open => found.open += 1,
                    AdmissionState::Settled { .. } => found.settled += 1,
                }
            }
        }
        found
    }

    fn readiness(&self, now: Timestamp) -> ReadinessCounts {
        let mut by_session: BTreeMap<SessionId, Vec<Fact>> = BTreeMap::new();
        for fact in standing(&self.observations) {
            if let FactBody::Observation(observation) = &fact.body {
                by_session.entry(observation.session).or_default().push(fact.clone());
            }
        }
        let mut counts = ReadinessCounts::default();
        for (id, session) in self.sessions.iter().filter(|(_, session)| !session.cancelled) {
            let items = readiness::items_for(session, &self.templates);
            let facts = by_session.get(id).map_or(&[][..], Vec::as_slice);
            match readiness::of_session((*id, session), &items, facts, now).state {
                readiness::State::NotStarted => counts.not_started += 1,
                readiness::State::UnderWay => counts.under_way += 1,
                readiness::State::Ready => counts.ready += 1,
                readiness::State::Problem => counts.problem += 1,
                readiness::State::Overdue => counts.overdue += 1,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;
