//! What every answer tells browsers, and which pages of other origins may ask.
//!
//! No page of another origin may read an answer, unless its origin is in `http.cors_origins`. There are no cookies here:
//! whoever asks shows a token, so another page can do nothing in somebody's name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL,
    CONTENT_SECURITY_POLICY, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What every answer has. Nothing here but the app's own files may be kept by a cache on the way, be taken for a page, load anything, or stand in a
/// frame.
const ALWAYS: [(HeaderName, &str); 8] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    ),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// What is different for the app's own files: it may run its scripts and WebAssembly, show what it draws, use the camera,
/// and ask this server. How long they are kept each says itself.
const PAGE: [(HeaderName, &str); 2] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
         img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("permissions-policy"), "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// For so long a browser asks by TLS only, once it has.
const TLS_ONLY: &str = "max-age=31536000";

/// What a page of an allowed origin may send and read.
const ALLOWED_METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const ALLOWED_HEADERS: &str = "authorization, content-type";
const EXPOSED_HEADERS: &str = "content-disposition, retry-after, x-request-id";

/// For how many seconds a browser need not ask again whether it may.
const MAX_AGE_S: &str = "600";

/// Writes the headers that every answer has. `tls`: the server is reached by TLS; `page`: it is a file of the app.
pub(crate) fn secure(headers: &mut HeaderMap, tls: bool, page: bool) {
    let kept = headers.get(CACHE_CONTROL).filter(|_| page).cloned();
    for (name, value) in ALWAYS.into_iter().chain(PAGE.into_iter().filter(|_| page)) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(kept) = kept {
        headers.insert(CACHE_CONTROL, kept);
    }
    if tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
}

/// Origins whose pages may ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(Vec<String>);

/// A text that is no list of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of origins, such as https://app.example.org, https://example.org:8443")]
pub struct NotOrigins;

impl FromStr for Origins {
    type Err = NotOrigins;

    fn from_str(text: &str) -> Result<Self, NotOrigins> {
        let origin = |text: &str| {
            let url = reqwest::Url::parse(text).map_err(|_| NotOrigins)?;
            let web = matches!(url.scheme(), "https" | "http");
            let origin = url.origin().ascii_serialization();
            // Exactly as browsers write it: `https://example.org/` would never be met.
            if web && origin == text { Ok(origin) } else { Err(NotOrigins) }
        };
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Self(words.map(origin).collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl Origins {
    fn allows(&self, origin: &HeaderValue) -> bool {
        self.0.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    }
}

/// Lets pages of allowed origins ask, and read what is answered.
pub(crate) async fn share(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    if origins.0.is_empty() {
        return next.run(request).await;
    }
    let origin = request.headers().get(ORIGIN).filter(|origin| origins.allows(origin)).cloned();
    let asks_first =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &origin {
        Some(_) if asks_first => permission(),
        _ => next.run(request).await,
    };
    // What is answered depends on who asks, also for those who may not.
    response.headers_mut().append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
    response
}

/// What [`share`] wrote into an answer.
pub(crate) fn shared(headers: &HeaderMap) -> HeaderMap {
    let ours = [VARY, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS];
    ours.into_iter().filter_map(|name| Some((name.clone(), headers.get(&name)?.clone()))).collect()
}

/// The answer to a browser that asks whether a page may ask.
fn permission() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE_S),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_write_them() {
        let text = "https://app.example.org,http://localhost:5173";
        assert_eq!(text.parse::<Origins>().unwrap().to_string(), text);
        assert_eq!("".parse::<Origins>().unwrap(), Origins::default());
        for text in ["*", "null", "https://example.org/", "https://Example.org", "example.org", "ftp://example.org"] {
            assert_eq!(text.parse::<Origins>(), Err(NotOrigins), "{text}");
        }
    }
}
