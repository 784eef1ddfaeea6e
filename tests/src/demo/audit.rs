//! Whether anything was lost, and whether everybody holds the same: found by comparing every phone's and the server's
//! documents with each other and with what the phones were told to do and showed as done.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::access::Role;
use muster_model::fact::{Fact, FactBody};
use muster_model::id::{EventId, FactId};
use muster_model::ticket::TicketHash;

use super::orders::Order;
use super::phone::Done;
use crate::replica::{Replica, ReplicaError};

/// What the comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Facts that a phone showed as recorded and that some replica lacks or holds otherwise.
    pub lost: BTreeSet<FactId>,
    /// Facts in documents that no phone was told to make.
    pub unasked: BTreeSet<FactId>,
    /// Whether every replica has the same heads in every document.
    pub converged: bool,
    /// Admissions on the server: entries and walk-ins, undone ones too.
    pub check_ins: usize,
    /// Observations of rooms on the server.
    pub readiness_observations: usize,
}

/// Compares. The phones are staff's.
///
/// # Errors
/// If a document of a replica does not read.
pub fn audit(event: EventId, done: &[Done], server: &Replica, phones: &[Replica]) -> Result<Audit, ReplicaError> {
    let told: BTreeMap<FactId, &Order> = done.iter().filter_map(|done| Some((done.fact?, &done.order))).collect();
    let on_server = server.facts()?;
    let mut audit = Audit { converged: true, ..Audit::default() };
    let mut replicas = vec![on_server.clone()];
    for phone in phones {
        replicas.push(phone.facts()?);
        audit.converged &= server.agrees_with(event, Role::Staff, &phone.heads()?)?;
    }
    for (id, order) in &told {
        let kept = |facts: &BTreeMap<FactId, Fact>| {
            facts.get(id).is_some_and(|fact| says(event, order, &fact.body) && on_server.get(id) == Some(fact))
        };
        if !replicas.iter().all(kept) {
            audit.lost.insert(*id);
        }
    }
    audit.unasked = on_server.keys().filter(|id| !told.contains_key(id)).copied().collect();
    let is_admission = |fact: &&Fact| matches!(fact.body, FactBody::Entry(_) | FactBody::WalkIn(_));
    audit.check_ins = on_server.values().filter(is_admission).count();
    audit.readiness_observations =
        on_server.values().filter(|fact| matches!(fact.body, FactBody::Observation(_))).count();
    Ok(audit)
}

/// Whether a fact says what the phone was told to do.
fn says(event: EventId, order: &Order, body: &FactBody) -> bool {
    match (order, body) {
        (Order::Scan(code), FactBody::Entry(entry)) => entry.ticket == Some(TicketHash::of(event, code)),
        (Order::Find(_), FactBody::Entry(_)) | (Order::UndoLast, FactBody::Undo { .. }) => true,
        (Order::WalkIn { name }, FactBody::WalkIn(walk_in)) => walk_in.name == *name,
        (Order::Observe { session, item, state, note }, FactBody::Observation(seen)) => {
            (seen.session, seen.item, seen.state, seen.note.as_str()) == (*session, *item, *state, *note)
        }
        (Order::Incident { session, severity, text }, FactBody::Incident(incident)) => {
            (incident.session, incident.severity, incident.text.as_str()) == (Some(*session), *severity, *text)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use muster_model::document::{DocKind, DocRef, create};
    use muster_model::fact::{self, Incident, Severity};
    use muster_model::id::{DeviceId, RecordId, SessionId};
    use muster_model::time::Timestamp;

    use super::*;

    fn event() -> EventId {
        EventId::from_random([1; 16])
    }

    fn id(counter: u64) -> FactId {
        FactId { device: DeviceId::from_random([1; 8]), counter }
    }

    fn session() -> SessionId {
        SessionId::from_random([1; 10])
    }

    fn done(counter: u64, text: &'static str) -> Done {
        let order = Order::Incident { session: session(), severity: Severity::Notice, text };
        Done { order, fact: Some(id(counter)) }
    }

    fn replica(facts: &[(u64, &str)]) -> Replica {
        let rooms = DocRef::whole(DocKind::Rooms);
        let mut doc = create(event(), &rooms, id(1).device.actor([0; 8])).unwrap();
        let mut transaction = doc.transaction();
        for (counter, text) in facts {
            let body = FactBody::Incident(Incident {
                room: None,
                session: Some(session()),
                severity: Severity::Notice,
                text: (*text).to_owned(),
            });
            let fact = Fact { id: id(*counter), at: Timestamp::from_ms(1), skew: None, by: String::new(), body };
            fact::append(&mut transaction, &fact).unwrap();
        }
        transaction.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
        Replica { documents: [(rooms, doc.save())].into() }
    }

    #[test]
    fn all_there_is_nothing_lost() {
        let all = replica(&[(1, "a"), (2, "b")]);
        let found = audit(event(), &[done(1, "a"), done(2, "b")], &all, &[all.clone(), all.clone()]).unwrap();
        assert!(found.converged && found.lost.is_empty() && found.unasked.is_empty(), "{found:?}");
    }

    #[test]
    fn what_one_replica_lacks_or_holds_otherwise_is_lost() {
        let (all, fewer, other) =
            (replica(&[(1, "a"), (2, "b")]), replica(&[(1, "a")]), replica(&[(1, "a"), (2, "x")]));
        let orders = [done(1, "a"), done(2, "b")];
        for phones in [[all.clone(), fewer.clone()], [other.clone(), all.clone()]] {
            let found = audit(event(), &orders, &all, &phones).unwrap();
            assert_eq!((found.converged, found.lost), (false, [id(2)].into()));
        }
        let found = audit(event(), &orders, &fewer, std::slice::from_ref(&all)).unwrap();
        assert_eq!((found.converged, found.lost), (false, [id(2)].into()));
    }

    #[test]
    fn what_nobody_was_told_is_noticed() {
        let all = replica(&[(1, "a"), (2, "b")]);
        assert_eq!(audit(event(), &[done(1, "a")], &all, std::slice::from_ref(&all)).unwrap().unasked, [id(2)].into());
    }
}
