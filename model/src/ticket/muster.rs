//! Muster's own signed ticket: good on a phone that has never heard of the attendee.
//!
//! ```text
//! MT1 <144 characters of base 32>
//!      key 3 · event 3 · attendee 10 · category 4 · from 3 · until 3      26 bytes, big-endian
//!      signature                                                          64 bytes
//! ```
//!
//! The signature is Ed25519 over the domain, the event's whole id and the 26 bytes. Times are minutes since 2020 in UTC, 0
//! for none; the category is the beginning of a hash of its name, 0 for none. There is nobody's name in it. Why it is
//! written like this: `docs/adr/0007-signed-tickets.md`.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use crate::id::{AttendeeId, EventId, RecordId, from_base32, to_base32};
use crate::ticket::key::KeyId;
use crate::time::Timestamp;

/// How every such ticket begins: the kind and its version.
pub const PREFIX: &str = "MT1";

/// How many characters such a ticket has. They fit a QR code of version 6 at level M in alphanumeric mode (154).
pub const CODE_CHARS: usize = 147;

const DOMAIN: &[u8] = b"muster ticket 1\0";

/// 2020-01-01T00:00:00Z in milliseconds.
const EPOCH_MS: i64 = 1_577_836_800_000;
const MINUTE_MS: i64 = 60_000;
const LAST_MINUTE: i64 = 0x00ff_ffff;

/// A category's name as a ticket carries it: 32 bits of its SHA-256, so that a long name takes no more room than a short
/// one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryTag([u8; 4]);

impl CategoryTag {
    /// No category.
    pub const NONE: Self = Self([0; 4]);

    /// The tag of a category.
    #[must_use]
    pub fn of(category: &str) -> Self {
        if category.is_empty() {
            return Self::NONE;
        }
        let digest: [u8; 32] = Sha256::new_with_prefix(b"muster category\0").chain_update(category).finalize().into();
        let [a, b, c, d, ..] = digest;
        // No category is called nothing, however its hash begins.
        Self(if [a, b, c, d] == [0; 4] { [0, 0, 0, 1] } else { [a, b, c, d] })
    }
}

/// What tells the tickets of two events apart before any signature is looked at.
fn event_tag(event: EventId) -> [u8; 3] {
    let digest: [u8; 32] = Sha256::new_with_prefix(b"muster event\0").chain_update(event.bytes()).finalize().into();
    let [a, b, c, ..] = digest;
    [a, b, c]
}

/// What such a ticket says, signed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MusterTicket {
    /// The key that signs it.
    pub key: KeyId,
    /// Whose it is.
    pub attendee: AttendeeId,
    /// What kind of attendee they are.
    pub category: CategoryTag,
    /// From when it is good, to the minute before.
    pub valid_from: Option<Timestamp>,
    /// Until when it is good, to the minute after.
    pub valid_until: Option<Timestamp>,
    event: [u8; 3],
}

/// A scanned text that has the form of such a ticket. Whether it is one, its signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What it says.
    pub ticket: MusterTicket,
    payload: [u8; 26],
    signature: [u8; 64],
}

fn minute_of(at: Option<Timestamp>, round_up: bool) -> i64 {
    let Some(at) = at else { return 0 };
    let since = at.since_ms(Timestamp::from_ms(EPOCH_MS));
    let minute = since.div_euclid(MINUTE_MS).saturating_add(i64::from(round_up && since.rem_euclid(MINUTE_MS) != 0));
    // The first minute means "none": who needs it means long ago.
    minute.clamp(1, LAST_MINUTE)
}

fn minute_bytes(minute: i64) -> [u8; 3] {
    let [.., a, b, c] = minute.to_be_bytes();
    [a, b, c]
}

fn time_of([a, b, c]: [u8; 3]) -> Option<Timestamp> {
    let minute = i64::from(u32::from_be_bytes([0, a, b, c]));
    (minute != 0).then(|| Timestamp::from_ms(EPOCH_MS).plus_minutes(minute))
}

impl MusterTicket {
    /// A ticket that is good whenever the event is, signed by `key`.
    #[must_use]
    pub fn new(event: EventId, key: KeyId, attendee: AttendeeId) -> Self {
        let category = CategoryTag::NONE;
        Self { key, attendee, category, valid_from: None, valid_until: None, event: event_tag(event) }
    }

    /// Whether it says that it is of this event.
    #[must_use]
    pub fn is_of(&self, event: EventId) -> bool {
        self.event == event_tag(event)
    }

    fn payload(&self) -> [u8; 26] {
        let from = match minute_of(self.valid_from, false) {
            // Good since before the tickets' calendar begins: no limit at all.
            1 => 0,
            minute => minute,
        };
        let until = match minute_of(self.valid_until, true) {
            LAST_MINUTE => 0,
            minute => minute,
        };
        let mut payload = [0; 26];
        let parts = self.key.bytes().into_iter().chain(self.event).chain(self.attendee.bytes());
        let parts = parts.chain(self.category.0).chain(minute_bytes(from)).chain(minute_bytes(until));
        for (slot, byte) in payload.iter_mut().zip(parts) {
            *slot = byte;
        }
        payload
    }

    /// The ticket's code, for its QR code. The same ticket signed twice is the same code.
    #[must_use]
    pub fn sign(&self, event: EventId, key: &SigningKey) -> String {
        let payload = self.payload();
        let signature = key.sign(&message(event, &payload)).to_bytes();
        let bytes: Vec<u8> = payload.into_iter().chain(signature).collect();
        format!("{PREFIX}{}", to_base32(&bytes).to_ascii_uppercase())
    }
}

fn message(event: EventId, payload: &[u8; 26]) -> Vec<u8> {
    [DOMAIN, &event.bytes(), payload].concat()
}

impl Signed {
    /// Reads a scanned text; `None` if it has another form. Case does not count: some scanners type in lower case.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        if code.len() != CODE_CHARS {
            return None;
        }
        let lower = code.to_ascii_lowercase();
        let bytes: [u8; 90] = from_base32(lower.strip_prefix("mt1")?)?;
        let (payload, signature) = bytes.split_first_chunk::<26>()?;
        let (key, rest) = payload.split_first_chunk::<3>()?;
        let (event, rest) = rest.split_first_chunk::<3>()?;
        let (attendee, rest) = rest.split_first_chunk::<10>()?;
        let (category, rest) = rest.split_first_chunk::<4>()?;
        let (from, rest) = rest.split_first_chunk::<3>()?;
        let ticket = MusterTicket {
            key: KeyId::from_bytes(*key),
            attendee: AttendeeId::from_random(*attendee),
            category: CategoryTag(*category),
            valid_from: time_of(*from),
            valid_until: time_of(*rest.first_chunk()?),
            event: *event,
        };
        Some(Self { ticket, payload: *payload, signature: signature.try_into().ok()? })
    }

    /// The code in its one spelling.
    #[must_use]
    pub fn code(&self) -> String {
        let bytes: Vec<u8> = self.payload.into_iter().chain(self.signature).collect();
        format!("{PREFIX}{}", to_base32(&bytes).to_ascii_uppercase())
    }

    /// What was signed, for this event.
    #[must_use]
    pub fn message(&self, event: EventId) -> Vec<u8> {
        message(event, &self.payload)
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }
}

impl fmt::Display for CategoryTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, attendee, signing_key};

    fn event() -> EventId {
        "7d444840-9dc0-41d1-b245-5ffdce74fad2".parse().unwrap()
    }

    fn ticket() -> MusterTicket {
        let key = KeyId::of(&signing_key(1).verifying_key().to_bytes());
        MusterTicket {
            category: CategoryTag::of("Delegate"),
            valid_from: Some(at("2027-05-20T06:00:00Z")),
            valid_until: Some(at("2027-05-21T20:00:00Z")),
            ..MusterTicket::new(event(), key, attendee(7))
        }
    }

    /// Written once by this program and kept: a ticket that was printed must be read for ever.
    const GOLDEN: &str = include_str!("golden-ticket.txt");

    #[test]
    fn a_printed_ticket_is_read_for_ever() {
        let code = ticket().sign(event(), &signing_key(1));
        assert_eq!(code, GOLDEN.trim());
        let read = Signed::parse(GOLDEN.trim()).unwrap();
        assert_eq!((read.ticket, read.code()), (ticket(), code));
    }

    #[test]
    fn a_ticket_fits_its_qr_code_and_holds_only_characters_that_every_scanner_types() {
        let code = ticket().sign(event(), &signing_key(1));
        assert_eq!(code.len(), CODE_CHARS);
        assert!(code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{code}");
        assert_eq!(Signed::parse(&code.to_lowercase()).unwrap().code(), code, "one spelling, whatever was typed");
    }

    #[test]
    fn times_are_whole_minutes_that_never_narrow_the_window() {
        for (from, until, read_from, read_until) in [
            (None, None, None, None),
            (
                Some("2027-05-20T06:00:59.999Z"),
                Some("2027-05-20T06:00:00.001Z"),
                Some("2027-05-20T06:00:00Z"),
                Some("2027-05-20T06:01:00Z"),
            ),
            (Some("2019-12-31T23:59:59Z"), Some("2019-01-01T00:00:00Z"), None, Some("2020-01-01T00:01:00Z")),
            (Some("2099-01-01T00:00:00Z"), Some("2099-01-01T00:00:00Z"), Some("2051-11-24T20:15:00Z"), None),
        ] {
            let ticket = MusterTicket { valid_from: from.map(at), valid_until: until.map(at), ..ticket() };
            let read = Signed::parse(&ticket.sign(event(), &signing_key(1))).unwrap().ticket;
            assert_eq!((read.valid_from, read.valid_until), (read_from.map(at), read_until.map(at)), "{from:?}");
        }
    }

    #[test]
    fn what_has_another_form_is_no_ticket() {
        let code = ticket().sign(event(), &signing_key(1));
        let other = code.replacen('1', "2", 1);
        for text in
            ["", "MT1", &code[1..], &format!("{code}0"), &other, &format!("{}U", &code[..146]), "é".repeat(74).as_str()]
        {
            assert_eq!(Signed::parse(text), None, "{text}");
        }
    }

    #[test]
    fn categories_of_one_name_have_one_tag() {
        assert_eq!(CategoryTag::of(""), CategoryTag::NONE);
        assert_eq!(CategoryTag::of("Delegate"), CategoryTag::of("Delegate"));
        assert_ne!(CategoryTag::of("Delegate"), CategoryTag::of("delegate"));
    }
}
