//! A connection as documents see it: a bounded queue out, and an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use automerge::ChangeHash;
use axum::body::Bytes;
use muster_protocol::{DocumentId, FEATURE_NOTICE, Frame, PeerId, PeerInfo, ProtocolCode, SharedSync, StorageId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::shared::Shared;
use super::stats::Counters;
use super::usage::Share;
use super::{Ending, HubConfig, Principal};

/// Inbound bytes are counted in units of this size.
const UNIT_BYTES: usize = 1_024;

/// With so many frames waiting, a connection has enough to do: what is new is told later, and more at once.
const BEHIND_FRAMES: usize = 2;

/// A frame that waits to be written.
enum Queued {
    /// For this connection alone.
    Own(Bytes),
    /// The same for many connections, made out to the peer when it is written: a thousand phones that read slowly hold one
    /// copy of it.
    Shared(Arc<SharedFrame>),
}

/// A frame for many connections.
pub(super) struct SharedFrame {
    frame: SharedSync,
    _room: OutboundRoom,
}

/// A frame for one connection.
struct OwnFrame {
    frame: Vec<u8>,
    _room: OutboundRoom,
}

impl AsRef<[u8]> for OwnFrame {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

impl Queued {
    /// How many bytes count as waiting.
    fn bytes(&self) -> usize {
        match self {
            Self::Own(frame) => frame.len(),
            Self::Shared(shared) => shared.frame.head().len(),
        }
    }
}

/// The head of a shared frame, kept for as long as somebody still writes it.
struct Head(Arc<SharedFrame>);

impl AsRef<[u8]> for Head {
    fn as_ref(&self) -> &[u8] {
        self.0.frame.head()
    }
}

/// One connection.
pub(crate) struct Link {
    pub(super) id: u64,
    pub(super) principal: Principal,
    pub(super) peer_id: PeerId,
    /// Where it stores documents, if it is worth remembering what it has.
    pub(super) storage: Option<StorageId>,
    reads_notices: bool,
    /// It speaks automerge-repo and nothing of ours.
    pub(super) is_stock: bool,
    /// How many refusals were told to a peer that reads no notices.
    told: AtomicU64,
    queue: mpsc::Sender<Queued>,
    queued_bytes: AtomicUsize,
    limit_bytes: usize,
    retry_after_ms: u64,
    has_ended: AtomicBool,
    ending: watch::Sender<Option<Ending>>,
    counters: Arc<Counters>,
    outbound: OutboundBudget,
    /// What its device takes.
    pub(super) share: Share,
}

/// A frame to write, in two parts: the first may be shared with other connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutFrame {
    /// Most of it.
    pub head: Bytes,
    /// The rest, if there is one.
    pub tail: Bytes,
}

impl OutFrame {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len().saturating_add(self.tail.len())
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// In one piece.
    #[must_use]
    pub fn whole(self) -> Bytes {
        if self.tail.is_empty() { self.head } else { [self.head, self.tail].concat().into() }
    }
}

impl From<Vec<u8>> for OutFrame {
    fn from(frame: Vec<u8>) -> Self {
        Self { head: frame.into(), tail: Bytes::new() }
    }
}

/// The frames that wait to be written.
pub(crate) struct Outbox {
    frames: mpsc::Receiver<Queued>,
    link: Arc<Link>,
}

impl Link {
    pub(super) fn new(
        id: u64,
        principal: Principal,
        peer: &PeerInfo,
        config: &HubConfig,
        (counters, outbound, share): (Arc<Counters>, OutboundBudget, Share),
    ) -> (Arc<Self>, Outbox) {
        let (queue, frames) = mpsc::channel(config.peer_queue.max(1));
        let link = Arc::new(Self {
            id,
            principal,
            peer_id: peer.peer_id.clone(),
            storage: peer.durable_storage().cloned(),
            reads_notices: peer.has_feature(FEATURE_NOTICE),
            is_stock: peer.metadata.muster.is_none(),
            told: AtomicU64::new(0),
            queue,
            queued_bytes: AtomicUsize::new(0),
            limit_bytes: config.peer_queue_bytes,
            retry_after_ms: config.retry_after_ms,
            has_ended: AtomicBool::new(false),
            ending: watch::Sender::new(None),
            counters,
            outbound,
            share,
        });
        let outbox = Outbox { frames, link: Arc::clone(&link) };
        (link, outbox)
    }

    /// Queues a frame. A full queue ends the connection: a sync message is never dropped from a living one.
    pub(super) fn send(&self, frame: Vec<u8>) {
        let frame = OwnFrame { _room: self.outbound.take(frame.len()), frame };
        self.queue(Queued::Own(Bytes::from_owner(frame)));
    }

    /// Queues a frame that others get too.
    pub(super) fn send_shared(&self, frame: &Arc<SharedFrame>) {
        self.queue(Queued::Shared(Arc::clone(frame)));
    }

    /// Whether what is new should wait until the peer has read what it was told.
    pub(super) fn is_behind(&self) -> bool {
        self.queue.max_capacity().saturating_sub(self.queue.capacity()) >= BEHIND_FRAMES
    }

    fn queue(&self, frame: Queued) {
        if self.has_ended() {
            return;
        }
        let bytes = frame.bytes();
        let waiting = self.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
        let has_room = waiting == 0 || waiting.saturating_add(bytes) <= self.limit_bytes;
        if has_room && self.queue.try_send(frame).is_ok() {
            self.counters.frames_out.add(1);
            self.counters.bytes_out.add(bytes);
            return;
        }
        self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        if self.end(self.overload()) {
            self.counters.queue_overflows.add(1);
            tracing::warn!(link = self.id, waiting, "a connection does not read fast enough and is closed");
        }
    }

    /// Tells the peer something about a document, if it reads notices.
    pub(super) fn send_notice(&self, our_id: &PeerId, document: DocumentId, code: &str, detail: &str) {
        if self.reads_notices {
            self.send(self.notice(our_id, document, (code, detail), Vec::new()));
        }
    }

    /// Tells the peer that a document's epoch has ended. One that reads no notices hears that the document is not here.
    pub(super) fn send_replaced(&self, our_id: &PeerId, document: DocumentId) {
        if self.reads_notices {
            let code = ProtocolCode::DocumentReplaced;
            self.send(self.notice(our_id, document, (code.as_str(), code.remedy()), Vec::new()));
        } else {
            let (sender, target) = (our_id.clone(), self.peer_id.clone());
            self.send(Frame::DocUnavailable { sender, target, document }.encode());
        }
    }

    /// Tells the peer why its changes were refused. One that reads no notices gets the notice as what an ephemeral message
    /// holds, which apps on stock clients can listen to: they have no other way to learn of it.
    pub(super) fn send_refusal(
        &self,
        shared: &Shared,
        document: DocumentId,
        why: (&str, &str),
        changes: Vec<ChangeHash>,
    ) {
        let notice = self.notice(&shared.peer_id, document, why, changes);
        if self.reads_notices {
            self.send(notice);
            return;
        }
        let count = self.told.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let (sender, target) = (shared.peer_id.clone(), self.peer_id.clone());
        // Peers drop what does not count on within a session, and our id outlives this process.
        let session = format!("{:016x}-{}", u64::from_be_bytes(shared.surroundings.session), self.id);
        self.send(Frame::Ephemeral { sender, target, document, session, count, data: notice }.encode());
    }

    fn notice(
        &self,
        our_id: &PeerId,
        document: DocumentId,
        (code, detail): (&str, &str),
        changes: Vec<ChangeHash>,
    ) -> Vec<u8> {
        let (sender, target) = (our_id.clone(), self.peer_id.clone());
        let (code, detail) = (code.to_owned(), detail.to_owned());
        Frame::Notice { sender, target, document: Some(document), code, detail, changes }.encode()
    }

    /// Ends the connection, unless it has ended before. What waits in its queue is not written any more.
    pub(super) fn end(&self, ending: Ending) -> bool {
        let first = !self.has_ended.swap(true, Ordering::AcqRel);
        if first {
            self.ending.send_replace(Some(ending));
        }
        first
    }

    pub(super) fn overload(&self) -> Ending {
        Ending::Overload { retry_after_ms: self.retry_after_ms }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Waits until the connection is to end, and says why.
    pub(crate) async fn ended(&self) -> Ending {
        let mut ending = self.ending.subscribe();
        let found = ending.wait_for(Option::is_some).await;
        found.ok().and_then(|ending| ending.clone()).unwrap_or(Ending::Left)
    }
}

impl Outbox {
    /// The next frame to write.
    pub(crate) async fn next(&mut self) -> Option<OutFrame> {
        let frame = self.frames.recv().await?;
        Some(self.made_out(frame))
    }

    /// One more frame, if one waits.
    pub(crate) fn try_next(&mut self) -> Option<OutFrame> {
        let frame = self.frames.try_recv().ok()?;
        Some(self.made_out(frame))
    }

    fn made_out(&self, frame: Queued) -> OutFrame {
        self.link.queued_bytes.fetch_sub(frame.bytes(), Ordering::AcqRel);
        match frame {
            Queued::Own(head) => OutFrame { head, tail: Bytes::new() },
            Queued::Shared(shared) => {
                let tail = shared.frame.tail_for(&self.link.peer_id).into();
                OutFrame { head: Bytes::from_owner(Head(shared)), tail }
            }
        }
    }
}

/// How many bytes of frames are in memory until they are written, each counted once however many connections get it. Who is
/// told what is new is a matter of choice, so this is not waited for: when it [is full](Self::is_full), no more is made.
#[derive(Clone)]
pub(super) struct OutboundBudget {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

/// Room in the [`OutboundBudget`], given back when it is dropped.
struct OutboundRoom {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl OutboundBudget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { taken: Arc::default(), bytes }
    }

    /// A frame that counts once for all who get it.
    pub(super) fn share(&self, frame: SharedSync) -> Arc<SharedFrame> {
        Arc::new(SharedFrame { _room: self.take(frame.head().len()), frame })
    }

    pub(super) fn is_full(&self) -> bool {
        self.taken.load(Ordering::Acquire) >= self.bytes
    }

    fn take(&self, bytes: usize) -> OutboundRoom {
        self.taken.fetch_add(bytes, Ordering::AcqRel);
        OutboundRoom { taken: Arc::clone(&self.taken), bytes }
    }
}

impl Drop for OutboundRoom {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// How many bytes may wait to be worked on.
#[derive(Clone)]
pub(super) struct InboundBudget {
    units: Arc<Semaphore>,
    capacity: u32,
}

impl InboundBudget {
    pub(super) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS.min(1 << 30));
        Self { units: Arc::new(Semaphore::new(units)), capacity: u32::try_from(units).unwrap_or(1) }
    }

    /// Waits for room. A message larger than all of it waits until it is alone.
    pub(super) async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).clamp(1, self.capacity);
        Arc::clone(&self.units).acquire_many_owned(units).await.ok()
    }
}
