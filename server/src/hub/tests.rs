//! Stories of phones and a hub, over real WebSockets.

mod access;
mod attacks;
mod durability;
mod failures;
mod limits;
mod matrix;
mod measure;
mod shares;
mod sharing;
mod stage;

use std::path::Path;

use automerge::{Automerge, ReadDoc};
use muster_model::document::{DocKind, DocRef};
use muster_model::id::DeviceId;

use crate::hub::{Hub, HubConfig};
use crate::storage::{DocumentStore, Storage};
use crate::testing::{event, facts, sql_event};

const CHECKINS: DocRef = DocRef::shard(DocKind::Checkins, 0);
const ROOMS: DocRef = DocRef::whole(DocKind::Rooms);
const PROGRAM: DocRef = DocRef::whole(DocKind::Program);
const EVENT: DocRef = DocRef::whole(DocKind::Event);

/// A database in a folder, with the event.
async fn database(dir: &Path) -> Storage {
    let storage = Storage::open(&dir.join("muster.db")).unwrap();
    sql_event(&storage).await;
    storage
}

/// What a machine that lost power now would find: a copy of the files, without asking the server.
fn crash_image(from: &Path, to: &Path) {
    for file in ["muster.db", "muster.db-wal"] {
        if from.join(file).exists() {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
}

/// A document as the files have it.
async fn on_disk(dir: &Path, document: DocRef) -> Automerge {
    let image = tempfile::tempdir().unwrap();
    crash_image(dir, image.path());
    let storage = Storage::open(&image.path().join("muster.db")).unwrap();
    let stored = DocumentStore::load(&storage, document.id(event())).await.unwrap().unwrap();
    let actor = DeviceId::from_random([0; 8]).actor([0; 8]);
    muster_model::document::load(&stored.bytes, actor).unwrap()
}

/// How many facts the hub's copy of a document has.
async fn hub_facts(hub: &Hub, document: DocRef) -> usize {
    hub.read(event(), document, facts).await.unwrap()
}

/// How many changes the hub's copy of a document has.
async fn hub_changes(hub: &Hub, document: DocRef) -> u64 {
    hub.read(event(), document, |doc| doc.stats().num_changes).await.unwrap()
}

fn quick() -> HubConfig {
    HubConfig { tick_ms: 1, tick_per_peer_us: 0, ..HubConfig::default() }
}
