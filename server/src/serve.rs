//! Taking connections: HTTP/1.1 with WebSocket upgrades, over TLS if there is a certificate, bounded in number and in the
//! time that a handshake and a head may take.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use crate::config::HttpConfig;
use crate::limits::{Doors, Refusal, Standing};
use crate::tls::Certificates;

/// The largest head of a request.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How long to wait before accepting again when the process is out of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is meant to reach a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Devices and whoever else is on the network. An operator's token is refused here, and what only the operator may do
    /// is not there.
    Public,
    /// The local administrator: everything is there.
    Admin,
}

/// What is known of the connection a request came over.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other end.
    pub address: SocketAddr,
    /// Whom the listener is for that took it.
    pub audience: Audience,
    /// Its share of the open connections; a WebSocket keeps it for as long as it is open.
    pub permit: Arc<OwnedSemaphorePermit>,
    /// What it counts as among those of its address; a WebSocket keeps it too.
    pub standing: Arc<Standing>,
}

/// A listener, and how connections are taken there.
#[derive(Debug)]
pub struct Entrance {
    /// Where they come.
    pub listener: TcpListener,
    /// Whom it is for.
    pub audience: Audience,
    /// What is there.
    pub router: Router,
    /// Who may come in.
    pub doors: Arc<Doors>,
    /// With which certificate, if by TLS.
    pub tls: Option<Arc<Certificates>>,
}

/// Serves until `stopping` turns true, then lets open requests finish for as long as the configuration says.
pub async fn serve(entrance: Entrance, config: &HttpConfig, mut stopping: watch::Receiver<bool>) {
    let Entrance { listener, audience, router, doors, tls } = entrance;
    let permits = Arc::new(Semaphore::new(config.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let header_timeout = Duration::from_millis(config.header_timeout_ms);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
            let place = doors.room().await?;
            Some((listener.accept().await, permit, place))
        };
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            accepted = accepted => accepted,
        };
        let (stream, address, permit, place) = match accepted {
            Some((Ok((stream, address)), permit, place)) => (stream, address, Arc::new(permit), place),
            Some((Err(error), ..)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
            None => break,
        };
        // Behind a proxy is everybody.
        let shared = config.trusted_proxies.trust(address.ip());
        let (doors, router, tls, mut stopping) = (Arc::clone(&doors), router.clone(), tls.clone(), stopping.clone());
        connections.spawn(async move {
            let coming_in = async {
                // That a guest is sent away is counted, and told to nobody: an answer would cost more than the connection.
                let standing = doors.admit(address.ip(), shared, place).await.ok()?;
                let stream = match tls {
                    None => Carried::Plain(plain(stream)),
                    Some(tls) => match tls.accept(plain(stream)).await {
                        Some(stream) => Carried::Tls(Box::new(stream)),
                        None => {
                            doors.refuse(Refusal::Handshake);
                            return None;
                        }
                    },
                };
                Some((standing, stream))
            };
            let come_in = tokio::select! {
                biased;
                // Whoever has not asked anything yet need not be waited for.
                () = stopped(&mut stopping) => None,
                come_in = coming_in => come_in,
            };
            let Some((standing, stream)) = come_in else { return };
            let served =
                Served { peer: Peer { address, audience, permit, standing }, router, header_timeout, stopping };
            match stream {
                Carried::Plain(stream) => served.by(stream).await,
                Carried::Tls(stream) => served.by(stream).await,
            }
        });
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_millis(config.shutdown_grace_ms), finished).await.is_err() {
        tracing::warn!(open = connections.len(), "requests were still open when the server stopped");
        connections.shutdown().await;
    }
}

/// What carries a connection.
enum Carried {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Small frames should not wait for more; that it cannot be set costs only time.
fn plain(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}

/// Ready when the server stops; also when whoever would say so is gone.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// A connection that has come in.
struct Served {
    peer: Peer,
    router: Router,
    header_timeout: Duration,
    stopping: watch::Receiver<bool>,
}

impl Served {
    /// Answers what is asked until the connection ends, or is upgraded.
    async fn by(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let Self { peer, router, header_timeout, mut stopping } = self;
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (router, peer) = (router.clone(), peer.clone());
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(peer);
                let response: Result<_, Infallible> = router.oneshot(request).await;
                response
            }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut serving = pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = stopped(&mut stopping) => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
