//! Foreign code that is told what changed, and how it is told no more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_client_core::event;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::{AbortHandle, spawn_blocking};

use crate::error::MusterError;
use crate::foreign::Foreign;
use crate::runtime;

/// Declares the topics with the list of all.
macro_rules! topics {
    ($($(#[$doc:meta])* $topic:ident,)*) => {
        crate::mirror::mirror! {
            /// What a listener may look at again.
            Topic of event::Topic { $($(#[$doc])* $topic,)* }
        }

        impl Topic {
            const ALL: &'static [Self] = &[$(Self::$topic,)*];
        }
    };
}

topics! {
    /// The event and its checkpoints.
    Event,
    /// Rooms, tracks, sessions and presenters.
    Program,
    /// Attendees and search.
    Attendees,
    /// Check-ins and counts.
    Checkins,
    /// Double admissions.
    DoubleAdmissions,
    /// Readiness of rooms.
    Readiness,
    /// Incidents.
    Incidents,
    /// Who has arrived.
    Arrivals,
    /// A presenter's logistics.
    Logistics,
    /// Links, last contact, facts not yet on the server, parked documents.
    Status,
    /// Fields that wait to be settled.
    Conflicts,
}

/// What a listener may throw. Whatever else it throws becomes this, too.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// It could not do what it wanted to.
    #[error("the listener failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// Is told what changed. It is called on a thread of this library, one call at a time, never on the app's main thread.
#[uniffi::export(with_foreign)]
pub trait ChangeListener: Send + Sync {
    /// Views of these topics may differ now. What changes while this runs is told together at the next call.
    ///
    /// # Errors
    /// A listener may fail; it is called again at the next change all the same.
    fn changed(&self, topics: Vec<Topic>) -> Result<(), ListenerError>;
}

/// A listener's subscription. It ends when it is cancelled, when this handle is dropped, and with the client.
#[derive(Debug, uniffi::Object)]
pub struct Subscription {
    cancelled: Arc<AtomicBool>,
    task: AbortHandle,
}

#[uniffi::export]
impl Subscription {
    /// Ends it. A call that is under way is not interrupted; no other one begins. Never waits, so a listener may do this
    /// itself.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.task.abort();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// Calls the listener for as long as there are changes.
pub(crate) fn subscribe(
    mut changes: Receiver<Vec<event::Topic>>,
    listener: Arc<dyn ChangeListener>,
) -> Result<Subscription, MusterError> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let (ended, listener) = (cancelled.clone(), Foreign::new(listener));
    let task = runtime::spawn(async move {
        while let Some(topics) = next(&mut changes).await {
            let (listener, ended) = (listener.clone(), ended.clone());
            // Foreign code may take its time: its thread is one that nobody else waits for.
            let call = spawn_blocking(move || match ended.load(Ordering::SeqCst) {
                true => None,
                false => listener.call(|listener| listener.changed(topics)),
            });
            if !matches!(call.await, Ok(None | Some(Ok(())))) {
                tracing::warn!("a listener failed; it is called again at the next change");
            }
        }
    })?;
    Ok(Subscription { cancelled, task: task.abort_handle() })
}

/// What has changed since the last call, together; all topics if some were missed. `None` when the client has ended.
async fn next(changes: &mut Receiver<Vec<event::Topic>>) -> Option<Vec<Topic>> {
    let mut topics: BTreeSet<Topic> = BTreeSet::new();
    match changes.recv().await {
        Ok(some) => topics.extend(some.into_iter().map(Topic::from)),
        Err(RecvError::Lagged(_)) => topics.extend(Topic::ALL),
        Err(RecvError::Closed) => return None,
    }
    loop {
        match changes.try_recv() {
            Ok(some) => topics.extend(some.into_iter().map(Topic::from)),
            Err(TryRecvError::Lagged(_)) => topics.extend(Topic::ALL),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(topics.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests;
