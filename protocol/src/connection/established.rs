//! Messages go both ways, each checked for who sent it and whom to.

use super::ephemeral::SeenSessions;
use super::{
    CloseReason, Connection, ConnectionConfig, ConnectionEvent, ConnectionOutput, Next, PeerInfo, PeerMessage, Side,
    State,
};
use crate::frame::Frame;
use crate::{PeerId, ProtocolCode, Timestamp};

#[derive(Debug)]
pub(super) struct Established {
    pub(super) peer: PeerInfo,
    seen: SeenSessions,
}

impl Established {
    pub(super) fn new(peer: PeerInfo, config: &ConnectionConfig) -> Self {
        Self { peer, seen: SeenSessions::new(config.ephemeral_sessions) }
    }
}

/// Whose frame it is and whom for, as far as the type says.
fn parties(frame: &Frame) -> (Option<&PeerId>, Option<&PeerId>) {
    match frame {
        Frame::Join { sender, .. } | Frame::Leave { sender } => (Some(sender), None),
        Frame::Peer { sender, target, .. }
        | Frame::Sync { sender, target, .. }
        | Frame::Request { sender, target, .. }
        | Frame::DocUnavailable { sender, target, .. }
        | Frame::RemoteSubscriptionChange { sender, target, .. }
        | Frame::RemoteHeadsChanged { sender, target, .. }
        | Frame::Notice { sender, target, .. }
        | Frame::Token { sender, target, .. } => (Some(sender), Some(target)),
        // An ephemeral message names its author, who may be somebody behind the peer.
        Frame::Ephemeral { target, .. } => (None, Some(target)),
        Frame::ForeignDocument { kind, target, .. } if kind == "ephemeral" => (None, Some(target)),
        Frame::ForeignDocument { sender, target, .. } => (Some(sender), Some(target)),
        Frame::Error { .. } | Frame::Unknown { .. } => (None, None),
    }
}

impl Connection {
    pub(super) fn while_established(
        &mut self,
        mut state: Box<Established>,
        now: Timestamp,
        event: ConnectionEvent<'_>,
        output: &mut ConnectionOutput,
    ) -> Next {
        let ConnectionEvent::Frame(bytes) = event else {
            return Next::Stay(State::Established(state));
        };
        let frame = match self.decode(bytes, &self.config.limits) {
            Ok(frame) => frame,
            Err(reason) => return Next::Close(reason),
        };
        let (sender, target) = parties(&frame);
        if sender.is_some_and(|sender| *sender != state.peer.peer_id) {
            return Next::Close(CloseReason::new(ProtocolCode::SenderMismatch));
        }
        if target.is_some_and(|target| *target != self.config.peer_id) {
            return Next::Close(CloseReason::new(ProtocolCode::TargetMismatch));
        }
        match frame {
            // JavaScript clients may say join more than once; each time they start over.
            Frame::Join { sender, metadata, versions } if self.side == Side::Server => {
                return self.welcome(now, (sender, metadata), &versions, output);
            }
            Frame::Join { .. } | Frame::Peer { .. } => {
                return Next::Close(CloseReason::new(ProtocolCode::HandshakeOrder));
            }
            Frame::Leave { .. } => return Next::Close(CloseReason::new(ProtocolCode::PeerLeft)),
            // Somebody waits for an answer about something that we cannot have.
            Frame::ForeignDocument { kind, sender, target, document } if kind == "request" || kind == "sync" => {
                let (kind, sender, target) = ("doc-unavailable".to_owned(), target, sender);
                output.send.push(Frame::ForeignDocument { kind, sender, target, document }.encode());
                self.ignored_frames = self.ignored_frames.saturating_add(1);
            }
            frame => match to_message(frame, &mut state.seen) {
                Some(message) => output.deliver.push(message),
                None => self.ignored_frames = self.ignored_frames.saturating_add(1),
            },
        }
        if self.ignored_frames > self.config.unknown_frames {
            return Next::Close(CloseReason::new(ProtocolCode::FrameUnknown));
        }
        Next::Stay(State::Established(state))
    }
}

fn to_message(frame: Frame, seen: &mut SeenSessions) -> Option<PeerMessage> {
    Some(match frame {
        Frame::Sync { document, data, .. } => PeerMessage::Sync { document, data, is_request: false },
        Frame::Request { document, data, .. } => PeerMessage::Sync { document, data, is_request: true },
        Frame::DocUnavailable { document, .. } => PeerMessage::DocUnavailable { document },
        Frame::Ephemeral { sender: author, document, session, count, data, .. } => {
            if !seen.is_new(&author, &session, count) {
                return None;
            }
            PeerMessage::Ephemeral { author, document, session, count, data }
        }
        Frame::RemoteSubscriptionChange { add, remove, .. } => PeerMessage::SubscriptionChange { add, remove },
        Frame::RemoteHeadsChanged { document, heads, .. } => PeerMessage::RemoteHeads { document, heads },
        Frame::Notice { document, code, detail, changes, .. } => {
            PeerMessage::Notice { document, code, detail, changes }
        }
        Frame::Token { token, .. } => PeerMessage::Token { token },
        Frame::Error { message, .. } => PeerMessage::Error { message },
        _ => return None,
    })
}
