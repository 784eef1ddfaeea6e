//! Which documents are open, and who uses them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use muster_model::document::{DocId, DocRef};
use muster_model::id::EventId;
use muster_protocol::DocumentId;
use tokio::sync::mpsc;

use super::document::{self, Message};
use super::link::Link;
use super::shared::Shared;
use super::{Ending, HubError};

/// An open document, as others see it.
pub(super) struct Handle {
    pub(super) id: DocId,
    pub(super) event: EventId,
    pub(super) document: DocRef,
    pub(super) epoch: u32,
    pub(super) mailbox: mpsc::Sender<Message>,
    /// How many changes it holds, for the guard.
    pub(super) stored_changes: AtomicU64,
    /// The connection whose message is being applied; 0 for none.
    pub(super) culprit: AtomicU64,
    /// Why it failed, for those who still wait for an answer.
    pub(super) failure: OnceLock<HubError>,
    attached: Mutex<BTreeMap<u64, Arc<Link>>>,
    leases: AtomicUsize,
}

impl Handle {
    fn attached(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Link>>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connections that use the document. The one whose message it was working on is told that it was to blame.
    pub(super) fn end_attached(&self, panicked: bool) {
        let culprit = if panicked { self.culprit.load(Ordering::Acquire) } else { 0 };
        for link in std::mem::take(&mut *self.attached()).into_values() {
            let blamed = link.id == culprit;
            let ending =
                if blamed { Ending::protocol(muster_protocol::ProtocolCode::SyncApply) } else { link.overload() };
            link.end(ending);
        }
    }

    /// Tells the connections that use the document, whose epoch has ended.
    pub(super) fn tell_replaced(&self, shared: &Shared) {
        for link in std::mem::take(&mut *self.attached()).into_values() {
            link.send_replaced(&shared.peer_id, DocumentId::from_bytes(*self.id.as_bytes()));
        }
    }

    /// Whether its epoch has ended, or is just ending.
    pub(super) fn is_replaced(&self) -> bool {
        matches!(self.failure.get(), Some(HubError::Replaced))
    }

    pub(super) fn why(&self) -> HubError {
        self.failure.get().cloned().unwrap_or(HubError::Failed)
    }
}

/// The right to use an open document: it stays in memory meanwhile.
pub(super) struct Lease {
    handle: Arc<Handle>,
    link: Option<u64>,
}

impl Lease {
    /// From now on the connection goes down with the document.
    pub(super) fn attach(&mut self, link: &Arc<Link>) {
        self.link = Some(link.id);
        self.handle.attached().insert(link.id, Arc::clone(link));
    }
}

impl Lease {
    /// The document, for longer than the right to use it.
    pub(super) fn handle(&self) -> Arc<Handle> {
        Arc::clone(&self.handle)
    }
}

impl std::ops::Deref for Lease {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(link) = self.link {
            self.handle.attached().remove(&link);
            // A full mailbox means that it is at work and will look around anyway.
            drop(self.handle.mailbox.try_send(Message::Nudge));
        }
        self.handle.leases.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The open documents.
#[derive(Default)]
pub(super) struct Registry {
    open: Mutex<HashMap<DocId, Arc<Handle>>>,
    /// Documents that begin a new epoch at this moment; locked after `open`.
    held: Mutex<HashSet<(EventId, DocRef)>>,
}

impl Registry {
    fn open(&self) -> MutexGuard<'_, HashMap<DocId, Arc<Handle>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, HashSet<(EventId, DocRef)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these documents cannot be opened.
    pub(super) fn hold(&self, event: EventId, documents: &[DocRef]) {
        let _order = self.open();
        self.held().extend(documents.iter().map(|document| (event, *document)));
    }

    /// They can again.
    pub(super) fn release(&self, event: EventId, documents: &[DocRef]) {
        self.held().retain(|(of, document)| *of != event || !documents.contains(document));
    }

    /// Opens a document, or gives the open one. Refused when the hub is shutting down: what is asked for under the same
    /// lock afterwards, all open documents, is then all there will be.
    pub(super) fn lease(&self, shared: &Arc<Shared>, event: EventId, document: DocRef) -> Result<Lease, HubError> {
        let mut open = self.open();
        if shared.is_stopping() {
            return Err(HubError::Stopped);
        }
        if self.held().contains(&(event, document)) {
            return Err(HubError::Replaced);
        }
        let epoch = shared.catalog_of(event).epoch(&document);
        let id = document.id_in(event, epoch);
        let living = open.get(&id).filter(|handle| !handle.mailbox.is_closed());
        let handle = living.cloned().unwrap_or_else(|| {
            let (mailbox, messages) = mpsc::channel(shared.config.mailbox.max(1));
            let handle = Arc::new(Handle {
                id,
                event,
                document,
                epoch,
                mailbox,
                stored_changes: AtomicU64::new(0),
                culprit: AtomicU64::new(0),
                failure: OnceLock::new(),
                attached: Mutex::default(),
                leases: AtomicUsize::new(0),
            });
            document::spawn(Arc::clone(shared), Arc::clone(&handle), messages);
            open.insert(id, Arc::clone(&handle));
            handle
        });
        handle.leases.fetch_add(1, Ordering::AcqRel);
        Ok(Lease { handle, link: None })
    }

    /// Takes the document out if nobody uses it. Leases are given under the same lock, so nobody can begin meanwhile.
    pub(super) fn retire(&self, handle: &Arc<Handle>) -> bool {
        let mut open = self.open();
        if handle.leases.load(Ordering::Acquire) > 0 {
            return false;
        }
        if open.get(&handle.id).is_some_and(|there| Arc::ptr_eq(there, handle)) {
            open.remove(&handle.id);
        }
        true
    }

    /// Takes a failed document out, whoever uses it.
    pub(super) fn remove(&self, handle: &Arc<Handle>) {
        let mut open = self.open();
        if open.get(&handle.id).is_some_and(|there| Arc::ptr_eq(there, handle)) {
            open.remove(&handle.id);
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<Handle>> {
        self.open().values().cloned().collect()
    }
}
