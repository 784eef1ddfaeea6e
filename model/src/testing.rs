//! What the tests of the decisions share: facts in one line each, and made-up histories.

use proptest::prelude::*;

use crate::fact::{Entry, EntryVia, Fact, FactBody, ItemState, Observation, Resolution, ResolutionKind, Skew, WalkIn};
use crate::id::{AttendeeId, CheckpointId, DeviceId, FactId, ItemId, RecordId, SessionId};
use crate::time::Timestamp;

/// A point in time, from RFC 3339.
pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::from_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// A minute of a test's day.
pub(crate) fn minute(minute: i64) -> Timestamp {
    at("2027-05-20T09:00:00Z").plus_minutes(minute)
}

pub(crate) fn device(seed: u8) -> DeviceId {
    DeviceId::from_random([seed; 8])
}

pub(crate) fn fact_id(seed: u8, counter: u64) -> FactId {
    FactId { device: device(seed), counter }
}

pub(crate) fn attendee(seed: u8) -> AttendeeId {
    AttendeeId::from_random([seed; 10])
}

pub(crate) fn checkpoint(seed: u8) -> CheckpointId {
    CheckpointId::from_random([seed; 10])
}

pub(crate) fn session(seed: u8) -> SessionId {
    SessionId::from_random([seed; 10])
}

pub(crate) fn item(seed: u8) -> ItemId {
    ItemId::from_random([seed; 10])
}

/// A key that signs tickets.
pub(crate) fn signing_key(seed: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[seed; 32])
}

/// A fact of device `id.0`, its running number `id.1`, by a clock that no server has measured.
pub(crate) fn fact(id: (u8, u64), at: Timestamp, body: FactBody) -> Fact {
    Fact { id: fact_id(id.0, id.1), at, skew: None, by: String::new(), body }
}

/// The same, by a clock that is measured to be so many minutes ahead.
pub(crate) fn ahead(minutes: i64, fact: Fact) -> Fact {
    let at = fact.at.plus_minutes(minutes);
    Fact { at, skew: Some(Skew { ms: -minutes * 60_000, age_ms: 0 }), ..fact }
}

pub(crate) fn entry_of(attendee: AttendeeId, checkpoint: CheckpointId) -> FactBody {
    let answers = std::collections::BTreeMap::new();
    FactBody::Entry(Entry { attendee, checkpoint, via: EntryVia::Scan, ticket: None, answers, despite: String::new() })
}

/// Attendee 1 is admitted at checkpoint 1.
pub(crate) fn entry() -> FactBody {
    entry_of(attendee(1), checkpoint(1))
}

/// Attendee 1 leaves checkpoint 1.
pub(crate) fn exit() -> FactBody {
    FactBody::Exit { attendee: attendee(1), checkpoint: checkpoint(1) }
}

pub(crate) fn walk_in_of(attendee: AttendeeId, checkpoint: CheckpointId, category: &str) -> FactBody {
    let category = category.to_owned();
    FactBody::WalkIn(WalkIn { attendee, checkpoint, name: "Zane".into(), organisation: String::new(), category })
}

/// Attendee 1 is registered and admitted at checkpoint 1.
pub(crate) fn walk_in() -> FactBody {
    walk_in_of(attendee(1), checkpoint(1), "Press")
}

pub(crate) fn undo(device: u8, counter: u64) -> FactBody {
    FactBody::Undo { fact: fact_id(device, counter), reason: String::new() }
}

/// Somebody looked at these admissions of attendee 1 at checkpoint 1.
pub(crate) fn resolution(found: ResolutionKind, facts: &[(u8, u64)]) -> FactBody {
    let facts = facts.iter().map(|(device, counter)| fact_id(*device, *counter)).collect();
    FactBody::Resolution(Resolution {
        attendee: attendee(1),
        checkpoint: checkpoint(1),
        facts,
        found,
        note: String::new(),
    })
}

/// Somebody looked at an item of session 1.
pub(crate) fn seen(seed: u8, state: ItemState) -> FactBody {
    FactBody::Observation(Observation { session: session(1), item: item(seed), state, note: String::new() })
}

/// What the devices of a small event may have written, in any order: two attendees, two checkpoints, three devices
/// whose clocks jump, undos and resolutions of whatever was written before by anybody.
pub(crate) fn histories() -> impl Strategy<Value = Vec<Fact>> {
    let step = (1_u8..=3, -2_000_i64..2_000, prop::option::of(-90_i64..90), 0_u8..20, any::<(u8, u8, u8)>());
    prop::collection::vec(step, 0..24).prop_map(|steps| {
        let mut written: Vec<Fact> = Vec::new();
        for (device, minutes, skew, what, (one, other, which)) in steps {
            let counter = 1 + written.iter().filter(|fact| fact.id.device == self::device(device)).count();
            let id = (device, u64::try_from(counter).unwrap());
            let mut earlier = written.iter().map(|fact| fact.id).cycle().skip(usize::from(one));
            let (who, place) = (attendee(1 + which % 2), checkpoint(1 + which / 2 % 2));
            let body = match what {
                0..8 => entry_of(who, place),
                8..11 => FactBody::Exit { attendee: who, checkpoint: place },
                11 => walk_in_of(who, place, if other % 2 == 0 { "Press" } else { "Guest" }),
                12..16 => match earlier.next() {
                    Some(fact) => FactBody::Undo { fact, reason: String::new() },
                    None => undo(9, 9),
                },
                16..18 => {
                    let kinds =
                        [ResolutionKind::SamePerson, ResolutionKind::SecondAdmitted, ResolutionKind::SecondRemoved];
                    let facts = earlier.take(2 + usize::from(other % 3)).collect();
                    let found = kinds[usize::from(other) % 3];
                    let note = String::new();
                    FactBody::Resolution(Resolution { attendee: who, checkpoint: place, facts, found, note })
                }
                _ => {
                    let state = [ItemState::Ok, ItemState::Problem, ItemState::NotNeeded][usize::from(other) % 3];
                    let (session, item) = (session(1 + one % 2), item(1 + which % 3));
                    FactBody::Observation(Observation { session, item, state, note: String::new() })
                }
            };
            let skew = skew.map(|minutes| Skew { ms: minutes * 60_000, age_ms: 0 });
            written.push(Fact { skew, ..fact(id, minute(minutes), body) });
        }
        written
    })
}

/// A history, and the same as another replica may hold it: in another order, some of it heard twice.
pub(crate) fn retold() -> impl Strategy<Value = (Vec<Fact>, Vec<Fact>)> {
    let retell = |facts: Vec<Fact>| {
        let again = prop::sample::subsequence(facts.clone(), 0..=facts.len());
        let retold = again.prop_map({
            let facts = facts.clone();
            move |again| [facts.clone(), again].concat()
        });
        (Just(facts), retold.prop_shuffle())
    };
    histories().prop_flat_map(retell)
}

/// What two replicas know of one history, each a part of it and together the whole.
pub(crate) fn replicas() -> impl Strategy<Value = (Vec<Fact>, Vec<Fact>)> {
    let divide = |facts: Vec<Fact>| {
        let held = prop::collection::vec(0_u8..3, facts.len());
        held.prop_map(move |held| {
            let of = |other: u8| {
                let held = facts.iter().zip(&held).filter(move |(_, held)| **held != other);
                held.map(|(fact, _)| fact.clone()).collect::<Vec<_>>()
            };
            (of(0), of(1))
        })
    };
    histories().prop_flat_map(divide)
}
