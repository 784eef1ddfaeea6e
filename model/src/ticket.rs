//! Tickets, as far as the door needs them: what was scanned ([`code`]), the hash by which the roster knows it, and signed
//! tickets that are good without a roster ([`signed`]): Muster's own ([`muster`]) and those of pretix ([`sig1`]), made
//! with the event's keys ([`key`]) unless they were withdrawn ([`withdrawn`]).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{EventId, text_serde};

pub mod bearer;
pub mod code;
pub mod key;
pub mod muster;
pub mod sig1;
pub mod signed;
pub mod withdrawn;

/// The most characters of a scanned code that are looked at. The largest QR code holds 4,296.
pub const MAX_CODE_CHARS: usize = 4_296;

/// The hash by which a roster knows a ticket: a door phone can recognise the ticket but not make one.
///
/// The first 128 bits of SHA-256 over the event's id and the code, so that the same code in two events has two hashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketHash([u8; 16]);

impl TicketHash {
    /// The hash of a ticket's code, as printed in its QR code, without white space around it.
    #[must_use]
    pub fn of(event: EventId, code: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"muster ticket\0");
        digest.update(event.to_string());
        digest.update(b"\0");
        digest.update(code.trim());
        let hash: [u8; 32] = digest.finalize().into();
        let mut bits = [0_u8; 16];
        for (bit, byte) in bits.iter_mut().zip(hash) {
            *bit = byte;
        }
        Self(bits)
    }
}

impl fmt::Display for TicketHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not a ticket hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket hash: expected 32 hexadecimal digits")]
pub struct TicketHashError;

impl FromStr for TicketHash {
    type Err = TicketHashError;

    fn from_str(text: &str) -> Result<Self, TicketHashError> {
        let digits = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let bits = u128::from_str_radix(text, 16).ok().filter(|_| digits);
        bits.map(|bits| Self(bits.to_be_bytes())).ok_or(TicketHashError)
    }
}

text_serde!(TicketHash);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_by_event_and_text() {
        let (one, other) = (EventId::from_random([1; 16]), EventId::from_random([2; 16]));
        let hash = TicketHash::of(one, "kfndgffgyw4tdgca");
        assert_eq!(hash, TicketHash::of(one, " kfndgffgyw4tdgca\r\n"));
        assert_ne!(hash, TicketHash::of(other, "kfndgffgyw4tdgca"));
        assert_ne!(hash, TicketHash::of(one, "KFNDGFFGYW4TDGCA"));
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }
}
