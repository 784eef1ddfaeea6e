//! Access tokens for devices: with enrolment the first, then another for each refresh token.

use axum::Json;
use axum::extract::State;
use muster_model::access::Role;
use muster_model::id::{CheckpointId, DeviceId, EventId};
use muster_model::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Body;
use crate::app::{App, AppState};
use crate::audit::Actor;
use crate::auth::refresh::{Nonce, RefreshToken};
use crate::auth::token::Bearer;
use crate::clock;
use crate::devices::tokens::{Exchange, exchange};
use crate::devices::{Device, leases};
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// After how long a device that waits for a coordinator should ask again.
pub(super) const ASK_AGAIN_MS: u64 = 5_000;

/// A refresh token to be exchanged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token.
    refresh_token: String,
    /// 20 to 64 letters, digits, `-` and `_` that the device drew at random and kept before it asked. Whoever does not hear
    /// the answer asks again with the same.
    #[schema(example = "u8Q2sHk5mZr1xVb7Wn4cTg")]
    nonce: String,
    /// The last access token, also if it has ended. A server that was restored from a backup knows by it who asks with a
    /// refresh token that it has forgotten.
    access_token: Option<String>,
}

/// What a device shows, and what it is told besides.
#[derive(Serialize, ToSchema)]
pub struct Credentials {
    /// For the header `Authorization`; absent while the device waits for a coordinator.
    access_token: Option<String>,
    /// Until when that is good, in milliseconds since 1970.
    access_expires_at_ms: Option<i64>,
    /// For how long it is good from now, in seconds: a device whose clock is wrong goes by this.
    access_expires_in_s: Option<i64>,
    /// What the next access token is asked for with, once.
    refresh_token: String,
    /// Until when that is good, in milliseconds since 1970.
    refresh_expires_at_ms: i64,
    /// The device's id.
    #[schema(value_type = String)]
    device_id: DeviceId,
    /// The event it is enrolled in.
    #[schema(value_type = String, example = "7d444840-9dc0-41d1-b245-5ffdce74fad2")]
    event_id: EventId,
    /// Its role there: `coordinator`, `finance`, `staff` or `presenter:<id>`.
    #[schema(value_type = String)]
    role: Role,
    /// The checkpoints that it may serve; none named means all.
    #[schema(value_type = Vec<String>)]
    checkpoints: Vec<CheckpointId>,
    /// For how long it works without contact, in milliseconds; 0 for no end.
    lease_ms: i64,
    /// Whether it waits until a coordinator lets it in. Then it refreshes until it gets an access token.
    pending: bool,
    /// After how many milliseconds to ask again, if it waits.
    retry_after_ms: Option<u64>,
}

/// What a device gets whose standing is good, or who waits for a coordinator.
pub(super) async fn credentials(
    app: &App,
    device: Device,
    token: &RefreshToken,
    (now, refresh_expires_at): (Timestamp, Timestamp),
) -> Result<Credentials, ApiError> {
    let lifetime_s = app.config.auth.access_token_lifetime_s();
    let pending = device.approved_at.is_none();
    let bearer = Bearer::Device { device: device.id, event: device.event, role: device.role };
    let access_token = if pending {
        None
    } else {
        let minted = app.tokens.mint(&bearer, now, lifetime_s);
        Some(minted.map_err(|error| ApiError::logged(ErrorCode::Internal, &error))?)
    };
    Ok(Credentials {
        access_token,
        access_expires_at_ms: (!pending).then(|| now.plus_ms(lifetime_s.saturating_mul(1_000)).ms()),
        access_expires_in_s: (!pending).then_some(lifetime_s),
        refresh_token: token.reveal(),
        refresh_expires_at_ms: refresh_expires_at.ms(),
        device_id: device.id,
        event_id: device.event,
        role: device.role,
        lease_ms: leases::of(&app.storage, device.event, device.role.kind()).await?,
        checkpoints: device.checkpoints,
        pending,
        retry_after_ms: pending.then_some(ASK_AGAIN_MS),
    })
}

/// Exchange a refresh token for an access token and the next refresh token.
#[utoipa::path(
    post, path = "/api/v1/devices/refresh", tag = "devices", operation_id = "refresh",
    request_body = RefreshRequest,
    responses((status = 200, body = Credentials), (status = "default", body = ErrorBody))
)]
pub(crate) async fn refresh(
    State(app): State<AppState>,
    Body(request): Body<RefreshRequest>,
) -> Result<Json<Credentials>, ApiError> {
    let detail = "nonce must be 20 to 64 letters, digits, - and _";
    let nonce = Nonce::parse(&request.nonce).ok_or_else(|| ApiError::new(ErrorCode::BadField, detail))?;
    let token = RefreshToken::parse(&request.refresh_token).ok_or(ErrorCode::RefreshTokenUnknown)?;
    let now = clock::now();
    let lifetime_ms = app.config.auth.refresh_token_lifetime_ms();
    let proof = request.access_token.as_deref().and_then(|token| app.tokens.issued(token));
    match exchange(&app.storage, (token, nonce, proof), now, lifetime_ms).await? {
        Exchange::Granted { device, token, expires_at } => {
            Ok(Json(credentials(&app, device, &token, (now, expires_at)).await?))
        }
        Exchange::Pending => Err(ApiError::from(ErrorCode::EnrolmentPending).retry_after_ms(ASK_AGAIN_MS)),
        Exchange::Reused(device) => {
            // The database has it already; whoever remembers the device has to hear of it too.
            app.revoke(device.event, device.id, Actor::Server).await?;
            tracing::warn!(device = %device.id, event = %device.event, "an old refresh token was used: device revoked");
            Err(ErrorCode::RefreshTokenReused.into())
        }
        Exchange::Revoked => Err(ErrorCode::DeviceRevoked.into()),
        Exchange::Replayed => Err(ErrorCode::RefreshReplayed.into()),
        Exchange::Expired => Err(ErrorCode::RefreshTokenExpired.into()),
        Exchange::Unknown => Err(ErrorCode::RefreshTokenUnknown.into()),
    }
}
