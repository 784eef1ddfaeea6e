//! Whom a bearer's facts count for.
//!
//! What was recorded for the bearer of a ticket keeps its place for ever; whom it counts for follows from the rosters and
//! facts that are here, whatever came first. See [`muster_model::ticket::bearer`].

use std::collections::BTreeSet;

use muster_model::fact::Fact;
use muster_model::id::{AttendeeId, CheckpointId, EventId};
use muster_model::ticket::TicketHash;
use muster_model::ticket::bearer::{bearer_of, borne_by, holder, ticket_of, under};

use super::{Projections, tickets_of};
use crate::store::{FactRow, Place, StoreError};

impl Projections<'_> {
    /// The event whose facts and records these are.
    pub(crate) fn set_event(&mut self, event: Option<EventId>) {
        self.event = event;
    }

    /// Whether anything was recorded for a bearer at all: most events know their attendees, and pay for one look.
    fn any_borne(&self) -> Result<bool, StoreError> {
        if let Some(any) = self.any_borne.get() {
            return Ok(any);
        }
        let any = self.store.any_borne()?;
        self.any_borne.set(Some(any));
        Ok(any)
    }

    /// Has the places settled again at which these tickets' bearers were: whom they count for may have changed.
    pub(super) fn touch_bearers(&mut self, tickets: impl IntoIterator<Item = TicketHash>) -> Result<(), StoreError> {
        let Some(event) = self.event else { return Ok(()) };
        if self.any_borne()? {
            for ticket in tickets {
                let bearer = bearer_of(event, ticket);
                let borne = self.facts_of(bearer)?;
                if borne.is_empty() {
                    continue;
                }
                let (roster, seen) = self.candidates(ticket)?;
                for (_, checkpoint) in borne.iter().filter_map(|row| row.fact.body.attendance()) {
                    let who = roster.iter().chain(&seen).chain([&bearer]);
                    self.places_to_settle.extend(who.map(|id| (*id, checkpoint)));
                }
            }
        }
        Ok(())
    }

    fn facts_with_ticket(&self, ticket: TicketHash) -> Result<Vec<FactRow>, StoreError> {
        Ok(self.over(self.store.facts_with_ticket(ticket)?, |row| ticket_of(&row.fact) == Some(ticket)))
    }

    /// Who has or had a ticket by the rosters, and who was checked in with it.
    fn candidates(&self, ticket: TicketHash) -> Result<(BTreeSet<AttendeeId>, BTreeSet<AttendeeId>), StoreError> {
        let has = |id: &AttendeeId| {
            let row = self.attendee(*id)?;
            Ok::<_, StoreError>(row.is_some_and(|row| tickets_of(&row.attendee).any(|one| one == ticket)))
        };
        let mut roster = BTreeSet::new();
        let pending = self.attendees.keys().copied();
        for id in self.store.attendees_by_ticket(ticket)?.into_iter().chain(pending) {
            if has(&id)? {
                roster.insert(id);
            }
        }
        let seen = self.facts_with_ticket(ticket)?;
        Ok((roster, seen.iter().filter_map(|row| Some(row.fact.body.attendance()?.0)).collect()))
    }

    /// The attendee whom what is known of a ticket's bearer counts for.
    pub(crate) fn holder_of(&self, event: EventId, ticket: TicketHash) -> Result<AttendeeId, StoreError> {
        let (roster, seen) = self.candidates(ticket)?;
        Ok(holder(bearer_of(event, ticket), roster, seen))
    }

    /// Whom the facts about `id` count for: somebody else, if `id` is the bearer of a ticket whose holder is known.
    pub(super) fn counts_for(&self, id: AttendeeId) -> Result<AttendeeId, StoreError> {
        let Some(event) = self.event else { return Ok(id) };
        if !self.any_borne()? {
            return Ok(id);
        }
        let borne = self.facts_of(id)?.iter().find_map(|row| borne_by(event, &row.fact));
        borne.map_or(Ok(id), |ticket| self.holder_of(event, ticket))
    }

    /// Under which ids there may be facts that count for an attendee: their own, and those of the bearers of their tickets.
    fn ids_of(&self, id: AttendeeId) -> Result<BTreeSet<AttendeeId>, StoreError> {
        let mut ids = BTreeSet::from([id]);
        let Some(event) = self.event else { return Ok(ids) };
        if !self.any_borne()? {
            return Ok(ids);
        }
        let row = self.attendee(id)?;
        let mut tickets: BTreeSet<TicketHash> = row.iter().flat_map(|row| tickets_of(&row.attendee)).collect();
        tickets.extend(self.facts_of(id)?.iter().filter_map(|row| ticket_of(&row.fact)));
        for ticket in tickets {
            if self.holder_of(event, ticket)? == id {
                ids.insert(bearer_of(event, ticket));
            }
        }
        Ok(ids)
    }

    /// The facts that count for an attendee at a checkpoint.
    pub(crate) fn counted_at(&self, id: AttendeeId, checkpoint: CheckpointId) -> Result<Vec<Fact>, StoreError> {
        let mut facts = Vec::new();
        for one in self.ids_of(id)? {
            let rows = self.facts_at(&Place::Attendance(one, checkpoint))?;
            facts.extend(rows.into_iter().map(|row| under(row.fact, id)));
        }
        Ok(facts)
    }

    /// All facts that count for an attendee.
    pub(crate) fn counted_for(&self, id: AttendeeId) -> Result<Vec<Fact>, StoreError> {
        let mut facts = Vec::new();
        for one in self.ids_of(id)? {
            facts.extend(self.facts_of(one)?.into_iter().map(|row| under(row.fact, id)));
        }
        Ok(facts)
    }
}
