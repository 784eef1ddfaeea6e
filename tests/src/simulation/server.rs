//! The server: the real hub and the real sockets, on a runtime of one thread whose clock stands still until it is moved.
//!
//! A crash drops the runtime with everything in it; what the disk has by then is what the next run begins with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use automerge::ChangeHash;
use automerge::transaction::Transaction;
use axum::extract::ws::Message;
use muster_model::document::DocRef;
use muster_model::id::EventId;
use muster_model::record::RecordError;
use muster_model::time::Timestamp;
use muster_server::hub::{Hub, HubConfig, HubStats, Principal, Surroundings};
use muster_server::sync_socket::{SocketConfig, serve};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};

use super::finding::{Checked, own_fault};
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

/// One run of the server, from its start to its death.
struct Run {
    runtime: Runtime,
    hub: Hub,
    /// The runtime's clock at the start, and when that was.
    started: Instant,
    started_ms: i64,
    sockets: BTreeMap<ConnectionId, UnboundedSender<Result<Message, axum::Error>>>,
    failures_before: u64,
}

/// The server, whether it runs or not.
pub(super) struct Server {
    event: EventId,
    opening: Timestamp,
    pub(super) disk: ServerDisk,
    outputs: Arc<Outputs>,
    confirmed: Arc<Mutex<Vec<Confirmed>>>,
    run: Option<Run>,
    next_connection: ConnectionId,
    pub(super) refused: u64,
}

impl Server {
    pub(super) fn new(event: EventId, opening: Timestamp, disk: ServerDisk) -> Self {
        Self {
            event,
            opening,
            disk,
            outputs: Arc::default(),
            confirmed: Arc::default(),
            run: None,
            next_connection: 0,
            refused: 0,
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// Starts on what the disk has.
    pub(super) fn start(&mut self, now_ms: i64, session: [u8; 8]) -> Checked {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().map_err(own_fault)?;
        let (started, hub) = runtime.block_on(async {
            let started = Instant::now();
            let opening = self.opening.plus_ms(now_ms);
            let clock = Arc::new(move || {
                let passed = Instant::now().saturating_duration_since(started);
                opening.plus_ms(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
            });
            let surroundings = Surroundings { clock, session, ..Surroundings::default() };
            let store = Arc::new(self.disk.clone());
            // Small snapshots, so that the day has some.
            let config = HubConfig { compact_bytes: 8 << 10, idle_unload_s: 60, ..HubConfig::default() };
            Hub::in_surroundings(store, config, surroundings).await.map(|hub| (started, hub))
        })
        .map_err(own_fault)?;
        let failures_before = self.disk.failures();
        self.run = Some(Run { runtime, hub, started, started_ms: now_ms, sockets: BTreeMap::new(), failures_before });
        Ok(())
    }

    /// Dies on the spot.
    pub(super) fn crash(&mut self) {
        if let Some(run) = self.run.take() {
            self.refused += run.hub.stats().refused;
            drop(run);
        }
        self.disk.crash();
        // What was written and has not left the machine goes with it.
        self.outputs.take();
        self.take_confirmed();
    }

    /// Stores everything and ends all connections, as before an update. Says what it wrote meanwhile, and when it ended.
    pub(super) fn shut_down(&mut self) -> Option<(i64, Vec<Written>)> {
        let run = self.run.take()?;
        run.runtime.block_on(run.hub.shutdown());
        self.refused += run.hub.stats().refused;
        let ended_ms = run.now_ms();
        drop(run);
        Some((ended_ms, self.outputs.take()))
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

    /// A coordinator edits a document over the API.
    pub(super) fn edit(&self, document: DocRef, edit: Edit) {
        let Some(run) = &self.run else { return };
        let (hub, event, confirmed) = (run.hub.clone(), self.event, Arc::clone(&self.confirmed));
        run.runtime.spawn(async move {
            if let Ok(edited) = hub.edit(event, document, edit).await {
                let heads = edited.heads;
                confirmed.lock().unwrap_or_else(PoisonError::into_inner).push(Confirmed { document, heads });
            }
        });
    }

    /// Looks at a document as the server has it; `None` if it does not run or cannot.
    pub(super) fn saved(&self, document: DocRef) -> Option<(Vec<ChangeHash>, Vec<u8>)> {
        let run = self.run.as_ref()?;
        let look = |doc: &automerge::Automerge| (doc.get_heads(), doc.save());
        run.runtime.block_on(run.hub.read(self.event, document, look)).ok()
    }

    pub(super) fn heads(&self, document: DocRef) -> Option<Vec<ChangeHash>> {
        let run = self.run.as_ref()?;
        run.runtime.block_on(run.hub.read(self.event, document, automerge::Automerge::get_heads)).ok()
    }

    /// The documents of the event.
    pub(super) fn documents(&self) -> Option<Vec<DocRef>> {
        let run = self.run.as_ref()?;
        run.runtime.block_on(run.hub.documents(self.event)).ok()
    }

    /// What the hub did since it was started, and how often its disk failed on purpose meanwhile.
    pub(super) fn stats(&self) -> Option<(HubStats, u64)> {
        let run = self.run.as_ref()?;
        Some((run.hub.stats(), self.disk.failures().saturating_sub(run.failures_before)))
    }
}

impl Run {
    fn now_ms(&self) -> i64 {
        // The runtime's clock is read inside of it.
        let passed = self.runtime.block_on(async { Instant::now().saturating_duration_since(self.started) });
        self.started_ms.saturating_add(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
    }
}
