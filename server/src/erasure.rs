//! Erasing people. Automerge keeps every value for ever, so the documents that name somebody are begun anew without them
//! (see [`muster_model::epoch`]); what else the database says of them goes in the same transaction, and then the file is
//! written anew, since SQLite leaves deleted rows in free pages.
//!
//! What phones have to know, which epochs are current and who was erased, is said in the event's own document afterwards; if
//! the server dies in between, its next start does it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use automerge::Automerge;
use muster_model::document::{DocKind, DocRef};
use muster_model::epoch::{self, Epochs, Founding};
use muster_model::erasure::Erasure;
use muster_model::id::{AttendeeId, EventId};
use muster_model::record::RecordError;
use muster_model::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

mod quarantine;
pub mod retention;
mod search;

use crate::app::{App, AppState};
use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::backup::{self, Copy};
use crate::clock;
use crate::documents::Documents;
use crate::error::{ApiError, ErrorCode};
use crate::hub::Taken;
use crate::storage::sqlite_documents::{epochs, replace};
use crate::storage::{DocumentWrite, Storage, StorageError};
pub use search::Search;

/// The name of the detail in an audit entry that says in which epoch a document was begun: `begun=roster/00:1`.
pub(crate) const BEGUN: &str = "begun";

/// What erasing did.
#[derive(Debug)]
pub struct Erased {
    /// The documents that were begun anew.
    pub documents: Vec<DocRef>,
    /// Refused changes that named the attendee and were discarded.
    pub discarded: u64,
    /// Documents in which the name stands still, in records of others: for a person to look at.
    pub named_in: Vec<DocRef>,
    /// Backups that were made before and are still there: they hold what was erased here.
    pub backups: Vec<Copy>,
    /// Whether the database's files hold nothing of it any more. If not, somebody was reading all the time: the next
    /// erasure or the next stop of the server does it.
    pub files_clean: bool,
}

/// Whom to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    One(AttendeeId),
    Everybody,
}

/// Erases an attendee: record, contact, and the personal fields of facts. What counts stays.
///
/// # Errors
/// `attendee_not_found`, or why it could not be done; then nothing was.
pub async fn attendee(app: &AppState, actor: Actor, event: EventId, id: AttendeeId) -> Result<Erased, ApiError> {
    let app = Arc::clone(app);
    // Whoever asked may give up; what has begun must not stay half done.
    let erasing = tokio::spawn(async move {
        let _no_imports = app.imports.order(event).await;
        let search = Search::of(&app.documents, event, id).await?;
        if !search.is_known() && !erased(&app.storage, event).await?.contains(&id) {
            return Err(ErrorCode::AttendeeNotFound.into());
        }
        let Search { documents, erasure, named_in, .. } = search;
        let documents = documents.into_iter().map(|document| (document, 0)).collect();
        let begun = erase(&app, (event, Whom::One(id)), actor, (documents, erasure)).await?;
        finish(&app, event, (begun, named_in)).await
    });
    erasing.await.map_err(|_| ErrorCode::Internal)?
}

/// An erasure that the audit log of another copy of this database tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// In which event.
    pub event: EventId,
    /// Whom; `None`: everybody.
    pub attendee: Option<AttendeeId>,
    /// The documents that were begun anew.
    pub begun: BTreeMap<DocRef, ToldEpoch>,
}

/// Where an erasure of the log left a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldEpoch {
    /// The epoch that it began.
    pub began: u32,
    /// The latest epoch in which phones may have the document: the last that any entry of the log tells of.
    pub latest: u32,
}

/// Makes an erasure again that this database does not know of, since it was restored from a backup. The documents come into
/// epochs after those that phones know: so phones follow, and bring what they recorded. Were it the same epoch, two
/// beginnings would meet, and each replica would have to take the other's from whoever carries it. Says whether there was
/// something to do.
///
/// # Errors
/// `event_not_found`, or why it could not be done; then nothing was.
pub async fn again(app: &App, told: &Told) -> Result<bool, ApiError> {
    let Told { event, attendee, begun } = told;
    let event = *event;
    let _no_imports = app.imports.order(event).await;
    let known = current(&app.storage, event).await?;
    let news = begun
        .iter()
        .filter(|(document, epoch)| epoch::is_replaceable(document.kind) && known.of(document) < epoch.began);
    let mut documents: BTreeMap<DocRef, u32> =
        news.map(|(document, epoch)| (*document, epoch.latest.saturating_add(1))).collect();
    let is_known = match attendee {
        Some(id) => erased(&app.storage, event).await?.contains(id),
        None => retention::of(&app.storage, event).await?.erased_at.is_some(),
    };
    if is_known && documents.is_empty() {
        return Ok(false);
    }
    let (whom, erasure, named_in) = match attendee {
        Some(id) => {
            let search = Search::of(&app.documents, event, *id).await?;
            for document in search.documents {
                documents.entry(document).or_insert(0);
            }
            (Whom::One(*id), search.erasure, search.named_in)
        }
        None => {
            let erasure = Erasure::everybody();
            for document in of_people(app, event).await? {
                documents.entry(document).or_insert(0);
            }
            (Whom::Everybody, erasure, Vec::new())
        }
    };
    let begun = erase(app, (event, whom), Actor::Operator, (documents, erasure)).await?;
    finish(app, event, (begun, named_in)).await?;
    Ok(true)
}

/// The documents that name people, and those that hold what was written about them.
async fn of_people(app: &App, event: EventId) -> Result<Vec<DocRef>, ApiError> {
    let mut documents = app.documents.list(event).await?;
    documents.retain(|document| {
        let holds_people = matches!(document.kind, DocKind::Roster | DocKind::Contacts | DocKind::Presenter);
        holds_people || document.kind.collections().contains(&"facts")
    });
    Ok(documents)
}

/// Erases all personal data of an event: what attendees and presenters gave, and what was written about them. The
/// programme, which is published, stays, and so does what counts.
async fn everybody(app: &App, event: EventId) -> Result<Erased, ApiError> {
    let _no_imports = app.imports.order(event).await;
    let documents = of_people(app, event).await?.into_iter().map(|document| (document, 0)).collect();
    let begun = erase(app, (event, Whom::Everybody), Actor::Server, (documents, Erasure::everybody())).await?;
    finish(app, event, (begun, Vec::new())).await
}

/// What became of documents and of refused changes.
struct Begun {
    documents: Vec<DocRef>,
    discarded: u64,
}

/// Begins the documents anew and removes what else there is, in one transaction. The audit entry names the epochs: whoever
/// restores an older copy needs them.
async fn erase(
    app: &App,
    (event, whom): (EventId, Whom),
    actor: Actor,
    (documents, erasure): (BTreeMap<DocRef, u32>, Erasure),
) -> Result<Begun, ApiError> {
    let names = documents.keys().copied().collect();
    let swap = async move |taken: Vec<Taken>| {
        let at = clock::now();
        let struck = erasure.clone();
        let making = tokio::task::spawn_blocking(move || {
            taken.into_iter().map(|taken| begin(event, taken, &struck, at)).collect::<Result<Vec<_>, _>>()
        });
        let writes = making.await.map_err(|_| ErrorCode::Internal)??;
        let swap = move |tx: &Transaction<'_>| {
            for write in &writes {
                replace(tx, write)?;
            }
            let discarded = forget(tx, event, whom, &erasure, at)?;
            let entry = match whom {
                Whom::One(id) => Entry::new(at, actor, Action::AttendeeErased).subject(Subject::Attendee(id)),
                Whom::Everybody => Entry::new(at, actor, Action::EventErased),
            };
            let entry = entry.event(event).detail("discarded", discarded);
            let begun = |entry: Entry, write: &DocumentWrite| {
                entry.detail(BEGUN, format!("{}:{}", write.document, write.epoch))
            };
            audit::append(tx, &writes.iter().fold(entry, begun))?;
            Ok(discarded)
        };
        Ok::<u64, ApiError>(app.storage.write(swap).await?)
    };
    let discarded = app.hub.replace(event, documents, swap).await?;
    Ok(Begun { documents: names, discarded })
}

/// The first snapshot of a document's new epoch: what the old one holds, less what is erased.
///
/// # Errors
/// If the old document is not one of its kind.
pub fn begin(event: EventId, taken: Taken, erasure: &Erasure, at: Timestamp) -> Result<DocumentWrite, RecordError> {
    let Taken { document, epoch, doc, actor } = taken;
    let new = epoch::found(&Founding { event, document, epoch, actor, at }, &doc, erasure)?;
    let mut heads = new.get_heads();
    heads.sort_unstable();
    Ok(DocumentWrite { event, document, epoch, bytes: new.save(), heads })
}

/// Removes what tables besides the documents say. Says how many refused changes went.
fn forget(
    tx: &Transaction<'_>,
    event: EventId,
    whom: Whom,
    erasure: &Erasure,
    at: Timestamp,
) -> Result<u64, StorageError> {
    let event_text = event.to_string();
    match whom {
        Whom::One(id) => {
            let insert = "INSERT INTO erasures (event_id, attendee_id, erased_at) VALUES (?1, ?2, ?3)
                          ON CONFLICT DO UPDATE SET erased_at = excluded.erased_at";
            tx.execute(insert, params![event_text, id.to_string(), at.ms()])?;
            tx.execute(
                "DELETE FROM import_bases WHERE event_id = ?1 AND key = ?2",
                params![event_text, id.to_string()],
            )?;
            quarantine::discard(tx, event, |texts| texts.names(&id.to_string()) || texts.is_named(erasure))
        }
        Whom::Everybody => {
            let upsert = "INSERT INTO retention (event_id, erased_at) VALUES (?1, ?2)
                          ON CONFLICT DO UPDATE SET erased_at = excluded.erased_at";
            tx.execute(upsert, params![event_text, at.ms()])?;
            tx.execute("DELETE FROM import_bases WHERE event_id = ?1", [&event_text])?;
            quarantine::discard(tx, event, |_| true)
        }
    }
}

/// Tells the phones, cleans the files, and looks which copies hold what is gone.
async fn finish(
    app: &App,
    event: EventId,
    (Begun { documents, discarded }, named_in): (Begun, Vec<DocRef>),
) -> Result<Erased, ApiError> {
    announce(app, event).await?;
    let files_clean = match app.storage.purge().await {
        Ok(()) => true,
        Err(StorageError::Busy) => {
            tracing::warn!(%event, "the database's log could not be emptied after an erasure: somebody is reading");
            false
        }
        Err(error) => return Err(error.into()),
    };
    let backups = backup::copies(&app.storage).await?.into_iter().filter(Copy::is_there).collect();
    tracing::info!(%event, documents = documents.len(), discarded, files_clean, "people were erased");
    Ok(Erased { documents, discarded, named_in, backups, files_clean })
}

/// Says in the event's document which epochs are current and who was erased, as far as it does not say so yet.
///
/// # Errors
/// If the database or the document cannot be read or written.
pub async fn announce(app: &App, event: EventId) -> Result<(), ApiError> {
    say(&app.documents, event, current(&app.storage, event).await?).await
}

/// Says in the event's document what it does not say yet of these epochs and of who was erased.
///
/// # Errors
/// If the document cannot be read or written.
pub async fn say(documents: &Documents, event: EventId, current: Epochs) -> Result<(), ApiError> {
    if current == Epochs::default() {
        return Ok(());
    }
    let document = DocRef::whole(DocKind::Event);
    let known = documents.read(event, document, |doc: &Automerge| Epochs::read(doc)).await?;
    let edit = move |tx: &mut automerge::transaction::Transaction<'_>| current.write(tx, &known);
    documents.edit(event, document, edit).await??;
    Ok(())
}

async fn current(storage: &Storage, event: EventId) -> Result<Epochs, StorageError> {
    let erased = erased(storage, event).await?;
    storage
        .read(move |conn| {
            let current = epochs(conn, event)?.into_iter().collect();
            let select = "SELECT erased_at IS NOT NULL FROM retention WHERE event_id = ?1";
            let everybody = conn.query_row(select, [event.to_string()], |row| row.get(0)).optional()?;
            Ok(Epochs::new(current, erased).everybody_erased(everybody.unwrap_or(false)))
        })
        .await
}

/// Who was erased from an event.
///
/// # Errors
/// If the database cannot be read.
pub async fn erased(storage: &Storage, event: EventId) -> Result<BTreeSet<AttendeeId>, StorageError> {
    storage
        .read(move |conn| {
            let mut statement = conn.prepare_cached("SELECT attendee_id FROM erasures WHERE event_id = ?1")?;
            let ids = statement.query_map([event.to_string()], |row| row.get::<_, String>(0))?;
            let value = |_| StorageError::Value { table: "erasures", column: "attendee_id" };
            ids.map(|id| id?.parse().map_err(value)).collect()
        })
        .await
}
