//! The end.

use super::{CloseReason, Connection, ConnectionOutput, Side, State};
use crate::frame::Frame;
use crate::{PeerId, ProtocolCode};

impl Connection {
    /// Closes, with an `error` frame from a server to a client that can still read it. automerge-repo
    /// servers do not know the type, so a client says nothing.
    pub(super) fn end(
        &mut self,
        reason: CloseReason,
        target: Option<PeerId>,
        can_read: bool,
        output: &mut ConnectionOutput,
    ) {
        let listens = can_read && reason.code != ProtocolCode::PeerLeft;
        if self.side == Side::Server && listens {
            let error = Frame::Error {
                sender: Some(self.config.peer_id.clone()),
                target,
                message: format!("{}: {}", reason.code, reason.detail),
            };
            output.send.push(error.encode());
        }
        self.state = State::Closed;
        output.close = Some(reason);
    }
}
