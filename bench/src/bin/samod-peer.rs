//! A sync server of the crate `samod`, as its documentation shows one: for comparison only.

use std::path::PathBuf;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::get;
use samod::Repo;
use samod::storage::TokioFilesystemStorage;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "whoever started it wants to know where it listens")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = std::env::args_os().nth(1).map(PathBuf::from).ok_or("samod-peer: say where to keep the data")?;
    let storage = TokioFilesystemStorage::new(data);
    let repo = Repo::build_tokio().with_storage(storage).load().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let acceptor = repo.make_acceptor(format!("ws://{address}/").parse()?)?;
    let upgrade = move |upgrade: WebSocketUpgrade| {
        let acceptor = acceptor.clone();
        async move {
            upgrade.on_upgrade(move |socket| async move {
                // A repository that has stopped takes nobody in, and this program ends with it.
                drop(acceptor.accept_axum(socket, None));
            })
        }
    };
    println!("{address}");
    use axum::serve::ListenerExt as _;
    // Small frames that are waited for: without Nagle's delay, as ours.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().route("/", get(upgrade))).await?;
    Ok(())
}
