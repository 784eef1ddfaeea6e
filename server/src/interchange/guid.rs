//! Globally unique ids for records that came without one.
//!
//! Schedule files name sessions, rooms and people by UUIDs. A record that has none (made in Muster, or imported from a
//! file without) is exported under a UUID of version 8 (RFC 9562, section 5.8) that carries the record's own 80-bit id,
//! so that a later import of that file finds the record again.

use muster_model::id::RecordId;

/// The first 40 bits: "mustr".
const MARKER: u128 = 0x6d_7573_7472;
const LOW: u128 = (1 << 62) - 1;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The UUID that carries a record's id.
pub(crate) fn carrying<I: RecordId>(id: I) -> String {
    let value = id.to_string().bytes().fold(0_u128, |value, digit| {
        let position = ALPHABET.iter().position(|&known| known == digit).unwrap_or_default();
        (value << 5) | u128::try_from(position).unwrap_or_default()
    });
    let bits = (MARKER << 88)
        | ((value >> 74) << 80)
        | (8 << 76)
        | (((value >> 62) & 0xfff) << 64)
        | (2 << 62)
        | (value & LOW);
    uuid::Uuid::from_u128(bits).hyphenated().to_string()
}

/// The record's id that a UUID carries, if it is one of Muster's.
pub(crate) fn carried<I: RecordId>(guid: &str) -> Option<I> {
    let bits = uuid::Uuid::try_parse(guid).ok()?.as_u128();
    let ours = bits >> 88 == MARKER && (bits >> 76) & 0xf == 8 && (bits >> 62) & 3 == 2 && (bits >> 86) & 3 == 0;
    if !ours {
        return None;
    }
    let value = (((bits >> 80) & 0x3f) << 74) | (((bits >> 64) & 0xfff) << 62) | (bits & LOW);
    value.to_be_bytes().last_chunk::<10>().copied().map(I::from_random)
}

/// Whether a UUID carries a record's id.
pub(crate) fn is_own(guid: &str) -> bool {
    carried::<muster_model::id::ItemId>(guid).is_some()
}

/// The number under which a session without one is exported: formats want one, and this one is known again.
pub(crate) fn number_of(guid: &str) -> Option<u32> {
    let bits = uuid::Uuid::try_parse(guid).ok()?.as_u128() & 0x3fff_ffff;
    u32::try_from(bits).ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use muster_model::id::{RoomId, SessionId};

    use super::*;

    #[test]
    fn a_guid_gives_back_the_id_it_carries() {
        for seed in 0..=255_u8 {
            let id = SessionId::from_random([seed, 255, 3, 0, seed, 9, 128, 1, 77, seed]);
            let guid = carrying(id);
            let parsed = uuid::Uuid::parse_str(&guid).unwrap();
            assert_eq!((parsed.get_version_num(), guid.len()), (8, 36));
            assert_eq!(carried(&guid), Some(id), "{guid}");
            assert_eq!(carried(&guid.to_uppercase()), Some(id));
        }
    }

    #[test]
    fn other_guids_carry_nothing() {
        for guid in ["", "a2dd3dc7-ecae-50b3-82d9-266ad02f7a40", "6d757374-7200-4000-8000-000000000000", "mustr"] {
            assert_eq!(carried::<RoomId>(guid), None, "{guid}");
        }
    }
}
