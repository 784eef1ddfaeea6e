//! Devices that take more than their share.

use super::*;
use crate::hub::DeviceLimits;
use crate::storage::{MemoryStore, QuarantineLimits};
use crate::testing::{Phone, PhoneOptions, Setup, TestServer};
use muster_model::access::Role;

async fn server(devices: DeviceLimits) -> TestServer {
    let store = MemoryStore::new([event()], QuarantineLimits::default());
    TestServer::start(store, Setup { hub: HubConfig { devices, ..quick() }, ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_sends_too_much_is_read_more_slowly_and_loses_nothing() {
    let devices = DeviceLimits { messages_per_s: 40, messages_burst: 5, ..DeviceLimits::default() };
    let server = server(devices).await;
    let (hasty, other) = (Phone::staff(&server, 1).await, Phone::staff(&server, 2).await);
    hasty.sync(CHECKINS).await;
    other.sync(CHECKINS).await;
    (1..=30).for_each(|key| hasty.record(CHECKINS, [key]));
    other.record(CHECKINS, [1]);
    other.until("its own is stored", |state| state.is_acknowledged(CHECKINS)).await;
    hasty.until("all of them are stored", |state| state.is_acknowledged(CHECKINS)).await;
    other.until("all of them arrive", |state| state.facts(CHECKINS) == 31).await;
    let stats = server.hub.stats();
    assert!(stats.slowed > 0 && stats.sent_away == 0, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_floods_is_sent_away_with_the_time_to_come_back() {
    let devices = DeviceLimits { messages_per_s: 1, messages_burst: 5, wait_ms: 100, ..DeviceLimits::default() };
    let server = server(devices).await;
    let phone = Phone::staff(&server, 1).await;
    phone.sync(CHECKINS).await;
    (1..=30).for_each(|key| phone.record(CHECKINS, [key]));
    let (code, reason) = phone.closed().await;
    assert_eq!(code, 1013);
    let ms = reason.strip_prefix("rate_limited; retry_after_ms=").unwrap();
    assert!(ms.parse::<u64>().unwrap() > 100, "{reason}");
    assert_eq!(server.hub.stats().sent_away, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_documents_work_for_a_device_counts() {
    let devices = DeviceLimits { work_ms_per_s: 1, work_ms_burst: 1, wait_ms: 20, ..DeviceLimits::default() };
    let server = server(devices).await;
    let (costly, other) = (Phone::staff(&server, 1).await, Phone::staff(&server, 2).await);
    costly.sync(CHECKINS).await;
    for key in 0..200 {
        costly.write(CHECKINS, &format!("k{key}"), &"x".repeat(20_000));
    }
    let (code, reason) = costly.closed().await;
    assert!(code == 1013 && reason.starts_with("rate_limited; "), "{code} {reason}");
    assert!(other.look(|state| state.closed.is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_with_too_many_connections_gets_no_more() {
    let server = server(DeviceLimits { connections: 2, ..DeviceLimits::default() }).await;
    let connect = async |number| {
        let device = Some(DeviceId::from_random([9; 8]));
        Phone::connect(&server, PhoneOptions { device, ..PhoneOptions::new(number, Role::Staff) }).await
    };
    let (one, two) = (connect(1).await, connect(2).await);
    // The handshake is answered before the hub counts the connection.
    crate::testing::until("both are counted", || server.hub.stats().peers == 2).await;
    let (code, reason) = connect(3).await.closed().await;
    assert_eq!((code, reason.as_str()), (1013, "too_many_connections; retry_after_ms=10000"));
    assert!(two.look(|state| state.closed.is_none()));
    one.hang_up();
    crate::testing::until("the first is gone", || server.hub.stats().peers == 1).await;
    let again = connect(4).await;
    again.sync(CHECKINS).await;
}
