//! Devices that get another role, are revoked, or stay away too long.

use muster_model::access::Role;
use muster_model::document::{DocKind, DocRef};
use muster_model::id::DeviceId;
use muster_model::verdict::Verdict;

use super::tokens::{answered, credentials, granted, server, with_a_phone};
use super::world::{World, checkins, code, gate};
use crate::code::CoreCode;
use crate::command::Answers;
use crate::event::{Credentials, DownReason, Effect, Enrolment, Event, HandOverOutcome, RefreshOutcome, Topic};
use crate::store::StoreRead;
use crate::view::Standing;

fn standing(world: &mut World) -> (Standing, u64) {
    let now = world.now;
    let status = world.phones[0].status(now).unwrap();
    (status.standing, status.kept_facts)
}

/// The server ends the connection because something changed, and the phone asks what.
fn told_to_ask(world: &mut World) {
    let now = world.now;
    let link = world.link_of(0).unwrap();
    world.forget_link(0);
    world.phones[0].dispatch(now, Event::LinkDown { link, reason: DownReason::Unauthorized }).unwrap();
    world.run();
    assert!(matches!(world.question(), (0, Effect::Refresh { .. })));
}

/// Answers the question to hand over; gives the documents that the changes are of.
#[track_caller]
fn take_over(world: &mut World) -> Vec<DocRef> {
    let question = world.question();
    let (0, Effect::HandOver { url, token, changes, .. }) = question else { panic!("{question:?}") };
    assert_eq!((url.as_str(), token.reveal().is_empty()), ("https://server", false));
    for unsent in &changes {
        let change = automerge::Change::from_bytes(unsent.change.clone()).unwrap();
        assert_eq!(DeviceId::of_actor(change.actor_id()), Some(World::device(0)));
    }
    let docs = changes.iter().map(|unsent| unsent.doc).collect();
    let keys = changes.into_iter().map(|unsent| unsent.key).collect();
    world.tell_phone(0, Event::HandedOver { server: server(), outcome: HandOverOutcome::Taken { keys } });
    docs
}

/// Two people admitted with no network.
fn with_unsent() -> World {
    let mut world = with_a_phone();
    world.network_down();
    for number in [1, 2] {
        assert_eq!(world.scan(0, number).verdict, Verdict::Admitted);
    }
    world.network = true;
    world
}

fn offline_then_told(outcome: RefreshOutcome) -> World {
    let mut world = with_unsent();
    // So long that its token has ended: it asks before it dials.
    world.pass(1_200_000);
    assert!(matches!(world.question(), (0, Effect::Refresh { .. })));
    world.tell_phone(0, answered(outcome));
    world
}

#[test]
fn another_role_forgets_what_it_may_not_read_and_hands_over_what_was_not_sent() {
    let finance = RefreshOutcome::Granted { role: Role::Finance, credentials: Box::new(credentials(1)) };
    let mut world = offline_then_told(finance);
    let now = world.now;
    assert_eq!(world.phones[0].me(now).unwrap().unwrap().role, Role::Finance);
    assert_eq!(standing(&mut world), (Standing::Good, 2));
    assert_eq!(world.phones[0].unsent_facts(now).unwrap().len(), 2, "still shown");
    let here: Vec<DocKind> = world.phones[0].store().documents().unwrap().iter().map(|size| size.doc.kind).collect();
    assert!(here.contains(&DocKind::Program));
    assert!(!here.iter().any(|kind| matches!(kind, DocKind::Roster | DocKind::Checkins | DocKind::Rooms)), "{here:?}");
    assert!(world.phones[0].search(now, "anna", 5).unwrap().is_empty());
    assert!(world.phones[0].scan(now, gate(), &code(3), Answers::new()).unwrap().recorded.is_none());
    let incident = crate::command::NewIncident {
        room: None,
        session: None,
        severity: muster_model::fact::Severity::default(),
        text: "no more".into(),
    };
    assert_eq!(world.phones[0].report_incident(now, incident).unwrap_err().code, CoreCode::NotAllowed);
    // It dies before it has handed over.
    world.restart(0);
    world.start(0);
    world.asked.clear();
    world.run();
    let mut docs = take_over(&mut world);
    docs.sort();
    assert_eq!(docs, [checkins(0), checkins(1)]);
    assert_eq!(standing(&mut world), (Standing::Good, 0));
    assert!(world.phones[0].unsent_facts(now).unwrap().is_empty());
    // Back to the door: everything is there again, and it works.
    world.server.docs.values_mut().for_each(drop);
    told_to_ask(&mut world);
    world.tell_phone(0, granted(Role::Staff, 2));
    assert_eq!(world.scan(0, 4).verdict, Verdict::Admitted);
    world.run();
    world.assert_converged();
}

#[test]
fn a_role_that_may_read_more_gets_it() {
    let mut world = with_a_phone();
    let contacts = DocRef::shard(DocKind::Contacts, 0);
    world.server.doc(contacts);
    told_to_ask(&mut world);
    world.tell_phone(0, granted(Role::Coordinator, 1));
    let now = world.now;
    assert!(world.phones[0].save_document(now, contacts).unwrap().is_some());
    assert_eq!(world.scan(0, 1).verdict, Verdict::Admitted, "what it had it has");
    world.run();
    world.assert_converged();
}

#[test]
fn a_revoked_phone_hands_over_and_forgets_everything() {
    let mut world = offline_then_told(RefreshOutcome::Revoked);
    let now = world.now;
    assert_eq!(standing(&mut world), (Standing::Revoked, 2));
    let refused = world.phones[0].scan(now, gate(), &code(3), Answers::new()).unwrap_err();
    assert_eq!(refused.code, CoreCode::DeviceRevoked);
    assert_eq!(world.phones[0].search(now, "anna", 5).unwrap_err().code, CoreCode::DeviceRevoked);
    assert!(world.phones[0].store().documents().unwrap().is_empty(), "the event is gone at once");
    assert!(world.phones[0].dump_projections().unwrap().is_empty());
    // No network, a restart, a busy server: it is not lost.
    world.restart(0);
    world.start(0);
    world.asked.clear();
    world.run();
    assert!(matches!(world.question(), (0, Effect::HandOver { .. })));
    let failed = HandOverOutcome::Failed { retry_after_ms: Some(2_000) };
    world.tell_phone(0, Event::HandedOver { server: server(), outcome: failed });
    assert_eq!((world.asked.len(), standing(&mut world)), (0, (Standing::Revoked, 2)));
    world.pass(2_000);
    let mut docs = take_over(&mut world);
    docs.sort();
    assert_eq!(docs, [checkins(0), checkins(1)]);
    assert_eq!(standing(&mut world), (Standing::Forgotten, 0));
    assert_eq!(world.phones[0].me(now).unwrap(), None);
    let left = world.phones[0].store().meta_with_prefix("").unwrap();
    assert_eq!(left.len(), 1, "nothing but that it was revoked: {left:?}");
    world.pass(86_400_000);
    assert_eq!(world.asked, []);

    // Somebody makes a new code for it: it is another device.
    let enrolment = Enrolment { credentials: credentials(5), ..World::enrolment(7, Role::Staff) };
    world.tell_phone(0, Event::Enrolled(Box::new(enrolment)));
    assert_eq!(standing(&mut world), (Standing::Good, 0));
    assert_eq!(world.scan(0, 5).verdict, Verdict::Admitted);
}

#[test]
fn a_revoked_phone_that_dies_when_all_is_handed_over_forgets_everything_after() {
    let mut world = offline_then_told(RefreshOutcome::Revoked);
    let now = world.now;
    let (0, Effect::HandOver { changes, .. }) = world.question() else { panic!("nothing is handed over") };
    let keys = changes.into_iter().map(|unsent| unsent.key).collect();
    let taken = Event::HandedOver { server: server(), outcome: HandOverOutcome::Taken { keys } };
    // Before it is woken to look what is left.
    world.phones[0].dispatch(now, taken).unwrap();
    world.restart(0);
    world.start(0);
    world.run();
    world.pass(1_000);
    assert_eq!((world.asked.len(), standing(&mut world)), (0, (Standing::Forgotten, 0)));
    let left = world.phones[0].store().meta_with_prefix("").unwrap();
    assert_eq!(left.len(), 1, "nothing but that it was revoked: {left:?}");
}

fn incident(text: &str) -> crate::command::NewIncident {
    let severity = muster_model::fact::Severity::default();
    crate::command::NewIncident { room: None, session: None, severity, text: text.to_owned() }
}

#[test]
fn what_is_written_after_a_role_came_back_is_not_taken_for_what_was_written_before() {
    let mut world = with_a_phone();
    let now = world.now;
    world.phones[0].report_incident(now, incident("no light")).unwrap();
    world.run();
    told_to_ask(&mut world);
    world.tell_phone(0, granted(Role::Finance, 1));
    world.run();
    told_to_ask(&mut world);
    // It works again before anything of the document is here.
    world.phones[0].dispatch(now, granted(Role::Staff, 2)).unwrap();
    world.phones[0].report_incident(now, incident("no sound")).unwrap();
    world.run();
    world.assert_converged();
    assert_eq!(world.phones[0].incidents(now).unwrap().len(), 2);
}

#[test]
fn a_revoked_phone_with_nothing_to_hand_over_forgets_at_once() {
    let mut world = with_a_phone();
    told_to_ask(&mut world);
    world.tell_phone(0, answered(RefreshOutcome::Revoked));
    assert_eq!(standing(&mut world), (Standing::Forgotten, 0));
    assert_eq!(world.asked, []);
}

#[test]
fn what_a_server_does_not_take_stays() {
    let mut world = offline_then_told(RefreshOutcome::Revoked);
    assert!(matches!(world.question(), (0, Effect::HandOver { .. })));
    world.tell_phone(0, Event::HandedOver { server: server(), outcome: HandOverOutcome::Refused });
    world.pass(86_400_000);
    assert_eq!((world.asked.len(), standing(&mut world)), (0, (Standing::Revoked, 2)));
    world.restart(0);
    world.start(0);
    world.run();
    assert_eq!(take_over(&mut world).len(), 2, "it is offered again after a restart");
}

#[test]
fn a_phone_that_stays_away_too_long_shows_nothing_until_it_has_met_a_server() {
    let mut world = with_unsent();
    world.network = false;
    let day_ms = 86_400_000;
    world.now = world.now.plus_ms(7 * day_ms - 1_000);
    assert_eq!(world.scan(0, 3).verdict, Verdict::Admitted, "within its lease a door works on");
    world.topics[0].clear();
    world.pass(2_000);
    assert!(world.topics[0].contains(&Topic::Status), "whoever looks at the screen is told");
    let now = world.now;
    for restarted in [false, true] {
        if restarted {
            world.restart(0);
            world.start(0);
        }
        assert_eq!(standing(&mut world).0, Standing::LeaseEnded);
        let refused = world.phones[0].scan(now, gate(), &code(4), Answers::new()).unwrap_err();
        assert_eq!(refused.code, CoreCode::LeaseEnded);
        assert_eq!(world.phones[0].search(now, "anna", 5).unwrap_err().code, CoreCode::LeaseEnded);
        assert_eq!(world.phones[0].unsent_facts(now).unwrap_err().code, CoreCode::LeaseEnded);
        assert_eq!(world.phones[0].status(now).unwrap().servers[0].facts_not_there, 3, "but they are here");
    }
    world.network = true;
    world.asked.clear();
    world.topics[0].clear();
    world.run();
    assert!(matches!(world.question(), (0, Effect::Refresh { .. })));
    world.tell_phone(0, granted(Role::Staff, 1));
    assert_eq!(standing(&mut world).0, Standing::Good);
    for topic in Topic::ALL {
        assert!(world.topics[0].contains(&topic), "every screen asks again, {topic:?} too");
    }
    let now = world.now;
    assert!(world.phones[0].unsent_facts(now).unwrap().is_empty(), "everything has arrived");
    assert_eq!(world.scan(0, 4).verdict, Verdict::Admitted);
    world.run();
    world.assert_converged();
}

#[test]
fn a_lease_without_end_does_not_end() {
    let mut world = World::new(4);
    let credentials = Credentials { lease_ms: 0, ..credentials(0) };
    let phone = world.add_enrolled(Enrolment { credentials, ..World::enrolment(0, Role::Staff) });
    world.start(phone);
    world.run();
    world.network_down();
    world.now = world.now.plus_ms(400 * 86_400_000);
    assert_eq!(world.scan(0, 1).verdict, Verdict::Admitted);
}

#[test]
fn a_device_that_can_show_nothing_keeps_what_it_had_to_forget_and_comes_to_rest() {
    let mut world = World::with_phones(20, 1);
    world.network_down();
    assert_eq!(world.scan(0, 2).verdict, Verdict::Admitted);
    // Enrolled without a way to get another token, and with another role now.
    world.tell_phone(0, Event::Enrolled(Box::new(World::enrolment(0, Role::Finance))));
    assert_eq!(standing(&mut world), (Standing::Good, 1));
    assert!(world.asked.is_empty());
    world.network_up();
    assert_eq!(standing(&mut world), (Standing::Good, 1));
}
