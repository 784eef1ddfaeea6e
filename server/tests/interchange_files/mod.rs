//! What the tests on real files share.

use std::path::PathBuf;

use muster_model::document::{DocRef, Part};
use muster_model::id::EventId;
use muster_model::time::TimeZone;
use muster_server::interchange::plan::{Base, Current, Placed, RecordWrite, plan};
use muster_server::interchange::{Draft, ReadContext, ReadLimits};

/// The bytes of a real file; `None`, with a line that says so, if there are none on this machine.
pub(crate) fn data(path: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("MUSTER_DATA").map(PathBuf::from) else {
        println!("skipped: MUSTER_DATA is not set");
        return None;
    };
    Some(std::fs::read(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// What a reader has to know, with this zone to fall back on.
pub(crate) fn context(zone: &str) -> ReadContext {
    ReadContext {
        event: EventId::from_random([7; 16]),
        time_zone: TimeZone::named(zone).unwrap(),
        limits: ReadLimits::default(),
    }
}

/// The documents after a plan, by taking its writes over.
pub(crate) fn applied(mut current: Current, writes: impl IntoIterator<Item = (DocRef, RecordWrite)>) -> Current {
    for (document, write) in writes {
        let shard = match document.part {
            Part::Shard(shard) => shard,
            _ => 0,
        };
        match write {
            RecordWrite::Event(event) => current.event = *event,
            RecordWrite::Checkpoint(id, checkpoint) => drop(current.checkpoints.insert(id, checkpoint)),
            RecordWrite::TicketKey(id, key) => drop(current.ticket_keys.insert(id, key)),
            RecordWrite::Withdrawn(ticket, Some(withdrawal)) => drop(current.withdrawn.insert(ticket, withdrawal)),
            RecordWrite::Withdrawn(ticket, None) => drop(current.withdrawn.remove(&ticket)),
            RecordWrite::Room(id, room) => drop(current.rooms.insert(id, room)),
            RecordWrite::Track(id, track) => drop(current.tracks.insert(id, track)),
            RecordWrite::Session(id, session) => drop(current.sessions.insert(id, *session)),
            RecordWrite::Presenter(id, presenter) => drop(current.presenters.insert(id, presenter)),
            RecordWrite::Attendee(id, attendee) => drop(current.attendees.insert(id, Placed { shard, attendee })),
            RecordWrite::Contact(id, contact) => drop(current.contacts.insert(id, contact)),
            RecordWrite::Logistics(part) => match document.part {
                Part::Presenter(id) => part.apply_to(current.logistics.entry(id).or_default()),
                _ => panic!("logistics in {document}"),
            },
        }
    }
    current
}

/// Plans and applies an import: the documents after it, what to remember, and how many records were written.
pub(crate) fn import(draft: &Draft, current: Current, base: &Base) -> (Current, Base, usize) {
    let plan = plan(draft, &current, base).unwrap();
    let count = plan.writes.values().map(Vec::len).sum();
    let writes = plan.writes.into_iter();
    let writes = writes.flat_map(|(document, writes)| writes.into_iter().map(move |write| (document, write)));
    (applied(current, writes), plan.new_base, count)
}
