//! Whether a device is still good: what the database says, remembered until it changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;

use super::token::{Bearer, Checked};
use crate::audit::Actor;
use crate::devices;
use crate::error::{ApiError, ErrorCode};
use crate::hub::{HubError, Standing};
use crate::storage::{Storage, StorageError};

/// After how long without a note a device that is heard of is noted again.
const SEEN_EVERY_MS: i64 = 5 * 60 * 1000;

/// A device whose token and standing are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownDevice {
    /// Its id.
    pub id: DeviceId,
    /// Its event.
    pub event: EventId,
    /// Its role there.
    pub role: Role,
    /// When the token ends that it showed.
    pub token_expires_at: Timestamp,
}

/// Devices and their standing.
#[derive(Debug)]
pub struct Identities {
    storage: Storage,
    capacity: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    devices: HashMap<DeviceId, Arc<Entry>>,
    /// Counts what was changed, so that what was read before a change is not remembered after it.
    changes: u64,
}

#[derive(Debug)]
struct Entry {
    event: EventId,
    role: Role,
    revoked: AtomicBool,
    seen_at_ms: AtomicI64,
}

impl Identities {
    /// Devices of this database, of which so many are remembered.
    #[must_use]
    pub fn new(storage: Storage, capacity: usize) -> Self {
        Self { storage, capacity: capacity.max(1), known: Mutex::default() }
    }

    /// The device that a token names, if it is still good and is what the token says; `None` for an operator's token.
    ///
    /// # Errors
    /// `device_unknown`, `device_revoked`, `role_changed`, `token_invalid`, or why the database cannot be read.
    pub async fn check(&self, token: &Checked, now: Timestamp) -> Result<Option<KnownDevice>, ApiError> {
        let Bearer::Device { device, event, role } = token.bearer else { return Ok(None) };
        let entry = self.entry(device).await?;
        if entry.event != event {
            return Err(ErrorCode::TokenInvalid.into());
        }
        if entry.revoked.load(Relaxed) {
            return Err(ErrorCode::DeviceRevoked.into());
        }
        if entry.role != role {
            // We signed what it says, so it was so once.
            return Err(ErrorCode::RoleChanged.into());
        }
        self.note_seen(device, &entry, now).await;
        Ok(Some(KnownDevice { id: device, event, role, token_expires_at: token.expires_at }))
    }

    /// Notes that a device was heard of until now, as one whose connection has ended.
    pub(crate) async fn heard(&self, id: DeviceId, now: Timestamp) {
        if let Ok(entry) = self.entry(id).await {
            self.note_seen(id, &entry, now).await;
        }
    }

    async fn entry(&self, id: DeviceId) -> Result<Arc<Entry>, ApiError> {
        loop {
            let changes = {
                let known = self.known();
                if let Some(entry) = known.devices.get(&id) {
                    return Ok(Arc::clone(entry));
                }
                known.changes
            };
            let device = devices::find(&self.storage, id).await?.ok_or(ErrorCode::DeviceUnknown)?;
            if device.approved_at.is_none() {
                // Not remembered: it may be let in at any moment.
                return Err(ErrorCode::EnrolmentPending.into());
            }
            let mut known = self.known();
            // If somebody was changed while this was read, it may have been this device: read again.
            if known.changes == changes {
                if known.devices.len() >= self.capacity {
                    known.devices.clear();
                }
                let entry = Arc::new(Entry {
                    event: device.event,
                    role: device.role,
                    revoked: AtomicBool::new(device.revoked_at.is_some()),
                    seen_at_ms: AtomicI64::new(device.last_seen_at.map_or(i64::MIN, Timestamp::ms)),
                });
                return Ok(Arc::clone(known.devices.entry(id).or_insert(entry)));
            }
        }
    }

    /// How a device stands in an event, as the author of a change.
    pub(super) async fn standing_of(&self, event: EventId, id: DeviceId) -> Result<Standing, HubError> {
        match self.entry(id).await {
            Ok(entry) if entry.event != event => Ok(Standing::Unknown),
            Ok(entry) if entry.revoked.load(Relaxed) => Ok(Standing::Revoked),
            Ok(entry) => Ok(Standing::Enrolled(entry.role)),
            Err(error) if matches!(error.code, ErrorCode::DeviceUnknown | ErrorCode::EnrolmentPending) => {
                Ok(Standing::Unknown)
            }
            Err(_) => Err(HubError::Failed),
        }
    }

    async fn note_seen(&self, id: DeviceId, entry: &Entry, now: Timestamp) {
        let seen_at = entry.seen_at_ms.load(Relaxed);
        let old = now.since_ms(Timestamp::from_ms(seen_at)) >= SEEN_EVERY_MS;
        if !old || entry.seen_at_ms.compare_exchange(seen_at, now.ms(), Relaxed, Relaxed).is_err() {
            return;
        }
        // A full disk must not keep a device from reading.
        if let Err(error) = devices::seen(&self.storage, id, now).await {
            tracing::warn!(device = %id, %error, "could not note that a device was heard of");
        }
    }

    /// Revokes a device of an event: its token is refused from now on. Says whether the event has such a device. Its open
    /// connections are the hub's to close.
    ///
    /// # Errors
    /// Why the database could not be written.
    pub async fn revoke(
        &self,
        event: EventId,
        id: DeviceId,
        actor: Actor,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let found = devices::revoke(&self.storage, event, id, actor, now).await?;
        if found {
            let mut known = self.known();
            known.changes = known.changes.wrapping_add(1);
            if let Some(entry) = known.devices.get(&id) {
                entry.revoked.store(true, Relaxed);
            }
        }
        Ok(found)
    }

    /// Gives a device of an event another role: tokens that say the old one are refused from now on. Says whether the event
    /// has such a device. Its open connections are the hub's to close.
    ///
    /// # Errors
    /// Why the database could not be written.
    pub async fn set_role(
        &self,
        event: EventId,
        id: DeviceId,
        role: Role,
        (actor, now): (Actor, Timestamp),
    ) -> Result<bool, StorageError> {
        let found = devices::set_role(&self.storage, event, id, role, (actor, now)).await?;
        if found {
            let mut known = self.known();
            known.changes = known.changes.wrapping_add(1);
            known.devices.remove(&id);
        }
        Ok(found)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::refresh::RefreshToken;
    use crate::devices::{NewCode, Newcomer};
    use crate::events::{self, EventRow};
    use crate::storage::DATABASE_FILE;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn bearer(seed: u8, role: Role) -> Checked {
        let (device, event) = (DeviceId::from_random([seed; 8]), EventId::from_random([1; 16]));
        Checked { bearer: Bearer::Device { device, event, role }, expires_at: at(100) }
    }

    async fn with_devices(dir: &std::path::Path, seeds: &[u8], capacity: usize) -> Identities {
        let storage = Storage::open(&dir.join(DATABASE_FILE)).unwrap();
        let event = EventId::from_random([1; 16]);
        let row = EventRow { id: event, name: "E".into(), created_at: at(0) };
        storage.write(move |tx| events::insert(tx, &row)).await.unwrap();
        for &seed in seeds {
            let (hash, id) = ([seed; 32], DeviceId::from_random([seed; 8]));
            let (name, checkpoints, role) = (String::new(), Vec::new(), Role::Staff);
            let code = NewCode { hash, event, role, name, checkpoints, limit: 1, approve: false, expires_at: at(10) };
            devices::insert_code(&storage, code, Actor::Operator, at(0)).await.unwrap();
            let (name, token) = (String::new(), RefreshToken::random());
            let newcomer = Newcomer { id, name, token, token_expires_at: at(100) };
            devices::enrol(&storage, hash, newcomer, at(1)).await.unwrap();
        }
        Identities::new(storage, capacity)
    }

    #[tokio::test]
    async fn a_revoked_device_is_refused_at_once_and_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let identities = with_devices(dir.path(), &[1, 2], 10).await;
        let one = identities.check(&bearer(1, Role::Staff), at(5)).await.unwrap().unwrap();
        assert!(identities.revoke(one.event, one.id, Actor::Operator, at(6)).await.unwrap());
        let refused = identities.check(&bearer(1, Role::Staff), at(7)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::DeviceRevoked);
        assert!(identities.check(&bearer(2, Role::Staff), at(7)).await.is_ok());
        let fresh = Identities::new(identities.storage.clone(), 10);
        let refused = fresh.check(&bearer(1, Role::Staff), at(7)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::DeviceRevoked, "after a restart too");
    }

    #[tokio::test]
    async fn a_token_must_say_what_the_database_says() {
        let dir = tempfile::tempdir().unwrap();
        let identities = with_devices(dir.path(), &[1], 10).await;
        let elsewhere = Bearer::Device {
            device: DeviceId::from_random([1; 8]),
            event: EventId::from_random([2; 16]),
            role: Role::Staff,
        };
        let refused = identities.check(&Checked { bearer: elsewhere, expires_at: at(100) }, at(5)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::TokenInvalid);
        let refused = identities.check(&bearer(1, Role::Coordinator), at(5)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RoleChanged);
        let refused = identities.check(&bearer(9, Role::Staff), at(5)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::DeviceUnknown);
        assert!(
            identities
                .check(&Checked { bearer: Bearer::Operator, expires_at: at(100) }, at(5))
                .await
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn a_changed_role_counts_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let identities = with_devices(dir.path(), &[1], 10).await;
        let one = identities.check(&bearer(1, Role::Staff), at(5)).await.unwrap().unwrap();
        assert!(identities.set_role(one.event, one.id, Role::Finance, (Actor::Operator, at(5))).await.unwrap());
        let refused = identities.check(&bearer(1, Role::Staff), at(6)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RoleChanged);
        assert!(identities.check(&bearer(1, Role::Finance), at(6)).await.is_ok());
        assert!(
            !identities
                .set_role(one.event, DeviceId::from_random([9; 8]), Role::Staff, (Actor::Operator, at(5)))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let identities = with_devices(dir.path(), &[1, 2, 3], 2).await;
        for seed in [1, 2, 3] {
            identities.check(&bearer(seed, Role::Staff), at(5)).await.unwrap();
        }
        assert_eq!(identities.known().devices.len(), 1);
        identities.check(&bearer(1, Role::Staff), at(5)).await.unwrap();
    }

    #[tokio::test]
    async fn hearing_of_a_device_is_noted_now_and_then() {
        let dir = tempfile::tempdir().unwrap();
        let identities = with_devices(dir.path(), &[1], 2).await;
        let mut noted = Vec::new();
        for now in [1_000, 2_000, SEEN_EVERY_MS + 1_000] {
            let known = identities.check(&bearer(1, Role::Staff), at(now)).await.unwrap().unwrap();
            let device = devices::find(&identities.storage, known.id).await.unwrap().unwrap();
            noted.push(device.last_seen_at.unwrap().ms());
        }
        assert_eq!(noted, [1_000, 1_000, SEEN_EVERY_MS + 1_000]);
    }

    #[tokio::test]
    async fn a_connection_that_ends_is_noted_with_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let identities = with_devices(dir.path(), &[1], 2).await;
        let known = identities.check(&bearer(1, Role::Staff), at(1_000)).await.unwrap().unwrap();
        identities.heard(known.id, at(SEEN_EVERY_MS + 1_000)).await;
        let device = devices::find(&identities.storage, known.id).await.unwrap().unwrap();
        assert_eq!(device.last_seen_at, Some(at(SEEN_EVERY_MS + 1_000)));
    }
}
