//! Signed tickets of attendees of whom nothing has arrived.

use ed25519_dalek::SigningKey;
use muster_model::attendee::Attendee;
use muster_model::checkpoint::{AdmissionRule, AnswerKind, Checkpoint, Question};
use muster_model::document::{DocKind, DocRef};
use muster_model::double_admission::State;
use muster_model::fact::ResolutionKind;
use muster_model::id::{AttendeeId, QuestionId, RecordId};
use muster_model::ticket::TicketHash;
use muster_model::ticket::bearer::bearer_of;
use muster_model::ticket::key::{KeyId, Scheme, TicketKey};
use muster_model::ticket::muster::{CategoryTag, MusterTicket};
use muster_model::ticket::sig1::Sig1Ticket;
use muster_model::ticket::withdrawn::{self, Withdrawal};
use muster_model::time::Timestamp;
use muster_model::verdict::Verdict;

use super::world::{World, attendee, event_id, gate, lunch, record, roster};
use crate::command::{Answers, ScanResult, Settle};

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn key(seed: u8, scheme: Scheme) -> (KeyId, TicketKey) {
    let public = signing_key(seed).verifying_key().to_bytes();
    (KeyId::of(&public), TicketKey::new(scheme, &public, Timestamp::default()).unwrap())
}

fn event_doc() -> DocRef {
    DocRef::whole(DocKind::Event)
}

/// A key of pretix, in the event's document and on every phone.
pub(super) fn add_pretix_key(world: &mut World) {
    let (id, mut record) = key(2, Scheme::PretixSig1);
    record.products.insert("5".into(), "Press".into());
    let frames = world.server.put(event_doc(), &[(id, record)]);
    world.tell(frames);
}

/// A signed ticket of pretix, of which no roster knows anything.
pub(super) fn pretix_code() -> String {
    Sig1Ticket { seed: "abcdefghj".into(), product: 5, ..Sig1Ticket::default() }.sign(&signing_key(2))
}

fn pretix_hash() -> TicketHash {
    TicketHash::of(event_id(), &pretix_code())
}

fn add_muster_key(world: &mut World) {
    let frames = world.server.put(event_doc(), &[key(1, Scheme::Muster)]);
    world.tell(frames);
}

/// A ticket of Muster's of attendee 99, whom no roster has.
fn muster_ticket() -> MusterTicket {
    let mut ticket = MusterTicket::new(event_id(), key(1, Scheme::Muster).0, attendee(99));
    ticket.category = CategoryTag::of("Press");
    ticket
}

fn muster_code() -> String {
    muster_ticket().sign(event_id(), &signing_key(1))
}

fn scan(world: &mut World, phone: usize, code: &str) -> ScanResult {
    world.now = world.now.plus_ms(4_000);
    let now = world.now;
    world.phones[phone].scan(now, gate(), code, Answers::new()).unwrap()
}

fn already_in(result: &ScanResult) -> bool {
    matches!(result.verdict, Verdict::AlreadyIn { .. })
}

#[test]
fn a_signed_ticket_is_good_on_a_phone_that_has_never_heard_of_the_attendee() {
    let mut world = World::with_phones(4, 1);
    add_muster_key(&mut world);
    add_pretix_key(&mut world);
    world.network_down();
    let gate_for_press =
        |name: &str| Checkpoint { name: name.into(), categories: vec!["Press".into()], ..Checkpoint::default() };
    world.server.put(event_doc(), &[(gate(), gate_for_press("Entrance"))]);
    world.network_up();
    for (code, who) in [(muster_code(), attendee(99)), (pretix_code(), bearer_of(event_id(), pretix_hash()))] {
        let result = scan(&mut world, 0, &code);
        assert_eq!((result.verdict.clone(), result.card.is_some()), (Verdict::Admitted, false), "{code}");
        let bearer = result.bearer.unwrap();
        assert_eq!((bearer.attendee, bearer.category.as_str()), (who, "Press"));
        assert_eq!(result.recorded.unwrap().attendee, Some(who));
        assert!(already_in(&scan(&mut world, 0, &code)));
        let now = world.now;
        world.phones[0].exit(now, gate(), who).unwrap();
    }
    world.run();
    world.assert_converged();
}

/// The same ticket at a door that has the record, one that has not, and one that has heard of the first alone.
#[test]
fn a_used_ticket_stays_used_wherever_it_was_heard_of() {
    let mut world = World::with_phones(4, 3);
    add_pretix_key(&mut world);
    // Phone 0 gets the record before the network is lost.
    world.break_link(1);
    world.break_link(2);
    let holder = Attendee { ticket: Some(pretix_hash()), ..record(50) };
    let frames = world.server.put(roster(0), &[(attendee(50), holder)]);
    world.tell(frames);
    world.network_down();
    let first = scan(&mut world, 0, &pretix_code());
    assert_eq!((first.verdict, first.recorded.unwrap().attendee), (Verdict::Admitted, Some(attendee(50))));
    // Only the check-ins travel: another phone hears of the entry, and not of the roster.
    let checkins = super::world::checkins(0);
    let now = world.now;
    let bytes = world.phones[0].save_document(now, checkins).unwrap().unwrap();
    let mut theirs = automerge::Automerge::load(&bytes).unwrap();
    world.server.doc(checkins).merge(&mut theirs).unwrap();
    let with_record = world.server.docs.remove(&roster(0)).unwrap();
    world.network_up();
    for phone in 1..3 {
        let again = scan(&mut world, phone, &pretix_code());
        assert!(already_in(&again), "{again:?}");
        assert_eq!(again.bearer.unwrap().attendee, attendee(50), "known by the entry alone");
    }
    world.server.docs.insert(roster(0), with_record);
    world.network_down();
    world.network_up();
    let known = scan(&mut world, 1, &pretix_code());
    assert!(already_in(&known) && known.card.is_some_and(|card| card.attendee.name == record(50).name));
    world.assert_converged();
}

#[test]
fn a_record_that_comes_later_finds_what_its_ticket_did() {
    let mut world = World::with_phones(4, 2);
    add_pretix_key(&mut world);
    world.network_down();
    assert_eq!(scan(&mut world, 0, &pretix_code()).verdict, Verdict::Admitted);
    assert_eq!(scan(&mut world, 1, &pretix_code()).verdict, Verdict::Admitted, "gate B cannot know");
    world.network_up();
    let bearer = bearer_of(event_id(), pretix_hash());
    let now = world.now;
    for phone in &mut world.phones {
        let doubles = phone.double_admissions(now).unwrap();
        assert_eq!(doubles.len(), 1, "found without a record");
        assert_eq!((doubles[0].attendee, doubles[0].card.is_none(), doubles[0].admissions.len()), (bearer, true, 2));
        let total = phone.counts(now, gate()).unwrap().total;
        assert_eq!((total.admitted, total.admissions), (1, 2));
    }
    let settle = |attendee: AttendeeId| Settle {
        attendee,
        checkpoint: gate(),
        admissions: Vec::new(),
        found: ResolutionKind::SamePerson,
        note: String::new(),
    };
    world.phones[1].settle(now, settle(bearer)).unwrap();
    let holder = Attendee { ticket: Some(pretix_hash()), ..record(3) };
    let frames = world.server.put(roster(1), &[(attendee(3), holder)]);
    world.tell(frames);
    for phone in &mut world.phones {
        let doubles = phone.double_admissions(now).unwrap();
        assert_eq!(doubles.len(), 1);
        assert_eq!((doubles[0].attendee, doubles[0].card.is_some()), (attendee(3), true), "now it is the attendee's");
        assert!(matches!(doubles[0].state, State::Settled { .. }), "and as settled as it was");
        let counts = phone.counts(now, gate()).unwrap();
        assert_eq!((counts.total.admitted, counts.total.admissions), (1, 2));
        assert_eq!(counts.by_category, [(record(3).category, counts.total)]);
        assert_eq!(phone.attendee(now, attendee(3)).unwrap().facts.len(), 3, "the card tells the whole story");
    }
    assert!(already_in(&scan(&mut world, 0, &pretix_code())));
    let by_name = world.phones[1].check_in_by_name(now, gate(), attendee(3)).unwrap();
    assert!(already_in(&by_name), "by name as well as by ticket");
    world.assert_converged();
}

#[test]
fn what_no_key_vouches_for_is_refused_and_said_why() {
    let mut world = World::with_phones(4, 1);
    let verdicts = |world: &mut World, code: &str| scan(world, 0, code).verdict;
    assert_eq!(verdicts(&mut world, &muster_code()), Verdict::UnknownKey);
    assert_eq!(verdicts(&mut world, &pretix_code()), Verdict::WrongEvent, "this event has no tickets of pretix");
    add_muster_key(&mut world);
    add_pretix_key(&mut world);
    let mut forged = pretix_code();
    forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
    assert_eq!(verdicts(&mut world, &forged), Verdict::BadSignature);
    let other = muster_model::id::EventId::from_random([77; 16]);
    let ticket = MusterTicket::new(other, key(1, Scheme::Muster).0, attendee(99)).sign(other, &signing_key(1));
    assert_eq!(verdicts(&mut world, &ticket), Verdict::WrongEvent);
    let stranger = muster_ticket().sign(event_id(), &signing_key(9));
    assert_eq!(verdicts(&mut world, &stranger), Verdict::BadSignature);
    assert_eq!(verdicts(&mut world, &muster_code()), Verdict::Admitted);
}

#[test]
fn keys_and_withdrawn_tickets_reach_the_doors() {
    let mut world = World::with_phones(4, 1);
    add_muster_key(&mut world);
    let known = TicketHash::of(event_id(), &super::world::code(1));
    let unknown = TicketHash::of(event_id(), "random-secret");
    let muster = TicketHash::of(event_id(), &muster_code());
    let withdraw = |world: &mut World, tickets: &[TicketHash], withdrawal: Option<Withdrawal>| {
        let mut transaction = world.server.doc(event_doc()).transaction();
        for ticket in tickets {
            withdrawn::put(&mut transaction, *ticket, withdrawal).unwrap();
        }
        transaction.commit();
        world.network_down();
        world.network_up();
    };
    for (withdrawal, expected) in [(Withdrawal::Blocked, Verdict::Blocked), (Withdrawal::Revoked, Verdict::Revoked)] {
        withdraw(&mut world, &[known, unknown, muster], Some(withdrawal));
        for code in [super::world::code(1), "random-secret".into(), muster_code()] {
            assert_eq!(scan(&mut world, 0, &code).verdict, expected, "{code}");
        }
    }
    withdraw(&mut world, &[known, unknown, muster], None);
    assert_eq!(scan(&mut world, 0, &super::world::code(1)).verdict, Verdict::Admitted);
    assert_eq!(scan(&mut world, 0, "random-secret").verdict, Verdict::Unknown);
    let (id, retired) = key(1, Scheme::Muster);
    let retired = TicketKey { retired_at: Some(world.now), ..retired };
    let frames = world.server.put(event_doc(), &[(id, retired)]);
    world.tell(frames);
    assert_eq!(scan(&mut world, 0, &muster_code()).verdict, Verdict::Revoked);
}

#[test]
fn windows_rules_and_questions_hold_for_signed_tickets() {
    let mut world = World::with_phones(4, 1);
    add_pretix_key(&mut world);
    let question = Question {
        id: QuestionId::from_random([1; 10]),
        text: "Size?".into(),
        answer: AnswerKind::Text,
        choices: Vec::new(),
        required: true,
        categories: vec!["Press".into()],
    };
    let only = |product: i64| {
        format!(
            r#"{{"inList": [{{"var": "product"}}, {{"objectList": [{{"lookup": ["product", "{product}", "VIP"]}}]}}]}}"#
        )
    };
    let checkpoint = |rules: String| Checkpoint {
        name: "Lunch".into(),
        rule: AdmissionRule::Many,
        rules,
        questions: vec![question.clone()],
        ..Checkpoint::default()
    };
    let at_lunch = |world: &mut World, code: &str, answers: Answers| {
        world.now = world.now.plus_ms(4_000);
        let now = world.now;
        world.phones[0].scan(now, lunch(), code, answers).unwrap().verdict
    };
    for (rules, expected) in [
        (only(6), Verdict::Rules { reasons: vec!["product: 5, admitted: VIP".into()] }),
        ("{\"var\": \"gate\"}".into(), Verdict::RulesUnreadable),
        (only(5), Verdict::AnswersRequired { questions: vec![question.clone()] }),
    ] {
        let frames = world.server.put(event_doc(), &[(lunch(), checkpoint(rules))]);
        world.tell(frames);
        assert_eq!(at_lunch(&mut world, &pretix_code(), Answers::new()), expected);
    }
    let answers = Answers::from([(question.id, "M".to_owned())]);
    assert_eq!(at_lunch(&mut world, &pretix_code(), answers), Verdict::Admitted);
    let long_ago = Timestamp::from_ms(world.now.ms() - 86_400_000);
    let late = Sig1Ticket { product: 5, valid_until: Some(long_ago), ..Sig1Ticket::default() }.sign(&signing_key(2));
    assert!(matches!(at_lunch(&mut world, &late, Answers::new()), Verdict::TooLate { .. }));
}
