//! Ephemeral messages arrive over several ways: each counts once.

use std::collections::{HashMap, VecDeque};

use crate::PeerId;

type Session = (PeerId, String);

/// The highest count seen of each session, of a bounded number of sessions.
#[derive(Debug)]
pub(super) struct SeenSessions {
    counts: HashMap<Session, u64>,
    order: VecDeque<Session>,
    capacity: usize,
}

impl SeenSessions {
    pub(super) fn new(capacity: usize) -> Self {
        Self { counts: HashMap::new(), order: VecDeque::new(), capacity }
    }

    /// Notes a message; false when it, or a later one of its session, was here before.
    pub(super) fn is_new(&mut self, author: &PeerId, session: &str, count: u64) -> bool {
        let key = (author.clone(), session.to_owned());
        if let Some(highest) = self.counts.get_mut(&key) {
            let is_new = count > *highest;
            *highest = (*highest).max(count);
            return is_new;
        }
        if self.order.len() >= self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.counts.insert(key, count);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_growing_counts_are_new_and_memory_is_bounded() {
        let peer = PeerId::new("phone").unwrap();
        let mut seen = SeenSessions::new(2);
        assert!(seen.is_new(&peer, "a", 1));
        assert!(!seen.is_new(&peer, "a", 1));
        assert!(seen.is_new(&peer, "a", 3));
        assert!(!seen.is_new(&peer, "a", 2));
        assert!(seen.is_new(&peer, "b", 1));
        assert!(seen.is_new(&peer, "c", 1));
        assert_eq!((seen.counts.len(), seen.order.len()), (2, 2));
    }
}
