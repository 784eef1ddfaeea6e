//! One document chunk: columns of changes and columns of operations, any of them deflated.

use std::ops::Range;

use super::change::ACTION;
use super::chunk::Budget;
use super::column::{ColumnSpec, ColumnTotals, ColumnType, check_values, column_list, totals};
use super::leb128::Cursor;
use super::{DocumentSummary, GuardError};

/// Column id of the actors of changes: one row per change.
const CHANGE_ACTOR: u32 = 0;

pub(super) fn check(body: &[u8], range: Range<usize>, budget: &mut Budget<'_>) -> Result<DocumentSummary, GuardError> {
    let mut cursor = Cursor::new(body);
    let actors = cursor.count("actors", budget.limits.max_actors)?;
    let actors = (0..actors).map(|_| cursor.prefixed("an actor").map(<[u8]>::to_vec)).collect::<Result<Vec<_>, _>>()?;
    let heads = cursor.hashes("heads", budget.limits.max_hashes)?;
    let change_columns = column_list(&mut cursor)?;
    let op_columns = column_list(&mut cursor)?;

    let change_rows = read_columns(&mut cursor, change_columns, budget)?;
    let changes = row_count(&change_rows, CHANGE_ACTOR, ColumnType::Actor);
    budget.changes(changes)?;
    let max_changes = u64::try_from(budget.limits.max_changes).unwrap_or(u64::MAX);
    check_rows(&change_rows, max_changes, budget)?;

    let op_rows = read_columns(&mut cursor, op_columns, budget)?;
    let ops = row_count(&op_rows, ACTION, ColumnType::Integer);
    budget.change_ops(ops)?;
    check_rows(&op_rows, budget.limits.max_ops_per_change, budget)?;

    if !cursor.is_empty() {
        for _ in 0..heads.len() {
            cursor.unsigned("a head index")?;
        }
    }
    if !cursor.is_empty() {
        return Err(cursor.malformed("the end of a document"));
    }
    Ok(DocumentSummary { heads, actors, changes, ops, range })
}

type Rows = Vec<(ColumnSpec, ColumnTotals)>;

fn read_columns(
    cursor: &mut Cursor<'_>,
    columns: Vec<(ColumnSpec, u64)>,
    budget: &mut Budget<'_>,
) -> Result<Rows, GuardError> {
    let mut rows = Vec::with_capacity(columns.len());
    for (spec, length) in columns {
        let bytes = cursor.take(length, "a column")?;
        let totals =
            if spec.is_deflated() { totals(spec, &budget.inflate.inflate(bytes)?)? } else { totals(spec, bytes)? };
        rows.push((spec, totals));
    }
    Ok(rows)
}

fn row_count(rows: &Rows, id: u32, kind: ColumnType) -> u64 {
    let found = rows.iter().find(|(spec, _)| spec.id() == id && spec.kind() == kind);
    found.map_or(0, |(_, totals)| totals.items)
}

/// Members of groups (successors, dependencies) may be some times as many as their rows.
const MEMBERS_PER_ROW: u64 = 4;

fn check_rows(rows: &Rows, limit: u64, budget: &mut Budget<'_>) -> Result<(), GuardError> {
    check_values(rows)?;
    let members = limit.saturating_mul(MEMBERS_PER_ROW);
    for (spec, totals) in rows {
        if totals.items > members || totals.members > members {
            return Err(GuardError::Column { spec: spec.0 });
        }
        budget.text(totals.text_bytes)?;
    }
    Ok(())
}
