//! One sync message: heads, needs, haves with their Bloom filters, chunks, flags.

use super::chunk::{Budget, check_into};
use super::leb128::Cursor;
use super::{ChunksSummary, DocumentSize, GuardError, GuardLimits, SyncFlags, SyncSummary, SyncVersion};

const TYPE_V1: u8 = 0x42;
const TYPE_V2: u8 = 0x43;

/// Bits of the flag section, and the bit that marks a byte as one of flags.
const FLAG_BYTE: u8 = 0x80;
const FLAG_RESET: u8 = 1;
const FLAG_READ_ONLY: u8 = 2;
const FLAG_SUPPORTS_RESET: u8 = 4;

/// Checks a sync message before Automerge sees it, and says what it holds.
///
/// # Errors
/// [`GuardError`] when it is malformed, damaged, or over a limit.
pub fn check_sync_message(bytes: &[u8], limits: &GuardLimits, size: &DocumentSize) -> Result<SyncSummary, GuardError> {
    let mut cursor = Cursor::new(bytes);
    let version = match cursor.byte("a sync message")? {
        TYPE_V1 => SyncVersion::V1,
        TYPE_V2 => SyncVersion::V2,
        _ => {
            return Err(GuardError::Malformed { what: "the type of a sync message", offset: 0 });
        }
    };
    let heads = cursor.hashes("heads", limits.max_hashes)?;
    let needs = cursor.hashes("needs", limits.max_hashes)?.len();
    let haves = cursor.count("haves", limits.max_have)?;
    for _ in 0..haves {
        cursor.hashes("last sync", limits.max_hashes)?;
        check_bloom(cursor.prefixed("a Bloom filter")?, limits, size)?;
    }
    let chunks = check_chunk_list(&mut cursor, limits)?;
    let flags = if cursor.is_empty() { None } else { Some(flags(cursor.prefixed("flags")?)) };
    Ok(SyncSummary { version, heads, needs, haves, chunks, flags })
}

/// Automerge divides by the number of bits, and makes a list of all probes for every stored change.
fn check_bloom(bytes: &[u8], limits: &GuardLimits, size: &DocumentSize) -> Result<(), GuardError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut cursor = Cursor::new(bytes);
    let entries = cursor.unsigned("Bloom entries")?;
    let bits_per_entry = cursor.unsigned("Bloom bits per entry")?;
    let probes = cursor.unsigned("Bloom probes")?;
    let stored = size.stored_changes.saturating_mul(limits.bloom_entries_per_stored_change);
    if entries > limits.bloom_entries_base.saturating_add(stored) {
        return Err(GuardError::Bloom { what: "the number of entries", value: entries });
    }
    if probes == 0 || probes > limits.max_bloom_probes {
        return Err(GuardError::Bloom { what: "the number of probes", value: probes });
    }
    let bits = entries.saturating_mul(bits_per_entry);
    if entries > 0 && bits == 0 {
        return Err(GuardError::Bloom { what: "the number of bits", value: bits });
    }
    cursor.take(bits.div_ceil(8), "Bloom bits").map(|_| ())
}

fn check_chunk_list(cursor: &mut Cursor<'_>, limits: &GuardLimits) -> Result<ChunksSummary, GuardError> {
    let count = cursor.unsigned("chunks")?;
    let limit = limits.max_changes;
    if count > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(GuardError::Changes { changes: count, limit });
    }
    let mut budget = Budget::new(limits);
    let mut summary = ChunksSummary::default();
    for _ in 0..count {
        let bytes = cursor.prefixed("a chunk list")?;
        let base = cursor.position().saturating_sub(bytes.len());
        check_into(bytes, base, &mut budget, &mut summary)?;
    }
    Ok(summary)
}

fn flags(bytes: &[u8]) -> SyncFlags {
    let marked = bytes.iter().filter(|byte| **byte & FLAG_BYTE != 0);
    let all = marked.fold(0_u8, |all, byte| all | byte);
    SyncFlags {
        reset: all & FLAG_RESET != 0,
        read_only: all & FLAG_READ_ONLY != 0,
        supports_reset: all & FLAG_SUPPORTS_RESET != 0,
    }
}
