//! Refused changes, and what a coordinator decides about them.
//!
//! Accepting trusts nothing of the author beyond what the coordinator looked at: the facts are read from the refused
//! changes, judged again, and written by the server, under the ids that they had. Edits of records cannot be accepted: they
//! are made anew by whoever may.

use std::collections::BTreeMap;

use automerge::transaction::{Transactable, Transaction as Edit};
use automerge::{Automerge, Change, ReadDoc};
use muster_model::admission::reading::{Awaited, Reader};
use muster_model::admission::{Author, Operation, Writer, judge};
use muster_model::document::{self, DocId, DocKind, DocRef};
use muster_model::epoch::Epochs;
use muster_model::erasure::facts_of;
use muster_model::id::{DeviceId, EventId};
use muster_model::record::RecordError;
use muster_model::time::Timestamp;
use muster_protocol::guard::{GuardLimits, check_chunks};
use rusqlite::{OptionalExtension, Row, params};

use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::hub::{EditError, Hub, HubError};
use crate::storage::{Storage, StorageError};

/// A refused message.
#[derive(Debug, Clone)]
pub(crate) struct Quarantined {
    pub(crate) id: i64,
    pub(crate) document: DocId,
    /// The device that sent it.
    pub(crate) device: String,
    /// Whose change the first of it is, if that is known.
    pub(crate) author: Option<String>,
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) received_at: Timestamp,
    pub(crate) bytes: Vec<u8>,
    /// When, how and with which note it was settled.
    pub(crate) decided: Option<(Timestamp, String, String)>,
}

/// What a coordinator decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Accept,
    Discard,
}

/// What accepting did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Facts that are in the document now.
    pub written: usize,
    /// Facts that were there already.
    pub there: usize,
    /// Operations that are no facts which could be accepted, or whose ids other facts have.
    pub left_out: usize,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is none, or its document is gone.
    #[error("there is no such entry in this event's quarantine")]
    NotFound,
    /// Somebody was faster.
    #[error("somebody has decided about it already")]
    Decided,
    /// It can only be discarded.
    #[error("there is no fact in it that could be accepted")]
    Nothing,
    /// The document cannot be written now.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The database cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<rusqlite::Error> for SettleError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

const COLUMNS: &str =
    "id, doc_id, device_id, author, code, reason, received_at, bytes, decided_at, decision, coalesce(note, '')";

fn entry(row: &Row<'_>) -> rusqlite::Result<Quarantined> {
    let decided_at: Option<i64> = row.get(8)?;
    let decision: Option<String> = row.get(9)?;
    let note: String = row.get(10)?;
    Ok(Quarantined {
        id: row.get(0)?,
        document: DocId::from_bytes(row.get(1)?),
        device: row.get(2)?,
        author: row.get(3)?,
        code: row.get(4)?,
        reason: row.get(5)?,
        received_at: Timestamp::from_ms(row.get(6)?),
        bytes: row.get(7)?,
        decided: decided_at.zip(decision).map(|(at, decision)| (Timestamp::from_ms(at), decision, note)),
    })
}

/// Entries of an event after one, the oldest first; those that wait for a decision, or those that do not.
pub(crate) async fn list(
    storage: &Storage,
    event: EventId,
    (decided, after, limit): (bool, i64, u32),
) -> Result<Vec<Quarantined>, StorageError> {
    storage
        .read(move |conn| {
            let select = format!(
                "SELECT {COLUMNS} FROM quarantine
                 WHERE event_id = ?1 AND (decided_at IS NOT NULL) = ?2 AND id > ?3 ORDER BY id LIMIT ?4"
            );
            let mut statement = conn.prepare_cached(&select)?;
            let rows = statement.query_map(params![event.to_string(), decided, after, limit], entry)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
}

/// One entry of an event.
pub(crate) async fn find(storage: &Storage, event: EventId, id: i64) -> Result<Option<Quarantined>, StorageError> {
    storage
        .read(move |conn| {
            let select = format!("SELECT {COLUMNS} FROM quarantine WHERE event_id = ?1 AND id = ?2");
            Ok(conn.prepare_cached(&select)?.query_row(params![event.to_string(), id], entry).optional()?)
        })
        .await
}

/// The document that an entry is about, if the event has it.
pub(crate) async fn document_of(hub: &Hub, event: EventId, entry: &Quarantined) -> Result<Option<DocRef>, HubError> {
    hub.find_document(event, entry.document).await
}

/// What an entry holds, as far as a coordinator can accept it: facts, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The facts' texts.
    pub(crate) facts: BTreeMap<String, String>,
    /// Operations that are none.
    pub(crate) others: usize,
}

/// Which document an entry is about, and what it holds; `None` if the event has no such document. What it says of people
/// who were erased since is struck out.
///
/// # Errors
/// If the documents cannot be read.
pub(crate) async fn contents(
    hub: &Hub,
    event: EventId,
    document: DocId,
    bytes: &[u8],
) -> Result<Option<(DocRef, Contents)>, HubError> {
    let Some(document) = hub.find_document(event, document).await? else { return Ok(None) };
    let mut found = read(event, document, bytes)?;
    let unreadable = |_: RecordError| HubError::Failed;
    let epochs = hub.read(event, DocRef::whole(DocKind::Event), Epochs::read).await?.map_err(unreadable)?;
    if epochs.moved().next().is_some() && !found.facts.is_empty() {
        let mut facts = hub.read(event, document, facts_of).await?.map_err(unreadable)?;
        facts.extend(found.facts.clone());
        let erasure = epochs.erasure();
        let about = erasure.about(&facts);
        for (key, text) in &mut found.facts {
            *text = erasure.of_fact(text, about.contains(key));
        }
    }
    Ok(Some((document, found)))
}

/// Reads what was meant for a document. Where its collections are differs between its first epoch and those after: whoever
/// was away, or hands over what it had not sent, may write for either.
fn read(event: EventId, document: DocRef, bytes: &[u8]) -> Result<Contents, HubError> {
    let reader = DeviceId::from_random([0; 8]).actor([0; 8]);
    let [first, later] = [0, 1].map(|epoch| {
        let layout = document::create_in(event, &document, epoch, reader.clone()).map_err(HubError::from)?;
        Ok::<_, HubError>(read_laid_out(document, &layout, bytes))
    });
    let (first, later) = (first?, later?);
    Ok(if later.facts.len() > first.facts.len() { later } else { first })
}

/// Reads what an entry holds. The bytes passed the guard when they came.
fn read_laid_out(document: DocRef, doc: &Automerge, bytes: &[u8]) -> Contents {
    let mut found = Contents::default();
    let Ok(chunks) = check_chunks(bytes, &GuardLimits::bulk_import()) else { return found };
    let awaited = Awaited::default();
    let by_us = Writer { author: Author::Server, carrier: None };
    found.others = chunks.documents.len();
    for summary in &chunks.changes {
        let bytes = bytes.get(summary.range.clone()).unwrap_or_default().to_vec();
        let Ok(change) = Change::from_bytes(bytes) else { continue };
        let each = |operation: &Operation<'_>| {
            match *operation {
                Operation::PutFact { key, text: Some(text), .. }
                    if judge(&document, &by_us, &Operation::PutFact { key, text: Some(text), taken: false })
                        .is_ok() =>
                {
                    found.facts.entry(key.to_owned()).or_insert_with(|| text.to_owned());
                }
                _ => found.others = found.others.saturating_add(1),
            }
            Ok::<(), std::convert::Infallible>(())
        };
        // Nothing is refused here.
        let Ok(()) = Reader::new(doc, document, &awaited).read(&change.decode(), each);
    }
    found
}

fn write(tx: &mut Edit<'_>, contents: &Contents) -> Result<Accepted, RecordError> {
    let facts = document::collection(tx, "facts")?;
    let mut accepted = Accepted { left_out: contents.others, ..Accepted::default() };
    for (key, text) in &contents.facts {
        let there = tx.get(&facts, key.as_str())?.map(|(value, _)| value.as_str() == Some(text.as_str()));
        match there {
            Some(true) => accepted.there = accepted.there.saturating_add(1),
            Some(false) => accepted.left_out = accepted.left_out.saturating_add(1),
            None => {
                tx.put(&facts, key.as_str(), text.as_str())?;
                accepted.written = accepted.written.saturating_add(1);
            }
        }
    }
    Ok(accepted)
}

/// Writes the facts of refused changes into their document.
///
/// # Errors
/// `NotFound` if the event has no such document, `Nothing` if there is no fact that can be accepted, `Hub` if the document
/// cannot be written now.
pub async fn accept(hub: &Hub, event: EventId, document: DocId, bytes: &[u8]) -> Result<Accepted, SettleError> {
    let (document, contents) = contents(hub, event, document, bytes).await?.ok_or(SettleError::NotFound)?;
    if contents.facts.is_empty() {
        return Err(SettleError::Nothing);
    }
    let edited = hub.edit(event, document, move |tx| write(tx, &contents)).await;
    match edited {
        Ok(edited) if edited.value.written == 0 && edited.value.there == 0 => Err(SettleError::Nothing),
        Ok(edited) => Ok(edited.value),
        Err(EditError::Hub(error)) => Err(error.into()),
        Err(EditError::Edit(_)) => Err(SettleError::Nothing),
    }
}

/// Settles an entry. What is accepted is in the document before the entry is settled: if that fails, it can be accepted
/// again and finds everything there.
pub(crate) async fn settle(
    (storage, hub): (&Storage, &Hub),
    (event, id): (EventId, i64),
    decision: Decision,
    note: String,
    (actor, now): (Actor, Timestamp),
) -> Result<Accepted, SettleError> {
    let entry = find(storage, event, id).await?.ok_or(SettleError::NotFound)?;
    if entry.decided.is_some() {
        return Err(SettleError::Decided);
    }
    let accepted = match decision {
        Decision::Accept => accept(hub, event, entry.document, &entry.bytes).await?,
        Decision::Discard => Accepted::default(),
    };
    let (text, action) = match decision {
        Decision::Accept => ("accepted", Action::QuarantineAccepted),
        Decision::Discard => ("discarded", Action::QuarantineDiscarded),
    };
    let device: Option<DeviceId> = entry.author.as_ref().and_then(|author| author.parse().ok());
    storage
        .write_with(move |tx| {
            let update = "UPDATE quarantine SET decided_at = ?3, decision = ?4, note = ?5, bytes = x''
                          WHERE event_id = ?1 AND id = ?2 AND decided_at IS NULL";
            if tx.execute(update, params![event.to_string(), id, now.ms(), text, note])? == 0 {
                return Err(SettleError::Decided);
            }
            let mut record = Entry::new(now, actor, action).event(event).subject(Subject::Quarantined(id));
            if let Some(device) = device {
                record = record.subject(Subject::Device(device));
            }
            audit::append(tx, &record.detail("written", accepted.written).detail("left_out", accepted.left_out))?;
            Ok(())
        })
        .await?;
    Ok(accepted)
}
