//! Frames for the peer of an established connection. All are `None` before and after.

use std::collections::BTreeMap;

use automerge::ChangeHash;

use super::Connection;
use crate::doc_sync::{Outgoing, OutgoingKind};
use crate::frame::{FEATURE_NOTICE, FEATURE_RENEW, Frame, RemoteHeads, Secret, SharedSync};
use crate::{DocumentId, PeerId, StorageId};

/// An ephemeral message on its way to one more peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EphemeralMessage<'a> {
    /// Who wrote it: we ourselves, or the author of what is relayed.
    pub author: &'a PeerId,
    /// Which document.
    pub document: DocumentId,
    /// The author's session.
    pub session: &'a str,
    /// Its number in the session.
    pub count: u64,
    /// CBOR.
    pub data: &'a [u8],
}

impl Connection {
    fn parties(&self) -> Option<(PeerId, PeerId)> {
        self.peer().map(|peer| (self.config.peer_id.clone(), peer.peer_id.clone()))
    }

    /// A sync message made by [`DocSync::generate`](crate::DocSync::generate).
    #[must_use]
    pub fn sync_frame(&self, document: DocumentId, outgoing: Outgoing) -> Option<Vec<u8>> {
        let (sender, target) = self.parties()?;
        let Outgoing { data, kind } = outgoing;
        let frame = match kind {
            OutgoingKind::Sync => Frame::Sync { sender, target, document, data },
            OutgoingKind::Request => Frame::Request { sender, target, document, data },
        };
        Some(frame.encode())
    }

    /// A sync message shared with other peers.
    #[must_use]
    pub fn shared_sync_frame(&self, shared: &SharedSync) -> Option<Vec<u8>> {
        self.peer().map(|peer| shared.for_target(&peer.peer_id))
    }

    /// The document is not here, or not for this peer.
    #[must_use]
    pub fn unavailable_frame(&self, document: DocumentId) -> Option<Vec<u8>> {
        let (sender, target) = self.parties()?;
        Some(Frame::DocUnavailable { sender, target, document }.encode())
    }

    /// An ephemeral message.
    #[must_use]
    pub fn ephemeral_frame(&self, message: &EphemeralMessage<'_>) -> Option<Vec<u8>> {
        let (_, target) = self.parties()?;
        let frame = Frame::Ephemeral {
            sender: message.author.clone(),
            target,
            document: message.document,
            session: message.session.to_owned(),
            count: message.count,
            data: message.data.to_vec(),
        };
        Some(frame.encode())
    }

    /// Storages to hear about from now on, and no longer.
    #[must_use]
    pub fn subscription_frame(&self, add: &[StorageId], remove: &[StorageId]) -> Option<Vec<u8>> {
        let (sender, target) = self.parties()?;
        let (add, remove) = (add.to_vec(), remove.to_vec());
        Some(Frame::RemoteSubscriptionChange { sender, target, add, remove }.encode())
    }

    /// What storages are known to have.
    #[must_use]
    pub fn remote_heads_frame(&self, document: DocumentId, heads: BTreeMap<StorageId, RemoteHeads>) -> Option<Vec<u8>> {
        let (sender, target) = self.parties()?;
        Some(Frame::RemoteHeadsChanged { sender, target, document, heads }.encode())
    }

    /// Why something was refused: a code, words for people, and the changes it is about. `None` also when the peer does
    /// not understand notices.
    #[must_use]
    pub fn notice_frame(
        &self,
        document: Option<DocumentId>,
        (code, detail): (&str, &str),
        changes: &[ChangeHash],
    ) -> Option<Vec<u8>> {
        let (sender, target) = self.parties()?;
        let understands = self.peer().is_some_and(|peer| peer.has_feature(FEATURE_NOTICE));
        let (code, detail, changes) = (code.to_owned(), detail.to_owned(), changes.to_vec());
        understands.then(|| Frame::Notice { sender, target, document, code, detail, changes }.encode())
    }

    /// A fresh access token, with which the connection goes on. `None` also when the peer takes none.
    #[must_use]
    pub fn token_frame(&self, token: Secret) -> Option<Vec<u8>> {
        let (sender, target) = self.parties()?;
        let takes = self.peer().is_some_and(|peer| peer.has_feature(FEATURE_RENEW));
        takes.then(|| Frame::Token { sender, target, token }.encode())
    }
}
