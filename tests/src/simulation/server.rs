//! The server: the real hub and the real sockets, on a runtime of one thread whose clock stands still until it is moved.
//!
//! A crash drops the runtime with everything in it; what the disk has by then is what the next run begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use automerge::ChangeHash;
use automerge::transaction::Transaction;
use axum::extract::ws::Message;
use futures_util::future::BoxFuture;
use muster_model::access::Role;
use muster_model::document::DocRef;
use muster_model::id::{AttendeeId, DeviceId, EventId};
use muster_model::record::RecordError;
use muster_model::time::Timestamp;
use muster_server::hub::{AccessAdmission, Authors, Hub, HubConfig, HubError, Principal, Standing, Surroundings};
use muster_server::quarantine;
use muster_server::storage::NewQuarantined;
use muster_server::sync_socket::{SocketConfig, serve};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};

use super::eraser::Eraser;
use super::finding::{Checked, own_fault};
use super::sabotage::Sabotage;
use super::server_disk::ServerDisk;
use super::socket::{ConnectionId, Outputs, SimulatedSocket, Written};

/// A change that a coordinator makes.
pub(super) type Edit = Box<dyn FnOnce(&mut Transaction<'_>) -> Result<(), RecordError> + Send>;

/// An edit that the server said it has made.
#[derive(Debug, Clone)]
pub(super) struct Confirmed {
    pub(super) document: DocRef,
    pub(super) heads: Vec<ChangeHash>,
}

/// The devices that the server has enrolled.
#[derive(Debug, Default)]
pub(super) struct Devices(Mutex<BTreeMap<DeviceId, Standing>>);

impl Devices {
    pub(super) fn enrol(&self, device: DeviceId, role: Role) {
        self.note(device, Standing::Enrolled(role));
    }

    fn note(&self, device: DeviceId, standing: Standing) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(device, standing);
    }
}

impl Authors for Devices {
    fn standing(&self, _: EventId, device: DeviceId) -> BoxFuture<'_, Result<Standing, HubError>> {
        let standing = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&device).copied();
        Box::pin(std::future::ready(Ok(standing.unwrap_or(Standing::Unknown))))
    }
}

/// One run of the server, from its start to its death.
struct Run {
    runtime: Runtime,
    hub: Hub,
    /// The runtime's clock at the start, and when that was.
    started: Instant,
    started_ms: i64,
    sockets: BTreeMap<ConnectionId, UnboundedSender<Result<Message, axum::Error>>>,
    failures_before: u64,
    is_stopping: bool,
    has_stopped: Arc<AtomicBool>,
}

/// The server, whether it runs or not.
pub(super) struct Server {
    event: EventId,
    opening: Timestamp,
    pub(super) disk: ServerDisk,
    /// The devices that it has enrolled.
    pub(super) devices: Arc<Devices>,
    outputs: Arc<Outputs>,
    confirmed: Arc<Mutex<Vec<Confirmed>>>,
    run: Option<Run>,
    next_connection: ConnectionId,
    /// Who a coordinator was told is erased.
    erased: Arc<Mutex<BTreeSet<AttendeeId>>>,
    /// Whom the next start has to erase once more, and in which epochs documents have to be at least.
    pub(super) owed_erasures: (Vec<AttendeeId>, BTreeMap<DocRef, u32>),
    /// Messages whose changes were refused, in all runs that are over.
    pub(super) refused: u64,
    /// Documents that failed though the disk did not, in all runs that are over.
    pub(super) unexplained: u64,
}

impl Server {
    pub(super) fn new(event: EventId, opening: Timestamp, disk: ServerDisk) -> Self {
        Self {
            event,
            opening,
            disk,
            devices: Arc::default(),
            outputs: Arc::default(),
            confirmed: Arc::default(),
            run: None,
            next_connection: 0,
            erased: Arc::default(),
            owed_erasures: Default::default(),
            refused: 0,
            unexplained: 0,
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// Starts on what the disk has.
    pub(super) fn start(&mut self, now_ms: i64, session: [u8; 8]) -> Checked {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().map_err(own_fault)?;
        let (started, hub) = runtime
            .block_on(async {
                let started = Instant::now();
                let opening = self.opening.plus_ms(now_ms);
                let clock = Arc::new(move || {
                    let passed = Instant::now().saturating_duration_since(started);
                    opening.plus_ms(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
                });
                let authors = Arc::<Devices>::clone(&self.devices);
                let mut surroundings = Surroundings { clock, session, authors, ..Surroundings::default() };
                if self.disk.sabotage() == Some(Sabotage::ServerAdmitsEverything) {
                    surroundings.admission = Arc::new(AccessAdmission);
                }
                let store = Arc::new(self.disk.clone());
                // Small snapshots, so that the day has some.
                let config = HubConfig { compact_bytes: 8 << 10, idle_unload_s: 60, ..HubConfig::default() };
                Hub::in_surroundings(store, config, surroundings).await.map(|hub| (started, hub))
            })
            .map_err(own_fault)?;
        let failures_before = self.disk.failures();
        let eraser = self.eraser(&hub);
        // What an operator does before the server is open again, and what a start finishes.
        let (whom, to) = std::mem::take(&mut self.owed_erasures);
        if !whom.is_empty() {
            // And before that, room on the disk.
            self.disk.set_full(false);
        }
        runtime.block_on(async {
            for attendee in whom {
                eraser.erase(attendee, to.clone()).await.map_err(own_fault)?;
            }
            Ok(())
        })?;
        runtime.spawn(async move { eraser.say().await });
        self.run = Some(Run {
            runtime,
            hub,
            started,
            started_ms: now_ms,
            sockets: BTreeMap::new(),
            failures_before,
            is_stopping: false,
            has_stopped: Arc::default(),
        });
        Ok(())
    }

    /// Dies on the spot.
    pub(super) fn crash(&mut self) {
        if let Some(run) = self.run.take() {
            self.count(&run);
            drop(run);
        }
        self.disk.crash();
        // What was written and has not left the machine goes with it.
        self.outputs.take();
        self.take_confirmed();
    }

    /// Has it store everything and end all connections, as before an update. It takes its time.
    pub(super) fn shut_down(&mut self) {
        let Some(run) = &mut self.run else { return };
        let (hub, outputs, has_stopped) = (run.hub.clone(), Arc::clone(&self.outputs), Arc::clone(&run.has_stopped));
        run.is_stopping = true;
        run.runtime.spawn(async move {
            hub.shutdown().await;
            has_stopped.store(true, Ordering::Relaxed);
            outputs.arrived.notify_one();
        });
    }

    /// Whether it was told to shut down.
    pub(super) fn is_stopping(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.is_stopping)
    }

    /// Whether it has shut down since it was told to; then it is gone.
    pub(super) fn has_stopped(&mut self) -> bool {
        let Some(run) = self.run.take_if(|run| run.has_stopped.load(Ordering::Relaxed)) else { return false };
        self.count(&run);
        true
    }

    /// Lets the server work until this time, or until it has written something; says when that was.
    pub(super) fn work_until(&mut self, until_ms: i64) -> i64 {
        let Some(run) = &self.run else { return until_ms };
        let outputs = Arc::clone(&self.outputs);
        let left = u64::try_from(until_ms - run.started_ms).unwrap_or_default();
        let deadline = run.started + Duration::from_millis(left);
        run.runtime.block_on(async move {
            tokio::select! {
                biased;
                // One millisecond more, so that whatever else goes out at that moment is there too.
                () = outputs.arrived.notified() => sleep(Duration::from_millis(1)).await,
                () = sleep_until(deadline) => {}
            }
        });
        run.now_ms()
    }

    /// What was written since.
    pub(super) fn take_written(&self) -> Vec<Written> {
        self.outputs.take()
    }

    /// The edits that were confirmed since.
    pub(super) fn take_confirmed(&self) -> Vec<Confirmed> {
        std::mem::take(&mut *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a connection, if the server runs.
    pub(super) fn accept(&mut self, principal: Principal) -> Option<ConnectionId> {
        let run = self.run.as_mut()?;
        self.next_connection += 1;
        let connection = self.next_connection;
        let (socket, sender) = SimulatedSocket::new(connection, Arc::clone(&self.outputs));
        run.sockets.insert(connection, sender);
        run.runtime.spawn(serve(socket, principal, run.hub.clone(), SocketConfig::default()));
        Some(connection)
    }

    /// Hands the server what arrived on a connection; `None`: its carrier is gone.
    pub(super) fn arrive(&mut self, connection: ConnectionId, message: Option<Message>) {
        let Some(run) = self.run.as_mut() else { return };
        match message {
            // The server may have let go of it.
            Some(message) => drop(run.sockets.get(&connection).map(|socket| socket.send(Ok(message)))),
            None => drop(run.sockets.remove(&connection)),
        }
    }

    /// A coordinator revokes a device. What is open ends.
    pub(super) fn revoke(&self, device: DeviceId) {
        if self.disk.sabotage() != Some(Sabotage::ServerForgetsWhoIsRevoked) {
            self.devices.note(device, Standing::Revoked);
        }
        if let Some(run) = &self.run {
            run.hub.revoke(device);
        }
    }

    /// A coordinator gives a device another role. What is open ends.
    pub(super) fn set_role(&self, device: DeviceId, role: Role) {
        self.devices.enrol(device, role);
        if let Some(run) = &self.run {
            run.hub.set_role(device, role);
        }
    }

    /// A coordinator edits a document over the API.
    pub(super) fn edit(&self, document: DocRef, edit: Edit) {
        let Some(run) = &self.run else { return };
        let (hub, event, confirmed) = (run.hub.clone(), self.event, Arc::clone(&self.confirmed));
        run.runtime.spawn(async move {
            if let Ok(edited) = hub.edit(event, document, edit).await
                && edited.changed
            {
                let heads = edited.heads;
                confirmed.lock().unwrap_or_else(PoisonError::into_inner).push(Confirmed { document, heads });
            }
        });
    }

    fn eraser(&self, hub: &Hub) -> Eraser {
        Eraser { hub: hub.clone(), event: self.event, at: self.opening, disk: self.disk.clone() }
    }

    /// A coordinator has somebody erased.
    pub(super) fn erase(&self, attendee: AttendeeId) {
        let Some(run) = &self.run else { return };
        let (eraser, done) = (self.eraser(&run.hub), Arc::clone(&self.erased));
        run.runtime.spawn(async move {
            if eraser.erase(attendee, BTreeMap::new()).await.is_ok() {
                done.lock().unwrap_or_else(PoisonError::into_inner).insert(attendee);
            }
        });
    }

    /// Whether a coordinator was told that somebody is erased.
    pub(super) fn has_erased(&self, attendee: AttendeeId) -> bool {
        self.erased.lock().unwrap_or_else(PoisonError::into_inner).contains(&attendee)
    }

    /// A coordinator accepts what waits in the quarantine since the first so many entries; says how many there are now.
    pub(super) fn accept_quarantined(&self, seen: usize, trusts: impl Fn(&NewQuarantined) -> bool) -> usize {
        let Some(run) = &self.run else { return seen };
        let waiting = self.disk.quarantined();
        for entry in waiting.iter().skip(seen).filter(|entry| trusts(entry)) {
            // Records cannot be accepted, and whose facts are there already has come back.
            let (document, bytes) = (entry.document, entry.bytes.clone());
            drop(run.runtime.block_on(quarantine::accept(&run.hub, self.event, document, &bytes)));
        }
        waiting.len()
    }

    /// The heads of a document as the server has it, sorted; `None` if it does not run or cannot say.
    pub(super) fn heads(&self, document: DocRef) -> Option<Vec<ChangeHash>> {
        let run = self.run.as_ref()?;
        run.runtime.block_on(run.hub.read(self.event, document, automerge::Automerge::get_heads)).ok()
    }

    /// The documents of the event.
    pub(super) fn documents(&self) -> Option<Vec<DocRef>> {
        let run = self.run.as_ref()?;
        run.runtime.block_on(run.hub.documents(self.event)).ok()
    }

    /// Counts what this run has done so far. To be called once, at the end.
    pub(super) fn settle(&mut self) {
        if let Some(run) = self.run.take() {
            self.count(&run);
            self.run = Some(run);
        }
    }

    fn count(&mut self, run: &Run) {
        let stats = run.hub.stats();
        self.refused += stats.refused;
        let on_purpose = self.disk.failures().saturating_sub(run.failures_before);
        self.unexplained += stats.document_failures.saturating_sub(on_purpose);
    }
}

impl Run {
    fn now_ms(&self) -> i64 {
        // The runtime's clock is read inside of it.
        let passed = self.runtime.block_on(async { Instant::now().saturating_duration_since(self.started) });
        self.started_ms.saturating_add(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
    }
}
