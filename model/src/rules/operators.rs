//! The operators that pretix adds to JSONLogic. Times are milliseconds since 1970.

use std::sync::Arc;

use datalogic_rs::bumpalo::Bump;
use datalogic_rs::operator::EvalContext;
use datalogic_rs::{ArenaExt, CustomOperator, DataValue, EngineBuilder, Error};
use jiff::civil;

use super::History;
use crate::time::Timestamp;

/// What an operator says of its operands; `None` if it can say nothing, and the rule cannot be read.
type Says = for<'a> fn(&History, &[&'a DataValue<'a>], &'a Bump) -> Option<&'a DataValue<'a>>;

struct Operator {
    history: Arc<History>,
    says: Says,
}

impl CustomOperator for Operator {
    fn evaluate<'a>(
        &self,
        operands: &[&'a DataValue<'a>],
        _: &mut EvalContext<'_, 'a>,
        arena: &'a Bump,
    ) -> Result<&'a DataValue<'a>, Error> {
        (self.says)(&self.history, operands, arena).ok_or_else(|| Error::custom_message("the operands do not fit"))
    }
}

/// Adds the operators.
pub(super) fn add(mut builder: EngineBuilder, history: &Arc<History>) -> EngineBuilder {
    let operators: [(&str, Says); 10] = [
        ("objectList", |_, operands, arena| {
            let items: Vec<DataValue<'_>> = operands.iter().map(|operand| **operand).collect();
            Some(arena.array(&items))
        }),
        ("lookup", lookup),
        ("inList", |_, operands, arena| {
            let (wanted, list) = (operands.first()?, operands.get(1)?.as_array()?);
            Some(arena.bool(list.iter().any(|item| same(wanted, item))))
        }),
        ("buildTime", build_time),
        ("isBefore", |_, operands, arena| {
            let (one, other, tolerance) = times(operands)?;
            Some(arena.bool(one < other.saturating_add(tolerance)))
        }),
        ("isAfter", |_, operands, arena| {
            let (one, other, tolerance) = times(operands)?;
            Some(arena.bool(one > other.saturating_sub(tolerance)))
        }),
        ("entries_since", |history, operands, arena| {
            let entries = history.since(time(operands)?).count();
            Some(arena.i64(i64::try_from(entries).ok()?))
        }),
        ("entries_before", |history, operands, arena| {
            let entries = history.before(time(operands)?).count();
            Some(arena.i64(i64::try_from(entries).ok()?))
        }),
        ("entries_days_since", |history, operands, arena| {
            let days = history.days(history.since(time(operands)?));
            Some(arena.i64(i64::try_from(days).ok()?))
        }),
        ("entries_days_before", |history, operands, arena| {
            let days = history.days(history.before(time(operands)?));
            Some(arena.i64(i64::try_from(days).ok()?))
        }),
    ];
    for (name, says) in operators {
        builder = builder.add_operator(name, Operator { history: Arc::clone(history), says });
    }
    builder
}

/// `lookup`: a thing of pretix by its number, with its name for people: `["product", "1", "Regular ticket"]`.
fn lookup<'a>(_: &History, operands: &[&'a DataValue<'a>], arena: &'a Bump) -> Option<&'a DataValue<'a>> {
    let number = operands.get(1)?;
    let number = number.as_i64().or_else(|| number.as_str()?.parse().ok())?;
    Some(arena.i64(number))
}

fn same(one: &DataValue<'_>, other: &DataValue<'_>) -> bool {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.as_str().is_some() && one.as_str() == other.as_str(),
        _ => false,
    }
}

fn time(operands: &[&DataValue<'_>]) -> Option<Timestamp> {
    operands.first()?.as_i64().map(Timestamp::from_ms)
}

/// Two times, and the tolerance in milliseconds, which rules have in minutes.
fn times(operands: &[&DataValue<'_>]) -> Option<(i64, i64, i64)> {
    let minutes = match operands.get(2) {
        None | Some(DataValue::Null | DataValue::String("")) => 0,
        Some(value) => value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())?,
    };
    Some((operands.first()?.as_i64()?, operands.get(1)?.as_i64()?, minutes.saturating_mul(60_000)))
}

/// `buildTime`: a time of the event, a given one, or a time of day today.
fn build_time<'a>(history: &History, operands: &[&'a DataValue<'a>], arena: &'a Bump) -> Option<&'a DataValue<'a>> {
    let event = &history.event;
    let given = || operands.get(1)?.as_str();
    let at = match operands.first()?.as_str()? {
        "date_from" => event.starts_at,
        "date_to" => event.ends_at,
        "date_admission" => event.admission_at.unwrap_or(event.starts_at),
        "custom" => instant(history, given()?)?,
        "customtime" => {
            let time: civil::Time = given()?.parse().ok()?;
            local(history, event.time_zone.local(history.now)?.date().to_datetime(time))?
        }
        _ => return None,
    };
    Some(arena.i64(at.ms()))
}

/// A time with its offset, else of the event's zone.
fn instant(history: &History, text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_ms(at.as_millisecond()));
    }
    local(history, text.parse().ok()?)
}

fn local(history: &History, at: civil::DateTime) -> Option<Timestamp> {
    let at = at.to_zoned(history.event.time_zone.as_jiff().clone()).ok()?;
    Some(Timestamp::from_ms(at.timestamp().as_millisecond()))
}
