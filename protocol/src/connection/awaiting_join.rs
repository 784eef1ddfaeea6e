//! Server: from the carrier's opening to the client's `join`.

use super::established::Established;
use super::{
    CloseReason, Connection, ConnectionEvent, ConnectionOutput, Next, PeerInfo, PeerMessage, State, speaks_our_version,
};
use crate::frame::{Frame, PROTOCOL_VERSION, PeerMetadata};
use crate::{PeerId, ProtocolCode, Timestamp};

#[derive(Debug, Default)]
pub(super) struct AwaitingJoin {
    /// When the carrier opened, or the first event came.
    since: Option<Timestamp>,
}

impl Connection {
    pub(super) fn while_awaiting_join(
        &mut self,
        state: AwaitingJoin,
        now: Timestamp,
        event: ConnectionEvent<'_>,
        output: &mut ConnectionOutput,
    ) -> Next {
        let since = state.since.unwrap_or(now);
        let waiting = State::AwaitingJoin(AwaitingJoin { since: Some(since) });
        match event {
            ConnectionEvent::Opened => Next::Stay(waiting),
            ConnectionEvent::Tick if now.ms_since(since) > self.config.handshake_timeout_ms => {
                Next::Close(CloseReason::new(ProtocolCode::HandshakeTimeout))
            }
            ConnectionEvent::Tick => Next::Stay(waiting),
            ConnectionEvent::Frame(bytes) => match self.decode(bytes, &self.handshake_limits()) {
                Ok(Frame::Join { sender, metadata, versions }) => {
                    self.welcome(now, (sender, metadata), &versions, output)
                }
                Ok(Frame::Leave { .. }) => Next::Close(CloseReason::new(ProtocolCode::PeerLeft)),
                Ok(Frame::Unknown { .. }) => {
                    self.ignored_frames = self.ignored_frames.saturating_add(1);
                    Next::Stay(waiting)
                }
                Ok(_) => Next::Close(CloseReason::new(ProtocolCode::HandshakeOrder)),
                Err(reason) => Next::Close(reason),
            },
            ConnectionEvent::Text | ConnectionEvent::Closed => Next::Stay(State::Closed),
        }
    }

    /// Answers a `join`, the first or a later one of the same peer.
    pub(super) fn welcome(
        &self,
        now: Timestamp,
        (sender, metadata): (PeerId, PeerMetadata),
        versions: &[String],
        output: &mut ConnectionOutput,
    ) -> Next {
        if !speaks_our_version(versions) {
            return Next::Close(CloseReason::new(ProtocolCode::ProtocolVersion));
        }
        if sender == self.config.peer_id {
            return Next::Close(CloseReason::new(ProtocolCode::SenderMismatch));
        }
        let answer = Frame::Peer {
            sender: self.config.peer_id.clone(),
            target: sender.clone(),
            metadata: self.config.metadata_at(now),
            version: PROTOCOL_VERSION.to_owned(),
        };
        output.send.push(answer.encode());
        let theirs = metadata.muster.as_ref().and_then(|muster| muster.now);
        let skew_ms = theirs.map(|theirs| theirs.ms_since(now));
        let peer = PeerInfo { peer_id: sender, metadata, skew_ms, round_trip_ms: 0 };
        output.deliver.push(PeerMessage::Established(peer.clone()));
        Next::Stay(State::Established(Box::new(Established::new(peer, &self.config))))
    }
}
