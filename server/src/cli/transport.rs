//! How a command reaches the API: over loopback to the server that runs on the data directory, or to the same routes in
//! this process.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request};
use serde_json::Value;
use tower::ServiceExt;

use super::CliError;
use crate::auth::ring::KeyRing;
use crate::auth::token::{Bearer, Tokens};
use crate::clock;
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError, RunningServer};
use crate::error::ErrorBody;
use crate::router::router;
use crate::run::{self, Opened, RunError};
use crate::serve::Audience;

/// The way to the API.
pub(super) struct Transport {
    way: Way,
    tokens: Tokens,
    token_lifetime_s: i64,
}

enum Way {
    Loopback { http: reqwest::Client, server: RunningServer },
    InProcess { opened: Opened, routes: Router },
}

/// A request.
pub(super) struct Call {
    method: Method,
    /// The path, with a query if there is one.
    path: String,
    media_type: Option<&'static str>,
    body: Bytes,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), media_type: None, body: Bytes::new() }
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }

    pub(super) fn put(path: impl Into<String>, body: &Value) -> Self {
        Self { method: Method::PUT, ..Self::post(path, body) }
    }

    pub(super) fn post(path: impl Into<String>, body: &Value) -> Self {
        let media_type = Some("application/json");
        Self { method: Method::POST, media_type, body: body.to_string().into(), ..Self::get(path) }
    }

    pub(super) fn upload(path: impl Into<String>, file: Vec<u8>) -> Self {
        let media_type = Some("application/octet-stream");
        Self { method: Method::POST, media_type, body: file.into(), ..Self::get(path) }
    }
}

impl Transport {
    /// Finds the way to the API of a data directory.
    pub(super) async fn open(config: Config) -> Result<Self, CliError> {
        let (data, lifetime_s) = (config.data.dir.clone(), i64::from(config.auth.operator_token_s));
        let way = match run::open(config, None).await {
            Ok(opened) => Way::InProcess { routes: router(&opened.app, Audience::Admin), opened },
            Err(RunError::DataDir(DataDirError::Held { path })) => {
                let server = DataDir::running(&path).ok_or(CliError::Busy { path })?;
                // The address is of this machine: no proxy should be asked for it.
                let http = reqwest::Client::builder().no_proxy().build().map_err(CliError::Unreachable)?;
                Way::Loopback { http, server }
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { way, tokens: Tokens::of(&KeyRing::load(&data)?)?, token_lifetime_s: lifetime_s })
    }

    /// Sends a request and gives what was answered.
    pub(super) async fn send(&self, call: Call) -> Result<Bytes, CliError> {
        let token = self.tokens.mint(&Bearer::Operator, clock::now(), self.token_lifetime_s)?;
        let bearer = format!("Bearer {token}");
        let (succeeded, answer) = match &self.way {
            Way::Loopback { http, server } => loopback(http, server, call, bearer).await?,
            Way::InProcess { routes, .. } => in_process(routes.clone(), call, bearer).await?,
        };
        if succeeded {
            return Ok(answer);
        }
        let body: ErrorBody = serde_json::from_slice(&answer).map_err(|_| CliError::Answer)?;
        Err(CliError::Refused(Box::new(body)))
    }

    /// Sends a request that is answered with JSON.
    pub(super) async fn json(&self, call: Call) -> Result<Value, CliError> {
        serde_json::from_slice(&self.send(call).await?).map_err(|_| CliError::Answer)
    }

    /// Stores everything, if it was opened here.
    pub(super) async fn close(self) {
        if let Way::InProcess { opened, routes } = self.way {
            drop(routes);
            opened.close().await;
        }
    }
}

async fn loopback(
    http: &reqwest::Client,
    server: &RunningServer,
    call: Call,
    bearer: String,
) -> Result<(bool, Bytes), CliError> {
    let unreachable = |error: reqwest::Error| CliError::Unreachable(error.without_url());
    let url = format!("http://{}{}", server.admin, call.path);
    let mut request = http.request(call.method, url).header(AUTHORIZATION, bearer).body(call.body);
    if let Some(media_type) = call.media_type {
        request = request.header(CONTENT_TYPE, media_type);
    }
    let response = request.send().await.map_err(unreachable)?;
    Ok((response.status().is_success(), response.bytes().await.map_err(unreachable)?))
}

async fn in_process(routes: Router, call: Call, bearer: String) -> Result<(bool, Bytes), CliError> {
    let mut request = Request::builder().method(call.method).uri(call.path).header(AUTHORIZATION, bearer);
    if let Some(media_type) = call.media_type {
        request = request.header(CONTENT_TYPE, media_type);
    }
    let request = request.body(Body::from(call.body)).map_err(|_| CliError::Answer)?;
    let Ok(response) = routes.oneshot(request).await;
    let succeeded = response.status().is_success();
    let answer = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    Ok((succeeded, answer.map_err(|_| CliError::Answer)?))
}
