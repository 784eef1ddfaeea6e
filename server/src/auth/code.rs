//! Enrolment codes: 128 random bits, good once.

use std::fmt;

use rand::Rng;
use sha2::{Digest, Sha256};

/// Crockford's base 32: no letter that is mistaken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters carry 128 bits.
const LENGTH: u32 = 26;

/// A one-time enrolment code. Shown once to whoever made it, kept as a hash, never logged.
pub struct EnrolmentCode(u128);

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode(..)")
    }
}

impl EnrolmentCode {
    /// A new code.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::rng().random())
    }

    /// Reads a code as people type it: in any case, with spaces or hyphens, O for 0, I and L for 1. `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let (mut bits, mut count) = (0_u128, 0_u32);
        for character in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
            let character = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = ALPHABET.iter().position(|&known| char::from(known) == character)?;
            bits = bits.checked_mul(32)?.checked_add(u128::try_from(value).ok()?)?;
            count += 1;
        }
        (count == LENGTH).then_some(Self(bits))
    }

    /// The text, 26 characters.
    #[must_use]
    pub fn reveal(&self) -> String {
        let digit = |place: u32| {
            let value = usize::try_from((self.0 >> (5 * place)) & 31).unwrap_or_default();
            char::from(ALPHABET.get(value).copied().unwrap_or(b'0'))
        };
        (0..LENGTH).rev().map(digit).collect()
    }

    /// What is kept of it: the SHA-256 of its bits. No salt is needed where there are 128 random bits.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.to_be_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let code = EnrolmentCode(bits);
            let text = code.reveal();
            assert_eq!(text.len(), 26);
            assert_eq!(EnrolmentCode::parse(&text).unwrap().0, bits);
            let typed = format!(" {}-{} ", &text[..13].to_lowercase(), &text[13..]).replace('1', "l").replace('0', "o");
            assert_eq!(EnrolmentCode::parse(&typed).unwrap().0, bits);
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let good = EnrolmentCode(5).reveal();
        let too_large = format!("8{}", "0".repeat(25));
        for text in ["", &good[1..], &format!("{good}0"), &good.replace('5', "U"), &too_large, &" ".repeat(100)] {
            assert!(EnrolmentCode::parse(text).is_none(), "{text}");
        }
        assert!(EnrolmentCode::parse(&format!("7{}", "Z".repeat(25))).is_some(), "the largest");
    }

    #[test]
    fn codes_differ_and_do_not_show_when_debugged() {
        let code = EnrolmentCode::random();
        assert_ne!(code.hash(), EnrolmentCode::random().hash());
        assert!(!format!("{code:?}").contains(&code.reveal()));
    }
}
