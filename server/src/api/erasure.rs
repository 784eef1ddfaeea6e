//! Erasing people, and for how long they are kept.

use axum::Json;
use axum::extract::State;
use muster_model::document::DocRef;
use muster_model::id::{AttendeeId, EventId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::backups::CopyView;
use super::events::record_of;
use super::input::{Body, Path};
use crate::app::{App, AppState};
use crate::audit::Actor;
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::erasure::{self, Erased, retention};
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// The longest retention: what is to be kept for longer is kept until somebody erases it.
const MAX_DAYS: u32 = 36_500;

/// What erasing an attendee did.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasedView {
    /// The attendee.
    #[schema(value_type = String, example = "0123456789abcdef")]
    attendee_id: AttendeeId,
    /// The documents that were begun anew, without them and without their past. Phones move to the new ones by themselves.
    documents: Vec<String>,
    /// Refused changes that named them, or that nobody can read, and that were discarded.
    discarded: u64,
    /// Documents in which their name still stands in records of others, such as a programme: for a person to look at.
    named_in: Vec<String>,
    /// Whether the database's files hold nothing of them any more. If not, erase again when less is going on.
    files_clean: bool,
    /// Copies of the database that were made before and are still where they were put: they hold what was erased here.
    backups: Vec<CopyView>,
}

impl ErasedView {
    fn of(attendee_id: AttendeeId, erased: Erased) -> Self {
        let Erased { documents, discarded, named_in, backups, files_clean } = erased;
        let names = |documents: Vec<DocRef>| documents.iter().map(ToString::to_string).collect();
        Self {
            attendee_id,
            documents: names(documents),
            discarded,
            named_in: names(named_in),
            files_clean,
            backups: backups.into_iter().map(CopyView::from).collect(),
        }
    }
}

/// Erase an attendee: their record, their contact and what was written about them. That they were checked in stays, without
/// a name. It cannot be undone; lists that name them again are imported without them.
#[utoipa::path(
    delete, path = "/api/v1/events/{event_id}/attendees/{attendee_id}", tag = "events", operation_id = "erase_attendee",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("attendee_id" = String, Path, description = "The attendee")
    ),
    responses((status = 200, body = ErasedView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn erase(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, attendee)): Path<(EventId, AttendeeId)>,
) -> Result<Json<ErasedView>, ApiError> {
    app.event(&caller, Action::Erase, event).await?;
    let erased = erasure::attendee(&app, Actor::from(&caller), event, attendee).await?;
    Ok(Json(ErasedView::of(attendee, erased)))
}

/// For how long an event's personal data is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionView {
    /// Days after the event's end; nothing, if it is kept until somebody erases it.
    days: Option<u32>,
    /// When it is erased, in milliseconds since 1970; nothing, if never, or if the event has no end yet.
    due_at_ms: Option<i64>,
    /// When it was erased, in milliseconds since 1970.
    erased_at_ms: Option<i64>,
}

/// For how long an event's personal data is to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionRequest {
    /// Days after the event's end, at most a hundred years; `null`: until somebody erases it.
    #[schema(example = 90)]
    days: Option<u32>,
}

async fn view(app: &App, event: EventId) -> Result<RetentionView, ApiError> {
    let retention = retention::of(&app.storage, event).await?;
    let due_at = retention.due_at(record_of(app, event).await?.ends_at);
    Ok(RetentionView {
        days: retention.days,
        due_at_ms: due_at.map(|at| at.ms()),
        erased_at_ms: retention.erased_at.map(|at| at.ms()),
    })
}

/// For how long the event's personal data is kept.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/retention", tag = "events", operation_id = "get_retention",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = RetentionView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn get_retention(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
) -> Result<Json<RetentionView>, ApiError> {
    app.event(&caller, Action::Erase, event).await?;
    Ok(Json(view(&app, event).await?))
}

/// Say for how long the event's personal data is kept: so many days after its end it is erased, whatever it was. Whether
/// that is so is looked at when the server starts and once a day.
#[utoipa::path(
    put, path = "/api/v1/events/{event_id}/retention", tag = "events", operation_id = "set_retention",
    params(("event_id" = String, Path, description = "The event")),
    request_body = RetentionRequest,
    responses((status = 200, body = RetentionView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn set_retention(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Body(request): Body<RetentionRequest>,
) -> Result<Json<RetentionView>, ApiError> {
    app.event(&caller, Action::Erase, event).await?;
    if request.days.is_some_and(|days| days > MAX_DAYS) {
        return Err(ApiError::new(ErrorCode::BadField, format!("days must be at most {MAX_DAYS}, or null")));
    }
    retention::set(&app.storage, Actor::from(&caller), event, request.days).await?;
    Ok(Json(view(&app, event).await?))
}
