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
        Self {
            left: limits.max_inflated_bytes,
            ratio: limits.max_inflate_ratio,
        }
    }

    /// Inflates `bytes`, stopping as soon as it costs more than it may.
    pub(super) fn inflate(&mut self, bytes: &[u8]) -> Result<Vec<u8>, GuardError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let limit = size
            .saturating_mul(self.ratio)
            .max(RATIO_FREE_BYTES)
            .min(self.left);
        let refused = GuardError::Inflate {
            bytes: bytes.len(),
            limit,
        };
        let mut out = Vec::new();
        let mut decoder = DeflateDecoder::new(bytes).take(limit.saturating_add(1));
        decoder.read_to_end(&mut out).map_err(|_| refused.clone())?;
        let inflated = u64::try_from(out.len()).unwrap_or(u64::MAX);
        if inflated > limit {
            return Err(refused);
        }
        self.left = self.left.saturating_sub(inflated);
        Ok(out)
    }
}
