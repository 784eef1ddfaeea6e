//! Frames over WebSocket (RFC 6455), TLS by rustls.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use muster_client_core::event::DownReason;
use muster_client_core::exchange;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::carrier::{BoxFuture, Carrier, CarrierError, Link, LinkEnd, Target};

/// The largest frame taken from a server.
pub const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

/// How long the opening handshake may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// After how long without a byte or a pong from the server the link counts as dead.
pub const SILENCE_TIMEOUT: Duration = Duration::from_secs(20);

/// How often the server is asked whether it is still there. The server asks too, but a phone whose network has gone hears
/// nothing of that.
pub const PING_INTERVAL: Duration = Duration::from_secs(7);

/// Carries frames over WebSocket.
#[derive(Debug, Clone)]
pub struct WebSocketCarrier {
    tls: Arc<rustls::ClientConfig>,
}

/// A root certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the extra root certificate is not a PEM certificate that can be used")]
pub struct RootCertificateError;

impl WebSocketCarrier {
    /// A carrier that trusts the usual certificate authorities (Mozilla's list) and `extra_roots`, PEM certificates: a
    /// venue's own server may have one that no public authority has signed.
    ///
    /// # Errors
    /// If one of `extra_roots` is not a PEM certificate.
    pub fn new(extra_roots: &[Vec<u8>]) -> Result<Self, RootCertificateError> {
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for pem in extra_roots {
            let certificate = CertificateDer::from_pem_slice(pem).map_err(|_| RootCertificateError)?;
            roots.add(certificate).map_err(|_| RootCertificateError)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| RootCertificateError)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls) })
    }
}

/// What asks over HTTP and trusts the same authorities and `extra_roots` as a [`WebSocketCarrier`].
///
/// # Errors
/// If one of `extra_roots` is not a PEM certificate.
pub fn http_client(extra_roots: &[Vec<u8>]) -> Result<reqwest::Client, RootCertificateError> {
    let mut builder = reqwest::Client::builder();
    for pem in extra_roots {
        let certificate = reqwest::Certificate::from_pem(pem).map_err(|_| RootCertificateError)?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|_| RootCertificateError)
}

impl Carrier for WebSocketCarrier {
    fn connect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Link, CarrierError>> {
        Box::pin(async move {
            let mut request = target.sync_url.as_str().into_client_request().map_err(|_| CarrierError::BadAddress)?;
            let bearer = format!("Bearer {}", target.token.reveal());
            let bearer = HeaderValue::from_str(&bearer).map_err(|_| CarrierError::BadAddress)?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
            let config = WebSocketConfig::default()
                .max_message_size(Some(MAX_FRAME_BYTES))
                .max_frame_size(Some(MAX_FRAME_BYTES));
            let connector = Connector::Rustls(self.tls.clone());
            let opening = connect_async_tls_with_config(request, Some(config), true, Some(connector));
            let (socket, _) = tokio::time::timeout(CONNECT_TIMEOUT, opening)
                .await
                .map_err(|_| CarrierError::Unreachable)?
                .map_err(|error| why_not(&error))?;
            let (link, end) = Link::new();
            tokio::spawn(pump(socket, end));
            Ok(link)
        })
    }
}

fn why_not(error: &WsError) -> CarrierError {
    match error {
        WsError::Http(response) => match response.status().as_u16() {
            status @ (400..=499) if status != 429 => CarrierError::Refused { status },
            _ => CarrierError::Unreachable,
        },
        WsError::Url(_) | WsError::HttpFormat(_) => CarrierError::BadAddress,
        WsError::Tls(_) => CarrierError::Untrusted,
        // rustls reports a certificate that does not hold as an I/O error of kind InvalidData.
        WsError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => CarrierError::Untrusted,
        _ => CarrierError::Unreachable,
    }
}

/// What the reason in a close frame means for the carrier.
fn why_closed(reason: &str) -> CarrierError {
    match exchange::closed(reason) {
        DownReason::Unauthorized => CarrierError::Refused { status: 401 },
        DownReason::RetryAfter { ms } => CarrierError::RetryAfter { ms },
        DownReason::Closed => CarrierError::Ended,
    }
}

/// Moves frames until either side ends the link. What was handed over before the client closed it is still sent.
async fn pump(mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>, mut end: LinkEnd) {
    let mut ping = tokio::time::interval(PING_INTERVAL);
    let mut heard_at = tokio::time::Instant::now();
    let reason = loop {
        tokio::select! {
            message = socket.next() => {
                heard_at = tokio::time::Instant::now();
                let frame = match message {
                    Some(Ok(Message::Binary(frame))) => frame,
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Ok(Message::Text(_))) | Some(Err(WsError::Capacity(_))) => break CarrierError::NotAFrame,
                    Some(Ok(Message::Close(Some(close)))) => break why_closed(&close.reason),
                    Some(Ok(Message::Close(None)) | Err(_)) | None => break CarrierError::Ended,
                };
                if end.deliver.send(Ok(frame.into())).await.is_err() {
                    break CarrierError::Ended;
                }
            }
            frame = end.to_send.recv() => {
                let Some(frame) = frame else { break CarrierError::Ended };
                // A network that takes nothing any more must not hold the link open for ever.
                let sending = tokio::time::timeout(SILENCE_TIMEOUT, socket.send(Message::Binary(frame.into())));
                if !matches!(sending.await, Ok(Ok(()))) {
                    break CarrierError::Ended;
                }
            }
            _ = ping.tick() => {
                let silent = heard_at.elapsed() > SILENCE_TIMEOUT;
                if silent || socket.send(Message::Ping(Default::default())).await.is_err() {
                    break CarrierError::Ended;
                }
            }
        }
    };
    // Whoever listens may be gone already; then nobody needs the reason.
    let _ = end.deliver.try_send(Err(reason));
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(None)).await;
}

#[cfg(test)]
mod tests;
