//! Documents begin a new epoch: taken from their tasks, put on the disk under another id, and used there from then on.

use std::collections::BTreeMap;
use std::sync::Arc;

use automerge::{ActorId, Automerge};
use muster_model::document::DocRef;
use muster_model::id::EventId;
use tokio::sync::oneshot;

use super::HubError;
use super::document::Message;
use super::registry::Handle;
use super::shared::Shared;

/// A document that was taken from its task.
#[derive(Debug)]
pub struct Taken {
    /// Which it is.
    pub document: DocRef,
    /// The epoch that is to begin.
    pub epoch: u32,
    /// The document at its end.
    pub doc: Automerge,
    /// Under which the server writes.
    pub actor: ActorId,
}

/// Keeps documents from being opened. Dropped early, those who used them come back and find them as they were.
struct Hold {
    shared: Arc<Shared>,
    event: EventId,
    documents: Vec<DocRef>,
    ended: Vec<Arc<Handle>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.registry.release(self.event, &self.documents);
        for handle in &self.ended {
            handle.end_attached(false);
        }
    }
}

pub(super) async fn replace<T, E: From<HubError>>(
    shared: &Arc<Shared>,
    event: EventId,
    documents: BTreeMap<DocRef, u32>,
    swap: impl AsyncFnOnce(Vec<Taken>) -> Result<T, E>,
) -> Result<T, E> {
    let mut leases = Vec::with_capacity(documents.len());
    for document in documents.keys() {
        leases.push(shared.lease(event, *document)?);
    }
    let names = documents.keys().copied().collect();
    let mut hold = Hold { shared: Arc::clone(shared), event, documents: names, ended: Vec::new() };
    shared.registry.hold(event, &hold.documents);
    let mut taken = Vec::with_capacity(leases.len());
    for lease in &leases {
        let handle = lease.handle();
        let (taker, answer) = oneshot::channel();
        lease.mailbox.send(Message::HandOver(taker)).await.map_err(|_| lease.why())?;
        let doc = answer.await.map_err(|_| lease.why())?;
        hold.ended.push(Arc::clone(&handle));
        let next = handle.epoch.checked_add(1).ok_or(HubError::Failed)?;
        let epoch = documents.get(&handle.document).map_or(next, |said| next.max(*said));
        let actor = shared.device.actor(shared.surroundings.session);
        taken.push(Taken { document: handle.document, epoch, doc, actor });
    }
    let epochs: Vec<(DocRef, u32)> = taken.iter().map(|taken| (taken.document, taken.epoch)).collect();
    let done = swap(taken).await?;
    shared.catalog_of(event).move_on(epochs);
    for handle in std::mem::take(&mut hold.ended) {
        handle.tell_replaced(shared);
    }
    Ok(done)
}
