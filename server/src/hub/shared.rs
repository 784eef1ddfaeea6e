//! What the hub, its connections and its documents share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_model::access::Role;
use muster_model::document::{DocId, DocKind, DocRef};
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use muster_protocol::{PeerId, PeerInfo, StorageId};
use tokio::sync::watch;

use super::catalog::Catalog;
use super::fill::EventFill;
use super::link::{InboundBudget, Link, OutboundBudget, Outbox};
use super::registry::{Lease, Registry};
use super::stats::Counters;
use super::usage::Usages;
use super::{Ending, HubConfig, HubError, Principal, Surroundings};
use crate::storage::DocumentStore;

/// A peer of a device of an event: at most one connection.
type LinkKey = (EventId, DeviceId, PeerId);

pub(super) struct Shared {
    pub(super) store: Arc<dyn DocumentStore>,
    pub(super) config: HubConfig,
    pub(super) surroundings: Surroundings,
    pub(super) counters: Arc<Counters>,
    pub(super) registry: Registry,
    pub(super) inbound: InboundBudget,
    pub(super) outbound: OutboundBudget,
    usages: Arc<Usages>,
    /// Our id on every connection.
    pub(super) peer_id: PeerId,
    /// What we store to, the same for ever.
    pub(super) storage_id: StorageId,
    /// Under which the server writes.
    pub(super) device: DeviceId,
    /// How many document tasks and connections there are; the end waits for none.
    pub(super) tasks: watch::Sender<usize>,
    pub(super) stopping: watch::Sender<bool>,
    next_link: AtomicU64,
    links: Mutex<HashMap<LinkKey, Arc<Link>>>,
    revoked: Mutex<HashSet<DeviceId>>,
    /// The roles of devices whose role changed since the hub began.
    roles: Mutex<HashMap<DeviceId, Role>>,
    /// Events that the store is known to have; none is ever deleted.
    events: Mutex<HashSet<EventId>>,
    catalogs: Mutex<HashMap<EventId, Arc<Catalog>>>,
    fills: Mutex<HashMap<EventId, Arc<EventFill>>>,
    /// Documents that panicked.
    suspects: Mutex<HashSet<DocId>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) async fn new(
        store: Arc<dyn DocumentStore>,
        config: HubConfig,
        surroundings: Surroundings,
    ) -> Result<Self, HubError> {
        let (uuid, device): ([u8; 16], [u8; 8]) = rand::random();
        let storage_uuid = uuid::Builder::from_random_bytes(uuid).into_uuid().to_string();
        let device = DeviceId::from_random(device);
        let storage_id = store.keep("storage_id", storage_uuid).await?;
        let device = store.keep("device_id", device.to_string()).await?;
        let damaged = crate::storage::StorageError::Value { table: "meta", column: "value" };
        let age_ms = i64::from(config.sync_state_days).saturating_mul(24 * 60 * 60 * 1_000);
        let oldest = (surroundings.clock)().plus_ms(age_ms.saturating_neg());
        let expired = store.expire_sync_states(oldest).await?;
        tracing::debug!(expired, "old sync states were forgotten");
        Ok(Self {
            peer_id: PeerId::new(&format!("muster-{storage_id}")).map_err(|_| damaged.clone())?,
            storage_id: StorageId::new(&storage_id).map_err(|_| damaged.clone())?,
            device: device.parse().map_err(|_| damaged)?,
            inbound: InboundBudget::new(config.inbound_bytes),
            outbound: OutboundBudget::new(config.outbound_bytes),
            usages: Usages::new(&config.devices),
            store,
            config,
            surroundings,
            counters: Arc::default(),
            registry: Registry::default(),
            tasks: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            next_link: AtomicU64::new(1),
            links: Mutex::default(),
            revoked: Mutex::default(),
            roles: Mutex::default(),
            events: Mutex::default(),
            catalogs: Mutex::default(),
            fills: Mutex::default(),
            suspects: Mutex::default(),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.surroundings.clock)()
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    pub(super) fn suspect(&self, document: DocId) {
        lock(&self.suspects).insert(document);
    }

    pub(super) fn is_suspect(&self, document: DocId) -> bool {
        lock(&self.suspects).contains(&document)
    }

    /// Checks that there is such an event.
    pub(super) async fn known(&self, event: EventId) -> Result<(), HubError> {
        if lock(&self.events).contains(&event) {
            return Ok(());
        }
        if !self.store.has_event(event).await? {
            return Err(HubError::UnknownEvent);
        }
        // Before anything of the event is opened: ids of documents follow from their epochs.
        self.catalog_of(event).move_on(self.store.epochs(event).await?);
        lock(&self.events).insert(event);
        Ok(())
    }

    /// Opens a document, and makes it known.
    pub(super) fn lease(self: &Arc<Self>, event: EventId, document: DocRef) -> Result<Lease, HubError> {
        self.catalog_of(event).add([document]);
        self.registry.lease(self, event, document)
    }

    /// What is known of an event's documents so far.
    pub(super) fn catalog_of(&self, event: EventId) -> Arc<Catalog> {
        let mut catalogs = lock(&self.catalogs);
        Arc::clone(catalogs.entry(event).or_insert_with(|| Arc::new(Catalog::new(event))))
    }

    /// How much an event holds.
    pub(super) fn fill_of(&self, event: EventId) -> Arc<EventFill> {
        Arc::clone(lock(&self.fills).entry(event).or_default())
    }

    /// All of an event's documents.
    pub(super) async fn catalog(self: &Arc<Self>, event: EventId) -> Result<Arc<Catalog>, HubError> {
        self.known(event).await?;
        let catalog = self.catalog_of(event);
        let read = catalog.read.get_or_try_init(async || {
            catalog.add(self.store.documents(event).await?);
            for kind in [DocKind::Event, DocKind::Program] {
                // A document tells the catalogue when it is loaded; one that cannot be loaded tells nothing, and
                // must not keep the others from being used.
                if let Err(error) = super::work::read(self, event, DocRef::whole(kind), |_| ()).await {
                    tracing::error!(%error, %event, %kind, "an event's document cannot be read");
                }
            }
            Ok::<(), HubError>(())
        });
        read.await?;
        Ok(catalog)
    }

    /// Registers a connection; an earlier one of the same peer ends.
    pub(super) fn join(&self, principal: Principal, peer: &PeerInfo) -> Result<(Arc<Link>, Outbox), Ending> {
        if self.is_stopping() {
            return Err(Ending::ShuttingDown);
        }
        let share = self.usages.enter(&principal).inspect_err(|_| self.counters.sent_away.add(1))?;
        let id = self.next_link.fetch_add(1, Ordering::Relaxed);
        let (link, outbox) =
            Link::new(id, principal, peer, &self.config, (Arc::clone(&self.counters), self.outbound.clone(), share));
        let before = lock(&self.links).insert(key(&link), Arc::clone(&link));
        // Revoking, and changing a role, look at the links after they noted the device, so one of the two sees the other.
        if lock(&self.revoked).contains(&principal.device) {
            self.leave(&link);
            return Err(Ending::Revoked);
        }
        if lock(&self.roles).get(&principal.device).is_some_and(|role| *role != principal.role) {
            self.leave(&link);
            return Err(Ending::RoleChanged);
        }
        if let Some(before) = before {
            before.end(Ending::Replaced);
        }
        Ok((link, outbox))
    }

    /// Forgets a connection.
    pub(super) fn leave(&self, link: &Arc<Link>) {
        let mut links = lock(&self.links);
        if links.get(&key(link)).is_some_and(|there| Arc::ptr_eq(there, link)) {
            links.remove(&key(link));
        }
    }

    pub(super) fn connected(&self, event: EventId) -> HashSet<DeviceId> {
        let links = lock(&self.links);
        let of_event = links.keys().filter(|(its_event, ..)| *its_event == event);
        of_event.map(|(_, device, _)| *device).collect()
    }

    pub(super) fn revoke(&self, device: DeviceId) {
        lock(&self.revoked).insert(device);
        for link in lock(&self.links).values().filter(|link| link.principal.device == device) {
            link.end(Ending::Revoked);
        }
    }

    pub(super) fn set_role(&self, device: DeviceId, role: Role) {
        lock(&self.roles).insert(device, role);
        let differs = |link: &&Arc<Link>| link.principal.device == device && link.principal.role != role;
        for link in lock(&self.links).values().filter(differs) {
            link.end(Ending::RoleChanged);
        }
    }

    pub(super) fn end_all(&self, ending: &Ending) {
        for link in lock(&self.links).values() {
            link.end(ending.clone());
        }
    }
}

fn key(link: &Link) -> LinkKey {
    (link.principal.event, link.principal.device, link.peer_id.clone())
}

/// Counts a task as long as it lives.
pub(crate) struct TaskCount(Arc<Shared>);

impl TaskCount {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.tasks.send_modify(|tasks| *tasks = tasks.saturating_add(1));
        Self(Arc::clone(shared))
    }
}

impl Drop for TaskCount {
    fn drop(&mut self) {
        self.0.tasks.send_modify(|tasks| *tasks = tasks.saturating_sub(1));
    }
}
