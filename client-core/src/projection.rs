//! Projections: what lists, search and counts are read from, kept up to date with every change.
//!
//! One event may touch many facts and attendees. They are gathered here, over what the store has, and settled once at the
//! end, so that a frame with a thousand check-ins recounts each place once. What is settled depends only on what the
//! documents hold, never on the order in which it arrived: rebuilding from the documents gives the same rows.

mod bearers;
mod settle;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use muster_model::attendance::Count;
use muster_model::attendee::Attendee;
use muster_model::document::DocRef;
use muster_model::fact::{Fact, FactBody};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, EventId, FactId};
use muster_model::ticket::{TicketHash, bearer};
use muster_model::time::Timestamp;

use crate::store::{
    AttendeeRow, CountDelta, DoubleRow, FactRow, HeardRow, Origin, Place, StoreError, StoreRead, Tally, Write,
};

/// What an event changes in the projections, over the store.
pub(crate) struct Projections<'s> {
    store: &'s dyn StoreRead,
    event: Option<EventId>,
    /// Whether any fact was recorded for the bearer of a ticket; `None` until it was looked up.
    any_borne: Cell<Option<bool>>,
    facts: BTreeMap<FactId, FactRow>,
    /// Facts that documents no longer hold: they were refused.
    gone: BTreeSet<FactId>,
    attendees: BTreeMap<AttendeeId, Option<AttendeeRow>>,
    tallies: BTreeMap<(AttendeeId, CheckpointId), Tally>,
    counts: BTreeMap<(CheckpointId, String), (Count, Count)>,
    doubles: BTreeMap<(AttendeeId, CheckpointId), Vec<DoubleRow>>,
    heard: BTreeMap<DeviceId, HeardRow>,
    heard_anew: BTreeSet<DeviceId>,
    places_to_settle: BTreeSet<(AttendeeId, CheckpointId)>,
    attendees_to_settle: BTreeSet<AttendeeId>,
}

impl<'s> Projections<'s> {
    pub(crate) fn new(store: &'s dyn StoreRead) -> Self {
        Self {
            store,
            event: None,
            any_borne: Cell::new(None),
            facts: BTreeMap::new(),
            gone: BTreeSet::new(),
            attendees: BTreeMap::new(),
            tallies: BTreeMap::new(),
            counts: BTreeMap::new(),
            doubles: BTreeMap::new(),
            heard: BTreeMap::new(),
            heard_anew: BTreeSet::new(),
            places_to_settle: BTreeSet::new(),
            attendees_to_settle: BTreeSet::new(),
        }
    }

    pub(crate) fn fact(&self, id: FactId) -> Result<Option<FactRow>, StoreError> {
        match self.facts.get(&id) {
            Some(row) => Ok(Some(row.clone())),
            None if self.gone.contains(&id) => Ok(None),
            None => self.store.fact(id),
        }
    }

    pub(crate) fn attendee(&self, id: AttendeeId) -> Result<Option<AttendeeRow>, StoreError> {
        match self.attendees.get(&id) {
            Some(row) => Ok(row.clone()),
            None => self.store.attendee(id),
        }
    }

    fn over(&self, mut stored: Vec<FactRow>, fits: impl Fn(&FactRow) -> bool) -> Vec<FactRow> {
        if self.facts.is_empty() && self.gone.is_empty() {
            return stored;
        }
        stored.retain(|row| !self.facts.contains_key(&row.fact.id) && !self.gone.contains(&row.fact.id));
        stored.extend(self.facts.values().filter(|row| fits(row)).cloned());
        stored.sort_by_key(|row| row.fact.id);
        stored
    }

    pub(crate) fn facts_at(&self, place: &Place) -> Result<Vec<FactRow>, StoreError> {
        Ok(self.over(self.store.facts_at(place)?, |row| row.place == *place))
    }

    pub(crate) fn facts_of(&self, attendee: AttendeeId) -> Result<Vec<FactRow>, StoreError> {
        let of = |row: &FactRow| matches!(row.place, Place::Attendance(of, _) if of == attendee);
        Ok(self.over(self.store.facts_of(attendee)?, of))
    }

    fn undos_of(&self, fact: FactId) -> Result<Vec<FactRow>, StoreError> {
        Ok(self.over(self.store.undos_of(fact)?, |row| undone_by(&row.fact) == Some(fact)))
    }

    fn tally(&self, place: (AttendeeId, CheckpointId)) -> Result<Option<Tally>, StoreError> {
        match self.tallies.get(&place) {
            Some(tally) => Ok(Some(tally.clone())),
            None => self.store.tally(place.0, place.1),
        }
    }

    /// Takes in a fact that a document holds. Says whether it was new or differed.
    pub(crate) fn put_fact(&mut self, fact: Fact, doc: DocRef) -> Result<bool, StoreError> {
        let known = self.fact(fact.id)?;
        if let Some(known) = &known
            && (known.fact == fact || known.doc < doc)
        {
            // Only a forger puts one id into two documents; the first document's holds.
            return Ok(false);
        }
        let place = self.place_of(&fact)?;
        if let Some(known) = &known {
            self.touch(known.place);
        }
        let id = fact.id;
        self.gone.remove(&id);
        let borne = self.event.is_some_and(|event| bearer::borne_by(event, &fact).is_some());
        let ticket = bearer::ticket_of(&fact);
        self.facts.insert(id, FactRow { fact, doc, place, borne });
        self.touch(place);
        if borne {
            self.any_borne.set(Some(true));
        } else {
            self.touch_bearers(ticket)?;
        }
        self.move_undos_of(id, place)?;
        Ok(true)
    }

    /// A document no longer holds a fact: it was refused, and the document begun anew without it.
    pub(crate) fn fact_gone(&mut self, id: FactId) -> Result<(), StoreError> {
        let Some(known) = self.fact(id)? else { return Ok(()) };
        self.touch(known.place);
        if let FactBody::WalkIn(walk_in) = &known.fact.body {
            self.attendees_to_settle.insert(walk_in.attendee);
        }
        self.touch_bearers(bearer::ticket_of(&known.fact))?;
        self.facts.remove(&id);
        self.gone.insert(id);
        self.move_undos_of(id, Place::Unplaced)
    }

    fn place_of(&self, fact: &Fact) -> Result<Place, StoreError> {
        Ok(match (&fact.body, fact.body.attendance()) {
            (_, Some((attendee, checkpoint))) => Place::Attendance(attendee, checkpoint),
            (FactBody::Observation(observation), _) => Place::Session(observation.session),
            (FactBody::Incident(_), _) => Place::Incidents,
            (FactBody::Arrival { .. }, _) => Place::Arrivals,
            (FactBody::Undo { fact, .. }, _) => self.fact(*fact)?.map_or(Place::Unplaced, |target| target.place),
            _ => Place::Unplaced,
        })
    }

    /// Undos that came before what they take back, and undos of those, go to its place.
    fn move_undos_of(&mut self, id: FactId, place: Place) -> Result<(), StoreError> {
        let mut waiting = vec![id];
        while let Some(target) = waiting.pop() {
            for mut undo in self.undos_of(target)? {
                if undo.place != place {
                    self.touch(undo.place);
                    waiting.push(undo.fact.id);
                    undo.place = place;
                    self.facts.insert(undo.fact.id, undo);
                }
            }
        }
        Ok(())
    }

    /// Has a place settled again.
    pub(crate) fn touch(&mut self, place: Place) {
        if let Place::Attendance(attendee, checkpoint) = place {
            self.places_to_settle.insert((attendee, checkpoint));
        }
    }

    /// Takes in a record of a roster.
    pub(crate) fn put_attendee(&mut self, row: AttendeeRow) -> Result<(), StoreError> {
        let known = self.attendee(row.id)?;
        if known.as_ref() == Some(&row) {
            return Ok(());
        }
        if let (Some(known), Origin::Roster(doc)) = (&known, row.origin)
            && matches!(known.origin, Origin::Roster(holder) if holder < doc)
        {
            return Ok(());
        }
        self.attendees_to_settle.insert(row.id);
        let tickets: BTreeSet<TicketHash> = tickets_of(&row.attendee).collect();
        let before: BTreeSet<TicketHash> = known.iter().flat_map(|known| tickets_of(&known.attendee)).collect();
        if tickets != before {
            let differ: Vec<TicketHash> = tickets.symmetric_difference(&before).copied().collect();
            self.touch_bearers(differ)?;
            self.touch_all_of(row.id)?;
        }
        let category_stays = known.is_some_and(|known| known.attendee.category == row.attendee.category);
        if !category_stays {
            self.touch_all_of(row.id)?;
        }
        self.attendees.insert(row.id, Some(row));
        Ok(())
    }

    /// A roster no longer has the record.
    pub(crate) fn attendee_gone(&mut self, id: AttendeeId, roster: DocRef) -> Result<(), StoreError> {
        if let Some(known) = self.attendee(id)?.filter(|known| known.origin == Origin::Roster(roster)) {
            self.touch_bearers(tickets_of(&known.attendee))?;
            self.attendees.insert(id, None);
            self.attendees_to_settle.insert(id);
            self.touch_all_of(id)?;
        }
        Ok(())
    }

    fn touch_all_of(&mut self, id: AttendeeId) -> Result<(), StoreError> {
        for tally in self.store.tallies_of(id)? {
            self.places_to_settle.insert((id, tally.checkpoint));
        }
        Ok(())
    }

    /// Notes that a fact of another device came.
    pub(crate) fn hear(&mut self, fact: &Fact, received_at: Timestamp) -> Result<(), StoreError> {
        let device = fact.device();
        let at = fact.corrected_at();
        if self.heard.is_empty() {
            self.heard = self.store.heard()?.into_iter().map(|row| (row.device, row)).collect();
        }
        let row = self.heard.entry(device).or_insert_with(|| HeardRow {
            device,
            by: String::new(),
            last_fact_at: Timestamp::from_ms(i64::MIN),
            received_at,
        });
        if at >= row.last_fact_at {
            row.last_fact_at = at;
            row.by.clone_from(&fact.by);
        }
        row.received_at = received_at;
        self.heard_anew.insert(device);
        Ok(())
    }

    /// What to write. To be called after settling.
    pub(crate) fn into_writes(self) -> impl Iterator<Item = Write> {
        let attendees = self.attendees.into_iter().map(|(id, row)| match row {
            Some(row) => Write::Attendee(Box::new(row)),
            None => Write::AttendeeGone(id),
        });
        let counts = self.counts.into_iter().filter(|(_, (minus, plus))| minus != plus);
        let counts = counts.map(|((checkpoint, category), (minus, plus))| {
            Write::Count(CountDelta { checkpoint, category, minus, plus })
        });
        let doubles = self.doubles.into_iter();
        let heard_anew = self.heard_anew;
        let heard = self.heard.into_values().filter(move |row| heard_anew.contains(&row.device));
        attendees
            .chain(self.gone.into_iter().map(Write::FactGone))
            .chain(self.facts.into_values().map(|row| Write::Fact(Box::new(row))))
            .chain(self.tallies.into_values().map(Write::Tally))
            .chain(counts)
            .chain(doubles.map(|((attendee, checkpoint), rows)| Write::Doubles(attendee, checkpoint, rows)))
            .chain(heard.map(Write::Heard))
    }
}

/// The tickets that an attendee has or had.
fn tickets_of(attendee: &Attendee) -> impl Iterator<Item = TicketHash> {
    attendee.ticket.iter().chain(&attendee.revoked_tickets).copied()
}

/// The fact that an undo takes back.
pub(crate) const fn undone_by(fact: &Fact) -> Option<FactId> {
    match &fact.body {
        FactBody::Undo { fact, .. } => Some(*fact),
        _ => None,
    }
}
