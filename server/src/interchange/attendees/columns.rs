//! What the columns of lists hold, by the headings that systems give them.

use std::collections::BTreeSet;

use csv::StringRecord;

use super::super::error::ImportError;
use super::super::note::{ImportNotes, NoteCode};
use super::super::table::plain;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    /// The id that Muster gave.
    MusterId,
    /// The id that the list's system gave.
    Id,
    /// The code in the ticket's QR code.
    Ticket,
    /// The hash of that code, in Muster's own lists.
    TicketHash,
    /// The order.
    Order,
    /// The whole name.
    Name,
    /// The first name.
    FirstName,
    /// The middle name.
    MiddleName,
    /// The family name.
    LastName,
    /// The organisation.
    Organisation,
    /// The kind of ticket.
    Category,
    /// The e-mail address.
    Email,
    /// The telephone number.
    Phone,
    /// The language.
    Language,
    /// Whether the registration stands.
    Status,
    /// Whether they are checked in.
    CheckedIn,
    /// Notes for the door.
    Notes,
    /// Whether the notes must be looked at.
    Attention,
    /// From when the ticket is good.
    ValidFrom,
    /// Until when.
    ValidUntil,
    /// The first line of the address.
    Address,
    /// The second.
    Address2,
    /// Post code.
    PostCode,
    /// Town.
    City,
    /// Region.
    State,
    /// Country.
    Country,
    /// What they do not eat.
    Dietary,
    /// What they need to take part.
    Access,
}

/// The headings, without case, spaces and punctuation, by what they stand for; in each, earlier ones go before later ones.
const GENERAL: &[(Column, &[&str])] = &[
    (Column::MusterId, &["musterid"]),
    (Column::TicketHash, &["tickethash"]),
    (
        Column::Ticket,
        &["ticketcode", "secret", "ticketsecret", "barcode", "ticketbarcode", "qrcode", "barcodeno", "barcodenumber"],
    ),
    (Column::Id, &["id", "attendee", "attendeeid", "attendeeno", "userid", "reference", "registrationid"]),
    (Column::Order, &["ordercode", "order", "orderno", "ordernumber", "orderid"]),
    (Column::Name, &["name", "attendeename", "fullname", "participant", "participantname", "guestname"]),
    (
        Column::FirstName,
        &["firstname", "givenname", "attendeenamefirstname", "attendeenamegivenname", "forename", "vorname"],
    ),
    (Column::MiddleName, &["middlename", "attendeenamemiddlename"]),
    (
        Column::LastName,
        &["lastname", "surname", "familyname", "attendeenamefamilyname", "attendeenamelastname", "nachname"],
    ),
    (
        Column::Organisation,
        &["organisation", "organization", "company", "affiliation", "institution", "employer", "yourcompany", "firma"],
    ),
    (
        Column::Category,
        &["category", "product", "tickettype", "ticketname", "ticket", "tickettitle", "registrationtype", "type"],
    ),
    (Column::Email, &["email", "emailaddress", "mail", "attendeeemail"]),
    (Column::Phone, &["phone", "phonenumber", "mobilephone", "mobile", "telephone", "cellphone"]),
    (Column::Language, &["language", "lang", "orderlocale", "locale"]),
    (
        Column::Status,
        &[
            "status",
            "attendeestatus",
            "approvalstatus",
            "registrationstate",
            "state",
            "rsvp",
            "orderstatus",
            "paymentstatus",
        ],
    ),
    (Column::CheckedIn, &["checkedin", "ischeckedin", "checkedinat", "checkindate"]),
    (Column::Notes, &["notes", "comment", "comments", "checkintext", "remarks"]),
    (Column::Attention, &["requiresspecialattention", "attention"]),
    (Column::ValidFrom, &["validfrom"]),
    (Column::ValidUntil, &["validuntil"]),
    (Column::Address, &["address", "homeaddress1", "street"]),
    (Column::Address2, &["homeaddress2"]),
    (Column::PostCode, &["zipcode", "zip", "postcode", "homezip", "homepostcode", "postalcode"]),
    (Column::City, &["city", "homecity"]),
    (Column::State, &["region", "homestate", "countyofresidence"]),
    (Column::Country, &["country", "homecountry"]),
    (
        Column::Dietary,
        &["dietaryneeds", "dietaryrequirements", "dietaryrestrictions", "dietarypreferences", "diet", "mealpreference"],
    ),
    (
        Column::Access,
        &["accessneeds", "accessibilityneeds", "accessibilityrequirements", "accessibility", "specialneeds"],
    ),
];

/// A system whose headings mean something of their own.
struct Producer {
    /// Headings that together only this system writes.
    signature: &'static [&'static str],
    /// What differs from the general table.
    columns: &'static [(Column, &'static [&'static str])],
    /// Headings that the general table would misunderstand.
    apart: &'static [&'static str],
    /// Whether each row is an order rather than an attendee.
    orders: bool,
}

const PRODUCERS: &[Producer] = &[
    // pretix, check-in list (plugins/checkinlists): the state is that of an address.
    Producer {
        signature: &["ordercode", "attendeename", "product", "secret"],
        columns: &[(Column::State, &["state"]), (Column::Id, &[])],
        apart: &[],
        orders: false,
    },
    // pretix, order list (base/exporters/orderlist.py).
    Producer {
        signature: &["eventslug", "ordercode", "ordertotal"],
        columns: &[(Column::State, &["state"]), (Column::Id, &[])],
        apart: &[],
        orders: true,
    },
    // hi.events, attendees (Exports/AttendeesExport.php): its QR codes hold the public id; the ticket id is the product's.
    Producer {
        signature: &["publicid", "shortid", "ticketid"],
        columns: &[(Column::Ticket, &["publicid"])],
        apart: &["ticketid", "eventid"],
        orders: false,
    },
    // hi.events, orders (Exports/OrdersExport.php).
    Producer {
        signature: &["totalbeforeadditions", "publicid"],
        columns: &[(Column::Order, &["publicid"])],
        apart: &["paymentstatus", "refundstatus"],
        orders: true,
    },
    // eventyay, attendees (csv_jobs_util.py, get_order_ticket_data); the form's fields follow.
    Producer {
        signature: &["order", "ticketid", "ticketname", "tickettype"],
        columns: &[
            (Column::Id, &["ticketid"]),
            (Column::Category, &["ticketname"]),
            (Column::State, &["state"]),
            (Column::Status, &["status"]),
        ],
        apart: &["tickettype"],
        orders: false,
    },
    // eventyay, orders.
    Producer {
        signature: &["order", "accesscode", "discountcode"],
        columns: &[(Column::State, &["state"]), (Column::Status, &["status"])],
        apart: &[],
        orders: true,
    },
    // Eventbrite, attendee report: the attendee's number identifies; buyers are others.
    Producer {
        signature: &["orderdate", "ordertype", "totalpaid"],
        columns: &[(Column::Order, &["order", "orderno"]), (Column::State, &["homestate", "countyofresidence"])],
        apart: &["buyerfirstname", "buyerlastname", "buyeremail", "eventname"],
        orders: false,
    },
    // Meetup: a title is a position, not a form of address.
    Producer { signature: &["userid", "rsvp", "guests"], columns: &[], apart: &[], orders: false },
];

/// Headings of lists that are not of attendees, and what those lists are.
const OTHERS: &[(&[&str], &str)] = &[
    (&["sessiontitle"], "a list of sessions (eventyay)"),
    (&["speakername", "speakeremail"], "a list of speakers (eventyay)"),
    (&["proposaltitle"], "a list of sessions (pretalx)"),
    (&["proposaltitles"], "a list of speakers (pretalx)"),
    (&["sessionid", "title"], "a list of sessions and speakers (Sessionize)"),
    (&["talkorworkshop"], "answers to a call for papers (Google Forms)"),
    (&["titleofyourtalkworkshop"], "answers to a call for papers (Google Forms)"),
];

/// What the columns of one list hold.
#[derive(Debug)]
pub(crate) struct Headings {
    columns: Vec<Option<(Column, usize)>>,
    headings: Vec<String>,
    orders: bool,
}

/// Tells what the columns hold from a list's headings.
pub(crate) fn recognise(record: &StringRecord) -> Result<Headings, ImportError> {
    let plains: Vec<String> = record.iter().map(plain).collect();
    let has = |name: &&str| plains.iter().any(|heading| heading == name);
    if let Some((_, what)) = OTHERS.iter().find(|(signature, _)| signature.iter().all(has)) {
        return Err(ImportError::WrongKind {
            found: (*what).to_owned(),
            expected: super::super::Format::AttendeesCsv.describe(),
            remedy: "import the programme as schedule.xml or schedule.json",
        });
    }
    let producer = PRODUCERS.iter().find(|producer| producer.signature.iter().all(has));
    let meaning = |heading: &String| -> Option<(Column, usize)> {
        if producer.is_some_and(|producer| producer.apart.contains(&heading.as_str())) {
            return None;
        }
        let of = |table: &[(Column, &[&str])]| {
            table
                .iter()
                .find_map(|(column, names)| names.iter().position(|name| name == heading).map(|rank| (*column, rank)))
        };
        producer.and_then(|producer| of(producer.columns)).or_else(|| of(GENERAL))
    };
    let headings = Headings {
        columns: plains.iter().map(meaning).collect(),
        headings: record.iter().map(super::super::text::clean).collect(),
        orders: producer.is_some_and(|producer| producer.orders),
    };
    headings.check(&plains)?;
    Ok(headings)
}

/// Whether a list's first row is already an attendee: Indico's list for import, which has no headings.
pub(crate) fn is_indico_import(record: &StringRecord) -> bool {
    record.len() == 6
        && record.get(5).is_some_and(|email| email.contains('@') && !email.contains(char::is_whitespace))
        && record.get(0).is_some_and(|name| !name.is_empty() && plain(name) != "firstname")
}

/// The columns of Indico's list for import (registration/util.py, `import_registrations_from_csv`).
pub(crate) fn indico_import() -> Headings {
    let columns = [
        Some(Column::FirstName),
        Some(Column::LastName),
        Some(Column::Organisation),
        None,
        Some(Column::Phone),
        Some(Column::Email),
    ];
    let headings = ["First name", "Last name", "Affiliation", "Position", "Phone", "E-mail"];
    Headings {
        columns: columns.into_iter().map(|column| column.map(|column| (column, 0))).collect(),
        headings: headings.map(str::to_owned).to_vec(),
        orders: false,
    }
}

impl Headings {
    /// How many columns there are.
    pub(crate) fn count(&self) -> usize {
        self.columns.len()
    }

    /// Whether some column holds this.
    pub(crate) fn has(&self, column: Column) -> bool {
        self.columns.iter().flatten().any(|(known, _)| *known == column)
    }

    /// The places of the columns that hold this, the best first.
    pub(crate) fn places(&self, column: Column) -> impl Iterator<Item = usize> {
        let mut places: Vec<(usize, usize)> = self
            .columns
            .iter()
            .enumerate()
            .filter_map(|(place, known)| known.filter(|(known, _)| *known == column).map(|(_, rank)| (rank, place)))
            .collect();
        places.sort_unstable();
        places.into_iter().map(|(_, place)| place)
    }

    /// The columns that nothing is known of: place and heading.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.columns.iter().zip(&self.headings).enumerate();
        all.filter(|(_, (column, _))| column.is_none()).map(|(place, (_, heading))| (place, heading.as_str()))
    }

    fn check(&self, plains: &[String]) -> Result<(), ImportError> {
        if !self.has(Column::Name) && !self.has(Column::FirstName) && !self.has(Column::LastName) {
            return Err(ImportError::MissingColumn {
                column: "the attendee's name",
                accepted: "Name, Attendee name, Full name, or First name and Last name (Surname)".to_owned(),
            });
        }
        let mut seen = std::collections::BTreeMap::new();
        for (place, (column, heading)) in self.columns.iter().zip(plains).enumerate() {
            let Some((column, _)) = column else { continue };
            if let Some(first) = seen.insert(heading.as_str(), place) {
                return Err(ImportError::AmbiguousColumn {
                    column: name_of(*column),
                    first: first + 1,
                    second: place + 1,
                });
            }
        }
        Ok(())
    }

    /// The fields that a list without certain columns says nothing of.
    pub(crate) fn silent(&self) -> BTreeSet<(&'static str, &'static str)> {
        const FIELDS: &[(&str, &str, &[Column])] = &[
            ("attendees", "organisation", &[Column::Organisation]),
            ("attendees", "category", &[Column::Category]),
            ("attendees", "registration", &[Column::Status]),
            ("attendees", "ticket", &[Column::Ticket, Column::TicketHash]),
            ("attendees", "order", &[Column::Order]),
            ("attendees", "notes", &[Column::Notes]),
            ("attendees", "attention", &[Column::Attention]),
            ("attendees", "valid_from", &[Column::ValidFrom]),
            ("attendees", "valid_until", &[Column::ValidUntil]),
            ("attendees", "language", &[Column::Language]),
            ("contacts", "email", &[Column::Email]),
            ("contacts", "phone", &[Column::Phone]),
            ("contacts", "address", &[Column::Address, Column::City, Column::PostCode]),
            ("contacts", "country", &[Column::Country]),
            ("contacts", "dietary_needs", &[Column::Dietary]),
            ("contacts", "access_needs", &[Column::Access]),
        ];
        let mut silent = BTreeSet::from([("attendees", "revoked_tickets")]);
        for (collection, field, columns) in FIELDS {
            if !columns.iter().any(|&column| self.has(column)) {
                silent.insert((*collection, *field));
            }
        }
        if self.unknown().next().is_none() {
            silent.insert(("contacts", "extra"));
        }
        silent
    }

    /// Notes what the list cannot say.
    pub(crate) fn note(&self, notes: &mut ImportNotes) {
        if self.orders {
            notes.add(NoteCode::OrdersNotAttendees, "file", "each row is an order: its buyer became one attendee");
        }
        if !self.has(Column::Ticket) && !self.has(Column::TicketHash) {
            notes.add(
                NoteCode::NoTicketCodes,
                "file",
                "the list has no ticket codes: attendees can be found by name only",
            );
        }
    }
}

const fn name_of(column: Column) -> &'static str {
    match column {
        Column::Ticket => "the ticket code",
        Column::Name | Column::FirstName | Column::MiddleName | Column::LastName => "the name",
        Column::Email => "the e-mail address",
        Column::Organisation => "the organisation",
        Column::Category => "the category",
        Column::Status => "the status",
        Column::Id | Column::MusterId => "the id",
        _ => "the same thing",
    }
}
