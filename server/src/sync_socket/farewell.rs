//! The end of a connection: why, to whom can read it, and no longer than it may take.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;

use super::{Outgoing, Socket, SocketConfig};
use crate::hub::Ending;

/// Says why and closes. What the peer still sends is read and dropped until it has closed too: a carrier that is shut with
/// bytes unread may lose what was written last.
pub(super) async fn say<S: Socket>(
    words: Vec<Vec<u8>>,
    (mut sink, mut stream): (SplitSink<S, Outgoing>, SplitStream<S>),
    ending: &Ending,
    config: &SocketConfig,
) {
    let close = CloseFrame { code: ending.close_code(), reason: ending.close_reason().into() };
    let farewell = async {
        for word in words {
            sink.feed(Outgoing::Frame(word.into())).await?;
        }
        sink.send(Outgoing::Other(Message::Close(Some(close)))).await?;
        while let Some(Ok(message)) = stream.next().await {
            if matches!(message, Message::Close(_)) {
                break;
            }
        }
        Ok::<(), axum::Error>(())
    };
    // A peer that does not read its farewell in time has lost it.
    drop(timeout(Duration::from_millis(config.close_timeout_ms), farewell).await);
}
