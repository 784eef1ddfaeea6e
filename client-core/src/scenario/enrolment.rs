//! Devices that are not enrolled, enrolled twice, or meet what they do not understand.

use automerge::ROOT;
use automerge::transaction::Transactable;
use muster_model::access::Role;
use muster_model::document::collection;
use muster_model::fact::MAX_FACT_BYTES;
use muster_model::id::EventId;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::world::{World, at, checkins, code, gate};
use crate::code::CoreCode;
use crate::command::Answers;
use crate::driver::Driver;
use crate::event::{Enrolment, Event};
use crate::store::memory::MemoryStore;
use crate::view::StatusView;

#[test]
fn a_device_that_is_not_enrolled_says_so() {
    let rng = Box::new(ChaCha8Rng::seed_from_u64(1));
    let mut phone = Driver::open(MemoryStore::new(), rng, at(0)).unwrap();
    for event in [Event::SyncStart, Event::Wake, Event::SyncStop] {
        phone.dispatch(at(0), event).unwrap();
    }
    assert_eq!(phone.me(at(0)).unwrap(), None);
    assert_eq!(phone.status(at(0)).unwrap(), StatusView::default());
    assert_eq!(phone.scan(at(0), gate(), "x", Answers::new()).unwrap_err().code, CoreCode::NotEnrolled);
    assert_eq!(phone.search(at(0), "anna", 5).unwrap_err().code, CoreCode::NotEnrolled);
}

#[test]
fn a_database_belongs_to_one_event_and_one_device() {
    let mut world = World::with_phones(4, 1);
    let mut enrol = |enrolment: Enrolment| {
        let enrolled = world.phones[0].dispatch(at(0), Event::Enrolled(Box::new(enrolment)));
        enrolled.map(drop).map_err(|error| error.code)
    };
    let known = World::enrolment(0, Role::Staff);
    let other_event = Enrolment { event: EventId::from_random([8; 16]), ..known.clone() };
    assert_eq!(enrol(other_event), Err(CoreCode::EnrolmentMismatch));
    assert_eq!(enrol(World::enrolment(5, Role::Staff)), Err(CoreCode::EnrolmentMismatch));
    assert_eq!(enrol(known), Ok(()), "the same again renews the token");
    let now = world.now;
    assert_eq!(world.scan(0, 1).verdict, muster_model::verdict::Verdict::Admitted);
    assert_eq!(world.phones[0].me(now).unwrap().unwrap().device, World::device(0));
}

#[test]
fn a_document_of_a_later_version_stops_only_itself() {
    let mut world = World::with_phones(4, 1);
    let later = world.server.doc(checkins(0));
    later.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(ROOT, "schema_version", 99)).unwrap();
    world.network_down();
    world.network_up();
    let now = world.now;
    let status = world.phones[0].status(now).unwrap();
    assert_eq!(status.unusable, [(checkins(0), CoreCode::DocumentNewer)]);
    let refused = world.phones[0].scan(now, gate(), &code(2), Answers::new());
    assert_eq!(refused.unwrap_err().code, CoreCode::DocumentNewer);
    assert_eq!(world.scan(0, 1).verdict, muster_model::verdict::Verdict::Admitted);
}

#[test]
fn facts_that_cannot_be_read_or_kept_stop_nothing() {
    let mut world = World::with_phones(4, 1);
    let am = world.server.doc(checkins(1));
    let facts = collection(am, "facts").unwrap();
    // As long as a fact may be, and longer once what it leaves out is written out.
    let start = r#"{"at_ms":5,"kind":"entry","attendee":"0123456789abcdef","checkpoint":"0123456789abcdef","by":""#;
    let brim = format!("{start}{}\"}}", "x".repeat(MAX_FACT_BYTES - start.len() - 2));
    assert_eq!(brim.len(), MAX_FACT_BYTES);
    let texts = [brim.as_str(), "not json", r#"{"kind":"of a later version","at_ms":1}"#];
    let mut transaction = am.transaction();
    for (number, text) in (1_u64..).zip(texts) {
        transaction.put(&facts, format!("eeeeeeeeeeeeeeee-{number}"), text).unwrap();
    }
    transaction.put(&facts, "no id at all", "{}").unwrap();
    transaction.commit();
    world.network_down();
    world.network_up();
    assert_eq!(world.scan(0, 1).verdict, muster_model::verdict::Verdict::Admitted);
    world.run();
    world.assert_converged();
}
