//! Work that can wait a moment: one piece per [`Event::Wake`](crate::event::Event::Wake), so that a scan never waits for
//! more than one.
//!
//! What is to be done is written down in the store (`index/`, `recount/`, `review/`) in the transaction that makes it necessary, so
//! that a phone that dies goes on where it was.

use muster_model::document::{DocKind, DocRef};
use muster_model::id::{AttendeeId, CheckpointId};
use muster_model::time::Timestamp;

use super::conflicts::REVIEW;
use super::docs::{indexed_collection, keys_after};
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{Effect, LinkId, Topic};
use crate::store::{Place, Write};

const INDEX: &str = "index/";
const RECOUNT: &str = "recount/";

/// How many entries one piece indexes. Measured with 50,000 attendees: 500 take some 15 ms.
const INDEX_PIECE: usize = 500;

/// How many attendees one piece recounts.
const RECOUNT_PIECE: usize = 500;

/// Chunks that may be written before it is looked whether documents should be compacted.
const CHUNKS_BEFORE_COMPACTION: u32 = 256;

/// Incremental bytes below which a document is not compacted.
const COMPACT_FROM_BYTES: u64 = 64 * 1024;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Load a document, so that the first scan that needs it does not wait for it.
    Warm(DocRef),
    /// Bring the projections of a document up to date.
    Index(DocRef),
    /// Settle a checkpoint's double admissions anew: its rules changed.
    Recount(CheckpointId),
    /// Say the first word about a document on a link.
    Greet(LinkId, DocRef),
    /// Replace a document's chunks by one.
    Compact(DocRef),
    /// Look which fields of a document's records wait to be settled.
    Review(DocRef),
    /// Write over what was dropped.
    Purge,
}

impl Engine {
    /// Whether lists and search still lack what has arrived.
    pub(crate) fn is_indexing(&self) -> bool {
        self.jobs.iter().any(|job| matches!(job, Job::Index(_) | Job::Recount(_)))
    }

    pub(super) fn add_job(&mut self, job: Job) {
        if !self.jobs.contains(&job) {
            self.jobs.push_back(job);
        }
    }

    /// Finds out what there is to do: after opening, and after a failure.
    pub(super) fn plan_jobs(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        if self.jobs_known || self.book(cx).is_err() || self.is_revoked() {
            return Ok(());
        }
        self.find_held(cx)?;
        for doc in self.held.clone() {
            if matches!(doc.kind, DocKind::Event | DocKind::Checkins) {
                self.add_job(Job::Warm(doc));
            }
            self.greet_about(doc);
        }
        for (key, _) in cx.store.meta_with_prefix(INDEX)? {
            if let Some(Ok(doc)) = key.strip_prefix(INDEX).map(str::parse) {
                self.add_job(Job::Index(doc));
            }
        }
        for (key, _) in cx.store.meta_with_prefix(RECOUNT)? {
            if let Some(Ok(checkpoint)) = key.strip_prefix(RECOUNT).map(str::parse) {
                self.add_job(Job::Recount(checkpoint));
            }
        }
        self.plan_reviews(cx)?;
        self.plan_compaction(cx)?;
        self.plan_purge(cx)?;
        self.jobs_known = true;
        Ok(())
    }

    fn plan_compaction(&mut self, cx: &Cx<'_>) -> Result<(), EngineError> {
        self.chunks_since_compaction = 0;
        for size in cx.store.documents()? {
            if size.incremental_bytes > size.snapshot_bytes.max(COMPACT_FROM_BYTES) {
                self.add_job(Job::Compact(size.doc));
            }
        }
        Ok(())
    }

    /// Time went by: looks after links, then does one piece of work.
    pub(super) fn wake(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        self.wake_at = None;
        if self.book(cx).is_err() {
            return Ok(());
        }
        self.tend_links(cx)?;
        self.tend_tokens(cx)?;
        self.tend_hand_over(cx)?;
        self.tend_lease(cx);
        if self.is_revoked() {
            return Ok(());
        }
        self.plan_jobs(cx)?;
        if self.jobs.is_empty() && self.chunks_since_compaction >= CHUNKS_BEFORE_COMPACTION {
            self.plan_compaction(cx)?;
        }
        let was_indexing = self.is_indexing();
        let Some(job) = self.jobs.pop_front() else { return Ok(()) };
        let done = match job {
            Job::Warm(doc) => self.doc(cx, doc).map(drop),
            Job::Index(doc) => self.index_piece(cx, doc),
            Job::Recount(checkpoint) => self.recount_piece(cx, checkpoint),
            Job::Greet(link, doc) => self.greet(cx, link, doc),
            Job::Compact(doc) => self.compact(cx, doc),
            Job::Review(doc) => self.review_piece(cx, doc),
            Job::Purge => {
                self.purge(cx);
                Ok(())
            }
        };
        if was_indexing && !self.is_indexing() {
            cx.topics.insert(Topic::Status);
        }
        match done {
            // One document that cannot be used must not keep the others from being worked on.
            Err(EngineError::Document { document, source }) => {
                tracing::warn!(%document, error = %source, "a document cannot be used");
                Ok(())
            }
            other => other,
        }
    }

    pub(super) fn ask_to_be_woken(&mut self, cx: &mut Cx<'_>) {
        let at = if self.jobs.is_empty() { self.next_link_time(cx.now) } else { Some(cx.now) };
        let Some(at) = at else { return };
        if self.wake_at.is_none_or(|asked| at < asked || asked < cx.now) {
            self.wake_at = Some(at);
            cx.effects.push(Effect::WakeAt(at));
        }
    }

    /// Has a document's projections made anew, piece by piece.
    pub(super) fn index_later(&mut self, cx: &mut Cx<'_>, doc: DocRef) {
        cx.write(Write::Meta(format!("{INDEX}{doc}"), Some(Vec::new())));
        self.add_job(Job::Index(doc));
    }

    /// Has a document listed anew, if lists are made of it, and its conflicts looked for.
    pub(super) fn list_anew(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        if indexed_collection(doc.kind).is_some() {
            self.index_later(cx, doc);
        }
        // On a device that is not enrolled nothing waits for anybody.
        if self.book(cx).is_ok() { self.review_later(cx, doc) } else { Ok(()) }
    }

    /// Nothing more is to be done about a document.
    pub(super) fn forget_job(&mut self, cx: &mut Cx<'_>, doc: DocRef) {
        cx.write(Write::Meta(format!("{INDEX}{doc}"), None));
        cx.write(Write::Meta(format!("{REVIEW}{doc}"), None));
        self.jobs.retain(|job| match job {
            Job::Warm(of) | Job::Index(of) | Job::Greet(_, of) | Job::Compact(of) | Job::Review(of) => *of != doc,
            Job::Recount(_) | Job::Purge => true,
        });
    }

    pub(super) fn recount_later(&mut self, cx: &mut Cx<'_>, checkpoint: CheckpointId) {
        cx.write(Write::Meta(format!("{RECOUNT}{checkpoint}"), Some(Vec::new())));
        self.add_job(Job::Recount(checkpoint));
    }

    fn index_piece(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        let key = format!("{INDEX}{doc}");
        let (Some(after), Some(collection)) = (cx.store.meta(&key)?, indexed_collection(doc.kind)) else {
            return Ok(());
        };
        let after = String::from_utf8_lossy(&after).into_owned();
        let keys = match self.readable(cx, doc)? {
            Some(am) => keys_after(am, collection, &after, INDEX_PIECE)?,
            None => Vec::new(),
        };
        let last = keys.last().filter(|_| keys.len() == INDEX_PIECE).cloned();
        self.project(cx, doc, keys.into_iter().map(|key| (collection.to_owned(), key)).collect())?;
        if last.is_some() {
            self.jobs.push_front(Job::Index(doc));
        } else {
            cx.topics.insert(Topic::Attendees);
        }
        cx.write(Write::Meta(key, last.map(String::into_bytes)));
        Ok(())
    }

    fn recount_piece(&mut self, cx: &mut Cx<'_>, checkpoint: CheckpointId) -> Result<(), EngineError> {
        let key = format!("{RECOUNT}{checkpoint}");
        let Some(after) = cx.store.meta(&key)? else { return Ok(()) };
        let after: Option<AttendeeId> = String::from_utf8_lossy(&after).parse().ok();
        let attendees = cx.store.attendees_at(checkpoint, after, RECOUNT_PIECE)?;
        for attendee in &attendees {
            cx.projections.touch(Place::Attendance(*attendee, checkpoint));
        }
        let last = attendees.last().filter(|_| attendees.len() == RECOUNT_PIECE);
        if last.is_some() {
            self.jobs.push_front(Job::Recount(checkpoint));
        }
        cx.write(Write::Meta(key, last.map(|id| id.to_string().into_bytes())));
        Ok(())
    }

    fn compact(&mut self, cx: &mut Cx<'_>, doc: DocRef) -> Result<(), EngineError> {
        let bytes = self.doc(cx, doc)?.save();
        cx.write(Write::Snapshot(doc, bytes));
        Ok(())
    }

    /// Empties all projections and has them made anew from the documents.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) fn rebuild(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        self.read_book(cx)?;
        cx.write(Write::ClearProjections);
        for size in cx.store.documents()? {
            self.list_anew(cx, size.doc)?;
        }
        Ok(())
    }

    /// Whether a [`Wake`](crate::event::Event::Wake) at this time has something to do.
    pub(crate) fn has_work(&self, now: Timestamp) -> bool {
        !self.jobs.is_empty() || self.next_link_time(now).is_some_and(|at| at <= now)
    }
}
