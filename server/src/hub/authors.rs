//! Who the authors of changes are: devices, by what the database says of them.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use muster_model::access::Role;
use muster_model::document::is_genesis_actor;
use muster_model::id::{DeviceId, EventId};
use muster_protocol::guard::SyncSummary;

use super::HubError;

/// How an author stands in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// An enrolled device of the event.
    Enrolled(Role),
    /// It was revoked: what it wrote before and brought itself is there already.
    Revoked,
    /// No device of the event.
    Unknown,
}

/// Knows devices. Asked on a connection's own task, before a document sees the message; answers from memory most of the
/// time.
pub trait Authors: Send + Sync + 'static {
    /// How a device stands in an event.
    fn standing(&self, event: EventId, device: DeviceId) -> BoxFuture<'_, Result<Standing, HubError>>;
}

/// Knows nobody: every device writes for itself alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuthors;

impl Authors for NoAuthors {
    fn standing(&self, _: EventId, _: DeviceId) -> BoxFuture<'_, Result<Standing, HubError>> {
        Box::pin(std::future::ready(Ok(Standing::Unknown)))
    }
}

/// The authors of a message's changes who are not its sender.
pub type Known = BTreeMap<DeviceId, Standing>;

/// Looks up the authors of a message. Almost always it has none but its sender, and nobody is asked.
pub(super) async fn of_message(
    authors: &dyn Authors,
    event: EventId,
    own: &[DeviceId],
    summary: &SyncSummary,
) -> Result<Known, HubError> {
    let mut known = Known::new();
    let documents = summary.chunks.documents.iter().flat_map(|document| &document.actors);
    for actor in summary.changes().iter().map(|change| &change.actor).chain(documents) {
        let actor = automerge::ActorId::from(actor.as_slice());
        let Some(device) = DeviceId::of_actor(&actor).filter(|device| !own.contains(device)) else { continue };
        if !is_genesis_actor(&actor) && !known.contains_key(&device) {
            known.insert(device, authors.standing(event, device).await?);
        }
    }
    Ok(known)
}
