//! Accounts of an event, and the invitations that make them.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use muster_model::access::{Role, RoleKind};
use muster_model::id::EventId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::enrol::CallerAddress;
use super::input::{Body, Path};
use super::login::{Claim, authenticate};
use crate::accounts::{self, AccountError, AccountName, Member, NewInvitation};
use crate::app::{App, AppState};
use crate::audit::Actor;
use crate::auth::code::EnrolmentCode;
use crate::auth::extract::Caller;
use crate::auth::password;
use crate::auth::permission::Action;
use crate::clock;
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// For how long an invitation is good, in minutes: a week.
const INVITATION_MIN: i64 = 7 * 24 * 60;

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// Its name, such as an e-mail address: without spaces, at most 100 characters.
    #[schema(example = "anna@example.org")]
    name: String,
    /// Its password, of 10 to 200 characters.
    password: String,
    /// `coordinator` or `finance`.
    #[schema(example = "coordinator")]
    role: String,
}

/// An invitation to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationRequest {
    /// What the account will be: `coordinator` or `finance`.
    #[schema(example = "finance")]
    role: String,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationView {
    /// The code. It is shown this once.
    code: String,
    /// A link that carries it in the fragment, which browsers send to nobody.
    #[schema(example = "https://muster.example.org/invite#7ZZZZZZZZZZZZZZZZZZZZZZZZZ")]
    link: String,
    /// What the account will be.
    #[schema(value_type = String)]
    role: Role,
    /// Until when it is good, in milliseconds since 1970.
    expires_at_ms: i64,
}

/// An invitation to be accepted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptRequest {
    /// The invitation's code.
    code: String,
    /// The account's name: a new one, or that of an account which is to have one more event.
    name: String,
    /// The password: of 10 to 200 characters for a new account, its own for another.
    password: String,
}

/// An account in an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    /// The account's id.
    account_id: String,
    /// Its name.
    name: String,
    /// What it is there.
    #[schema(value_type = String)]
    role: Role,
    /// When it was created, in milliseconds since 1970.
    created_at_ms: i64,
}

/// The accounts of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountsView {
    /// The accounts, by name.
    accounts: Vec<AccountView>,
}

/// What an accepted invitation gave.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptedView {
    /// The event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// What the account is there.
    #[schema(value_type = String)]
    role: Role,
}

impl From<Member> for AccountView {
    fn from(member: Member) -> Self {
        let Member { id, name, role, created_at } = member;
        Self { account_id: id, name, role, created_at_ms: created_at.ms() }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Taken => ErrorCode::AccountTaken.into(),
            AccountError::InvitationUnknown => ErrorCode::InvitationUnknown.into(),
            AccountError::InvitationExpired => ErrorCode::InvitationExpired.into(),
            AccountError::Storage(error) => error.into(),
        }
    }
}

/// Crews and presenters enrol with codes: accounts are for those who sit at a desk.
fn role(text: &str) -> Result<Role, ApiError> {
    match text.parse::<RoleKind>() {
        Ok(RoleKind::Coordinator) => Ok(Role::Coordinator),
        Ok(RoleKind::Finance) => Ok(Role::Finance),
        _ => Err(ApiError::new(ErrorCode::BadField, "role must be coordinator or finance")),
    }
}

fn new_name(text: &str) -> Result<AccountName, ApiError> {
    let detail = "name must have 1 to 100 characters and no spaces";
    AccountName::parse(text).ok_or_else(|| ApiError::new(ErrorCode::BadField, detail))
}

async fn hashed(app: &App, password: String) -> Result<String, ApiError> {
    if !password::LENGTH.contains(&password.chars().count()) {
        return Err(ApiError::new(ErrorCode::BadField, "password must have 10 to 200 characters"));
    }
    app.passwords.hash(password).await.map_err(|error| ApiError::logged(ErrorCode::Internal, &error))
}

/// Make an account: for the first coordinator. Only for the local administrator; others are invited.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/accounts", tag = "accounts", operation_id = "create_account",
    params(("event_id" = String, Path, description = "The event")),
    request_body = AccountRequest,
    responses((status = 201, body = AccountsView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Body(request): Body<AccountRequest>,
) -> Result<(StatusCode, Json<AccountsView>), ApiError> {
    caller.require_operator()?;
    app.event(&caller, Action::ManageAccounts, event).await?;
    let (name, role) = (new_name(&request.name)?, role(&request.role)?);
    let password = hashed(&app, request.password).await?;
    let by = (Actor::from(&caller), clock::now());
    let id = accounts::create(&app.storage, (name, password), (event, role), by).await?;
    tracing::info!(account = id, %event, role = %role.kind(), "an account was made");
    Ok((StatusCode::CREATED, accounts_view(&app, event).await?))
}

async fn accounts_view(app: &App, event: EventId) -> Result<Json<AccountsView>, ApiError> {
    let members = accounts::members(&app.storage, event).await?;
    Ok(Json(AccountsView { accounts: members.into_iter().map(AccountView::from).collect() }))
}

/// List the accounts of an event.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/accounts", tag = "accounts", operation_id = "list_accounts",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = AccountsView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
) -> Result<Json<AccountsView>, ApiError> {
    app.event(&caller, Action::ManageAccounts, event).await?;
    accounts_view(&app, event).await
}

/// Take an account out of an event. The devices with which it signed in there are revoked.
#[utoipa::path(
    delete, path = "/api/v1/events/{event_id}/accounts/{account_id}", tag = "accounts", operation_id = "remove_account",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("account_id" = String, Path, description = "The account")
    ),
    responses((status = 204, description = "It is out."), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn remove(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, account)): Path<(EventId, String)>,
) -> Result<StatusCode, ApiError> {
    app.event(&caller, Action::ManageAccounts, event).await?;
    let by = (Actor::from(&caller), clock::now());
    let devices = accounts::remove(&app.storage, event, account, by).await?.ok_or(ErrorCode::AccountNotFound)?;
    for device in devices {
        app.revoke(event, device, Actor::from(&caller)).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Invite somebody: whoever has the link makes an account of their own. Good once, for a week.
#[utoipa::path(
    post, path = "/api/v1/events/{event_id}/invitations", tag = "accounts", operation_id = "invite",
    params(("event_id" = String, Path, description = "The event")),
    request_body = InvitationRequest,
    responses((status = 201, body = InvitationView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn invite(
    State(app): State<AppState>,
    caller: Caller,
    Path(event): Path<EventId>,
    Body(request): Body<InvitationRequest>,
) -> Result<(StatusCode, Json<InvitationView>), ApiError> {
    app.event(&caller, Action::ManageAccounts, event).await?;
    let role = role(&request.role)?;
    let (code, now) = (EnrolmentCode::random(), clock::now());
    let expires_at = now.plus_minutes(INVITATION_MIN);
    let new = NewInvitation { hash: code.hash(), event, role, expires_at };
    accounts::invite(&app.storage, new, Actor::from(&caller), now).await?;
    let link = format!("{}/invite#{}", app.public_url, code.reveal());
    let view = InvitationView { code: code.reveal(), link, role, expires_at_ms: expires_at.ms() };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Accept an invitation: make an account, or give one that is there one more event. Then sign in.
#[utoipa::path(
    post, path = "/api/v1/invitations/accept", tag = "accounts", operation_id = "accept_invitation",
    request_body = AcceptRequest,
    responses((status = 201, body = AcceptedView), (status = "default", body = ErrorBody))
)]
pub(crate) async fn accept(
    State(app): State<AppState>,
    CallerAddress(address): CallerAddress,
    Body(request): Body<AcceptRequest>,
) -> Result<(StatusCode, Json<AcceptedView>), ApiError> {
    let name = new_name(&request.name)?;
    let now = clock::now();
    let hash = {
        let _turn = app.enrolments.turn().await;
        if let Some(address) = address {
            app.enrolments.check(address, Instant::now()).map_err(super::login::too_many)?;
        }
        let wrong = |error: AccountError| {
            if let (Some(address), AccountError::InvitationUnknown | AccountError::InvitationExpired) =
                (address, &error)
            {
                app.enrolments.was_wrong(address, Instant::now());
            }
            ApiError::from(error)
        };
        let code = EnrolmentCode::parse(&request.code).ok_or_else(|| wrong(AccountError::InvitationUnknown))?;
        // Before anything that costs, or that tells whether there is an account of this name.
        accounts::invitation(&app.storage, code.hash(), now).await.map_err(wrong)?;
        code.hash()
    };
    let (known, password) = match accounts::find(&app.storage, name.clone()).await? {
        Some(_) => {
            let claim = Claim { name: request.name, password: request.password };
            (Some(authenticate(&app, address, claim).await?.1), String::new())
        }
        None => (None, hashed(&app, request.password).await?),
    };
    let (event_id, role) = accounts::accept(&app.storage, hash, (name, password), known, now).await?;
    tracing::info!(event = %event_id, role = %role.kind(), "an invitation was accepted");
    Ok((StatusCode::CREATED, Json(AcceptedView { event_id, role })))
}
