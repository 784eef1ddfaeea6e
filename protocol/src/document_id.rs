//! Document ids as they go over the wire.

use std::fmt;
use std::str::FromStr;

/// The 16-byte id of a document. Its text is base58check (double SHA-256, 4-byte checksum, no
/// version byte), as automerge-repo has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId([u8; 16]);

/// A text that is no document id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentIdError {
    /// Neither base58check nor a UUID.
    #[error("not a document id: neither base58check nor a UUID")]
    Text,
    /// A valid base58check text of another length, as keyhive documents have.
    #[error("a document id has 16 bytes, this one has {bytes}")]
    Length {
        /// How many bytes the text decodes to.
        bytes: usize,
    },
    /// A URL that does not start with `automerge:`.
    #[error("an Automerge URL starts with automerge:")]
    Scheme,
}

/// Longer texts are refused before base58 decoding, which costs the square of the length.
const MAX_TEXT_BYTES: usize = 128;

impl DocumentId {
    /// Takes the raw id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The raw id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads `automerge:<id>`; a `#heads` or `/path` suffix is ignored.
    ///
    /// # Errors
    /// [`DocumentIdError`] when the scheme or the id is not as it should be.
    pub fn parse_url(url: &str) -> Result<Self, DocumentIdError> {
        let rest = url.strip_prefix("automerge:").ok_or(DocumentIdError::Scheme)?;
        let id = rest.split(['#', '/']).next().unwrap_or(rest);
        id.parse()
    }

    /// `automerge:<id>`.
    #[must_use]
    pub fn to_url(&self) -> String {
        format!("automerge:{self}")
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).with_check().into_string())
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentId({self})")
    }
}

impl FromStr for DocumentId {
    type Err = DocumentIdError;

    fn from_str(text: &str) -> Result<Self, DocumentIdError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(DocumentIdError::Text);
        }
        if let Some(bytes) = parse_uuid(text) {
            return Ok(Self(bytes));
        }
        let bytes = bs58::decode(text).with_check(None).into_vec().map_err(|_| DocumentIdError::Text)?;
        let length = DocumentIdError::Length { bytes: bytes.len() };
        Ok(Self(bytes.try_into().map_err(|_| length)?))
    }
}

/// `8-4-4-4-12` hex digits: how ids were written before base58check.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let dashes = [8, 13, 18, 23];
    if text.len() != 36 || !text.is_ascii() {
        return None;
    }
    let mut out = [0_u8; 16];
    let mut nibbles = 0_usize;
    for (i, c) in text.chars().enumerate() {
        if dashes.contains(&i) {
            if c != '-' {
                return None;
            }
            continue;
        }
        let digit = u8::try_from(c.to_digit(16)?).ok()?;
        let byte = out.get_mut(nibbles / 2)?;
        *byte = *byte << 4 | digit;
        nibbles += 1;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = DocumentId::from_bytes(*b"0123456789abcdef");
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(DocumentId::parse_url(&id.to_url()), Ok(id));
        assert_eq!(DocumentId::parse_url(&format!("automerge:{text}#abc|def")), Ok(id));
        assert_eq!(DocumentId::parse_url(&format!("automerge:{text}/a/b")), Ok(id));
    }

    #[test]
    fn legacy_uuid_text_is_read() {
        let id: DocumentId = "30313233-3435-3637-3839-616263646566".parse().unwrap();
        assert_eq!(id.as_bytes(), b"0123456789abcdef");
    }

    #[test]
    fn wrong_texts_are_refused() {
        let id = DocumentId::from_bytes([7; 16]).to_string();
        let mut damaged = id.clone();
        damaged.replace_range(0..1, if id.starts_with('2') { "3" } else { "2" });
        assert_eq!(damaged.parse::<DocumentId>(), Err(DocumentIdError::Text));
        assert_eq!("".parse::<DocumentId>(), Err(DocumentIdError::Text));
        assert_eq!("1".repeat(10_000).parse::<DocumentId>(), Err(DocumentIdError::Text));
        assert_eq!(DocumentId::parse_url(&id), Err(DocumentIdError::Scheme));
        let long = bs58::encode([1_u8; 32]).with_check().into_string();
        assert_eq!(long.parse::<DocumentId>(), Err(DocumentIdError::Length { bytes: 32 }));
    }
}
