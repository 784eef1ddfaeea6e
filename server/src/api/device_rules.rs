//! What holds for an event's devices: how long they work without contact, and what somebody should look at.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use muster_model::access::RoleKind;
use muster_model::id::{DeviceId, EventId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Body, Path};
use crate::app::AppState;
use crate::audit::Actor;
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::clock;
use crate::devices::{alerts, leases};
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// Something that an honest device does not do.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertView {
    /// The device.
    #[schema(value_type = String, example = "0123456789abcdef")]
    device_id: DeviceId,
    /// What it is called.
    name: String,
    /// What happened: `refresh_token_reused` if there are two of the device, which was revoked then.
    #[schema(example = "refresh_token_reused")]
    code: String,
    /// When, in milliseconds since 1970.
    raised_at_ms: i64,
}

/// The alerts of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertsView {
    /// The alerts, the latest first.
    alerts: Vec<AlertView>,
}

/// For how long devices work without contact, in milliseconds, by role; 0 for no end.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeasesView {
    /// By `coordinator`, `finance`, `staff`, `presenter`.
    lease_ms: BTreeMap<&'static str, i64>,
}

/// Leases to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeasesRequest {
    /// By `coordinator`, `finance`, `staff`, `presenter`: an hour to 366 days in milliseconds, or 0 for no end. Roles that
    /// are not named stay as they are.
    lease_ms: BTreeMap<String, i64>,
}

/// List what somebody should look at: devices of which there are two.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/device-alerts", tag = "devices", operation_id = "list_device_alerts",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = AlertsView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn alerts(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
) -> Result<Json<AlertsView>, ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    let alerts = alerts::list(&app.storage, event).await?.into_iter().map(|alert| AlertView {
        device_id: alert.device,
        name: alert.name,
        code: alert.code,
        raised_at_ms: alert.raised_at.ms(),
    });
    Ok(Json(AlertsView { alerts: alerts.collect() }))
}

async fn leases_view(app: &AppState, event: EventId) -> Result<Json<LeasesView>, ApiError> {
    let all = leases::all(&app.storage, event).await?;
    Ok(Json(LeasesView { lease_ms: all.into_iter().map(|(kind, ms)| (kind.as_str(), ms)).collect() }))
}

/// For how long devices of each role work without contact.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/leases", tag = "devices", operation_id = "get_leases",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = LeasesView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn leases(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
) -> Result<Json<LeasesView>, ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    leases_view(&app, event).await
}

/// Set for how long devices work without contact. A device hears of it when it next refreshes.
#[utoipa::path(
    put, path = "/api/v1/events/{event_id}/leases", tag = "devices", operation_id = "set_leases",
    params(("event_id" = String, Path, description = "The event")),
    request_body = LeasesRequest,
    responses((status = 200, body = LeasesView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn set_leases(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Body(request): Body<LeasesRequest>,
) -> Result<Json<LeasesView>, ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    let mut wanted = Vec::new();
    for (role, ms) in request.lease_ms {
        let kind: Result<RoleKind, _> = role.parse();
        let fits = ms == 0 || (leases::MIN_LEASE_MS..=leases::MAX_LEASE_MS).contains(&ms);
        match kind {
            Ok(kind) if fits => wanted.push((kind, ms)),
            Ok(_) => return Err(ApiError::new(ErrorCode::BadField, "a lease is 0, or from an hour to 366 days")),
            Err(error) => return Err(ApiError::new(ErrorCode::BadField, error.to_string())),
        }
    }
    let now = clock::now();
    for (kind, ms) in wanted {
        leases::set(&app.storage, event, kind, ms, (Actor::from(&caller), now)).await?;
    }
    leases_view(&app, event).await
}
