//! Where attendees go, and what becomes of their old tickets.

use std::collections::BTreeMap;

use muster_model::attendee::Attendee;
use muster_model::document::{MAX_SHARDS, SHARD_ATTENDEES};
use muster_model::id::AttendeeId;

use super::super::error::ImportError;
use super::Current;

/// The shards of an event while an import fills them: those who are there stay, new ones fill the first with room.
pub(crate) struct Shards {
    of: BTreeMap<AttendeeId, u16>,
    filled: Vec<usize>,
    first_with_room: usize,
}

impl Shards {
    /// The shards as the documents have them.
    pub(crate) fn new(current: &Current) -> Self {
        let mut filled = vec![0; usize::from(current.event.shard_range().end)];
        let mut of = BTreeMap::new();
        for (id, placed) in &current.attendees {
            let shard = usize::from(placed.shard);
            if filled.len() <= shard {
                filled.resize(shard + 1, 0);
            }
            if let Some(count) = filled.get_mut(shard) {
                *count += 1;
            }
            of.insert(*id, placed.shard);
        }
        Self { of, filled, first_with_room: 0 }
    }

    /// Whether the attendee has a place.
    pub(crate) fn knows(&self, id: AttendeeId) -> bool {
        self.of.contains_key(&id)
    }

    /// The shard of an attendee, who gets a place if they have none.
    pub(crate) fn of(&mut self, id: AttendeeId) -> Result<u16, ImportError> {
        if let Some(shard) = self.of.get(&id) {
            return Ok(*shard);
        }
        while self.filled.get(self.first_with_room).is_some_and(|&count| count >= SHARD_ATTENDEES) {
            self.first_with_room += 1;
        }
        let full = ImportError::EventFull { limit: usize::from(MAX_SHARDS) * SHARD_ATTENDEES };
        let shard = u16::try_from(self.first_with_room).ok().filter(|&shard| shard < MAX_SHARDS).ok_or(full)?;
        match self.filled.get_mut(self.first_with_room) {
            Some(count) => *count += 1,
            None => self.filled.push(1),
        }
        self.of.insert(id, shard);
        Ok(shard)
    }

    /// How many shards the event needs.
    pub(crate) fn needed(&self) -> u16 {
        u16::try_from(self.filled.len()).unwrap_or(MAX_SHARDS).clamp(1, MAX_SHARDS)
    }
}

/// Keeps a ticket that was replaced among those that let nobody in any more.
pub(crate) fn revoke_replaced(before: &Attendee, after: &mut Attendee) {
    if before.ticket == after.ticket {
        return;
    }
    let current = after.ticket;
    after.revoked_tickets.retain(|&ticket| Some(ticket) != current);
    if let Some(old) = before.ticket
        && !after.revoked_tickets.contains(&old)
    {
        after.revoked_tickets.push(old);
    }
}
