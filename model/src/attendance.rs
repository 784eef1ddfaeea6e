//! Attendance: how many were admitted, and how many are inside now.

use std::collections::{BTreeMap, HashMap};

use crate::fact::{Fact, FactBody, ResolutionKind};
use crate::fact_order::standing;
use crate::id::{AttendeeId, CheckpointId};

/// Counts of people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Attendees admitted at least once.
    pub admitted: u64,
    /// Attendees whose last move was in.
    pub inside: u64,
    /// Admissions in all: more than `admitted` where people come again, or where a ticket was admitted twice.
    pub admissions: u64,
    /// People inside beyond the attendees: second persons who came in on a ticket and may stay.
    pub extra_inside: u64,
}

impl Count {
    fn add(&mut self, one: &Self) {
        self.admitted += one.admitted;
        self.inside += one.inside;
        self.admissions += one.admissions;
        self.extra_inside += one.extra_inside;
    }
}

/// The counts of one checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attendance {
    /// All of them.
    pub total: Count,
    /// By the attendees' category; the empty category are those whose record is not there (yet).
    pub by_category: BTreeMap<String, Count>,
}

/// What the facts about one attendee at one checkpoint count for. Facts about others are ignored.
#[must_use]
pub fn count_one(attendee: AttendeeId, checkpoint: CheckpointId, facts: &[Fact]) -> Count {
    let mut count = Count::default();
    for fact in standing(facts).iter().filter(|fact| fact.body.attendance() == Some((attendee, checkpoint))) {
        match &fact.body {
            FactBody::Entry(_) | FactBody::WalkIn(_) => {
                count.admissions += 1;
                count.admitted = 1;
                count.inside = 1;
            }
            FactBody::Exit { .. } => count.inside = 0,
            FactBody::Resolution(resolution) => {
                count.extra_inside = u64::from(resolution.found == ResolutionKind::SecondAdmitted);
            }
            _ => {}
        }
    }
    count
}

/// The counts per checkpoint, from all check-in facts of an event. `category_of` says an attendee's category; a walk-in's
/// is in its fact.
#[must_use]
pub fn count<'a>(
    facts: impl IntoIterator<Item = &'a Fact>,
    category_of: impl Fn(AttendeeId) -> Option<String>,
) -> BTreeMap<CheckpointId, Attendance> {
    let mut places: HashMap<(AttendeeId, CheckpointId), Vec<Fact>> = HashMap::new();
    let mut undos: Vec<&Fact> = Vec::new();
    let mut place_of = HashMap::new();
    let mut walk_ins = HashMap::new();
    for fact in facts {
        match (&fact.body, fact.body.attendance()) {
            (FactBody::Undo { .. }, _) => undos.push(fact),
            (_, Some(place)) => {
                places.entry(place).or_default().push(fact.clone());
                place_of.insert(fact.id, place);
            }
            _ => {}
        }
        if let FactBody::WalkIn(walk_in) = &fact.body {
            walk_ins.insert(walk_in.attendee, walk_in.category.clone());
        }
    }
    // An undo goes with the fact it takes back; an undo of an undo with the undo.
    undos.sort_unstable_by_key(|fact| (fact.corrected_at(), fact.id));
    let mut waiting = undos;
    loop {
        let before = waiting.len();
        waiting.retain(|undo| {
            let FactBody::Undo { fact: target, .. } = &undo.body else { return false };
            let Some(place) = place_of.get(target).copied() else { return true };
            place_of.insert(undo.id, place);
            places.entry(place).or_default().push((*undo).clone());
            false
        });
        if waiting.len() == before {
            break;
        }
    }
    let mut counts: BTreeMap<CheckpointId, Attendance> = BTreeMap::new();
    for ((attendee, checkpoint), facts) in places {
        let one = count_one(attendee, checkpoint, &facts);
        let category = category_of(attendee).or_else(|| walk_ins.get(&attendee).cloned()).unwrap_or_default();
        let attendance = counts.entry(checkpoint).or_default();
        attendance.total.add(&one);
        attendance.by_category.entry(category).or_default().add(&one);
    }
    counts
}

#[cfg(test)]
mod tests;
