//! Orders to attendees.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::attendee::{Attendee, Contact, Registration};
use muster_model::id::{AttendeeId, EventId, QuestionId, RecordId};
use muster_model::ticket::TicketHash;
use muster_model::time::{TimeZone, Timestamp};
use serde_json::Value;

use super::super::Draft;
use super::super::json::{bool_of, localized, objects_of, text_of};
use super::super::note::NoteCode;
use super::super::schedule::instant;
use super::{Fields, Items};

/// Makes an attendee of every position of every order.
pub(crate) fn read(orders: &[&Fields], questions: &[&Fields], items: &Items, event: EventId, draft: &mut Draft) {
    let texts: BTreeMap<String, String> =
        questions.iter().map(|question| (text_of(question, "id"), localized(question.get("question")))).collect();
    let asked = questions.iter().filter(|question| bool_of(question, "ask_during_checkin"));
    let asked = asked.map(|question| text_of(question, "id")).collect();
    let mut reader =
        Reader { items, questions: texts, asked, event, tickets: BTreeSet::new(), unnamed: 0, series: 0, test: 0 };
    for order in orders {
        reader.order(order, draft);
    }
    reader.note(draft);
}

struct Reader<'a> {
    items: &'a Items,
    questions: BTreeMap<String, String>,
    asked: BTreeSet<String>,
    event: EventId,
    tickets: BTreeSet<TicketHash>,
    unnamed: u64,
    series: u64,
    test: u64,
}

impl Reader<'_> {
    fn order(&mut self, order: &Fields, draft: &mut Draft) {
        let code = text_of(order, "code");
        self.test += u64::from(bool_of(order, "testmode"));
        let positions: Vec<&Fields> = objects_of(order, "positions").collect();
        for position in &positions {
            draft.counts.read += 1;
            let number = text_of(position, "id");
            let place = format!("order {code}, position {number}");
            if code.is_empty() || number.is_empty() {
                draft.counts.skipped += 1;
                draft.notes.add(
                    NoteCode::PositionWithoutId,
                    place,
                    "skipped: the order has no code or the position no id",
                );
                continue;
            }
            let id = AttendeeId::derive(self.event, &format!("pretix/{code}/{number}"));
            if draft.attendees.contains_key(&id) {
                draft.counts.skipped += 1;
                draft.notes.add(NoteCode::DuplicatePosition, place, "skipped: the same position came before");
                continue;
            }
            let check_ins = position.get("checkins").and_then(Value::as_array).map_or(0, Vec::len);
            draft.counts.check_ins += u64::try_from(check_ins).unwrap_or(u64::MAX);
            let mut attendee = self.attendee(order, position, &positions);
            attendee.order.clone_from(&code);
            if attendee.ticket.is_some_and(|ticket| !self.tickets.insert(ticket)) {
                attendee.ticket = None;
                draft.notes.add(
                    NoteCode::DuplicateTicket,
                    place,
                    "imported without its ticket: its secret came before",
                );
            }
            let contact = self.contact(order, position);
            draft.attendees.insert(id, attendee);
            if contact != Contact::default() {
                draft.contacts.insert(id, contact);
            }
        }
    }

    fn attendee(&mut self, order: &Fields, position: &Fields, positions: &[&Fields]) -> Attendee {
        let product = position.get("item").and_then(Value::as_i64);
        let item = product.and_then(|id| self.items.get(id));
        let variation = position.get("variation").and_then(Value::as_i64);
        let of_item = item.map(|item| item.text.clone()).unwrap_or_default();
        let of_variation = variation.and_then(|id| item?.variations.get(&id).cloned()).unwrap_or_default();
        let mut notes = vec![text_of(order, "checkin_text"), of_item, of_variation];
        notes.retain(|note| !note.is_empty());
        let secret = text_of(position, "secret");
        let company = company_of(order, position);
        let name = name_of(order, position, positions).unwrap_or_else(|| {
            self.unnamed += 1;
            if company.is_empty() {
                format!("{}-{}", text_of(order, "code"), text_of(position, "positionid"))
            } else {
                company.clone()
            }
        });
        self.series += u64::from(position.get("subevent").is_some_and(|subevent| !subevent.is_null()));
        Attendee {
            name,
            organisation: company,
            category: product.map(|id| self.items.category(id)).unwrap_or_default(),
            registration: registration_of(order, position),
            ticket: (!secret.is_empty()).then(|| TicketHash::of(self.event, &secret)),
            attention: bool_of(order, "checkin_attention") || item.is_some_and(|item| item.attention),
            notes: notes.join("\n"),
            valid_from: time_of(position, "valid_from"),
            valid_until: time_of(position, "valid_until"),
            language: text_of(order, "locale"),
            product,
            variation,
            answered: self.answered(position),
            ..Attendee::default()
        }
    }

    /// The questions of the door that were answered with the order.
    fn answered(&self, position: &Fields) -> Vec<QuestionId> {
        let said = objects_of(position, "answers").filter(|answer| !text_of(answer, "answer").is_empty());
        let numbers = said.map(|answer| text_of(answer, "question")).filter(|number| self.asked.contains(number));
        numbers.map(|number| super::checkpoints::question_id(self.event, &number)).collect()
    }

    fn contact(&self, order: &Fields, position: &Fields) -> Contact {
        let invoice = order.get("invoice_address").and_then(Value::as_object);
        let given = |name: &str| {
            let own = text_of(position, name);
            if own.is_empty() { invoice.map(|invoice| text_of(invoice, name)).unwrap_or_default() } else { own }
        };
        let either = |one: String, other: String| if one.is_empty() { other } else { one };
        let town =
            [given("zipcode"), given("city")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let address =
            [given("street"), town, given("state")].into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>();
        let mut extra = BTreeMap::new();
        for answer in objects_of(position, "answers") {
            let number = text_of(answer, "question");
            let heading = self.questions.get(&number).filter(|text| !text.is_empty()).cloned();
            let value = text_of(answer, "answer");
            if !value.is_empty() {
                extra.insert(heading.unwrap_or_else(|| format!("Question {number}")), value);
            }
        }
        Contact {
            email: either(text_of(position, "attendee_email"), text_of(order, "email")),
            phone: text_of(order, "phone"),
            address: address.join("\n"),
            country: given("country"),
            extra,
            ..Contact::default()
        }
    }

    fn note(&self, draft: &mut Draft) {
        let counted = [
            (
                self.unnamed,
                NoteCode::PositionsWithoutName,
                "positions name nobody: they go by company or by order and position",
            ),
            (self.series, NoteCode::SubeventIgnored, "positions are for one date of a series, which is not imported"),
            (self.test, NoteCode::TestOrders, "orders were made in test mode: they are imported like others"),
            (
                draft.counts.check_ins,
                NoteCode::CheckInsNotImported,
                "check-ins are in the orders: they are not imported",
            ),
        ];
        for (count, code, what) in counted {
            if count > 0 {
                draft.notes.add(code, "orders", format!("{count} {what}"));
            }
        }
    }
}

/// The name as pretix shows it: the position's, else that of the position it is an add-on to, else the invoice's.
fn name_of(order: &Fields, position: &Fields, positions: &[&Fields]) -> Option<String> {
    let own = |position: &Fields| Some(text_of(position, "attendee_name")).filter(|name| !name.is_empty());
    let parent = || {
        let number = text_of(position, "addon_to");
        let parent = positions.iter().find(|other| !number.is_empty() && text_of(other, "id") == number)?;
        own(parent)
    };
    let invoice = || {
        let invoice = order.get("invoice_address")?.as_object()?;
        Some(text_of(invoice, "name")).filter(|name| !name.is_empty())
    };
    own(position).or_else(parent).or_else(invoice)
}

fn company_of(order: &Fields, position: &Fields) -> String {
    let own = text_of(position, "company");
    if !own.is_empty() {
        return own;
    }
    order
        .get("invoice_address")
        .and_then(Value::as_object)
        .map(|invoice| text_of(invoice, "company"))
        .unwrap_or_default()
}

/// Whether a position stands. One that waits for approval is let in by no list in pretix, not even by those that let in
/// who has not paid.
fn registration_of(order: &Fields, position: &Fields) -> Registration {
    let blocked = position.get("blocked").and_then(Value::as_array).is_some_and(|reasons| !reasons.is_empty());
    let pending = match text_of(order, "status").as_str() {
        "p" => false,
        "n" => true,
        _ => return Registration::Cancelled,
    };
    if bool_of(position, "canceled") {
        Registration::Cancelled
    } else if blocked || (pending && bool_of(order, "require_approval")) {
        Registration::Blocked
    } else if pending && !bool_of(order, "valid_if_pending") {
        Registration::Unpaid
    } else {
        Registration::Confirmed
    }
}

fn time_of(position: &Fields, name: &str) -> Option<Timestamp> {
    instant(&text_of(position, name), &TimeZone::UTC)
}
