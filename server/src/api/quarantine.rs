//! Refused changes of an event: to look at, to accept, to discard.

use axum::Json;
use axum::extract::State;
use muster_model::id::EventId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Body, Path, Query, short_text};
use crate::app::{App, AppState};
use crate::audit::Actor;
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::clock;
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::quarantine::{self, Accepted, Decision, Quarantined, SettleError};

/// How many entries one answer has at most, and unless fewer are asked for.
const MAX_ENTRIES: u32 = 500;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuarantineQuery {
    /// Those that were decided about, instead of those that wait.
    #[serde(default)]
    decided: bool,
    /// Those after this number: the last one of the answer before.
    #[serde(default)]
    after: i64,
    /// How many: 500 at most.
    #[serde(default)]
    limit: Option<u32>,
}

/// Why somebody decides so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// A note for those who look at it later.
    #[serde(default)]
    #[schema(example = "It was Ada's phone; she was at gate B")]
    note: String,
}

/// Refused changes that came in one message.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantinedView {
    /// The number under which it is accepted or discarded.
    id: i64,
    /// The document that it was meant for: `checkins/00`, or its id if the event has no such document.
    #[schema(example = "checkins/00")]
    document: String,
    /// The device that brought it.
    device_id: String,
    /// The device whose change the first of it is, if that is known.
    author: Option<String>,
    /// The stable code of the reason.
    #[schema(example = "fact_foreign")]
    code: String,
    /// The reason in words.
    reason: String,
    /// When it came, in milliseconds since 1970.
    received_at_ms: i64,
    /// How many bytes it has.
    bytes: usize,
    /// When somebody decided about it, in milliseconds since 1970.
    decided_at_ms: Option<i64>,
    /// `accepted` or `discarded`.
    decision: Option<String>,
    /// The note of whoever decided.
    note: Option<String>,
}

/// Refused changes of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantineView {
    /// The entries, the oldest first.
    entries: Vec<QuarantinedView>,
}

/// A fact that can be accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantinedFactView {
    /// Its id.
    id: String,
    /// What it says.
    #[schema(value_type = Object)]
    fact: serde_json::Value,
}

/// One entry and what is in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantineEntryView {
    /// The entry.
    entry: QuarantinedView,
    /// The facts that accepting it would write.
    facts: Vec<QuarantinedFactView>,
    /// How many operations in it are none.
    others: usize,
}

/// What a decision did.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettledView {
    /// Facts that are in the document now.
    written: usize,
    /// Facts that were there already.
    there: usize,
    /// Operations that cannot be accepted.
    left_out: usize,
}

impl From<Accepted> for SettledView {
    fn from(accepted: Accepted) -> Self {
        Self { written: accepted.written, there: accepted.there, left_out: accepted.left_out }
    }
}

impl From<SettleError> for ApiError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::NotFound => ErrorCode::QuarantineNotFound.into(),
            SettleError::Decided => ErrorCode::QuarantineDecided.into(),
            SettleError::Nothing => ErrorCode::QuarantineNothing.into(),
            SettleError::Hub(error) => error.into(),
            SettleError::Storage(error) => error.into(),
        }
    }
}

async fn view(app: &App, event: EventId, entry: &Quarantined) -> Result<QuarantinedView, ApiError> {
    let document = quarantine::document_of(&app.hub, event, entry).await?;
    let document = document.map_or_else(|| format!("{:?}", entry.document), |document| document.to_string());
    let decided = entry.decided.clone();
    Ok(QuarantinedView {
        id: entry.id,
        document,
        device_id: entry.device.clone(),
        author: entry.author.clone(),
        code: entry.code.clone(),
        reason: entry.reason.clone(),
        received_at_ms: entry.received_at.ms(),
        bytes: entry.bytes.len(),
        decided_at_ms: decided.as_ref().map(|(at, _, _)| at.ms()),
        decision: decided.as_ref().map(|(_, decision, _)| decision.clone()),
        note: decided.map(|(_, _, note)| note),
    })
}

/// List refused changes, those that wait for a decision first.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/quarantine", tag = "quarantine", operation_id = "list_quarantine",
    params(("event_id" = String, Path, description = "The event"), QuarantineQuery),
    responses((status = 200, body = QuarantineView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Query(query): Query<QuarantineQuery>,
) -> Result<Json<QuarantineView>, ApiError> {
    app.event(&caller, Action::SettleQuarantine, event).await?;
    let limit = query.limit.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    let mut entries = Vec::new();
    for entry in quarantine::list(&app.storage, event, (query.decided, query.after, limit)).await? {
        entries.push(view(&app, event, &entry).await?);
    }
    Ok(Json(QuarantineView { entries }))
}

/// Show what is in refused changes.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/quarantine/{entry}", tag = "quarantine", operation_id = "show_quarantined",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("entry" = i64, Path, description = "The entry's number")
    ),
    responses((status = 200, body = QuarantineEntryView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn show(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, id)): Path<(EventId, i64)>,
) -> Result<Json<QuarantineEntryView>, ApiError> {
    app.event(&caller, Action::SettleQuarantine, event).await?;
    let entry = quarantine::find(&app.storage, event, id).await?.ok_or(ErrorCode::QuarantineNotFound)?;
    let contents = quarantine::contents(&app.hub, event, entry.document, &entry.bytes).await?;
    let contents = contents.map(|(_, contents)| contents).unwrap_or_default();
    let facts = contents
        .facts
        .into_iter()
        .map(|(id, text)| QuarantinedFactView { id, fact: serde_json::from_str(&text).unwrap_or_default() });
    let entry = view(&app, event, &entry).await?;
    Ok(Json(QuarantineEntryView { entry, facts: facts.collect(), others: contents.others }))
}

async fn settle(
    app: &App,
    caller: &Caller,
    (event, id): (EventId, i64),
    decision: Decision,
    note: &str,
) -> Result<Json<SettledView>, ApiError> {
    app.event(caller, Action::SettleQuarantine, event).await?;
    let note = short_text("note", note, 500)?;
    let by = (Actor::from(caller), clock::now());
    let settled = quarantine::settle((&app.storage, &app.hub), (event, id), decision, note, by).await?;
    tracing::info!(%event, entry = id, ?decision, "refused changes were settled");
    Ok(Json(settled.into()))
}

/// Accept refused changes: their facts are written by the server, under the ids they have.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/quarantine/{entry}/accept", tag = "quarantine",
    operation_id = "accept_quarantined",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("entry" = i64, Path, description = "The entry's number")
    ),
    request_body = DecisionRequest,
    responses((status = 200, body = SettledView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn accept(
    State(app): State<AppState>,
    caller: Caller,
    Path(entry): Path<(EventId, i64)>,
    Body(request): Body<DecisionRequest>,
) -> Result<Json<SettledView>, ApiError> {
    settle(&app, &caller, entry, Decision::Accept, &request.note).await
}

/// Discard refused changes: they are gone.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/quarantine/{entry}/discard", tag = "quarantine",
    operation_id = "discard_quarantined",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("entry" = i64, Path, description = "The entry's number")
    ),
    request_body = DecisionRequest,
    responses((status = 200, body = SettledView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn discard(
    State(app): State<AppState>,
    caller: Caller,
    Path(entry): Path<(EventId, i64)>,
    Body(request): Body<DecisionRequest>,
) -> Result<Json<SettledView>, ApiError> {
    settle(&app, &caller, entry, Decision::Discard, &request.note).await
}
