//! Resources of the pretix API: orders, items, questions, check-in lists, the event (pretix, `doc/api/resources`).
//!
//! A file may hold one resource, a list of them, a page of the API (`results`), or several of these one after the other;
//! resources are told apart by their shape. Every position of an order becomes one attendee.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::error::ImportError;
use super::json::{bool_of, localized, objects_of, parse_all, text_of};
use super::note::{ImportNotes, NoteCode};
use super::{Draft, ReadContext};

mod checkpoints;
mod event;
mod orders;
mod tickets;

pub(crate) type Fields = Map<String, Value>;

/// What a pretix file holds, sorted by kind.
#[derive(Default)]
struct Resources<'a> {
    orders: Vec<&'a Fields>,
    items: Items,
    lists: Vec<&'a Fields>,
    questions: Vec<&'a Fields>,
    revoked: Vec<&'a Fields>,
    blocked: Vec<&'a Fields>,
    event: Option<&'a Fields>,
    notes: ImportNotes,
}

/// The products that are known.
#[derive(Default)]
pub(crate) struct Items {
    by_id: BTreeMap<i64, Item>,
}

/// A product.
#[derive(Clone)]
pub(crate) struct Item {
    name: String,
    /// Whether staff should look when one is shown.
    pub(crate) attention: bool,
    /// What staff should know.
    pub(crate) text: String,
    /// The same of its variations.
    pub(crate) variations: BTreeMap<i64, String>,
}

impl Items {
    fn add(&mut self, fields: &Fields) {
        let Some(id) = fields.get("id").and_then(Value::as_i64) else { return };
        let variations = objects_of(fields, "variations");
        let item = Item {
            name: localized(fields.get("name")),
            attention: bool_of(fields, "checkin_attention"),
            text: text_of(fields, "checkin_text"),
            variations: variations
                .filter_map(|variation| Some((variation.get("id")?.as_i64()?, text_of(variation, "checkin_text"))))
                .collect(),
        };
        self.by_id.insert(id, item);
    }

    /// The categories of all products, by their numbers.
    fn products(&self) -> BTreeMap<String, String> {
        self.by_id.keys().map(|id| (id.to_string(), self.category(*id))).collect()
    }

    /// A product, if it is known.
    pub(crate) fn get(&self, id: i64) -> Option<&Item> {
        self.by_id.get(&id)
    }

    /// Whether no product is known at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The category that a product becomes: its name; with its number, if an older product has the same name, since lists
    /// admit by product and not by name.
    pub(crate) fn category(&self, id: i64) -> String {
        let Some(item) = self.get(id).filter(|item| !item.name.is_empty()) else { return format!("Product {id}") };
        let older = self.by_id.range(..id).any(|(_, other)| other.name == item.name);
        if older { format!("{} ({id})", item.name) } else { item.name.clone() }
    }
}

/// Reads a file of pretix resources.
pub(crate) fn read(bytes: &[u8], context: &ReadContext) -> Result<Draft, ImportError> {
    let values = parse_all(bytes, &context.limits)?;
    let mut resources = Resources::default();
    let mut waiting: Vec<&Value> = values.iter().rev().collect();
    while let Some(value) = waiting.pop() {
        resources.sort(value, &mut waiting);
    }
    let positions: usize = resources.orders.iter().map(|order| objects_of(order, "positions").count()).sum();
    if positions > context.limits.attendees {
        let limit = u64::try_from(context.limits.attendees).unwrap_or(u64::MAX);
        return Err(ImportError::TooLarge { what: "positions", limit });
    }
    let withdrawn = resources.revoked.len() + resources.blocked.len();
    let nothing =
        resources.orders.is_empty() && resources.lists.is_empty() && resources.event.is_none() && withdrawn == 0;
    if nothing && resources.items.is_empty() && resources.questions.is_empty() && resources.notes.notes.is_empty() {
        return Err(ImportError::Incomplete {
            what: "order, check-in list, product or event",
            kind: "file of the pretix API",
        });
    }
    let mut draft = Draft { notes: std::mem::take(&mut resources.notes), ..Draft::default() };
    draft.silent = BTreeSet::from([
        ("attendees", "revoked_tickets"),
        ("attendees", "ticket_key"),
        ("ticket_keys", "valid_from"),
        ("ticket_keys", "retired_at"),
        ("ticket_keys", "categories"),
        ("ticket_keys", "products"),
        ("contacts", "dietary_needs"),
        ("contacts", "access_needs"),
        ("checkpoints", "kind"),
        ("checkpoints", "session"),
        ("checkpoints", "valid_from"),
        ("checkpoints", "valid_until"),
        ("checkpoints", "capacity"),
    ]);
    if resources.questions.is_empty() {
        draft.silent.extend([("checkpoints", "questions"), ("attendees", "answered")]);
    }
    if resources.items.is_empty() && !(resources.orders.is_empty() && resources.lists.is_empty()) {
        draft.guessed = BTreeSet::from([
            ("attendees", "category"),
            ("checkpoints", "categories"),
            ("attendees", "attention"),
            ("attendees", "notes"),
        ]);
        let detail =
            "the file has no products: categories are their numbers until the products are imported with the orders";
        draft.notes.add(NoteCode::CategoriesUnknown, "file", detail);
    }
    if let Some(fields) = resources.event {
        event::read(fields, context, &mut draft);
        tickets::read_keys(fields, &mut draft);
    }
    tickets::read_withdrawn(&resources.revoked, &resources.blocked, context.event, &mut draft);
    draft.products = resources.items.products();
    checkpoints::read(&resources.lists, &resources.questions, &resources.items, context.event, &mut draft);
    orders::read(&resources.orders, &resources.questions, &resources.items, context.event, &mut draft);
    Ok(draft)
}

impl<'a> Resources<'a> {
    /// Puts one value where it belongs; what it contains waits.
    fn sort(&mut self, value: &'a Value, waiting: &mut Vec<&'a Value>) {
        let fields = match value {
            Value::Array(values) => {
                waiting.extend(values.iter().rev());
                return;
            }
            Value::Object(fields) => fields,
            _ => return,
        };
        let has = |name: &str| fields.contains_key(name);
        if has("results") && has("count") {
            let more = fields.get("next").is_some_and(Value::is_string);
            if more {
                self.notes.add(NoteCode::OnePageOfSeveral, "file", "the API has more pages: import them too");
            }
            waiting.extend(fields.get("results"));
        } else if has("positions") && has("code") {
            self.orders.push(fields);
        } else if has("all_products") || has("limit_products") {
            self.lists.push(fields);
        } else if has("admission") && has("default_price") {
            self.items.add(fields);
        } else if has("question") && has("type") && has("id") {
            self.questions.push(fields);
        } else if has("secret") && has("blocked") {
            self.blocked.push(fields);
        } else if has("secret") && has("created") && !has("identifier") {
            self.revoked.push(fields);
        } else if has("slug") && has("date_from") {
            self.event = Some(fields);
        } else {
            // An object of our own making that mixes resources: {"orders": [...], "items": [...]}.
            let held = fields.values().filter(|value| value.is_array() || value.is_object());
            let held: Vec<&Value> = held.collect();
            let bundle = [
                "orders",
                "items",
                "checkinlists",
                "questions",
                "revokedsecrets",
                "blockedsecrets",
                "event",
                "events",
                "order",
                "item",
                "checkinlist",
                "question",
                "revokedsecret",
                "blockedsecret",
            ];
            if !held.is_empty() && fields.keys().all(|name| bundle.contains(&name.as_str())) {
                waiting.extend(held.into_iter().rev());
            } else {
                self.notes.add(
                    NoteCode::ResourceIgnored,
                    "file",
                    "not imported: an object that is no order, list, product, question, secret or event",
                );
            }
        }
    }
}
