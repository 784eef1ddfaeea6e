//! One open document: a task that owns it, takes messages in turn, and never speaks of what is not stored.
//!
//! A round is: gather messages for a short tick, apply them in memory ([`intake`]), store what is new and wait for the
//! disk ([`flush`]), and only then answer and pass on ([`speak`]). If storing fails or anything panics, the task ends, the
//! connections that use the document end with a hint to come back, and the next use loads what is stored.

mod broken;
mod charge;
mod flush;
mod intake;
mod open;
mod speak;
mod together;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use automerge::{Automerge, ChangeHash};
use futures_util::FutureExt;
use muster_model::access::Access;
use muster_model::admission::reading::Awaited;
use muster_model::id::DeviceId;
use muster_protocol::guard::SyncSummary;
use muster_protocol::{DocLedger, DocSync, DocumentId, ProtocolCode, RemoteHeadsBook, Role, StorageId, Whole};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::HubError;
use super::authors::Known;
use super::fill::EventFill;
use super::link::{Link, SharedFrame};
use super::registry::Handle;
use super::shared::{Shared, TaskCount};
use super::work::Work;
use flush::{Stored, Tick};

/// How many messages one round takes at most.
const ROUND_MESSAGES: usize = 4_096;

/// What a document's task is told.
pub(super) enum Message {
    /// A connection wants to sync.
    Attach(Box<Attach>),
    /// A connection starts over: forget what was exchanged with it.
    Detach { link: u64 },
    /// A guarded sync message of an attached connection.
    Sync { link: u64, incoming: Box<Incoming> },
    /// An attached peer says that it lacks the document.
    PeerLacks { link: u64 },
    /// Something for the other peers, not kept.
    Ephemeral { link: u64, session: String, count: u64, data: Vec<u8> },
    /// A peer wants to hear what other storages have.
    Subscribe { link: u64, add: Vec<StorageId>, remove: Vec<StorageId> },
    /// Something of the server's own to do.
    Work(Box<dyn Work>),
    /// Store everything, hand the document over and end: it begins a new epoch.
    HandOver(oneshot::Sender<Automerge>),
    /// A connection or a lease has gone: look around.
    Nudge,
    /// Store everything and end.
    Stop,
}

/// A connection that wants to sync.
pub(super) struct Attach {
    pub(super) link: Arc<Link>,
    pub(super) access: Access,
    /// The sync state kept from an earlier connection.
    pub(super) saved: Option<Vec<u8>>,
    /// What the peer wants to hear about.
    pub(super) subscriptions: Vec<StorageId>,
    /// The peer asked in vain before: now it is offered the document.
    pub(super) speak_first: bool,
}

/// A guarded sync message.
pub(super) struct Incoming {
    pub(super) summary: SyncSummary,
    pub(super) data: Vec<u8>,
    pub(super) is_request: bool,
    /// The authors of its changes who are not its sender.
    pub(super) authors: Known,
    /// Its changes have been let in and applied, with others of the round.
    pub(super) applied: bool,
    /// Room in the budgets of the connection and of the hub, given back with the message.
    pub(super) room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

/// An attached connection.
struct Attached {
    link: Arc<Link>,
    access: Access,
    role: Role,
    sync: DocSync,
    /// It said something in this round, or is to be offered the document.
    touched: bool,
    /// It has not read what it was told, and will be told the rest when it has.
    owed: bool,
    /// Changes of this round that came from it.
    authored: usize,
    /// Why its changes are refused, once they are.
    refusal: Option<(ProtocolCode, &'static str)>,
    /// The refused changes that it was not told of yet, without those that depend on them, and their author.
    untold: (Vec<ChangeHash>, Option<DeviceId>),
    /// The kept sync state, not to be written again unchanged.
    saved: Option<Vec<u8>>,
}

/// An open document.
struct Document {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
    id: DocumentId,
    doc: Automerge,
    ledger: DocLedger,
    /// What was let in and may not be in the document yet.
    awaited: Awaited,
    /// The first change, which every replica begins with.
    genesis: ChangeHash,
    /// The heads of what is stored.
    heads: Vec<ChangeHash>,
    /// All of it as it is at its heads, for peers that have nothing yet.
    whole: Option<(Whole, Arc<SharedFrame>)>,
    stored: Stored,
    /// How much the event holds, with this document.
    fill: Arc<EventFill>,
    tick: Tick,
    peers: BTreeMap<u64, Attached>,
    /// Somebody is owed something: look again after a tick.
    owing: bool,
    gossip: RemoteHeadsBook,
    /// Not to be compacted below so many bytes of changes: the last time failed.
    compact_from: usize,
    /// Changes are applied message by message, so that the next panic has one to blame.
    one_by_one: bool,
}

impl Drop for Document {
    fn drop(&mut self) {
        let attached = i64::try_from(self.peers.len()).unwrap_or(i64::MAX);
        self.shared.counters.attachments.add(attached.saturating_neg());
    }
}

/// Starts a document's task. It ends by itself when nobody has used the document for a while.
pub(super) fn spawn(shared: Arc<Shared>, handle: Arc<Handle>, mut messages: mpsc::Receiver<Message>) {
    let count = TaskCount::new(&shared);
    tokio::spawn(async move {
        let running = AssertUnwindSafe(run(&shared, &handle, &mut messages)).catch_unwind().await;
        let (error, panicked) = match running {
            Ok(Ok(())) => (None, false),
            Ok(Err(error)) => (Some(error), false),
            Err(_) => (Some(HubError::Failed), true),
        };
        let replaced = matches!(error, Some(HubError::Replaced));
        if let Some(error) = error.filter(|_| !replaced) {
            tracing::error!(document = ?handle.id, %error, panicked, "a document failed and leaves memory");
            shared.counters.document_failures.add(1);
            if panicked {
                shared.suspect(handle.id);
            }
            // Set already if it was stopped.
            drop(handle.failure.set(error));
        }
        shared.registry.remove(&handle);
        messages.close();
        if !replaced {
            handle.end_attached(panicked);
        }
        while let Ok(message) = messages.try_recv() {
            if let Message::Work(work) = message {
                work.answer(Err(handle.why()));
            }
        }
        drop(count);
    });
}

async fn run(
    shared: &Arc<Shared>,
    handle: &Arc<Handle>,
    messages: &mut mpsc::Receiver<Message>,
) -> Result<(), HubError> {
    match Document::open(shared, handle).await {
        Ok(document) => {
            shared.counters.open_documents.add(1);
            let _open = Open(Arc::clone(shared));
            document.run(messages).await
        }
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            tracing::error!(document = ?handle.id, %error, "a document cannot be opened");
            broken::run(shared, handle, messages, &error).await;
            Ok(())
        }
    }
}

/// Counts an open document as long as it lives.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.open_documents.add(-1);
    }
}

impl Document {
    async fn run(mut self, messages: &mut mpsc::Receiver<Message>) -> Result<(), HubError> {
        // Somebody may hold a lease and be about to speak: do not ask again at once.
        let idle = Duration::from_secs(self.shared.config.idle_unload_s).max(Duration::from_millis(10));
        let mut last_flush: Option<Instant> = None;
        let mut used = Instant::now();
        let mut round = Vec::new();
        loop {
            let tick = self.shared.config.tick(self.peers.len());
            let due = last_flush.map(|last| last + tick);
            let first = tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(message) => Some(message),
                    None => return Ok(()),
                },
                () = sleep_until(due.unwrap_or(used)), if self.owing => None,
                () = sleep_until(used + idle), if self.peers.is_empty() => {
                    if self.unload().await? {
                        return Ok(());
                    }
                    used = Instant::now();
                    continue;
                }
            };
            if first.as_ref().is_some_and(|message| !matches!(message, Message::Nudge)) {
                used = Instant::now();
            }
            round.extend(first);
            if let Some(until) = due {
                self.gather(until, messages, &mut round).await;
            }
            while round.len() < ROUND_MESSAGES
                && let Ok(message) = messages.try_recv()
            {
                round.push(message);
            }
            let begun = Instant::now();
            self.apply_together(&mut round);
            self.charge_together(&round, begun.elapsed());
            let mut stop = false;
            for message in round.drain(..) {
                stop |= matches!(message, Message::Stop);
                let (work_for, begun) = (message.work_for(), Instant::now());
                self.take(message).await?;
                if let Some((link, _)) = work_for {
                    self.charge(link, begun.elapsed());
                }
            }
            self.flush().await?;
            if self.ledger.pending() == 0 {
                self.awaited.clear();
            }
            last_flush = Some(Instant::now());
            if stop {
                return self.stop(messages).await;
            }
        }
    }

    /// Waits until the tick is over, or something comes that somebody is waiting for.
    async fn gather(&self, until: Instant, messages: &mut mpsc::Receiver<Message>, round: &mut Vec<Message>) {
        while round.len() < ROUND_MESSAGES && !round.last().is_some_and(|message| self.is_urgent(message)) {
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(message) => round.push(message),
                    None => return,
                },
                () = sleep_until(until) => return,
            }
        }
    }

    /// Whether waiting would hold somebody up: what is not changes, and not the answer to what we passed on.
    fn is_urgent(&self, message: &Message) -> bool {
        match message {
            Message::Work(_)
            | Message::HandOver(_)
            | Message::Attach(_)
            | Message::Ephemeral { .. }
            | Message::Stop => true,
            Message::Sync { link, incoming } => {
                let has_level = self.peers.get(link).is_some_and(|peer| peer.sync.level().is_some());
                !has_level && !incoming.summary.has_changes()
            }
            _ => false,
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), HubError> {
        match message {
            Message::Attach(attach) => self.attach(*attach),
            Message::Detach { link } => self.detach(link),
            Message::Sync { link, incoming } => self.take_sync(link, *incoming),
            Message::PeerLacks { link } => {
                if let Some(peer) = self.peers.get_mut(&link) {
                    peer.sync.peer_lacks_document();
                }
            }
            Message::Ephemeral { link, session, count, data } => self.relay(link, &session, count, &data),
            Message::Subscribe { link, add, remove } => self.subscribe(link, &add, &remove),
            Message::Work(work) => self.work(work).await?,
            Message::HandOver(taker) => return Err(self.hand_over(taker).await),
            Message::Nudge | Message::Stop => {}
        }
        Ok(())
    }

    /// What is still in the mailbox is taken in; then everything is stored, sync states too.
    async fn stop(mut self, messages: &mut mpsc::Receiver<Message>) -> Result<(), HubError> {
        drop(self.handle.failure.set(HubError::Stopped));
        messages.close();
        while let Some(message) = messages.recv().await {
            self.take(message).await?;
        }
        for link in self.peers.keys().copied().collect::<Vec<_>>() {
            self.detach(link);
        }
        self.flush().await
    }

    /// Gives the document away as it is stored. Whatever comes from now on is not taken in, so nobody is told that it was.
    async fn hand_over(&mut self, taker: oneshot::Sender<Automerge>) -> HubError {
        if let Err(error) = self.flush().await {
            return error;
        }
        drop(self.handle.failure.set(HubError::Replaced));
        // The taker may have gone: then those who use the document come back and find it as it was.
        drop(taker.send(self.doc.clone()));
        HubError::Replaced
    }

    /// Leaves memory if nobody uses the document; says whether it did.
    async fn unload(&mut self) -> Result<bool, HubError> {
        self.flush().await?;
        if !self.peers.is_empty() {
            return Ok(false);
        }
        self.compact(self.shared.config.compact_idle_bytes).await;
        Ok(self.shared.registry.retire(&self.handle))
    }

    /// Runs something of the server's own, after everything before it is stored.
    async fn work(&mut self, mut work: Box<dyn Work>) -> Result<(), HubError> {
        self.flush().await?;
        let limit = self.shared.config.max_document_bytes;
        if work.writes() && self.stored.bytes() > limit {
            work.answer(Err(HubError::DocumentFull { limit }));
            return Ok(());
        }
        let limit = self.shared.config.max_event_bytes;
        if work.writes() && self.fill.is_full(0, limit) {
            self.fill.look(&*self.shared.store, self.handle.event).await;
            work.answer(Err(HubError::EventFull { limit }));
            return Ok(());
        }
        let now = self.shared.now();
        let doc = &mut self.doc;
        let before = &self.heads;
        let changes = heavy(|| {
            work.run(doc, now);
            if work.writes() && doc.get_heads() != *before { doc.get_changes(before) } else { Vec::new() }
        });
        let changed = !changes.is_empty();
        self.tick.add(changes.into_iter().map(|change| (change.hash(), change.raw_bytes().to_vec())));
        match self.flush().await {
            Ok(()) => {
                work.answer(Ok((self.heads.clone(), changed)));
                Ok(())
            }
            Err(error) => {
                work.answer(Err(error.clone()));
                Err(error)
            }
        }
    }
}

/// Runs what may take long without holding up other tasks, where the runtime can.
fn heavy<T>(run: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(run),
        _ => run(),
    }
}
