//! How the simulated server erases somebody: the product's search and writing, with a transaction of the simulated disk.

use std::collections::BTreeMap;

use muster_model::document::DocRef;
use muster_model::epoch::Epochs;
use muster_model::erasure::Erasure;
use muster_model::id::{AttendeeId, EventId};
use muster_model::time::Timestamp;
use muster_server::documents::Documents;
use muster_server::erasure::{Search, begin, say};
use muster_server::error::ApiError;
use muster_server::hub::{Hub, Taken};

use super::sabotage::Sabotage;
use super::server_disk::ServerDisk;

/// Somebody who may have a server erase people.
pub(super) struct Eraser {
    pub(super) hub: Hub,
    pub(super) event: EventId,
    pub(super) at: Timestamp,
    pub(super) disk: ServerDisk,
}

impl Eraser {
    /// Erases an attendee. Documents come into these epochs at least, besides those that name them.
    pub(super) async fn erase(&self, attendee: AttendeeId, to: BTreeMap<DocRef, u32>) -> Result<(), ApiError> {
        let documents = Documents::new(self.hub.clone());
        let Search { documents: holding, erasure, .. } = Search::of(&documents, self.event, attendee).await?;
        let mut anew = to;
        for document in holding {
            anew.entry(document).or_insert(0);
        }
        let erasure = match self.disk.sabotage() {
            Some(Sabotage::ErasureTakesNothing) => Erasure::default(),
            Some(Sabotage::ErasureTakesEverybody) => Erasure::everybody(),
            _ => erasure,
        };
        let swap = async |taken: Vec<Taken>| {
            let begun = taken.into_iter().map(|taken| begin(self.event, taken, &erasure, self.at));
            let writes = begun.collect::<Result<Vec<_>, _>>()?;
            Ok::<(), ApiError>(self.disk.begin_anew(writes, [attendee]).await?)
        };
        self.hub.replace(self.event, anew, swap).await?;
        self.tell().await
    }

    /// Says which epochs are current, if the server died before it was said.
    pub(super) async fn say(&self) {
        // Whoever is told again later misses nothing.
        drop(self.tell().await);
    }

    async fn tell(&self) -> Result<(), ApiError> {
        if self.disk.sabotage() == Some(Sabotage::ErasureIsNotSaid) {
            return Ok(());
        }
        let current = Epochs::new(self.disk.epochs(), self.disk.erased());
        say(&Documents::new(self.hub.clone()), self.event, current).await
    }
}
