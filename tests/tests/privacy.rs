//! A day of the real server that logs as much as it can: nothing of people, tokens or codes may be in its log, its errors or
//! its metrics. The one test that reads a log: that is what it is about.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use muster_client_native::{EnrolmentLink, enrol};
use muster_tests::demo::phone::Phone;
use muster_tests::network::Network;
use muster_tests::stage::{Stage, text};
use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

const LIST: &str = "Ticket code,First name,Last name,Organisation,Category,E-mail,Language,Status,Notes\n\
    secretticket1,Wilhelmina,Quackenbush,Quixotic Harbours,Delegate,wilhelmina@quackenbush.example,lv,paid,Peanuts\n";

/// What stands in the list, is typed into a phone, or is asked for in an address.
const PEOPLE: [&str; 9] = [
    "Wilhelmina",
    "Quackenbush",
    "Quixotic",
    "quackenbush",
    "secretticket1",
    "Peanuts",
    "Bartholomew",
    "Zebulon",
    "Thaddeus",
];

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 60 s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_people_tokens_or_codes_is_logged_or_answered_where_it_does_not_belong() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("server");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("muster.toml"), "[log]\nfilter = \"trace\"\n").unwrap();
    let muster = Path::new(env!("CARGO_BIN_EXE_muster-phone")).with_file_name("muster");
    assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
    let stage = Stage::set(&muster, folder.path(), "Thaddeus and friends").await.unwrap();
    let file = folder.path().join("attendees.csv");
    std::fs::write(&file, LIST).unwrap();
    stage.import(&file).await.unwrap();

    // A phone of staff gets the list, finds somebody in it, and registers somebody else.
    let link = stage.invite("staff", "Zebulon's phone", None).await.unwrap();
    let network = Network::to(stage.server.address()).await.unwrap();
    let phone = Phone::enrol("Zebulon", &folder.path().join("phone.db"), network, &link).await.unwrap();
    let found = || phone.client.read(|core, now| Ok(core.search(now, "Quackenbush", 1)?.len() == 1));
    until("the phone has the list", || async { found().await.unwrap() }).await;
    let checkpoint = phone.client.read(|core, now| core.checkpoints(now)).await.unwrap().first().unwrap().id;
    let name = "Bartholomew Unannounced".to_owned();
    phone.carry_out(muster_tests::demo::orders::Order::Scan("secretticket1".into()), checkpoint, None).await.unwrap();
    phone.carry_out(muster_tests::demo::orders::Order::WalkIn { name }, checkpoint, None).await.unwrap();
    until("it is on the server", || async { phone.facts_here_only().await.unwrap() == 0 }).await;

    // A client that can set no header, with a good token and with a bad one.
    let http = reqwest::Client::new();
    let invited = stage.invite("coordinator", "Laptop", None).await.unwrap();
    let code = invited.rsplit('#').next().unwrap().to_owned();
    let coordinator = enrol(&http, &EnrolmentLink::parse(&invited).unwrap(), "Zebulon's laptop").await.unwrap();
    let token = coordinator.access_token().to_owned();
    let address = stage.server.address();
    let url = |token: &str| format!("ws://{address}/sync?access_token={token}");
    let (mut socket, _) = tokio_tungstenite::connect_async(url(&token)).await.unwrap();
    socket.send(Message::Binary("Thaddeus is no frame".into())).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    assert!(tokio_tungstenite::connect_async(url(&forged)).await.is_err());

    // Everything that can be asked wrongly.
    let event = stage.event;
    let mut told = String::new();
    let asked = [
        (Method::GET, format!("/Wilhelmina/Quackenbush?access_token={token}"), String::new()),
        (Method::GET, format!("/api/v1/events?access_token={token}"), String::new()),
        (Method::GET, format!("/api/v1/events/{event}/exports/Wilhelmina"), String::new()),
        (Method::GET, format!("/api/v1/events/{event}/devices/Bartholomew"), String::new()),
        (Method::POST, format!("/api/v1/events/{event}/devices"), json!({"role": "Zebulon", "name": 1}).to_string()),
        (Method::POST, format!("/api/v1/events/{event}/devices"), json!({"Wilhelmina": "Zebulon"}).to_string()),
        (Method::POST, format!("/api/v1/events/{event}/imports?format=pretix"), LIST.to_owned()),
        (Method::POST, format!("/api/v1/events/{event}/imports?source=Wilhelmina%20Q"), LIST.to_owned()),
        (Method::POST, "/api/v1/devices/enrol".to_owned(), json!({ "code": code }).to_string()),
        (Method::POST, "/api/v1/devices/enrol".to_owned(), json!({"code": "Thaddeus"}).to_string()),
        (Method::POST, "/api/v1/devices/enrol/preview".to_owned(), json!({ "code": code }).to_string()),
        (Method::POST, "/api/v1/devices/enrol/preview".to_owned(), json!({"code": "Thaddeus"}).to_string()),
    ];
    for (method, path, body) in asked {
        for token in [&token, &forged] {
            let request = http.request(method.clone(), format!("http://{address}{path}")).bearer_auth(token);
            let request = request.header("content-type", "application/json").body(body.clone());
            let answer = request.send().await.unwrap();
            if !answer.status().is_success() {
                told.push_str(&answer.text().await.unwrap());
            }
        }
    }
    assert!(told.contains("enrolment_code_used") && told.contains("token_invalid"), "{told}");
    let exported = http.get(format!("http://{address}/api/v1/events/{event}/exports/attendees-csv"));
    let exported = exported.bearer_auth(&token).send().await.unwrap().text().await.unwrap();
    assert!(exported.contains("Quackenbush"), "the names are there for those who may read them");
    let devices = stage.server.command(&["device", "list", &event.to_string()]).await.unwrap();
    let staff = text(devices["devices"].get(0).unwrap(), "device_id").unwrap();
    stage.server.command(&["device", "rename", &event.to_string(), staff, "--name", "Zebulon's"]).await.unwrap();
    stage.server.command(&["device", "revoke", &event.to_string(), staff]).await.unwrap();

    let metrics = format!("http://{}/metrics", stage.server.admin_address());
    let metrics = http.get(metrics).send().await.unwrap().text().await.unwrap();
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.contains(" DEBUG ") && log.contains("a device was revoked"), "the log is as full as it gets");
    assert!(metrics.contains("muster_hub_frames_in_total"));
    let secrets = [token.as_str(), forged.as_str(), code.as_str(), "access_token", "Bearer "];
    for secret in PEOPLE.iter().chain(&secrets) {
        for (name, text) in [("log", &log), ("errors", &told), ("metrics", &metrics)] {
            // What a token looks like in the request's own words is no secret.
            if name == "errors" && *secret == "Bearer " {
                continue;
            }
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} is in the {name}");
        }
    }
}
