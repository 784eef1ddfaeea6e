//! The rules of the door once more, written naively and apart from the product: from the facts and records that a phone
//! holds to what it should say.

pub(super) mod screens;

use std::collections::{BTreeMap, BTreeSet};

use muster_model::attendee::{Attendee, Registration};
use muster_model::checkpoint::{AdmissionRule, Checkpoint};
use muster_model::event::Event;
use muster_model::fact::{Fact, FactBody};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId};
use muster_model::ticket::TicketHash;
use muster_model::time::Timestamp;
use muster_model::verdict::Verdict;

use crate::simulation::shadow::Shadows;

/// Who stands where, and when.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    pub(super) checkpoint: CheckpointId,
    pub(super) who: Who<'a>,
    /// By the phone's clock and what it knows of it.
    pub(super) now: Timestamp,
    pub(super) answered: BTreeSet<muster_model::id::QuestionId>,
}

/// How somebody is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who<'a> {
    /// By the code they show.
    Code(&'a str),
    /// By name.
    Attendee(AttendeeId),
}

/// What the phone should say, `None` if it cannot know the checkpoint or the attendee.
pub(super) fn verdict(
    known: &Shadows,
    event: &Event,
    asked: &Question<'_>,
    id: muster_model::id::EventId,
) -> Option<Verdict> {
    let (_, rules) = known.checkpoints().find(|(id, _)| **id == asked.checkpoint)?;
    let (attendee, record, ticket) = match asked.who {
        Who::Attendee(attendee) => (attendee, record_of(known, attendee)?, None),
        Who::Code(code) => {
            let ticket = TicketHash::of(id, code);
            let had = |record: &Attendee| record.ticket == Some(ticket) || record.revoked_tickets.contains(&ticket);
            let mut fitting: Vec<_> = known.attendees().filter(|(_, record)| had(record)).collect();
            if fitting.len() > 1 {
                let holders: Vec<_> =
                    fitting.iter().copied().filter(|(_, record)| record.ticket == Some(ticket)).collect();
                if holders.len() != 1 {
                    let candidates = fitting.into_iter().map(|(id, _)| *id).collect();
                    return Some(Verdict::Ambiguous { candidates });
                }
                fitting = holders;
            }
            let Some((attendee, record)) = fitting.pop() else { return Some(Verdict::Unknown) };
            (*attendee, record.clone(), Some(ticket))
        }
    };
    Some(decide(known, event, asked, rules, (attendee, &record, ticket)))
}

fn decide(
    known: &Shadows,
    event: &Event,
    asked: &Question<'_>,
    rules: &Checkpoint,
    (attendee, record, ticket): (AttendeeId, &Attendee, Option<TicketHash>),
) -> Verdict {
    let is_revoked = ticket.is_some_and(|ticket| record.revoked_tickets.contains(&ticket));
    match record.registration {
        Registration::Blocked => return Verdict::Blocked,
        Registration::Cancelled => return Verdict::Cancelled,
        _ if is_revoked => return Verdict::Revoked,
        Registration::Unpaid if !rules.admits_unpaid => return Verdict::Unpaid,
        Registration::Unpaid | Registration::Confirmed => {}
    }
    if !rules.categories.is_empty() && !rules.categories.contains(&record.category) {
        return Verdict::WrongCategory { category: record.category.clone(), admits: rules.categories.clone() };
    }
    let until = [rules.valid_until, record.valid_until].into_iter().flatten().min();
    if let Some(until) = until.filter(|until| asked.now > *until) {
        return Verdict::TooLate { until };
    }
    let from = [rules.valid_from, record.valid_from].into_iter().flatten().max();
    if let Some(from) = from.filter(|from| asked.now < *from) {
        return Verdict::TooEarly { from };
    }
    let place = (attendee, asked.checkpoint);
    let here = standing(known, |body| body.attendance() == Some(place));
    if let Some(in_the_way) = in_the_way(event, rules.rule, &here, asked.now) {
        return Verdict::AlreadyIn {
            at: in_the_way.corrected_at(),
            checkpoint: asked.checkpoint,
            device: in_the_way.device(),
            fact: in_the_way.id,
        };
    }
    let concerns = |categories: &[String]| categories.is_empty() || categories.contains(&record.category);
    let questions: Vec<_> = rules
        .questions
        .iter()
        .filter(|question| concerns(&question.categories) && !asked.answered.contains(&question.id))
        .cloned()
        .collect();
    if questions.is_empty() { Verdict::Admitted } else { Verdict::AnswersRequired { questions } }
}

fn in_the_way<'a>(event: &Event, rule: AdmissionRule, here: &[&'a Fact], now: Timestamp) -> Option<&'a Fact> {
    let mut blocking: Option<&Fact> = None;
    for fact in here {
        match (&fact.body, rule) {
            (FactBody::Entry(_) | FactBody::WalkIn(_), AdmissionRule::Once | AdmissionRule::EntryAndExit) => {
                blocking = blocking.or(Some(fact));
            }
            (FactBody::Entry(_) | FactBody::WalkIn(_), AdmissionRule::OncePerDay)
                if event.day_of(fact.corrected_at()) == event.day_of(now) =>
            {
                blocking = blocking.or(Some(fact));
            }
            (FactBody::Exit { .. }, AdmissionRule::EntryAndExit) => blocking = None,
            _ => {}
        }
    }
    blocking
}

/// The facts of one matter that stand: each device's as it recorded them, else by the time that their clocks say, corrected.
fn standing(known: &Shadows, matter: impl Fn(&FactBody) -> bool) -> Vec<&Fact> {
    let mut by_device: BTreeMap<DeviceId, BTreeMap<u64, &Fact>> = BTreeMap::new();
    for (_, fact) in known.facts().filter(|(_, fact)| matter(&fact.body)) {
        by_device.entry(fact.id.device).or_default().insert(fact.id.counter, fact);
    }
    let mut all = Vec::new();
    for facts in by_device.into_values() {
        let mut not_before = i64::MIN;
        for fact in facts.into_values() {
            not_before = not_before.max(fact.at.ms() + fact.skew.map_or(0, |skew| skew.ms));
            all.push((not_before, fact.id, fact));
        }
    }
    all.sort_by_key(|(at, id, _)| (*at, *id));
    all.into_iter().map(|(_, _, fact)| fact).filter(|fact| !is_undone(known, fact.id)).collect()
}

fn is_undone(known: &Shadows, fact: FactId) -> bool {
    known.facts().any(|(_, undo)| {
        matches!(undo.body, FactBody::Undo { fact: target, .. } if target == fact) && !is_undone(known, undo.id)
    })
}

/// The record of an attendee, or what the first standing walk-in says.
fn record_of(known: &Shadows, attendee: AttendeeId) -> Option<Attendee> {
    if let Some((_, record)) = known.attendees().find(|(id, _)| **id == attendee) {
        return Some(record.clone());
    }
    let walk_ins = known.facts().filter_map(|(_, fact)| match &fact.body {
        // Whoever was erased has no name left: they count, and are nobody.
        FactBody::WalkIn(walk_in) if walk_in.attendee == attendee && !walk_in.name.is_empty() => {
            (!is_undone(known, fact.id)).then_some((fact.id, walk_in))
        }
        _ => None,
    });
    let (_, walk_in) = walk_ins.min_by_key(|(id, _)| *id)?;
    Some(Attendee {
        name: walk_in.name.clone(),
        organisation: walk_in.organisation.clone(),
        category: walk_in.category.clone(),
        ..Attendee::default()
    })
}
