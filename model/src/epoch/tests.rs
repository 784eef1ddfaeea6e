use super::*;
use crate::attendee::Attendee;
use crate::fact::{self, Entry, EntryVia, Fact, FactBody};
use crate::id::{CheckpointId, DeviceId, FactId, RecordId};
use crate::record;

fn event() -> EventId {
    EventId::from_random([7; 16])
}

fn actor(seed: u8) -> ActorId {
    DeviceId::from_random([seed; 8]).actor([seed; 8])
}

fn attendee(number: u8) -> AttendeeId {
    AttendeeId::from_random([number; 10])
}

fn founding(document: DocRef) -> Founding {
    Founding { event: event(), document, epoch: 1, actor: actor(9), at: Timestamp::from_ms(5_000) }
}

fn roster() -> Automerge {
    let mut doc = document::create(event(), &DocRef::shard(DocKind::Roster, 0), actor(1)).unwrap();
    for (number, name) in [(1, "Jānis Bērziņš"), (2, "Zoë Müller"), (3, "Łukasz Żak")] {
        let record = Attendee { name: name.into(), notes: "quiet".into(), ..Attendee::default() };
        doc.transact(|tx| record::put(tx, &attendee(number), &record)).map_err(|failure| failure.error).unwrap();
    }
    doc
}

fn holds(doc: &Automerge, text: &str) -> bool {
    let in_change = |change: &automerge::Change| {
        let ops = format!("{:?}", change.decode().operations);
        ops.contains(text)
    };
    doc.get_changes(&[]).iter().any(in_change)
}

#[test]
fn a_new_epoch_has_the_state_without_the_erased_and_without_the_past() {
    let old = roster();
    assert!(holds(&old, "Jānis"));
    let erasure = Erasure::of([attendee(1)].into(), []);
    let new = found(&founding(DocRef::shard(DocKind::Roster, 0)), &old, &erasure).unwrap();
    let (before, after) = (record::read_all::<Attendee>(&old).unwrap(), record::read_all::<Attendee>(&new).unwrap());
    assert_eq!(after.records.keys().copied().collect::<Vec<_>>(), [attendee(2), attendee(3)]);
    assert!(after.records.iter().all(|(id, record)| before.records[id] == *record));
    assert!(!holds(&new, "Jānis") && holds(&new, "Zoë"));
    assert!(is_begun(&new).unwrap() && !is_begun(&old).unwrap());
    // The old first change has the number of the new one; without it, the others wait for it for ever.
    let mut merged = new.fork().with_actor(actor(3));
    merged.apply_changes(old.get_changes(&[])).unwrap_err();
    let mut merged = new.fork().with_actor(actor(3));
    merged.apply_changes(old.get_changes(&[]).into_iter().skip(1)).unwrap();
    assert_eq!(merged.get_heads(), new.get_heads());
    assert_eq!(record::read_all::<Attendee>(&merged).unwrap().records.len(), 2);
}

#[test]
fn facts_move_with_their_ids() {
    let mut old = document::create(event(), &DocRef::shard(DocKind::Checkins, 0), actor(1)).unwrap();
    let entry = |number: u8| {
        let (checkpoint, ticket) = (CheckpointId::from_random([1; 10]), None);
        let answers = [(RecordId::from_random([1; 10]), "vegan".to_owned())].into();
        let attendee = attendee(number);
        FactBody::Entry(Entry { attendee, checkpoint, via: EntryVia::Scan, ticket, answers, despite: String::new() })
    };
    let id = |counter| FactId { device: DeviceId::from_random([1; 8]), counter };
    let undo = FactBody::Undo { fact: id(1), reason: "mistook Jānis".into() };
    for (counter, body) in [(1, entry(1)), (2, entry(2)), (3, undo)] {
        let fact = Fact { id: id(counter), at: Timestamp::from_ms(1), skew: None, by: "A".into(), body };
        old.transact(|tx| fact::append(tx, &fact)).map_err(|failure| failure.error).unwrap();
    }
    let erasure = Erasure::of([attendee(1)].into(), []);
    let new = found(&founding(DocRef::shard(DocKind::Checkins, 0)), &old, &erasure).unwrap();
    let facts = fact::read_all(&new).unwrap().facts;
    assert_eq!(facts.iter().map(|fact| fact.id.counter).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(facts[1], fact::read_all(&old).unwrap().facts[1]);
    assert!(matches!(&facts[0].body, FactBody::Entry(entry) if entry.answers.is_empty()));
    assert!(matches!(&facts[2].body, FactBody::Undo { reason, .. } if reason.is_empty()));
}

#[test]
fn the_event_says_which_epochs_are_current_and_the_later_holds() {
    let mut one = document::create(event(), &DocRef::whole(DocKind::Event), actor(1)).unwrap();
    let mut other = document::create(event(), &DocRef::whole(DocKind::Event), actor(2)).unwrap();
    assert_eq!(Epochs::read(&one).unwrap(), Epochs::default());
    let (roster, checkins) = (DocRef::shard(DocKind::Roster, 0), DocRef::shard(DocKind::Checkins, 0));
    let write = |doc: &mut Automerge, epochs: &Epochs| {
        let known = Epochs::read(doc).unwrap();
        doc.transact(|tx| epochs.write(tx, &known)).map_err(|failure| failure.error).unwrap();
    };
    write(&mut one, &Epochs::new([(roster, 2)].into(), [attendee(1)].into()));
    // A server that was restored from a backup begins the maps once more.
    write(&mut other, &Epochs::new([(roster, 1), (checkins, 1)].into(), [attendee(2)].into()));
    one.merge(&mut other).unwrap();
    let all = Epochs::new([(roster, 2), (checkins, 1)].into(), [attendee(1), attendee(2)].into());
    assert_eq!(Epochs::read(&one).unwrap(), all);
    let heads = one.get_heads();
    write(&mut one, &all);
    assert_eq!(one.get_heads(), heads, "what it says already is not written again");
}
