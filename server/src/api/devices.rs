//! Devices of an event, and the codes with which they enrol.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use muster_model::access::{Role, RoleError, RoleKind};
use muster_model::checkpoint::Checkpoint;
use muster_model::document::{DocKind, DocRef};
use muster_model::id::{CheckpointId, DeviceId, EventId, PresenterId};
use muster_model::program::PresenterProfile;
use muster_model::record;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Body, Path, short_text};
use crate::app::{App, AppState};
use crate::audit::Actor;
use crate::auth::code::EnrolmentCode;
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::clock;
use crate::devices::{self, Device, NewCode};
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// How long a code may be good, in minutes: a week.
const MAX_EXPIRES_MIN: u32 = 7 * 24 * 60;

/// How many devices one code may enrol.
const MAX_DEVICES: u32 = 1_000;

/// How many checkpoints can be named for a device.
const MAX_CHECKPOINTS: usize = 64;

/// A device to be enrolled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    /// `coordinator`, `finance`, `staff` or `presenter`.
    #[schema(example = "staff")]
    role: String,
    /// What to call the device; what it calls itself, if empty.
    #[serde(default)]
    #[schema(example = "Gate A, phone 2")]
    name: String,
    /// Whose device it is, for the role `presenter`: an id of the programme.
    #[serde(default)]
    presenter: Option<String>,
    /// The checkpoints that the device may serve, by their ids in the event; all, if none is named.
    #[serde(default)]
    checkpoints: Vec<String>,
    /// How many devices the code enrols: 1, if not said; 1,000 at most.
    #[serde(default)]
    devices: Option<u32>,
    /// Whether each device waits until somebody lets it in.
    #[serde(default)]
    approve: bool,
    /// For how many minutes the code is good: 15, if neither this nor the configuration says else; a week at most.
    #[serde(default)]
    expires_min: Option<u32>,
}

/// A code to enrol with.
#[derive(Debug, Serialize, ToSchema)]
pub struct CodeView {
    /// The code. It is shown this once.
    #[schema(example = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")]
    code: String,
    /// A link that carries it, for a QR code. The code is in the fragment, which browsers send to nobody.
    #[schema(example = "https://muster.example.org/enrol#7ZZZZZZZZZZZZZZZZZZZZZZZZZ")]
    link: String,
    /// The role it gives.
    #[schema(value_type = String)]
    role: Role,
    /// What the device will be called.
    name: String,
    /// The checkpoints that the device may serve; none named means all.
    #[schema(value_type = Vec<String>)]
    checkpoints: Vec<CheckpointId>,
    /// How many devices it enrols.
    devices: u32,
    /// Whether each waits until somebody lets it in.
    approve: bool,
    /// Until when it is good, in milliseconds since 1970.
    expires_at_ms: i64,
}

/// An enrolled device.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceView {
    /// Its id.
    #[schema(value_type = String, example = "0123456789abcdef")]
    device_id: DeviceId,
    /// What it is called.
    name: String,
    /// Its role: `coordinator`, `finance`, `staff` or `presenter:<id>`.
    #[schema(value_type = String)]
    role: Role,
    /// The checkpoints that it may serve; none named means all.
    #[schema(value_type = Vec<String>)]
    checkpoints: Vec<CheckpointId>,
    /// Whether it waits until somebody lets it in.
    pending: bool,
    /// When it enrolled, in milliseconds since 1970.
    enrolled_at_ms: i64,
    /// Whether it is connected now.
    connected: bool,
    /// When it was last heard of, to within five minutes and if it is not connected, in milliseconds since 1970.
    last_seen_at_ms: Option<i64>,
    /// When it was revoked, in milliseconds since 1970.
    revoked_at_ms: Option<i64>,
}

/// The devices of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct DevicesView {
    /// The devices, revoked ones too, the oldest first.
    devices: Vec<DeviceView>,
}

impl DeviceView {
    fn new(device: Device, connected: &HashSet<DeviceId>) -> Self {
        Self {
            connected: connected.contains(&device.id),
            device_id: device.id,
            name: device.name,
            role: device.role,
            checkpoints: device.checkpoints,
            pending: device.approved_at.is_none(),
            enrolled_at_ms: device.enrolled_at.ms(),
            last_seen_at_ms: device.last_seen_at.map(|at| at.ms()),
            revoked_at_ms: device.revoked_at.map(|at| at.ms()),
        }
    }
}

/// A role to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleRequest {
    /// `coordinator`, `finance`, `staff` or `presenter`.
    #[schema(example = "staff")]
    role: String,
    /// Whose device it is, for the role `presenter`: an id of the programme.
    #[serde(default)]
    presenter: Option<String>,
}

/// A name to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NameRequest {
    /// What to call the device: 1 to 100 characters.
    #[schema(example = "Gate A, phone 2")]
    name: String,
}

/// Make a code with which a device enrols, or a whole crew.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/devices", tag = "devices", operation_id = "add_device",
    params(("event_id" = String, Path, description = "The event")),
    request_body = CodeRequest,
    responses((status = 201, body = CodeView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn add(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Body(request): Body<CodeRequest>,
) -> Result<(StatusCode, Json<CodeView>), ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    let name = short_text("name", &request.name, 100)?;
    let role = role(&app, event, (&request.role, request.presenter.as_deref())).await?;
    let limit = request.devices.unwrap_or(1);
    if !(1..=MAX_DEVICES).contains(&limit) {
        return Err(ApiError::new(ErrorCode::BadField, format!("devices must be from 1 to {MAX_DEVICES}")));
    }
    let checkpoints = checkpoints(&app, event, &request.checkpoints).await?;
    let minutes = request.expires_min.unwrap_or(app.config.auth.enrol_code_min);
    if !(1..=MAX_EXPIRES_MIN).contains(&minutes) {
        let detail = format!("expires_min must be from 1 to {MAX_EXPIRES_MIN}");
        return Err(ApiError::new(ErrorCode::BadField, detail));
    }
    let now = clock::now();
    let expires_at = now.plus_minutes(i64::from(minutes));
    let code = EnrolmentCode::random();
    let (hash, approve) = (code.hash(), request.approve);
    let kept =
        NewCode { hash, event, role, name: name.clone(), checkpoints: checkpoints.clone(), limit, approve, expires_at };
    devices::insert_code(&app.storage, kept, Actor::from(&caller), now).await?;
    let view = CodeView {
        link: format!("{}/enrol#{}", app.public_url, code.reveal()),
        code: code.reveal(),
        role,
        name,
        checkpoints,
        devices: limit,
        approve,
        expires_at_ms: expires_at.ms(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Checkpoints that the event has.
async fn checkpoints(app: &App, event: EventId, wanted: &[String]) -> Result<Vec<CheckpointId>, ApiError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let bad = |detail: String| ApiError::new(ErrorCode::BadField, detail);
    if wanted.len() > MAX_CHECKPOINTS {
        return Err(bad(format!("checkpoints: at most {MAX_CHECKPOINTS} can be named")));
    }
    let read = |doc: &_| record::read_all::<Checkpoint>(doc);
    let known = app.documents.read(event, DocRef::whole(DocKind::Event), read).await?.records;
    let mut found = Vec::new();
    for text in wanted {
        let id: CheckpointId = text.parse().map_err(|error| bad(format!("checkpoints: {error}")))?;
        if !known.contains_key(&id) {
            return Err(bad(format!("checkpoints: the event has no checkpoint {id}")));
        }
        if !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}

/// The role that is meant; a presenter has to be of the programme.
pub(super) async fn role(app: &App, event: EventId, (role, presenter): (&str, Option<&str>)) -> Result<Role, ApiError> {
    let role = parse_role(role, presenter)?;
    if let Role::Presenter(presenter) = role {
        require_presenter(app, event, presenter).await?;
    }
    Ok(role)
}

fn parse_role(role: &str, presenter: Option<&str>) -> Result<Role, ApiError> {
    let bad = |detail: String| ApiError::new(ErrorCode::BadField, detail);
    let text = match (role, presenter) {
        (role, Some(presenter)) if role == RoleKind::Presenter.as_str() => format!("{role}:{presenter}"),
        (_, Some(_)) => return Err(bad("presenter is only for the role presenter".to_owned())),
        (role, None) => role.to_owned(),
    };
    text.parse().map_err(|error| match error {
        RoleError::Unknown => bad("role must be coordinator, finance, staff or presenter".to_owned()),
        RoleError::PresenterMissing => {
            bad("the role presenter needs the field presenter: whose device it is".to_owned())
        }
        RoleError::Presenter(error) => bad(format!("presenter: {error}")),
    })
}

async fn require_presenter(app: &App, event: EventId, presenter: PresenterId) -> Result<(), ApiError> {
    let read = move |doc: &_| record::read::<PresenterProfile>(doc, &presenter);
    match app.documents.read(event, DocRef::whole(DocKind::Program), read).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::new(ErrorCode::BadField, "presenter: the programme has no presenter of this id")),
    }
}

/// List the devices of an event.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/devices", tag = "devices", operation_id = "list_devices",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = DevicesView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
) -> Result<Json<DevicesView>, ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    let devices = devices::list(&app.storage, event).await?;
    let connected = app.hub.connected(event);
    Ok(Json(DevicesView { devices: devices.into_iter().map(|device| DeviceView::new(device, &connected)).collect() }))
}

/// Revoke a device: its token is refused from now on, and its connections are closed. What it wrote stays.
#[utoipa::path(
    delete, path = "/api/v1/events/{event_id}/devices/{device_id}", tag = "devices", operation_id = "revoke_device",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("device_id" = String, Path, description = "The device")
    ),
    responses((status = 204, description = "It is revoked."), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn revoke(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, device)): Path<(EventId, DeviceId)>,
) -> Result<StatusCode, ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    if !app.revoke(event, device, Actor::from(&caller)).await? {
        return Err(ErrorCode::DeviceNotFound.into());
    }
    tracing::info!(%device, %event, "a device was revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// Let a device in that waits. It gets its access token when it next asks.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/devices/{device_id}/approve", tag = "devices",
    operation_id = "approve_device",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("device_id" = String, Path, description = "The device")
    ),
    responses((status = 204, description = "It is let in."), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn approve(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, device)): Path<(EventId, DeviceId)>,
) -> Result<StatusCode, ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    if !devices::approve(&app.storage, event, device, Actor::from(&caller), clock::now()).await? {
        return Err(ErrorCode::DeviceNotFound.into());
    }
    tracing::info!(%device, %event, "a device was let in");
    Ok(StatusCode::NO_CONTENT)
}

/// Give a device another role, at once: its connections are closed, and when it comes back it holds what the new role may
/// read.
#[utoipa::path(
    put, path = "/api/v1/events/{event_id}/devices/{device_id}/role", tag = "devices",
    operation_id = "set_device_role",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("device_id" = String, Path, description = "The device")
    ),
    request_body = RoleRequest,
    responses((status = 204, description = "It has the role."), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn set_role(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, device)): Path<(EventId, DeviceId)>,
    Body(request): Body<RoleRequest>,
) -> Result<StatusCode, ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    let role = role(&app, event, (&request.role, request.presenter.as_deref())).await?;
    if !app.identities.set_role(event, device, role, (Actor::from(&caller), clock::now())).await? {
        return Err(ErrorCode::DeviceNotFound.into());
    }
    app.hub.set_role(device, role);
    tracing::info!(%device, %event, role = %role.kind(), "a device has another role");
    Ok(StatusCode::NO_CONTENT)
}

/// Call a device something else. The device itself need not know: names are for those who look after it.
#[utoipa::path(
    put, path = "/api/v1/events/{event_id}/devices/{device_id}/name", tag = "devices",
    operation_id = "rename_device",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("device_id" = String, Path, description = "The device")
    ),
    request_body = NameRequest,
    responses((status = 204, description = "It has the name."), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn rename(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, device)): Path<(EventId, DeviceId)>,
    Body(request): Body<NameRequest>,
) -> Result<StatusCode, ApiError> {
    app.event(&caller, Action::ManageDevices, event).await?;
    let name = short_text("name", &request.name, 100)?;
    if name.is_empty() {
        return Err(ApiError::new(ErrorCode::BadField, "name must not be empty"));
    }
    if !devices::rename(&app.storage, event, device, name, (Actor::from(&caller), clock::now())).await? {
        return Err(ErrorCode::DeviceNotFound.into());
    }
    tracing::info!(%device, %event, "a device was renamed");
    Ok(StatusCode::NO_CONTENT)
}
