//! Attendees, as staff see them.

use muster_client_core::view;
use muster_model::attendee;
use muster_model::id::{AttendeeId, CheckpointId, FactId};
use muster_model::time::Timestamp;

use crate::fact::Fact;
use crate::mirror::{list, mirror};

mirror! {
    both
    /// Whether a registration stands.
    Registration of attendee::Registration {
        /// It stands.
        Confirmed,
        /// It stands, but is not paid for.
        Unpaid,
        /// It was cancelled.
        Cancelled,
        /// The organiser does not let this person in.
        Blocked,
    }
}

mirror! {
    /// How safe something is that this phone recorded.
    Durability of view::Durability {
        /// On this phone only, durably.
        OnThisPhone,
        /// Durably on a server.
        OnServer,
    }
}

/// What a door needs to know of an attendee, and no more. Of tickets a phone holds only hashes, and an app has no use for
/// those.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Attendee {
    /// The name on the badge.
    pub name: String,
    /// The organisation on the badge.
    pub organisation: String,
    /// What kind of attendee: "Delegate", "Press"...
    pub category: String,
    /// Whether the registration stands.
    pub registration: Registration,
    /// The order the ticket was bought in.
    pub order: String,
    /// What staff at the door should know.
    pub notes: String,
    /// Whether staff should be made to look at the notes.
    pub attention: bool,
    /// From when the ticket is good.
    pub valid_from: Option<Timestamp>,
    /// Until when the ticket is good.
    pub valid_until: Option<Timestamp>,
    /// BCP 47 tag of the language they prefer.
    pub language: String,
}

/// An attendee with the facts about them.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AttendeeCard {
    /// The id.
    pub id: AttendeeId,
    /// What the door needs to know.
    pub attendee: Attendee,
    /// The fact that registered them at the door, if one did.
    pub walk_in: Option<FactId>,
    /// The facts about them, undos included, in their order.
    pub facts: Vec<CardFact>,
    /// Others of the same order.
    pub group: Vec<AttendeeId>,
}

/// A fact on an attendee's card.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CardFact {
    /// The fact.
    pub fact: Fact,
    /// Whether it stands: it was not taken back.
    pub stands: bool,
    /// Where it is by now; none for another device's, which this phone only heard of.
    pub durability: Option<Durability>,
}

/// A hit of a search.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SearchHit {
    /// The id.
    pub id: AttendeeId,
    /// What the door needs to know.
    pub attendee: Attendee,
    /// Where they are inside, as far as this phone knows.
    pub inside: Vec<CheckpointId>,
}

impl From<attendee::Attendee> for Attendee {
    fn from(attendee: attendee::Attendee) -> Self {
        Self {
            name: attendee.name,
            organisation: attendee.organisation,
            category: attendee.category,
            registration: attendee.registration.into(),
            order: attendee.order,
            notes: attendee.notes,
            attention: attendee.attention,
            valid_from: attendee.valid_from,
            valid_until: attendee.valid_until,
            language: attendee.language,
        }
    }
}

impl From<view::AttendeeCard> for AttendeeCard {
    fn from(card: view::AttendeeCard) -> Self {
        Self {
            id: card.id,
            attendee: card.attendee.into(),
            walk_in: card.walk_in,
            facts: list(card.facts),
            group: card.group,
        }
    }
}

impl From<view::CardFact> for CardFact {
    fn from(fact: view::CardFact) -> Self {
        Self { fact: fact.fact.into(), stands: fact.stands, durability: fact.durability.map(Into::into) }
    }
}

impl From<view::SearchHit> for SearchHit {
    fn from(hit: view::SearchHit) -> Self {
        Self { id: hit.id, attendee: hit.attendee.into(), inside: hit.inside }
    }
}
