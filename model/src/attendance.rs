//! Attendance: how many were admitted, and how many are inside now.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::fact::{Fact, FactBody, ResolutionKind};
use crate::fact_order::{in_order, standing_among, standing_at, undone};
use crate::id::{AttendeeId, CheckpointId, FactId};

/// Counts of people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Attendees admitted at least once.
    pub admitted: u64,
    /// Attendees whose last move was in, however long ago.
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
    count_standing(&standing_at(facts, (attendee, checkpoint)))
}

/// Counts the standing facts about one attendee at one checkpoint, in their order.
///
/// A second person found by a resolution came in with the second of the admissions it looked at, not when somebody got
/// round to settling it: by then both may have left. When two are in on a ticket, nobody can say which of them an exit
/// is; the first exit counts for the attendee, the next for the other.
fn count_standing(facts: &[&Fact]) -> Count {
    let settled = settled(facts);
    let mut seen: HashMap<FactId, u64> = HashMap::new();
    let mut count = Count::default();
    for fact in facts {
        match &fact.body {
            FactBody::Entry(_) | FactBody::WalkIn(_) => {
                let second = settled.get(&fact.id).is_some_and(|resolution| {
                    let seen = seen.entry(resolution.id).or_default();
                    *seen += 1;
                    *seen == 2 && resolution.found == ResolutionKind::SecondAdmitted
                });
                count.extra_inside += u64::from(second && count.inside == 1);
                count.admissions += 1;
                count.admitted = 1;
                count.inside = 1;
            }
            FactBody::Exit { .. } if count.inside == 0 => count.extra_inside = count.extra_inside.saturating_sub(1),
            FactBody::Exit { .. } => count.inside = 0,
            _ => {}
        }
    }
    count
}

/// A resolution, as far as it counts.
#[derive(Clone, Copy)]
struct Settled {
    /// How many standing admissions it looked at, and its place in the order: the resolution that looked at most
    /// counts, as it does for the state of a double admission, and of several such the last.
    weight: (usize, usize),
    id: FactId,
    found: ResolutionKind,
}

/// The resolution that counts, for each admission that one looked at.
fn settled(facts: &[&Fact]) -> HashMap<FactId, Settled> {
    let mut settled: HashMap<FactId, Settled> = HashMap::new();
    let is_resolution = |fact: &&Fact| matches!(fact.body, FactBody::Resolution(_));
    if !facts.iter().any(is_resolution) {
        return settled;
    }
    let admissions: HashSet<FactId> =
        facts.iter().filter(|fact| fact.body.is_admission()).map(|fact| fact.id).collect();
    for (place, fact) in facts.iter().enumerate() {
        let FactBody::Resolution(resolution) = &fact.body else { continue };
        let looked_at: HashSet<FactId> =
            resolution.facts.iter().filter(|id| admissions.contains(id)).copied().collect();
        let this = Settled { weight: (looked_at.len(), place), id: fact.id, found: resolution.found };
        for admission in looked_at {
            let counts = settled.entry(admission).or_insert(this);
            if counts.weight < this.weight {
                *counts = this;
            }
        }
    }
    settled
}

/// The counts per checkpoint, from all check-in facts of an event. `category_of` says an attendee's category; a walk-in's
/// is in its fact.
#[must_use]
pub fn count<'a>(
    facts: impl IntoIterator<Item = &'a Fact>,
    category_of: impl Fn(AttendeeId) -> Option<String>,
) -> BTreeMap<CheckpointId, Attendance> {
    let facts: Vec<&Fact> = facts.into_iter().collect();
    let undone = undone(&facts);
    let mut places: HashMap<(AttendeeId, CheckpointId), Vec<&Fact>> = HashMap::new();
    for fact in &facts {
        if let Some(place) = fact.body.attendance() {
            places.entry(place).or_default().push(fact);
        }
    }
    let walk_ins = walk_in_categories(&facts);
    let mut counts: BTreeMap<CheckpointId, Attendance> = BTreeMap::new();
    for ((attendee, checkpoint), facts) in places {
        let mut facts = in_order(facts);
        facts.retain(|fact| !undone.contains_key(&fact.id));
        let one = count_standing(&facts);
        let category = category_of(attendee).or_else(|| walk_ins.get(&attendee).map(|&category| category.to_owned()));
        let attendance = counts.entry(checkpoint).or_default();
        attendance.total.add(&one);
        attendance.by_category.entry(category.unwrap_or_default()).or_default().add(&one);
    }
    counts
}

/// The categories that walk-ins were given; if one was written down several times, the last that stands.
fn walk_in_categories<'a>(facts: &[&'a Fact]) -> HashMap<AttendeeId, &'a str> {
    let standing = standing_among(facts.iter().copied(), |body| matches!(body, FactBody::WalkIn(_)));
    let category = |fact: &'a Fact| match &fact.body {
        FactBody::WalkIn(walk_in) => Some((walk_in.attendee, walk_in.category.as_str())),
        _ => None,
    };
    standing.into_iter().filter_map(category).collect()
}

#[cfg(test)]
mod tests;
