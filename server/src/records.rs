//! An event's records, gathered from its documents.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ChangeHash};
use muster_model::attendee::{Attendee, Contact};
use muster_model::checkpoint::Checkpoint;
use muster_model::document::{DocKind, DocRef};
use muster_model::event::{Event, OnlyKey};
use muster_model::fact::{self, Fact};
use muster_model::id::{AttendeeId, EventId, PresenterId};
use muster_model::program::{PresenterProfile, Room, Session, Track};
use muster_model::record::{self, Record, RecordError};
use muster_model::ticket::TicketHash;
use muster_model::ticket::key::{KeyId, TicketKey};
use muster_model::ticket::withdrawn::{self, Withdrawn};

use crate::documents::Documents;
use crate::error::ApiError;
use crate::interchange::plan::{Current, Placed};
use crate::interchange::{Logistics, Programme};
use crate::tickets;

/// The state of a document that something was read from.
pub(crate) type Heads = Vec<ChangeHash>;

/// All records that can be read; those that cannot are left as they are.
pub(crate) fn all<T: Record>(doc: &Automerge) -> Result<BTreeMap<T::Key, T>, RecordError> {
    Ok(record::read_all::<T>(doc)?.records)
}

/// The event's record and its checkpoints.
pub(crate) struct EventData {
    pub(crate) event: Event,
    pub(crate) checkpoints: BTreeMap<<Checkpoint as Record>::Key, Checkpoint>,
    ticket_keys: BTreeMap<KeyId, TicketKey>,
    withdrawn: Withdrawn,
    heads: Heads,
}

/// The event's record and its checkpoints.
pub(crate) async fn event_data(documents: &Documents, id: EventId) -> Result<EventData, ApiError> {
    let read = |doc: &Automerge| {
        let event = record::read::<Event>(doc, &OnlyKey)?.unwrap_or_default();
        let (ticket_keys, withdrawn) = (tickets::read_keys(doc)?, withdrawn::read_all(doc)?);
        Ok(EventData { event, checkpoints: all::<Checkpoint>(doc)?, ticket_keys, withdrawn, heads: doc.get_heads() })
    };
    documents.read(id, DocRef::whole(DocKind::Event), read).await
}

/// The programme, with the event's record.
pub(crate) async fn programme(documents: &Documents, id: EventId, event: Event) -> Result<Programme, ApiError> {
    Ok(read_programme(documents, id, event).await?.0)
}

async fn read_programme(documents: &Documents, id: EventId, event: Event) -> Result<(Programme, Heads), ApiError> {
    let read = |doc: &Automerge| {
        let programme = Programme {
            event,
            rooms: all::<Room>(doc)?,
            tracks: all::<Track>(doc)?,
            sessions: all::<Session>(doc)?,
            presenters: all::<PresenterProfile>(doc)?,
        };
        Ok((programme, doc.get_heads()))
    };
    documents.read(id, DocRef::whole(DocKind::Program), read).await
}

/// Those of a shard.
pub(crate) async fn shard<T>(
    documents: &Documents,
    id: EventId,
    document: DocRef,
) -> Result<(BTreeMap<T::Key, T>, Heads), ApiError>
where
    T: Record + Send + 'static,
    T::Key: Send,
{
    documents.read(id, document, |doc| Ok((all::<T>(doc)?, doc.get_heads()))).await
}

/// The attendees of all shards.
pub(crate) async fn attendees(
    documents: &Documents,
    id: EventId,
    event: &Event,
) -> Result<BTreeMap<AttendeeId, Attendee>, ApiError> {
    let mut attendees = BTreeMap::new();
    for number in event.shard_range() {
        attendees.extend(shard::<Attendee>(documents, id, DocRef::shard(DocKind::Roster, number)).await?.0);
    }
    Ok(attendees)
}

/// Who has or had each ticket.
pub(crate) fn holders(attendees: &BTreeMap<AttendeeId, Attendee>) -> BTreeMap<TicketHash, BTreeSet<AttendeeId>> {
    let mut holders: BTreeMap<TicketHash, BTreeSet<AttendeeId>> = BTreeMap::new();
    for (id, attendee) in attendees {
        for ticket in attendee.ticket.iter().chain(&attendee.revoked_tickets) {
            holders.entry(*ticket).or_default().insert(*id);
        }
    }
    holders
}

/// The contacts of all shards.
pub(crate) async fn contacts(
    documents: &Documents,
    id: EventId,
    event: &Event,
) -> Result<BTreeMap<AttendeeId, Contact>, ApiError> {
    let mut contacts = BTreeMap::new();
    for number in event.shard_range() {
        contacts.extend(shard::<Contact>(documents, id, DocRef::shard(DocKind::Contacts, number)).await?.0);
    }
    Ok(contacts)
}

/// The facts of all documents of a kind, and how many could not be read.
pub(crate) async fn facts(
    documents: &Documents,
    id: EventId,
    event: &Event,
    kind: DocKind,
) -> Result<(Vec<Fact>, usize), ApiError> {
    let of_kind: Vec<DocRef> = match kind {
        DocKind::Checkins => event.shard_range().map(|number| DocRef::shard(kind, number)).collect(),
        _ => vec![DocRef::whole(kind)],
    };
    let (mut facts, mut unreadable) = (Vec::new(), 0_usize);
    for document in of_kind {
        let mut found = documents.read(id, document, fact::read_all).await?;
        facts.append(&mut found.facts);
        unreadable = unreadable.saturating_add(found.unreadable.len());
    }
    Ok((facts, unreadable))
}

/// A presenter's logistics.
pub(crate) async fn logistics(
    documents: &Documents,
    id: EventId,
    presenter: PresenterId,
) -> Result<(Logistics, Heads), ApiError> {
    let read = |doc: &Automerge| Ok((Logistics::read(doc)?, doc.get_heads()));
    documents.read(id, DocRef::presenter(presenter), read).await
}

/// All that an import can change but presenters' logistics, and the state of each document it was read from.
pub(crate) async fn current(
    documents: &Documents,
    id: EventId,
) -> Result<(Current, BTreeMap<DocRef, Heads>), ApiError> {
    let EventData { event, checkpoints, ticket_keys, withdrawn, heads } = event_data(documents, id).await?;
    let mut states = BTreeMap::from([(DocRef::whole(DocKind::Event), heads)]);
    let (programme, heads) = read_programme(documents, id, event).await?;
    states.insert(DocRef::whole(DocKind::Program), heads);
    let Programme { event, rooms, tracks, sessions, presenters } = programme;
    let (mut attendees, mut contacts) = (BTreeMap::new(), BTreeMap::new());
    for number in event.shard_range() {
        let document = DocRef::shard(DocKind::Roster, number);
        let (found, heads) = shard::<Attendee>(documents, id, document).await?;
        states.insert(document, heads);
        attendees.extend(found.into_iter().map(|(id, attendee)| (id, Placed { shard: number, attendee })));
        let document = DocRef::shard(DocKind::Contacts, number);
        let (found, heads) = shard::<Contact>(documents, id, document).await?;
        states.insert(document, heads);
        contacts.extend(found);
    }
    let logistics = BTreeMap::new();
    let current = Current {
        event,
        checkpoints,
        ticket_keys,
        withdrawn,
        rooms,
        tracks,
        sessions,
        presenters,
        attendees,
        contacts,
        logistics,
    };
    Ok((current, states))
}
