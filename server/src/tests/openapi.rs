use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::test_app::{Answer, TestApp};
use crate::router;

/// What is open to all.
const OPEN: &[&str] = &[
    "/healthz",
    "/readyz",
    "/metrics",
    "/.well-known/jwks.json",
    "/api/v1/openapi.json",
    "/api/v1/devices/enrol",
    "/api/v1/devices/enrol/preview",
    "/api/v1/devices/hand-over",
    "/api/v1/devices/refresh",
    "/api/v1/invitations/accept",
    "/api/v1/login",
    "/api/v1/login/events",
];

#[test]
fn the_description_is_the_one_we_know() {
    let description = serde_json::to_string_pretty(&router::description()).unwrap();
    insta::assert_snapshot!("openapi", description);
}

#[test]
fn operations_have_names_of_their_own() {
    let description = serde_json::to_value(router::description()).unwrap();
    let operations: Vec<&str> =
        operations(&description).map(|(.., one)| one["operationId"].as_str().unwrap()).collect();
    assert_eq!(operations.iter().collect::<BTreeSet<_>>().len(), operations.len());
}

fn operations(description: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = description["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, one)| (path, method, one)))
}

#[tokio::test]
async fn every_described_route_is_there_and_only_the_open_ones_are_open() {
    let app = TestApp::start().await;
    let description = app.get("", "/api/v1/openapi.json").await.json();
    assert_eq!(description, serde_json::to_value(router::description()).unwrap());
    let mut seen = 0;
    for (path, method, operation) in operations(&description) {
        seen += 1;
        let filled = path
            .replace("{event_id}", "7d444840-9dc0-41d1-b245-5ffdce74fad2")
            .replace("{account_id}", "0123456789abcdef")
            .replace("{device_id}", "0123456789abcdef")
            .replace("{entry}", "1")
            .replace("{key_id}", "0a1b2c")
            .replace("{format}", "schedule-xml");
        let method: Method = method.to_uppercase().parse().unwrap();
        let request = app.request_at(app.admin, method.clone(), "", &filled).json(&json!({}));
        let answer = Answer::of(request.send().await.unwrap()).await;
        let open = OPEN.contains(&path.as_str());
        assert_eq!(operation.get("security").is_none(), open, "{path} is described as it is");
        if open {
            assert!(!matches!(answer.status.as_u16(), 401 | 404 | 405), "{path}: {}", answer.text());
        } else {
            assert_eq!(answer.code(), "token_missing", "{method} {path}");
        }
    }
    assert_eq!(seen, 51);
    app.stop().await;
}
