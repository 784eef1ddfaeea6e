//! The engine: what is to be done about an event. No clock, no randomness of its own, no I/O but reads of the store.
//!
//! [`Engine::handle`] answers an event with a batch to be committed and effects to be let out afterwards. What it keeps in
//! memory (loaded documents, views, links) can be lost at any time and is read from the store again; the
//! [driver](crate::driver::Driver) makes use of that when a commit fails.

mod aside;
pub(crate) mod bookkeeping;
mod commands;
mod conflicts;
mod cx;
mod docs;
mod edits;
mod epochs;
mod handing;
mod held;
mod jobs;
mod links;
mod read;
mod receive;
mod recover;
mod scan;
mod standing;
mod tokens;
pub(crate) mod views;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use automerge::Automerge;
use muster_model::document::DocRef;
use muster_model::id::CheckpointId;
use muster_model::time::Timestamp;
use muster_protocol::DocumentId;
use rand::RngCore;

use crate::code::CoreCode;
use crate::command::{Answer, Answers, ScanResult};
use crate::error::EngineError;
use crate::event::{DownReason, Effect, Event, LinkId, ServerId, Side};
use crate::store::{StoreRead, WriteBatch};

use bookkeeping::Bookkeeping;
pub(crate) use cx::Cx;
use epochs::EpochBook;
use jobs::Job;
use links::{Link, LinkKind, ServerState};
#[cfg(test)]
pub(crate) use receive::wire_id;
use views::{EventView, ProgramView, RoomsView};

/// How long work that can wait does wait after a failure, in milliseconds.
const PAUSE_AFTER_FAILURE_MS: i64 = 1_000;

/// What is to be done about an event: commit the batch, then let the effects out and give the answer.
#[derive(Debug, Default)]
pub struct Output {
    /// To be committed in one transaction.
    pub batch: WriteBatch,
    /// To be let out when it is.
    pub effects: Vec<Effect>,
    /// To be given to whoever asked, when it is.
    pub answer: Answer,
    /// What memory holds that is true only when it is.
    pub touched: Touched,
}

/// What memory holds that is true only when a batch is committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Documents that hold what the batch persists.
    pub docs: BTreeSet<DocRef>,
    /// Links whose other side was listened to or is to be spoken to.
    pub links: BTreeSet<LinkId>,
}

impl Touched {
    fn is_empty(&self) -> bool {
        self.docs.is_empty() && self.links.is_empty()
    }
}

/// The last answer to a scan, for scanners that emit twice.
#[derive(Debug)]
struct LastScan {
    code: String,
    answers: Answers,
    at: Timestamp,
    result: ScanResult,
}

/// The state in memory. See the [module](self).
#[derive(Debug, Default)]
pub struct Engine {
    /// What the store says about this device; `None` until read, and after a failed commit.
    book: Option<Bookkeeping>,
    /// The random part of the actor under which this device writes until it is closed.
    session: Option<[u8; 8]>,
    docs: BTreeMap<DocRef, Automerge>,
    epochs: EpochBook,
    unusable: BTreeMap<DocRef, CoreCode>,
    event: Option<Arc<EventView>>,
    program: Option<Arc<ProgramView>>,
    rooms: Option<Arc<RoomsView>>,
    /// The documents of this device's role, and the order in which they matter.
    held: Vec<DocRef>,
    by_id: BTreeMap<DocumentId, DocRef>,
    last_scans: BTreeMap<CheckpointId, LastScan>,
    links: BTreeMap<LinkId, Link>,
    servers: BTreeMap<ServerId, ServerState>,
    next_link: u64,
    sync_wanted: bool,
    /// Whether screens were told that the lease has ended.
    sealed: bool,
    jobs: VecDeque<Job>,
    jobs_known: bool,
    chunks_since_compaction: u32,
    /// The earliest time the shell was asked to wake us that has not come.
    wake_at: Option<Timestamp>,
    /// What links need after a failure.
    recovery: Vec<Effect>,
}

impl Engine {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what is to be done about an event.
    ///
    /// # Errors
    /// If it cannot be done. Then nothing of it was done, in memory neither; [`Engine::take_recovery`] has what links need.
    pub fn handle(
        &mut self,
        store: &dyn StoreRead,
        now: Timestamp,
        rng: &mut dyn RngCore,
        event: Event,
    ) -> Result<Output, EngineError> {
        let mut cx = Cx::new(store, now, rng);
        let gone = match &event {
            Event::LinkDown { link, reason } => Some((*link, reason.clone())),
            _ => None,
        };
        let is_wake = event == Event::Wake;
        match self.handle_in(&mut cx, event) {
            Ok(answer) => Ok(cx.into_output(answer)),
            Err(error) => {
                let (touched, unsent) = (std::mem::take(&mut cx.touched), std::mem::take(&mut cx.effects));
                // Work that was begun at a wake is on no list any more, and can be done when the store works again.
                let lost_work = is_wake && matches!(error, EngineError::Store(_));
                let began = lost_work || !cx.batch.is_empty() || !touched.is_empty() || !unsent.is_empty();
                drop(cx);
                if began {
                    self.forget(&touched, &unsent, now, rng);
                }
                if let Some((link, reason)) = &gone {
                    // The carrier is gone, whatever the store says.
                    self.drop_link(*link, now, rng, reason);
                }
                if is_wake || gone.is_some() {
                    self.wake_later(now);
                }
                Err(error)
            }
        }
    }

    fn handle_in(&mut self, cx: &mut Cx<'_>, event: Event) -> Result<Answer, EngineError> {
        self.read_book(cx)?;
        self.read_epochs(cx)?;
        let mut answer = Answer::Nothing;
        match event {
            Event::Opened => self.jobs_known = false,
            Event::Enrolled(enrolment) => self.enrolled(cx, *enrolment)?,
            Event::Command(command) => answer = self.command(cx, command)?,
            Event::SyncStart => self.start_sync(cx)?,
            Event::SyncStop => self.stop_sync(cx),
            Event::LinkUp { link } => self.link_up(cx, link)?,
            Event::PeerUp { link, role, side } => self.peer_up(cx, link, role, side)?,
            Event::LinkDown { link, reason } => self.link_down(cx, link, &reason)?,
            Event::LinkFrame { link, bytes } => self.link_frame(cx, link, &bytes)?,
            Event::LinkText { link } => self.link_text(cx, link)?,
            Event::Refreshed { server, outcome } => self.refreshed(cx, &server, outcome)?,
            Event::HandedOver { server, outcome } => self.handed_over(cx, &server, outcome)?,
            Event::Wake => self.wake(cx)?,
        }
        self.finish(cx)?;
        if let Answer::Scan(result) = &mut answer {
            self.complete_scan(cx, result)?;
        }
        Ok(answer)
    }

    /// Settles projections, speaks to peers about documents that changed, and asks to be woken.
    fn finish(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        if self.book(cx).is_ok() && !self.is_revoked() {
            self.settle(cx)?;
            self.speak(cx);
        }
        self.plan_jobs(cx)?;
        self.ask_to_be_woken(cx);
        Ok(())
    }

    /// Drops what memory holds of a batch that was not committed. Documents, views and bookkeeping are read from the store
    /// again; the links are closed, since a message that was heard and not answered, or made and not sent, would leave both
    /// sides waiting. Nobody heard of the effects either: a carrier that was to be opened is asked for again later, one
    /// that was to be closed still is.
    pub fn forget(&mut self, touched: &Touched, unsent: &[Effect], now: Timestamp, rng: &mut dyn RngCore) {
        self.book = None;
        // The numbers of this session's changes may be on the disk after all: never use them twice.
        self.session = None;
        self.epochs.forget();
        for doc in &touched.docs {
            self.docs.remove(doc);
        }
        (self.event, self.program, self.rooms) = (None, None, None);
        self.last_scans.clear();
        self.jobs.clear();
        self.jobs_known = false;
        for link in &touched.links {
            self.recovery.push(Effect::Disconnect { link: *link });
            self.drop_link(*link, now, rng, &DownReason::Closed);
        }
        for effect in unsent {
            match effect {
                Effect::Connect { link, .. } => self.drop_link(*link, now, rng, &DownReason::Closed),
                Effect::Disconnect { link } => self.recovery.push(Effect::Disconnect { link: *link }),
                Effect::Refresh { server, .. } => self.unask(server, now),
                Effect::HandOver { server, .. } => self.unhand(server, now),
                _ => {}
            }
        }
        self.wake_later(now);
    }

    fn wake_later(&mut self, now: Timestamp) {
        // Not at once: a disk that is full stays full for a while.
        let again = now.plus_ms(PAUSE_AFTER_FAILURE_MS);
        self.wake_at = Some(again);
        self.recovery.push(Effect::WakeAt(again));
    }

    /// What links need after [`Engine::handle`] or a commit failed.
    pub fn take_recovery(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.recovery)
    }

    fn link_up(&mut self, cx: &mut Cx<'_>, link: LinkId) -> Result<(), EngineError> {
        let Some(server) = self.server_of_attempt(link) else {
            tracing::trace!(%link, "a link came up that nobody waits for");
            cx.effects.push(Effect::Disconnect { link });
            return Ok(());
        };
        self.open_link(cx, link, LinkKind::Server(server), Side::Initiator)
    }
}
