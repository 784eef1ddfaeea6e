//! Attendees: what a door needs to know of them, and, apart, how to reach them.

use serde::{Deserialize, Serialize};

use crate::document::DocKind;
use crate::id::{AttendeeId, QuestionId};
use crate::record::Record;
use crate::ticket::TicketHash;
use crate::ticket::key::KeyId;
use crate::time::Timestamp;

/// Whether a registration stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// It stands.
    #[default]
    Confirmed,
    /// It stands, but is not paid for.
    Unpaid,
    /// It was cancelled.
    Cancelled,
    /// The organiser does not let this person in.
    Blocked,
}

/// What a door needs to know of an attendee, and no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attendee {
    /// The name on the badge.
    pub name: String,
    /// The organisation on the badge.
    pub organisation: String,
    /// What kind of attendee: "Delegate", "Press"...
    pub category: String,
    /// Whether the registration stands.
    pub registration: Registration,
    /// The ticket that lets them in.
    pub ticket: Option<TicketHash>,
    /// Tickets that did once and no longer do.
    pub revoked_tickets: Vec<TicketHash>,
    /// The order the ticket was bought in; those of one order may be checked in together.
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
    /// The key that signed the ticket, if Muster issued it.
    pub ticket_key: Option<KeyId>,
    /// The product's number in the system the ticket was bought from, for rules that come from there.
    pub product: Option<i64>,
    /// The number of the product's variation there.
    pub variation: Option<i64>,
    /// Questions of the door that were answered with the registration, and are not asked again.
    pub answered: Vec<QuestionId>,
}

impl Record for Attendee {
    type Key = AttendeeId;
    const DOCUMENT: DocKind = DocKind::Roster;
    const COLLECTION: &'static str = "attendees";
}

/// How to reach an attendee and what they need. Never on a door phone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// E-mail address.
    pub email: String,
    /// Telephone number.
    pub phone: String,
    /// Postal address, as lines.
    pub address: String,
    /// Country, as the registration says.
    pub country: String,
    /// What they do not eat.
    pub dietary_needs: String,
    /// What they need to take part.
    pub access_needs: String,
    /// What the registration says besides, by the heading it stood under.
    pub extra: std::collections::BTreeMap<String, String>,
}

impl Record for Contact {
    type Key = AttendeeId;
    const DOCUMENT: DocKind = DocKind::Contacts;
    const COLLECTION: &'static str = "contacts";
}
