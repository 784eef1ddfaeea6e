//! What refuses, in plain words.

use serde_json::Value;

use super::{Evaluation, RulesError};
use crate::time::Timestamp;

/// The most reasons that are given: nobody at a door reads more.
const MAX_REASONS: usize = 5;

/// What is said of a rule that has no plain words.
const UNNAMED: &str = "a rule of this checkpoint";

/// The name of a variable, if the value asks for one.
pub(super) fn variable(value: &Value) -> Option<&str> {
    match value.as_object()?.get("var")? {
        Value::String(name) => Some(name),
        Value::Array(names) if names.len() == 1 => names.first()?.as_str(),
        _ => None,
    }
}

/// The operator and its operands.
fn parts(rule: &Value) -> Option<(&str, &[Value])> {
    let (operator, operands) = rule.as_object()?.iter().next()?;
    Some((operator, operands.as_array().map_or(std::slice::from_ref(operands), Vec::as_slice)))
}

fn label(variable: &str) -> &str {
    match variable {
        "product" => "product",
        "variation" => "product variation",
        "now" => "time",
        "now_isoweekday" => "day of the week",
        "entries_number" => "entries so far",
        "entries_today" => "entries today",
        "entries_days" => "days with an entry",
        "minutes_since_last_entry" => "minutes since the last entry",
        "minutes_since_first_entry" => "minutes since the first entry",
        "entry_status" => "status",
        "entries_since" => "entries since then",
        "entries_before" => "entries before then",
        "entries_days_since" => "days with an entry since then",
        "entries_days_before" => "days with an entry before then",
        other => other,
    }
}

impl Evaluation<'_> {
    /// What the rules refuse for; nothing if they admit.
    pub(super) fn reasons(&self, rules: &Value) -> Result<Vec<String>, RulesError> {
        if self.holds(rules)? {
            return Ok(Vec::new());
        }
        let mut reasons = self.explain(rules)?;
        reasons.truncate(MAX_REASONS);
        if reasons.is_empty() {
            // A refusal has a reason: without one it would look like none.
            reasons.push(UNNAMED.to_owned());
        }
        Ok(reasons)
    }

    /// A rule that does not hold.
    fn explain(&self, rule: &Value) -> Result<Vec<String>, RulesError> {
        match parts(rule) {
            Some(("and", rules)) => {
                let mut reasons = Vec::new();
                for rule in rules {
                    if !self.holds(rule)? {
                        reasons.extend(self.explain(rule)?);
                    }
                }
                reasons.dedup();
                Ok(reasons)
            }
            Some(("or", rules)) => {
                let each: Result<Vec<String>, _> =
                    rules.iter().map(|rule| Ok(self.explain(rule)?.join(" and "))).collect();
                Ok(vec![each?.join(", or ")])
            }
            _ => Ok(vec![self.leaf(rule).unwrap_or_else(|| UNNAMED.to_owned())]),
        }
    }

    fn leaf(&self, rule: &Value) -> Option<String> {
        let (operator, operands) = parts(rule)?;
        let (left, right) = (operands.first()?, operands.get(1)?);
        let name = variable(left).or_else(|| parts(left).map(|(operator, _)| operator))?;
        let admitted = match operator {
            "inList" => {
                let (_, items) = parts(right)?;
                items.iter().map(named).collect::<Option<Vec<_>>>()?.join(", ")
            }
            "isBefore" => format!("before {}", self.time(right)?),
            "isAfter" => format!("after {}", self.time(right)?),
            "==" | "===" => self.value(right)?,
            "!=" | "!==" => format!("not {}", self.value(right)?),
            "<" => format!("fewer than {}", self.value(right)?),
            "<=" => format!("at most {}", self.value(right)?),
            ">" => format!("more than {}", self.value(right)?),
            ">=" => format!("at least {}", self.value(right)?),
            _ => return None,
        };
        let now = if name == "now" { self.time(left)? } else { self.value(left)? };
        Some(format!("{}: {now}, admitted: {admitted}", label(name)))
    }

    fn time(&self, value: &Value) -> Option<String> {
        let local = self.about.event.time_zone.local(Timestamp::from_ms(self.number(value)?))?;
        Some(local.strftime("%Y-%m-%d %H:%M").to_string())
    }

    fn value(&self, value: &Value) -> Option<String> {
        if let Some(name) = named(value) {
            return Some(name);
        }
        match variable(value).and_then(|name| self.data.get(name)) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Null) => Some("unknown".to_owned()),
            _ => self.number(value).map(|number| number.to_string()),
        }
    }
}

/// A text, or what a `lookup` is called.
fn named(value: &Value) -> Option<String> {
    match (value, parts(value)) {
        (Value::String(text), _) => Some(text.clone()),
        (_, Some(("lookup", [_, number, rest @ ..]))) => {
            let name = rest.first().and_then(Value::as_str).filter(|name| !name.trim().is_empty());
            name.or(number.as_str()).map(ToOwned::to_owned).or_else(|| Some(number.to_string()))
        }
        _ => None,
    }
}
