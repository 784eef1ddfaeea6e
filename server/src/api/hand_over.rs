//! What a device had not sent when it was revoked or got another role: kept aside for a coordinator to look at.
//!
//! The device shows its refresh token, whatever has become of that, since somebody whose phone was copied has nothing
//! better. Nothing of it is applied, and nothing is answered that the device does not know.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_model::document::DocRef;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Body;
use crate::app::AppState;
use crate::auth::refresh::RefreshToken;
use crate::clock;
use crate::devices::tokens::owner;
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::storage::{DocumentStore, NewQuarantined, Quarantined};

/// The largest body.
pub(crate) const LIMIT_BYTES: usize = 1 << 20;

/// How many changes are taken at once.
const MAX_CHANGES: usize = 500;

/// Changes that were not sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOverRequest {
    /// The device's refresh token, whether or not it is still good for anything else.
    refresh_token: String,
    /// The changes, at most 500.
    changes: Vec<UnsentChange>,
}

/// A change that was not sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsentChange {
    /// The document's name.
    #[schema(example = "checkins/00")]
    document: String,
    /// The change as Automerge writes it, in base 64.
    change: String,
}

/// What became of the changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct HandOverView {
    /// How many are kept aside.
    kept: usize,
}

/// Hand over what was not sent when the device was revoked or got another role. It is kept aside for a coordinator; nothing
/// of it is applied. The same again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/devices/hand-over", tag = "devices", operation_id = "hand_over",
    request_body = HandOverRequest,
    responses((status = 200, body = HandOverView), (status = "default", body = ErrorBody))
)]
pub(crate) async fn hand_over(
    State(app): State<AppState>,
    Body(request): Body<HandOverRequest>,
) -> Result<Json<HandOverView>, ApiError> {
    let token = RefreshToken::parse(&request.refresh_token).ok_or(ErrorCode::RefreshTokenUnknown)?;
    let device = owner(&app.storage, token).await?.ok_or(ErrorCode::RefreshTokenUnknown)?;
    let bad = |detail: String| ApiError::new(ErrorCode::BadField, detail);
    if request.changes.len() > MAX_CHANGES {
        return Err(bad(format!("changes: at most {MAX_CHANGES} are taken at once")));
    }
    let kept = request.changes.len();
    let mut by_document: BTreeMap<DocRef, Vec<u8>> = BTreeMap::new();
    for UnsentChange { document, change } in request.changes {
        let document = document.parse().map_err(|_| bad("document: not the name of one".to_owned()))?;
        let change = STANDARD.decode(change).map_err(|_| bad("change: not base 64".to_owned()))?;
        by_document.entry(document).or_default().extend(change);
    }
    let (code, reason) = match device.revoked_at {
        Some(_) => (ErrorCode::DeviceRevoked, "the device was revoked before it had sent this"),
        None => (ErrorCode::RoleChanged, "the device got another role before it had sent this"),
    };
    for (document, bytes) in by_document {
        let entry = NewQuarantined {
            event: device.event,
            document: document.id(device.event),
            device: device.id,
            author: Some(device.id),
            code: code.as_str().to_owned(),
            reason: reason.to_owned(),
            bytes,
            received_at: clock::now(),
        };
        if app.storage.quarantine(entry).await? == Quarantined::Full {
            return Err(ErrorCode::QuarantineFull.into());
        }
    }
    tracing::info!(device = %device.id, event = %device.event, kept, "a device handed over what it had not sent");
    Ok(Json(HandOverView { kept }))
}
