//! Who a ticket belongs to while nobody has heard of its attendee.
//!
//! A ticket of pretix says what it admits and not whose it is. Whoever shows one goes by an id that follows from the
//! ticket, the same on every phone. Facts are never changed: when the attendee's record arrives, what was recorded about
//! the bearer counts for the attendee ([`under`]), and a ticket that was used stays used.

use std::collections::{BTreeMap, BTreeSet};

use crate::fact::{Fact, FactBody};
use crate::id::{AttendeeId, EventId, RecordId};
use crate::ticket::TicketHash;

/// The id of whoever bears a ticket.
#[must_use]
pub fn bearer_of(event: EventId, ticket: TicketHash) -> AttendeeId {
    AttendeeId::derive(event, &format!("ticket/{ticket}"))
}

/// The ticket that an entry was made with.
#[must_use]
pub fn ticket_of(fact: &Fact) -> Option<TicketHash> {
    match &fact.body {
        FactBody::Entry(entry) => entry.ticket,
        _ => None,
    }
}

/// The ticket that a fact was recorded for, if its attendee was known by nothing else.
#[must_use]
pub fn borne_by(event: EventId, fact: &Fact) -> Option<TicketHash> {
    let (attendee, _) = fact.body.attendance()?;
    ticket_of(fact).filter(|ticket| bearer_of(event, *ticket) == attendee)
}

/// The fact, as one about `attendee`.
#[must_use]
pub fn under(mut fact: Fact, attendee: AttendeeId) -> Fact {
    match &mut fact.body {
        FactBody::Entry(entry) => entry.attendee = attendee,
        FactBody::Exit { attendee: who, .. } => *who = attendee,
        FactBody::WalkIn(walk_in) => walk_in.attendee = attendee,
        FactBody::Resolution(resolution) => resolution.attendee = attendee,
        _ => {}
    }
    fact
}

/// Of those who may hold a ticket, the one who counts: who has it by the roster, else who was checked in with it. The
/// smallest id, if there are several, so that all replicas agree.
#[must_use]
pub fn holder(
    bearer: AttendeeId,
    roster: impl IntoIterator<Item = AttendeeId>,
    seen: impl IntoIterator<Item = AttendeeId>,
) -> AttendeeId {
    let known = |ids: &mut dyn Iterator<Item = AttendeeId>| ids.filter(|id| *id != bearer).min();
    known(&mut roster.into_iter()).or_else(|| known(&mut seen.into_iter())).unwrap_or(bearer)
}

/// All facts of an event, each under the attendee it counts for. `holders` has the attendees who have or had a ticket by
/// the roster.
#[must_use]
pub fn settled(event: EventId, facts: Vec<Fact>, holders: &BTreeMap<TicketHash, BTreeSet<AttendeeId>>) -> Vec<Fact> {
    let borne: BTreeSet<TicketHash> = facts.iter().filter_map(|fact| borne_by(event, fact)).collect();
    if borne.is_empty() {
        return facts;
    }
    let mut seen: BTreeMap<TicketHash, BTreeSet<AttendeeId>> = BTreeMap::new();
    for fact in &facts {
        if let (Some(ticket), Some((attendee, _))) = (ticket_of(fact), fact.body.attendance())
            && borne.contains(&ticket)
        {
            seen.entry(ticket).or_default().insert(attendee);
        }
    }
    let of = |map: &BTreeMap<TicketHash, BTreeSet<AttendeeId>>, ticket| map.get(&ticket).cloned().unwrap_or_default();
    let counts_for: BTreeMap<AttendeeId, AttendeeId> = borne
        .into_iter()
        .map(|ticket| {
            let bearer = bearer_of(event, ticket);
            (bearer, holder(bearer, of(holders, ticket), of(&seen, ticket)))
        })
        .collect();
    let move_to_holder = |fact: Fact| match fact.body.attendance().and_then(|(who, _)| counts_for.get(&who)) {
        Some(holder) => under(fact, *holder),
        None => fact,
    };
    facts.into_iter().map(move_to_holder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Entry;
    use crate::testing::{attendee, checkpoint, entry_of, fact, minute};

    fn event() -> EventId {
        EventId::from_random([1; 16])
    }

    fn entry_with(id: (u8, u64), who: AttendeeId, ticket: TicketHash) -> Fact {
        let FactBody::Entry(entry) = entry_of(who, checkpoint(1)) else { panic!("no entry") };
        fact(id, minute(0), FactBody::Entry(Entry { ticket: Some(ticket), ..entry }))
    }

    #[test]
    fn what_was_recorded_for_a_bearer_counts_for_the_holder() {
        let ticket = TicketHash::of(event(), "E4Biby");
        let bearer = bearer_of(event(), ticket);
        let exit = fact((2, 2), minute(5), FactBody::Exit { attendee: bearer, checkpoint: checkpoint(1) });
        let facts = vec![entry_with((2, 1), bearer, ticket), exit];
        let who = |facts: &[Fact]| facts.iter().map(|fact| fact.body.attendance().unwrap().0).collect::<Vec<_>>();
        assert_eq!(borne_by(event(), &facts[0]), Some(ticket));
        // Nobody knows better; somebody was checked in with it; the roster says whose it is.
        assert_eq!(who(&settled(event(), facts.clone(), &BTreeMap::new())), [bearer, bearer]);
        let seen = [facts.clone(), vec![entry_with((1, 1), attendee(5), ticket)]].concat();
        assert_eq!(who(&settled(event(), seen.clone(), &BTreeMap::new())), [attendee(5); 3]);
        let roster = BTreeMap::from([(ticket, BTreeSet::from([attendee(3), attendee(9)]))]);
        assert_eq!(who(&settled(event(), seen, &roster)), [attendee(3), attendee(3), attendee(5)]);
    }

    #[test]
    fn a_ticket_of_somebody_known_is_borne_by_nobody() {
        let ticket = TicketHash::of(event(), "E4Biby");
        let facts = vec![entry_with((1, 1), attendee(5), ticket), entry_with((1, 2), attendee(6), ticket)];
        assert_eq!(borne_by(event(), &facts[0]), None);
        assert_eq!(settled(event(), facts.clone(), &BTreeMap::new()), facts);
    }
}
