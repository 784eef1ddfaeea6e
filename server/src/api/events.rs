//! Events.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use muster_model::document::{DocKind, DocRef};
use muster_model::event::{Event, OnlyKey};
use muster_model::id::EventId;
use muster_model::record;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Body, Path};
use crate::app::{App, AppState};
use crate::audit::Actor;
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::error::{ApiError, ErrorBody};
use crate::events::create::{self, NewEvent};
use crate::events::{self, EventRow};

/// An event to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRequest {
    /// Its name.
    #[schema(example = "Baltic Summit")]
    name: String,
    /// A short name for file names and feeds; none, if empty.
    #[serde(default)]
    #[schema(example = "baltic-2027")]
    acronym: String,
    /// The zone its times are shown in, by its name in the IANA database; UTC, if empty.
    #[serde(default)]
    #[schema(example = "Europe/Riga")]
    time_zone: String,
    /// When it starts: a date (its beginning), a local date and time, or RFC 3339.
    #[serde(default)]
    #[schema(example = "2027-05-20")]
    starts: String,
    /// When it ends: a date (its end), a local date and time, or RFC 3339.
    #[serde(default)]
    #[schema(example = "2027-05-21")]
    ends: String,
}

/// An event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// Its id.
    #[schema(value_type = String, example = "7d444840-9dc0-41d1-b245-5ffdce74fad2")]
    event_id: EventId,
    /// Its name.
    name: String,
    /// Its short name.
    acronym: String,
    /// The zone its times are shown in.
    time_zone: String,
    /// The beginning of its first day, in milliseconds since 1970; 0 if it is not known yet.
    starts_at_ms: i64,
    /// The end of its last day, in milliseconds since 1970; 0 if it is not known yet.
    ends_at_ms: i64,
    /// How many shards its attendees fill.
    shards: u16,
    /// When it was created here, in milliseconds since 1970.
    created_at_ms: i64,
}

/// The events that the token may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventsView {
    /// The events, the oldest first.
    events: Vec<EventView>,
}

/// Reads the event's own record; the default if it has none yet.
pub(crate) async fn record_of(app: &App, id: EventId) -> Result<Event, ApiError> {
    let read = |doc: &_| record::read::<Event>(doc, &OnlyKey);
    Ok(app.documents.read(id, DocRef::whole(DocKind::Event), read).await?.unwrap_or_default())
}

async fn view(app: &App, row: EventRow) -> Result<EventView, ApiError> {
    let event = record_of(app, row.id).await?;
    Ok(EventView {
        event_id: row.id,
        name: if event.name.is_empty() { row.name } else { event.name },
        acronym: event.acronym,
        time_zone: event.time_zone.name().to_owned(),
        starts_at_ms: event.starts_at.ms(),
        ends_at_ms: event.ends_at.ms(),
        shards: event.shards,
        created_at_ms: row.created_at.ms(),
    })
}

/// Create an event, with an entrance and a readiness template. Only for the local administrator.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "events", operation_id = "create_event",
    request_body = EventRequest,
    responses((status = 201, body = EventView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    caller: Caller,
    Body(request): Body<EventRequest>,
) -> Result<(StatusCode, Json<EventView>), ApiError> {
    caller.require_operator()?;
    let EventRequest { name, acronym, time_zone, starts, ends } = &request;
    let event = NewEvent { name, acronym, time_zone, starts, ends }.check()?;
    let row = create::create(&app, Actor::from(&caller), event).await?;
    Ok((StatusCode::CREATED, Json(view(&app, row).await?)))
}

/// List the events: all of them for the local administrator, its own for a device.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "list_events",
    responses((status = 200, body = EventsView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn list(State(app): State<AppState>, caller: Caller) -> Result<Json<EventsView>, ApiError> {
    let rows = match &caller {
        Caller::Operator => events::list(&app.storage).await?,
        Caller::Device(device) => vec![app.event(&caller, Action::SeeEvent, device.event).await?],
    };
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        events.push(view(&app, row).await?);
    }
    Ok(Json(EventsView { events }))
}

/// An event's name and dates.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}", tag = "events", operation_id = "get_event",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = EventView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
) -> Result<Json<EventView>, ApiError> {
    let row = app.event(&caller, Action::SeeEvent, event).await?;
    Ok(Json(view(&app, row).await?))
}
