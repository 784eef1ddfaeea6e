//! What the phones are told to do while they hear nothing of each other: drawn from a seed, so that a run can be repeated.

use muster_model::fact::{ItemState, Severity};
use muster_model::id::{ItemId, SessionId};
use muster_model::readiness::ItemKind;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::tickets::Tickets;

/// One in so many tickets is shown at a second gate too.
const ONE_IN_SHOWN_TWICE: usize = 60;

/// One in so many check-ins is taken back: the wrong person was tapped.
const ONE_IN_UNDONE: usize = 50;

/// Something a phone is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Scan this code.
    Scan(String),
    /// Find somebody of this name and check them in.
    Find(String),
    /// Take back the last check-in.
    UndoLast,
    /// Register and admit somebody who has no ticket.
    WalkIn {
        /// The name they give.
        name: String,
    },
    /// Look at an item of a session's readiness.
    Observe {
        /// The session.
        session: SessionId,
        /// The item.
        item: ItemId,
        /// What is found.
        state: ItemState,
        /// What is wrong, for a problem.
        note: &'static str,
    },
    /// Report that something went wrong.
    Incident {
        /// In which session.
        session: SessionId,
        /// How bad it is.
        severity: Severity,
        /// What happened.
        text: &'static str,
    },
}

/// What the orders are drawn from.
#[derive(Debug)]
pub struct Day<'a> {
    /// What people carry.
    pub tickets: &'a Tickets,
    /// The sessions, each with the items its room needs.
    pub sessions: &'a [(SessionId, Vec<(ItemId, ItemKind)>)],
    /// How many phones there are.
    pub phones: usize,
    /// What to repeat the day by.
    pub seed: u64,
}

/// What each phone is told, in order.
#[must_use]
pub fn draw(day: &Day<'_>) -> Vec<Vec<Order>> {
    let mut rng = ChaCha8Rng::seed_from_u64(day.seed);
    let mut phones = vec![Vec::new(); day.phones];
    arrivals(day, &mut rng, &mut phones);
    rooms(day, &mut rng, &mut phones);
    for orders in &mut phones {
        interleave(orders, &mut rng);
    }
    phones
}

/// Six in ten attendees come before the network does; each to one gate, some tickets to two.
fn arrivals(day: &Day<'_>, rng: &mut ChaCha8Rng, phones: &mut [Vec<Order>]) {
    let order = |index: usize| match day.tickets {
        Tickets::Codes(codes) => codes.get(index).cloned().map(Order::Scan),
        Tickets::Names(names) => names.get(index).cloned().map(Order::Find),
    };
    let mut people: Vec<usize> = (0..day.tickets.count()).collect();
    people.shuffle(rng);
    people.truncate((people.len() * 6).div_ceil(10));
    let gates = phones.len();
    for (nth, person) in people.into_iter().enumerate() {
        let gate = nth % gates.max(1);
        let twice = gates > 1 && nth % ONE_IN_SHOWN_TWICE == 0;
        let second = twice.then(|| (gate + rng.random_range(1..gates)) % gates);
        for gate in [Some(gate), second].into_iter().flatten() {
            if let Some(orders) = phones.get_mut(gate) {
                orders.extend(order(person));
                if rng.random_range(0..ONE_IN_UNDONE) == 0 {
                    orders.push(Order::UndoLast);
                }
            }
        }
    }
    for (number, orders) in phones.iter_mut().enumerate() {
        // Somebody with the receipt of a car park instead of a ticket, and somebody with nothing at all.
        orders.push(Order::Scan(format!("PARKING-{number}")));
        orders.push(Order::WalkIn { name: format!("Guest {}", number + 1) });
    }
}

/// Each phone makes a share of the rooms ready: most are, some have a problem, some are left half done.
fn rooms(day: &Day<'_>, rng: &mut ChaCha8Rng, phones: &mut [Vec<Order>]) {
    let gates = phones.len();
    for (nth, (session, items)) in day.sessions.iter().enumerate() {
        let Some(orders) = phones.get_mut(nth % gates.max(1)) else { return };
        let looked_at = match rng.random_range(0..10) {
            0 => 0,
            1 | 2 => items.len() / 2,
            _ => items.len(),
        };
        let troubled = (looked_at > 0 && rng.random_range(0..8) == 0).then(|| rng.random_range(0..looked_at));
        for (index, (item, kind)) in items.iter().take(looked_at).enumerate() {
            let problem = troubled == Some(index);
            let state = match rng.random_range(0..12) {
                _ if problem => ItemState::Problem,
                0 => ItemState::NotNeeded,
                _ => ItemState::Ok,
            };
            let note = if problem { trouble(*kind, rng) } else { "" };
            orders.push(Order::Observe { session: *session, item: *item, state, note });
        }
        if troubled.is_some() && rng.random_range(0..4) == 0 {
            let text = "somebody tripped over a cable";
            orders.push(Order::Incident { session: *session, severity: Severity::Urgent, text });
        }
    }
}

/// What can be wrong with an item.
fn trouble(kind: ItemKind, rng: &mut ChaCha8Rng) -> &'static str {
    let known: &[&str] = match kind {
        ItemKind::Av => &["no picture on the screen", "microphone crackles"],
        ItemKind::Seating => &["ten chairs missing", "the tables of the last session still stand"],
        ItemKind::Water => &["no glasses"],
        ItemKind::Materials => &["name plate of one presenter missing", "hand-outs are in another room"],
        ItemKind::Signage => &["sign is gone", "sign shows yesterday's session"],
        ItemKind::Capacity => &["a stack of chairs before the exit"],
        ItemKind::Other => &["not there yet"],
    };
    known.choose(rng).copied().unwrap_or_default()
}

/// People and rooms come in no order; only an undo must stay behind its check-in.
fn interleave(orders: &mut Vec<Order>, rng: &mut ChaCha8Rng) {
    let mut groups: Vec<Vec<Order>> = Vec::new();
    for order in orders.drain(..) {
        match (&order, groups.last_mut()) {
            (Order::UndoLast, Some(group)) => group.push(order),
            _ => groups.push(vec![order]),
        }
    }
    groups.shuffle(rng);
    orders.extend(groups.into_iter().flatten());
}

#[cfg(test)]
mod tests {
    use muster_model::id::RecordId;

    use super::*;

    fn codes(count: usize) -> Tickets {
        Tickets::Codes((0..count).map(|number| format!("code{number}")).collect())
    }

    fn scans(orders: &[Order]) -> Vec<&str> {
        let code = |order: &Order| matches!(order, Order::Scan(code) if code.starts_with("code"));
        orders
            .iter()
            .filter(|order| code(order))
            .map(|order| if let Order::Scan(c) = order { c.as_str() } else { "" })
            .collect()
    }

    #[test]
    fn a_seed_gives_one_day_and_another_seed_another() {
        let tickets = codes(600);
        let sessions = [(SessionId::from_random([1; 10]), vec![(ItemId::from_random([2; 10]), ItemKind::Av)])];
        let day = |seed| draw(&Day { tickets: &tickets, sessions: &sessions, phones: 3, seed });
        assert_eq!(day(1), day(1));
        assert_ne!(day(1), day(2));
    }

    #[test]
    fn six_in_ten_come_and_some_tickets_are_shown_at_two_gates() {
        let tickets = codes(600);
        let phones = draw(&Day { tickets: &tickets, sessions: &[], phones: 3, seed: 1 });
        let all: Vec<&str> = phones.iter().flat_map(|orders| scans(orders)).collect();
        let distinct: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(distinct.len(), 360);
        assert_eq!(all.len() - distinct.len(), 6);
        for orders in &phones {
            let own = scans(orders);
            assert_eq!(
                own.iter().collect::<std::collections::BTreeSet<_>>().len(),
                own.len(),
                "no gate sees one twice"
            );
            assert_ne!(orders.first(), Some(&Order::UndoLast));
        }
    }

    #[test]
    fn one_phone_alone_is_a_day_too() {
        let tickets = Tickets::Names(vec!["Anna".into()]);
        let phones = draw(&Day { tickets: &tickets, sessions: &[], phones: 1, seed: 1 });
        assert!(phones[0].contains(&Order::Find("Anna".into())));
    }
}
