//! How long a connection may stay: until its token ends, and longer with every fresh one that the peer brings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use muster_model::time::Timestamp;
use muster_protocol::Secret;
use tokio::sync::watch;

use crate::hub::{Ending, Hub, Principal};

/// Checks the token with which a peer goes on when its first one ends.
pub trait Renewal: fmt::Debug + Send + Sync + 'static {
    /// Until when the connection is good, if the token is good and of the same device, event and role.
    ///
    /// # Errors
    /// How the connection ends instead.
    fn renew<'a>(&'a self, principal: &'a Principal, token: &'a str) -> BoxFuture<'a, Result<Timestamp, Ending>>;
}

/// What a connection shows for itself.
pub(super) struct Credential {
    principal: Principal,
    renewal: Option<Arc<dyn Renewal>>,
    expires_at: watch::Sender<Option<Timestamp>>,
}

impl Credential {
    pub(super) fn new(principal: Principal, renewal: Option<Arc<dyn Renewal>>) -> Self {
        Self { principal, renewal, expires_at: watch::Sender::new(principal.token_expires_at) }
    }

    /// Goes on with another token. One that ends sooner than the last shortens nothing.
    pub(super) async fn renew(&self, token: &Secret) -> Result<(), Ending> {
        let Some(renewal) = &self.renewal else { return Ok(()) };
        let until = renewal.renew(&self.principal, token.reveal()).await?;
        self.expires_at.send_if_modified(|at| {
            let later = at.is_some_and(|at| until > at);
            if later {
                *at = Some(until);
            }
            later
        });
        Ok(())
    }

    /// Ready when the last token has ended; never if there is no end.
    pub(super) fn ended(&self, hub: &Hub) -> impl Future<Output = ()> + use<> {
        let (mut expires_at, hub) = (self.expires_at.subscribe(), hub.clone());
        async move {
            loop {
                let at = *expires_at.borrow_and_update();
                let Some(at) = at else { return std::future::pending().await };
                let left_ms = u64::try_from(at.since_ms(hub.now())).unwrap_or(0);
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(left_ms)) => return,
                    changed = expires_at.changed() => if changed.is_err() { return },
                }
            }
        }
    }
}
