//! Client: from the carrier's opening to the server's `peer`.

use super::established::Established;
use super::{CloseReason, Connection, ConnectionEvent, ConnectionOutput, Next, PeerInfo, PeerMessage, State};
use crate::frame::{Frame, PROTOCOL_VERSION};
use crate::{ProtocolCode, Timestamp};

#[derive(Debug, Default)]
pub(super) struct Connecting {
    /// When `join` was sent.
    joined_at: Option<Timestamp>,
}

impl Connection {
    pub(super) fn while_connecting(
        &mut self,
        state: Connecting,
        now: Timestamp,
        event: ConnectionEvent<'_>,
        output: &mut ConnectionOutput,
    ) -> Next {
        match event {
            ConnectionEvent::Opened => self.say_join(now, output),
            ConnectionEvent::Frame(bytes) => self.hear_peer(state, now, bytes, output),
            ConnectionEvent::Tick => {
                let late = |since| now.ms_since(since) > self.config.handshake_timeout_ms;
                if state.joined_at.is_some_and(late) {
                    return Next::Close(CloseReason::new(ProtocolCode::HandshakeTimeout));
                }
                Next::Stay(State::Connecting(state))
            }
            ConnectionEvent::Text | ConnectionEvent::Closed => Next::Stay(State::Closed),
        }
    }

    fn say_join(&self, now: Timestamp, output: &mut ConnectionOutput) -> Next {
        let join = Frame::Join {
            sender: self.config.peer_id.clone(),
            metadata: self.config.metadata_at(now),
            versions: vec![PROTOCOL_VERSION.to_owned()],
        };
        output.send.push(join.encode());
        Next::Stay(State::Connecting(Connecting { joined_at: Some(now) }))
    }

    fn hear_peer(&mut self, state: Connecting, now: Timestamp, bytes: &[u8], output: &mut ConnectionOutput) -> Next {
        let frame = match self.decode(bytes, &self.handshake_limits()) {
            Ok(frame) => frame,
            Err(reason) => return Next::Close(reason),
        };
        let (sender, target, metadata, version) = match frame {
            Frame::Peer { sender, target, metadata, version } => (sender, target, metadata, version),
            Frame::Error { message, .. } => {
                output.deliver.push(PeerMessage::Error { message });
                return Next::Close(CloseReason::new(ProtocolCode::PeerRefused));
            }
            Frame::Unknown { .. } => {
                self.ignored_frames = self.ignored_frames.saturating_add(1);
                return Next::Stay(State::Connecting(state));
            }
            _ => return Next::Close(CloseReason::new(ProtocolCode::HandshakeOrder)),
        };
        let Some(joined_at) = state.joined_at else {
            return Next::Close(CloseReason::new(ProtocolCode::HandshakeOrder));
        };
        if target != self.config.peer_id {
            return Next::Close(CloseReason::new(ProtocolCode::TargetMismatch));
        }
        if version != PROTOCOL_VERSION {
            return Next::Close(CloseReason::new(ProtocolCode::ProtocolVersion));
        }
        let passed_ms = now.ms_since(joined_at);
        let round_trip_ms = passed_ms.max(0);
        // The server read its clock about half way.
        let half_way = joined_at.as_ms().saturating_add(round_trip_ms / 2);
        let theirs = metadata.muster.as_ref().and_then(|muster| muster.now);
        // Our clock was set meanwhile if it says that this took longer than it may, or no time at all: then half way would
        // be hours off, and so would be everything that is corrected by it.
        let measured = (0..=self.config.handshake_timeout_ms).contains(&passed_ms);
        let theirs = theirs.filter(|_| measured);
        let skew_ms = theirs.map(|theirs| theirs.ms_since(Timestamp::from_ms(half_way)));
        let peer = PeerInfo { peer_id: sender, metadata, skew_ms, round_trip_ms };
        output.deliver.push(PeerMessage::Established(peer.clone()));
        Next::Stay(State::Established(Box::new(Established::new(peer, &self.config))))
    }
}
