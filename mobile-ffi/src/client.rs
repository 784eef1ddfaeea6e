//! What an app uses: a phone's whole state behind one handle.

mod commands;
mod questions;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use muster_client_core::store::sqlite;
use muster_client_native::{self as native, ClientConfig, ClientError, EnrolmentLink, WebSocketCarrier, http_client};

use crate::error::MusterError;
use crate::event::Role;
use crate::host_link::{HostCarrier, HostLink, Side, link_over};
use crate::key::DatabaseKey;
use crate::listener::{ChangeListener, Subscription, subscribe};
use crate::runtime::call;
use crate::value::Text;

/// How a client is opened.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Config {
    /// The database's file; created if it is not there. One file an event.
    pub database: String,
    /// PEM certificates to trust besides the usual authorities: a venue's own server may have one of its own.
    #[uniffi(default)]
    pub extra_roots: Vec<Vec<u8>>,
    /// What the database is encrypted with, in a library that was built with the feature `sqlcipher`.
    #[uniffi(default)]
    pub key: Option<Arc<DatabaseKey>>,
}

impl Config {
    fn native(self) -> Result<ClientConfig, MusterError> {
        let carrier = WebSocketCarrier::new(&self.extra_roots).map_err(MusterError::bad_parameter)?;
        let http = http_client(&self.extra_roots).map_err(MusterError::bad_parameter)?;
        let key = self.key.map(|key| key.bits());
        Ok(ClientConfig { http, key, ..ClientConfig::new(PathBuf::from(self.database), Arc::new(carrier)) })
    }
}

/// A phone's whole state behind one handle, which any number of threads may use at once.
///
/// Every call that records something returns when it is on disk. None waits for a network but `enrol`.
#[derive(Debug, uniffi::Object)]
pub struct Client {
    native: Mutex<Option<native::Client>>,
}

/// Where a damaged database went.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PutAside {
    /// The database under its new name.
    pub database: String,
    /// A JSON file beside it: the facts that no server is known to have.
    pub export_file: String,
    /// How many facts were exported.
    pub facts: u64,
    /// Whether the list is known to be whole. If not, the file that was put aside still holds whatever is left.
    pub complete: bool,
}

impl From<sqlite::PutAside> for PutAside {
    fn from(aside: sqlite::PutAside) -> Self {
        Self {
            database: aside.database.to_string_lossy().into_owned(),
            export_file: aside.export.to_string_lossy().into_owned(),
            facts: u64::try_from(aside.facts).unwrap_or(u64::MAX),
            complete: aside.complete,
        }
    }
}

/// A client in the place of a damaged one.
#[derive(Debug, uniffi::Record)]
pub struct Recovered {
    /// The new client, to be enrolled anew.
    pub client: Arc<Client>,
    /// What became of the old database.
    pub aside: PutAside,
}

/// Opens a client in the place of a damaged database, which is put aside, never deleted, with what it had not sent exported
/// beside it.
///
/// # Errors
/// `storage_busy` if somebody has it open; if it cannot be put aside, or a new one not be made.
#[uniffi::export]
pub async fn recover_database(config: Config) -> Result<Recovered, MusterError> {
    let config = config.native()?;
    let (client, aside) = call(native::Client::recover(config)).await?;
    Ok(Recovered { client: Client::of(client), aside: aside.into() })
}

#[uniffi::export]
impl Client {
    /// Opens a client on a database file.
    ///
    /// # Errors
    /// `storage_busy` if it is open already, in this app or another; `storage_damaged` if it does not read
    /// (`recover_database`); `storage_newer` if a later version wrote it; `storage_key` if it was encrypted with another key
    /// or not at all; `storage_no_encryption`; `storage_full`; `storage_failed`.
    #[uniffi::constructor]
    pub async fn open(config: Config) -> Result<Arc<Self>, MusterError> {
        let config = config.native()?;
        Ok(Self::of(call(native::Client::open(config)).await?))
    }

    /// Closes the links and the database. When this returns, the database may be opened again; every later call of this
    /// handle fails with `closed`. What was asked before is done first. A second time it does nothing.
    pub async fn shutdown(&self) {
        if let Some(native) = self.take() {
            // What may fail here is the thread, and then there is nothing left to close.
            let _ = call(async move {
                native.close().await;
                Ok::<(), MusterError>(())
            })
            .await;
        }
    }

    /// Begins to close as `shutdown` does and waits for nothing, for a language's own way of closing things.
    pub fn begin_shutdown(&self) {
        // Dropping the last handle closes, too, after what was asked before.
        drop(self.take());
    }

    /// Enrols this device with a link that a coordinator made. Needs the network.
    ///
    /// # Errors
    /// `enrolment_link` if it is not one, `unreachable`, `not_muster`, or the server's own code
    /// (`enrolment_code_used`...).
    pub async fn enrol(&self, link: Text, device_name: Text) -> Result<(), MusterError> {
        let link = EnrolmentLink::parse(link.as_str())?;
        self.ask(|native| async move { native.enrol(&link, device_name.as_str()).await }).await
    }

    /// Connects to the servers and stays connected, through every loss of network.
    ///
    /// # Errors
    /// If the core fails.
    pub async fn start_sync(&self) -> Result<(), MusterError> {
        self.ask(|native| async move { native.start_sync().await }).await
    }

    /// Closes the links to servers and keeps them closed. Nothing else changes: this is not an "offline mode".
    ///
    /// # Errors
    /// If the core fails.
    pub async fn stop_sync(&self) -> Result<(), MusterError> {
        self.ask(|native| async move { native.stop_sync().await }).await
    }

    /// Tells a listener what changes from now on, until the subscription is cancelled.
    ///
    /// # Errors
    /// `closed`.
    pub fn subscribe(&self, listener: Arc<dyn ChangeListener>) -> Result<Arc<Subscription>, MusterError> {
        Ok(Arc::new(subscribe(self.native()?.changes(), listener)?))
    }

    /// Takes a link to another phone that the host app opened and whose role it has verified. Frames to the other phone go
    /// to `carrier`, frames from it to the link that this returns.
    ///
    /// # Errors
    /// If the core fails.
    pub async fn attach(
        &self,
        role: Role,
        side: Side,
        carrier: Arc<dyn HostCarrier>,
    ) -> Result<Arc<HostLink>, MusterError> {
        let (link, end) = link_over(carrier)?;
        self.ask(move |native| async move { native.attach(link, role.into(), side.into()).await }).await?;
        Ok(end)
    }
}

impl Client {
    fn of(native: native::Client) -> Arc<Self> {
        Arc::new(Self { native: Mutex::new(Some(native)) })
    }

    fn take(&self) -> Option<native::Client> {
        self.native.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn native(&self) -> Result<native::Client, MusterError> {
        let native = self.native.lock().unwrap_or_else(PoisonError::into_inner);
        native.clone().ok_or_else(|| ClientError::Closed.into())
    }

    /// One call of this handle: one call of the client.
    async fn ask<T, F>(&self, question: impl FnOnce(native::Client) -> F) -> Result<T, MusterError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        call(question(self.native()?)).await
    }
}
