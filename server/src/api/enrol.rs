//! Enrolment: a code becomes a device with its tokens. A door without a token.

use std::net::IpAddr;
use std::time::Instant;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use muster_model::access::RoleKind;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use rand::Rng;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::events::record_of;
use super::input::{Body, short_text};
use super::refresh::{Credentials, credentials};
use crate::app::{App, AppState};
use crate::auth::code::EnrolmentCode;
use crate::auth::refresh::RefreshToken;
use crate::clock;
use crate::devices::{self, Device, EnrolError, Newcomer, leases};
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::serve::Peer;

/// A code to be exchanged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The one-time code.
    code: String,
    /// What the device calls itself.
    #[serde(default)]
    device_name: String,
}

/// What a device needs to work.
#[derive(Serialize, ToSchema)]
pub struct EnrolView {
    /// What it shows, and who it is.
    #[serde(flatten)]
    credentials: Credentials,
    /// The event's name.
    event_name: String,
    /// What the device is called.
    device_name: String,
    /// The server's id: what a device keeps per server, it keeps under this.
    server_id: String,
    /// The path of the sync endpoint on this server.
    #[schema(example = "/sync")]
    sync_url: String,
}

/// A code to be looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The one-time code.
    code: String,
}

/// What a device would be that enrols with a code. Nothing personal: what a coordinator called it may be somebody's name.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewView {
    /// The event's name.
    event_name: String,
    /// Its role there: `coordinator`, `finance`, `staff` or `presenter`; not whose device it would be.
    #[schema(value_type = String, example = "staff")]
    role: RoleKind,
    /// Whether it has a name already, whatever it calls itself.
    named: bool,
    /// How many checkpoints it may serve; 0 means all.
    checkpoints: usize,
    /// Whether it waits then until a coordinator lets it in.
    approve: bool,
    /// For how long it works without contact, in milliseconds; 0 for no end.
    lease_ms: i64,
    /// Until when the code is good, in milliseconds since 1970.
    expires_at_ms: i64,
    /// How many devices can enrol with it yet.
    devices_left: u32,
}

/// The address that a request came from, behind proxies that the configuration trusts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallerAddress(pub(crate) Option<IpAddr>);

impl CallerAddress {
    /// The address, if the request came over a network.
    pub(crate) const fn known(self) -> Option<IpAddr> {
        self.0
    }
}

impl FromRequestParts<AppState> for CallerAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        // A request of the command line in this process came from no address.
        let peer = parts.extensions.get::<Peer>();
        Ok(Self(peer.map(|peer| app.config.http.trusted_proxies.caller(peer.address.ip(), &parts.headers))))
    }
}

/// Exchange a code for a device's tokens.
#[utoipa::path(
    post, path = "/api/v1/devices/enrol", tag = "devices", operation_id = "enrol",
    request_body = EnrolRequest,
    responses((status = 200, body = EnrolView), (status = "default", body = ErrorBody))
)]
pub(crate) async fn enrol(
    State(app): State<AppState>,
    CallerAddress(address): CallerAddress,
    Body(request): Body<EnrolRequest>,
) -> Result<Json<EnrolView>, ApiError> {
    let name = short_text("device_name", &request.device_name, 100)?;
    let now = clock::now();
    let token_expires_at = now.plus_ms(app.config.auth.refresh_token_lifetime_ms());
    let (id, token) = (DeviceId::from_random(rand::rng().random()), RefreshToken::random());
    let newcomer = Newcomer { id, name, token: token.clone(), token_expires_at };
    let enrolled = async |hash| devices::enrol(&app.storage, hash, newcomer, now).await;
    let device = with_code(&app, address, &request.code, enrolled).await?;
    tracing::info!(device = %device.id, event = %device.event, role = %device.role.kind(), "a device enrolled");
    Ok(Json(view(&app, device, &token, (now, token_expires_at)).await?))
}

/// What a device needs that is one from now on.
pub(super) async fn view(
    app: &App,
    device: Device,
    token: &RefreshToken,
    times: (Timestamp, Timestamp),
) -> Result<EnrolView, ApiError> {
    Ok(EnrolView {
        event_name: event_name(app, device.event).await?,
        device_name: device.name.clone(),
        server_id: app.server_id.clone(),
        sync_url: super::sync::PATH.to_owned(),
        credentials: credentials(app, device, token, times).await?,
    })
}

/// Look at a code without spending it: what a device would be that enrols with it. Wrong codes count as they do there.
#[utoipa::path(
    post, path = "/api/v1/devices/enrol/preview", tag = "devices", operation_id = "preview_enrolment",
    request_body = PreviewRequest,
    responses((status = 200, body = PreviewView), (status = "default", body = ErrorBody))
)]
pub(crate) async fn preview(
    State(app): State<AppState>,
    CallerAddress(address): CallerAddress,
    Body(request): Body<PreviewRequest>,
) -> Result<Json<PreviewView>, ApiError> {
    let looked = async |hash| devices::look_at_code(&app.storage, hash, clock::now()).await;
    let code = with_code(&app, address, &request.code, looked).await?;
    Ok(Json(PreviewView {
        event_name: event_name(&app, code.event).await?,
        role: code.role.kind(),
        named: code.limit == 1 && !code.name.is_empty(),
        checkpoints: code.checkpoints.len(),
        approve: code.approve,
        lease_ms: leases::of(&app.storage, code.event, code.role.kind()).await?,
        expires_at_ms: code.expires_at.ms(),
        devices_left: code.limit.saturating_sub(code.devices),
    }))
}

/// What becomes of a code that somebody shows. Only wrong codes count against the address.
async fn with_code<T>(
    app: &App,
    address: Option<IpAddr>,
    code: &str,
    run: impl AsyncFnOnce([u8; 32]) -> Result<T, EnrolError>,
) -> Result<T, ApiError> {
    let _turn = app.enrolments.turn().await;
    if let Some(address) = address
        && let Err(wait) = app.enrolments.check(address, Instant::now())
    {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        return Err(ApiError::from(ErrorCode::TooManyAttempts).retry_after_ms(wait_ms));
    }
    let outcome = match EnrolmentCode::parse(code) {
        Some(code) => run(code.hash()).await,
        None => Err(EnrolError::Unknown),
    };
    outcome.map_err(|error| {
        let code = match error {
            EnrolError::Unknown => ErrorCode::EnrolmentCodeUnknown,
            EnrolError::Used => ErrorCode::EnrolmentCodeUsed,
            EnrolError::Expired => ErrorCode::EnrolmentCodeExpired,
            EnrolError::Storage(error) => return ApiError::from(error),
        };
        if let Some(address) = address {
            app.enrolments.was_wrong(address, Instant::now());
        }
        code.into()
    })
}

async fn event_name(app: &App, event: EventId) -> Result<String, ApiError> {
    Ok(record_of(app, event).await?.name)
}
