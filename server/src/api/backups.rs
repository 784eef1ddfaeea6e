//! Backups.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Body;
use crate::app::AppState;
use crate::audit::Actor;
use crate::auth::extract::Caller;
use crate::backup::{self, Copy};
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// Where to copy the server's data to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupRequest {
    /// An absolute path on the server's machine at which nothing is yet.
    #[schema(example = "/var/backups/muster-2027-05-20")]
    target: String,
}

/// A backup.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackupView {
    /// Its folder: a data directory that `muster serve --data` can run on.
    target: String,
    /// How large its database is, in bytes.
    database_bytes: u64,
}

/// A copy of the database.
#[derive(Debug, Serialize, ToSchema)]
pub struct CopyView {
    /// Where it was put, on the server's machine.
    folder: String,
    /// When it was made, in milliseconds since 1970.
    made_at_ms: i64,
    /// Whether it is still there. If not, it was removed, or somebody moved it and has to remember.
    there: bool,
    /// How many erasures were made since: it holds what they erased.
    erased_since: u64,
}

/// The copies that were made of the database.
#[derive(Debug, Serialize, ToSchema)]
pub struct CopiesView {
    /// The copies, the latest first.
    backups: Vec<CopyView>,
}

impl From<Copy> for CopyView {
    fn from(copy: Copy) -> Self {
        let there = copy.is_there();
        Self { folder: copy.folder, made_at_ms: copy.made_at.ms(), there, erased_since: copy.erased_since }
    }
}

/// List the copies that were made, and what each still holds that was erased since. Only for the local administrator.
#[utoipa::path(
    get, path = "/api/v1/backups", tag = "server", operation_id = "list_backups",
    responses((status = 200, body = CopiesView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn list(State(app): State<AppState>, caller: Caller) -> Result<Json<CopiesView>, ApiError> {
    caller.require_operator()?;
    let backups = backup::copies(&app.storage).await?.into_iter().map(CopyView::from).collect();
    Ok(Json(CopiesView { backups }))
}

/// Copy the server's data while it runs. Only for the local administrator.
#[utoipa::path(
    post, path = "/api/v1/backups", tag = "server", operation_id = "back_up",
    request_body = BackupRequest,
    responses((status = 201, body = BackupView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    caller: Caller,
    Body(request): Body<BackupRequest>,
) -> Result<(StatusCode, Json<BackupView>), ApiError> {
    caller.require_operator()?;
    let target = PathBuf::from(&request.target);
    if !target.is_absolute() {
        return Err(ApiError::new(ErrorCode::BadField, "target must be an absolute path"));
    }
    let database_bytes = backup::back_up(&app, Actor::from(&caller), &target).await?;
    Ok((StatusCode::CREATED, Json(BackupView { target: request.target, database_bytes })))
}
