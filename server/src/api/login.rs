//! Signing in: a name and a password make the browser or app a device of the account's event.
//!
//! Whether the name is unknown or the password wrong, the answer is the same, and so is the time that it takes. Wrong ones
//! are counted for the address and for the name, known or not.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use rand::Rng;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::enrol::{CallerAddress, EnrolView, view};
use super::events::record_of;
use super::input::{Body, short_text};
use crate::accounts::{self, Account, AccountName};
use crate::app::{App, AppState};
use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::auth::refresh::RefreshToken;
use crate::auth::throttle::Throttle;
use crate::clock;
use crate::devices::Newcomer;
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The account's name.
    #[schema(example = "anna@example.org")]
    name: String,
    /// Its password.
    password: String,
    /// The event to sign in to; can be left out if the account has one.
    #[serde(default)]
    event_id: Option<String>,
    /// What the device calls itself.
    #[serde(default)]
    device_name: String,
}

/// An event of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountEventView {
    /// The event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// Its name.
    name: String,
    /// What the account is there.
    #[schema(value_type = String)]
    role: Role,
    /// When the event starts, in milliseconds since 1970; 0 if that is not known.
    starts_at_ms: i64,
}

/// The events of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountEventsView {
    /// The events, the latest first.
    events: Vec<AccountEventView>,
}

pub(super) fn too_many(wait: std::time::Duration) -> ApiError {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    ApiError::from(ErrorCode::TooManyAttempts).retry_after_ms(wait_ms)
}

/// Who somebody is that says so: a name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// The account's name.
    #[schema(example = "anna@example.org")]
    pub(super) name: String,
    /// Its password.
    pub(super) password: String,
}

/// The account, if the password is its own.
pub(super) async fn authenticate(
    app: &App,
    address: Option<IpAddr>,
    Claim { name, password }: Claim,
) -> Result<(AccountName, Account), ApiError> {
    let _turn = app.logins.turn().await;
    let parsed = AccountName::parse(&name);
    let key = Throttle::name_key(parsed.as_ref().map_or(name.as_str(), AccountName::as_str));
    let now = Instant::now();
    if let Some(address) = address {
        app.logins.check(address, now).map_err(too_many)?;
    }
    app.names.check_key(key, now).map_err(too_many)?;
    let account = match &parsed {
        Some(name) => accounts::find(&app.storage, name.clone()).await?,
        None => None,
    };
    let kept = account.as_ref().map(|account| account.password.clone());
    let right = app.passwords.is_right(password, kept).await;
    match (parsed, account) {
        (Some(name), Some(account)) if right => Ok((name, account)),
        (_, account) => {
            if let Some(address) = address {
                app.logins.was_wrong(address, Instant::now());
            }
            app.names.key_was_wrong(key, Instant::now());
            // For a name that is not known too: what is written takes time. The throttle bounds it.
            let entry = Entry::new(clock::now(), Actor::Unknown, Action::LoginFailed);
            let known = account.map(|account| Subject::Account(account.id));
            audit::record(&app.storage, known.into_iter().fold(entry, Entry::subject)).await?;
            Err(ErrorCode::LoginFailed.into())
        }
    }
}

/// The event that is meant and the role there.
fn choose(roles: &[(EventId, Role)], wanted: Option<&str>) -> Result<(EventId, Role), ApiError> {
    let Some(wanted) = wanted else {
        return match roles {
            [one] => Ok(*one),
            [] => Err(ErrorCode::Forbidden.into()),
            several => {
                let ids: Vec<String> = several.iter().map(|(event, _)| event.to_string()).collect();
                let detail = format!("the account has several events; send event_id with one of {}", ids.join(", "));
                Err(ApiError::new(ErrorCode::EventRequired, detail))
            }
        };
    };
    let event: Option<EventId> = wanted.parse().ok();
    let found = roles.iter().find(|(of, _)| Some(*of) == event);
    found.copied().ok_or(ErrorCode::EventNotFound.into())
}

/// Sign in: the browser or app becomes a device, with tokens like any other.
#[utoipa::path(
    post, path = "/api/v1/login", tag = "accounts", operation_id = "login",
    request_body = LoginRequest,
    responses((status = 200, body = EnrolView), (status = "default", body = ErrorBody))
)]
pub(crate) async fn login(
    State(app): State<AppState>,
    CallerAddress(address): CallerAddress,
    Body(request): Body<LoginRequest>,
) -> Result<Json<EnrolView>, ApiError> {
    let device_name = short_text("device_name", &request.device_name, 100)?;
    let (name, account) = authenticate(&app, address, Claim { name: request.name, password: request.password }).await?;
    let roles = accounts::roles(&app.storage, account.id.clone()).await?;
    let chosen = choose(&roles, request.event_id.as_deref())?;
    let now = clock::now();
    let token_expires_at = now.plus_ms(app.config.auth.refresh_token_lifetime_ms());
    let (id, token) = (DeviceId::from_random(rand::rng().random()), RefreshToken::random());
    let shown = if device_name.is_empty() { name.as_str().to_owned() } else { device_name };
    let newcomer = Newcomer { id, name: shown, token: token.clone(), token_expires_at };
    let device = accounts::sign_in(&app.storage, account.id, chosen, newcomer, now).await?;
    tracing::info!(device = %device.id, event = %device.event, role = %device.role.kind(), "somebody signed in");
    Ok(Json(view(&app, device, &token, (now, token_expires_at)).await?))
}

/// List an account's events: what `event_id` of a sign-in can be.
#[utoipa::path(
    post, path = "/api/v1/login/events", tag = "accounts", operation_id = "list_account_events",
    request_body = Claim,
    responses((status = 200, body = AccountEventsView), (status = "default", body = ErrorBody))
)]
pub(crate) async fn list_events(
    State(app): State<AppState>,
    CallerAddress(address): CallerAddress,
    Body(claim): Body<Claim>,
) -> Result<Json<AccountEventsView>, ApiError> {
    let (_, account) = authenticate(&app, address, claim).await?;
    let mut events = Vec::new();
    for (event_id, role) in accounts::roles(&app.storage, account.id).await? {
        let event = record_of(&app, event_id).await?;
        events.push(AccountEventView { event_id, name: event.name, role, starts_at_ms: event.starts_at.ms() });
    }
    events.sort_by_key(|event| Reverse(event.starts_at_ms));
    Ok(Json(AccountEventsView { events }))
}
