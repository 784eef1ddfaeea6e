//! Tickets that let nobody in any more, though nothing on them says so: hashes, in the event's document, for every door.
//!
//! A ticket that was replaced stands with its attendee ([`crate::attendee::Attendee::revoked_tickets`]); here stand those
//! that a phone may meet without knowing any attendee. Each is one value under its hash, so that an edit at the same time
//! somewhere else takes none away.

use std::collections::BTreeMap;

use automerge::transaction::Transactable;
use automerge::{Automerge, ReadDoc};

use crate::document::{DocumentError, collection, later_collection};
use crate::record::RecordError;
use crate::ticket::TicketHash;

/// The collection.
pub const COLLECTION: &str = "withdrawn_tickets";

/// The most tickets an event may have withdrawn: with them its document, which every phone holds, has some 600 kB.
pub const MAX_WITHDRAWN: usize = 20_000;

/// Why a ticket lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withdrawal {
    /// It was replaced by another, or what it was for was cancelled. For ever.
    Revoked,
    /// The organiser does not let its bearer in, for the time being.
    Blocked,
}

impl Withdrawal {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Blocked => "blocked",
        }
    }

    /// What a later version says in a word of its own is a reason not to let anybody in all the same.
    fn read(text: Option<&str>) -> Self {
        match text {
            Some("blocked") => Self::Blocked,
            _ => Self::Revoked,
        }
    }
}

/// The withdrawn tickets of an event.
pub type Withdrawn = BTreeMap<TicketHash, Withdrawal>;

/// Reads all of them. An event that was made before there were any has none.
///
/// # Errors
/// If the document cannot be read.
pub fn read_all(doc: &Automerge) -> Result<Withdrawn, RecordError> {
    let id = match collection(doc, COLLECTION) {
        Err(DocumentError::NotGenesis { .. }) => return Ok(Withdrawn::new()),
        found => found?,
    };
    let items = doc.map_range(&id, ..);
    Ok(items
        .filter_map(|item| {
            let value = item.value.into_value();
            Some((item.key.parse().ok()?, Withdrawal::read(value.as_str())))
        })
        .collect())
}

/// Reads one.
///
/// # Errors
/// If the document cannot be read.
pub fn read(doc: &Automerge, ticket: TicketHash) -> Result<Option<Withdrawal>, RecordError> {
    let id = match collection(doc, COLLECTION) {
        Err(DocumentError::NotGenesis { .. }) => return Ok(None),
        found => found?,
    };
    Ok(doc.get(&id, ticket.to_string())?.map(|(value, _)| Withdrawal::read(value.as_str())))
}

/// Withdraws a ticket, or gives it back; says whether anything differed.
///
/// # Errors
/// If the document is not the event's or refuses the write.
pub fn put<D: Transactable + ReadDoc>(
    doc: &mut D,
    ticket: TicketHash,
    withdrawal: Option<Withdrawal>,
) -> Result<bool, RecordError> {
    let id = later_collection(doc, COLLECTION)?;
    let key = ticket.to_string();
    let before = doc.get(&id, key.as_str())?.map(|(value, _)| value.as_str().unwrap_or_default().to_owned());
    match withdrawal {
        Some(withdrawal) if before.as_deref() != Some(withdrawal.as_str()) => {
            doc.put(&id, key, withdrawal.as_str())?;
            Ok(true)
        }
        None if before.is_some() => {
            doc.delete(&id, key)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{DocKind, DocRef, create};
    use crate::id::EventId;
    use crate::testing::device;

    fn event() -> EventId {
        EventId::from_random([1; 16])
    }

    fn document() -> Automerge {
        create(event(), &DocRef::whole(DocKind::Event), device(1).actor([1; 8])).unwrap()
    }

    #[test]
    fn a_ticket_is_withdrawn_and_given_back() {
        let (mut doc, ticket) = (document(), TicketHash::of(event(), "E4Biby"));
        for (withdrawal, differs) in [
            (None, false),
            (Some(Withdrawal::Blocked), true),
            (Some(Withdrawal::Blocked), false),
            (Some(Withdrawal::Revoked), true),
            (None, true),
        ] {
            let mut transaction = doc.transaction();
            assert_eq!(put(&mut transaction, ticket, withdrawal).unwrap(), differs, "{withdrawal:?}");
            transaction.commit();
            assert_eq!(read(&doc, ticket).unwrap(), withdrawal);
            assert_eq!(read_all(&doc).unwrap().get(&ticket).copied(), withdrawal);
        }
    }

    #[test]
    fn a_word_of_a_later_version_lets_nobody_in() {
        let (mut doc, ticket) = (document(), TicketHash::of(event(), "E4Biby"));
        let id = collection(&doc, COLLECTION).unwrap();
        doc.transact(|tx| tx.put(&id, ticket.to_string(), "suspended").and_then(|()| tx.put(&id, "junk", 5))).unwrap();
        assert_eq!(read_all(&doc).unwrap(), Withdrawn::from([(ticket, Withdrawal::Revoked)]));
    }

    #[test]
    fn as_many_as_an_event_may_withdraw_have_a_known_size() {
        let mut doc = document();
        let mut transaction = doc.transaction();
        for number in 0..MAX_WITHDRAWN {
            put(&mut transaction, TicketHash::of(event(), &number.to_string()), Some(Withdrawal::Revoked)).unwrap();
        }
        transaction.commit();
        let bytes = doc.save().len();
        println!("{MAX_WITHDRAWN} withdrawn tickets: {bytes} bytes saved");
        assert!(bytes < 800_000, "{bytes}");
    }
}
