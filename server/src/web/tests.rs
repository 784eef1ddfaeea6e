use super::*;

const FILES: &[Embedded] = &[
    Embedded { name: "index.html", plain: b"<html>", gzip: Some(b"gz"), brotli: Some(b"br") },
    Embedded { name: "assets/app-1f2e.js", plain: b"js", gzip: None, brotli: None },
];

fn headers(lines: &[(axum::http::HeaderName, &'static str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

fn encoding(accepted: &'static str) -> Option<&'static str> {
    embedded(FILES, "index.html", &headers(&[(ACCEPT_ENCODING, accepted)])).unwrap().encoding
}

#[test]
fn the_smallest_form_that_a_browser_takes_is_sent() {
    assert_eq!(encoding("gzip, deflate, br, zstd"), Some("br"));
    assert_eq!(encoding("gzip;q=1.0, br;q=0"), Some("gzip"));
    assert_eq!(encoding("identity"), None);
    assert!(embedded(FILES, "elsewhere.html", &HeaderMap::new()).is_none());
    let alone = embedded(FILES, "assets/app-1f2e.js", &headers(&[(ACCEPT_ENCODING, "br")])).unwrap();
    assert_eq!(alone.encoding, None);
}

#[test]
fn what_is_hashed_is_kept_and_the_rest_is_asked_for() {
    let sent = |name: &str, asked: &HeaderMap| answer(name, embedded(FILES, name, asked).unwrap(), asked);
    let none = HeaderMap::new();
    let (page, script) = (sent("index.html", &none), sent("assets/app-1f2e.js", &none));
    assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
    assert_eq!(script.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
    assert_eq!(script.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
    let again = HeaderMap::from_iter([(IF_NONE_MATCH, page.headers()[ETAG].clone())]);
    assert_eq!(sent("index.html", &again).status(), StatusCode::NOT_MODIFIED);
    assert_eq!(sent("assets/app-1f2e.js", &again).status(), StatusCode::OK);
}

#[test]
fn screens_are_told_from_files_and_from_what_is_not_the_apps() {
    for name in ["enrol", "door/search", "sessions/k7q2"] {
        assert!(is_screen(name), "{name}");
    }
    for name in ["api/v1/nothing", "sync", "favicon.ico", "assets/gone", "door/old.js"] {
        assert!(!is_screen(name), "{name}");
    }
}

#[tokio::test]
async fn a_folder_gives_what_is_in_it_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("app")).unwrap();
    std::fs::write(dir.path().join("secret"), "no").unwrap();
    std::fs::write(dir.path().join("app/index.html"), "<html>").unwrap();
    let folder = dir.path().join("app");
    assert!(in_folder(&folder, "index.html").await.is_some());
    let outside = dir.path().join("secret");
    for name in ["../secret", "./../secret", outside.to_str().unwrap(), "", "nothing"] {
        assert!(in_folder(&folder, name).await.is_none(), "{name}");
    }
}

#[test]
fn every_file_that_is_carried_has_a_type_of_its_own() {
    for file in EMBEDDED {
        assert_ne!(content_type(file.name), "application/octet-stream", "{}", file.name);
    }
}
