//! The words in which lists say whether a registration stands.

use muster_model::attendee::Registration;

/// The words, in lower case with single spaces. pretix writes its letters (`p`, `n`, `e`, `c`) or words, the others words;
/// the languages are those of the lists we have seen.
const WORDS: [(Registration, &[&str]); 4] = [
    (
        Registration::Confirmed,
        &[
            "p",
            "paid",
            "confirmed",
            "complete",
            "completed",
            "checked in",
            "checkedin",
            "attending",
            "active",
            "approved",
            "accepted",
            "registered",
            "valid",
            "yes",
            "going",
            "free",
            "free order",
            "booked",
            "ok",
            "bezahlt",
            "bestätigt",
            "apmaksāts",
            "apstiprināts",
            "payé",
            "payée",
            "confirmé",
            "confirmée",
            "opłacone",
            "potwierdzone",
            "apmokėta",
            "patvirtinta",
            "makstud",
            "kinnitatud",
        ],
    ),
    (
        Registration::Unpaid,
        &[
            "n",
            "pending",
            "unpaid",
            "awaiting payment",
            "awaiting offline payment",
            "payment pending",
            "pending payment",
            "initialized",
            "initializing",
            "placed",
            "not paid",
            "to be paid",
            "ausstehend",
            "unbezahlt",
            "offen",
            "neapmaksāts",
            "en attente",
            "non payé",
            "oczekuje",
            "nieopłacone",
            "neapmokėta",
            "maksmata",
        ],
    ),
    (
        Registration::Cancelled,
        &[
            "c",
            "e",
            "canceled",
            "cancelled",
            "expired",
            "refunded",
            "withdrawn",
            "rejected",
            "declined",
            "no",
            "not attending",
            "deleted",
            "void",
            "storniert",
            "abgesagt",
            "abgelaufen",
            "atcelts",
            "annulé",
            "annulée",
            "anulowane",
            "atšaukta",
            "tühistatud",
        ],
    ),
    (
        Registration::Blocked,
        &[
            "blocked",
            "banned",
            "pending approval",
            "awaiting approval",
            "waitlist",
            "waitlisted",
            "waiting list",
            "on waiting list",
            "invited",
            "not approved",
            "gesperrt",
        ],
    ),
];

/// What a status word says of a registration; `None` if the word is not known.
pub(crate) fn registration_of(status: &str) -> Option<Registration> {
    let plain: Vec<String> =
        status.to_lowercase().split([' ', '_', '-', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let plain = plain.join(" ");
    WORDS.iter().find(|(_, words)| words.contains(&plain.as_str())).map(|(registration, _)| *registration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_all_systems_are_known() {
        for (word, registration) in [
            ("p", Registration::Confirmed),
            ("Paid", Registration::Confirmed),
            ("CHECKED_IN", Registration::Confirmed),
            ("Attending", Registration::Confirmed),
            ("AWAITING_OFFLINE_PAYMENT", Registration::Unpaid),
            ("n", Registration::Unpaid),
            ("Canceled", Registration::Cancelled),
            ("e", Registration::Cancelled),
            ("Not Attending", Registration::Cancelled),
            ("pending_approval", Registration::Blocked),
        ] {
            assert_eq!(registration_of(word), Some(registration), "{word}");
        }
        assert_eq!(registration_of("perhaps"), None);
    }

    #[test]
    fn no_word_means_two_things() {
        let mut seen = std::collections::BTreeSet::new();
        assert!(WORDS.iter().flat_map(|(_, words)| *words).all(|word| seen.insert(word)));
    }
}
