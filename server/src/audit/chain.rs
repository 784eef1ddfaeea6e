//! How entries hang together.
//!
//! An entry's hash is the SHA-256 of a fixed label, the hash of the entry before, its time (8 bytes, big end first), and
//! its texts, each after its length in bytes (4 bytes, big end first); an event that is not there is an empty text. So no
//! two different entries have the same bytes. The number is not among them: it follows from the place in the chain, and
//! so an entry that was put in between can be told from those behind it that had to be renumbered.

use sha2::{Digest, Sha256};

/// A hash of the chain.
pub(super) type Hash = [u8; 32];

/// What the first entry follows.
pub(super) const BEGINNING: Hash = [0; 32];

const LABEL: &[u8] = b"muster audit 1\n";

/// What of an entry is covered by its hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    pub(super) at_ms: i64,
    /// Actor, action, event, subjects, detail.
    pub(super) texts: [&'a str; 5],
}

/// The hash of an entry that follows another.
pub(super) fn hash(previous: &[u8], content: &Content<'_>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(LABEL);
    hasher.update(previous);
    hasher.update(content.at_ms.to_be_bytes());
    for text in content.texts {
        hasher.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(text);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content<'a>(at_ms: i64, texts: [&'a str; 5]) -> Content<'a> {
        Content { at_ms, texts }
    }

    #[test]
    fn every_part_counts_and_no_part_can_be_taken_for_another() {
        let base = hash(&BEGINNING, &content(1, ["operator", "event.created", "e", "", "a"]));
        let others = [
            hash(&[1; 32], &content(1, ["operator", "event.created", "e", "", "a"])),
            hash(&BEGINNING, &content(2, ["operator", "event.created", "e", "", "a"])),
            hash(&BEGINNING, &content(1, ["operator", "event.created", "e", "a", ""])),
            hash(&BEGINNING, &content(1, ["operator", "event.create", "de", "", "a"])),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn the_form_is_frozen() {
        let frozen = "08b5c4a117d038130ea63fa3b1ec6c6c7266f90ee7e2b6811e4bff438ad96694";
        let found = hash(&BEGINNING, &content(1, ["operator", "event.created", "e", "", "a=b"]));
        assert_eq!(hex::encode(found), frozen);
    }
}
