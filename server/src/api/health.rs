//! Whether the server lives, whether it can work, and what it counts. Open to all: nothing personal is in it.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `ok`.
    status: &'static str,
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "health", operation_id = "live",
    responses((status = 200, body = HealthView))
)]
pub(crate) async fn live() -> Json<HealthView> {
    Json(HealthView { status: "ok" })
}

/// Whether the server can read and write its database.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "ready",
    responses((status = 200, body = HealthView), (status = "default", body = ErrorBody))
)]
pub(crate) async fn ready(State(app): State<AppState>) -> Result<Json<HealthView>, ApiError> {
    app.storage.read(|conn| Ok(conn.query_row("SELECT 1", [], |_| Ok(()))?)).await?;
    app.storage.write(|_| Ok(())).await?;
    Ok(Json(HealthView { status: "ok" }))
}

/// What the server counts, in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "health", operation_id = "metrics",
    responses(
        (status = 200, body = String, content_type = "application/openmetrics-text"),
        (status = "default", description = "There is no such thing at the public listener.", body = ErrorBody)
    )
)]
pub(crate) async fn metrics(State(app): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    let text = app.metrics.encode(&app).map_err(|error| ApiError::logged(ErrorCode::Internal, &error))?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
