//! People who sign in: each sign-in is a device.

use serde_json::{Value, json};

use super::test_app::{Answer, TestApp};

const NAME: &str = "anna@example.org";
const PASSWORD: &str = "correct horse battery";

async fn with_anna() -> (TestApp, muster_model::id::EventId) {
    let app = TestApp::start().await;
    let event = app.event().await;
    let body = json!({"name": NAME, "password": PASSWORD, "role": "coordinator"});
    let made = app.post(&app.operator(), &format!("/api/v1/events/{event}/accounts"), &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    (app, event)
}

async fn login(app: &TestApp, name: &str, password: &str) -> Answer {
    app.post("", "/api/v1/login", &json!({"name": name, "password": password, "device_name": "Laptop"})).await
}

#[tokio::test]
async fn who_signs_in_has_a_device_like_any_other() {
    let (app, event) = with_anna().await;
    let signed_in = login(&app, " Anna@Example.ORG ", PASSWORD).await.json();
    assert_eq!((&signed_in["role"], &signed_in["event_id"]), (&json!("coordinator"), &json!(event)));
    let token = signed_in["access_token"].as_str().unwrap();
    let devices = app.get(token, &format!("/api/v1/events/{event}/devices")).await.json();
    assert_eq!(devices["devices"][0]["name"], "Laptop");
    let refresh = signed_in["refresh_token"].as_str().unwrap();
    assert!(app.refresh(refresh, "nonce-of-twenty-chars").await.status.is_success());
    let accounts = app.get(token, &format!("/api/v1/events/{event}/accounts")).await.json();
    let account = accounts["accounts"][0]["account_id"].as_str().unwrap();
    assert_eq!(accounts["accounts"][0]["name"], NAME);

    let path = format!("/api/v1/events/{event}/accounts/{account}");
    assert_eq!(app.delete(&app.operator(), &path).await.status, 204);
    assert_eq!(app.get(token, "/api/v1/events").await.code(), "device_revoked", "what it signed in with is out too");
    assert_eq!(login(&app, NAME, PASSWORD).await.code(), "forbidden", "the account is in no event");
    assert_eq!(app.delete(&app.operator(), &path).await.code(), "account_not_found");
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let (app, _) = with_anna().await;
    let strip = |answer: &Answer| {
        let mut body: Value = serde_json::from_slice(&answer.bytes).unwrap();
        body.as_object_mut().unwrap().remove("request_id");
        (answer.status, body)
    };
    let wrong = login(&app, NAME, "wrong horse battery").await;
    let unknown = login(&app, "nobody@example.org", PASSWORD).await;
    let nonsense = login(&app, "two words", PASSWORD).await;
    assert_eq!(wrong.code(), "login_failed");
    assert_eq!(strip(&wrong), strip(&unknown));
    assert_eq!(strip(&wrong), strip(&nonsense));
    app.stop().await;
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), |config| {
        (config.auth.enrol_attempts, config.auth.login_attempts) = (1_000, 1_000);
    })
    .await;
    let event = app.event().await;
    let body = json!({"name": NAME, "password": PASSWORD, "role": "coordinator"});
    app.post(&app.operator(), &format!("/api/v1/events/{event}/accounts"), &body).await;
    login(&app, "warm@example.org", PASSWORD).await;
    let shortest = async |name: &str| {
        let mut shortest = std::time::Duration::MAX;
        for _ in 0..6 {
            let began = std::time::Instant::now();
            assert_eq!(login(&app, name, "wrong horse battery").await.code(), "login_failed");
            shortest = shortest.min(began.elapsed());
        }
        shortest
    };
    let (known, unknown) = (shortest(NAME).await, shortest("nobody@example.org").await);
    // Without the hash that nobody has, an unknown name would take a hundredth of the time.
    assert!(unknown * 2 > known && known * 2 > unknown, "known {known:?}, unknown {unknown:?}");
    app.stop().await;
}

#[tokio::test]
async fn guessing_is_slowed_down_for_a_name_whether_it_is_known_or_not() {
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), |config| config.auth.login_attempts = 2).await;
    let event = app.event().await;
    let body = json!({"name": NAME, "password": PASSWORD, "role": "coordinator"});
    app.post(&app.operator(), &format!("/api/v1/events/{event}/accounts"), &body).await;
    for name in [NAME, "nobody@example.org"] {
        for _ in 0..2 {
            assert_eq!(login(&app, name, "wrong horse battery").await.code(), "login_failed");
        }
        let answer = login(&app, &name.to_uppercase(), PASSWORD).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "too_many_attempts"));
        assert!(answer.headers.contains_key("retry-after"));
    }
    app.stop().await;
}

#[tokio::test]
async fn an_address_that_guesses_names_is_slowed_down() {
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), |config| config.auth.enrol_attempts = 3).await;
    for number in 0..3 {
        let name = format!("guess-{number}@example.org");
        assert_eq!(login(&app, &name, PASSWORD).await.code(), "login_failed");
    }
    assert_eq!(login(&app, "guess-4@example.org", PASSWORD).await.code(), "too_many_attempts");
    app.stop().await;
}

#[tokio::test]
async fn who_is_invited_makes_an_account_once() {
    let (app, event) = with_anna().await;
    let anna = login(&app, NAME, PASSWORD).await.json()["access_token"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/events/{event}/invitations");
    let invited = app.post(&anna, &path, &json!({"role": "finance"})).await.json();
    let code = invited["code"].as_str().unwrap();
    assert_eq!(invited["link"], format!("http://{}/invite#{code}", app.address));
    let accept = "/api/v1/invitations/accept";
    let body = |code: &str, name: &str, password: &str| json!({"code": code, "name": name, "password": password});
    let wrong = [
        (body("nonsense", "ben", PASSWORD), "invitation_unknown"),
        (body(code, "two words", PASSWORD), "bad_field"),
        (body(code, "ben", "short"), "bad_field"),
        (body(code, NAME, "not anna's own"), "login_failed"),
    ];
    for (body, code) in wrong {
        assert_eq!(app.post("", accept, &body).await.code(), code);
    }
    let accepted = app.post("", accept, &body(code, "ben", "ben's own password")).await.json();
    assert_eq!((&accepted["event_id"], &accepted["role"]), (&json!(event), &json!("finance")));
    assert_eq!(app.post("", accept, &body(code, "carl", PASSWORD)).await.code(), "invitation_unknown", "good once");
    assert_eq!(login(&app, "ben", "ben's own password").await.json()["role"], "finance");

    // Somebody who has an account is invited to another event.
    let other = app.event().await;
    let path = format!("/api/v1/events/{other}/invitations");
    let invited = app.post(&app.operator(), &path, &json!({"role": "coordinator"})).await.json();
    let code = invited["code"].as_str().unwrap();
    app.post("", accept, &body(code, "ben", "ben's own password")).await.json();
    assert_eq!(login(&app, "ben", "ben's own password").await.code(), "event_required");
    let list =
        async |password| app.post("", "/api/v1/login/events", &json!({"name": "ben", "password": password})).await;
    assert_eq!(list("not ben's own").await.code(), "login_failed");
    let listed = list("ben's own password").await.json();
    let mut roles: Vec<_> =
        listed["events"].as_array().unwrap().iter().map(|one| [&one["event_id"], &one["role"]]).collect();
    roles.sort_by_key(|[_, role]| role.to_string());
    assert_eq!(roles, [[&json!(other), &json!("coordinator")], [&json!(event), &json!("finance")]]);
    assert!(listed["events"][0]["name"].as_str().is_some_and(|name| !name.is_empty()));
    let chosen = json!({"name": "ben", "password": "ben's own password", "event_id": other});
    assert_eq!(app.post("", "/api/v1/login", &chosen).await.json()["role"], "coordinator");
    for wrong in [json!({"role": "staff"}), json!({"role": "presenter"}), json!({})] {
        assert_eq!(app.post(&anna, &format!("/api/v1/events/{event}/invitations"), &wrong).await.code(), "bad_field");
    }
    app.stop().await;
}

#[tokio::test]
async fn passwords_are_kept_as_argon2id_and_names_once() {
    let (app, event) = with_anna().await;
    let path = format!("/api/v1/events/{event}/accounts");
    let again = json!({"name": "ANNA@example.org", "password": PASSWORD, "role": "finance"});
    assert_eq!(app.post(&app.operator(), &path, &again).await.code(), "account_taken");
    let database = rusqlite::Connection::open(app.dir.path().join(crate::storage::DATABASE_FILE)).unwrap();
    let kept: String = database.query_row("SELECT password FROM accounts", [], |row| row.get(0)).unwrap();
    assert!(kept.starts_with("$argon2id$") && !kept.contains("horse"), "{kept}");
    app.stop().await;
}
