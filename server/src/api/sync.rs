//! Where devices sync.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::enrol::CallerAddress;
use crate::app::{App, AppState};
use crate::auth::extract::SyncCaller;
use crate::clock;
use crate::error::{ApiError, ErrorBody, ErrorCode, RETRY_AFTER_MS, jittered};
use crate::hub::Principal;
use crate::serve::Peer;
use crate::sync_socket::{self, NotAWebSocket, Renewal, Upgrade};

/// The path.
pub(crate) const PATH: &str = "/sync";

/// Sync documents over WebSocket, in the protocol of automerge-repo. The token stands in `Authorization`, or in the query
/// for clients that can set no header.
#[utoipa::path(
    get, path = "/sync", tag = "sync", operation_id = "sync",
    params(("access_token" = Option<String>, Query, description = "The token, for clients that can set no header")),
    responses((status = 101, description = "The WebSocket is open."), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn sync(
    State(app): State<AppState>,
    SyncCaller(device): SyncCaller,
    (peer, address): (Option<Extension<Peer>>, CallerAddress),
    upgrade: Result<Upgrade, NotAWebSocket>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|_| ErrorCode::NotAWebSocket)?;
    if let (Some(Extension(peer)), Some(address)) = (&peer, address.known()) {
        let full = |_| ApiError::from(ErrorCode::TooManyConnections).retry_after_ms(jittered(RETRY_AFTER_MS));
        peer.standing.stay(address).map_err(full)?;
    }
    let principal = Principal {
        device: device.id,
        event: device.event,
        role: device.role,
        token_expires_at: Some(device.token_expires_at),
    };
    let mut config = app.config.sync.to_socket_config();
    let renewal: Arc<dyn Renewal> = Arc::<App>::clone(&app);
    config.renewal = Some(renewal);
    let hub = app.hub.clone();
    Ok(upgrade.serve(&config.clone(), move |socket| async move {
        sync_socket::serve(socket, principal, hub, config).await;
        // All of them end with the server, and come back to it.
        if !app.hub.is_stopping() {
            app.identities.heard(principal.device, clock::now()).await;
        }
        // The connection counts among the open ones until here.
        drop(peer);
    }))
}
