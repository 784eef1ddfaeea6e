use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::test_app::{Answer, TestApp};

/// Begins a request whose body never ends.
async fn endless_import(app: &TestApp, event: muster_model::id::EventId) -> TcpStream {
    let mut stream = TcpStream::connect(app.admin).await.unwrap();
    let head = format!(
        "POST /api/v1/events/{event}/imports HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-length: 1000\r\nexpect: 100-continue\r\n\r\n",
        app.operator()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body once the handler reads it: then the request is being worked on.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn too_large_a_body_is_refused_announced_or_not() {
    let set = |config: &mut crate::config::Config| {
        config.http.body_limit_bytes = 1_000;
        config.import.limit_bytes = 2_000;
    };
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), set).await;
    let event = app.event().await;
    let answer = app.post(&app.operator(), "/api/v1/events", &json!({"name": "n".repeat(1_000)})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
    let path = format!("/api/v1/events/{event}/imports");
    let answer = app.upload(&app.operator(), &path, "x".repeat(2_001)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
    let chunks = futures_util::stream::iter((0..30).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 100])));
    let request = app.request(Method::POST, &app.operator(), &path).body(reqwest::Body::wrap_stream(chunks));
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
    let answer = app.upload(&app.operator(), &path, "x".repeat(2_000)).await;
    assert_eq!(answer.code(), "format_not_detected", "the limit itself is let in");
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let app = TestApp::start().await;
    let post = async |media_type: &str, body: &'static str| {
        let request = app.request(Method::POST, &app.operator(), "/api/v1/events").header("content-type", media_type);
        Answer::of(request.body(body).send().await.unwrap()).await.code()
    };
    assert_eq!(post("text/plain", "{}").await, "not_json");
    assert_eq!(post("application/json", "{").await, "bad_json");
    assert_eq!(post("application/json", "").await, "bad_json");
    assert_eq!(post("application/json", "[]").await, "bad_field");
    assert_eq!(post("application/json", "{\"name\": 1}").await, "bad_field");
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    // Without the app, which this server may have been built with.
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display().to_string();
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), |config| config.http.web_dir = dir).await;
    for (method, path, status, code) in [
        (Method::GET, "/", 404, "not_found"),
        (Method::GET, "/api/v2/events", 404, "not_found"),
        (Method::PUT, "/api/v1/events", 405, "method_not_allowed"),
        (Method::POST, "/healthz", 405, "method_not_allowed"),
        (Method::GET, "/api/v1/events/1", 400, "bad_parameter"),
    ] {
        let request = app.request(method, &app.operator(), path);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn one_request_too_many_is_sent_away_and_health_still_answers() {
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), |config| config.http.max_requests = 1).await;
    let event = app.event().await;
    let held = endless_import(&app, event).await;
    let answer = app.get(&app.operator(), "/api/v1/events").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "overloaded"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(app.get("", "/readyz").await.status, 200);
    drop(held);
    app.stop().await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_ended() {
    let set = |config: &mut crate::config::Config| {
        config.http.transfer_timeout_ms = 50;
        config.http.header_timeout_ms = 50;
    };
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), set).await;
    let event = app.event().await;
    let mut stream = endless_import(&app, event).await;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 503");
    // A head that never ends.
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the server must hang up");
    app.stop().await;
}

#[tokio::test]
async fn health_and_metrics_are_open_and_hold_nothing_personal() {
    let app = TestApp::start().await;
    let event = app.event().await;
    app.fill(event).await;
    let staff = app.staff(event).await;
    app.get(&staff.token, &format!("/api/v1/events/{event}")).await;
    app.get(&staff.token, "/no/such/jānis@example.org?access_token=secret").await;
    assert_eq!(app.get("", "/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(app.get("", "/readyz").await.json(), json!({"status": "ok"}));
    let metrics = app.get("", "/metrics").await.text();
    for line in [
        "muster_http_requests_total{route=\"/api/v1/events/{event_id}\",method=\"GET\",status=\"200\"} 1",
        "muster_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"} 1",
        "muster_hub_peers 0",
        "muster_storage_commit_duration_seconds_bucket{le=\"+Inf\"}",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    for personal in [event.to_string().as_str(), &staff.id, "secret", "example.org", "Baltic", "Gate"] {
        assert!(!metrics.contains(personal), "{personal}");
    }
    app.stop().await;
}
