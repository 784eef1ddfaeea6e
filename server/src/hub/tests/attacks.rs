//! A hostile phone with a good token. Whatever it tries, nothing changes for anybody.

use std::num::NonZeroU64;

use automerge::legacy::{ObjectId, OpId};
use automerge::transaction::Transactable;
use automerge::{ActorId, Change, ObjType, ROOT};
use muster_model::access::Role;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::id::{AttendeeId, FactId, RecordId};

use super::stage::{
    Edit, Stage, create_record, delete_fact, device, edit_record, elder, entry, fact, presenter, put_fact, there,
};
use super::{CHECKINS, PROGRAM, ROOMS, hub_facts};
use crate::hub::Standing;
use crate::storage::{MemoryStore, QuarantineLimits, Storage};
use crate::testing::{Phone, event, sql_event};

const BUDGET: DocRef = DocRef::whole(DocKind::Budget);
const ARRIVALS: DocRef = DocRef::whole(DocKind::Arrivals);

/// As whom, where, under which actor, and what.
type Attack = (Role, DocRef, Option<ActorId>, Edit);

async fn stage() -> Stage {
    Stage::set_up(MemoryStore::new([event()], QuarantineLimits::default())).await
}

/// Makes a change under an actor; the code with which it is refused, after which nothing is different.
async fn refused(
    stage: &Stage,
    number: u32,
    (role, document): (Role, DocRef),
    actor: Option<ActorId>,
    edit: Edit,
) -> String {
    let phone = stage.phone(number, role).await;
    assert!(Stage::opens(&phone, document).await);
    let before = stage.everything().await;
    let actor = actor.unwrap_or_else(|| phone.actor(1));
    let change = phone.edit(document, actor, edit);
    phone.until("the refusal", |state| !state.notices.is_empty()).await;
    assert_eq!(phone.look(|state| state.told.clone()), [change.hash()], "it is told which");
    assert_eq!(stage.everything().await, before, "nothing is different for anybody");
    phone.look(|state| state.notices[0].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_change_after_the_other() {
    let stage = stage().await;
    let coordinator = device(1);
    stage.enrolled.set(coordinator, Standing::Enrolled(Role::Coordinator));
    stage.enrolled.set(device(2), Standing::Revoked);
    let presents = Role::Presenter(presenter(1));
    let own_logistics = DocRef::presenter(presenter(1));
    let server = stage.server.hub.read(event(), PROGRAM, |doc| doc.get_actor().clone()).await.unwrap();
    let servers_other = muster_model::id::DeviceId::of_actor(&server).unwrap().actor([9; 8]);
    let elders = FactId { device: elder(), counter: 1 };
    let own = |number| (Role::Staff, CHECKINS, None::<ActorId>, put_fact(entry(elder(), number)));
    let template = || edit_record("templates", there("templates"), "forged".into());
    let bomb = |facts: u64| -> Edit {
        Box::new(move |tx| (1..=facts).try_for_each(|counter| put_fact(entry(device(900_000), counter))(tx)))
    };
    let attacks: Vec<(&str, Attack, &str)> = vec![
        (
            "a coordinator's edit, made up",
            (Role::Staff, ROOMS, Some(coordinator.actor([3; 8])), template()),
            "author_unproven",
        ),
        (
            "an author that is no device",
            (Role::Staff, CHECKINS, Some(device(3).actor([3; 8])), put_fact(entry(device(3), 1))),
            "author_unknown",
        ),
        (
            "a short actor",
            (Role::Staff, CHECKINS, Some(ActorId::from(vec![1, 2, 3])), put_fact(entry(device(3), 1))),
            "author_unknown",
        ),
        (
            "a revoked author",
            (Role::Staff, CHECKINS, Some(device(2).actor([3; 8])), put_fact(entry(device(2), 1))),
            "author_revoked",
        ),
        (
            "the server as it is",
            (Role::Coordinator, PROGRAM, Some(server), edit_record("rooms", there("rooms"), "forged".into())),
            "author_mismatch",
        ),
        ("the server as it was", (Role::Staff, ROOMS, Some(servers_other), template()), "author_unproven"),
        (
            "the genesis of another layout",
            (Role::Staff, CHECKINS, Some(ActorId::from(*b"muster genesis 1")), Box::new(|tx| tx.put(ROOT, "x", 1))),
            "schema_unknown",
        ),
        ("another device's id", own(7), "fact_foreign"),
        (
            "an edit of a fact",
            (Role::Staff, CHECKINS, None, put_fact((elders.to_string(), entry(elder(), 1).1 + " "))),
            "fact_immutable",
        ),
        ("the end of a fact", (Role::Coordinator, CHECKINS, None, delete_fact(elders.to_string())), "fact_immutable"),
        (
            "a map for a fact",
            (
                Role::Staff,
                CHECKINS,
                None,
                Box::new(|tx| {
                    let facts = muster_model::document::collection(tx, "facts").unwrap();
                    tx.put_object(facts, "x-1", ObjType::Map).map(drop)
                }),
            ),
            "fact_malformed",
        ),
        (
            "an arrival in another's name",
            (
                presents,
                ARRIVALS,
                None,
                put_fact({
                    let id = FactId { device: device(100 + 11), counter: 1 };
                    (id.to_string(), fact(DocKind::Arrivals, id, (presenter(2), true)))
                }),
            ),
            "fact_foreign",
        ),
        (
            "what a presenter is paid",
            (presents, own_logistics, None, edit_record("honorarium", there("honorarium"), "forged".into())),
            "field_forbidden",
        ),
        (
            "the layout",
            (Role::Coordinator, PROGRAM, None, Box::new(|tx| tx.put(ROOT, "schema_version", 2))),
            "structure_forbidden",
        ),
        (
            "another collection in its place",
            (Role::Coordinator, PROGRAM, None, Box::new(|tx| tx.put_object(ROOT, "rooms", ObjType::Map).map(drop))),
            "structure_forbidden",
        ),
        ("a thousand and one facts at once", (Role::Staff, CHECKINS, None, bomb(1_001)), "size_limit"),
        (
            "a value of a megabyte",
            (
                Role::Coordinator,
                PROGRAM,
                None,
                Box::new(|tx| {
                    let rooms = muster_model::document::collection(tx, "rooms").unwrap();
                    let (_, room) = automerge::ReadDoc::get(tx, &rooms, there("rooms"))?.unwrap();
                    tx.put(room, "name", "x".repeat(1 << 20))
                }),
            ),
            "size_limit",
        ),
    ];
    let tried = attacks.len();
    for (number, (name, (role, document, actor, edit), expected)) in (100..).zip(attacks) {
        assert_eq!(refused(&stage, number, (role, document), actor, edit).await, expected, "{name}");
    }
    println!("{tried} attacks with single changes tried, all refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_read_cannot_be_written() {
    let stage = stage().await;
    let before = stage.everything().await;
    let staff = stage.phone(1, Role::Staff).await;
    assert!(!Stage::opens(&staff, BUDGET).await, "the budget");
    let presents = stage.phone(2, Role::Presenter(presenter(1))).await;
    assert!(!Stage::opens(&presents, DocRef::presenter(presenter(2))).await, "another presenter");
    assert!(!Stage::opens(&presents, CHECKINS).await);
    for (phone, document, edit) in [
        (&staff, BUDGET, create_record("lines", "line-1".into())),
        (&presents, DocRef::presenter(presenter(2)), create_record("needs", "main".into())),
    ] {
        let change = phone.edit(document, phone.actor(1), edit);
        phone.send_changes(document, &[change.raw_bytes()], vec![change.hash()]);
        phone.look(|state| assert_eq!(state.notices.len(), 0));
    }
    // The connection still answers, so what was sent before has been seen.
    assert!(Stage::opens(&staff, CHECKINS).await);
    assert_eq!(stage.everything().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_in_use_is_not_taken_again() {
    let stage = stage().await;
    let phone = stage.phone(1, Role::Coordinator).await;
    // It makes the record before it hears of the one that is there.
    let mut copy = document::create(event(), &PROGRAM, phone.actor(1)).unwrap();
    let mut transaction = copy.transaction();
    create_record("rooms", there("rooms"))(&mut transaction).unwrap();
    transaction.commit();
    let change = copy.get_last_local_change().unwrap();
    phone.open(PROGRAM, Some(copy));
    let done = |state: &crate::testing::State| !state.notices.is_empty() || state.is_acknowledged(PROGRAM);
    phone.until("an answer", done).await;
    assert_eq!(phone.look(|state| state.notices.clone()), ["id_taken"]);
    assert!(!stage.holds(PROGRAM, change.hash()).await);
    let new = AttendeeId::from_random([9; 10]).to_string();
    let another = stage.phone(2, Role::Coordinator).await;
    assert!(Stage::opens(&another, PROGRAM).await);
    let change = another.edit(PROGRAM, another.actor(1), create_record("rooms", new));
    another.until("the acknowledgement", |state| state.is_acknowledged(PROGRAM)).await;
    assert!(stage.holds(PROGRAM, change.hash()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operation_numbers_do_not_travel_in_time() {
    let stage = stage().await;
    let phone = stage.phone(1, Role::Staff).await;
    assert!(Stage::opens(&phone, CHECKINS).await);
    let before = stage.everything().await;
    let made = phone.look(|state| {
        let mut doc = state.doc(CHECKINS).clone();
        doc.set_actor(device(1).actor([7; 8]));
        let mut transaction = doc.transaction();
        put_fact(entry(device(1), 1))(&mut transaction).unwrap();
        transaction.commit();
        doc.get_last_local_change().unwrap()
    });
    // Before what it depends on, and long after.
    for (told, start_op) in (1..).zip([1, 3, 1_000, 4_000_000_000]) {
        let mut moved = made.decode();
        moved.start_op = NonZeroU64::new(start_op).unwrap();
        moved.hash = None;
        let moved = Change::from(moved);
        phone.send_changes(CHECKINS, &[moved.raw_bytes()], vec![moved.hash()]);
        phone.until("the refusal", |state| state.notices.len() == told).await;
        assert_eq!(phone.look(|state| state.notices[told - 1].clone()), "guard_sequence", "{start_op}");
    }
    assert_eq!(stage.everything().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_into_an_object_that_is_not_there_is_refused() {
    let stage = stage().await;
    let coordinator = stage.phone(1, Role::Coordinator).await;
    assert!(Stage::opens(&coordinator, PROGRAM).await);
    let before = stage.everything().await;
    let made = coordinator.look(|state| {
        let mut doc = state.doc(PROGRAM).clone();
        doc.set_actor(device(1).actor([7; 8]));
        let mut transaction = doc.transaction();
        let rooms = muster_model::document::collection(&transaction, "rooms").unwrap();
        let hall = transaction.put_object(rooms, "hall", ObjType::Map).unwrap();
        transaction.put(&hall, "name", "Hall").unwrap();
        transaction.commit();
        doc.get_last_local_change().unwrap()
    });
    // The same edit of the hall, without the hall.
    let mut nowhere = made.decode();
    let edit = nowhere.operations.split_off(1);
    nowhere.operations = edit;
    let ObjectId::Id(OpId(counter, actor)) = &nowhere.operations[0].obj else { panic!("an object of its own") };
    let elsewhere = OpId(counter + 100, actor.clone());
    for operation in &mut nowhere.operations {
        operation.obj = ObjectId::Id(elsewhere.clone());
    }
    nowhere.hash = None;
    let nowhere = Change::from(nowhere);
    coordinator.send_changes(PROGRAM, &[nowhere.raw_bytes()], vec![nowhere.hash()]);
    coordinator.until("the refusal", |state| state.notices.len() == 1).await;
    assert_eq!(coordinator.look(|state| state.notices[0].clone()), "structure_forbidden");
    assert_eq!(stage.everything().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_in_an_allowed_document_end_the_connection() {
    let stage = stage().await;
    let before = stage.everything().await;
    let phone = stage.phone(1, Role::Staff).await;
    assert!(Stage::opens(&phone, CHECKINS).await);
    phone.edit(CHECKINS, phone.actor(1), |tx| {
        let facts = muster_model::document::collection(tx, "facts").unwrap();
        let text = tx.put_object(facts, "x-1", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, &"0".repeat(20_001))
    });
    let (code, reason) = phone.closed().await;
    assert_eq!((code, reason.as_str()), (1008, "guard_ops"));
    let phone = stage.phone(2, Role::Staff).await;
    assert!(Stage::opens(&phone, CHECKINS).await);
    // A text of three megabytes deflates to next to nothing.
    let mut bomb = phone.look(|state| {
        let mut doc = state.doc(CHECKINS).clone();
        doc.set_actor(device(2).actor([1; 8]));
        let mut transaction = doc.transaction();
        put_fact(("a-1".into(), "0".repeat(3 << 20)))(&mut transaction).unwrap();
        transaction.commit();
        doc.get_last_local_change().unwrap()
    });
    let hash = bomb.hash();
    let bytes = bomb.bytes().into_owned();
    assert!(bytes.len() < 64 << 10, "it is deflated");
    phone.send_changes(CHECKINS, &[&bytes], vec![hash]);
    let (code, reason) = phone.closed().await;
    assert_eq!((code, reason.as_str()), (1008, "guard_inflate"));
    assert_eq!(stage.everything().await, before);
}

/// What one phone puts in bad company arrives from another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_changes_beside_a_forged_one_are_let_in() {
    let stage = stage().await;
    let (honest, carrier) = (device(7), stage.phone(1, Role::Staff).await);
    stage.enrolled.set(honest, Standing::Enrolled(Role::Staff));
    assert!(Stage::opens(&carrier, CHECKINS).await);
    let (good, bad, after) = carrier.look(|state| {
        let mut doc = state.doc(CHECKINS).clone();
        let write = |doc: &mut automerge::Automerge, actor: ActorId, fact| {
            doc.set_actor(actor);
            let mut transaction = doc.transaction();
            put_fact(fact)(&mut transaction).unwrap();
            transaction.commit();
            doc.get_last_local_change().unwrap()
        };
        let mut other = doc.clone();
        let good = write(&mut other, honest.actor([1; 8]), entry(honest, 1));
        let bad = write(&mut doc, device(1).actor([5; 8]), entry(elder(), 9));
        let after = write(&mut doc, honest.actor([2; 8]), entry(honest, 2));
        (good, bad, after)
    });
    let bytes = [&bad, &after, &good].map(|change| change.raw_bytes().to_vec());
    let all: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    carrier.send_changes(CHECKINS, &all, vec![good.hash(), after.hash()]);
    carrier.until("the refusal", |state| !state.notices.is_empty()).await;
    assert_eq!(carrier.look(|state| state.told.clone()), [bad.hash()]);
    assert!(stage.holds(CHECKINS, good.hash()).await);
    assert!(!stage.holds(CHECKINS, bad.hash()).await);
    assert!(!stage.holds(CHECKINS, after.hash()).await, "it builds on the forged one");
}

fn write(doc: &mut automerge::Automerge, actor: ActorId, fact: (String, String)) -> Change {
    doc.set_actor(actor);
    let mut transaction = doc.transaction();
    put_fact(fact)(&mut transaction).unwrap();
    transaction.commit();
    doc.get_last_local_change().unwrap()
}

/// A fact in bad company may be written again, also while the document waits for what nobody has brought.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_builds_on_a_forged_change_is_not_awaited() {
    let stage = stage().await;
    let phone = stage.phone(1, Role::Staff).await;
    assert!(Stage::opens(&phone, CHECKINS).await);
    let own = |session: u8| device(1).actor([session; 8]);
    let (waiting, bad, after, again) = phone.look(|state| {
        let mut apart = state.doc(CHECKINS).clone();
        write(&mut apart, own(4), entry(device(1), 90));
        let waiting = write(&mut apart, own(5), entry(device(1), 91));
        let mut forged = state.doc(CHECKINS).clone();
        let bad = write(&mut forged, own(6), entry(elder(), 9));
        let after = write(&mut forged, own(7), entry(device(1), 2));
        let again = write(&mut state.doc(CHECKINS).clone(), own(8), entry(device(1), 2));
        (waiting, bad, after, again)
    });
    phone.send_changes(CHECKINS, &[waiting.raw_bytes()], vec![waiting.hash()]);
    phone.send_changes(CHECKINS, &[bad.raw_bytes(), after.raw_bytes()], vec![after.hash()]);
    phone.until("the refusal", |state| !state.notices.is_empty()).await;
    assert_eq!(phone.look(|state| state.told.clone()), [bad.hash()]);

    let phone = stage.phone(1, Role::Staff).await;
    assert!(Stage::opens(&phone, CHECKINS).await);
    phone.send_changes(CHECKINS, &[again.raw_bytes()], vec![again.hash()]);
    let hash = again.hash();
    phone
        .until("an answer", |state| {
            muster_protocol::has_change(state.doc(CHECKINS), &hash) || !state.notices.is_empty()
        })
        .await;
    assert_eq!(phone.look(|state| state.notices.clone()), Vec::<String>::new());
    assert!(stage.holds(CHECKINS, again.hash()).await);
}

/// A coordinator's device met a revoked phone and brings all that it has in one piece: it is told what to leave out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_document_is_refused_for_changes_that_are_named() {
    let stage = stage().await;
    let revoked = device(2);
    stage.enrolled.set(revoked, Standing::Revoked);
    let carrier = stage.phone(1, Role::Coordinator).await;
    assert!(Stage::opens(&carrier, CHECKINS).await);
    let before = stage.everything().await;
    let (others, whole) = carrier.look(|state| {
        let mut doc = state.doc(CHECKINS).clone();
        let others = write(&mut doc, revoked.actor([1; 8]), entry(revoked, 1));
        write(&mut doc, device(1).actor([2; 8]), entry(device(1), 1));
        (others, doc)
    });
    carrier.send_changes(CHECKINS, &[&whole.save()], whole.get_heads());
    carrier.until("the refusal", |state| !state.notices.is_empty()).await;
    assert_eq!(carrier.look(|state| state.told.clone()), [others.hash()]);
    assert_eq!(carrier.look(|state| state.notices.clone()), ["author_revoked"]);
    assert_eq!(stage.everything().await, before);
}

/// Two changes of one device under one key, in one message: the second finds it taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_cannot_say_two_things_under_one_key() {
    let stage = stage().await;
    let phone = stage.phone(1, Role::Staff).await;
    assert!(Stage::opens(&phone, CHECKINS).await);
    let (one, two) = phone.look(|state| {
        let make = |session: u8, text: &str| {
            let mut doc = state.doc(CHECKINS).clone();
            doc.set_actor(device(1).actor([session; 8]));
            let (key, json) = entry(device(1), 1);
            let mut transaction = doc.transaction();
            put_fact((key, json + text))(&mut transaction).unwrap();
            transaction.commit();
            doc.get_last_local_change().unwrap()
        };
        (make(1, ""), make(2, " "))
    });
    phone.send_changes(CHECKINS, &[one.raw_bytes(), two.raw_bytes()], vec![one.hash(), two.hash()]);
    phone.until("the refusal", |state| !state.notices.is_empty()).await;
    assert_eq!(phone.look(|state| state.notices[0].clone()), "fact_immutable");
    assert!(stage.holds(CHECKINS, one.hash()).await && !stage.holds(CHECKINS, two.hash()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_refused_changes_is_bounded() {
    const FLOOD: u64 = 400;
    if !is_alone("hub::tests::attacks::a_flood_of_refused_changes_is_bounded") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let limits =
        QuarantineLimits { per_device: 20, bytes_per_device: 1 << 20, per_event: 50, bytes_per_event: 2 << 20 };
    let config = crate::storage::StorageConfig { quarantine: limits, ..Default::default() };
    let storage = Storage::open_with(&dir.path().join("muster.db"), config).unwrap();
    sql_event(&storage).await;
    let stage = Stage::set_up(storage.clone()).await;
    let before = stage.everything().await;
    let memory = resident_bytes();
    for number in 1..=3_u32 {
        let phone = stage.phone(number, Role::Staff).await;
        assert!(Stage::opens(&phone, CHECKINS).await);
        for counter in 1..=FLOOD {
            phone.edit(CHECKINS, phone.actor(1), put_fact(entry(elder(), counter + 100)));
        }
        phone
            .until("that nothing more is kept", |state| state.notices.iter().any(|code| code == "quarantine_full"))
            .await;
    }
    assert_eq!(stage.everything().await, before);
    let kept =
        storage.read(|conn| Ok(conn.query_row("SELECT count(*) FROM quarantine", [], |row| row.get::<_, i64>(0))?));
    let kept = kept.await.unwrap();
    assert!((20..=50).contains(&kept), "{kept} kept");
    let grown = resident_bytes().saturating_sub(memory);
    println!("a flood of {} refused changes: {kept} kept, {} MiB more memory", 3 * FLOOD, grown >> 20);
    assert!(grown < 64 << 20, "{grown} bytes");
    // Others do not notice.
    let honest = stage.phone(9, Role::Staff).await;
    assert!(Stage::opens(&honest, CHECKINS).await);
    let facts = hub_facts(&stage.server.hub, CHECKINS).await;
    honest.edit(CHECKINS, honest.actor(1), put_fact(entry(device(9), 1)));
    honest.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    assert_eq!(hub_facts(&stage.server.hub, CHECKINS).await, facts + 1);
}

/// Runs a test again in a process of its own, where no other test takes memory; true in that process.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "MUSTER_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let output = again.args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{failed}");
    print!("{said}");
    false
}

/// The memory of this process, phones included.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A stock client draws its actors at random: they speak for it alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_clients_actor_speaks_for_its_device_alone() {
    let stage = stage().await;
    let options = crate::testing::PhoneOptions { is_stock: true, ..crate::testing::PhoneOptions::new(1, Role::Staff) };
    let stock = Phone::connect(&stage.server, options).await;
    let own = stock.principal.device;
    assert!(Stage::opens(&stock, CHECKINS).await);
    let drawn = ActorId::from(vec![0xAB; 16]);
    let change = stock.edit(CHECKINS, drawn.clone(), put_fact(entry(own, 1)));
    stock.until("the acknowledgement", |state| state.is_acknowledged(CHECKINS)).await;
    assert!(stage.holds(CHECKINS, change.hash()).await);
    stock.edit(CHECKINS, drawn, put_fact(entry(elder(), 9)));
    stock.until("the refusal", |state| !state.ephemeral.is_empty()).await;
    // Nor can it speak as a device that is enrolled.
    assert_eq!(hub_facts(&stage.server.hub, CHECKINS).await, 2);
}
