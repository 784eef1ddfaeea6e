//! What the columns of a document chunk say of its changes: who made each, its number, its largest operation and what it
//! stands on.
//!
//! Automerge takes their word for it and panics where they name changes or actors that are not there, count down or leave
//! something out (0.12 `src/change_graph.rs`, `ChangeGraphCols::load`).

use super::GuardError;
use super::column::{Column, ColumnSpec, ColumnType};
use super::leb128::Cursor;

/// The columns, each with one row a change but for `DEPENDENCY`, which has as many as `DEPENDENCIES` says.
/// Source: Automerge's binary format, "Change Columns".
pub(super) const ACTOR: ColumnSpec = ColumnSpec(1);
const SEQUENCE: ColumnSpec = ColumnSpec(3);
const MAX_OP: ColumnSpec = ColumnSpec(1 << 4 | 3);
const DEPENDENCIES: ColumnSpec = ColumnSpec(4 << 4);
const DEPENDENCY: ColumnSpec = ColumnSpec(4 << 4 | 3);

/// Refuses changes of which no document could be made. How many rows there are has been checked.
pub(super) fn check(columns: &[Column<'_>], actors: usize) -> Result<(), GuardError> {
    let read = |spec: ColumnSpec| {
        let column = columns.iter().find(|column| column.spec.normalized() == spec.normalized());
        column.map_or(Ok(Vec::new()), |column| numbers(spec, &column.bytes))
    };
    let makers = read(ACTOR)?;
    let of_each = |spec: ColumnSpec| {
        let rows = read(spec)?;
        if rows.len() == makers.len() { Ok(rows) } else { Err(refused(spec)) }
    };
    let (sequence, max_ops, counts) = (of_each(SEQUENCE)?, of_each(MAX_OP)?, of_each(DEPENDENCIES)?);
    let mut dependencies = read(DEPENDENCY)?.into_iter();
    let mut made = vec![0_u64; actors];
    let mut known = Vec::with_capacity(makers.len());
    for (((maker, number), max_op), count) in makers.iter().zip(sequence).zip(max_ops).zip(counts) {
        let before = usize::try_from(*maker).ok().and_then(|maker| made.get_mut(maker));
        let before = before.ok_or_else(|| refused(ACTOR))?;
        *before = before.saturating_add(1);
        if number != *before {
            return Err(refused(SEQUENCE));
        }
        let mut least = 0;
        for _ in 0..count {
            let dependency = dependencies.next().and_then(|at| usize::try_from(at).ok());
            let its_max_op = dependency.and_then(|at| known.get(at)).ok_or_else(|| refused(DEPENDENCY))?;
            least = least.max(*its_max_op);
        }
        if max_op < least || u32::try_from(max_op).is_err() {
            return Err(refused(MAX_OP));
        }
        known.push(max_op);
    }
    if dependencies.next().is_some() { Err(refused(DEPENDENCY)) } else { Ok(()) }
}

fn refused(spec: ColumnSpec) -> GuardError {
    GuardError::Column { spec: spec.0 }
}

/// The rows of a column of numbers, none of which may be missing or below zero.
fn numbers(spec: ColumnSpec, bytes: &[u8]) -> Result<Vec<u64>, GuardError> {
    const RUN: &str = "a run";
    let refused = || refused(spec);
    let mut cursor = Cursor::new(bytes);
    let mut rows = Rows { deltas: spec.kind() == ColumnType::Delta, last: 0, rows: Vec::new() };
    while !cursor.is_empty() {
        let length = cursor.signed(RUN).map_err(|_| refused())?;
        if length == 0 {
            return Err(refused());
        }
        if length > 0 {
            let value = rows.value(&mut cursor).ok_or_else(refused)?;
            for _ in 0..length {
                rows.push(value).ok_or_else(refused)?;
            }
        }
        // Every literal value takes at least a byte, so this ends with the input.
        for _ in length..0 {
            let value = rows.value(&mut cursor).ok_or_else(refused)?;
            rows.push(value).ok_or_else(refused)?;
        }
    }
    Ok(rows.rows)
}

struct Rows {
    deltas: bool,
    last: i64,
    rows: Vec<u64>,
}

impl Rows {
    fn value(&self, cursor: &mut Cursor<'_>) -> Option<i64> {
        const VALUE: &str = "a value";
        if self.deltas {
            return cursor.signed(VALUE).ok();
        }
        cursor.unsigned(VALUE).ok().and_then(|value| i64::try_from(value).ok())
    }

    fn push(&mut self, value: i64) -> Option<()> {
        self.last = if self.deltas { self.last.checked_add(value)? } else { value };
        self.rows.push(u64::try_from(self.last).ok()?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::guard::column::totals;

    type Written = [Vec<u8>; 5];
    type Change = fn(&mut Written);

    /// Two changes of two actors and one on both; each number a literal, so that each may be another.
    fn judged(change: impl FnOnce(&mut Written)) -> Result<(), GuardError> {
        let mut all = [
            vec![0x7d, 0, 1, 0],
            // numbers 1, 1, 2 and largest operations 4, 3, 9, both as differences
            vec![0x7d, 1, 0, 1],
            vec![0x7d, 4, 0x7f, 6],
            vec![0x7d, 0, 0, 2],
            vec![0x7e, 0, 1],
        ];
        change(&mut all);
        let specs = [ACTOR, SEQUENCE, MAX_OP, DEPENDENCIES, DEPENDENCY];
        let columns: Vec<Column<'_>> = specs
            .into_iter()
            .zip(&all)
            .map(|(spec, bytes)| Column { spec, totals: totals(spec, bytes).unwrap(), bytes: Cow::Borrowed(bytes) })
            .collect();
        check(&columns, 2)
    }

    #[test]
    fn a_history_that_holds_passes() {
        judged(|_| ()).unwrap();
        assert_eq!(check(&[], 0), Ok(()));
    }

    #[test]
    fn whatever_a_history_lacks_is_refused() {
        let refused: [(ColumnSpec, Change); 9] = [
            (ACTOR, |all| all[0][2] = 2),
            (SEQUENCE, |all| all[1][3] = 2),
            (SEQUENCE, |all| all[1] = vec![0x7e, 1, 0]),
            (SEQUENCE, |all| all[1] = vec![0x7e, 1, 0, 0, 1]),
            (MAX_OP, |all| all[2][3] = 0x7f),
            (MAX_OP, |all| all[2][1] = 0x40),
            (DEPENDENCY, |all| all[3][3] = 3),
            (DEPENDENCY, |all| all[3][3] = 1),
            (DEPENDENCY, |all| all[4][2] = 2),
        ];
        for (spec, change) in refused {
            assert_eq!(judged(change), Err(GuardError::Column { spec: spec.0 }));
        }
    }
}
