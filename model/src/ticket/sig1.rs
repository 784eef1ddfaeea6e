//! Tickets of pretix that carry a signature: "pretix signature scheme 1" (pretix, `doc/` and `src/pretix/base/secrets.py`).
//!
//! The code is base64, written from its end to its beginning. Inside: the version, the lengths of payload and signature,
//! both, and in the payload a message of Protocol Buffers with product, variation, date of a series and validity. The
//! signature is Ed25519 over the payload alone, so an event's keys are all that ties a ticket to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};

use crate::time::Timestamp;

/// The most bytes of a payload. Real ones have 13 to 21, and some readers cannot take more than 255.
pub const MAX_PAYLOAD_BYTES: usize = 255;

/// What such a ticket says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sig1Ticket {
    /// What makes it differ from others of the same product.
    pub seed: String,
    /// The product's number.
    pub product: i64,
    /// The variation's number.
    pub variation: Option<i64>,
    /// The number of the date, in a series.
    pub subevent: Option<i64>,
    /// From when it is good.
    pub valid_from: Option<Timestamp>,
    /// Until when it is good.
    pub valid_until: Option<Timestamp>,
}

/// A scanned text that has the form of such a ticket. Whether it is one, its signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What it says.
    pub ticket: Sig1Ticket,
    payload: Vec<u8>,
    signature: [u8; 64],
}

impl Signed {
    /// Reads a scanned text; `None` if it has another form.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let longest = (5 + MAX_PAYLOAD_BYTES + 64).div_ceil(3) * 4;
        if code.len() > longest || !code.len().is_multiple_of(4) {
            return None;
        }
        let reversed: Vec<u8> = code.bytes().rev().collect();
        let bytes = STANDARD.decode(reversed).ok()?;
        let ([1, payload_high, payload_low, signature_high, signature_low], rest) = bytes.split_first_chunk::<5>()?
        else {
            return None;
        };
        let payload_len = usize::from(u16::from_be_bytes([*payload_high, *payload_low]));
        let signature_len = usize::from(u16::from_be_bytes([*signature_high, *signature_low]));
        if payload_len > MAX_PAYLOAD_BYTES || signature_len != 64 {
            return None;
        }
        let (payload, signature) = rest.split_at_checked(payload_len)?;
        Some(Self { ticket: read_message(payload)?, payload: payload.to_vec(), signature: signature.try_into().ok()? })
    }

    /// What was signed.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.payload
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }
}

impl Sig1Ticket {
    /// The ticket's code as pretix would print it.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let mut payload = vec![0x0a];
        put_varint(&mut payload, u64::try_from(self.seed.len()).unwrap_or_default());
        payload.extend_from_slice(self.seed.as_bytes());
        let seconds = |at: Option<Timestamp>| at.map(|at| at.ms().div_euclid(1_000));
        let fields = [
            (0x10, Some(self.product)),
            (0x18, self.variation),
            (0x20, self.subevent),
            (0x28, seconds(self.valid_from)),
            (0x30, seconds(self.valid_until)),
        ];
        for (tag, value) in fields {
            if let Some(value) = value {
                payload.push(tag);
                put_varint(&mut payload, u64::from_ne_bytes(value.to_ne_bytes()));
            }
        }
        payload.truncate(MAX_PAYLOAD_BYTES);
        let length = u16::try_from(payload.len()).unwrap_or_default().to_be_bytes();
        let bytes = [&[1], &length[..], &64_u16.to_be_bytes(), &payload, &key.sign(&payload).to_bytes()].concat();
        STANDARD.encode(bytes).chars().rev().collect()
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// A varint and what follows it (Protocol Buffers, "Encoding").
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = bytes;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

/// Reads the message. Fields of a later version are passed over; zero is as good as nothing.
fn read_message(mut bytes: &[u8]) -> Option<Sig1Ticket> {
    let mut ticket = Sig1Ticket::default();
    while !bytes.is_empty() {
        let (tag, rest) = varint(bytes)?;
        bytes = match tag & 7 {
            0 => {
                let (value, rest) = varint(rest)?;
                let value = i64::from_ne_bytes(value.to_ne_bytes());
                let some = (value != 0).then_some(value);
                let time = some.map(|seconds| Timestamp::from_ms(seconds.saturating_mul(1_000)));
                match tag >> 3 {
                    2 => ticket.product = value,
                    3 => ticket.variation = some,
                    4 => ticket.subevent = some,
                    5 => ticket.valid_from = time,
                    6 => ticket.valid_until = time,
                    _ => {}
                }
                rest
            }
            1 => rest.get(8..)?,
            2 => {
                let (length, rest) = varint(rest)?;
                let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                if tag >> 3 == 1 {
                    ticket.seed = std::str::from_utf8(text).ok()?.to_owned();
                }
                rest
            }
            5 => rest.get(4..)?,
            _ => return None,
        };
    }
    Some(ticket)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{at, signing_key};

    fn ticket() -> Sig1Ticket {
        Sig1Ticket {
            seed: "abcdefghj".into(),
            product: 42,
            variation: Some(7),
            subevent: None,
            valid_from: Some(at("2027-05-20T06:00:00Z")),
            valid_until: Some(at("2027-05-21T20:00:00Z")),
        }
    }

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        for ticket in [
            ticket(),
            Sig1Ticket { seed: "a".into(), product: 1, ..Sig1Ticket::default() },
            Sig1Ticket { product: i64::MAX, variation: Some(-1), subevent: Some(14), ..ticket() },
        ] {
            let code = ticket.sign(&signing_key(1));
            assert_eq!(Signed::parse(&code).unwrap().ticket, ticket, "{code}");
        }
        let padded = Sig1Ticket { seed: "a".into(), product: 1, ..Sig1Ticket::default() }.sign(&signing_key(1));
        assert!(padded.starts_with('='), "padding comes first: {padded}");
        assert_eq!(Signed::parse(&padded).unwrap().ticket.seed, "a");
    }

    #[test]
    fn what_has_another_form_is_no_ticket() {
        let code = ticket().sign(&signing_key(1));
        let forward: String = code.chars().rev().collect();
        for text in ["", "AAAA", &code[4..], &code[..code.len() - 4], &forward, &format!("{code}AAAA"), "ééééé"] {
            assert_eq!(Signed::parse(text), None, "{text}");
        }
        assert_eq!(Signed::parse(&"A".repeat(4_096)), None);
    }

    #[test]
    fn fields_of_a_later_version_are_passed_over() {
        let message = [
            &[0x0a, 1, b'x', 0x10, 5][..],
            &[0x3d, 1, 2, 3, 4],
            &[0x41, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x4a, 2, 9, 9],
            &[0x50, 0x80, 1],
        ];
        let read = read_message(&message.concat()).unwrap();
        assert_eq!((read.seed.as_str(), read.product), ("x", 5));
        for broken in [&[0x0a, 9][..], &[0x10], &[0x10, 0x80], &[0x3d, 1], &[0x0b], &[0x0a, 1, 0xff], &[0x80; 11]] {
            assert_eq!(read_message(broken), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read_message(&bytes);
            let text: String = STANDARD.encode(&bytes).chars().rev().collect();
            let _ = Signed::parse(&text);
        }
    }
}
