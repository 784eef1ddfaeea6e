//! The app that people use in a browser: files that the binary carries, or those of a folder while it is being worked on.
//!
//! Whatever has a hash in its name never changes and is kept by browsers for good; everything else they ask for each time,
//! and hear with an `ETag` that it is still the same. An address without a file is a screen of the app, which finds its way
//! from there. The app may run scripts of its own and WebAssembly, and ask nobody but this server.

use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::app::AppState;
use crate::error::ErrorCode;

/// The app's first page, and every screen's.
const INDEX: &str = "index.html";

/// Where the app's build puts what has a hash in its name.
const HASHED: &str = "assets/";

/// What begins no screen's address: a mistake there must not look like a page.
const NOT_SCREENS: [&str; 5] = ["api", "sync", "metrics", "health", "assets"];

/// Marks an answer that a browser may run and show, within what [`headers`](crate::headers) says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page;

/// A file that the binary carries, with what `web/embed` has beside it.
struct Embedded {
    name: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// What was in `web/embed` when this was built.
const EMBEDDED: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/app_files.rs"));

/// A file to be sent.
struct Found {
    body: Body,
    tag: String,
    encoding: Option<&'static str>,
}

/// Answers what no route is for: a file of the app, a screen of it, or that there is nothing.
pub(crate) async fn serve(State(app): State<AppState>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return ErrorCode::NotFound.into_response();
    }
    let asked = uri.path().trim_start_matches('/');
    let name = if asked.is_empty() { INDEX } else { asked };
    let folder = Path::new(&app.config.http.web_dir);
    if let Some(found) = find(folder, name, &headers).await {
        return answer(name, found, &headers);
    }
    if is_screen(name)
        && takes(&headers, ACCEPT, "text/html")
        && let Some(found) = find(folder, INDEX, &headers).await
    {
        return answer(INDEX, found, &headers);
    }
    ErrorCode::NotFound.into_response()
}

fn is_screen(name: &str) -> bool {
    let (first, last) = (name.split('/').next().unwrap_or_default(), name.rsplit('/').next().unwrap_or_default());
    !NOT_SCREENS.contains(&first) && !last.contains('.')
}

async fn find(folder: &Path, name: &str, headers: &HeaderMap) -> Option<Found> {
    if folder.as_os_str().is_empty() { embedded(EMBEDDED, name, headers) } else { in_folder(folder, name).await }
}

fn embedded(files: &'static [Embedded], name: &str, headers: &HeaderMap) -> Option<Found> {
    let file = files.iter().find(|file| file.name == name)?;
    let accepted = |encoding: &str| takes(headers, ACCEPT_ENCODING, encoding);
    let (bytes, encoding) = match (file.brotli, file.gzip) {
        (Some(bytes), _) if accepted("br") => (bytes, Some("br")),
        (_, Some(bytes)) if accepted("gzip") => (bytes, Some("gzip")),
        _ => (file.plain, None),
    };
    Some(Found { body: Body::from(bytes), tag: tag(bytes), encoding })
}

/// A file below the folder. Names come from the network: only plain parts lead anywhere.
async fn in_folder(folder: &Path, name: &str) -> Option<Found> {
    let relative = PathBuf::from(name);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    let bytes = if plain { tokio::fs::read(folder.join(relative)).await.ok()? } else { return None };
    Some(Found { tag: tag(&bytes), body: Body::from(bytes), encoding: None })
}

fn tag(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    format!("\"{}\"", hex::encode(hash.get(..16).unwrap_or_default()))
}

fn answer(name: &str, found: Found, asked: &HeaderMap) -> Response {
    let same = asked.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == found.tag.as_bytes());
    let mut response = if same { StatusCode::NOT_MODIFIED.into_response() } else { found.body.into_response() };
    let kept = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    if let Ok(tag) = HeaderValue::from_str(&found.tag) {
        headers.insert(ETAG, tag);
    }
    if let Some(encoding) = found.encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response.extensions_mut().insert(Page);
    response
}

/// Whether a list of a header has this word, whatever its weight; a weight of nothing means that it has not.
fn takes(headers: &HeaderMap, header: axum::http::HeaderName, word: &str) -> bool {
    let lists = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(word));
        named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
