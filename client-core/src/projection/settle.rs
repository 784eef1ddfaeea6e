//! Settling: what the facts at each touched place come to.

use std::collections::BTreeSet;

use muster_model::attendance::{Count, count_one};
use muster_model::attendee::{Attendee, Registration};
use muster_model::double_admission::{self, State};
use muster_model::fact::{Fact, FactBody, WalkIn};
use muster_model::fact_order::standing;
use muster_model::id::{AttendeeId, CheckpointId, FactId};

use super::Projections;
use crate::engine::views::EventView;
use crate::store::{AttendeeRow, DoubleRow, Origin, Place, StoreError, Tally, is_zero};

/// What settling changed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settled {
    pub(crate) counts: bool,
    pub(crate) doubles: bool,
    pub(crate) attendees: bool,
}

impl Projections<'_> {
    /// Brings attendees, tallies, counts and double admissions up to date with the facts and records taken in.
    pub(crate) fn settle(&mut self, event: &EventView) -> Result<Settled, StoreError> {
        let mut settled = Settled { attendees: !self.attendees_to_settle.is_empty(), ..Settled::default() };
        let places = std::mem::take(&mut self.places_to_settle);
        for (attendee, checkpoint) in &places {
            let place = Place::Attendance(*attendee, *checkpoint);
            let walk_in = self.facts_at(&place)?.iter().any(|row| matches!(row.fact.body, FactBody::WalkIn(_)));
            if walk_in {
                self.attendees_to_settle.insert(*attendee);
            }
        }
        for attendee in std::mem::take(&mut self.attendees_to_settle) {
            settled.attendees |= self.settle_walk_in(attendee)?;
        }
        // A walk-in that was recognised or taken back may have changed the category elsewhere.
        let places = places.into_iter().chain(std::mem::take(&mut self.places_to_settle));
        let mut waiting: BTreeSet<_> = places.collect();
        let mut done = BTreeSet::new();
        while let Some(place) = waiting.pop_first() {
            done.insert(place);
            let (attendee, checkpoint) = place;
            let holder = self.counts_for(attendee)?;
            let facts = if holder == attendee { self.counted_at(attendee, checkpoint)? } else { Vec::new() };
            // What was recorded for a bearer counts once, for the holder.
            waiting.extend(Some((holder, checkpoint)).filter(|place| !done.contains(place)));
            settled.counts |= self.settle_tally(place, &facts)?;
            settled.doubles |= self.settle_doubles(place, &facts, event)?;
        }
        Ok(settled)
    }

    /// Somebody without a record is known by the first standing fact that registered them.
    fn settle_walk_in(&mut self, id: AttendeeId) -> Result<bool, StoreError> {
        let known = self.attendee(id)?;
        if known.as_ref().is_some_and(|known| matches!(known.origin, Origin::Roster(_))) {
            return Ok(false);
        }
        let facts: Vec<Fact> = self.facts_of(id)?.into_iter().map(|row| row.fact).collect();
        let row = first_walk_in(id, &facts).map(|(fact, walk_in)| AttendeeRow {
            id,
            origin: Origin::WalkIn(fact),
            attendee: registered(walk_in),
        });
        if row == known {
            return Ok(false);
        }
        self.touch_all_of(id)?;
        self.attendees.insert(id, row);
        Ok(true)
    }

    fn category(&self, id: AttendeeId, facts: &[Fact]) -> Result<String, StoreError> {
        if let Some(row) = self.attendee(id)? {
            return Ok(row.attendee.category);
        }
        let of_walk_in = facts.iter().find_map(|fact| match &fact.body {
            FactBody::WalkIn(walk_in) => Some(walk_in.category.clone()),
            _ => None,
        });
        Ok(of_walk_in.unwrap_or_default())
    }

    fn settle_tally(&mut self, place: (AttendeeId, CheckpointId), facts: &[Fact]) -> Result<bool, StoreError> {
        let (attendee, checkpoint) = place;
        let category = self.category(attendee, facts)?;
        let tally = Tally { attendee, checkpoint, category, count: count_one(attendee, checkpoint, facts) };
        let known = self.tally(place)?;
        let is_nothing = known.is_none() && is_zero(&tally.count);
        if is_nothing || known.as_ref() == Some(&tally) {
            return Ok(false);
        }
        if let Some(known) = known {
            let (minus, _) = self.counts.entry((checkpoint, known.category)).or_default();
            *minus = sum(minus, &known.count);
        }
        let (_, plus) = self.counts.entry((checkpoint, tally.category.clone())).or_default();
        *plus = sum(plus, &tally.count);
        self.tallies.insert(place, tally);
        Ok(true)
    }

    fn settle_doubles(
        &mut self,
        place: (AttendeeId, CheckpointId),
        facts: &[Fact],
        event: &EventView,
    ) -> Result<bool, StoreError> {
        let (attendee, checkpoint) = place;
        let found = match event.checkpoints.get(&checkpoint) {
            Some(rules) if facts.len() > 1 => double_admission::find(&event.event, place, rules, facts),
            _ => Vec::new(),
        };
        let rows = found.into_iter().map(|double| DoubleRow {
            attendee,
            checkpoint,
            admissions: double.admissions,
            settled_by: match double.state {
                State::Open => None,
                State::Settled { by, .. } => Some(by),
            },
        });
        let rows: Vec<DoubleRow> = rows.collect();
        let known = match self.doubles.get(&place) {
            Some(known) => known.clone(),
            None => self.store.doubles_at(attendee, checkpoint)?,
        };
        let differs = known != rows;
        if differs {
            self.doubles.insert(place, rows);
        }
        Ok(differs)
    }
}

fn first_walk_in(attendee: AttendeeId, facts: &[Fact]) -> Option<(FactId, &WalkIn)> {
    let walk_ins = standing(facts).into_iter().filter_map(|fact| match &fact.body {
        // One without a name was erased: it counts, and is nobody.
        FactBody::WalkIn(walk_in) if walk_in.attendee == attendee && !walk_in.name.is_empty() => {
            Some((fact.id, walk_in))
        }
        _ => None,
    });
    walk_ins.min_by_key(|(id, _)| *id)
}

fn registered(walk_in: &WalkIn) -> Attendee {
    Attendee {
        name: walk_in.name.clone(),
        organisation: walk_in.organisation.clone(),
        category: walk_in.category.clone(),
        registration: Registration::Confirmed,
        ..Attendee::default()
    }
}

const fn sum(one: &Count, other: &Count) -> Count {
    Count {
        admitted: one.admitted + other.admitted,
        inside: one.inside + other.inside,
        admissions: one.admissions + other.admissions,
        extra_inside: one.extra_inside + other.extra_inside,
    }
}
