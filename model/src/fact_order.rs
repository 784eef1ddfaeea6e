//! The order of facts: by when they happened, as well as wrong clocks let us know, and the same on every replica.
//!
//! Facts of one device keep the order in which that device recorded them, whatever its clock did in between. Facts of
//! different devices go by their corrected times ([`Fact::corrected_at`]), ties by id.

use std::collections::{BTreeMap, HashMap};

use crate::fact::{Fact, FactBody};
use crate::id::{AttendeeId, CheckpointId, DeviceId, FactId};
use crate::time::Timestamp;

/// The facts in their order.
///
/// A device's clock that is set back would put its later facts before its earlier ones; such a fact counts as not
/// earlier than the one before it on the same device. A fact is never changed, so of two with one id the second is the
/// first heard again.
#[must_use]
pub fn in_order<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<&'a Fact> {
    let mut facts: Vec<&Fact> = facts.into_iter().collect();
    facts.sort_unstable_by_key(|fact| fact.id);
    facts.dedup_by_key(|fact| fact.id);
    let mut latest: HashMap<DeviceId, Timestamp> = HashMap::new();
    let mut timed: Vec<(Timestamp, &Fact)> = facts
        .into_iter()
        .map(|fact| {
            let latest = latest.entry(fact.device()).or_insert(Timestamp::from_ms(i64::MIN));
            *latest = fact.corrected_at().max(*latest);
            (*latest, fact)
        })
        .collect();
    timed.sort_by_key(|(at, fact)| (*at, fact.id));
    timed.into_iter().map(|(_, fact)| fact).collect()
}

/// The facts in their order, without those that were taken back and the undoing itself.
///
/// An undo takes back its fact whatever the clocks say of their order, since nobody can take back what they have not
/// seen; an undo can itself be taken back.
#[must_use]
pub fn standing<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<&'a Fact> {
    standing_among(facts, |_| true)
}

/// The standing facts that `picked` picks, in their order.
///
/// Only the picked facts have a say in the order. Otherwise a clock that was set back would order them differently for
/// a caller who happens to hold other facts of that device, and two screens would disagree.
pub(crate) fn standing_among<'a>(
    facts: impl IntoIterator<Item = &'a Fact>,
    picked: impl Fn(&FactBody) -> bool,
) -> Vec<&'a Fact> {
    let facts: Vec<&Fact> = facts.into_iter().collect();
    let undone = undone(&facts);
    let picked = |fact: &&&Fact| !matches!(fact.body, FactBody::Undo { .. }) && picked(&fact.body);
    let mut ordered = in_order(facts.iter().filter(picked).copied());
    ordered.retain(|fact| !undone.contains_key(&fact.id));
    ordered
}

/// The standing facts about one attendee at one checkpoint, in their order.
pub(crate) fn standing_at(facts: &[Fact], place: (AttendeeId, CheckpointId)) -> Vec<&Fact> {
    standing_among(facts, |body| body.attendance() == Some(place))
}

/// Which facts are taken back, and by which fact.
///
/// Clocks have no say in this: an undo takes back its fact unless a standing undo takes back the undo. Undos that take
/// back each other in a circle, which only a forger can make, take back nothing.
#[must_use]
pub fn undone(facts: &[&Fact]) -> BTreeMap<FactId, FactId> {
    let targets: BTreeMap<FactId, FactId> = facts
        .iter()
        .filter_map(|fact| match &fact.body {
            FactBody::Undo { fact: target, .. } => Some((fact.id, *target)),
            _ => None,
        })
        .collect();
    let mut undecided: BTreeMap<FactId, usize> = BTreeMap::new();
    for target in targets.values() {
        *undecided.entry(*target).or_default() += 1;
    }
    let mut taken_back = BTreeMap::new();
    let mut decided: Vec<FactId> = targets.keys().filter(|undo| !undecided.contains_key(undo)).copied().collect();
    while let Some(undo) = decided.pop() {
        let Some(target) = targets.get(&undo) else { continue };
        if !taken_back.contains_key(&undo) {
            taken_back.entry(*target).or_insert(undo);
        }
        if let Some(waiting) = undecided.get_mut(target) {
            *waiting -= 1;
            if *waiting == 0 {
                decided.push(*target);
            }
        }
    }
    taken_back
}

#[cfg(test)]
mod tests;
