//! Builds chunks and sync messages byte by byte, as an attacker would.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

pub(crate) fn unsigned(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

/// A positive run length as signed LEB128.
fn signed(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = value;
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap();
        rest >>= 7;
        if rest == 0 && low & 0x40 == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

pub(crate) fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [unsigned(u64::try_from(bytes.len()).unwrap()), bytes.to_vec()].concat()
}

pub(crate) fn hash(kind: u8, body: &[u8]) -> [u8; 32] {
    let head = [vec![kind], unsigned(u64::try_from(body.len()).unwrap())].concat();
    Sha256::new().chain_update(head).chain_update(body).finalize().into()
}

fn chunk(kind: u8, hashed: [u8; 32], body: &[u8]) -> Vec<u8> {
    [&[0x85, 0x6f, 0x4a, 0x83][..], &hashed[..4], &[kind], &prefixed(body)].concat()
}

pub(crate) fn change_chunk(body: &[u8]) -> Vec<u8> {
    chunk(1, hash(1, body), body)
}

pub(crate) fn document_chunk(body: &[u8]) -> Vec<u8> {
    chunk(0, hash(0, body), body)
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn compressed_chunk(body: &[u8]) -> Vec<u8> {
    chunk(2, hash(1, body), &deflate(body))
}

/// A run of one value in a column of numbers.
pub(crate) fn run(count: u64, value: u64) -> Vec<u8> {
    [signed(count), unsigned(value)].concat()
}

pub(crate) fn nulls(count: u64) -> Vec<u8> {
    [vec![0], unsigned(count)].concat()
}

pub(crate) fn text_run(count: u64, text: &[u8]) -> Vec<u8> {
    [signed(count), prefixed(text)].concat()
}

pub(crate) fn columns(columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = unsigned(u64::try_from(columns.len()).unwrap());
    for (spec, bytes) in columns {
        out.extend(unsigned(u64::from(*spec)));
        out.extend(unsigned(u64::try_from(bytes.len()).unwrap()));
    }
    columns.iter().for_each(|(_, bytes)| out.extend(bytes));
    out
}

#[derive(Clone, Default)]
pub(crate) struct ChangeBody {
    pub(crate) deps: Vec<[u8; 32]>,
    pub(crate) actor: Vec<u8>,
    pub(crate) seq: u64,
    pub(crate) start_op: u64,
    pub(crate) others: Vec<Vec<u8>>,
    pub(crate) columns: Vec<(u32, Vec<u8>)>,
    pub(crate) extra: Vec<u8>,
}

impl ChangeBody {
    pub(crate) fn new(columns: Vec<(u32, Vec<u8>)>) -> Self {
        Self { actor: b"attacker".to_vec(), seq: 1, start_op: 1, columns, ..Self::default() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = unsigned(u64::try_from(self.deps.len()).unwrap());
        self.deps.iter().for_each(|dep| out.extend(dep));
        out.extend(prefixed(&self.actor));
        out.extend(unsigned(self.seq));
        out.extend(unsigned(self.start_op));
        // time 0, no message
        out.extend([0, 0]);
        out.extend(unsigned(u64::try_from(self.others.len()).unwrap()));
        self.others.iter().for_each(|other| out.extend(prefixed(other)));
        out.extend(columns(&self.columns));
        out.extend(&self.extra);
        out
    }
}

/// Makes a list in the root and inserts `n` nulls at its head: a valid change of some 100 bytes.
pub(crate) fn list_inserts(n: u64) -> ChangeBody {
    ChangeBody::new(vec![
        (0x01, [nulls(1), run(n, 0)].concat()),
        (0x02, [nulls(1), run(n, 1)].concat()),
        (0x13, [nulls(1), run(n, 0)].concat()),
        (0x15, [text_run(1, b"l"), nulls(n)].concat()),
        (0x34, [unsigned(1), unsigned(n)].concat()),
        (0x42, [run(1, 2), run(n, 1)].concat()),
        (0x56, run(n + 1, 0)),
        (0x70, run(n + 1, 0)),
    ])
}

/// Puts a null under the same root key `n` times.
pub(crate) fn puts(n: u64, key: &[u8]) -> ChangeBody {
    ChangeBody::new(vec![
        (0x15, text_run(n, key)),
        (0x34, unsigned(n)),
        (0x42, run(n, 1)),
        (0x56, run(n, 0)),
        (0x70, run(n, 0)),
    ])
}

#[derive(Clone, Default)]
pub(crate) struct Message {
    pub(crate) heads: Vec<[u8; 32]>,
    pub(crate) bloom: Vec<u8>,
    pub(crate) chunks: Vec<Vec<u8>>,
}

impl Message {
    pub(crate) fn of(chunks: Vec<Vec<u8>>) -> Self {
        Self { chunks, ..Self::default() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0x42];
        out.extend(unsigned(u64::try_from(self.heads.len()).unwrap()));
        self.heads.iter().for_each(|head| out.extend(head));
        // no needs, one have, synced at nothing
        out.extend([0, 1, 0]);
        out.extend(prefixed(&self.bloom));
        out.extend(unsigned(u64::try_from(self.chunks.len()).unwrap()));
        self.chunks.iter().for_each(|chunk| out.extend(prefixed(chunk)));
        out
    }
}

pub(crate) fn bloom(entries: u64, bits_per_entry: u64, probes: u64, bits: &[u8]) -> Vec<u8> {
    [unsigned(entries), unsigned(bits_per_entry), unsigned(probes), bits.to_vec()].concat()
}
