//! One connection at the hub: what comes in is checked here, on the connection's own task, before a document sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_model::access::Access;
use muster_model::document::{DocId, DocRef};
use muster_model::id::DeviceId;
use muster_protocol::guard::{DocumentSize, GuardError, GuardLimits, SyncSummary, check_sync_message};
use muster_protocol::{DocumentId, Frame, PeerInfo, PeerMessage, ProtocolCode, StorageId};
use tokio::sync::{mpsc, watch};

use super::authors::{self, Known, Standing};
use super::catalog::Catalog;
use super::document::{Attach, Incoming, Message};
use super::link::{InboundBudget, Link, Outbox};
use super::registry::Lease;
use super::shared::Shared;
use super::{Ending, HubError, Principal};
use crate::storage::SyncStateKey;

/// Messages from this size on are checked where blocking does no harm.
const HEAVY_BYTES: usize = 64 << 10;

/// Authors that are no devices and that are remembered for a connection.
const MAX_STRANGERS: usize = 256;

/// Storages one peer may want to hear about.
const MAX_SUBSCRIPTIONS: usize = 256;

/// One connection after its handshake. Dropping it detaches it from every document.
pub(crate) struct Session {
    shared: Arc<Shared>,
    link: Arc<Link>,
    catalog: Arc<Catalog>,
    growth: watch::Receiver<u64>,
    limits: GuardLimits,
    inbound: InboundBudget,
    documents: BTreeMap<DocumentId, Lease>,
    /// Asked for and not there, or not for this peer; the catalogue may grow.
    denied: BTreeSet<DocumentId>,
    subscriptions: BTreeSet<StorageId>,
    /// Authors that are no devices: the actors of a stock client. Nobody is asked about them again.
    strangers: BTreeSet<DeviceId>,
}

impl Session {
    /// Takes a peer in that said `join`. What is to be written to it comes out of the outbox.
    pub(super) async fn join(
        shared: &Arc<Shared>,
        principal: Principal,
        peer: &PeerInfo,
    ) -> Result<(Self, Outbox), Ending> {
        let catalog = shared.catalog(principal.event).await.map_err(|error| match error {
            HubError::UnknownEvent => Ending::Revoked,
            HubError::Stopped => Ending::ShuttingDown,
            error => {
                tracing::error!(%error, "an event's documents cannot be listed");
                Ending::Overload { retry_after_ms: shared.config.retry_after_ms }
            }
        })?;
        let (link, outbox) = shared.join(principal, peer)?;
        shared.counters.peers.add(1);
        let limits = if principal.may_import() { GuardLimits::bulk_import() } else { GuardLimits::phone() };
        let mut growth = catalog.growth();
        growth.mark_unchanged();
        let session = Self {
            inbound: InboundBudget::new(shared.config.inbound_bytes_per_peer),
            shared: Arc::clone(shared),
            link,
            growth,
            catalog,
            limits,
            documents: BTreeMap::new(),
            denied: BTreeSet::new(),
            subscriptions: BTreeSet::new(),
            strangers: BTreeSet::new(),
        };
        Ok((session, outbox))
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Queues a frame for the peer.
    pub(crate) fn send(&self, frame: Vec<u8>) {
        self.link.send(frame);
    }

    /// Counts a frame that came in.
    pub(crate) fn count_frame(&self, bytes: usize) {
        self.shared.counters.frames_in.add(1);
        self.shared.counters.bytes_in.add(bytes);
        self.link.share.came(bytes);
    }

    /// Waits for as long as the device has taken more than its share.
    pub(crate) async fn pace(&self) -> Result<(), Ending> {
        let wait = self.link.share.wait().inspect_err(|_| self.shared.counters.sent_away.add(1))?;
        if wait > Duration::ZERO {
            self.shared.counters.slowed.add(1);
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Waits until the event has more documents than before.
    pub(crate) async fn grown(&mut self) {
        if self.denied.is_empty() || self.growth.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Offers documents that the peer asked for in vain and that are there now.
    pub(crate) async fn offer(&mut self) -> Result<(), Ending> {
        for document in self.denied.clone() {
            if let Some((found, access)) = self.find(document) {
                self.denied.remove(&document);
                self.attach(document, found, access, true).await?;
            }
        }
        Ok(())
    }

    /// Takes in a message that the connection has checked. Waits when documents or budgets are full, which holds up the
    /// reading of this connection and of no other.
    pub(crate) async fn handle(&mut self, message: PeerMessage) -> Result<(), Ending> {
        match message {
            PeerMessage::Sync { document, data, is_request } => self.sync(document, data, is_request).await,
            PeerMessage::DocUnavailable { document } => {
                let link = self.link.id;
                self.tell(document, Message::PeerLacks { link }).await
            }
            PeerMessage::Ephemeral { author, document, session, count, data } => {
                // Nobody speaks for somebody else here: all our peers are devices.
                if author != self.link.peer_id || data.len() > self.shared.config.ephemeral_bytes {
                    return Ok(());
                }
                let link = self.link.id;
                self.tell(document, Message::Ephemeral { link, session, count, data }).await
            }
            PeerMessage::SubscriptionChange { add, remove } => self.subscribe(add, remove).await,
            // The same peer starts over on the same carrier: what was exchanged is void.
            PeerMessage::Established(_) => self.restart().await,
            // Devices know nothing of other storages that they did not hear from us.
            PeerMessage::RemoteHeads { .. } => Ok(()),
            // The connection's own matter: whoever reads it has looked at it.
            PeerMessage::Token { .. } => Ok(()),
            PeerMessage::Notice { code, .. } => {
                tracing::info!(link = self.link.id, bytes = code.len(), "a peer sent a notice");
                Ok(())
            }
            PeerMessage::Error { .. } => Err(Ending::Left),
        }
    }

    async fn sync(&mut self, document: DocumentId, data: Vec<u8>, is_request: bool) -> Result<(), Ending> {
        let stopping = || Ending::ShuttingDown;
        let own = self.inbound.take(data.len()).await.ok_or_else(stopping)?;
        let all = self.shared.inbound.take(data.len()).await.ok_or_else(stopping)?;
        if self.documents.get(&document).is_some_and(|lease| lease.is_replaced()) {
            self.documents.remove(&document);
        }
        if !self.documents.contains_key(&document) {
            match self.find(document) {
                Some((found, access)) => self.attach(document, found, access, false).await?,
                None => return self.deny(document),
            }
        }
        let Some(lease) = self.documents.get(&document) else { return Ok(()) };
        let size = DocumentSize { stored_changes: lease.stored_changes.load(Ordering::Acquire) };
        let (data, checked) = guard(data, self.limits.clone(), size).await.ok_or_else(|| self.link.overload())?;
        let summary = checked.map_err(|error| self.refused(&error))?;
        let authors = self.authors(&summary).await?;
        let incoming = Box::new(Incoming { summary, data, is_request, authors, applied: false, room: (own, all) });
        self.tell(document, Message::Sync { link: self.link.id, incoming }).await
    }

    /// How the authors of a message stand who are not its sender.
    async fn authors(&mut self, summary: &SyncSummary) -> Result<Known, Ending> {
        let Principal { device, event, .. } = self.link.principal;
        let mut own = vec![device, self.shared.device];
        own.extend(&self.strangers);
        let known = authors::of_message(&*self.shared.surroundings.authors, event, &own, summary).await;
        let known = known.map_err(|error| {
            tracing::error!(%error, "the authors of changes cannot be looked up");
            self.link.overload()
        })?;
        let unknown = known.iter().filter(|(_, standing)| **standing == Standing::Unknown).map(|(device, _)| *device);
        let room = MAX_STRANGERS.saturating_sub(self.strangers.len());
        self.strangers.extend(unknown.take(room).collect::<Vec<_>>());
        Ok(known)
    }

    fn refused(&self, error: &GuardError) -> Ending {
        self.shared.counters.guarded.add(1);
        Ending::Protocol { code: error.code(), detail: error.to_string() }
    }

    /// The document of this id, if the principal's event has it and the principal may read it.
    fn find(&self, document: DocumentId) -> Option<(DocRef, Access)> {
        let id = DocId::from_bytes(*document.as_bytes());
        let principal = &self.link.principal;
        let own = match principal.role {
            // Presenters may begin their own document before the programme knows them.
            muster_model::access::Role::Presenter(presenter) => Some(DocRef::presenter(presenter)),
            _ => None,
        };
        let own = own.filter(|own| self.catalog.id(own) == id);
        let found = own.or_else(|| self.catalog.find(id))?;
        let access = principal.role.access(&found);
        access.may_read().then_some((found, access))
    }

    fn deny(&mut self, document: DocumentId) -> Result<(), Ending> {
        if self.catalog.has_ended(DocId::from_bytes(*document.as_bytes())) {
            self.link.send_replaced(&self.shared.peer_id, document);
            return Ok(());
        }
        if self.denied.len() < self.shared.config.documents_per_peer {
            self.denied.insert(document);
        }
        let (sender, target) = (self.shared.peer_id.clone(), self.link.peer_id.clone());
        self.link.send(Frame::DocUnavailable { sender, target, document }.encode());
        Ok(())
    }

    async fn attach(
        &mut self,
        document: DocumentId,
        found: DocRef,
        access: Access,
        speak_first: bool,
    ) -> Result<(), Ending> {
        if self.documents.len() >= self.shared.config.documents_per_peer {
            return Err(Ending::protocol(ProtocolCode::Overload));
        }
        let saved = match &self.link.storage {
            Some(storage) => {
                let device = self.link.principal.device;
                let id = DocId::from_bytes(*document.as_bytes());
                let key = SyncStateKey { device, storage_id: storage.as_str().to_owned(), document: id };
                self.shared.store.sync_state(key).await.unwrap_or_else(|error| {
                    // Without it the peers need a round trip more.
                    tracing::warn!(%error, "a sync state could not be read");
                    None
                })
            }
            None => None,
        };
        let event = self.link.principal.event;
        let mut lease = self.shared.lease(event, found).map_err(|error| match error {
            HubError::Stopped => Ending::ShuttingDown,
            _ => self.link.overload(),
        })?;
        lease.attach(&self.link);
        let subscriptions = self.subscriptions.iter().cloned().collect();
        let attach = Attach { link: Arc::clone(&self.link), access, saved, subscriptions, speak_first };
        self.documents.insert(document, lease);
        self.tell(document, Message::Attach(Box::new(attach))).await
    }

    /// Hands a message to a document, if it is attached.
    async fn tell(&self, document: DocumentId, message: Message) -> Result<(), Ending> {
        let Some(lease) = self.documents.get(&document) else { return Ok(()) };
        match deliver(&lease.mailbox, message).await {
            // Told already; what is about the ended epoch says nothing any more.
            Err(()) if lease.is_replaced() => Ok(()),
            delivered => delivered.map_err(|()| self.link.overload()),
        }
    }

    async fn subscribe(&mut self, add: Vec<StorageId>, remove: Vec<StorageId>) -> Result<(), Ending> {
        for storage in &remove {
            self.subscriptions.remove(storage);
        }
        let room = MAX_SUBSCRIPTIONS.saturating_sub(self.subscriptions.len());
        let add: Vec<StorageId> = add.into_iter().take(room).collect();
        self.subscriptions.extend(add.iter().cloned());
        for document in self.documents.keys().copied().collect::<Vec<_>>() {
            let (link, add, remove) = (self.link.id, add.clone(), remove.clone());
            self.tell(document, Message::Subscribe { link, add, remove }).await?;
        }
        Ok(())
    }

    async fn restart(&mut self) -> Result<(), Ending> {
        for document in self.documents.keys().copied().collect::<Vec<_>>() {
            self.tell(document, Message::Detach { link: self.link.id }).await?;
        }
        self.documents.clear();
        self.denied.clear();
        self.subscriptions.clear();
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Documents forget connections that have ended; each lease wakes its document.
        self.link.end(Ending::Left);
        self.shared.leave(&self.link);
        self.shared.counters.peers.add(-1);
    }
}

async fn deliver(mailbox: &mpsc::Sender<Message>, message: Message) -> Result<(), ()> {
    mailbox.send(message).await.map_err(|_| ())
}

/// Looks at a message before Automerge does. `None` if that itself failed.
async fn guard(
    data: Vec<u8>,
    limits: GuardLimits,
    size: DocumentSize,
) -> Option<(Vec<u8>, Result<SyncSummary, GuardError>)> {
    let is_heavy = data.len() >= HEAVY_BYTES;
    let check = move || {
        let checked = check_sync_message(&data, &limits, &size);
        (data, checked)
    };
    if is_heavy { tokio::task::spawn_blocking(check).await.ok() } else { Some(check()) }
}
