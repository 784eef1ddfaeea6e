//! What the handlers share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_model::id::{DeviceId, EventId};
use tokio::sync::Semaphore;

use crate::audit::Actor;
use crate::auth::extract::Caller;
use crate::auth::identity::Identities;
use crate::auth::keys::KeyError;
use crate::auth::password::Passwords;
use crate::auth::permission::Action;
use crate::auth::ring::KeyRing;
use crate::auth::throttle::Throttle;
use crate::auth::token::{MintError, Tokens};
use crate::clock;
use crate::config::Config;
use crate::documents::Documents;
use crate::error::{ApiError, ErrorCode};
use crate::events::{self, EventRow};
use crate::hub::{Hub, HubConfig, HubError, Surroundings};
use crate::imports::Imports;
use crate::limits::Doors;
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
    /// The signing keys. Held while they change.
    pub keys: tokio::sync::Mutex<KeyRing>,
    /// Knows which devices are good.
    pub identities: Arc<Identities>,
    /// Counts attempts to enrol.
    pub enrolments: Throttle,
    /// Counts attempts to sign in, by address.
    pub logins: Throttle,
    /// Counts attempts to sign in, by name.
    pub names: Throttle,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Takes files in.
    pub imports: Imports,
    /// Who may come in.
    pub doors: Arc<Doors>,
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
        let keys = KeyRing::load_or_create(data)?;
        let tokens = Tokens::of(&keys)?;
        let path = data.join(DATABASE_FILE);
        let set_up = config.storage.to_storage_config();
        let storage = tokio::task::spawn_blocking(move || Storage::open_with(&path, set_up)).await;
        let storage = storage.unwrap_or(Err(StorageError::Panicked))?;
        let identities = Arc::new(Identities::new(storage.clone(), config.auth.device_cache));
        let surroundings = Surroundings { authors: Arc::<Identities>::clone(&identities), ..Surroundings::default() };
        let hub_config = HubConfig { devices: config.limits.to_device_limits(), ..config.hub.to_hub_config() };
        let hub = Hub::in_surroundings(Arc::new(storage.clone()), hub_config, surroundings).await?;
        let server_id = hub.storage_id().as_str().to_owned();
        Ok(Arc::new(Self {
            documents: Documents::new(hub.clone()),
            hub,
            server_id,
            tokens,
            identities,
            keys: tokio::sync::Mutex::new(keys),
            enrolments: Throttle::new(
                config.auth.enrol_attempts,
                Duration::from_secs(u64::from(config.auth.enrol_window_s)),
            ),
            logins: Throttle::new(
                config.auth.enrol_attempts,
                Duration::from_secs(u64::from(config.auth.enrol_window_s)),
            ),
            names: Throttle::new(
                config.auth.login_attempts,
                Duration::from_secs(u64::from(config.auth.login_window_s)),
            ),
            passwords: Passwords::default(),
            imports: Imports::new(config.import.parallel),
            doors: Doors::new(&config.limits),
            metrics: Metrics::default(),
            requests: Semaphore::new(config.http.max_requests.clamp(1, Semaphore::MAX_PERMITS)),
            public_url,
            storage,
            config,
        }))
    }

    /// Whether devices reach the server by TLS.
    #[must_use]
    pub fn is_reached_by_tls(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.storage.path().parent().unwrap_or(Path::new("."))
    }

    /// Revokes a device: its tokens are refused and its connections end. Says whether the event has it.
    ///
    /// # Errors
    /// Why the database could not be written.
    pub async fn revoke(&self, event: EventId, device: DeviceId, actor: Actor) -> Result<bool, StorageError> {
        let found = self.identities.revoke(event, device, actor, clock::now()).await?;
        if found {
            self.hub.revoke(device);
        }
        Ok(found)
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
