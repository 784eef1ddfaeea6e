//! How replicas talk: wire frames, guard and sync session, without I/O.
//!
//! This crate is a function of (state, now, event): it has no socket, no clock, no randomness and no
//! storage, knows nothing of what the documents mean, and is the same in the server, on a phone and
//! in a browser. `docs/PROTOCOL.md` has the wire itself; this page shows how to build a shell around
//! the crate.
//!
//! # The parts, in the order in which a byte meets them
//!
//! 1. [`Connection`] takes the binary messages of one carrier (a WebSocket, a LAN socket). It does
//!    the handshake, checks who sends what to whom, measures the clock skew, and delivers
//!    [`PeerMessage`]s. Whatever it puts in [`ConnectionOutput::send`] goes out first, then
//!    [`deliver`](ConnectionOutput::deliver) is handled, then [`close`](ConnectionOutput::close).
//! 2. [`guard::check_sync_message`] looks at the bytes of a sync message before Automerge does:
//!    Automerge 0.12 can be made to panic or to take gigabytes by a hundred bytes. It gives a
//!    [`guard::SyncSummary`]: heads, and of each change its hash, author, number and size, for the
//!    owner's rules of admission.
//! 3. [`DocLedger`], one per open document, judges what bytes alone do not show: changes that would
//!    wait for ever, and numbers that Automerge would panic at.
//! 4. [`DocSync`], one per connection and document, takes the message in
//!    ([`receive`](DocSync::receive)) and makes the next one ([`generate`](DocSync::generate)).
//! 5. [`FanOut`], [`Whole`] and [`encode_sync_shared`] make one message for many peers.
//! 6. [`RemoteHeadsBook`] remembers who is known to have what.
//!
//! Beside them stand [`Frame`], the wire format alone, and [`ProtocolCode`], the list of everything
//! that can go wrong, each with its retry class and remedy.
//!
//! # A shell
//!
//! What a server does with one message (the phone's shell is the same, with
//! [`Connection::client`] and [`GuardLimits::bulk_import`](guard::GuardLimits::bulk_import)):
//!
//! ```
//! use automerge::Automerge;
//! use muster_protocol::guard::{GuardLimits, check_sync_message};
//! use muster_protocol::{
//!     Connection, ConnectionEvent, DocLedger, DocSync, DocumentId, PeerMessage, ProtocolCode, Timestamp,
//! };
//!
//! struct Open {
//!     doc: Automerge,
//!     ledger: DocLedger,
//!     sync: DocSync,
//! }
//!
//! /// Handles one binary message; returns what goes out. `persist` commits what lies between two
//! /// sets of heads and only then returns.
//! fn on_message(
//!     connection: &mut Connection,
//!     open: &mut Open,
//!     (now, bytes): (Timestamp, &[u8]),
//!     persist: &mut dyn FnMut(&Automerge),
//! ) -> Vec<Vec<u8>> {
//!     let mut output = connection.handle(now, ConnectionEvent::Frame(bytes));
//!     for message in std::mem::take(&mut output.deliver) {
//!         let PeerMessage::Sync { document, data, is_request } = message else { continue };
//!         match take_in(open, &data, is_request) {
//!             Ok(document_changed) => {
//!                 // Persist before you speak: the heads in the next message are a promise.
//!                 if document_changed {
//!                     persist(&open.doc);
//!                 }
//!                 output.send.extend(answer(connection, open, document));
//!             }
//!             Err(code) => output.send.extend(connection.close(code, code.remedy()).send),
//!         }
//!     }
//!     output.send
//! }
//!
//! fn take_in(open: &mut Open, data: &[u8], is_request: bool) -> Result<bool, ProtocolCode> {
//!     let limits = GuardLimits::phone();
//!     open.ledger.refresh(&open.doc);
//!     let summary =
//!         check_sync_message(data, &limits, &open.ledger.size()).map_err(|error| error.code())?;
//!     // Here the owner's rules look at `summary.changes()`: who wrote them, and may they?
//!     open.ledger.admit(&open.doc, summary.changes()).map_err(|error| error.code())?;
//!     if is_request {
//!         open.sync.peer_requests();
//!     }
//!     let received =
//!         open.sync.receive(&mut open.doc, &summary, data).map_err(|error| error.code())?;
//!     Ok(received.has_new_heads())
//! }
//!
//! fn answer(connection: &Connection, open: &mut Open, document: DocumentId) -> Option<Vec<u8>> {
//!     if open.sync.take_unavailable_answer(&open.doc, false) {
//!         return connection.unavailable_frame(document);
//!     }
//!     let outgoing = open.sync.generate(&open.doc)?;
//!     connection.sync_frame(document, outgoing)
//! }
//! ```
//!
//! # What the owner must keep to
//!
//! - **Order.** A carrier is reliable and ordered, and so is the owner: messages of a connection are
//!   handled one after the other, and a generated message is sent or the connection is closed. When
//!   a queue is full, close with [`ProtocolCode::Overload`].
//! - **Durability.** Nothing is generated between [`DocSync::receive`] and the commit of what it
//!   applied. Then the heads a peer reads mean "on disk", and [`acknowledged`] tells the peer which of
//!   its changes are.
//! - **Fresh sessions.** Every [`PeerMessage::Established`] starts new [`DocSync`]s, also when the
//!   same peer was connected a moment ago: an old one would make both sides talk for ever. With
//!   [`DocSync::encode_state`] and [`DocSync::resume`] they start where they had stopped.
//! - **One guard for all bytes.** Stored chunks go through [`guard::check_chunks`] as well.
//! - **Refusal.** Changes of a peer that may not write are handed back by `receive`
//!   ([`RefusedChanges`]) and the session turns read-only. Where the owner's rules refuse single
//!   changes, it calls [`DocSync::turn_read_only`] before `receive`, so that none is applied.
//!
//! # Fan-out
//!
//! A hub gathers what its phones write for a short tick, persists it, and then makes one [`FanOut`]
//! from the heads before to the heads after:
//!
//! ```
//! # use automerge::{Automerge, ChangeHash};
//! # use muster_protocol::{Connection, DocSync, DocumentId, FanOut, PeerId, encode_sync_shared};
//! fn tick(
//!     doc: &Automerge,
//!     (document, us, before): (DocumentId, &PeerId, &[ChangeHash]),
//!     peers: &mut [(Connection, DocSync)],
//! ) -> Vec<Vec<u8>> {
//!     let fan_out = FanOut::new(doc, before, &doc.get_heads());
//!     let shared = encode_sync_shared(us, &document, fan_out.data());
//!     let mut frames = Vec::new();
//!     for (connection, sync) in peers {
//!         let frame = if sync.accept_fan_out(&fan_out).is_some() {
//!             connection.shared_sync_frame(&shared)
//!         } else {
//!             sync.generate(doc).and_then(|outgoing| connection.sync_frame(document, outgoing))
//!         };
//!         frames.extend(frame);
//!     }
//!     frames
//! }
//! ```

mod code;
pub mod connection;
pub mod doc_sync;
mod document_id;
mod frame;
pub mod guard;
mod ids;
pub mod ledger;
mod remote_heads;
mod timestamp;

pub use code::{ProtocolCode, RetryClass};
pub use connection::{
    CloseReason, Connection, ConnectionConfig, ConnectionEvent, ConnectionOutput, EphemeralMessage, PeerInfo,
    PeerMessage,
};
pub use doc_sync::{
    DocSync, DocSyncOptions, FanOut, Outgoing, OutgoingKind, Phase, Received, RefusedChanges, Role, SyncError, Whole,
    acknowledged, has_change, load_apart,
};
pub use document_id::{DocumentId, DocumentIdError};
pub use frame::{
    FEATURE_NOTICE, FEATURE_RENEW, Frame, FrameError, FrameLimits, MusterMetadata, PROTOCOL_VERSION, PeerMetadata,
    RemoteHeads, Secret, SharedSync, encode_sync_shared,
};
pub use ids::{IdError, MAX_ID_BYTES, PeerId, StorageId};
pub use ledger::{DocLedger, PendingLimits};
pub use remote_heads::{Noted, RemoteHeadsBook, RemoteHeadsLimits};
pub use timestamp::Timestamp;
