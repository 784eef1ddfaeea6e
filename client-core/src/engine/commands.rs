//! What the person at the device wants, besides scans: each a fact.

use muster_model::access::Role;
use muster_model::document::{DocKind, DocRef};
use muster_model::fact::{FactBody, Incident, Observation, Resolution, WalkIn};
use muster_model::id::{AttendeeId, FactId, PresenterId, RecordId};
use muster_model::readiness::items_for;

use super::{Cx, Engine};
use crate::command::{Answer, Command, NewIncident, NewWalkIn, Recorded, Settle};
use crate::error::{EngineError, Missing};
use crate::event::Topic;
use crate::view::Durability;

impl Engine {
    pub(super) fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Answer, EngineError> {
        self.check_standing(cx)?;
        self.book(cx)?;
        if !matches!(command, Command::Scan { .. }) {
            // Whatever was done since may change the answer.
            self.last_scans.clear();
        }
        let recorded = match command {
            Command::Scan { checkpoint, code, answers } => {
                return Ok(Answer::Scan(Box::new(self.scan(cx, checkpoint, code, answers)?)));
            }
            Command::CheckIn(wish) => return Ok(Answer::Scan(Box::new(self.check_in(cx, wish)?))),
            Command::Edit(edit) => return Ok(Answer::Edited(self.edit(cx, edit)?)),
            Command::Choose(choice) => return Ok(Answer::Edited(self.choose(cx, &choice)?)),
            Command::OfferAgain => {
                self.offer_again(cx)?;
                return Ok(Answer::Nothing);
            }
            Command::SetLabel { label } => {
                self.set_label(cx, &label)?;
                return Ok(Answer::Nothing);
            }
            Command::Exit { checkpoint, attendee } => {
                self.check_checkpoint(cx, checkpoint)?;
                let row = cx.projections.attendee(attendee)?;
                if row.is_none() && cx.projections.facts_of(attendee)?.is_empty() {
                    return Err(EngineError::Missing(Missing::Attendee));
                }
                let doc = self.checkins_of(cx, attendee, row.as_ref().map(|row| &row.origin))?;
                self.append(cx, doc, FactBody::Exit { attendee, checkpoint })?
            }
            Command::Undo { fact, reason } => {
                let row = cx.projections.fact(fact)?.ok_or(EngineError::Missing(Missing::Fact))?;
                self.append(cx, row.doc, FactBody::Undo { fact, reason })?
            }
            Command::WalkIn(walk_in) => return self.walk_in(cx, walk_in),
            Command::Settle(settle) => self.settle_double(cx, settle)?,
            Command::Observe { session, item, state, note } => {
                self.observe(cx, Observation { session, item, state, note })?
            }
            Command::ReportIncident(incident) => self.report(cx, incident)?,
            Command::Arrive { presenter } => self.arrive(cx, presenter)?,
        };
        Ok(Answer::Recorded(on_this_phone(recorded, None)))
    }

    fn check_checkpoint(
        &mut self,
        cx: &mut Cx<'_>,
        checkpoint: muster_model::id::CheckpointId,
    ) -> Result<(), EngineError> {
        let known = self.event_view(cx)?.checkpoints.contains_key(&checkpoint);
        if known { Ok(()) } else { Err(EngineError::Missing(Missing::Checkpoint)) }
    }

    fn walk_in(&mut self, cx: &mut Cx<'_>, wish: NewWalkIn) -> Result<Answer, EngineError> {
        let NewWalkIn { checkpoint, name, organisation, category } = wish;
        self.check_checkpoint(cx, checkpoint)?;
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Err(EngineError::TextMissing);
        }
        let mut bits = [0; 10];
        cx.rng.fill_bytes(&mut bits);
        let attendee = AttendeeId::from_random(bits);
        let doc = self.checkins_of(cx, attendee, None)?;
        let fact =
            self.append(cx, doc, FactBody::WalkIn(WalkIn { attendee, checkpoint, name, organisation, category }))?;
        Ok(Answer::Recorded(on_this_phone(fact, Some(attendee))))
    }

    fn settle_double(&mut self, cx: &mut Cx<'_>, wish: Settle) -> Result<FactId, EngineError> {
        let Settle { attendee, checkpoint, admissions, found, note } = wish;
        let known: Vec<FactId> =
            cx.store.doubles_at(attendee, checkpoint)?.into_iter().flat_map(|double| double.admissions).collect();
        let facts = if admissions.is_empty() { known.clone() } else { admissions };
        let first = facts.iter().find(|fact| known.contains(fact)).ok_or(EngineError::NothingToSettle)?;
        let doc = cx.projections.fact(*first)?.ok_or(EngineError::NothingToSettle)?.doc;
        self.append(cx, doc, FactBody::Resolution(Resolution { attendee, checkpoint, facts, found, note }))
    }

    fn observe(&mut self, cx: &mut Cx<'_>, observation: Observation) -> Result<FactId, EngineError> {
        let program = self.program_view(cx)?;
        let session = program.sessions.get(&observation.session).ok_or(EngineError::Missing(Missing::Session))?;
        let rooms = self.rooms_view(cx)?;
        if !items_for(session, rooms.templates.values()).iter().any(|item| item.id == observation.item) {
            return Err(EngineError::Missing(Missing::Item));
        }
        self.append(cx, DocRef::whole(DocKind::Rooms), FactBody::Observation(observation))
    }

    fn report(&mut self, cx: &mut Cx<'_>, wish: NewIncident) -> Result<FactId, EngineError> {
        let NewIncident { room, session, severity, text } = wish;
        if text.trim().is_empty() {
            return Err(EngineError::TextMissing);
        }
        let incident = Incident { room, session, severity, text };
        self.append(cx, DocRef::whole(DocKind::Rooms), FactBody::Incident(incident))
    }

    fn arrive(&mut self, cx: &mut Cx<'_>, presenter: PresenterId) -> Result<FactId, EngineError> {
        let doc = DocRef::whole(DocKind::Arrivals);
        let own = match self.book(cx)?.1.role {
            Role::Presenter(own) if own == presenter => true,
            Role::Presenter(_) => return Err(EngineError::NotAllowed(doc)),
            _ => false,
        };
        self.append(cx, doc, FactBody::Arrival { presenter, own })
    }

    /// Settles the projections that this event touched.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let view = self.event_view(cx)?;
        let settled = cx.projections.settle(&view)?;
        let topics = [
            (settled.counts, Topic::Checkins),
            (settled.doubles, Topic::DoubleAdmissions),
            (settled.attendees, Topic::Attendees),
        ];
        cx.topics.extend(topics.into_iter().filter(|(changed, _)| *changed).map(|(_, topic)| topic));
        Ok(())
    }
}

const fn on_this_phone(fact: FactId, attendee: Option<AttendeeId>) -> Recorded {
    Recorded { fact, durability: Durability::OnThisPhone, attendee }
}
