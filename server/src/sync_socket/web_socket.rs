//! The WebSocket itself: the upgrade of a request, and messages written in pieces.
//!
//! The library copies what it writes into a buffer that never shrinks, so a phone that has once downloaded a document of
//! 300 KB would cost as much memory for as long as it is connected: 700 MB for ten thousand phones (measured with
//! `cargo xtask bench idle`). Large messages therefore go out as several frames (RFC 6455, section 5.4), which every peer
//! puts together again, and only a few KiB are copied at a time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
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
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame as Closing, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Carried};

use super::{Outgoing, SocketConfig};

/// What a WebSocket reads into: most frames are some hundred bytes, ten thousand idle phones have one buffer each, and the
/// library fills all of it with zeros before each read.
const READ_BUFFER_BYTES: usize = 2 << 10;

/// The largest piece of a message.
const PIECE_BYTES: usize = 4 << 10;

/// Small messages and pieces are gathered to this size before they are written.
const WRITE_BUFFER_BYTES: usize = 8 << 10;

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
            .write_buffer_size(WRITE_BUFFER_BYTES);
        tokio::spawn(async move {
            match on_upgrade.await {
                Ok(upgraded) => {
                    let carried = TokioIo::new(upgraded);
                    let inner = WebSocketStream::from_raw_socket(carried, Role::Server, Some(settings)).await;
                    serve(WebSocket { inner, pieces: VecDeque::new() }).await;
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
    inner: WebSocketStream<TokioIo<Upgraded>>,
    /// What is on its way to the library.
    pieces: VecDeque<Carried>,
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

/// A message in pieces.
fn pieces(message: Outgoing) -> VecDeque<Carried> {
    let whole = match message {
        Outgoing::Frame(frame) if frame.len() > PIECE_BYTES => return split([frame.head, frame.tail]),
        Outgoing::Frame(frame) => Carried::Binary(frame.whole()),
        Outgoing::Other(Message::Binary(bytes)) => Carried::Binary(bytes),
        Outgoing::Other(Message::Text(text)) => Carried::Text(text.as_str().into()),
        Outgoing::Other(Message::Ping(bytes)) => Carried::Ping(bytes),
        Outgoing::Other(Message::Pong(bytes)) => Carried::Pong(bytes),
        Outgoing::Other(Message::Close(close)) => Carried::Close(
            close.map(|close| Closing { code: CloseCode::from(close.code), reason: close.reason.as_str().into() }),
        ),
    };
    VecDeque::from([whole])
}

/// Frames that share the memory of the parts.
fn split(parts: [Bytes; 2]) -> VecDeque<Carried> {
    let mut cut: Vec<Bytes> = Vec::new();
    for mut rest in parts {
        while !rest.is_empty() {
            cut.push(rest.split_to(rest.len().min(PIECE_BYTES)));
        }
    }
    let last = cut.len().saturating_sub(1);
    let kind = |at: usize| if at == 0 { Data::Binary } else { Data::Continue };
    let frame = |(at, piece)| Carried::Frame(Frame::message(piece, OpCode::Data(kind(at)), at == last));
    cut.into_iter().enumerate().map(frame).collect()
}

impl WebSocket {
    /// Hands all pieces to the library, which is ready for more then.
    fn poll_hand_over(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            ready!(self.inner.poll_ready_unpin(context))?;
            let Some(piece) = self.pieces.pop_front() else { return Poll::Ready(Ok(())) };
            self.inner.start_send_unpin(piece)?;
        }
    }
}

impl Sink<Outgoing> for WebSocket {
    type Error = axum::Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        self.poll_hand_over(context).map_err(axum::Error::new)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Outgoing) -> Result<(), axum::Error> {
        self.pieces.append(&mut pieces(message));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        ready!(self.poll_hand_over(context)).map_err(axum::Error::new)?;
        self.inner.poll_flush_unpin(context).map_err(axum::Error::new)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        ready!(self.poll_hand_over(context)).map_err(axum::Error::new)?;
        self.inner.poll_close_unpin(context).map_err(axum::Error::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::OutFrame;

    #[test]
    fn a_large_message_goes_out_in_frames_that_make_it_up() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(PIECE_BYTES + 1).collect();
        let (head, tail) = (Bytes::from(bytes.clone()), Bytes::from_static(b"tail"));
        let frames = pieces(Outgoing::Frame(OutFrame { head: head.clone(), tail }));
        let frames: Vec<Frame> = frames
            .into_iter()
            .map(|piece| match piece {
                Carried::Frame(frame) => frame,
                other => panic!("not a piece: {other:?}"),
            })
            .collect();
        let kinds: Vec<_> = frames.iter().map(|frame| (frame.header().opcode, frame.header().is_final)).collect();
        let (first, more) = (OpCode::Data(Data::Binary), OpCode::Data(Data::Continue));
        assert_eq!(kinds, [(first, false), (more, false), (more, true)]);
        assert_eq!(frames[0].payload().as_ptr(), head.as_ptr(), "nothing is copied");
        let made_up: Vec<u8> = frames.iter().flat_map(|frame| frame.payload().to_vec()).collect();
        assert_eq!(made_up, [&bytes[..], b"tail"].concat());
    }

    #[test]
    fn a_small_message_goes_out_whole() {
        let frame = OutFrame { head: Bytes::from_static(b"head "), tail: Bytes::from_static(b"tail") };
        assert_eq!(pieces(Outgoing::Frame(frame)), [Carried::Binary(Bytes::from_static(b"head tail"))]);
    }
}
