//! Signed tickets: the event's public keys, and the secrets that were revoked or blocked.

use muster_model::id::EventId;
use muster_model::ticket::TicketHash;
use muster_model::ticket::key::TicketKey;
use muster_model::ticket::withdrawn::Withdrawal;
use serde_json::Value;

use super::super::Draft;
use super::super::json::{bool_of, text_of};
use super::super::note::NoteCode;
use super::Fields;

/// Takes over the public keys of an event (`valid_keys.pretix_sig1`).
pub(super) fn read_keys(event: &Fields, draft: &mut Draft) {
    let Some(Value::Object(schemes)) = event.get("valid_keys") else { return };
    for (scheme, keys) in schemes {
        let keys = keys.as_array().map(Vec::as_slice).unwrap_or_default();
        if scheme != "pretix_sig1" {
            if !keys.is_empty() {
                draft.notes.add(
                    NoteCode::TicketSchemeUnknown,
                    "event.valid_keys",
                    "tickets of this scheme cannot be checked",
                );
            }
            continue;
        }
        for (index, key) in keys.iter().enumerate() {
            draft.counts.read += 1;
            match TicketKey::from_pretix(key.as_str().unwrap_or_default()) {
                Ok((id, key)) => drop(draft.ticket_keys.insert(id, key)),
                Err(_) => {
                    draft.counts.skipped += 1;
                    let place = format!("event.valid_keys.pretix_sig1, key {}", index + 1);
                    draft.notes.add(NoteCode::TicketKeyBroken, place, "skipped: it is no Ed25519 public key");
                }
            }
        }
    }
}

/// Takes over revoked and blocked secrets, as hashes. A revoked one stays revoked, whatever else is said of it.
pub(super) fn read_withdrawn(revoked: &[&Fields], blocked: &[&Fields], event: EventId, draft: &mut Draft) {
    for (secrets, is_revoked) in [(blocked, false), (revoked, true)] {
        for fields in secrets {
            draft.counts.read += 1;
            let secret = text_of(fields, "secret");
            if secret.is_empty() {
                draft.counts.skipped += 1;
                draft.notes.add(NoteCode::SecretMissing, "revoked or blocked secrets", "skipped: one has no secret");
                continue;
            }
            let withdrawal = match (is_revoked, bool_of(fields, "blocked")) {
                (true, _) => Some(Withdrawal::Revoked),
                (false, true) => Some(Withdrawal::Blocked),
                (false, false) => None,
            };
            draft.withdrawn.insert(TicketHash::of(event, &secret), withdrawal);
        }
    }
}
