//! A checkpoint's own rules: JSONLogic (<https://jsonlogic.com>) with the variables and operators of pretix's check-in
//! lists (pretix, `src/pretix/base/services/checkin.py`), so that what was set up there holds here, offline.
//!
//! A rule comes from outside, so it is looked at before it is evaluated: its size, its depth, and every operator and
//! variable in it must be known. What cannot be read refuses. The variables:
//!
//! | variable | is |
//! |---|---|
//! | `product`, `variation` | the numbers of what was bought, where it was bought |
//! | `now`, `now_isoweekday` | the time; the day of the week from 1, Monday, in the event's zone |
//! | `entries_number`, `entries_today`, `entries_days` | earlier entries here: in all, since midnight, on how many days |
//! | `minutes_since_last_entry`, `minutes_since_first_entry` | whole minutes; -1 before the first |
//! | `entry_status` | `present` after an entry, else `absent` |
//!
//! `gate` is not among them: a device of Muster is no gate of pretix, and a list that asks for one cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use datalogic_rs::bumpalo::Bump;
use datalogic_rs::{Engine, EvaluationConfig};
use serde_json::{Value, json};

use crate::event::Event;
use crate::fact::{Fact, FactBody};
use crate::time::Timestamp;

mod explain;
mod operators;

/// The most bytes of a checkpoint's rules.
pub const MAX_RULES_BYTES: usize = 16 * 1024;

/// The most values in a checkpoint's rules.
const MAX_VALUES: usize = 1_000;

/// How deep rules may nest.
const MAX_DEPTH: usize = 24;

/// JSONLogic's own operators that rules may use: none of them repeats anything, so a rule costs what it is long.
const OPERATORS: [&str; 12] = ["and", "or", "!", "!!", "==", "===", "!=", "!==", "<", "<=", ">", ">="];

/// The operators of pretix.
const OF_PRETIX: [&str; 10] = [
    "objectList",
    "lookup",
    "inList",
    "buildTime",
    "isBefore",
    "isAfter",
    "entries_since",
    "entries_before",
    "entries_days_since",
    "entries_days_before",
];

/// The variables.
const VARIABLES: [&str; 10] = [
    "product",
    "variation",
    "now",
    "now_isoweekday",
    "entries_number",
    "entries_today",
    "entries_days",
    "minutes_since_last_entry",
    "minutes_since_first_entry",
    "entry_status",
];

/// What rules are asked about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The event.
    pub event: &'a Event,
    /// The time, corrected.
    pub now: Timestamp,
    /// The product's number.
    pub product: Option<i64>,
    /// The variation's number.
    pub variation: Option<i64>,
    /// The standing facts about whoever it is at this checkpoint, in their order.
    pub here: &'a [&'a Fact],
}

/// Why rules cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// They are no JSON.
    #[error("the rules are not JSON")]
    NotJson,
    /// They are longer or deeper than any real ones.
    #[error("the rules are too long or nest too deep")]
    TooLarge,
    /// An operator is not known.
    #[error("the rules use the operator {0}, which is not known")]
    Operator(String),
    /// A variable is not known.
    #[error("the rules ask for {0}, which is not known here")]
    Variable(String),
    /// They are well formed, and make no sense: a time that is none, a comparison of what cannot be compared.
    #[error("the rules cannot be evaluated")]
    Evaluation,
}

/// Reads rules; `None` if they say nothing.
///
/// # Errors
/// If they cannot be read.
pub fn parse(text: &str) -> Result<Option<Value>, RulesError> {
    if text.len() > MAX_RULES_BYTES {
        return Err(RulesError::TooLarge);
    }
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut rules: Value = serde_json::from_str(text).map_err(|_| RulesError::NotJson)?;
    if rules.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(None);
    }
    if !rules.is_object() {
        return Err(RulesError::Evaluation);
    }
    look_at(&rules, MAX_DEPTH, &mut MAX_VALUES.clone())?;
    settle_empty(&mut rules);
    Ok(Some(rules))
}

/// All of nothing holds and one of nothing does not, as pretix has it: its editor leaves empty groups behind.
fn settle_empty(value: &mut Value) {
    if *value == json!({"and": []}) || *value == json!({"or": []}) {
        *value = Value::Bool(*value == json!({"and": []}));
    }
    match value {
        Value::Array(values) => values.iter_mut().for_each(settle_empty),
        Value::Object(fields) => fields.values_mut().for_each(settle_empty),
        _ => {}
    }
}

/// Checks that every part is known and that there are not too many.
fn look_at(value: &Value, depth: usize, left: &mut usize) -> Result<(), RulesError> {
    *left = left.checked_sub(1).ok_or(RulesError::TooLarge)?;
    let depth = depth.checked_sub(1).ok_or(RulesError::TooLarge)?;
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| look_at(value, depth, left)),
        Value::Object(fields) => {
            let mut fields = fields.iter();
            let (Some((operator, operands)), None) = (fields.next(), fields.next()) else {
                return Err(RulesError::Evaluation);
            };
            match operator.as_str() {
                "var" => {
                    let name = explain::variable(value).ok_or(RulesError::Evaluation)?;
                    if VARIABLES.contains(&name) { Ok(()) } else { Err(RulesError::Variable(name.to_owned())) }
                }
                known if OPERATORS.contains(&known) || OF_PRETIX.contains(&known) => look_at(operands, depth, left),
                unknown => Err(RulesError::Operator(unknown.chars().take(40).collect())),
            }
        }
        _ => Ok(()),
    }
}

/// What the rules refuse for, in plain words; nothing if they admit.
///
/// # Errors
/// If they cannot be read.
pub fn evaluate(text: &str, about: &About<'_>) -> Result<Vec<String>, RulesError> {
    match parse(text)? {
        Some(rules) => Evaluation::new(about)?.reasons(&rules),
        None => Ok(Vec::new()),
    }
}

/// Rules, ready to be asked.
struct Evaluation<'a> {
    about: &'a About<'a>,
    engine: Engine,
    data: Value,
}

impl<'a> Evaluation<'a> {
    fn new(about: &'a About<'a>) -> Result<Self, RulesError> {
        let history = Arc::new(History::of(about));
        let local = about.event.time_zone.local(about.now).ok_or(RulesError::Evaluation)?;
        let midnight = history.midnight(local.date());
        let data = json!({
            "product": about.product,
            "variation": about.variation,
            "now": about.now.ms(),
            "now_isoweekday": local.weekday().to_monday_one_offset(),
            "entries_number": history.entries.len(),
            "entries_today": history.since(midnight).count(),
            "entries_days": history.days(history.entries.iter().copied()),
            "minutes_since_last_entry": minutes(about.now, history.entries.iter().max()),
            "minutes_since_first_entry": minutes(about.now, history.entries.iter().min()),
            "entry_status": if history.is_present { "present" } else { "absent" },
        });
        let config = EvaluationConfig::default().with_loose_equality_errors(false);
        let builder = Engine::builder().with_config(config).with_constant_folding(false);
        Ok(Self { about, engine: operators::add(builder, &history).build(), data })
    }

    fn holds(&self, rules: &Value) -> Result<bool, RulesError> {
        let arena = Bump::new();
        let logic = self.engine.compile(rules).map_err(|_| RulesError::Evaluation)?;
        let result = self.engine.evaluate(&logic, &self.data, &arena).map_err(|_| RulesError::Evaluation)?;
        Ok(self.engine.truthy(result))
    }

    fn number(&self, rules: &Value) -> Option<i64> {
        let arena = Bump::new();
        let logic = self.engine.compile(rules).ok()?;
        self.engine.evaluate(&logic, &self.data, &arena).ok()?.as_i64()
    }
}

fn minutes(now: Timestamp, entry: Option<&Timestamp>) -> i64 {
    entry.map_or(-1, |entry| now.since_ms(*entry).div_euclid(60_000))
}

/// What happened here before, and when the event is: all that operators need.
struct History {
    event: Event,
    now: Timestamp,
    entries: Vec<Timestamp>,
    is_present: bool,
}

impl History {
    fn of(about: &About<'_>) -> Self {
        let entries = about.here.iter().filter(|fact| fact.body.is_admission()).map(|fact| fact.corrected_at());
        let mut moves =
            about.here.iter().filter(|fact| fact.body.is_admission() || matches!(fact.body, FactBody::Exit { .. }));
        Self {
            event: about.event.clone(),
            now: about.now,
            entries: entries.collect(),
            is_present: moves.next_back().is_some_and(|fact| fact.body.is_admission()),
        }
    }

    fn since(&self, from: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.entries.iter().copied().filter(move |at| *at >= from)
    }

    fn before(&self, until: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.entries.iter().copied().filter(move |at| *at < until)
    }

    /// On how many days of the calendar, which unlike the event's begin at midnight.
    fn days(&self, entries: impl Iterator<Item = Timestamp>) -> usize {
        entries.map(|at| self.event.time_zone.event_day(at, 0)).collect::<BTreeSet<_>>().len()
    }

    /// When a day of the calendar begins.
    fn midnight(&self, day: jiff::civil::Date) -> Timestamp {
        let begins = day.to_zoned(self.event.time_zone.as_jiff().clone());
        begins.map_or(Timestamp::from_ms(i64::MIN), |begins| Timestamp::from_ms(begins.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests;
