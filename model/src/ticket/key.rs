//! Keys of signed tickets: the public halves, as part of the event, so that every phone can check a ticket.
//!
//! An event may have several keys at once: a ticket that was printed stays good when a new key takes over. Only a key that
//! is *retired* makes the tickets it signed worthless.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::DecodePublicKey;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::document::DocKind;
use crate::id::text_serde;
use crate::record::Record;
use crate::time::Timestamp;

/// The most keys of an event that are looked at: each may cost a scan one check of a signature.
pub const MAX_KEYS: usize = 64;

/// A key of tickets: the first 24 bits of the SHA-256 of the public key, written as 6 hexadecimal digits.
///
/// It tells an event's few keys apart and is no proof of anything; the signature is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 3]);

impl KeyId {
    /// The id of a public key.
    #[must_use]
    pub fn of(public_key: &[u8; 32]) -> Self {
        let digest: [u8; 32] = Sha256::digest(public_key).into();
        let [first, second, third, ..] = digest;
        Self([first, second, third])
    }

    /// The id of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 3]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 3] {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not the id of a ticket key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket key: expected 6 hexadecimal digits in lower case")]
pub struct KeyIdError;

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let bits = u32::from_str_radix(text, 16).ok().filter(|_| digits).ok_or(KeyIdError)?;
        let [_, first, second, third] = bits.to_be_bytes();
        Ok(Self([first, second, third]))
    }
}

text_serde!(KeyId);

/// What kind of tickets a key signs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Muster's own.
    #[default]
    Muster,
    /// "pretix signature scheme 1".
    PretixSig1,
    /// A scheme of a later version.
    #[serde(other)]
    Unknown,
}

impl Scheme {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Muster => "muster",
            Self::PretixSig1 => "pretix_sig1",
            Self::Unknown => "unknown",
        }
    }
}

/// The public half of a key that signs tickets of the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketKey {
    /// What kind of tickets it signs.
    pub scheme: Scheme,
    /// The 32 bytes of the Ed25519 public key (RFC 8032), in base64.
    pub public_key: String,
    /// Since when it signs.
    pub valid_from: Timestamp,
    /// Since when its tickets are worth nothing any more.
    pub retired_at: Option<Timestamp>,
    /// The categories that its tickets name by a hash, so that they can be shown.
    pub categories: Vec<String>,
    /// The categories of the products that its tickets name by a number.
    pub products: BTreeMap<String, String>,
}

impl Record for TicketKey {
    type Key = KeyId;
    const DOCUMENT: DocKind = DocKind::Event;
    const COLLECTION: &'static str = "ticket_keys";
}

/// Why a public key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 public key")]
pub struct PublicKeyError;

impl TicketKey {
    /// A key of these 32 bytes.
    ///
    /// # Errors
    /// If they are no point of the curve.
    pub fn new(scheme: Scheme, public_key: &[u8; 32], valid_from: Timestamp) -> Result<Self, PublicKeyError> {
        VerifyingKey::from_bytes(public_key).map_err(|_| PublicKeyError)?;
        Ok(Self { scheme, public_key: STANDARD.encode(public_key), valid_from, ..Self::default() })
    }

    /// A key as pretix gives it: the PEM of a SubjectPublicKeyInfo (RFC 8410), in base64.
    ///
    /// # Errors
    /// If it is no such thing.
    pub fn from_pretix(text: &str) -> Result<(KeyId, Self), PublicKeyError> {
        let pem = STANDARD.decode(text.trim()).map_err(|_| PublicKeyError)?;
        let pem = std::str::from_utf8(&pem).map_err(|_| PublicKeyError)?;
        let key = VerifyingKey::from_public_key_pem(pem.trim()).map_err(|_| PublicKeyError)?;
        Ok((KeyId::of(key.as_bytes()), Self::new(Scheme::PretixSig1, key.as_bytes(), Timestamp::default())?))
    }

    /// The 32 bytes, if they are there.
    #[must_use]
    pub fn public_bytes(&self) -> Option<[u8; 32]> {
        STANDARD.decode(&self.public_key).ok()?.try_into().ok()
    }
}

/// A key, ready to check signatures.
#[derive(Debug, Clone, PartialEq)]
struct Ready {
    record: TicketKey,
    verifying: VerifyingKey,
}

/// The keys of an event, ready to check signatures. A record that is no key is as if it were not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TicketKeys(BTreeMap<KeyId, Ready>);

impl TicketKeys {
    /// Those of the event's records; no more than [`MAX_KEYS`], the latest.
    #[must_use]
    pub fn new(records: &BTreeMap<KeyId, TicketKey>) -> Self {
        let mut ready: Vec<(KeyId, Ready)> = records
            .iter()
            .filter_map(|(id, record)| {
                let bytes = record.public_bytes()?;
                // The id says which key is meant: a record under another id would lend its name to a stranger's key.
                let verifying = VerifyingKey::from_bytes(&bytes).ok().filter(|_| KeyId::of(&bytes) == *id)?;
                Some((*id, Ready { record: record.clone(), verifying }))
            })
            .collect();
        ready.sort_by_key(|(id, key)| (std::cmp::Reverse(key.record.valid_from), *id));
        ready.truncate(MAX_KEYS);
        Self(ready.into_iter().collect())
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record of a key.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&TicketKey> {
        self.0.get(&id).map(|key| &key.record)
    }

    /// The keys of a scheme.
    pub fn of_scheme(&self, scheme: Scheme) -> impl Iterator<Item = (KeyId, &TicketKey)> {
        self.0.iter().filter(move |(_, key)| key.record.scheme == scheme).map(|(id, key)| (*id, &key.record))
    }

    /// Whether a key of this id signed the message. Signatures that several messages or keys would fit are refused, so
    /// that no ticket has two spellings.
    #[must_use]
    pub fn verifies(&self, id: KeyId, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0.get(&id).is_some_and(|key| key.verifying.verify_strict(message, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::signing_key;

    fn public(seed: u8) -> [u8; 32] {
        signing_key(seed).verifying_key().to_bytes()
    }

    #[test]
    fn ids_read_back_what_they_print() {
        let id = KeyId::of(&public(1));
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "12345", "1234567", "12345G", "ABCDEF", "+12345"] {
            assert_eq!(text.parse::<KeyId>(), Err(KeyIdError), "{text}");
        }
    }

    #[test]
    fn a_record_under_another_keys_id_is_no_key() {
        let record = TicketKey::new(Scheme::Muster, &public(1), Timestamp::default()).unwrap();
        let broken = TicketKey { public_key: "AAAA".into(), ..record.clone() };
        for (id, record, known) in [
            (KeyId::of(&public(1)), record.clone(), true),
            (KeyId::of(&public(2)), record.clone(), false),
            (KeyId::of(&public(1)), broken, false),
        ] {
            let keys = TicketKeys::new(&BTreeMap::from([(id, record)]));
            assert_eq!(!keys.is_empty(), known);
        }
    }

    #[test]
    fn of_too_many_keys_the_latest_count() {
        let key = |seed: u8| {
            let record = TicketKey::new(Scheme::Muster, &public(seed), Timestamp::from_ms(seed.into())).unwrap();
            (KeyId::of(&public(seed)), record)
        };
        let keys = TicketKeys::new(&(0..=99).map(key).collect());
        assert_eq!(keys.of_scheme(Scheme::Muster).count(), MAX_KEYS);
        assert_eq!((keys.get(key(99).0), keys.get(key(0).0)), (Some(&key(99).1), None));
    }

    #[test]
    fn what_is_no_key_of_pretix_is_refused() {
        let pem = STANDARD.encode("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n");
        for text in ["", "x", "AAAA", pem.as_str()] {
            assert_eq!(TicketKey::from_pretix(text), Err(PublicKeyError), "{text}");
        }
    }

    #[test]
    fn a_scheme_of_a_later_version_hides_no_other_field() {
        let key: TicketKey = serde_json::from_str(r#"{"scheme":"postquantum","valid_from":5}"#).unwrap();
        assert_eq!((key.scheme, key.valid_from), (Scheme::Unknown, Timestamp::from_ms(5)));
    }
}
