//! What a WebSocket is written to: frames of ours go past the library, uncopied.
//!
//! The library copies what it writes into a buffer that never shrinks, so a phone that has once downloaded a document of
//! 300 KB would cost as much memory for as long as it is connected: 700 MB for ten thousand phones (measured with
//! `cargo xtask bench idle`). And what a thousand phones are told would be copied a thousand times. So the library reads,
//! and writes only pings, pongs and the close frame; messages are queued here and handed to the kernel as they are.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// As many parts as go into one write.
const PARTS: usize = 16;

/// A connection, and the messages that are on their way to it.
///
/// A message may be [queued](Self::queue) only when everything that the library was given is written, or other messages
/// still wait: then the library has not begun a frame of its own, and will not before the queue is empty.
#[derive(Debug)]
pub(super) struct Carrier<T> {
    inner: T,
    waiting: VecDeque<Bytes>,
}

impl<T> Carrier<T> {
    pub(super) const fn new(inner: T) -> Self {
        Self { inner, waiting: VecDeque::new() }
    }

    /// How many parts of messages wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Queues a binary message, in parts, as one frame (RFC 6455, 5.2): final, not masked, as servers send them.
    pub(super) fn queue(&mut self, parts: [Bytes; 2]) {
        let length = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        self.waiting.push_back(head(length));
        self.waiting.extend(parts.into_iter().filter(|part| !part.is_empty()));
    }

    fn wrote(&mut self, mut bytes: usize) {
        while let Some(first) = self.waiting.front_mut() {
            if bytes < first.len() {
                drop(first.split_to(bytes));
                return;
            }
            bytes = bytes.saturating_sub(first.len());
            self.waiting.pop_front();
        }
        // Nothing is kept for a phone that is idle.
        self.waiting = VecDeque::new();
    }
}

/// The head of a frame with so many bytes.
fn head(length: usize) -> Bytes {
    const FINAL_BINARY: u8 = 0x82;
    let mut head = vec![FINAL_BINARY];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..=125), _) => head.push(length),
        (_, Ok(length)) => {
            head.push(126);
            head.extend(length.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    head.into()
}

impl<T: AsyncWrite + Unpin> Carrier<T> {
    /// Hands all messages to the kernel.
    pub(super) fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let mut parts = [IoSlice::new(&[]); PARTS];
            for (part, bytes) in parts.iter_mut().zip(&self.waiting) {
                *part = IoSlice::new(bytes);
            }
            let wrote = ready!(Pin::new(&mut self.inner).poll_write_vectored(context, &parts))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote(wrote);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Carrier<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, into)
    }
}

/// What the library writes, which waits for the messages before it.
impl<T: AsyncWrite + Unpin> AsyncWrite for Carrier<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    use super::*;

    /// Reads what was written as a client does.
    fn read(written: Vec<u8>) -> Vec<Vec<u8>> {
        let mut socket = WebSocket::from_raw_socket(io::Cursor::new(written), Role::Client, None);
        std::iter::from_fn(|| socket.read().ok()).map(|message| message.into_data().to_vec()).collect()
    }

    #[tokio::test]
    async fn messages_of_every_size_arrive_as_they_were_through_a_narrow_pipe() {
        let (ours, mut theirs) = tokio::io::duplex(7);
        let mut carrier = Carrier::new(ours);
        let sizes = [0, 1, 125, 126, 65_535, 65_536];
        let messages: Vec<Vec<u8>> = sizes.iter().map(|size| (0..=u8::MAX).cycle().take(*size).collect()).collect();
        for message in &messages {
            let (head, tail) = message.split_at(message.len() / 3);
            carrier.queue([Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)]);
        }
        let writing = async {
            // A ping of the library's, which comes after what was queued before it.
            carrier.write_all(&[0x89, 0]).await.unwrap();
            carrier.shutdown().await.unwrap();
            assert_eq!(carrier.waiting(), 0);
        };
        let mut written = Vec::new();
        let (_, read_all) = tokio::join!(writing, theirs.read_to_end(&mut written));
        read_all.unwrap();
        assert!(written.ends_with(&[0x89, 0]));
        let mut heard = read(written);
        assert_eq!(heard.pop(), Some(Vec::new()), "the ping");
        assert_eq!(heard, messages);
    }

    #[tokio::test]
    async fn a_message_is_not_copied() {
        let shared = Bytes::from_static(&[7; 1_000]);
        let mut carrier = Carrier::new(Vec::new());
        carrier.queue([shared.clone(), Bytes::from_static(b"tail")]);
        let queued: Vec<*const u8> = carrier.waiting.iter().map(|part| part.as_ptr()).collect();
        assert!(queued.contains(&shared.as_ptr()));
        carrier.flush().await.unwrap();
        assert_eq!(carrier.inner.len(), 4 + 1_000 + 4);
    }
}
