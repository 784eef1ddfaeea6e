//! Double admissions: one ticket, admitted more often than the checkpoint's rule allows.
//!
//! Two gates that cannot hear each other both do right when they admit the same ticket. When they meet, what happened
//! becomes a task: both admissions stay, side by side, until somebody settles it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::checkpoint::{AdmissionRule, Checkpoint};
use crate::event::Event;
use crate::fact::{Fact, FactBody, Resolution};
use crate::fact_order::standing_at;
use crate::id::{AttendeeId, CheckpointId, FactId};

/// Whether somebody has settled it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It waits for somebody.
    Open,
    /// Somebody has looked at all its admissions.
    Settled {
        /// The fact that settled it.
        by: FactId,
        /// What they found.
        resolution: Resolution,
    },
}

/// One ticket, admitted more often than allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubleAdmission {
    /// Whose ticket it is.
    pub attendee: AttendeeId,
    /// Where it was admitted.
    pub checkpoint: CheckpointId,
    /// The admissions, in their order: the first was right when it was made, the others would not have been admitted
    /// had the phones heard of each other.
    pub admissions: Vec<FactId>,
    /// Whether somebody has settled it.
    pub state: State,
}

/// The double admissions of one attendee at one checkpoint; several, if the rule admits once a day or after an exit.
///
/// `facts` are those about this attendee at this checkpoint, undos included; others are ignored.
#[must_use]
pub fn find(
    event: &Event,
    (attendee, checkpoint_id): (AttendeeId, CheckpointId),
    checkpoint: &Checkpoint,
    facts: &[Fact],
) -> Vec<DoubleAdmission> {
    let here = standing_at(facts, (attendee, checkpoint_id));
    let groups = match checkpoint.rule {
        AdmissionRule::Many => Vec::new(),
        AdmissionRule::Once => vec![here.iter().filter(|fact| fact.body.is_admission()).map(|fact| fact.id).collect()],
        AdmissionRule::OncePerDay => by_day(event, &here),
        AdmissionRule::EntryAndExit => without_exit(&here),
    };
    let resolutions = Resolutions::of(&here);
    let double = |admissions: Vec<FactId>| DoubleAdmission {
        attendee,
        checkpoint: checkpoint_id,
        state: resolutions.state(&admissions),
        admissions,
    };
    groups.into_iter().filter(|admissions| admissions.len() > 1).map(double).collect()
}

fn by_day(event: &Event, here: &[&Fact]) -> Vec<Vec<FactId>> {
    let mut days: BTreeMap<_, Vec<FactId>> = BTreeMap::new();
    for fact in here.iter().filter(|fact| fact.body.is_admission()) {
        days.entry(event.day_of(fact.corrected_at())).or_default().push(fact.id);
    }
    days.into_values().collect()
}

fn without_exit(here: &[&Fact]) -> Vec<Vec<FactId>> {
    let mut groups = vec![Vec::new()];
    for fact in here {
        match (&fact.body, groups.last_mut()) {
            (FactBody::Exit { .. }, _) => groups.push(Vec::new()),
            (_, Some(group)) if fact.body.is_admission() => group.push(fact.id),
            _ => {}
        }
    }
    groups
}

/// The standing resolutions, in their order, by each admission that they looked at: somebody who comes and goes all day
/// has as many groups as visits, and each must find its own without a search through all.
struct Resolutions<'a>(HashMap<FactId, Vec<(FactId, &'a Resolution)>>);

impl<'a> Resolutions<'a> {
    fn of(here: &[&'a Fact]) -> Self {
        let mut by_admission: HashMap<FactId, Vec<_>> = HashMap::new();
        for fact in here {
            if let FactBody::Resolution(resolution) = &fact.body {
                for admission in &resolution.facts {
                    by_admission.entry(*admission).or_default().push((fact.id, resolution));
                }
            }
        }
        Self(by_admission)
    }

    /// The last resolution that looked at all admissions settles them; an admission heard of later opens the matter
    /// again.
    fn state(&self, admissions: &[FactId]) -> State {
        let candidates = admissions.first().and_then(|first| self.0.get(first)).map_or(&[][..], Vec::as_slice);
        let looked_at_all = |resolution: &Resolution| {
            let looked_at: HashSet<&FactId> = resolution.facts.iter().collect();
            admissions.len() <= looked_at.len() && admissions.iter().all(|id| looked_at.contains(id))
        };
        match candidates.iter().rev().find(|(_, resolution)| looked_at_all(resolution)) {
            Some((by, resolution)) => State::Settled { by: *by, resolution: (*resolution).clone() },
            None => State::Open,
        }
    }
}

#[cfg(test)]
mod tests;
