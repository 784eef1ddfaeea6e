use std::path::Path;

use clap::Parser;
use serde_json::{Value, json};

use super::test_app::{ATTENDEES, SCHEDULE, TestApp};
use crate::cli::{Arguments, CliError, run_with};
use crate::config::{Config, ConfigError};
use crate::data_dir::DataDir;

pub(super) async fn muster(data: &Path, line: &[&str]) -> Result<String, CliError> {
    let mut words = vec!["muster", "--data", data.to_str().unwrap()];
    words.extend(line);
    let arguments = Arguments::try_parse_from(words).unwrap();
    let mut output = Vec::new();
    run_with(arguments, [], &mut output).await.map(|()| String::from_utf8(output).unwrap())
}

pub(super) async fn muster_json(data: &Path, line: &[&str]) -> Value {
    let line: Vec<&str> = line.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&muster(data, &line).await.unwrap()).unwrap()
}

/// An event with a programme and attendees, made by commands alone; gives its id.
async fn filled(data: &Path, files: &Path) -> String {
    let (schedule, attendees) = (files.join("schedule.xml"), files.join("attendees.csv"));
    std::fs::write(&schedule, SCHEDULE).unwrap();
    std::fs::write(&attendees, ATTENDEES).unwrap();
    let create = ["event", "create", "--name", "Baltic Summit", "--acronym", "baltic", "--time-zone", "Europe/Riga"];
    let event = muster_json(data, &create).await["event_id"].as_str().unwrap().to_owned();
    let files = [schedule.to_str().unwrap(), attendees.to_str().unwrap()];
    let imported = muster_json(data, &["event", "import", &event, files[0], files[1]]).await;
    assert_eq!(imported["imports"][0]["collections"]["sessions"]["created"], 2);
    assert_eq!(imported["imports"][1]["collections"]["attendees"]["created"], 3);
    let again = muster(data, &["event", "import", &event, files[0]]).await.unwrap();
    assert!(again.contains("Nothing changed."), "{again}");
    event
}

#[tokio::test]
async fn commands_say_the_same_with_and_without_a_server() {
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let event = filled(dir.path(), files.path()).await;
    let lines: [&[&str]; 7] = [
        &["event", "list"],
        &["event", "list", "--json"],
        &["device", "list", &event],
        &["event", "export", &event, "--format", "schedule-xml"],
        &["event", "export", &event, "--format", "attendees-csv"],
        &["event", "export", &event, "--format", "schedule-json"],
        &["event", "import", &event, files.path().join("schedule.xml").to_str().unwrap().to_owned().leak()],
    ];
    let mut alone = Vec::new();
    for line in lines {
        alone.push(muster(dir.path(), line).await.unwrap());
    }
    let app = TestApp::start_with(dir, |_| {}).await;
    for (line, alone) in lines.into_iter().zip(alone) {
        assert_eq!(muster(app.dir.path(), line).await.unwrap(), alone, "{line:?}");
    }
    let refused = |error: CliError| match error {
        CliError::Refused(body) => body.code,
        other => panic!("{other}"),
    };
    let unknown = ["event", "export", &event, "--format", "../../../healthz"];
    assert_eq!(refused(muster(app.dir.path(), &unknown).await.unwrap_err()), "format_unknown");
    let dir = app.stop().await;
    assert_eq!(refused(muster(dir.path(), &unknown).await.unwrap_err()), "format_unknown");
}

#[tokio::test]
async fn a_device_is_added_listed_and_revoked_by_commands() {
    let app = TestApp::start().await;
    let event = app.event().await.to_string();
    let add = ["device", "add", &event, "--role", "staff", "--name", "Gate A"];
    let said = muster(app.dir.path(), &add).await.unwrap();
    let code = said.lines().next().unwrap().strip_prefix("Code:  ").unwrap();
    assert!(said.contains(&format!("http://{}/enrol#{code}", app.address)), "{said}");
    let enrolled = app.post("", "/api/v1/devices/enrol", &json!({ "code": code })).await.json();
    let (token, id) = (enrolled["access_token"].as_str().unwrap(), enrolled["device_id"].as_str().unwrap());
    let listed = muster(app.dir.path(), &["device", "list", &event]).await.unwrap();
    assert!(listed.contains(id) && listed.contains("Gate A"), "{listed}");
    let renamed = muster(app.dir.path(), &["device", "rename", &event, id, "--name", "Gate B"]).await.unwrap();
    assert_eq!(renamed, format!("Device {id} is called Gate B now.\n"));
    let listed = muster(app.dir.path(), &["device", "list", &event]).await.unwrap();
    assert!(listed.contains("Gate B") && !listed.contains("Gate A"), "{listed}");
    muster(app.dir.path(), &["device", "revoke", &event, id]).await.unwrap();
    assert_eq!(app.get(token, "/api/v1/events").await.code(), "device_revoked");
    let counted = muster(app.dir.path(), &["event", "counts", &event]).await.unwrap();
    assert!(counted.contains("Entrance"), "{counted}");
    app.stop().await;
}

#[tokio::test]
async fn a_backup_by_command_runs() {
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let event = filled(dir.path(), files.path()).await;
    let target = files.path().join("backup");
    muster(dir.path(), &["backup", target.to_str().unwrap()]).await.unwrap();
    let export = ["event", "export", &event, "--format", "attendees-csv"];
    assert_eq!(muster(&target, &export).await.unwrap(), muster(dir.path(), &export).await.unwrap());
}

#[tokio::test]
async fn an_export_goes_to_a_file_if_one_is_named() {
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let event = filled(dir.path(), files.path()).await;
    let file = files.path().join("out.xml");
    let line = ["event", "export", &event, "--format", "schedule-xml", "--output", file.to_str().unwrap()];
    assert_eq!(muster(dir.path(), &line).await.unwrap(), "");
    let printed = muster(dir.path(), &line[..5]).await.unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), printed);
}

#[tokio::test]
async fn a_held_directory_without_a_server_is_said_to_be_busy() {
    let dir = tempfile::tempdir().unwrap();
    let held = DataDir::hold(dir.path()).unwrap();
    let error = muster(dir.path(), &["event", "list"]).await.unwrap_err();
    assert!(matches!(error, CliError::Busy { .. }), "{error}");
    drop(held);
    muster(dir.path(), &["event", "list"]).await.unwrap();
}

#[tokio::test]
async fn every_option_is_printed_with_its_value() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("muster.toml"), "[import]\nparallel = 7\n").unwrap();
    let said = muster(dir.path(), &["config"]).await.unwrap();
    for option in Config::options() {
        assert!(said.contains(option.variable), "{}", option.key);
    }
    assert!(said.contains("parallel = \"7\"    # "), "{said}");
    let printed = muster_json(dir.path(), &["--set", "log.format=json", "config"]).await;
    let printed = printed["options"].as_array().unwrap();
    let value = |key: &str| printed.iter().find(|option| option["option"] == key).unwrap()["value"].clone();
    assert_eq!((value("log.format"), value("import.parallel")), (json!("json"), json!("7")));
    assert_eq!(printed.len(), Config::options().len());
}

#[tokio::test]
async fn an_unknown_option_stops_every_command() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("muster.toml"), "[http]\nprot = 1\n").unwrap();
    let error = muster(dir.path(), &["event", "list"]).await.unwrap_err();
    assert!(matches!(error, CliError::Config(ConfigError::UnknownKey { .. })), "{error}");
    assert!(error.to_string().contains("muster.toml: line 2: there is no option http.prot"), "{error}");
    let other = tempfile::tempdir().unwrap();
    let error = muster(other.path(), &["--set", "http.prot=1", "event", "list"]).await.unwrap_err();
    assert_eq!(error.to_string(), "flag --set: there is no option http.prot: `muster config` lists all there are");
}

#[tokio::test]
async fn the_first_coordinator_is_made_by_a_command() {
    let app = TestApp::start().await;
    let event = app.event().await.to_string();
    let file = app.dir.path().join("password");
    std::fs::write(&file, "correct horse battery\nnot this\n").unwrap();
    let create = ["admin", "create", &event, "--name", "anna", "--password-file", file.to_str().unwrap()];
    let said = muster(app.dir.path(), &create).await.unwrap();
    assert!(said.contains("anna") && said.contains("coordinator"), "{said}");
    let body = json!({"name": "anna", "password": "correct horse battery"});
    assert_eq!(app.post("", "/api/v1/login", &body).await.json()["role"], "coordinator");
    let said = muster(app.dir.path(), &["admin", "invite", &event, "--role", "finance"]).await.unwrap();
    assert!(said.contains("/invite#"), "{said}");
    let listed = muster_json(app.dir.path(), &["admin", "list", &event]).await;
    let account = listed["accounts"][0]["account_id"].as_str().unwrap().to_owned();
    muster(app.dir.path(), &["admin", "remove", &event, &account]).await.unwrap();
    assert_eq!(app.post("", "/api/v1/login", &body).await.code(), "forbidden");
    app.stop().await;
}
