use reqwest::Method;
use serde_json::json;

use super::cli::muster;
use super::test_app::{Answer, TestApp};
use crate::data_dir::DataDir;

#[tokio::test]
async fn what_only_the_operator_may_do_is_not_on_the_public_listener() {
    let app = TestApp::start().await;
    let event = app.event().await;
    let operator = app.operator();
    let ask = async |address, method: Method, path: &str| {
        let request = app.request_at(address, method, &operator, path).json(&json!({}));
        let answer = Answer::of(request.send().await.unwrap()).await;
        if answer.status.is_success() { "there".to_owned() } else { answer.code() }
    };
    for (method, path, here, there) in [
        (Method::GET, "/metrics", "not_found", "there"),
        (Method::POST, "/api/v1/events", "method_not_allowed", "bad_field"),
        (Method::POST, "/api/v1/backups", "not_found", "bad_field"),
        (Method::GET, "/api/v1/keys", "not_found", "there"),
        (Method::GET, "/api/v1/audit", "not_found", "there"),
        (Method::GET, "/api/v1/audit/verification", "not_found", "there"),
        (Method::GET, "/api/v1/events", "forbidden", "there"),
        (Method::GET, "/healthz", "there", "there"),
        (Method::GET, "/readyz", "there", "there"),
    ] {
        assert_eq!(ask(app.address, method.clone(), path).await, here, "{path} for all");
        assert_eq!(ask(app.admin, method, path).await, there, "{path} for the operator");
    }
    let path = format!("/api/v1/events/{event}/exports/attendees-csv");
    assert_eq!(ask(app.address, Method::GET, &path).await, "forbidden", "a token that got out is worth nothing");
    let staff = app.staff(event).await;
    let at_admin = app.request_at(app.admin, Method::GET, &staff.token, "/api/v1/events").send().await.unwrap();
    assert_eq!(at_admin.status(), 200, "a device is a device everywhere");
    app.stop().await;
}

#[tokio::test]
async fn the_command_line_finds_the_listener_for_the_operator() {
    let app = TestApp::start().await;
    let running = DataDir::running(app.dir.path()).unwrap();
    assert_eq!((running.address, running.admin), (app.address, app.admin));
    assert!(app.admin.ip().is_loopback());
    muster(app.dir.path(), &["event", "create", "--name", "Baltic Summit"]).await.unwrap();
    app.stop().await;
}

#[tokio::test]
async fn one_listener_can_be_for_all() {
    // A port that is free now; should another program take it in between, starting says so.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let set = |config: &mut crate::config::Config| {
        config.http.listen = free;
        config.http.admin_listen = free;
    };
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), set).await;
    assert_eq!((app.address, app.admin), (free, free));
    app.event().await;
    assert_eq!(app.get("", "/metrics").await.status, 200);
    muster(app.dir.path(), &["event", "list"]).await.unwrap();
    app.stop().await;
}
