//! The WebSocket itself: the upgrade of a request, messages heard through the library and written past it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message};
use axum::http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame as Closing;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Carried};

use super::carrier::Carrier;
use super::{Outgoing, SocketConfig};

/// What a WebSocket reads into: most frames are some hundred bytes, ten thousand idle phones have one buffer each, and the
/// library fills all of it with zeros before each read.
const READ_BUFFER_BYTES: usize = 2 << 10;

/// So many parts of messages wait for the kernel together; more wait for these.
const WAITING_PARTS: usize = 192;

/// A request that asks for a WebSocket.
#[derive(Debug)]
pub struct Upgrade {
    accept: String,
    on_upgrade: OnUpgrade,
}

/// A request that does not ask for a WebSocket, or in a version that is not 13.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAWebSocket;

impl axum::response::IntoResponse for NotAWebSocket {
    fn into_response(self) -> Response {
        StatusCode::UPGRADE_REQUIRED.into_response()
    }
}

/// Whether a header lists a word, in whatever case.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = NotAWebSocket;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotAWebSocket> {
        let headers = &parts.headers;
        let asks = parts.method == Method::GET
            && lists(headers, CONNECTION, "upgrade")
            && lists(headers, UPGRADE, "websocket")
            && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| asks).ok_or(NotAWebSocket)?;
        let accept = derive_accept_key(key.as_bytes());
        let on_upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(NotAWebSocket)?;
        Ok(Self { accept, on_upgrade })
    }
}

impl Upgrade {
    /// Answers the request, and runs `serve` on the WebSocket. Set TCP_NODELAY on the listener: frames are small and waited
    /// for.
    #[must_use]
    pub fn serve<F, Fut>(self, config: &SocketConfig, serve: F) -> Response
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Self { accept, on_upgrade } = self;
        let largest = config.max_frame_bytes_import.max(config.max_frame_bytes);
        let settings = WebSocketConfig::default()
            .max_message_size(Some(largest))
            .max_frame_size(Some(largest))
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0);
        tokio::spawn(async move {
            match on_upgrade.await {
                Ok(upgraded) => {
                    let carrier = Carrier::new(TokioIo::new(upgraded));
                    let inner = WebSocketStream::from_raw_socket(carrier, Role::Server, Some(settings)).await;
                    serve(WebSocket { inner, is_closing: false }).await;
                }
                Err(error) => tracing::debug!(%error, "a connection ended before it was upgraded"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }
}

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    inner: WebSocketStream<Carrier<TokioIo<Upgraded>>>,
    /// One side has said that it closes: no message may follow.
    is_closing: bool,
}

impl Stream for WebSocket {
    type Item = Result<Message, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let message = match ready!(self.inner.poll_next_unpin(context)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(Some(Err(axum::Error::new(error)))),
                None => return Poll::Ready(None),
            };
            self.is_closing |= matches!(message, Carried::Close(_));
            if let Some(message) = heard(message) {
                return Poll::Ready(Some(Ok(message)));
            }
        }
    }
}

/// What came, as axum names it.
fn heard(message: Carried) -> Option<Message> {
    Some(match message {
        Carried::Binary(bytes) => Message::Binary(bytes),
        Carried::Text(text) => Message::Text(text.as_str().into()),
        Carried::Ping(bytes) => Message::Ping(bytes),
        Carried::Pong(bytes) => Message::Pong(bytes),
        Carried::Close(close) => Message::Close(
            close.map(|close| CloseFrame { code: close.code.into(), reason: close.reason.as_str().into() }),
        ),
        // Never given out by the library.
        Carried::Frame(_) => return None,
    })
}

/// What is to be written and is no frame of ours, as the library names it.
fn carried(message: Message) -> Carried {
    match message {
        Message::Binary(bytes) => Carried::Binary(bytes),
        Message::Text(text) => Carried::Text(text.as_str().into()),
        Message::Ping(bytes) => Carried::Ping(bytes),
        Message::Pong(bytes) => Carried::Pong(bytes),
        Message::Close(close) => Carried::Close(
            close.map(|close| Closing { code: CloseCode::from(close.code), reason: close.reason.as_str().into() }),
        ),
    }
}

impl Sink<Outgoing> for WebSocket {
    type Error = axum::Error;

    /// Ready with everything written that the library has, or behind other messages of ours: the library has not begun a
    /// frame then.
    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        if (1..WAITING_PARTS).contains(&self.inner.get_ref().waiting()) {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush(context)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Outgoing) -> Result<(), axum::Error> {
        match message {
            Outgoing::Frame(_) if self.is_closing => Err(axum::Error::new(Error::AlreadyClosed)),
            Outgoing::Frame(frame) => {
                self.inner.get_mut().queue([frame.head, frame.tail]);
                Ok(())
            }
            Outgoing::Other(message) => {
                self.is_closing |= matches!(message, Message::Close(_));
                self.inner.start_send_unpin(carried(message)).map_err(axum::Error::new)
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        ready!(self.inner.get_mut().poll_drain(context)).map_err(axum::Error::new)?;
        self.inner.poll_flush_unpin(context).map_err(axum::Error::new)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        ready!(self.inner.get_mut().poll_drain(context)).map_err(axum::Error::new)?;
        self.inner.poll_close_unpin(context).map_err(axum::Error::new)
    }
}
