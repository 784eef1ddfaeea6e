//! How replicas talk: wire frames, guard and sync session, without I/O.

mod code;
pub mod connection;
pub mod doc_sync;
mod document_id;
mod frame;
pub mod guard;
mod ids;
mod ledger;
mod remote_heads;
mod timestamp;

pub use code::{ProtocolCode, RetryClass};
pub use connection::{
    CloseReason, Connection, ConnectionConfig, ConnectionEvent, ConnectionOutput, EphemeralMessage,
    PeerInfo, PeerMessage,
};
pub use doc_sync::{
    DocSync, DocSyncOptions, FanOut, Outgoing, OutgoingKind, Phase, Received, RefusedChanges, Role,
    SyncError, acknowledged,
};
pub use document_id::{DocumentId, DocumentIdError};
pub use frame::{
    FEATURE_NOTICE, Frame, FrameError, FrameLimits, MusterMetadata, PROTOCOL_VERSION, PeerMetadata,
    RemoteHeads, SharedSync, encode_sync_shared,
};
pub use ids::{IdError, MAX_ID_BYTES, PeerId, StorageId};
pub use ledger::{DocLedger, PendingLimits};
pub use remote_heads::{Noted, RemoteHeadsBook, RemoteHeadsLimits};
pub use timestamp::Timestamp;
