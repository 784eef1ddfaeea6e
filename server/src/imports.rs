//! Taking a file in: read, merge, write, and only then remember what the source said.
//!
//! Imports of one event follow each other. What the source said is kept after the documents are on disk, so a crash in
//! between costs nothing: the same file imported again finds the documents as it would make them and changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use muster_model::document::DocRef;
use muster_model::id::{AttendeeId, EventId};
use muster_model::record::RecordError;
use tokio::sync::{OwnedMutexGuard, Semaphore};

mod bases;

use crate::api::imports::format_name;
use crate::app::App;
use crate::audit::{self, Action, Actor, Entry};
use crate::clock;
use crate::erasure;
use crate::error::{ApiError, ErrorCode, RETRY_AFTER_MS};
use crate::interchange::plan::{self, ImportPlan, ImportReport, RecordWrite, Tally};
use crate::interchange::{self, Draft, Format, ImportError, NoteCode, ReadContext, ReadLimits};
use crate::records::{self, Heads};

/// How many records are written in one change: what a phone takes in at once.
const RECORDS_PER_CHANGE: usize = 500;

/// How often an import begins anew because somebody edited what it was about to write.
const ATTEMPTS: usize = 5;

/// Runs imports: few at once, and one after the other within an event.
#[derive(Debug)]
pub struct Imports {
    reading: Semaphore,
    events: Mutex<HashMap<EventId, Arc<tokio::sync::Mutex<()>>>>,
}

/// A file to be imported.
#[derive(Debug)]
pub struct ImportJob {
    /// The event it goes into.
    pub event: EventId,
    /// Its format; if it is not said, its content tells.
    pub format: Option<Format>,
    /// Which of the event's sources it is from; the format's name, if it is not said.
    pub source: Option<String>,
    /// The file.
    pub bytes: Bytes,
    /// Who sent it.
    pub actor: Actor,
}

/// What an import did.
#[derive(Debug)]
pub struct Imported {
    /// The format.
    pub format: Format,
    /// The source.
    pub source: String,
    /// What became of the records.
    pub report: ImportReport,
}

/// Why a document was not written.
enum WriteError {
    /// Somebody edited it since it was read.
    Stale,
    Record(RecordError),
}

impl From<RecordError> for WriteError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl Imports {
    /// With so many files read at once.
    #[must_use]
    pub fn new(parallel: usize) -> Self {
        Self { reading: Semaphore::new(parallel.clamp(1, Semaphore::MAX_PERMITS)), events: Mutex::default() }
    }

    /// Imports a file.
    ///
    /// # Errors
    /// What is wrong with the file, or why documents or database could not be written.
    pub async fn run(&self, app: &App, job: ImportJob) -> Result<Imported, ApiError> {
        let stopping = |_| ApiError::from(ErrorCode::Stopping);
        let _turn = self.reading.acquire().await.map_err(stopping)?;
        let format = match job.format {
            Some(format) => format,
            None => interchange::detect(&job.bytes).ok_or(ErrorCode::FormatNotDetected)?,
        };
        let source = job.source.unwrap_or_else(|| format.as_str().to_owned());
        let _order = self.order(job.event).await;
        let mut draft = read(app, job.event, format, job.bytes).await?;
        leave_out_erased(&mut draft, &erasure::erased(&app.storage, job.event).await?);
        let draft = Arc::new(draft);
        for _ in 0..ATTEMPTS {
            if let Some(report) = merge(app, (job.event, &job.actor), (format, &source), Arc::clone(&draft)).await? {
                return Ok(Imported { format, source, report });
            }
        }
        let detail = "the event is being edited: import the file again in a moment";
        Err(ApiError::new(ErrorCode::Overloaded, detail).retry_after_ms(RETRY_AFTER_MS))
    }

    /// Waits for its turn among all that changes an event's records as a whole.
    pub(crate) async fn order(&self, event: EventId) -> OwnedMutexGuard<()> {
        self.lock(event).lock_owned().await
    }

    fn lock(&self, event: EventId) -> Arc<tokio::sync::Mutex<()>> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(events.entry(event).or_default())
    }
}

/// Whoever was erased does not come back with the next list.
fn leave_out_erased(draft: &mut Draft, erased: &BTreeSet<AttendeeId>) {
    let before = draft.attendees.len();
    draft.attendees.retain(|id, _| !erased.contains(id));
    draft.contacts.retain(|id, _| !erased.contains(id));
    let left_out = before.saturating_sub(draft.attendees.len());
    if left_out > 0 {
        let detail = format!("{left_out} attendees were erased from this event and are left out");
        draft.notes.add(NoteCode::AttendeeErased, String::new(), detail);
    }
}

async fn read(app: &App, event: EventId, format: Format, bytes: Bytes) -> Result<Draft, ApiError> {
    let time_zone = records::event_data(&app.documents, event).await?.event.time_zone;
    let limits = ReadLimits { bytes: app.config.import.limit_bytes, ..ReadLimits::default() };
    let context = ReadContext { event, time_zone, limits };
    let reading = tokio::task::spawn_blocking(move || interchange::read(format, &bytes, &context));
    Ok(reading.await.map_err(|_| ErrorCode::Internal)??)
}

/// Merges the draft with what is there and writes it; `None` if somebody edited what was to be written meanwhile.
async fn merge(
    app: &App,
    (event, actor): (EventId, &Actor),
    (format, source): (Format, &str),
    draft: Arc<Draft>,
) -> Result<Option<ImportReport>, ApiError> {
    let base = bases::load(&app.storage, event, source.to_owned()).await?;
    let (mut current, mut states) = records::current(&app.documents, event).await?;
    for presenter in plan::presenters(&draft, &current, &base) {
        let (logistics, heads) = records::logistics(&app.documents, event, presenter).await?;
        states.insert(DocRef::presenter(presenter), heads);
        current.logistics.insert(presenter, logistics);
    }
    let planning = tokio::task::spawn_blocking(move || {
        let plan = plan::plan(&draft, &current, &base)?;
        Ok::<_, ImportError>((plan, base))
    });
    let (plan, base) = planning.await.map_err(|_| ErrorCode::Internal)??;
    let ImportPlan { writes, new_base, report } = plan;
    let entry = |action| {
        let entry = Entry::new(clock::now(), actor.clone(), action).event(event);
        entry.detail("format", format_name(format)).detail("source", source)
    };
    if !writes.is_empty() {
        // Documents are written one by one: that this begins is on disk before the first.
        audit::record(&app.storage, entry(Action::ImportBegan)).await?;
    }
    for (document, writes) in writes {
        if !write(app, event, document, writes, &states).await? {
            return Ok(None);
        }
    }
    let sum = |count: fn(&Tally) -> u64| report.collections.values().map(count).sum::<u64>();
    let done = entry(Action::Imported)
        .detail("created", sum(|tally| tally.created))
        .detail("changed", sum(|tally| tally.changed))
        .detail("cancelled", sum(|tally| tally.cancelled));
    let source = source.to_owned();
    let finish = move |tx: &rusqlite::Transaction<'_>| {
        if new_base != base {
            bases::store(tx, event, &source, &base, &new_base)?;
        }
        audit::append(tx, &done)
    };
    app.storage.write(finish).await?;
    Ok(Some(report))
}

/// Writes a document's records, some at a time; says whether the document was still as the plan knew it.
async fn write(
    app: &App,
    event: EventId,
    document: DocRef,
    writes: Vec<RecordWrite>,
    states: &BTreeMap<DocRef, Heads>,
) -> Result<bool, ApiError> {
    // A shard that the import begins was not read: nobody can have edited it.
    let mut expected = states.get(&document).cloned();
    let mut writes = writes.into_iter().peekable();
    while writes.peek().is_some() {
        let some: Vec<RecordWrite> = writes.by_ref().take(RECORDS_PER_CHANGE).collect();
        let state = expected.take();
        let edit = move |tx: &mut automerge::transaction::Transaction<'_>| {
            if state.is_some_and(|state| !same(&state, &automerge::transaction::Transactable::base_heads(tx))) {
                return Err(WriteError::Stale);
            }
            some.iter().try_for_each(|write| write.apply(tx).map(drop)).map_err(WriteError::from)
        };
        match app.documents.edit(event, document, edit).await? {
            Ok(edited) => expected = Some(edited.heads),
            Err(WriteError::Stale) => return Ok(false),
            Err(WriteError::Record(error)) => return Err(error.into()),
        }
    }
    Ok(true)
}

fn same(one: &[automerge::ChangeHash], other: &[automerge::ChangeHash]) -> bool {
    one.len() == other.len() && one.iter().all(|head| other.contains(head))
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        let code = match &error {
            ImportError::WrongKind { .. } => ErrorCode::ImportWrongKind,
            ImportError::Empty => ErrorCode::ImportEmpty,
            ImportError::Xml { .. } => ErrorCode::ImportNotXml,
            ImportError::Entities { .. } => ErrorCode::ImportEntities,
            ImportError::Json { .. } => ErrorCode::ImportNotJson,
            ImportError::TooDeep { .. } => ErrorCode::ImportTooDeep,
            ImportError::Encoding { .. } => ErrorCode::ImportEncoding,
            ImportError::ControlCharacter { .. } => ErrorCode::ImportControlCharacter,
            ImportError::TooLarge { .. } => ErrorCode::ImportTooLarge,
            ImportError::MissingColumn { .. } => ErrorCode::ImportMissingColumn,
            ImportError::AmbiguousColumn { .. } => ErrorCode::ImportAmbiguousColumn,
            ImportError::Incomplete { .. } => ErrorCode::ImportIncomplete,
            ImportError::EventFull { .. } => ErrorCode::ImportEventFull,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_error_keeps_its_code_and_says_what_to_do() {
        for error in [
            ImportError::Empty,
            ImportError::Xml { line: 3, detail: "x" },
            ImportError::Entities { line: 1 },
            ImportError::Json { line: 1, column: 2 },
            ImportError::TooDeep { limit: 1 },
            ImportError::TooLarge { what: "bytes", limit: 1 },
            ImportError::ControlCharacter { line: 1, character: 1 },
            ImportError::EventFull { limit: 1 },
        ] {
            let api = ApiError::from(error.clone());
            assert_eq!(api.code.as_str(), error.code());
            assert_eq!(api.detail, error.to_string());
        }
    }
}
