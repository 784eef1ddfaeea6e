//! Chunks: magic bytes, checksum, type, length, body.

use automerge::ChangeHash;
use sha2::{Digest, Sha256};

use super::inflate::InflateBudget;
use super::leb128::Cursor;
use super::{ChunksSummary, GuardError, GuardLimits, change, document};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DOCUMENT: u8 = 0;
const CHANGE: u8 = 1;
const COMPRESSED_CHANGE: u8 = 2;

/// What may still be spent in this message.
pub(super) struct Budget<'l> {
    pub(super) limits: &'l GuardLimits,
    pub(super) inflate: InflateBudget,
    ops: u64,
    changes: u64,
    text_bytes: u64,
}

impl<'l> Budget<'l> {
    pub(super) const fn new(limits: &'l GuardLimits) -> Self {
        let inflate = InflateBudget::new(limits);
        Self { limits, inflate, ops: 0, changes: 0, text_bytes: 0 }
    }

    /// Adds the operations of one change or document.
    pub(super) fn change_ops(&mut self, ops: u64) -> Result<(), GuardError> {
        if ops > self.limits.max_ops_per_change {
            return Err(GuardError::Ops { ops, limit: self.limits.max_ops_per_change });
        }
        self.ops = self.ops.saturating_add(ops);
        if self.ops > self.limits.max_ops {
            return Err(GuardError::Ops { ops: self.ops, limit: self.limits.max_ops });
        }
        Ok(())
    }

    /// Adds changes.
    pub(super) fn changes(&mut self, changes: u64) -> Result<(), GuardError> {
        self.changes = self.changes.saturating_add(changes);
        let limit = self.limits.max_changes;
        if self.changes > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(GuardError::Changes { changes: self.changes, limit });
        }
        Ok(())
    }

    /// Adds bytes of expanded text.
    pub(super) fn text(&mut self, bytes: u64) -> Result<(), GuardError> {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        let limit = self.limits.max_text_bytes;
        if self.text_bytes > limit {
            return Err(GuardError::Text { bytes: self.text_bytes, limit });
        }
        Ok(())
    }
}

/// Checks chunks that stand one after the other, for example those of a stored document.
///
/// # Errors
/// [`GuardError`] when they are malformed, damaged, or over a limit.
pub fn check_chunks(bytes: &[u8], limits: &GuardLimits) -> Result<ChunksSummary, GuardError> {
    let mut summary = ChunksSummary::default();
    check_into(bytes, 0, &mut Budget::new(limits), &mut summary)?;
    Ok(summary)
}

/// Checks the chunks in `bytes`, which start at `base` of the whole.
pub(super) fn check_into(
    bytes: &[u8],
    base: usize,
    budget: &mut Budget<'_>,
    summary: &mut ChunksSummary,
) -> Result<(), GuardError> {
    let mut cursor = Cursor::new(bytes);
    while !cursor.is_empty() {
        check_one(&mut cursor, base, budget, summary)?;
    }
    summary.ops = budget.ops;
    Ok(())
}

fn check_one(
    cursor: &mut Cursor<'_>,
    base: usize,
    budget: &mut Budget<'_>,
    summary: &mut ChunksSummary,
) -> Result<(), GuardError> {
    let start = base.saturating_add(cursor.position());
    if cursor.array::<4>("a chunk header")? != MAGIC {
        return Err(cursor.malformed("a chunk header"));
    }
    let checksum = cursor.array::<4>("a checksum")?;
    let kind = cursor.byte("a chunk type")?;
    let body = cursor.prefixed("a chunk")?;
    let range = start..base.saturating_add(cursor.position());
    let checked = |hash: ChangeHash| {
        let matches = hash.0.first_chunk() == Some(&checksum);
        if matches { Ok(hash) } else { Err(GuardError::Checksum { offset: start }) }
    };
    match kind {
        DOCUMENT => {
            if !budget.limits.documents {
                return Err(GuardError::Document);
            }
            checked(chunk_hash(DOCUMENT, body))?;
            summary.documents.push(document::check(body, range, budget)?);
        }
        CHANGE => {
            budget.changes(1)?;
            let hash = checked(chunk_hash(CHANGE, body))?;
            let envelope = change::Envelope { hash, range, compressed: false };
            summary.changes.push(change::check(body, envelope, budget)?);
        }
        COMPRESSED_CHANGE => {
            budget.changes(1)?;
            let body = budget.inflate.inflate(body)?;
            let hash = checked(chunk_hash(CHANGE, &body))?;
            let envelope = change::Envelope { hash, range, compressed: true };
            summary.changes.push(change::check(&body, envelope, budget)?);
        }
        kind => return Err(GuardError::ChunkType { kind }),
    }
    Ok(())
}

/// The hash of a chunk: SHA-256 over its type, its length and its body.
fn chunk_hash(kind: u8, body: &[u8]) -> ChangeHash {
    let mut hasher = Sha256::new();
    let mut head = vec![kind];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        if length == 0 {
            head.push(low);
            break;
        }
        head.push(low | 0x80);
    }
    hasher.update(&head);
    hasher.update(body);
    ChangeHash(hasher.finalize().into())
}
