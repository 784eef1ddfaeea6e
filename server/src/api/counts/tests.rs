use muster_model::checkpoint::AdmissionRule;
use muster_model::fact::{Entry, ItemState, Observation, Resolution, ResolutionKind};
use muster_model::id::{DeviceId, FactId, ItemId, RecordId};
use muster_model::readiness::Item;
use serde_json::json;

use super::*;

fn gate() -> CheckpointId {
    CheckpointId::from_random([1; 10])
}

fn attendee(seed: u8) -> AttendeeId {
    AttendeeId::from_random([seed; 10])
}

fn fact(device: u8, counter: u64, body: FactBody) -> Fact {
    let id = FactId { device: DeviceId::from_random([device; 8]), counter };
    let at = Timestamp::from_ms(i64::try_from(counter).unwrap() * 1_000);
    Fact { id, at, skew: None, by: String::new(), body }
}

fn entry(device: u8, counter: u64, who: u8) -> Fact {
    let entry = Entry {
        attendee: attendee(who),
        checkpoint: gate(),
        via: Default::default(),
        ticket: None,
        answers: BTreeMap::new(),
        despite: String::new(),
    };
    fact(device, counter, FactBody::Entry(entry))
}

fn data() -> Data {
    let category = |name: &str| Attendee { category: name.into(), ..Attendee::default() };
    Data {
        checkpoints: BTreeMap::from([(
            gate(),
            Checkpoint { name: "Entrance".into(), rule: AdmissionRule::Once, ..Checkpoint::default() },
        )]),
        attendees: BTreeMap::from([
            (attendee(1), category("Delegate")),
            (attendee(2), category("Press")),
            (attendee(3), category("Press")),
        ]),
        ..Data::default()
    }
}

fn shown(data: &Data) -> serde_json::Value {
    serde_json::to_value(data.count(Timestamp::from_ms(60_000))).unwrap()
}

#[test]
fn two_gates_that_admit_one_ticket_are_one_person_and_one_matter() {
    let mut data = data();
    data.check_ins = vec![entry(1, 1, 1), entry(2, 1, 1), entry(1, 2, 2)];
    let counts = shown(&data);
    let gate = &counts["checkpoints"][0];
    assert_eq!(gate["total"], json!({"admitted": 2, "inside": 2, "admissions": 3, "extra_inside": 0}));
    assert_eq!(gate["by_category"]["Delegate"]["admissions"], 2);
    assert_eq!(gate["by_category"]["Press"]["admitted"], 1);
    assert_eq!(counts["double_admissions"], json!({"open": 1, "settled": 0}));

    let resolution = Resolution {
        attendee: attendee(1),
        checkpoint: super::tests::gate(),
        facts: vec![data.check_ins[0].id, data.check_ins[1].id],
        found: ResolutionKind::SamePerson,
        note: String::new(),
    };
    data.check_ins.push(fact(1, 3, FactBody::Resolution(resolution)));
    assert_eq!(shown(&data)["double_admissions"], json!({"open": 0, "settled": 1}));
}

#[test]
fn an_undone_admission_is_no_double_one() {
    let mut data = data();
    data.check_ins = vec![entry(1, 1, 1), entry(2, 1, 1)];
    let undo = FactBody::Undo { fact: data.check_ins[1].id, reason: String::new() };
    data.check_ins.push(fact(2, 2, undo));
    let counts = shown(&data);
    assert_eq!(counts["double_admissions"], json!({"open": 0, "settled": 0}));
    assert_eq!(counts["checkpoints"][0]["total"]["admissions"], 1);
}

#[test]
fn rooms_are_counted_by_how_far_they_are() {
    let mut data = data();
    let item = |seed: u8| ItemId::from_random([seed; 10]);
    let needed = |seed: u8| Item { id: item(seed), label: String::new(), kind: Default::default(), due_min: 1 };
    data.templates = vec![ReadinessTemplate { items: vec![needed(1), needed(2)], ..ReadinessTemplate::default() }];
    let session = |seed: u8| SessionId::from_random([seed; 10]);
    let starts = |ms: i64| Session { starts_at: Timestamp::from_ms(ms), ..Session::default() };
    data.sessions = BTreeMap::from([
        (session(1), starts(600_000)),
        (session(2), starts(600_000)),
        (session(3), starts(600_000)),
        (session(4), starts(600_000)),
        (session(5), starts(90_000)),
        (session(6), Session { cancelled: true, ..starts(90_000) }),
    ]);
    let seen = |counter: u64, of: u8, what: u8, state: ItemState| {
        let body = Observation { session: session(of), item: item(what), state, note: String::new() };
        fact(1, counter, FactBody::Observation(body))
    };
    data.observations = vec![
        seen(1, 2, 1, ItemState::Ok),
        seen(2, 3, 1, ItemState::Ok),
        seen(3, 3, 2, ItemState::NotNeeded),
        seen(4, 4, 1, ItemState::Problem),
    ];
    let wanted = json!({"not_started": 1, "under_way": 1, "ready": 1, "problem": 1, "overdue": 1});
    assert_eq!(shown(&data)["readiness"], wanted);
}
