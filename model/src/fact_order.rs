//! The order of facts: by when they happened, as well as wrong clocks let us know, and the same on every replica.
//!
//! Facts of one device keep the order in which that device recorded them, whatever its clock did in between. Facts of
//! different devices go by their corrected times ([`Fact::corrected_at`]), ties by id.

use std::collections::{BTreeMap, HashMap};

use crate::fact::{Fact, FactBody};
use crate::id::{DeviceId, FactId};
use crate::time::Timestamp;

/// The facts in their order.
///
/// A device's clock that is set back would put its later facts before its earlier ones; such a fact counts as not
/// earlier than the one before it on the same device.
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
    let ordered = in_order(facts);
    let undone = undone(&ordered);
    let stands = |fact: &&Fact| !undone.contains_key(&fact.id) && !matches!(fact.body, FactBody::Undo { .. });
    ordered.into_iter().filter(stands).collect()
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
mod tests {
    use super::*;
    use crate::fact::Skew;
    use crate::id::{AttendeeId, CheckpointId, RecordId};

    fn fact(device: u8, counter: u64, at: i64, skew: Option<i64>) -> Fact {
        let body = FactBody::Exit {
            attendee: AttendeeId::from_random([1; 10]),
            checkpoint: CheckpointId::from_random([1; 10]),
        };
        Fact {
            id: FactId { device: DeviceId::from_random([device; 8]), counter },
            at: Timestamp::from_ms(at),
            skew: skew.map(|ms| Skew { ms, age_ms: 0 }),
            by: String::new(),
            body,
        }
    }

    fn undo(device: u8, counter: u64, at: i64, target: &Fact) -> Fact {
        let body = FactBody::Undo { fact: target.id, reason: String::new() };
        Fact { body, ..fact(device, counter, at, None) }
    }

    fn ids(facts: &[&Fact]) -> Vec<(u8, u64)> {
        let first = |fact: &Fact| u8::from_str_radix(&fact.device().to_string()[..2], 16).unwrap();
        facts.iter().map(|fact| (first(fact), fact.id.counter)).collect()
    }

    #[test]
    fn skew_is_corrected_before_times_are_compared() {
        // Device 1 is an hour ahead and knows it; device 2 has the right time.
        let facts =
            [fact(1, 1, 3_700_000, Some(-3_600_000)), fact(2, 1, 90_000, Some(0)), fact(2, 2, 110_000, Some(0))];
        assert_eq!(ids(&in_order(&facts)), [(2, 1), (1, 1), (2, 2)]);
    }

    #[test]
    fn ties_go_by_id_and_input_order_does_not_matter() {
        let facts = [fact(2, 1, 5, None), fact(1, 2, 5, None), fact(1, 1, 5, None)];
        assert_eq!(ids(&in_order(&facts)), [(1, 1), (1, 2), (2, 1)]);
        assert_eq!(ids(&in_order(facts.iter().rev())), [(1, 1), (1, 2), (2, 1)]);
        assert_eq!(in_order(facts.iter().chain(&facts)).len(), 3, "a fact heard twice counts once");
    }

    #[test]
    fn a_clock_set_back_does_not_turn_a_devices_facts_round() {
        let facts = [fact(1, 1, 1_000, None), fact(1, 2, 10, None), fact(2, 1, 500, None)];
        assert_eq!(ids(&in_order(&facts)), [(2, 1), (1, 1), (1, 2)]);
    }

    #[test]
    fn what_is_taken_back_does_not_stand() {
        let entry = fact(1, 1, 10, None);
        let back = undo(2, 1, 5, &entry);
        assert_eq!(standing([&entry, &back]).len(), 0, "even if the other clock says the undo came first");
        let again = undo(2, 2, 20, &back);
        assert_eq!(ids(&standing([&entry, &back, &again])), [(1, 1)]);
        let ahead = undo(3, 1, 1, &again);
        assert_eq!(standing([&ahead, &again, &back, &entry]).len(), 0);
        let unknown = undo(3, 1, 30, &fact(9, 9, 0, None));
        assert_eq!(ids(&standing([&entry, &unknown])), [(1, 1)]);
    }

    #[test]
    fn undos_in_a_circle_take_back_nothing() {
        let entry = fact(1, 1, 10, None);
        let mut one = undo(2, 1, 20, &entry);
        let other = undo(2, 2, 30, &one);
        one.body = FactBody::Undo { fact: other.id, reason: String::new() };
        assert_eq!(ids(&standing([&entry, &one, &other])), [(1, 1)]);
    }
}
