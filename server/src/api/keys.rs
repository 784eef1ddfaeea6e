//! The server's signing keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::auth::extract::Caller;
use crate::auth::ring::KeyRing;
use crate::clock;
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// A signing key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its id, as tokens name it (`kid`).
    #[schema(example = "3f9a0c1b2d4e5f60")]
    key_id: String,
    /// Whether it signs; older ones verify what they signed.
    signs: bool,
    /// When it was made, in milliseconds since 1970; unknown for the first.
    created_at_ms: Option<i64>,
    /// Until when the last token runs that it signed, in milliseconds since 1970.
    verifies_until_ms: Option<i64>,
}

/// The signing keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysView {
    /// The keys, the newest last.
    keys: Vec<KeyView>,
}

/// A public key, as RFC 8037 writes it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwk {
    /// `OKP`.
    kty: &'static str,
    /// `Ed25519`.
    crv: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// `EdDSA`.
    alg: &'static str,
    /// The key's id.
    kid: String,
    /// The public key.
    x: String,
}

/// The public keys (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwks {
    /// The keys with which tokens can be verified now.
    keys: Vec<Jwk>,
}

fn view(ring: &KeyRing) -> KeysView {
    let keys = ring.keys().map(|one| KeyView {
        key_id: one.key.id().to_owned(),
        signs: one.verifies_until.is_none(),
        created_at_ms: one.created_at.map(|at| at.ms()),
        verifies_until_ms: one.verifies_until.map(|at| at.ms()),
    });
    KeysView { keys: keys.collect() }
}

/// List the signing keys. Only for the local administrator.
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "server", operation_id = "list_keys",
    responses((status = 200, body = KeysView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn list(State(app): State<AppState>, caller: Caller) -> Result<Json<KeysView>, ApiError> {
    caller.require_operator()?;
    Ok(Json(view(&*app.keys.lock().await)))
}

/// Make a new signing key, which signs from now on. Tokens that older keys signed stay good until they end. Only for the
/// local administrator.
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "server", operation_id = "rotate_key",
    responses((status = 201, body = KeysView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn rotate(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<(StatusCode, Json<KeysView>), ApiError> {
    caller.require_operator()?;
    let mut keys = app.keys.lock().await;
    let (now, data) = (clock::now(), app.data().to_owned());
    let until = app.config.auth.last_token_ends(now);
    let rotated = tokio::task::spawn_blocking(move || {
        let ring = KeyRing::load(&data)?;
        ring.rotate(&data, now, until)
    });
    let failed = |error: &(dyn std::error::Error + 'static)| ApiError::logged(ErrorCode::KeysUnusable, error);
    let ring = rotated.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    app.tokens.replace(&ring).map_err(|error| failed(&error))?;
    let entry = Entry::new(now, Actor::from(&caller), Action::KeyRotated);
    audit::record(&app.storage, entry.subject(Subject::Key(ring.newest().id().to_owned()))).await?;
    tracing::info!(key = ring.newest().id(), "a new key signs");
    *keys = ring;
    Ok((StatusCode::CREATED, Json(view(&keys))))
}

/// The public keys with which access tokens can be verified.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "server", operation_id = "jwks",
    responses((status = 200, body = Jwks))
)]
pub(crate) async fn jwks(State(app): State<AppState>) -> Json<Jwks> {
    let (keys, now) = (app.keys.lock().await, clock::now());
    let good = keys.keys().filter(|one| one.verifies_until.is_none_or(|until| until > now));
    let keys = good.map(|one| Jwk {
        kty: "OKP",
        crv: "Ed25519",
        usage: "sig",
        alg: "EdDSA",
        kid: one.key.id().to_owned(),
        x: URL_SAFE_NO_PAD.encode(one.key.public()),
    });
    Json(Jwks { keys: keys.collect() })
}
