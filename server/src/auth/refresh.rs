//! Refresh tokens: 256 random bits, good once, kept as their SHA-256.
//!
//! A device that shows one gets the next. Whoever shows one that was exchanged before has a copy of a device, or is the
//! device that was copied: nobody can tell, so the device is revoked and somebody is alarmed. One honest device does the
//! same: that which did not hear the answer, because the network died after the server had made the exchange. So each
//! exchange carries a nonce which the device chose and kept before it asked. The same token with the same nonce, while its
//! successor was never shown, is the same question, and gets the same successor again. Nothing but hashes and a salt is
//! kept for that: [`RefreshToken::successor`].

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use sha2::{Digest, Sha256};

/// What every token begins with, so that people and scanners see what leaked.
const PREFIX: &str = "mrt_";

/// How many characters a nonce may have: 128 random bits and more.
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 20..=64;

/// A refresh token. Shown once to the device that it is for, never logged.
#[derive(Clone)]
pub struct RefreshToken([u8; 32]);

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

/// What a device sends with each exchange, and again if it did not hear the answer.
pub struct Nonce(String);

impl Nonce {
    /// Reads a nonce; `None` if it is too short, too long or not plain.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (NONCE_CHARS.contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl RefreshToken {
    /// A first token.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::rng().random())
    }

    /// Reads a token; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX).filter(|body| body.len() == 43)?;
        URL_SAFE_NO_PAD.decode(body).ok()?.try_into().ok().map(Self)
    }

    /// The text, 47 characters.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The token that comes after this one. Whoever knows the salt alone, as a reader of the database does, cannot make it,
    /// and a device that draws bad nonces has the salt's randomness.
    #[must_use]
    pub fn successor(&self, nonce: &Nonce, salt: &[u8; 32]) -> Self {
        let hash = Sha256::new_with_prefix(b"muster refresh token 1").chain_update(self.0).chain_update(salt);
        Self(hash.chain_update(nonce.0.as_bytes()).finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_does() {
        let token = RefreshToken::random();
        let text = token.reveal();
        assert_eq!((text.len(), RefreshToken::parse(&text).unwrap().hash()), (47, token.hash()));
        let padded = format!("{text}=");
        let bytes_beyond = format!("{}_", &text[..46]);
        for other in ["", "mrt_", &text[4..], &text[..46], &padded, &bytes_beyond, &text.replace("mrt_", "mxt_")] {
            assert!(RefreshToken::parse(other).is_none(), "{other}");
        }
        assert!(!format!("{token:?}").contains(&text[4..10]));
    }

    #[test]
    fn a_successor_follows_from_token_nonce_and_salt_together() {
        let token = RefreshToken([1; 32]);
        let nonce = |text: &str| Nonce::parse(text).unwrap();
        let (one, other) = (nonce("aaaaaaaaaaaaaaaaaaaa"), nonce("aaaaaaaaaaaaaaaaaaab"));
        let next = token.successor(&one, &[2; 32]).hash();
        assert_eq!(token.successor(&one, &[2; 32]).hash(), next);
        assert_ne!(token.successor(&other, &[2; 32]).hash(), next);
        assert_ne!(token.successor(&one, &[3; 32]).hash(), next);
        assert_ne!(RefreshToken([9; 32]).successor(&one, &[2; 32]).hash(), next);
    }

    #[test]
    fn a_nonce_is_long_enough_and_plain() {
        assert!(Nonce::parse("short").is_none());
        assert!(Nonce::parse(&"a".repeat(65)).is_none());
        assert!(Nonce::parse(&"ā".repeat(20)).is_none());
        assert!(Nonce::parse("abcdefgh-_0123456789").is_some());
    }
}
