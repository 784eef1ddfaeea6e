//! What lists and counts should show.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::checkpoint::AdmissionRule;
use muster_model::event::Event;
use muster_model::fact::{Fact, FactBody};
use muster_model::id::{AttendeeId, CheckpointId, FactId, ItemId, PresenterId, SessionId};

use super::super::shadow::Shadows;
use super::standing;

fn attendees_at(known: &Shadows, checkpoint: CheckpointId) -> BTreeSet<AttendeeId> {
    let places = known.facts().filter_map(|(_, fact)| fact.body.attendance());
    places.filter(|(_, at)| *at == checkpoint).map(|(attendee, _)| attendee).collect()
}

/// People admitted, people inside and admissions at a checkpoint.
pub(in super::super) fn counts(known: &Shadows, checkpoint: CheckpointId) -> (u64, u64, u64) {
    let mut total = (0, 0, 0);
    for attendee in attendees_at(known, checkpoint) {
        let (mut inside, mut admissions) = (false, 0);
        for fact in standing(known, |body| body.attendance() == Some((attendee, checkpoint))) {
            match fact.body {
                FactBody::Entry(_) | FactBody::WalkIn(_) => (inside, admissions) = (true, admissions + 1),
                FactBody::Exit { .. } => inside = false,
                _ => {}
            }
        }
        total.0 += u64::from(admissions > 0);
        total.1 += u64::from(inside);
        total.2 += admissions;
    }
    total
}

/// A double admission: whose, where, which admissions, and whether somebody looked at all of them.
pub(in super::super) type Double = (AttendeeId, CheckpointId, Vec<FactId>, bool);

/// The double admissions.
pub(in super::super) fn doubles(known: &Shadows, event: &Event) -> BTreeSet<Double> {
    let mut found = BTreeSet::new();
    for (checkpoint, rules) in known.checkpoints() {
        for attendee in attendees_at(known, *checkpoint) {
            let here = standing(known, |body| body.attendance() == Some((attendee, *checkpoint)));
            for admissions in groups(event, rules.rule, &here).into_values().filter(|group| group.len() > 1) {
                let looked_at_all = |fact: &&Fact| match &fact.body {
                    FactBody::Resolution(resolution) => admissions.iter().all(|id| resolution.facts.contains(id)),
                    _ => false,
                };
                let settled = here.iter().copied().any(|fact| looked_at_all(&fact));
                found.insert((attendee, *checkpoint, admissions, settled));
            }
        }
    }
    found
}

/// The admissions of which only one each should be.
fn groups(event: &Event, rule: AdmissionRule, here: &[&Fact]) -> BTreeMap<String, Vec<FactId>> {
    let mut groups: BTreeMap<String, Vec<FactId>> = BTreeMap::new();
    let mut visit = 0;
    for fact in here {
        match (&fact.body, rule) {
            (FactBody::Exit { .. }, AdmissionRule::EntryAndExit) => visit += 1,
            (FactBody::Entry(_) | FactBody::WalkIn(_), AdmissionRule::OncePerDay) => {
                groups.entry(format!("{:?}", event.day_of(fact.corrected_at()))).or_default().push(fact.id);
            }
            (FactBody::Entry(_) | FactBody::WalkIn(_), AdmissionRule::Once | AdmissionRule::EntryAndExit) => {
                groups.entry(visit.to_string()).or_default().push(fact.id);
            }
            _ => {}
        }
    }
    groups
}

/// The incidents, the latest first.
pub(in super::super) fn incidents(known: &Shadows) -> Vec<FactId> {
    let found = standing(known, |body| matches!(body, FactBody::Incident(_)));
    found.into_iter().rev().map(|fact| fact.id).collect()
}

/// Who has arrived, by the first fact that says so.
pub(in super::super) fn arrivals(known: &Shadows) -> BTreeMap<PresenterId, FactId> {
    let mut found = BTreeMap::new();
    for fact in standing(known, |body| matches!(body, FactBody::Arrival { .. })) {
        if let FactBody::Arrival { presenter, .. } = fact.body {
            found.entry(presenter).or_insert(fact.id);
        }
    }
    found
}

/// The last look at each item of a session.
pub(in super::super) fn looks(known: &Shadows, session: SessionId) -> BTreeMap<ItemId, FactId> {
    let of_session = |body: &FactBody| matches!(body, FactBody::Observation(seen) if seen.session == session);
    let mut found = BTreeMap::new();
    for fact in standing(known, of_session) {
        if let FactBody::Observation(seen) = &fact.body {
            found.insert(seen.item, fact.id);
        }
    }
    found
}
