//! What phones get from each other through the hub.

use muster_model::access::Role;
use muster_model::document::{DocKind, DocRef};

use super::*;
use crate::storage::{MemoryStore, QuarantineLimits};
use crate::testing::{Phone, PhoneOptions, Setup, TestServer, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_and_the_server_come_to_hold_the_same() {
    let server = TestServer::in_memory().await;
    let (gate, hall) = (Phone::staff(&server, 1).await, Phone::staff(&server, 2).await);
    gate.sync(CHECKINS).await;
    hall.sync(CHECKINS).await;
    gate.record(CHECKINS, 1..=50);
    hall.record(CHECKINS, 1..=50);
    for phone in [&gate, &hall] {
        phone.until("all facts", |state| state.facts(CHECKINS) == 100 && state.is_acknowledged(CHECKINS)).await;
    }
    let heads = gate.look(|state| state.doc(CHECKINS).get_heads());
    assert_eq!(hall.look(|state| state.doc(CHECKINS).get_heads()), heads);
    assert_eq!(server.hub.read(event(), CHECKINS, Automerge::get_heads).await.unwrap(), heads);
    let stats = server.hub.stats();
    assert_eq!((stats.peers, stats.open_documents, stats.attachments, stats.changes), (2, 3, 2, 100));
    assert!(stats.commits <= 100 && stats.bytes_in > 0 && stats.bytes_out > 0);
    assert_eq!(stats.commit_duration.buckets.iter().sum::<u64>(), stats.commits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_phones_share_encodings_and_commits() {
    const PHONES: u8 = 20;
    let store = MemoryStore::new([event()], QuarantineLimits::default());
    let hub = HubConfig { tick_ms: 20, ..quick() };
    let server = TestServer::start(store, Setup { hub, ..Setup::default() }).await;
    let mut phones = Vec::new();
    for number in 1..=PHONES {
        let phone = Phone::staff(&server, number).await;
        phone.sync(CHECKINS).await;
        phones.push(phone);
    }
    let before = server.hub.stats();
    for key in 1..=10 {
        phones.iter().for_each(|phone| phone.record(CHECKINS, [key]));
    }
    for phone in &phones {
        phone.until("all facts", |state| state.facts(CHECKINS) == 200 && state.is_acknowledged(CHECKINS)).await;
    }
    let stats = server.hub.stats();
    let (changes, commits) = (stats.changes - before.changes, stats.commits - before.commits);
    let joins = stats.joins - before.joins;
    assert_eq!(changes, 200 + joins);
    assert!(commits < changes / 2, "{commits} commits of {changes} changes");
    let shared = stats.shared_encodings - before.shared_encodings;
    assert!(shared > 0 && shared <= commits, "{shared} encodings for {commits} commits");
    let phones = u64::from(PHONES);
    assert_eq!(stats.deliveries - before.deliveries, 200 * (phones - 1) + joins * phones);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_phones_wrote_at_once_is_joined_so_that_the_next_changes_stay_small() {
    const PHONES: u8 = 12;
    let store = MemoryStore::new([event()], QuarantineLimits::default());
    let hub = HubConfig { tick_ms: 50, ..quick() };
    let server = TestServer::start(store, Setup { hub, ..Setup::default() }).await;
    let mut phones = Vec::new();
    for number in 1..=PHONES {
        let phone = Phone::staff(&server, number).await;
        phone.sync(CHECKINS).await;
        phones.push(phone);
    }
    for round in 1..=3 {
        phones.iter().for_each(|phone| phone.record(CHECKINS, [round]));
        let facts = usize::from(PHONES) * usize::try_from(round).unwrap();
        let level = |state: &crate::testing::State| state.facts(CHECKINS) == facts && state.is_acknowledged(CHECKINS);
        for phone in &phones {
            phone.until("all facts", level).await;
        }
        // At most what a round without many heads leaves.
        let heads = server.hub.read(event(), CHECKINS, Automerge::get_heads).await.unwrap();
        assert!(heads.len() <= 4, "{} heads", heads.len());
    }
    assert!(server.hub.stats().joins > 0);
    let widest = server.hub.read(event(), CHECKINS, |doc| {
        let server = DeviceId::of_actor(doc.get_actor());
        let phones = doc.get_changes(&[]).into_iter().filter(|change| DeviceId::of_actor(change.actor_id()) != server);
        phones.map(|change| change.deps().len()).max()
    });
    assert!(widest.await.unwrap().unwrap() <= 5, "a phone's change names few others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_was_away_brings_and_gets_what_happened_meanwhile() {
    let server = TestServer::in_memory().await;
    let (gate, hall) = (Phone::staff(&server, 1).await, Phone::staff(&server, 2).await);
    gate.sync(CHECKINS).await;
    hall.sync(CHECKINS).await;
    gate.record(CHECKINS, 1..=5);
    hall.until("the first facts", |state| state.facts(CHECKINS) == 5).await;
    let mut copies = gate.hang_up();
    hall.record(CHECKINS, 1..=5);
    let gate = Phone::staff(&server, 1).await;
    gate.open(CHECKINS, copies.pop_first().map(|(_, doc)| doc));
    gate.record(CHECKINS, 6..=10);
    for phone in [&gate, &hall] {
        phone.until("all facts", |state| state.facts(CHECKINS) == 15 && state.is_acknowledged(CHECKINS)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_connection_of_the_same_peer_takes_the_place_of_the_first() {
    let server = TestServer::in_memory().await;
    let first = Phone::staff(&server, 1).await;
    first.sync(CHECKINS).await;
    first.record(CHECKINS, [1]);
    first.until("the first fact", |state| state.is_acknowledged(CHECKINS)).await;
    let second = Phone::staff(&server, 1).await;
    assert_eq!(first.closed().await, (1013, "replaced".to_owned()));
    second.sync(CHECKINS).await;
    second.record(CHECKINS, [2]);
    second.until("both facts", |state| state.facts(CHECKINS) == 2 && state.is_acknowledged(CHECKINS)).await;
    until("the first is forgotten", || server.hub.stats().peers == 1).await;
    // Another device may call itself the same and takes nobody's place.
    let namesake = PhoneOptions { device: Some(DeviceId::from_random([7; 8])), ..PhoneOptions::new(1, Role::Staff) };
    let third = Phone::connect(&server, namesake).await;
    third.sync(CHECKINS).await;
    third.record(CHECKINS, [3]);
    second.until("the third fact", |state| state.facts(CHECKINS) == 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_kept_goes_to_those_who_have_the_document_open() {
    let server = TestServer::in_memory().await;
    let (gate, hall) = (Phone::staff(&server, 1).await, Phone::staff(&server, 2).await);
    let elsewhere = Phone::staff(&server, 3).await;
    gate.sync(CHECKINS).await;
    hall.sync(CHECKINS).await;
    elsewhere.sync(ROOMS).await;
    gate.send_ephemeral(CHECKINS, 1, b"hello");
    hall.until("the word", |state| !state.ephemeral.is_empty()).await;
    assert_eq!(hall.look(|state| state.ephemeral.clone()), [b"hello".to_vec()]);
    // What comes later in order has come, so the word did not go astray.
    elsewhere.record(ROOMS, [1]);
    elsewhere.until("its own fact", |state| state.is_acknowledged(ROOMS)).await;
    gate.record(CHECKINS, [1]);
    gate.until("its own fact", |state| state.is_acknowledged(CHECKINS)).await;
    assert!(elsewhere.look(|state| state.ephemeral.is_empty()) && gate.look(|state| state.ephemeral.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_hears_what_another_one_has() {
    let server = TestServer::in_memory().await;
    let options = PhoneOptions { storage: Some("gate-disk".to_owned()), ..PhoneOptions::new(1, Role::Staff) };
    let gate = Phone::connect(&server, options).await;
    let hall = Phone::staff(&server, 2).await;
    gate.sync(CHECKINS).await;
    hall.sync(CHECKINS).await;
    hall.subscribe("gate-disk");
    hall.record(CHECKINS, [1]);
    let heads = hall.look(|state| state.doc(CHECKINS).get_heads());
    let gates = |state: &crate::testing::State| state.remote_heads.values().next().cloned();
    hall.until("the gate has it", |state| gates(state).as_ref() == Some(&heads)).await;
    // Whoever asks later hears at once what is known.
    let late = Phone::staff(&server, 3).await;
    late.sync(CHECKINS).await;
    late.subscribe("gate-disk");
    late.until("what is known", |state| gates(state).as_ref() == Some(&heads)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_edits_under_its_own_name_and_phones_get_it() {
    let server = TestServer::in_memory().await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(PROGRAM).await;
    let put = |key: &'static str| {
        server.hub.edit(event(), PROGRAM, move |tx| {
            let rooms = match tx.get(automerge::ROOT, "rooms")? {
                Some((_, rooms)) => rooms,
                None => automerge::ROOT,
            };
            if tx.get(&rooms, key)?.is_none() {
                automerge::transaction::Transactable::put(tx, &rooms, key, "a hall")?;
            }
            Ok::<_, automerge::AutomergeError>(7)
        })
    };
    let edited = put("hall").await.unwrap();
    assert_eq!((edited.value, edited.changed), (7, true));
    let again = put("hall").await.unwrap();
    assert_eq!((again.heads.clone(), again.changed), (edited.heads.clone(), false));
    phone.until("the edit", |state| state.doc(PROGRAM).get_heads() == edited.heads).await;
    let (actor, time) = phone.look(|state| {
        let change = state.doc(PROGRAM).get_changes(&[]).pop().unwrap();
        (change.actor_id().clone(), change.timestamp())
    });
    assert!(DeviceId::of_actor(&actor).is_some() && time > 1_700_000_000);
    assert_ne!(DeviceId::of_actor(&actor), Some(phone.principal.device));
    let no = server.hub.edit(event(), PROGRAM, |tx| {
        automerge::transaction::Transactable::put(tx, automerge::ROOT, "left", "over").unwrap();
        Err::<(), &str>("no")
    });
    assert!(matches!(no.await, Err(crate::hub::EditError::Edit("no"))));
    assert_eq!(put("hall").await.unwrap().heads, edited.heads, "nothing of it is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_appear_as_shards_and_presenters_do() {
    let server = TestServer::in_memory().await;
    let phone = Phone::staff(&server, 1).await;
    let shard = DocRef::shard(DocKind::Checkins, 2);
    phone.open(shard, None);
    let id = crate::testing::wire_id(event(), shard);
    phone.until("no such document", |state| state.unavailable.contains(&id)).await;
    phone.record(shard, [1]);
    assert!(!server.hub.documents(event()).await.unwrap().contains(&shard));
    let record = muster_model::event::Event { shards: 3, ..Default::default() };
    let edit = server
        .hub
        .edit(event(), EVENT, move |tx| muster_model::record::put(tx, &muster_model::event::OnlyKey, &record));
    assert!(edit.await.unwrap().changed);
    phone.until("the document is there", |state| state.is_acknowledged(shard)).await;
    assert_eq!(hub_facts(&server.hub, shard).await, 1);
    let documents = server.hub.documents(event()).await.unwrap();
    assert!(documents.contains(&shard) && documents.contains(&DocRef::shard(DocKind::Roster, 2)));
    assert!(!documents.contains(&DocRef::shard(DocKind::Roster, 3)));
}
