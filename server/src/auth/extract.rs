//! The caller of a request.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use futures_util::future::BoxFuture;
use muster_model::access::Role;
use muster_model::id::EventId;
use muster_model::time::Timestamp;

use super::identity::KnownDevice;
use super::permission::{Action, allows};
use crate::app::{App, AppState};
use crate::clock;
use crate::error::{ApiError, ErrorCode};
use crate::hub::{Ending, Principal};
use crate::serve::{Audience, Peer};
use crate::sync_socket::Renewal;

/// Who asks: somebody whose token and standing are good.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The local administrator.
    Operator,
    /// A device.
    Device(KnownDevice),
}

impl Caller {
    /// Whom a token is about.
    ///
    /// # Errors
    /// If it is not good, or its device is not.
    pub async fn from_token(app: &App, token: &str) -> Result<Self, ApiError> {
        let checked = app.tokens.check(token)?;
        let device = app.identities.check(&checked, clock::now()).await?;
        Ok(device.map_or(Self::Operator, Self::Device))
    }

    /// Whether the caller may do this in this event.
    ///
    /// # Errors
    /// `event_not_found` if the event is another than the device's, `forbidden` if the role may not.
    pub fn require(&self, action: Action, event: EventId) -> Result<(), ApiError> {
        match self {
            Self::Operator => Ok(()),
            Self::Device(device) if device.event != event => Err(ErrorCode::EventNotFound.into()),
            Self::Device(device) if allows(device.role.kind(), action) => Ok(()),
            Self::Device(_) => Err(ErrorCode::Forbidden.into()),
        }
    }

    /// Whether the caller may do what belongs to no event.
    ///
    /// # Errors
    /// `forbidden` for all but the local administrator.
    pub fn require_operator(&self) -> Result<(), ApiError> {
        match self {
            Self::Operator => Ok(()),
            Self::Device(_) => Err(ErrorCode::Forbidden.into()),
        }
    }

    /// The role whose documents are shown; the local administrator sees what coordinators see.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Operator => Role::Coordinator,
            Self::Device(device) => device.role,
        }
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let token = bearer_token(parts)?.ok_or(ErrorCode::TokenMissing)?;
        let caller = Self::from_token(app, token).await?;
        let peer = parts.extensions.get::<Peer>();
        let public = peer.is_some_and(|peer| peer.audience == Audience::Public);
        match caller {
            // Whoever got hold of one elsewhere can do nothing with it from the network.
            Self::Operator if public => {
                Err(ApiError::new(ErrorCode::Forbidden, "the operator asks at http.admin_listen, not here"))
            }
            caller => {
                proved(parts);
                Ok(caller)
            }
        }
    }
}

/// The caller of `/sync`: browsers cannot set a header there, so the token may stand in the query.
#[derive(Debug)]
pub struct SyncCaller(pub KnownDevice);

impl FromRequestParts<AppState> for SyncCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let token = match bearer_token(parts)? {
            Some(token) => token,
            None => query_token(parts).ok_or(ErrorCode::TokenMissing)?,
        };
        match Caller::from_token(app, token).await? {
            Caller::Device(device) => {
                proved(parts);
                Ok(Self(device))
            }
            Caller::Operator => Err(ApiError::new(ErrorCode::Forbidden, "only devices sync: enrol one")),
        }
    }
}

/// The connection has shown a valid token: it is no guest any more.
fn proved(parts: &Parts) {
    if let Some(peer) = parts.extensions.get::<Peer>() {
        peer.standing.proved();
    }
}

/// A connection goes on with a token of the device that it belongs to, in the same event and role.
impl Renewal for App {
    fn renew<'a>(&'a self, principal: &'a Principal, token: &'a str) -> BoxFuture<'a, Result<Timestamp, Ending>> {
        Box::pin(async move {
            let known = match Caller::from_token(self, token).await {
                Ok(Caller::Device(device)) => device,
                Ok(Caller::Operator) => return Err(Ending::TokenInvalid),
                Err(error) => {
                    return Err(match error.code {
                        ErrorCode::TokenExpired => Ending::TokenExpired,
                        ErrorCode::DeviceRevoked => Ending::Revoked,
                        ErrorCode::RoleChanged => Ending::RoleChanged,
                        code if code.status().is_server_error() => {
                            Ending::Overload { retry_after_ms: self.config.hub.retry_after_ms }
                        }
                        _ => Ending::TokenInvalid,
                    });
                }
            };
            if known.id != principal.device || known.event != principal.event {
                return Err(Ending::TokenInvalid);
            }
            if known.role != principal.role { Err(Ending::RoleChanged) } else { Ok(known.token_expires_at) }
        })
    }
}

fn bearer_token(parts: &Parts) -> Result<Option<&str>, ApiError> {
    let Some(value) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let bearer = value.to_str().ok().and_then(|text| text.split_once(' '));
    match bearer {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(ErrorCode::TokenInvalid.into()),
    }
}

/// A token needs no decoding: it has only letters, digits, `-`, `_` and `.`.
fn query_token(parts: &Parts) -> Option<&str> {
    parts.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("access_token="))
}
