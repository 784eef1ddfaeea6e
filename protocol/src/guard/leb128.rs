//! A cursor over bytes that reads LEB128 numbers and length-prefixed things, and never panics.

use automerge::ChangeHash;

use super::GuardError;

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) const fn position(&self) -> usize {
        self.position
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.position >= self.bytes.len()
    }

    pub(super) fn malformed(&self, what: &'static str) -> GuardError {
        GuardError::Malformed { what, offset: self.position }
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        self.position = self.bytes.len();
        rest
    }

    pub(super) fn take(&mut self, n: u64, what: &'static str) -> Result<&'a [u8], GuardError> {
        let end = usize::try_from(n).ok().and_then(|n| self.position.checked_add(n));
        let taken = end.and_then(|end| self.bytes.get(self.position..end));
        match (taken, end) {
            (Some(taken), Some(end)) => {
                self.position = end;
                Ok(taken)
            }
            _ => Err(self.malformed(what)),
        }
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], GuardError> {
        let chunk = self.bytes.get(self.position..).and_then(|rest| rest.first_chunk::<N>());
        let chunk = *chunk.ok_or_else(|| self.malformed(what))?;
        self.position = self.position.saturating_add(N);
        Ok(chunk)
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, GuardError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// An unsigned number of at most 64 bits.
    pub(super) fn unsigned(&mut self, what: &'static str) -> Result<u64, GuardError> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte(what)?;
            if shift == 63 && byte > 1 {
                return Err(self.malformed(what));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed(what))
    }

    /// A signed number of at most 64 bits.
    pub(super) fn signed(&mut self, what: &'static str) -> Result<i64, GuardError> {
        let mut value = 0_i64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte(what)?;
            if shift == 63 && byte != 0 && byte != 0x7f {
                return Err(self.malformed(what));
            }
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0;
                return Ok(if negative && shift < 57 { value | -1 << (shift + 7) } else { value });
            }
        }
        Err(self.malformed(what))
    }

    /// Bytes with their length in front.
    pub(super) fn prefixed(&mut self, what: &'static str) -> Result<&'a [u8], GuardError> {
        let length = self.unsigned(what)?;
        self.take(length, what)
    }

    /// A list length, checked against its limit.
    pub(super) fn count(&mut self, what: &'static str, limit: usize) -> Result<usize, GuardError> {
        let count = self.unsigned(what)?;
        match usize::try_from(count) {
            Ok(small) if small <= limit => Ok(small),
            _ => Err(GuardError::Hashes { what, count, limit }),
        }
    }

    /// A list of hashes.
    pub(super) fn hashes(&mut self, what: &'static str, limit: usize) -> Result<Vec<ChangeHash>, GuardError> {
        let count = self.count(what, limit)?;
        (0..count).map(|_| self.array(what).map(ChangeHash)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_widths() {
        let unsigned: [(&[u8], u64); 4] = [
            (&[0], 0),
            (&[0x7f], 127),
            (&[0x80, 1], 128),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], u64::MAX),
        ];
        for (bytes, value) in unsigned {
            assert_eq!(Cursor::new(bytes).unsigned("n"), Ok(value));
        }
        let signed: [(&[u8], i64); 5] = [
            (&[0x3f], 63),
            (&[0x7f], -1),
            (&[0x80, 0x40], -8_192),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], i64::MAX),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f], i64::MIN),
        ];
        for (bytes, value) in signed {
            assert_eq!(Cursor::new(bytes).signed("n"), Ok(value));
        }
    }

    #[test]
    fn what_is_cut_off_or_too_wide_is_refused() {
        for bytes in [&[][..], &[0x80], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
            assert!(Cursor::new(bytes).unsigned("n").is_err(), "{bytes:?}");
        }
        assert!(Cursor::new(&[5, 1, 2]).prefixed("bytes").is_err());
        assert!(Cursor::new(&[0xff; 10]).take(u64::MAX, "bytes").is_err());
    }
}
