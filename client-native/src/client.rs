//! What an app uses: a phone's whole state behind one handle.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use muster_client_core::code::{CoreCode, RetryClass};
use muster_client_core::command::{
    Answer, Answers, CheckIn, Choice, Command, Edit, NewIncident, NewWalkIn, Recorded, ScanResult, Settle,
};
use muster_client_core::driver::Driver;
use muster_client_core::enrolment::{EnrolError, EnrolmentLink};
use muster_client_core::error::CoreError;
use muster_client_core::event::{Event, Side, Topic};
use muster_client_core::store::sqlite::{DatabaseKey, PutAside, SqliteStore, put_aside};
use muster_model::access::Role;
use muster_model::fact::ItemState;
use muster_model::id::{AttendeeId, CheckpointId, FactId, ItemId, PresenterId, SessionId};
use muster_model::time::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, oneshot};

use crate::carrier::{Carrier, Link};
use crate::core_thread::{Clock, CoreHandle, CoreThread, Shell, start};
use crate::exchange::enrol;

/// How a client is opened.
pub struct ClientConfig {
    /// The database's file; created if it is not there. One file an event.
    pub database: PathBuf,
    /// The key of an encrypted database; `None` for one that is not encrypted.
    pub key: Option<DatabaseKey>,
    /// What carries frames.
    pub carrier: Arc<dyn Carrier>,
    /// This device's clock.
    pub clock: Clock,
    /// What asks a server over HTTP, to enrol. See [`http_client`](crate::http_client) for a server whose certificate no
    /// public authority has signed.
    pub http: reqwest::Client,
}

impl ClientConfig {
    /// A client on this file, with the system's clock.
    #[must_use]
    pub fn new(database: PathBuf, carrier: Arc<dyn Carrier>) -> Self {
        Self { database, key: None, carrier, clock: Arc::new(system_time), http: reqwest::Client::new() }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Why a client did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The core says why; nothing was kept, shown or sent.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The device could not be enrolled.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// The client was closed.
    #[error("the client is closed: open it again")]
    Closed,
    /// The system gave no thread.
    #[error("the system gives no thread")]
    Thread(#[source] std::io::Error),
}

impl ClientError {
    /// The stable code, as on every other interface.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Core(error) => error.code.as_str(),
            Self::Enrol(error) => error.code(),
            Self::Closed => "closed",
            Self::Thread(_) => CoreCode::Internal.as_str(),
        }
    }

    /// When to try again.
    #[must_use]
    pub fn retry(&self) -> RetryClass {
        match self {
            Self::Core(error) => error.retry,
            Self::Enrol(error) => error.retry(),
            Self::Closed => RetryClass::NeedsUser,
            Self::Thread(_) => CoreCode::Internal.retry(),
        }
    }

    /// What is wrong and what to do about it, in one English sentence without personal data.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Core(error) => error.code.remedy().to_owned(),
            Self::Enrol(error) => error.remedy(),
            Self::Closed => self.to_string(),
            Self::Thread(_) => CoreCode::Internal.remedy().to_owned(),
        }
    }
}

/// A phone's whole state behind one handle. Cheap to clone; the core ends when the last clone is dropped, or at
/// [`Client::close`].
///
/// Every call that records something returns when it is on disk. None waits for a network but [`Client::enrol`]. Tokens are
/// refreshed by themselves, and a device that was revoked hands over what it had not sent and forgets the event: see
/// [`Standing`](muster_client_core::view::Standing) in the status.
#[derive(Clone)]
pub struct Client {
    core: CoreHandle,
    http: reqwest::Client,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Opens a client. To be called on a tokio runtime with timers and network, which carries its links.
    ///
    /// # Errors
    /// If the database cannot be opened. One that is damaged ([`CoreCode::StorageDamaged`]) is never deleted:
    /// [`Client::recover`] puts it aside.
    pub async fn open(config: ClientConfig) -> Result<Self, ClientError> {
        let runtime = Handle::current();
        let (database, now) = (config.database.clone(), (config.clock)());
        let key = config.key.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let store = SqliteStore::open_with_key(&database, key.as_ref()).map_err(CoreError::from)?;
            Driver::open(store, Box::new(StdRng::from_os_rng()), now)
        })
        .await;
        let driver = opened.map_err(|_| ClientError::Closed)??;
        let http = config.http;
        let shell = Shell { carrier: config.carrier, http: http.clone(), clock: config.clock, runtime };
        let core = start(driver, shell).map_err(ClientError::Thread)?;
        Ok(Self { core, http })
    }

    /// Opens a client in the place of a damaged database, which is put aside with what it had not sent exported beside it.
    /// The new one has to be enrolled anew.
    ///
    /// # Errors
    /// If the database cannot be put aside, or a new one not be made.
    pub async fn recover(config: ClientConfig) -> Result<(Self, PutAside), ClientError> {
        let (database, key) = (config.database.clone(), config.key.clone());
        let put = move || put_aside(&database, key.as_ref()).map_err(CoreError::from);
        let moved = tokio::task::spawn_blocking(put).await;
        let aside = moved.map_err(|_| ClientError::Closed)??;
        Ok((Self::open(config).await?, aside))
    }

    pub(crate) async fn on_core<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut CoreThread) -> T + Send + 'static,
    ) -> Result<T, ClientError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |core: &mut CoreThread| {
            // Whoever asked may have gone; what was done stays done.
            let _ = answer.send(work(core));
        });
        self.core.jobs.send(job).await.map_err(|_| ClientError::Closed)?;
        answered.await.map_err(|_| ClientError::Closed)
    }

    async fn tell(&self, event: Event) -> Result<Answer, ClientError> {
        Ok(self.on_core(move |core| core.dispatch(event)).await??)
    }

    /// Reads from the core: any of its queries, on its thread.
    ///
    /// # Errors
    /// What the query returns, or [`ClientError::Closed`].
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Driver<SqliteStore>, Timestamp) -> Result<T, CoreError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let read = move |core: &mut CoreThread| {
            let (driver, now) = core.driver();
            query(driver, now)
        };
        Ok(self.on_core(read).await??)
    }

    /// Enrols this device with a link that a coordinator made. Needs the network.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses the code.
    pub async fn enrol(&self, link: &EnrolmentLink, device_name: &str) -> Result<(), ClientError> {
        let enrolled = enrol(&self.http, link, device_name).await?;
        self.tell(Event::Enrolled(Box::new(enrolled.into_enrolment(device_name)))).await.map(drop)
    }

    /// Connects to the servers and stays connected, through every loss of network.
    ///
    /// # Errors
    /// If the core fails.
    pub async fn start_sync(&self) -> Result<(), ClientError> {
        self.tell(Event::SyncStart).await.map(drop)
    }

    /// Closes the links to servers and keeps them closed. Nothing else changes: this is not an "offline mode".
    ///
    /// # Errors
    /// If the core fails.
    pub async fn stop_sync(&self) -> Result<(), ClientError> {
        self.tell(Event::SyncStop).await.map(drop)
    }

    /// Takes a link to another phone that the host app opened (Nearby, Multipeer, a socket in the local network) and whose
    /// role it has verified.
    ///
    /// # Errors
    /// If the core fails.
    pub async fn attach(&self, link: Link, role: Role, side: Side) -> Result<(), ClientError> {
        Ok(self.on_core(move |core| core.attach(link, role, side)).await??)
    }

    /// What changes from now on. A listener that lags too far behind gets `RecvError::Lagged`: look at everything again.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Vec<Topic>> {
        self.core.changes()
    }

    /// Closes the links and the database, which another client may open as soon as this returns. What was asked before is
    /// done first; whatever is asked of any clone from then on gets [`ClientError::Closed`].
    pub async fn close(&self) {
        self.core.end().await;
    }

    /// A code was scanned; whoever is admitted is checked in, durably, before this returns.
    ///
    /// # Errors
    /// If nothing could be recorded; then nobody was admitted.
    pub async fn scan(&self, checkpoint: CheckpointId, code: &str) -> Result<ScanResult, ClientError> {
        self.scan_with_answers(checkpoint, code, Answers::new()).await
    }

    /// The same, with what was answered to the questions of an earlier verdict.
    ///
    /// # Errors
    /// If nothing could be recorded; then nobody was admitted.
    pub async fn scan_with_answers(
        &self,
        checkpoint: CheckpointId,
        code: &str,
        answers: Answers,
    ) -> Result<ScanResult, ClientError> {
        self.scanned(Command::Scan { checkpoint, code: code.to_owned(), answers }).await
    }

    /// Checks in an attendee who was found by name, or a code with the answers to what was asked.
    ///
    /// # Errors
    /// If nothing could be recorded; then nobody was admitted.
    pub async fn check_in(&self, check_in: CheckIn) -> Result<ScanResult, ClientError> {
        self.scanned(Command::CheckIn(check_in)).await
    }

    async fn scanned(&self, command: Command) -> Result<ScanResult, ClientError> {
        match self.tell(Event::Command(command)).await? {
            Answer::Scan(result) => Ok(*result),
            Answer::Nothing | Answer::Recorded(_) | Answer::Edited(_) => Err(unexpected()),
        }
    }

    /// Does anything else that records a fact.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn record(&self, command: Command) -> Result<Recorded, ClientError> {
        match self.tell(Event::Command(command)).await? {
            Answer::Recorded(recorded) => Ok(recorded),
            Answer::Scan(result) => result.recorded.ok_or_else(unexpected),
            Answer::Nothing | Answer::Edited(_) => Err(unexpected()),
        }
    }

    /// An attendee leaves.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn exit(&self, checkpoint: CheckpointId, attendee: AttendeeId) -> Result<Recorded, ClientError> {
        self.record(Command::Exit { checkpoint, attendee }).await
    }

    /// Takes a fact back.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn undo(&self, fact: FactId, reason: &str) -> Result<Recorded, ClientError> {
        self.record(Command::Undo { fact, reason: reason.to_owned() }).await
    }

    /// Registers and admits somebody who has no registration.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn walk_in(&self, walk_in: NewWalkIn) -> Result<Recorded, ClientError> {
        self.record(Command::WalkIn(walk_in)).await
    }

    /// Settles a double admission.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn settle(&self, settle: Settle) -> Result<Recorded, ClientError> {
        self.record(Command::Settle(settle)).await
    }

    /// An item of a session's checklist was looked at.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn observe(
        &self,
        (session, item): (SessionId, ItemId),
        state: ItemState,
        note: &str,
    ) -> Result<Recorded, ClientError> {
        self.record(Command::Observe { session, item, state, note: note.to_owned() }).await
    }

    /// Something went wrong.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn report_incident(&self, incident: NewIncident) -> Result<Recorded, ClientError> {
        self.record(Command::ReportIncident(incident)).await
    }

    /// A presenter is here.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn arrive(&self, presenter: PresenterId) -> Result<Recorded, ClientError> {
        self.record(Command::Arrive { presenter }).await
    }

    /// Edits fields of a record; says whether anything differed.
    ///
    /// # Errors
    /// If it may not be, or could not be kept.
    pub async fn edit(&self, edit: Edit) -> Result<bool, ClientError> {
        self.edited(Command::Edit(edit)).await
    }

    /// Chooses one of the values that a field was given at once.
    ///
    /// # Errors
    /// If there is nothing to choose any more, or it could not be kept.
    pub async fn choose(&self, choice: Choice) -> Result<bool, ClientError> {
        self.edited(Command::Choose(choice)).await
    }

    async fn edited(&self, command: Command) -> Result<bool, ClientError> {
        match self.tell(Event::Command(command)).await? {
            Answer::Edited(differed) => Ok(differed),
            Answer::Nothing | Answer::Scan(_) | Answer::Recorded(_) => Err(unexpected()),
        }
    }

    /// Says again what of this device's own work a server refused: a coordinator may have given its rights back, or the
    /// server may be a restored one that knows nothing of it.
    ///
    /// # Errors
    /// If it could not be kept.
    pub async fn offer_again(&self) -> Result<(), ClientError> {
        self.tell(Event::Command(Command::OfferAgain)).await.map(drop)
    }

    /// Says who works with this device; facts carry it.
    ///
    /// # Errors
    /// If it could not be kept.
    pub async fn set_label(&self, label: &str) -> Result<(), ClientError> {
        self.tell(Event::Command(Command::SetLabel { label: label.to_owned() })).await.map(drop)
    }
}

fn unexpected() -> ClientError {
    let code = CoreCode::Internal;
    CoreError { code, retry: code.retry(), detail: "the answer does not fit the question".into() }.into()
}

#[cfg(test)]
mod tests;
