//! Checking a signed ticket: what it says, once a key of the event vouches for it.

use crate::id::{AttendeeId, EventId};
use crate::ticket::TicketHash;
use crate::ticket::bearer::bearer_of;
use crate::ticket::code::Form;
use crate::ticket::key::{KeyId, Scheme, TicketKey, TicketKeys};
use crate::ticket::muster::{self, CategoryTag};
use crate::ticket::sig1;
use crate::time::Timestamp;

/// What kind of attendee a ticket says it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketCategory {
    /// It says so by name, or a key's record has the name.
    Named(String),
    /// It says so by a tag whose name is not known here.
    Tagged(CategoryTag),
}

impl TicketCategory {
    fn of(tag: CategoryTag, key: &TicketKey) -> Self {
        if tag == CategoryTag::NONE {
            return Self::Named(String::new());
        }
        let name = key.categories.iter().find(|name| CategoryTag::of(name) == tag);
        name.map_or(Self::Tagged(tag), |name| Self::Named(name.clone()))
    }

    /// Whether it is this category.
    #[must_use]
    pub fn is(&self, category: &str) -> bool {
        match self {
            Self::Named(name) => name == category,
            Self::Tagged(tag) => *tag == CategoryTag::of(category),
        }
    }

    /// Its name among these, or as far as it is known.
    #[must_use]
    pub fn name<'a>(&'a self, names: impl IntoIterator<Item = &'a String>) -> &'a str {
        match self {
            Self::Named(name) => name,
            Self::Tagged(_) => names.into_iter().find(|name| self.is(name)).map_or("", String::as_str),
        }
    }
}

/// A ticket that a key of the event signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTicket {
    /// Its hash.
    pub hash: TicketHash,
    /// The key that signed it.
    pub key: KeyId,
    /// Whose it is: the attendee it names, else the id that follows from the ticket.
    pub holder: AttendeeId,
    /// What kind of attendee it is for.
    pub category: TicketCategory,
    /// The product's number in the system that issued it.
    pub product: Option<i64>,
    /// The number of the product's variation there.
    pub variation: Option<i64>,
    /// From when it is good.
    pub valid_from: Option<Timestamp>,
    /// Until when it is good.
    pub valid_until: Option<Timestamp>,
}

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It is no signed ticket.
    Unsigned,
    /// A key of the event signed it.
    Good(Box<SignedTicket>),
    /// A key signed it whose tickets are worth nothing any more.
    Retired,
    /// It says that a key signed it of which nothing has been heard here.
    UnknownKey,
    /// No key signed what it says: it is forged or damaged.
    Bad,
    /// It is a signed ticket of another event.
    OtherEvent,
}

/// Checks what was scanned against the event's keys.
#[must_use]
pub fn check(event: EventId, keys: &TicketKeys, form: &Form) -> Checked {
    match form {
        Form::Muster(signed) => check_muster(event, keys, signed),
        Form::PretixSig1(signed, code) => check_sig1(event, keys, signed, code),
        _ => Checked::Unsigned,
    }
}

fn check_muster(event: EventId, keys: &TicketKeys, signed: &muster::Signed) -> Checked {
    let ticket = &signed.ticket;
    if !ticket.is_of(event) {
        return Checked::OtherEvent;
    }
    let Some(key) = keys.get(ticket.key).filter(|key| key.scheme == Scheme::Muster) else { return Checked::UnknownKey };
    if !keys.verifies(ticket.key, &signed.message(event), signed.signature()) {
        return Checked::Bad;
    }
    if key.retired_at.is_some() {
        return Checked::Retired;
    }
    Checked::Good(Box::new(SignedTicket {
        hash: TicketHash::of(event, &signed.code()),
        key: ticket.key,
        holder: ticket.attendee,
        category: TicketCategory::of(ticket.category, key),
        product: None,
        variation: None,
        valid_from: ticket.valid_from,
        valid_until: ticket.valid_until,
    }))
}

fn check_sig1(event: EventId, keys: &TicketKeys, signed: &sig1::Signed, code: &str) -> Checked {
    let mut of_scheme = keys.of_scheme(Scheme::PretixSig1).peekable();
    if of_scheme.peek().is_none() {
        // An event without such keys has no such tickets.
        return Checked::OtherEvent;
    }
    let Some((id, key)) = of_scheme.find(|(id, _)| keys.verifies(*id, signed.message(), signed.signature())) else {
        return Checked::Bad;
    };
    if key.retired_at.is_some() {
        return Checked::Retired;
    }
    let ticket = &signed.ticket;
    let hash = TicketHash::of(event, code);
    let category = key.products.get(&ticket.product.to_string()).cloned();
    Checked::Good(Box::new(SignedTicket {
        hash,
        key: id,
        holder: bearer_of(event, hash),
        category: TicketCategory::Named(category.unwrap_or_else(|| format!("Product {}", ticket.product))),
        product: Some(ticket.product),
        variation: ticket.variation,
        valid_from: ticket.valid_from,
        valid_until: ticket.valid_until,
    }))
}

#[cfg(test)]
mod tests;
