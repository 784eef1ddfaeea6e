//! Files in.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use muster_model::id::EventId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Path, Query, too_large};
use crate::app::AppState;
use crate::audit::Actor;
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::imports::{ImportJob, Imported};
use crate::interchange::plan::Tally;
use crate::interchange::{Format, ImportNote};

/// How to take a file in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// `schedule-xml`, `schedule-json`, `attendees-csv`, `pretix`, or `auto`, which looks at the content.
    #[serde(default)]
    format: Option<String>,
    /// Which of the event's sources the file is from: what this source said last time is what an updated file is compared
    /// with. The format's name, if it is not said.
    #[serde(default)]
    source: Option<String>,
}

/// What became of the records of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub struct TallyView {
    /// New records.
    created: u64,
    /// Records with fields that changed.
    changed: u64,
    /// Records in which nothing changed.
    unchanged: u64,
    /// Sessions that the source no longer names and that were cancelled.
    cancelled: u64,
    /// Fields in which an edit was kept though the source says something else.
    kept_edits: u64,
}

/// Something that was skipped, kept or assumed.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoteView {
    /// The note's stable code.
    code: String,
    /// Where in the file.
    place: String,
    /// What happened and why.
    detail: String,
}

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportView {
    /// The format it was read as.
    format: &'static str,
    /// The source it was taken for.
    source: String,
    /// Whether anything is different from before.
    changed: bool,
    /// What became of the records, by collection.
    collections: BTreeMap<String, TallyView>,
    /// Rows or elements that were skipped.
    skipped: u64,
    /// Check-ins in the file, which are not imported.
    check_ins: u64,
    /// What was skipped, kept or assumed: the first thousand.
    notes: Vec<NoteView>,
    /// How many more notes there were.
    notes_omitted: u64,
}

impl From<Tally> for TallyView {
    fn from(tally: Tally) -> Self {
        let Tally { created, changed, unchanged, cancelled, kept_edits } = tally;
        Self { created, changed, unchanged, cancelled, kept_edits }
    }
}

impl From<ImportNote> for NoteView {
    fn from(note: ImportNote) -> Self {
        Self { code: note.code, place: note.place, detail: note.detail }
    }
}

impl From<Imported> for ImportView {
    fn from(imported: Imported) -> Self {
        let report = imported.report;
        Self {
            format: format_name(imported.format),
            source: imported.source,
            changed: report.collections.values().any(|tally| tally.created + tally.changed + tally.cancelled > 0),
            collections: report.collections.into_iter().map(|(name, tally)| (name, tally.into())).collect(),
            skipped: report.skipped,
            check_ins: report.check_ins,
            notes: report.notes.notes.into_iter().map(NoteView::from).collect(),
            notes_omitted: report.notes.omitted,
        }
    }
}

/// The name of a format in the API and on the command line.
pub(crate) const fn format_name(format: Format) -> &'static str {
    match format {
        Format::ScheduleXml => "schedule-xml",
        Format::ScheduleJson => "schedule-json",
        Format::AttendeesCsv => "attendees-csv",
        Format::PretixOrders => "pretix",
        Format::RoomsCsv => "rooms-csv",
        Format::PresentersCsv => "presenters-csv",
    }
}

fn format(name: Option<&str>) -> Result<Option<Format>, ApiError> {
    let Some(name) = name.filter(|name| *name != "auto") else { return Ok(None) };
    let found = Format::ALL.into_iter().find(|format| format_name(*format) == name);
    let names = Format::ALL.map(format_name).join(", ");
    let unknown = || ApiError::new(ErrorCode::FormatUnknown, format!("there is no such format: use auto, {names}"));
    found.map(Some).ok_or_else(unknown)
}

fn source(name: Option<String>) -> Result<Option<String>, ApiError> {
    let plain = |name: &String| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=64).contains(&name.len()) && name.bytes().all(known)
    };
    match name {
        Some(name) if !plain(&name) => {
            Err(ApiError::new(ErrorCode::BadParameter, "source must have 1 to 64 letters, digits, -, _ or ."))
        }
        name => Ok(name),
    }
}

/// Import a file: a schedule, a list of attendees, orders. The same file again changes nothing; an updated one changes
/// only what its source changed, and never what was edited here.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/imports", tag = "events", operation_id = "import",
    params(("event_id" = String, Path, description = "The event"), ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file"),
    responses((status = 200, body = ImportView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn import(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Query(query): Query<ImportQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ImportView>, ApiError> {
    app.event(&caller, Action::Import, event).await?;
    let (format, source) = (format(query.format.as_deref())?, source(query.source)?);
    let bytes = file(&headers, body, app.config.import.limit_bytes).await?;
    let imported =
        app.imports.run(&app, ImportJob { event, format, source, bytes, actor: Actor::from(&caller) }).await?;
    tracing::info!(%event, format = format_name(imported.format), "a file was imported");
    Ok(Json(imported.into()))
}

/// The body, if it is not too large: refused by its announced length, or as soon as it is exceeded.
async fn file(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut chunks = body.into_data_stream();
    let mut file = Vec::with_capacity(announced.unwrap_or_default().min(1 << 20));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ErrorCode::BodyBroken)?;
        if file.len().saturating_add(chunk.len()) > limit {
            return Err(too_large(limit));
        }
        file.extend_from_slice(&chunk);
    }
    Ok(file.into())
}
