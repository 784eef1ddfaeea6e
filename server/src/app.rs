//! What the handlers share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_model::id::EventId;
use tokio::sync::Semaphore;

use crate::auth::extract::Caller;
use crate::auth::identity::Identities;
use crate::auth::keys::{KeyError, ServerKey};
use crate::auth::permission::Action;
use crate::auth::throttle::Throttle;
use crate::auth::token::{MintError, Tokens};
use crate::config::Config;
use crate::documents::Documents;
use crate::error::{ApiError, ErrorCode};
use crate::events::{self, EventRow};
use crate::hub::{Hub, HubError, Surroundings};
use crate::imports::Imports;
use crate::metrics::Metrics;
use crate::storage::{DATABASE_FILE, Storage, StorageError};

/// Why the server cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The signing key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The signing key cannot sign.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The database cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The documents cannot be used.
    #[error(transparent)]
    Hub(#[from] HubError),
}

/// What the handlers share.
pub struct App {
    /// What was set.
    pub config: Config,
    /// The database.
    pub storage: Storage,
    /// The documents' tasks.
    pub hub: Hub,
    /// The documents, as handlers use them.
    pub documents: Documents,
    /// Makes and checks tokens.
    pub tokens: Tokens,
    /// Knows which devices are good.
    pub identities: Arc<Identities>,
    /// Counts attempts to enrol.
    pub enrolments: Throttle,
    /// Takes files in.
    pub imports: Imports,
    /// What is counted.
    pub metrics: Metrics,
    /// How many requests may still be taken.
    pub requests: Semaphore,
    /// Where devices reach the server, for links; without a slash at the end.
    pub public_url: String,
    /// The server's id: devices keep what they know of it under this.
    pub server_id: String,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("server_id", &self.server_id).finish_non_exhaustive()
    }
}

/// How handlers hold it.
pub type AppState = Arc<App>;

impl App {
    /// Opens the data directory, which the caller holds.
    ///
    /// # Errors
    /// If its key or its database cannot be used.
    pub async fn open(data: &Path, config: Config, public_url: String) -> Result<AppState, OpenError> {
        let tokens = Tokens::new(&ServerKey::load_or_create(data)?)?;
        let path = data.join(DATABASE_FILE);
        let set_up = config.storage.to_storage_config();
        let storage = tokio::task::spawn_blocking(move || Storage::open_with(&path, set_up)).await;
        let storage = storage.unwrap_or(Err(StorageError::Panicked))?;
        let identities = Arc::new(Identities::new(storage.clone(), config.auth.device_cache));
        let surroundings = Surroundings { authors: Arc::<Identities>::clone(&identities), ..Surroundings::default() };
        let hub = Hub::in_surroundings(Arc::new(storage.clone()), config.hub.to_hub_config(), surroundings).await?;
        let server_id = hub.storage_id().as_str().to_owned();
        Ok(Arc::new(Self {
            documents: Documents::new(hub.clone()),
            hub,
            server_id,
            tokens,
            identities,
            enrolments: Throttle::new(
                config.auth.enrol_attempts,
                Duration::from_secs(u64::from(config.auth.enrol_window_s)),
            ),
            imports: Imports::new(config.import.parallel),
            metrics: Metrics::default(),
            requests: Semaphore::new(config.http.max_requests.clamp(1, Semaphore::MAX_PERMITS)),
            public_url,
            storage,
            config,
        }))
    }

    /// The event, if it exists and the caller may do this there.
    ///
    /// # Errors
    /// `event_not_found`, `forbidden`, or why the database cannot be read.
    pub async fn event(&self, caller: &Caller, action: Action, id: EventId) -> Result<EventRow, ApiError> {
        caller.require(action, id)?;
        events::find(&self.storage, id).await?.ok_or(ErrorCode::EventNotFound.into())
    }
}
