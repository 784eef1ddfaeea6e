//! The server's own reads and edits, as a document's task runs them.

use std::sync::Arc;

use automerge::transaction::{CommitOptions, Transaction};
use automerge::{Automerge, ChangeHash};
use muster_model::document::DocRef;
use muster_model::id::EventId;
use muster_model::time::Timestamp;
use tokio::sync::oneshot;

use super::document::Message;
use super::shared::Shared;
use super::{EditError, Edited, HubError};

/// The heads after the work, and whether it changed anything.
type Outcome = Result<(Vec<ChangeHash>, bool), HubError>;

/// Something to do with a document.
pub(super) trait Work: Send {
    /// Whether it may change the document.
    fn writes(&self) -> bool;
    /// Does it. Once.
    fn run(&mut self, doc: &mut Automerge, now: Timestamp);
    /// Answers, when what it did is stored.
    fn answer(self: Box<Self>, outcome: Outcome);
}

struct Read<T, F> {
    look: Option<F>,
    value: Option<T>,
    caller: oneshot::Sender<Result<T, HubError>>,
}

impl<T, F> Work for Read<T, F>
where
    T: Send,
    F: FnOnce(&Automerge) -> T + Send,
{
    fn writes(&self) -> bool {
        false
    }

    fn run(&mut self, doc: &mut Automerge, _: Timestamp) {
        self.value = self.look.take().map(|look| look(doc));
    }

    fn answer(self: Box<Self>, outcome: Outcome) {
        let Self { value, caller, .. } = *self;
        let result = outcome.and_then(|_| value.ok_or(HubError::Failed));
        // The caller may have gone.
        drop(caller.send(result));
    }
}

struct Edit<T, E, F> {
    edit: Option<F>,
    value: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<Edited<T>, EditError<E>>>,
}

impl<T, E, F> Work for Edit<T, E, F>
where
    T: Send,
    E: Send,
    F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send,
{
    fn writes(&self) -> bool {
        true
    }

    fn run(&mut self, doc: &mut Automerge, now: Timestamp) {
        let Some(edit) = self.edit.take() else { return };
        let mut transaction = doc.transaction();
        let value = edit(&mut transaction);
        if value.is_ok() {
            let now_s = now.ms().div_euclid(1_000);
            transaction.commit_with(CommitOptions::default().with_time(now_s));
        } else {
            transaction.rollback();
        }
        self.value = Some(value);
    }

    fn answer(self: Box<Self>, outcome: Outcome) {
        let Self { value, caller, .. } = *self;
        let result = match (value, outcome) {
            (Some(Err(own)), _) => Err(EditError::Edit(own)),
            (_, Err(error)) => Err(error.into()),
            (Some(Ok(value)), Ok((heads, changed))) => Ok(Edited { value, heads, changed }),
            (None, Ok(_)) => Err(HubError::Failed.into()),
        };
        drop(caller.send(result));
    }
}

pub(super) async fn read<T, F>(shared: &Arc<Shared>, event: EventId, document: DocRef, look: F) -> Result<T, HubError>
where
    F: FnOnce(&Automerge) -> T + Send + 'static,
    T: Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    let lease = shared.lease(event, document)?;
    let work = Box::new(Read { look: Some(look), value: None, caller });
    lease.mailbox.send(Message::Work(work)).await.map_err(|_| lease.why())?;
    answer.await.map_err(|_| lease.why())?
}

pub(super) async fn edit<T, E, F>(
    shared: &Arc<Shared>,
    event: EventId,
    document: DocRef,
    edit: F,
) -> Result<Edited<T>, EditError<E>>
where
    F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    let lease = shared.lease(event, document)?;
    let work = Box::new(Edit { edit: Some(edit), value: None, caller });
    lease.mailbox.send(Message::Work(work)).await.map_err(|_| lease.why())?;
    answer.await.map_err(|_| lease.why())?
}
