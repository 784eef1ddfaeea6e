//! Inflating with a budget.

use std::io::Read;

use flate2::bufread::DeflateDecoder;

use super::{GuardError, GuardLimits};

/// Small inputs may exceed the ratio: a page of equal bytes is no attack.
const RATIO_FREE_BYTES: u64 = 64 << 10;

/// How much may still be inflated in this message.
pub(super) struct InflateBudget {
    left: u64,
    ratio: u64,
}

impl InflateBudget {
    pub(super) const fn new(limits: &GuardLimits) -> Self {
        Self { left: limits.max_inflated_bytes, ratio: limits.max_inflate_ratio }
    }

    /// Inflates `bytes`. Counts first, without keeping anything, so that what is refused costs no
    /// memory; what passes is usually small.
    pub(super) fn inflate(&mut self, bytes: &[u8]) -> Result<Vec<u8>, GuardError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let limit = size.saturating_mul(self.ratio).max(RATIO_FREE_BYTES).min(self.left);
        let refused = || GuardError::Inflate { bytes: bytes.len(), limit };
        let inflated = count(bytes, limit).ok_or_else(refused)?;
        let mut out = Vec::with_capacity(usize::try_from(inflated).unwrap_or_default());
        DeflateDecoder::new(bytes).read_to_end(&mut out).map_err(|_| refused())?;
        self.left = self.left.saturating_sub(inflated);
        Ok(out)
    }
}

/// How many bytes come out, or `None` when they are more than `limit` or the data is broken.
fn count(bytes: &[u8], limit: u64) -> Option<u64> {
    let mut decoder = DeflateDecoder::new(bytes);
    let mut page = [0_u8; 16 << 10];
    let mut total = 0_u64;
    loop {
        let read = u64::try_from(decoder.read(&mut page).ok()?).ok()?;
        if read == 0 {
            return Some(total);
        }
        total = total.saturating_add(read);
        if total > limit {
            return None;
        }
    }
}
