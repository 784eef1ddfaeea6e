use muster_model::id::{PresenterId, RecordId};

use super::*;
use crate::events::{self, EventRow};
use crate::storage::DATABASE_FILE;

const EVENT: &str = "7d444840-9dc0-41d1-b245-5ffdce74fad2";

async fn storage(dir: &std::path::Path) -> Storage {
    let storage = Storage::open(&dir.join(DATABASE_FILE)).unwrap();
    let event = EventRow { id: EVENT.parse().unwrap(), name: "E".into(), created_at: at(0) };
    storage.write(move |tx| events::insert(tx, &event)).await.unwrap();
    storage
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn id(seed: u8) -> DeviceId {
    DeviceId::from_random([seed; 8])
}

fn code(seed: u8, role: Role, name: &str) -> NewCode {
    NewCode {
        hash: [seed; 32],
        event: EVENT.parse().unwrap(),
        role,
        name: name.into(),
        checkpoints: Vec::new(),
        limit: 1,
        approve: false,
        expires_at: at(100),
    }
}

async fn enrol(
    storage: &Storage,
    hash: [u8; 32],
    id: DeviceId,
    name: String,
    now: Timestamp,
) -> Result<Device, EnrolError> {
    let newcomer = Newcomer { id, name, token: RefreshToken::random(), token_expires_at: at(1_000) };
    super::enrol(storage, hash, newcomer, now).await
}

#[tokio::test]
async fn a_code_enrols_one_device_once() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage(dir.path()).await;
    let role = Role::Presenter(PresenterId::from_random([9; 10]));
    insert_code(&storage, code(1, role, ""), Actor::Operator, at(0)).await.unwrap();
    let device = enrol(&storage, [1; 32], id(1), "A phone".into(), at(50)).await.unwrap();
    assert_eq!((device.role, device.name.as_str()), (role, "A phone"));
    assert_eq!(find(&storage, id(1)).await.unwrap(), Some(device));
    let again = enrol(&storage, [1; 32], id(2), String::new(), at(51)).await;
    assert!(matches!(again, Err(EnrolError::Used)));
    assert_eq!(find(&storage, id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_code_raced_for_enrols_one_device() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage(dir.path()).await;
    insert_code(&storage, code(1, Role::Staff, "Gate A"), Actor::Operator, at(0)).await.unwrap();
    let tries = (1..=8).map(|seed| enrol(&storage, [1; 32], id(seed), String::new(), at(50)));
    let results = futures_util::future::join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(list(&storage, EVENT.parse().unwrap()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn unknown_and_expired_codes_enrol_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage(dir.path()).await;
    insert_code(&storage, code(1, Role::Staff, "Gate A"), Actor::Operator, at(0)).await.unwrap();
    let unknown = enrol(&storage, [2; 32], id(1), String::new(), at(50)).await;
    assert!(matches!(unknown, Err(EnrolError::Unknown)));
    let expired = enrol(&storage, [1; 32], id(1), String::new(), at(100)).await;
    assert!(matches!(expired, Err(EnrolError::Expired)));
    assert!(list(&storage, EVENT.parse().unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_revoked_device_stays_revoked_since_the_first_time() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage(dir.path()).await;
    insert_code(&storage, code(1, Role::Staff, "Gate A"), Actor::Operator, at(0)).await.unwrap();
    enrol(&storage, [1; 32], id(1), String::new(), at(50)).await.unwrap();
    seen(&storage, id(1), at(60)).await.unwrap();
    let event = EVENT.parse().unwrap();
    assert!(revoke(&storage, event, id(1), Actor::Operator, at(70)).await.unwrap());
    assert!(revoke(&storage, event, id(1), Actor::Operator, at(80)).await.unwrap());
    let device = find(&storage, id(1)).await.unwrap().unwrap();
    assert_eq!((device.last_seen_at, device.revoked_at), (Some(at(60)), Some(at(70))));
    assert!(!revoke(&storage, event, id(2), Actor::Operator, at(70)).await.unwrap());
    assert!(!revoke(&storage, EventId::from_random([1; 16]), id(1), Actor::Operator, at(70)).await.unwrap());
}
