use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::test_app::{TestApp, config};
use crate::data_dir::{DataDir, DataDirError};
use crate::run::{self, RunError};

#[tokio::test]
async fn two_servers_cannot_have_one_data_directory() {
    let app = TestApp::start().await;
    let config = config(app.dir.path());
    let listeners = run::listen(&config).await.unwrap();
    let error = run::launch(config, listeners, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, RunError::DataDir(DataDirError::Held { .. })), "{error}");
    assert!(error.to_string().contains("another muster holds"), "{error}");
    let dir = app.stop().await;
    let app = TestApp::start_with(dir, |_| {}).await;
    app.stop().await;
}

#[tokio::test]
async fn two_servers_cannot_have_one_address() {
    let app = TestApp::start().await;
    let mut config = config(app.dir.path());
    config.http.listen = app.address;
    let error = run::listen(&config).await.unwrap_err();
    assert!(matches!(error, RunError::Listen { .. }), "{error}");
    config.http.listen = "127.0.0.1:0".parse().unwrap();
    config.http.admin_listen = app.admin;
    let error = run::listen(&config).await.unwrap_err();
    assert!(matches!(error, RunError::Listen { address, .. } if address == app.admin), "{error}");
    app.stop().await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_server_stops() {
    let app = TestApp::start().await;
    assert!(DataDir::running(app.dir.path()).is_some());
    let event = app.event().await;
    let body = "ID,Name\n1,Anna\n";
    let head = format!(
        "POST /api/v1/events/{event}/imports?format=attendees-csv HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\
         authorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        app.operator(),
        body.len()
    );
    let mut stream = TcpStream::connect(app.admin).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    let address = app.admin;
    let stopping = tokio::spawn(app.stop());
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let dir = stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(DataDir::running(dir.path()), None);
    let app = TestApp::start_with(dir, |_| {}).await;
    let counts = app.get(&app.operator(), &format!("/api/v1/events/{event}/counts")).await.json();
    assert_eq!(counts["attendees"], 1, "what was answered is on disk");
    app.stop().await;
}

#[tokio::test]
async fn connections_that_never_ask_do_not_hold_up_the_end() {
    let set = |config: &mut crate::config::Config| config.limits.guests_per_address = 1;
    let app = TestApp::start_with(tempfile::tempdir().unwrap(), set).await;
    // The first has the only turn; the others wait for theirs.
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(app.address).await.unwrap());
    }
    let stopping = tokio::time::timeout(std::time::Duration::from_secs(5), app.stop());
    assert!(stopping.await.is_ok(), "nobody waits for those who have not asked anything");
}
