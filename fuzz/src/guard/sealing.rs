//! Checksums of chunks, made right.

use std::io::Read;

use flate2::read::DeflateDecoder;
use sha2::{Digest, Sha256};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE: u8 = 1;
const COMPRESSED_CHANGE: u8 = 2;

/// Where the parts of a chunk stand after its magic bytes.
const CHECKSUM: std::ops::Range<usize> = 4..8;
const KIND: usize = 8;
const LENGTH: usize = 9;

/// The most bytes of a compressed chunk that are hashed.
const MOST_INFLATED: u64 = 8 << 20;

/// The same bytes, with the checksum of each chunk in them as it should be.
pub(super) fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let starts = bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC).map(|(at, _)| at);
    // From the back: a chunk within another is sealed before that one is hashed.
    for start in starts.collect::<Vec<_>>().into_iter().rev() {
        let Some(checksum) = out.get(start..).and_then(checksum) else { continue };
        if let Some(there) = out.get_mut(start..).and_then(|chunk| chunk.get_mut(CHECKSUM)) {
            there.copy_from_slice(&checksum);
        }
    }
    out
}

fn checksum(chunk: &[u8]) -> Option<[u8; 4]> {
    let kind = *chunk.get(KIND)?;
    let (length, after) = unsigned(chunk.get(LENGTH..)?)?;
    let body = after.get(..usize::try_from(length).ok()?)?;
    if kind != COMPRESSED_CHANGE {
        return hash(kind, body);
    }
    let mut inflated = Vec::new();
    DeflateDecoder::new(body).take(MOST_INFLATED).read_to_end(&mut inflated).ok()?;
    hash(CHANGE, &inflated)
}

fn hash(kind: u8, body: &[u8]) -> Option<[u8; 4]> {
    let mut head = vec![kind];
    let mut length = u64::try_from(body.len()).ok()?;
    while length > 0x7f {
        head.push(u8::try_from(length & 0x7f).ok()? | 0x80);
        length >>= 7;
    }
    head.push(u8::try_from(length).ok()?);
    let hash = Sha256::new().chain_update(head).chain_update(body).finalize();
    hash.first_chunk().copied()
}

/// A number in LEB128, and what stands after it.
fn unsigned(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at.saturating_add(1)..)?));
        }
    }
    None
}
