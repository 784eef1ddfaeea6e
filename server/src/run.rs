//! Where everything is put together.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::{App, AppState, OpenError};
use crate::audit;
use crate::config::{Config, HttpConfig};
use crate::data_dir::{DataDir, DataDirError};
use crate::erasure::retention;
use crate::limits::Doors;
use crate::router::router;
use crate::serve::{Audience, Entrance, serve};
use crate::tls::{Certificates, TlsError};

/// Files that are open beside connections: the database, its log, the listener, a backup.
const OTHER_FILES: u64 = 64;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// What is in it cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// TLS is asked for and cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: is another program listening there? Name another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Where the server takes connections.
#[derive(Debug)]
pub struct Listeners {
    /// For devices.
    pub public: TcpListener,
    /// For the operator; nothing, if one listener is for all.
    pub admin: Option<TcpListener>,
}

/// Listens where the configuration says.
///
/// # Errors
/// If an address is taken or not of this machine.
pub async fn listen(config: &Config) -> Result<Listeners, RunError> {
    let HttpConfig { listen, admin_listen, .. } = config.http;
    let public = bind(listen).await?;
    let one_for_all = admin_listen == listen && listen.port() != 0;
    let admin = if one_for_all { None } else { Some(bind(admin_listen).await?) };
    Ok(Listeners { public, admin })
}

async fn bind(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}

fn local(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, RunError> {
    listener.local_addr().map_err(|source| RunError::Listen { address, source })
}

/// An opened data directory: it is held for as long as this is.
pub(crate) struct Opened {
    pub(crate) app: AppState,
    pub(crate) data: DataDir,
}

/// Takes the data directory and opens what is in it. Without `listening` there is no server, and links say where one would
/// be.
pub(crate) async fn open(config: Config, listening: Option<SocketAddr>) -> Result<Opened, RunError> {
    let data = DataDir::hold(&config.data.dir)?;
    let public_url = match config.http.public_url.trim_end_matches('/') {
        "" => {
            let scheme = if config.tls.certificate.is_empty() { "http" } else { "https" };
            format!("{scheme}://{}", listening.unwrap_or(config.http.listen))
        }
        url => url.to_owned(),
    };
    let app = App::open(data.path(), config, public_url).await?;
    Ok(Opened { app, data })
}

impl Opened {
    /// Stores everything and lets go of the data directory.
    pub(crate) async fn close(self) {
        self.app.hub.shutdown().await;
        drop(self.app);
        drop(self.data);
    }
}

/// Runs the server until `shutdown` is ready: then no connection is accepted any more, open requests finish, everything is
/// stored, and sync connections are told to come back. Requests are taken as soon as `listeners` accept.
///
/// # Errors
/// If the data directory or what is in it cannot be used.
pub async fn launch(
    config: Config,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let Listeners { public, admin } = listeners;
    let listening = local(&public, config.http.listen)?;
    let administered = admin.as_ref().map_or(Ok(listening), |admin| local(admin, config.http.admin_listen))?;
    let tls = Certificates::open(&config.tls)?;
    let opened = open(config, Some(listening)).await?;
    note_audit_head(&opened.app).await?;
    opened.data.announce(listening, administered)?;
    raise_open_files(opened.app.config.http.max_connections);
    tracing::info!(%listening, admin = %administered, data = %opened.data.path().display(), "muster is ready");
    if !administered.ip().is_loopback() {
        tracing::warn!(admin = %administered, "the operator's listener is not on loopback: keep it from the network");
    }
    let (stop, stopping) = watch::channel(false);
    let stopper = async {
        shutdown.await;
        tracing::info!("muster is stopping");
        stop.send_replace(true);
    };
    // Requests under way still need the hub; it ends the sync connections when they are done.
    let retaining = tokio::spawn({
        let app = Arc::clone(&opened.app);
        async move { retention::run(&app).await }
    });
    let http = &opened.app.config.http;
    let audience = if admin.is_some() { Audience::Public } else { Audience::Admin };
    let entrance = |listener, audience, doors, tls| Entrance {
        listener,
        audience,
        router: router(&opened.app, audience),
        doors,
        tls,
    };
    let public = serve(entrance(public, audience, Arc::clone(&opened.app.doors), tls.clone()), http, stopping.clone());
    let admin = async {
        if let Some(admin) = admin {
            // Doors of its own: however many stand before the others, the operator comes in.
            let doors = Doors::new(&opened.app.config.limits);
            serve(entrance(admin, Audience::Admin, doors, None), http, stopping).await;
        }
    };
    let renewing = async {
        match &tls {
            Some(tls) => tls.renew().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = async { tokio::join!(public, admin, stopper) } => {}
        () = renewing => {}
    }
    opened.app.hub.shutdown().await;
    drop(retaining.await);
    opened.close().await;
    Ok(())
}

/// Writes the end of the audit log into the server's log, which is usually kept elsewhere: `muster audit verify --head`.
async fn note_audit_head(app: &App) -> Result<(), OpenError> {
    if let Some(head) = audit::head(&app.storage).await? {
        tracing::info!(seq = head.seq, hash = hex::encode(head.hash), "the audit log goes on from here");
    }
    Ok(())
}

/// Lets the process have a file for each connection: many systems give 1,024 to whoever does not ask, and ten thousand
/// phones are ten thousand sockets.
fn raise_open_files(max_connections: usize) {
    let wanted = u64::try_from(max_connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(allowed) if allowed >= wanted => {}
        Ok(allowed) => tracing::warn!(
            allowed,
            wanted,
            "the system allows fewer open files than http.max_connections needs: raise the limit (ulimit -Hn)"
        ),
        Err(error) => tracing::warn!(%error, "the number of open files could not be raised"),
    }
}
