//! Tickets and their keys.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use muster_model::attendee::Attendee;
use muster_model::document::{DocKind, DocRef};
use muster_model::id::{AttendeeId, EventId};
use muster_model::ticket::key::KeyId;
use muster_model::ticket::withdrawn::Withdrawal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Body, Path};
use crate::app::AppState;
use crate::audit::{self, Actor, Entry, Subject};
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::tickets::issue::{self, IssueJob, Issued, Recipients};
use crate::tickets::{self, KeyStatus};
use crate::{clock, records};

/// A key of the event's tickets.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketKeyView {
    /// Its id.
    key_id: String,
    /// What kind of tickets it signs: `muster` or `pretix_sig1`.
    scheme: &'static str,
    /// The Ed25519 public key, in base64.
    public_key: String,
    /// Since when it signs, in milliseconds since 1970.
    valid_from_ms: i64,
    /// Since when its tickets are worth nothing; null while they are good.
    retired_at_ms: Option<i64>,
    /// Whether new tickets are signed with it.
    signs: bool,
}

/// The keys of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketKeysView {
    /// The latest first.
    keys: Vec<TicketKeyView>,
}

impl From<KeyStatus> for TicketKeyView {
    fn from(status: KeyStatus) -> Self {
        Self {
            key_id: status.id.to_string(),
            scheme: status.key.scheme.as_str(),
            public_key: status.key.public_key,
            valid_from_ms: status.key.valid_from.ms(),
            retired_at_ms: tickets::ms(status.key.retired_at),
            signs: status.signs,
        }
    }
}

/// Who gets tickets.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// Everybody whose registration stands and whose source gave them no ticket.
    #[serde(default)]
    all: bool,
    /// These attendees.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    attendees: BTreeSet<AttendeeId>,
    /// Whether a ticket that another system gave is replaced; it lets nobody in then.
    #[serde(default)]
    replace: bool,
}

/// A ticket. Whoever has the code can come in.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketView {
    /// Whose it is.
    attendee_id: String,
    /// The name on the badge.
    name: String,
    /// The organisation on the badge.
    organisation: String,
    /// What kind of attendee they are.
    category: String,
    /// From when it is good, in milliseconds since 1970.
    valid_from_ms: Option<i64>,
    /// Until when it is good.
    valid_until_ms: Option<i64>,
    /// The text for the QR code: 147 digits and capital letters.
    code: String,
}

/// What was issued.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketsView {
    /// The tickets.
    tickets: Vec<TicketView>,
    /// How many attendees keep the ticket that another system gave them.
    kept: u64,
    /// How many got none because their registration does not stand.
    not_standing: u64,
}

impl From<Issued> for TicketView {
    fn from(Issued { id, attendee, code }: Issued) -> Self {
        Self {
            attendee_id: id.to_string(),
            name: attendee.name,
            organisation: attendee.organisation,
            category: attendee.category,
            valid_from_ms: tickets::ms(attendee.valid_from),
            valid_until_ms: tickets::ms(attendee.valid_until),
            code,
        }
    }
}

/// What becomes of an attendee's ticket.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// It lets nobody in any more.
    Revoked,
    /// It lets nobody in for the time being.
    Blocked,
    /// It lets its bearer in again.
    Good,
}

/// A ticket to withdraw or to give back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawRequest {
    /// Whose ticket.
    #[schema(value_type = String)]
    attendee: AttendeeId,
    /// What becomes of it.
    state: TicketState,
}

/// List the keys of an event's tickets.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/ticket-keys", tag = "tickets", operation_id = "list_ticket_keys",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = TicketKeysView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn list_keys(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
) -> Result<Json<TicketKeysView>, ApiError> {
    app.event(&caller, Action::ManageTickets, event).await?;
    let keys = tickets::list(&app, event).await?;
    Ok(Json(TicketKeysView { keys: keys.into_iter().map(TicketKeyView::from).collect() }))
}

/// Make a new key, which signs from now on. Tickets that are out stay good.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/ticket-keys", tag = "tickets", operation_id = "rotate_ticket_key",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 201, body = TicketKeyView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn rotate_key(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
) -> Result<(StatusCode, Json<TicketKeyView>), ApiError> {
    app.event(&caller, Action::ManageTickets, event).await?;
    let key = tickets::rotate(&app, event, Actor::from(&caller)).await?;
    Ok((StatusCode::CREATED, Json(key.into())))
}

/// Retire a key: all tickets that it signed are refused as soon as the phones hear of it. Issue them anew afterwards.
#[utoipa::path(
    delete, path = "/api/v1/events/{event_id}/ticket-keys/{key_id}", tag = "tickets",
    operation_id = "retire_ticket_key",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("key_id" = String, Path, description = "The key")
    ),
    responses((status = 204, description = "It is retired."), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn retire_key(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, key)): Path<(EventId, KeyId)>,
) -> Result<StatusCode, ApiError> {
    app.event(&caller, Action::ManageTickets, event).await?;
    tickets::retire(&app, event, key, Actor::from(&caller)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Issue tickets: the codes for attendees. Asked again, it answers the same codes; they are kept nowhere else.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/tickets", tag = "tickets", operation_id = "issue_tickets",
    params(("event_id" = String, Path, description = "The event")),
    request_body = IssueRequest,
    responses((status = 200, body = TicketsView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn issue(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Body(request): Body<IssueRequest>,
) -> Result<Json<TicketsView>, ApiError> {
    app.event(&caller, Action::ManageTickets, event).await?;
    let to = match (request.all, request.attendees.is_empty()) {
        (true, true) => Recipients::All,
        (false, false) => Recipients::Some(request.attendees),
        _ => return Err(ApiError::new(ErrorCode::BadField, "name attendees, or say all: one of the two")),
    };
    let job = IssueJob { event, to, replace: request.replace, actor: Actor::from(&caller) };
    let report = issue::issue(&app, job).await?;
    Ok(Json(TicketsView {
        tickets: report.tickets.into_iter().map(TicketView::from).collect(),
        kept: report.kept,
        not_standing: report.not_standing,
    }))
}

/// Withdraw an attendee's ticket, or give it back, at every door: also at those that know no attendee.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/withdrawn-tickets", tag = "tickets", operation_id = "withdraw_ticket",
    params(("event_id" = String, Path, description = "The event")),
    request_body = WithdrawRequest,
    responses((status = 204, description = "It is as was asked."), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn withdraw(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Body(request): Body<WithdrawRequest>,
) -> Result<StatusCode, ApiError> {
    app.event(&caller, Action::ManageTickets, event).await?;
    let _order = app.imports.order(event).await;
    let shards = records::event_data(&app.documents, event).await?.event.shard_range();
    let mut found = None;
    for number in shards {
        let document = DocRef::shard(DocKind::Roster, number);
        let (mut attendees, _) = records::shard::<Attendee>(&app.documents, event, document).await?;
        found = found.or(attendees.remove(&request.attendee));
    }
    let attendee = found.ok_or(ErrorCode::AttendeeNotFound)?;
    let ticket = attendee.ticket.ok_or(ErrorCode::TicketNotIssued)?;
    let (withdrawal, state) = match request.state {
        TicketState::Revoked => (Some(Withdrawal::Revoked), "revoked"),
        TicketState::Blocked => (Some(Withdrawal::Blocked), "blocked"),
        TicketState::Good => (None, "good"),
    };
    let entry = Entry::new(clock::now(), Actor::from(&caller), audit::Action::TicketWithdrawn).event(event);
    audit::record(&app.storage, entry.subject(Subject::Attendee(request.attendee)).detail("state", state)).await?;
    tickets::withdraw(&app, event, vec![(ticket, withdrawal)]).await?;
    Ok(StatusCode::NO_CONTENT)
}
