//! A server of our own for a test.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_model::id::EventId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::auth::ring::KeyRing;
use crate::auth::token::{Bearer, Tokens};
use crate::clock;
use crate::config::Config;
use crate::run::{self, RunError};

pub(super) struct TestApp {
    /// Where devices ask.
    pub(super) address: std::net::SocketAddr,
    /// Where the operator asks.
    pub(super) admin: std::net::SocketAddr,
    pub(super) dir: TempDir,
    http: reqwest::Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
    }

    /// The JSON of a success.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The code of a failure, whose form is checked.
    #[track_caller]
    pub(super) fn code(&self) -> String {
        assert!(!self.status.is_success(), "{} {}", self.status, self.text());
        let body: Value = serde_json::from_slice(&self.bytes).unwrap();
        assert_eq!(body["request_id"], self.headers["x-request-id"].to_str().unwrap());
        assert!(!body["detail"].as_str().unwrap().is_empty());
        body["code"].as_str().unwrap().to_owned()
    }
}

/// A device that enrolled.
pub(super) struct Enrolled {
    pub(super) token: String,
    pub(super) refresh: String,
    pub(super) id: String,
}

/// Whether a token says that it is an operator's.
fn is_operators(token: &str) -> bool {
    let said = token.split('.').nth(1).and_then(|said| URL_SAFE_NO_PAD.decode(said).ok());
    said.and_then(|said| serde_json::from_slice::<Value>(&said).ok()).is_some_and(|said| said["role"] == "operator")
}

pub(super) fn config(data: &Path) -> Config {
    let mut config = Config::default();
    config.data.dir = data.to_owned();
    config.http.listen = "127.0.0.1:0".parse().unwrap();
    config
}

impl TestApp {
    pub(super) async fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), |_| {}).await
    }

    pub(super) async fn start_with(dir: TempDir, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(dir.path());
        set(&mut config);
        let listeners = run::listen(&config).await.unwrap();
        let address = listeners.public.local_addr().unwrap();
        let admin = listeners.admin.as_ref().map_or(address, |admin| admin.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let task = tokio::spawn(run::launch(config, listeners, shutdown));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let app = Self { address, admin, dir, http, stop, task };
        assert_eq!(app.get("", "/healthz").await.status, StatusCode::OK);
        app
    }

    /// Stops the server and gives its data directory back.
    pub(super) async fn stop(self) -> TempDir {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
        self.dir
    }

    pub(super) fn tokens(&self) -> Tokens {
        Tokens::of(&KeyRing::load(self.dir.path()).unwrap()).unwrap()
    }

    pub(super) fn operator(&self) -> String {
        self.tokens().mint(&Bearer::Operator, clock::now(), 60).unwrap()
    }

    /// A request at the listener that it belongs to.
    pub(super) fn request(&self, method: Method, token: &str, path: &str) -> reqwest::RequestBuilder {
        let administration =
            ["/metrics", "/api/v1/backups", "/api/v1/audit", "/api/v1/keys"].iter().any(|one| path.starts_with(one));
        let creation = method == Method::POST && path == "/api/v1/events";
        let admin = administration || creation || is_operators(token);
        let address = if admin { self.admin } else { self.address };
        self.request_at(address, method, token, path)
    }

    pub(super) fn request_at(
        &self,
        address: std::net::SocketAddr,
        method: Method,
        token: &str,
        path: &str,
    ) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("http://{address}{path}"));
        if token.is_empty() { request } else { request.bearer_auth(token) }
    }

    pub(super) async fn get(&self, token: &str, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, token, path).send().await.unwrap()).await
    }

    pub(super) async fn delete(&self, token: &str, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, token, path).send().await.unwrap()).await
    }

    pub(super) async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, token, path).json(body).send().await.unwrap()).await
    }

    pub(super) async fn put(&self, token: &str, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, token, path).json(body).send().await.unwrap()).await
    }

    pub(super) async fn upload(&self, token: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer::of(self.request(Method::POST, token, path).body(body.into()).send().await.unwrap()).await
    }

    /// An event in Riga on two days of May 2027.
    pub(super) async fn event(&self) -> EventId {
        let body = json!({
            "name": "Baltic Summit", "acronym": "baltic-2027", "time_zone": "Europe/Riga",
            "starts": "2027-05-20", "ends": "2027-05-21"
        });
        let answer = self.post(&self.operator(), "/api/v1/events", &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["event_id"].as_str().unwrap().parse().unwrap()
    }

    /// A code for a device, made by the local administrator.
    pub(super) async fn code(&self, event: EventId, request: &Value) -> String {
        let answer = self.post(&self.operator(), &format!("/api/v1/events/{event}/devices"), request).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["code"].as_str().unwrap().to_owned()
    }

    /// A device that has enrolled.
    pub(super) async fn device(&self, event: EventId, request: &Value) -> Enrolled {
        let code = self.code(event, request).await;
        let enrolled = self.post("", "/api/v1/devices/enrol", &json!({ "code": code })).await.json();
        let text = |field: &str| enrolled[field].as_str().unwrap().to_owned();
        Enrolled { token: text("access_token"), refresh: text("refresh_token"), id: text("device_id") }
    }

    /// Exchanges a refresh token.
    pub(super) async fn refresh(&self, token: &str, nonce: &str) -> Answer {
        let body = json!({"refresh_token": token, "nonce": nonce});
        self.post("", "/api/v1/devices/refresh", &body).await
    }

    /// As [`refresh`](Self::refresh), with the last access token.
    pub(super) async fn refresh_with(&self, token: &str, nonce: &str, access: &str) -> Answer {
        let body = json!({"refresh_token": token, "nonce": nonce, "access_token": access});
        self.post("", "/api/v1/devices/refresh", &body).await
    }

    pub(super) async fn staff(&self, event: EventId) -> Enrolled {
        self.device(event, &json!({"role": "staff", "name": "Gate A"})).await
    }

    /// Imports a schedule and a list of attendees.
    pub(super) async fn fill(&self, event: EventId) {
        for (format, file) in [("schedule-xml", SCHEDULE), ("attendees-csv", ATTENDEES)] {
            let path = format!("/api/v1/events/{event}/imports?format={format}");
            let answer = self.upload(&self.operator(), &path, file).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        }
    }
}

pub(super) const SCHEDULE: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<schedule>
  <version>1.0</version>
  <conference>
    <acronym>baltic-2027</acronym>
    <title>Baltic Summit</title>
    <start>2027-05-20</start>
    <end>2027-05-21</end>
    <days>2</days>
    <timeslot_duration>00:05</timeslot_duration>
    <time_zone_name>Europe/Riga</time_zone_name>
    <track name="Ports" color="#0a3c5f"/>
  </conference>
  <day index="1" date="2027-05-20" start="2027-05-20T09:00:00+03:00" end="2027-05-20T18:00:00+03:00">
    <room name="Great Hall" guid="5e1bd4c0-6a3f-4c33-9d44-6a3b7b1d9a01">
      <event guid="0c7c31d8-1f3e-4d77-a3a6-1f5d0c3f2b01" id="1">
        <date>2027-05-20T09:00:00+03:00</date><start>09:00</start><duration>00:45</duration>
        <room>Great Hall</room><slug>baltic-2027-1-opening</slug><title>Opening</title><subtitle></subtitle>
        <track>Ports</track><type>keynote</type><language>en</language><abstract>Welcome.</abstract>
        <description></description>
        <persons><person id="11">Ilze Bērziņa</person><person id="12">Łukasz Żak</person></persons>
        <links></links><attachments></attachments>
      </event>
    </room>
  </day>
  <day index="2" date="2027-05-21" start="2027-05-21T09:00:00+03:00" end="2027-05-21T18:00:00+03:00">
    <room name="Small Hall" guid="5e1bd4c0-6a3f-4c33-9d44-6a3b7b1d9a02">
      <event guid="0c7c31d8-1f3e-4d77-a3a6-1f5d0c3f2b02" id="2">
        <date>2027-05-21T10:00:00+03:00</date><start>10:00</start><duration>01:30</duration>
        <room>Small Hall</room><slug>baltic-2027-2-locks</slug><title>Locks</title><subtitle></subtitle>
        <track>Ports</track><type>workshop</type><language>de</language><abstract></abstract>
        <description></description>
        <persons><person id="12">Łukasz Żak</person></persons>
        <links></links><attachments></attachments>
      </event>
    </room>
  </day>
</schedule>
"##;

pub(super) const ATTENDEES: &str = "\
ID,Ticket code,Name,Organisation,Category,E-mail\n\
1,TICKET-0001,Jānis Bērziņš,Ostas pārvalde,Delegate,janis@example.org\n\
2,TICKET-0002,Zoë Müller,Hafen GmbH,Delegate,zoe@example.org\n\
3,TICKET-0003,Łukasz Żak,Port SA,Press,lukasz@example.org\n";
