//! Double admissions: one ticket, admitted more often than the checkpoint's rule allows.
//!
//! Two gates that cannot hear each other both do right when they admit the same ticket. When they meet, what happened
//! becomes a task: both admissions stay, side by side, until somebody settles it.

use std::collections::BTreeMap;

use crate::checkpoint::{AdmissionRule, Checkpoint};
use crate::event::Event;
use crate::fact::{Fact, FactBody, Resolution};
use crate::fact_order::standing;
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
    let standing = standing(facts);
    let here: Vec<&Fact> =
        standing.into_iter().filter(|fact| fact.body.attendance() == Some((attendee, checkpoint_id))).collect();
    let groups = match checkpoint.rule {
        AdmissionRule::Many => Vec::new(),
        AdmissionRule::Once => vec![here.iter().filter(|fact| is_admission(fact)).map(|fact| fact.id).collect()],
        AdmissionRule::OncePerDay => by_day(event, &here),
        AdmissionRule::EntryAndExit => without_exit(&here),
    };
    let double = |admissions: Vec<FactId>| DoubleAdmission {
        attendee,
        checkpoint: checkpoint_id,
        state: state(&admissions, &here),
        admissions,
    };
    groups.into_iter().filter(|admissions| admissions.len() > 1).map(double).collect()
}

fn is_admission(fact: &Fact) -> bool {
    matches!(fact.body, FactBody::Entry(_) | FactBody::WalkIn(_))
}

fn by_day(event: &Event, here: &[&Fact]) -> Vec<Vec<FactId>> {
    let mut days: BTreeMap<_, Vec<FactId>> = BTreeMap::new();
    for fact in here.iter().filter(|fact| is_admission(fact)) {
        days.entry(event.day_of(fact.corrected_at())).or_default().push(fact.id);
    }
    days.into_values().collect()
}

fn without_exit(here: &[&Fact]) -> Vec<Vec<FactId>> {
    let mut groups = vec![Vec::new()];
    for fact in here {
        match (&fact.body, groups.last_mut()) {
            (FactBody::Exit { .. }, _) => groups.push(Vec::new()),
            (_, Some(group)) if is_admission(fact) => group.push(fact.id),
            _ => {}
        }
    }
    groups
}

/// The last resolution that looked at all admissions settles them; an admission heard of later opens the matter again.
fn state(admissions: &[FactId], here: &[&Fact]) -> State {
    let settled = here.iter().rev().find_map(|fact| match &fact.body {
        FactBody::Resolution(resolution) if admissions.iter().all(|id| resolution.facts.contains(id)) => {
            Some(State::Settled { by: fact.id, resolution: resolution.clone() })
        }
        _ => None,
    });
    settled.unwrap_or(State::Open)
}

#[cfg(test)]
mod tests;
