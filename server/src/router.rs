//! All routes, and what happens around every request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use rand::Rng;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    accounts, audit, backups, counts, device_rules, devices, documents, enrol, erasure, events, exports, hand_over,
    health, imports, keys, login, openapi, quarantine, refresh, sync, tickets,
};
use crate::app::{App, AppState};
use crate::error::{ApiError, ErrorCode, RETRY_AFTER_MS};
use crate::headers;
use crate::serve::{Audience, Peer};
use crate::web;

/// The header with a request's id.
pub const REQUEST_ID: &str = "x-request-id";

/// Requests that are answered from memory.
fn quick() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(events::list))
        .routes(routes!(events::get))
        .routes(routes!(documents::list))
        .routes(routes!(devices::add, devices::list))
        .routes(routes!(devices::revoke))
        .routes(routes!(devices::approve))
        .routes(routes!(devices::set_role))
        .routes(routes!(devices::rename))
        .routes(routes!(device_rules::alerts))
        .routes(routes!(device_rules::leases, device_rules::set_leases))
        .routes(routes!(counts::get))
        .routes(routes!(enrol::enrol))
        .routes(routes!(enrol::preview))
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::show))
        .routes(routes!(quarantine::accept))
        .routes(routes!(quarantine::discard))
        .routes(routes!(tickets::list_keys, tickets::rotate_key))
        .routes(routes!(tickets::retire_key))
        .routes(routes!(tickets::withdraw))
        .routes(routes!(refresh::refresh))
        .routes(routes!(login::login))
        .routes(routes!(login::list_events))
        .routes(routes!(accounts::create, accounts::list))
        .routes(routes!(accounts::remove))
        .routes(routes!(accounts::invite))
        .routes(routes!(accounts::accept))
        .merge(handed_over())
        .routes(routes!(keys::jwks))
}

/// What devices hand over: more than a request usually holds.
fn handed_over() -> OpenApiRouter<AppState> {
    let larger = axum::extract::DefaultBodyLimit::max(hand_over::LIMIT_BYTES);
    OpenApiRouter::new().routes(routes!(hand_over::hand_over)).layer(larger)
}

/// Requests that move files.
fn transfers() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(imports::import))
        .routes(routes!(exports::export))
        .routes(routes!(tickets::issue))
        .routes(routes!(erasure::erase))
        .routes(routes!(erasure::get_retention, erasure::set_retention))
}

/// Those of either kind that only the operator may make.
fn administration() -> [OpenApiRouter<AppState>; 2] {
    let quick = OpenApiRouter::new().routes(routes!(events::create)).routes(routes!(keys::list, keys::rotate));
    let transfers = OpenApiRouter::new()
        .routes(routes!(backups::create, backups::list))
        .routes(routes!(audit::read))
        .routes(routes!(audit::verify));
    [quick, transfers]
}

/// Requests that are answered however much there is to do, and the door to sync.
fn always() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(openapi::openapi))
        .routes(routes!(sync::sync))
}

/// What the server counts.
fn metrics() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(health::metrics))
}

/// The description of all routes.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    let all = OpenApiRouter::with_openapi(openapi::Description::openapi());
    let [more_quick, more_transfers] = administration();
    let all = all.merge(quick()).merge(more_quick).merge(transfers()).merge(more_transfers);
    all.merge(always()).merge(metrics()).into_openapi()
}

/// The routes that are there for somebody.
pub fn router(app: &AppState, audience: Audience) -> Router {
    let http = &app.config.http;
    let bounded = |routes: OpenApiRouter<AppState>, limit_ms: u64| {
        let limit = Duration::from_millis(limit_ms);
        let within = move |request: Request, next: Next| within(limit, request, next);
        routes.layer(middleware::from_fn(within)).layer(middleware::from_fn_with_state(Arc::clone(app), one_of_many))
    };
    let mut routes = OpenApiRouter::new()
        .merge(bounded(quick(), http.request_timeout_ms))
        .merge(bounded(transfers(), http.transfer_timeout_ms))
        .merge(always());
    if audience == Audience::Admin {
        let [more_quick, more_transfers] = administration();
        routes = routes
            .merge(bounded(more_quick, http.request_timeout_ms))
            .merge(bounded(more_transfers, http.transfer_timeout_ms))
            .merge(metrics());
    }
    let (router, _) = routes.split_for_parts();
    around(router, app).with_state(Arc::clone(app))
}

/// What happens around every request, whatever its route.
fn around(router: Router<AppState>, app: &AppState) -> Router<AppState> {
    router
        .fallback(web::serve)
        .method_not_allowed_fallback(|| async { ErrorCode::MethodNotAllowed })
        .layer(axum::extract::DefaultBodyLimit::max(app.config.http.body_limit_bytes))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::new(app.config.http.cors_origins.clone()), headers::share))
        .layer(middleware::from_fn_with_state(Arc::clone(app), observe))
}

/// Refuses a request when too many are being worked on.
async fn one_of_many(State(app): State<AppState>, request: Request, next: Next) -> Response {
    match app.requests.try_acquire() {
        Ok(_one) => next.run(request).await,
        Err(_) => ApiError::from(ErrorCode::Overloaded).retry_after_ms(RETRY_AFTER_MS).into_response(),
    }
}

/// Ends a request that takes too long.
async fn within(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::from(ErrorCode::Timeout).retry_after_ms(RETRY_AFTER_MS).into_response(),
    }
}

/// What a panic said may hold anything: the panic hook writes it to the log, the caller learns nothing of it.
fn panicked(_what: Box<dyn std::any::Any + Send>) -> Response {
    ErrorCode::Internal.into_response()
}

/// Gives every request an id, every failure its body, and the log a line with the route instead of the address asked for.
async fn observe(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let _in_flight = app.metrics.begin();
    let id = given_id(&app, &request).unwrap_or_else(|| format!("{:016x}", rand::rng().random::<u64>()));
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let span = tracing::info_span!("request", request_id = id, method, route);
    let response = tracing::Instrument::instrument(next.run(request), span).await;
    let response = finish(response, &id, app.is_reached_by_tls());
    let (status, took) = (response.status().as_u16(), began.elapsed());
    app.metrics.answered(&route, method, status, took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(request_id = id, method, route, status, ms, "answered");
    response
}

/// The id that a trusted proxy has given the request, so that both logs have the same.
fn given_id(app: &App, request: &Request) -> Option<String> {
    let peer = request.extensions().get::<Peer>()?;
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let good = (8..=64).contains(&id.len()) && id.bytes().all(plain);
    (good && app.config.http.trusted_proxies.trust(peer.address.ip())).then(|| id.to_owned())
}

/// Writes the body of a failure and the headers that every answer has.
fn finish(mut response: Response, id: &str, tls: bool) -> Response {
    let status = response.status();
    let error = match response.extensions_mut().remove::<ApiError>() {
        // Whatever failed below the handlers, in axum or a layer.
        None if status.is_client_error() || status.is_server_error() => Some(below_handlers(status).into()),
        error => error,
    };
    if let Some(error) = error {
        let shared = headers::shared(response.headers());
        response = error_response(&error, id);
        response.headers_mut().extend(shared);
    }
    let page = response.extensions().get::<web::Page>().is_some();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers::secure(headers, tls, page);
    response
}

fn error_response(error: &ApiError, id: &str) -> Response {
    let mut response = (error.code.status(), Json(error.body(id))).into_response();
    let headers = response.headers_mut();
    if let Some(ms) = error.retry_after_ms {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
    }
    if error.code.status() == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn below_handlers(status: StatusCode) -> ErrorCode {
    match status {
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::BodyTooLarge,
        status if status.is_client_error() => ErrorCode::BadParameter,
        _ => ErrorCode::Internal,
    }
}

/// The method as a label: one of a few, whatever was sent.
fn method(method: &Method) -> &'static str {
    let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    let names = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.iter().zip(names).find(|(one, _)| *one == method).map_or("other", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::config::Config;
    use crate::error::ErrorBody;

    #[tokio::test]
    async fn a_panic_costs_its_request_and_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let app = App::open(dir.path(), Config::default(), String::new()).await.unwrap();
        let routes = Router::new()
            .route("/bug", get(async || -> String { panic!("Jānis Bērziņš, janis@example.org") }))
            .route("/fine", get(async || "fine"));
        let routes = around(routes, &app).with_state(Arc::clone(&app));
        let ask = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = routes.clone().oneshot(request).await.unwrap();
            (response.status(), axum::body::to_bytes(response.into_body(), 10_000).await.unwrap())
        };
        let (status, body) = ask("/bug").await;
        let body: ErrorBody = serde_json::from_slice(&body).unwrap();
        assert_eq!((status.as_u16(), body.code.as_str()), (500, "internal"));
        assert_eq!(body.detail, ErrorCode::Internal.detail());
        assert_eq!(ask("/fine").await.0, StatusCode::OK);
        app.hub.shutdown().await;
    }
}
