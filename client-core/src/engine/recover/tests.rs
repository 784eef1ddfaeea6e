use automerge::transaction::{CommitOptions, Transactable};
use muster_model::document::DocKind;
use muster_model::fact::FactBody;
use muster_model::id::{EventId, PresenterId, RecordId};

use super::*;

const ARRIVALS: DocRef = DocRef::whole(DocKind::Arrivals);

fn device(seed: u8) -> DeviceId {
    DeviceId::from_random([seed; 8])
}

fn arrival(seed: u8, counter: u64) -> Fact {
    let body = FactBody::Arrival { presenter: PresenterId::from_random([1; 10]), own: false };
    let at = Timestamp::from_ms(1_810_792_800_000);
    Fact { id: FactId { device: device(seed), counter }, at, skew: None, by: "Door".to_owned(), body }
}

fn write(doc: &mut Automerge, session: u8, fact: &Fact) -> Change {
    doc.set_actor(fact.id.device.actor([session; 8]));
    let mut transaction = doc.transaction();
    fact::append(&mut transaction, fact).unwrap();
    transaction.commit_with(CommitOptions::default().with_time(0));
    doc.get_last_local_change().unwrap()
}

/// What was written again after one refusal, and comes back from another phone as it was, is dropped twice and written once.
#[test]
fn a_fact_that_is_dropped_twice_is_written_again_once() {
    let event = EventId::from_random([7; 16]);
    let mut doc = document::create(event, &ARRIVALS, device(9).actor([1; 8])).unwrap();
    let root = write(&mut doc, 1, &arrival(9, 1));
    let mut other = doc.clone();
    let fact = arrival(1, 5);
    let (first, again) = (write(&mut doc, 1, &fact), write(&mut other, 2, &fact));
    doc.load_incremental(again.raw_bytes()).unwrap();
    let server = ServerId("server".to_owned());
    for (code, renumbered) in [("fact_foreign", false), ("fact_immutable", false)] {
        let roots = [root.hash()];
        let refused = with_dependants(&doc, &roots);
        assert_eq!(refused, [root.hash(), first.hash(), again.hash()].into());
        let since = Timestamp::from_ms(0);
        let why = Why { server: &server, code, roots: &roots, since, own: device(1), may_write: true };
        let plan = plan(ARRIVALS, &doc, &refused, &why);
        assert_eq!(plan.again, [(fact.clone(), renumbered)]);
        assert_eq!((plan.dropped.len(), plan.aside.len()), (3, 1));
    }
}

/// A restored server that forgot which epochs it had begun refuses its own words from whoever still has them. They are no
/// work of a person: what was written on top of them is kept aside, they are not.
#[test]
fn what_a_server_wrote_and_forgot_is_not_kept_aside() {
    let event = EventId::from_random([7; 16]);
    let mut doc = document::create(event, &ARRIVALS, device(9).actor([1; 8])).unwrap();
    let mut transaction = doc.transaction();
    transaction.put_object(automerge::ROOT, "epochs", automerge::ObjType::Map).unwrap();
    transaction.commit_with(CommitOptions::default().with_time(0));
    let root = doc.get_last_local_change().unwrap();
    let later = write(&mut doc, 1, &arrival(2, 5));
    let (server, roots) = (ServerId("server".to_owned()), [root.hash()]);
    let refused = with_dependants(&doc, &roots);
    let why = |code, own| {
        let since = Timestamp::from_ms(0);
        Why { server: &server, code, roots: &roots, since, own, may_write: true }
    };
    let aside = |why: &Why<'_>| plan(ARRIVALS, &doc, &refused, why).aside.into_iter().map(|(hash, _)| hash).collect();
    let hashes: Vec<ChangeHash> = aside(&why("structure_forbidden", device(1)));
    assert_eq!(hashes, [later.hash()]);
    // What this device itself forged, or what others did otherwise, is.
    for (code, own) in [("structure_forbidden", device(9)), ("read_only", device(1))] {
        let hashes: Vec<ChangeHash> = aside(&why(code, own));
        assert_eq!(hashes, [root.hash(), later.hash()]);
    }
}
