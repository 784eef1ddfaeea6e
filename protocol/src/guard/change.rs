//! One change body, inflated already.

use std::ops::Range;

use automerge::ChangeHash;

use super::chunk::Budget;
use super::column::{Column, ColumnSpec, check_values, column_list, totals};
use super::leb128::Cursor;
use super::{ChangeSummary, GuardError};

/// The actions: one row per operation.
pub(super) const ACTION: ColumnSpec = ColumnSpec(4 << 4 | 2);
/// Automerge keeps operation and sequence numbers in 32 bits.
const MAX_OP: u64 = 0xffff_ffff;

/// What is known about the chunk around the body.
pub(super) struct Envelope {
    pub(super) hash: ChangeHash,
    pub(super) range: Range<usize>,
    pub(super) compressed: bool,
}

pub(super) fn check(body: &[u8], envelope: Envelope, budget: &mut Budget<'_>) -> Result<ChangeSummary, GuardError> {
    let mut cursor = Cursor::new(body);
    let deps = cursor.hashes("dependencies", budget.limits.max_hashes)?;
    let actor = cursor.prefixed("an actor")?.to_vec();
    let seq = cursor.unsigned("a sequence number")?;
    let start_op = cursor.unsigned("a start operation")?;
    let time_s = cursor.signed("a time")?;
    let message = cursor.prefixed("a message")?;
    budget.text(u64::try_from(message.len()).unwrap_or(u64::MAX))?;
    let others = cursor.count("other actors", budget.limits.max_actors)?;
    let others_at = cursor.position();
    for _ in 0..others {
        cursor.prefixed("an actor")?;
    }
    let other_actors = body.get(others_at..cursor.position()).unwrap_or_default().to_vec();
    let actors = u64::try_from(others).unwrap_or(u64::MAX).saturating_add(1);
    let ops = check_columns(&mut cursor, actors, budget)?;
    check_numbers(seq, start_op, ops)?;
    check_extra(cursor.rest(), seq)?;
    let Envelope { hash, range, compressed } = envelope;
    Ok(ChangeSummary { hash, actor, seq, start_op, ops, time_s, deps, other_actors, range, compressed })
}

/// Sums all columns; returns the number of operations. Automerge panics at an operation of an actor whose number is none of
/// the change's `actors` (0.12 `src/op_set2/change/batch.rs`, `import_ops`).
fn check_columns(cursor: &mut Cursor<'_>, actors: u64, budget: &mut Budget<'_>) -> Result<u64, GuardError> {
    let columns = column_list(cursor)?;
    let mut ops = 0;
    let mut read = Vec::with_capacity(columns.len());
    for (spec, length) in columns {
        if spec.is_deflated() {
            return Err(GuardError::Column { spec: spec.0 });
        }
        let bytes = cursor.take(length, "a column")?;
        let totals = totals(spec, bytes)?;
        if totals.actors > actors {
            return Err(GuardError::Column { spec: spec.0 });
        }
        if spec == ACTION {
            ops = totals.items;
        }
        read.push(Column { spec, totals, bytes: bytes.into() });
    }
    budget.change_ops(ops)?;
    check_values(&read)?;
    read.iter().try_for_each(|column| check_rows(column, budget))?;
    Ok(ops)
}

/// No column may have more rows than operations are allowed, no group more members.
fn check_rows(column: &Column<'_>, budget: &mut Budget<'_>) -> Result<(), GuardError> {
    let Column { spec, totals, .. } = column;
    let limit = budget.limits.max_ops_per_change;
    if totals.items > limit || totals.members > limit {
        return Err(GuardError::Column { spec: spec.0 });
    }
    budget.text(totals.text_bytes)
}

fn check_numbers(seq: u64, start_op: u64, ops: u64) -> Result<(), GuardError> {
    if seq == 0 || seq > MAX_OP {
        return Err(GuardError::Sequence { what: "the sequence number", value: seq });
    }
    if start_op == 0 || start_op.saturating_add(ops) > MAX_OP {
        return Err(GuardError::Sequence { what: "the start operation", value: start_op });
    }
    Ok(())
}

/// Automerge asserts that an author footer stands only in an actor's first change (0.12
/// `src/change_graph.rs`, `add_changes`).
fn check_extra(extra: &[u8], seq: u64) -> Result<(), GuardError> {
    let mut cursor = Cursor::new(extra);
    let footer = cursor.unsigned("a footer").and_then(|_| cursor.prefixed("a footer"));
    if seq > 1 && footer.is_ok() {
        return Err(GuardError::Sequence { what: "an author footer in change", value: seq });
    }
    Ok(())
}
