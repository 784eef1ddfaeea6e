//! Looks at bytes before Automerge does, at a cost linear in the input.
//!
//! Automerge 0.12 has no limits: 150 bytes can make it divide by zero, 111 bytes can cost 7 s and
//! 900 MB. The guard reads the same structures (Automerge 0.12, `src/storage` and `src/sync`), adds
//! up what they would expand to, and refuses what is over [`GuardLimits`]. It calls no Automerge.
//!
//! The one thing it cannot judge from bytes alone is whether a change's dependencies are known:
//! [`DocLedger`](crate::DocLedger) does that, with the document at hand.

mod change;
mod chunk;
mod column;
mod document;
mod history;
mod inflate;
mod leb128;
mod sync_message;

use std::ops::Range;

use automerge::{Change, ChangeHash, ExpandedChange};

pub use chunk::check_chunks;
pub use sync_message::check_sync_message;

use crate::ProtocolCode;

/// What one message, or one stored chunk list, may hold and expand to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardLimits {
    /// Hashes in each of heads, need, last sync, and in the dependencies of one change.
    pub max_hashes: usize,
    /// `have` entries.
    pub max_have: usize,
    /// Bloom entries allowed whatever the document's size.
    pub bloom_entries_base: u64,
    /// Further Bloom entries for each change the document holds.
    pub bloom_entries_per_stored_change: u64,
    /// Bloom probes; Automerge uses 7. Each costs 4 bytes and a step per stored change.
    pub max_bloom_probes: u64,
    /// Changes.
    pub max_changes: usize,
    /// Operations of one change, and of one whole document.
    pub max_ops_per_change: u64,
    /// Operations of all changes together.
    pub max_ops: u64,
    /// Bytes that all compressed parts together inflate to.
    pub max_inflated_bytes: u64,
    /// Inflated bytes per compressed byte, above the first 64 KiB.
    pub max_inflate_ratio: u64,
    /// Bytes of text (map keys, mark names, messages) after run lengths are written out.
    pub max_text_bytes: u64,
    /// Actors named in one change or document.
    pub max_actors: usize,
    /// Whether chunks with a whole document are taken.
    pub documents: bool,
}

impl GuardLimits {
    /// For a phone's uploads: changes one by one, some thousand of them, none of them big.
    #[must_use]
    pub const fn phone() -> Self {
        Self {
            max_hashes: 4_096,
            max_have: 4,
            bloom_entries_base: 100_000,
            bloom_entries_per_stored_change: 4,
            max_bloom_probes: 32,
            max_changes: 5_000,
            max_ops_per_change: 20_000,
            max_ops: 200_000,
            max_inflated_bytes: 4 << 20,
            max_inflate_ratio: 64,
            max_text_bytes: 8 << 20,
            max_actors: 10_000,
            documents: false,
        }
    }

    /// For importers, for a phone's downloads from its server, and between servers.
    #[must_use]
    pub const fn bulk_import() -> Self {
        Self {
            max_changes: 200_000,
            max_ops_per_change: 500_000,
            max_ops: 5_000_000,
            max_inflated_bytes: 64 << 20,
            max_inflate_ratio: 256,
            max_text_bytes: 64 << 20,
            max_actors: 100_000,
            documents: true,
            ..Self::phone()
        }
    }
}

/// How big the document is that a message is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentSize {
    /// Changes it holds.
    pub stored_changes: u64,
}

/// The format of a sync message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncVersion {
    /// 0x42: a list of change chunks.
    V1,
    /// 0x43: chunks of any kind, possibly a whole document.
    V2,
}

/// The flag section of a sync message. Its presence announces that the sender reads V2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncFlags {
    /// The receiver shall forget which changes it has sent.
    pub reset: bool,
    /// The sender applies nothing.
    pub read_only: bool,
    /// The sender understands `reset`.
    pub supports_reset: bool,
}

/// What a sync message holds, once the guard has let it pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncSummary {
    /// Its format.
    pub version: SyncVersion,
    /// The sender's heads.
    pub heads: Vec<ChangeHash>,
    /// How many changes it asks for by hash.
    pub needs: usize,
    /// How many `have` entries it has.
    pub haves: usize,
    /// What it brings.
    pub chunks: ChunksSummary,
    /// The flag section, if there is one.
    pub flags: Option<SyncFlags>,
}

impl SyncSummary {
    /// The changes, in the order of the message. Those inside document chunks are only counted.
    #[must_use]
    pub fn changes(&self) -> &[ChangeSummary] {
        &self.chunks.changes
    }

    /// Whether it brings changes in any form.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.chunks.changes.is_empty() || !self.chunks.documents.is_empty()
    }

    /// Whether it brings a whole document.
    #[must_use]
    pub fn has_document_chunk(&self) -> bool {
        !self.chunks.documents.is_empty()
    }
}

/// What a list of chunks holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunksSummary {
    /// Change chunks, compressed or not, in order.
    pub changes: Vec<ChangeSummary>,
    /// Document chunks, in order.
    pub documents: Vec<DocumentSummary>,
    /// Operations of all of them.
    pub ops: u64,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSummary {
    /// Its hash, computed from the bytes and equal to its checksum.
    pub hash: ChangeHash,
    /// Its author's actor id.
    pub actor: Vec<u8>,
    /// Its number among the changes of this actor, from 1.
    pub seq: u64,
    /// The number of its first operation.
    pub start_op: u64,
    /// How many operations it has.
    pub ops: u64,
    /// Seconds since the epoch on its author's clock, 0 when not set.
    pub time_s: i64,
    /// What it depends on.
    pub deps: Vec<ChangeHash>,
    /// The other actors whose operations it names, as the bytes have them: each with its length in front.
    other_actors: Vec<u8>,
    /// Where its chunk stands in the checked bytes, header included.
    pub range: Range<usize>,
    /// Whether the chunk is deflated.
    pub compressed: bool,
}

impl ChangeSummary {
    /// The other actors whose operations it names.
    pub fn other_actors(&self) -> impl Iterator<Item = &[u8]> {
        let mut cursor = leb128::Cursor::new(&self.other_actors);
        std::iter::from_fn(move || if cursor.is_empty() { None } else { cursor.prefixed("an actor").ok() })
    }

    /// How many bytes it takes to name them.
    #[must_use]
    pub fn other_actors_bytes(&self) -> usize {
        self.other_actors.len()
    }
}

/// One document chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSummary {
    /// The heads it claims.
    pub heads: Vec<ChangeHash>,
    /// The actors it names.
    pub actors: Vec<Vec<u8>>,
    /// How many changes it holds.
    pub changes: u64,
    /// How many operations it holds.
    pub ops: u64,
    /// Where it stands in the checked bytes, header included.
    pub range: Range<usize>,
}

/// Why the guard refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Cut off, or not the structure it should be.
    #[error("malformed at byte {offset}: {what}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Where, in the part being read.
        offset: usize,
    },
    /// A Bloom filter out of bounds.
    #[error("Bloom filter out of bounds: {what} is {value}")]
    Bloom {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// Compressed data that is broken or inflates beyond its limit.
    #[error("{bytes} compressed bytes inflate to more than {limit}, or not at all")]
    Inflate {
        /// Compressed bytes.
        bytes: usize,
        /// Inflated bytes allowed.
        limit: u64,
    },
    /// Too many operations.
    #[error("{ops} operations, at most {limit} are taken")]
    Ops {
        /// How many (at least).
        ops: u64,
        /// How many may be.
        limit: u64,
    },
    /// A list of hashes, haves or actors is too long.
    #[error("{count} entries in {what}, at most {limit} are taken")]
    Hashes {
        /// Which list.
        what: &'static str,
        /// How long it says it is.
        count: u64,
        /// How long it may be.
        limit: usize,
    },
    /// Too many changes.
    #[error("{changes} changes, at most {limit} are taken")]
    Changes {
        /// How many (at least).
        changes: u64,
        /// How many may be.
        limit: usize,
    },
    /// The checksum of a chunk does not match its content.
    #[error("the checksum of the chunk at byte {offset} does not match")]
    Checksum {
        /// Where the chunk starts.
        offset: usize,
    },
    /// A whole document where only changes are taken.
    #[error("a whole document where only changes are taken")]
    Document,
    /// A chunk type that is not taken.
    #[error("chunk type {kind} is not taken")]
    ChunkType {
        /// Its number.
        kind: u8,
    },
    /// A column that is malformed or expands beyond its limit.
    #[error("column {spec} is malformed or expands beyond its limit")]
    Column {
        /// Its specification number.
        spec: u32,
    },
    /// Texts that expand beyond their limit.
    #[error("{bytes} bytes of text, at most {limit} are taken")]
    Text {
        /// How many (at least).
        bytes: u64,
        /// How many may be.
        limit: u64,
    },
    /// A sequence or operation number that is out of range, or leaves a gap.
    #[error("{what} is out of range or leaves a gap: {value}")]
    Sequence {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// Too many changes that nobody can apply.
    #[error("{orphans} changes wait for unknown ones, at most {limit} may")]
    Orphans {
        /// How many would wait.
        orphans: u64,
        /// How many may.
        limit: u64,
    },
}

impl GuardError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ProtocolCode {
        match self {
            Self::Malformed { .. } => ProtocolCode::GuardMalformed,
            Self::Bloom { .. } => ProtocolCode::GuardBloom,
            Self::Inflate { .. } => ProtocolCode::GuardInflate,
            Self::Ops { .. } => ProtocolCode::GuardOps,
            Self::Hashes { .. } => ProtocolCode::GuardHashes,
            Self::Changes { .. } => ProtocolCode::GuardChanges,
            Self::Checksum { .. } => ProtocolCode::GuardChecksum,
            Self::Document => ProtocolCode::GuardDocument,
            Self::ChunkType { .. } => ProtocolCode::GuardChunkType,
            Self::Column { .. } => ProtocolCode::GuardColumn,
            Self::Text { .. } => ProtocolCode::GuardText,
            Self::Sequence { .. } => ProtocolCode::GuardSequence,
            Self::Orphans { .. } => ProtocolCode::GuardOrphans,
        }
    }
}

/// Whether a change that was decoded was written as Automerge writes it. One change can be written in many ways: in shorter runs, with more rows
/// than there are operations, naming actors that it does not need. Automerge 0.12 takes them all, but stores what they say and
/// not how it was written. When it loads that, it writes the change in its own way, which has another hash: what depends on the
/// change is missing it then, and the document can never be loaded again. So nothing else may be applied.
#[must_use]
pub fn is_in_own_form(change: ExpandedChange) -> bool {
    let hash = change.hash;
    Some(Change::from(change).hash()) == hash
}

#[cfg(test)]
mod tests;
