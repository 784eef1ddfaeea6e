//! Identities: of events, devices, records and facts.
//!
//! A record's id is 80 bits, written as 16 characters of Crockford's base 32: short enough to be a map key in a
//! document of 5,000 attendees (a UUID would cost twice the bytes, and ids do not compress), long enough that two of a
//! million records collide with a probability below 10^-12.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A text that is not an identity of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: expected {expected}")]
pub struct IdError {
    kind: &'static str,
    expected: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

pub(crate) fn to_base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = usize::try_from((buffer >> bits) & 31).unwrap_or_default();
            text.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'0')));
        }
    }
    text
}

pub(crate) fn from_base32<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N / 5 * 8 {
        return None;
    }
    let mut bytes = [0_u8; N];
    let mut slots = bytes.iter_mut();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for character in text.bytes() {
        let value = ALPHABET.iter().position(|&known| known == character)?;
        buffer = (buffer << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *slots.next()? = u8::try_from((buffer >> bits) & 255).ok()?;
        }
    }
    Some(bytes)
}

/// Implements text form, parsing and serde for an id through its `Display` and `FromStr`.
macro_rules! text_serde {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_serde;

/// An identity of a kind of record: 80 bits, 16 characters of base 32.
pub trait RecordId: Copy + Ord + fmt::Display + FromStr<Err = IdError> {
    /// The id of what another system calls `key` in this event: the same on every replica and at every import.
    fn derive(event: EventId, key: &str) -> Self;

    /// A new id, from 80 random bits.
    fn from_random(bits: [u8; 10]) -> Self;

    /// The 80 bits.
    fn bytes(&self) -> [u8; 10];
}

macro_rules! record_id {
    ($(#[$meta:meta])* $name:ident, $kind:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 10]);

        impl RecordId for $name {
            fn derive(event: EventId, key: &str) -> Self {
                let mut digest = Sha256::new();
                digest.update(event.0.as_bytes());
                digest.update(concat!($kind, "\0"));
                digest.update(key);
                let hash: [u8; 32] = digest.finalize().into();
                let mut bits = [0_u8; 10];
                for (bit, byte) in bits.iter_mut().zip(hash) {
                    *bit = byte;
                }
                Self(bits)
            }

            fn from_random(bits: [u8; 10]) -> Self {
                Self(bits)
            }

            fn bytes(&self) -> [u8; 10] {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_base32(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                from_base32(text).map(Self).ok_or(IdError {
                    kind: concat!($kind, " id"),
                    expected: "16 characters of 0-9 and a-z without i, l, o, u",
                })
            }
        }

        text_serde!($name);
    };
}

record_id!(
    /// An attendee, walk-ins included.
    AttendeeId, "attendee"
);
record_id!(
    /// A room of the venue.
    RoomId, "room"
);
record_id!(
    /// A track: sessions that belong together.
    TrackId, "track"
);
record_id!(
    /// A session: something that happens in a room at a time.
    SessionId, "session"
);
record_id!(
    /// A presenter.
    PresenterId, "presenter"
);
record_id!(
    /// A checkpoint: a place where attendees are checked in.
    CheckpointId, "checkpoint"
);
record_id!(
    /// A question asked at a checkpoint.
    QuestionId, "question"
);
record_id!(
    /// A readiness template.
    TemplateId, "template"
);
record_id!(
    /// An item of a readiness template.
    ItemId, "item"
);
record_id!(
    /// A part of a presenter's logistics: a travel leg, a hotel stay, an aid, a contact.
    LogisticsId, "logistics"
);

/// An event: a UUID drawn when it is created. All document ids follow from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id, from 128 random bits.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bits).into_uuid())
    }

    /// The 16 bytes of the UUID.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 16] {
        *self.0.as_bytes()
    }

    /// The UUID, as the namespace of the event's documents.
    pub(crate) fn uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| IdError { kind: "event id", expected: "a UUID" })
    }
}

text_serde!(EventId);

/// An enrolled device: 64 bits drawn by the server, written as 16 hexadecimal digits.
///
/// The Automerge actors of a device start with it, so the author of every change is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId([u8; 8]);

impl DeviceId {
    /// A new id, from 64 random bits.
    #[must_use]
    pub fn from_random(bits: [u8; 8]) -> Self {
        Self(bits)
    }

    /// The actor under which this device writes in one session of use: device id, then the session part.
    ///
    /// A new session part at every start keeps a database restored from a backup from reusing sequence numbers.
    #[must_use]
    pub fn actor(&self, session: [u8; 8]) -> automerge::ActorId {
        let bytes: Vec<u8> = self.0.iter().chain(&session).copied().collect();
        automerge::ActorId::from(bytes)
    }

    /// The device that a change's actor belongs to, or `None` if no device writes under it.
    #[must_use]
    pub fn of_actor(actor: &automerge::ActorId) -> Option<Self> {
        let bytes: [u8; 16] = actor.to_bytes().try_into().ok()?;
        let (device, _) = bytes.split_first_chunk::<8>()?;
        Some(Self(*device))
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for DeviceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError { kind: "device id", expected: "16 hexadecimal digits in lower case" };
        let digits = text.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
        if text.len() != 16 || !digits {
            return Err(error);
        }
        u64::from_str_radix(text, 16).map(|bits| Self(bits.to_be_bytes())).map_err(|_| error)
    }
}

text_serde!(DeviceId);

/// A fact: the device that recorded it and that device's running number, written `<device>-<counter>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId {
    /// The device that recorded the fact.
    pub device: DeviceId,
    /// The running number of the fact on that device, from 1.
    pub counter: u64,
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.device, self.counter)
    }
}

impl FromStr for FactId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError { kind: "fact id", expected: "a device id, a hyphen and a number from 1" };
        let (device, counter) = text.split_once('-').ok_or_else(|| error.clone())?;
        let plain = !counter.starts_with('0') && counter.bytes().all(|digit| digit.is_ascii_digit());
        let counter = counter.parse().ok().filter(|_| plain).ok_or_else(|| error.clone())?;
        Ok(Self { device: device.parse().map_err(|_| error)?, counter })
    }
}

text_serde!(FactId);

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> EventId {
        EventId::from_random([7; 16])
    }

    #[test]
    fn record_ids_read_back_what_they_print() {
        for seed in 0..=255_u8 {
            let id = SessionId::from_random([seed, 1, 2, 3, 254, 255, 6, seed, 8, 9]);
            assert_eq!(id.to_string().len(), 16);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn a_derived_id_depends_on_event_kind_and_key() {
        let id = AttendeeId::derive(event(), "order/1");
        assert_eq!(id, AttendeeId::derive(event(), "order/1"));
        assert_ne!(id, AttendeeId::derive(event(), "order/2"));
        assert_ne!(id, AttendeeId::derive(EventId::from_random([8; 16]), "order/1"));
        assert_ne!(id.to_string(), SessionId::derive(event(), "order/1").to_string());
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in ["", "0", "0123456789abcdeU", "0123456789abcdef0", "0123456789ABCDEF", "ābčdefghāaaa"] {
            assert!(text.parse::<RoomId>().is_err(), "{text}");
        }
        for text in ["", "00", "0123456789ABCDEF", "+123456789abcdef", "0123456789abcdefa"] {
            assert!(text.parse::<DeviceId>().is_err(), "{text}");
        }
        for text in ["", "0123456789abcdef", "0123456789abcdef-", "0123456789abcdef-0", "0123456789abcdef-+1", "x-1"] {
            assert!(text.parse::<FactId>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_actor_names_its_device() {
        let device: DeviceId = "0123456789abcdef".parse().unwrap();
        assert_eq!(DeviceId::of_actor(&device.actor([9; 8])), Some(device));
        assert_eq!(DeviceId::of_actor(&automerge::ActorId::from(vec![1, 2, 3])), None);
    }
}
