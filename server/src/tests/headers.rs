use reqwest::Method;
use serde_json::json;

use super::test_app::{Answer, TestApp};

#[tokio::test]
async fn every_answer_tells_browsers_to_do_nothing_with_it() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    for (token, path) in [
        ("", "/healthz"),
        ("", "/nowhere"),
        ("", "/api/v1/events"),
        ("", "/sync"),
        (staff.token.as_str(), "/api/v1/events"),
        (staff.token.as_str(), "/api/v1/openapi.json"),
    ] {
        let headers = app.get(token, path).await.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{path}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
        assert!(!headers.contains_key("server") && !headers.contains_key("strict-transport-security"), "{path}");
        assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
    }
    app.stop().await;
    let set = |config: &mut crate::config::Config| config.http.public_url = "https://muster.example.org".into();
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), set).await;
    assert_eq!(app.get("", "/healthz").await.headers["strict-transport-security"], "max-age=31536000");
    app.stop().await;
}

#[tokio::test]
async fn the_apps_own_files_may_run_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<html>Muster").unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    std::fs::write(folder.path().join("assets/core-1f2e.wasm"), "\0asm").unwrap();
    let dir = folder.path().display().to_string();
    let set = |config: &mut crate::config::Config| config.http.web_dir = dir;
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), set).await;
    let page = async |path: &str| {
        let request = app.request(Method::GET, "", path).header("accept", "text/html,*/*;q=0.8");
        Answer::of(request.send().await.unwrap()).await
    };
    for path in ["/", "/index.html", "/enrol"] {
        let answer = page(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.headers["content-type"].to_str().unwrap()),
            (200, "text/html; charset=utf-8")
        );
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("script-src 'self' 'wasm-unsafe-eval';") && !policy.contains("unsafe-inline"),
            "{policy}"
        );
        assert!(!policy.contains("sandbox") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.headers["cache-control"], "no-cache");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    let module = page("/assets/core-1f2e.wasm").await;
    assert_eq!(module.headers["content-type"], "application/wasm");
    assert_eq!(module.headers["cache-control"], "public, max-age=31536000, immutable");
    for path in ["/api/v1/nothing", "/assets/gone.js", "/door/old.js"] {
        let answer = page(path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{path}");
        assert!(answer.headers["content-security-policy"].to_str().unwrap().contains("sandbox"), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_ask() {
    let set = |config: &mut crate::config::Config| {
        config.http.cors_origins = "https://app.example.org".parse().unwrap();
    };
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), set).await;
    let event = app.event().await;
    let staff = app.staff(event).await;
    let ask = async |method: Method, origin: &str, token: &str| {
        let request = app.request(method, token, "/api/v1/events").header("origin", origin);
        Answer::of(request.header("access-control-request-method", "GET").send().await.unwrap()).await
    };
    let listed = "https://app.example.org";
    for token in ["", staff.token.as_str()] {
        let answer = ask(Method::GET, listed, token).await;
        assert_eq!(answer.headers["access-control-allow-origin"], listed, "{}", answer.status);
        assert_eq!(answer.headers["vary"], "origin");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    let first = ask(Method::OPTIONS, listed, "").await;
    assert_eq!(first.status, 204);
    assert_eq!(first.headers["access-control-allow-headers"], "authorization, content-type");
    for origin in ["https://evil.example.org", "https://app.example.org.evil.example", "null"] {
        let answer = ask(Method::GET, origin, &staff.token).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
        assert_eq!(answer.headers["vary"], "origin");
        assert_eq!(ask(Method::OPTIONS, origin, "").await.code(), "method_not_allowed");
    }
    app.stop().await;
    let app = TestApp::start().await;
    let request = app.request(Method::OPTIONS, "", "/api/v1/events").header("origin", listed);
    let answer = Answer::of(request.header("access-control-request-method", "GET").send().await.unwrap()).await;
    assert_eq!(answer.code(), "method_not_allowed", "closed unless opened");
    app.stop().await;
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed() {
    let guess = async |app: &TestApp, from: &str| {
        let request = app.request(Method::POST, "", "/api/v1/devices/enrol").header("x-forwarded-for", from);
        let request = request.header("x-request-id", "given-by-a-proxy").json(&json!({"code": "x"}));
        let answer = Answer::of(request.send().await.unwrap()).await;
        (answer.code(), answer.headers["x-request-id"] == "given-by-a-proxy")
    };
    let unknown = |given| ("enrolment_code_unknown".to_owned(), given);
    let once = |config: &mut crate::config::Config| config.auth.enrol_attempts = 1;
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), once).await;
    assert_eq!(guess(&app, "192.0.2.1").await, unknown(false));
    assert_eq!(guess(&app, "192.0.2.2").await.0, "too_many_attempts", "a made-up address is none");
    app.stop().await;
    let set = |config: &mut crate::config::Config| {
        once(config);
        config.http.trusted_proxies = "127.0.0.0/8".parse().unwrap();
    };
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), set).await;
    assert_eq!(guess(&app, "192.0.2.1").await, unknown(true));
    assert_eq!(guess(&app, "192.0.2.2").await, unknown(true));
    assert_eq!(guess(&app, "198.51.100.1, 192.0.2.2").await.0, "too_many_attempts", "what stands before is made up");
    app.stop().await;
}
