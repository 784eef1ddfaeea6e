//! One document chunk: columns of changes and columns of operations, any of them deflated.

use std::borrow::Cow;
use std::ops::Range;

use super::change::ACTION;
use super::chunk::Budget;
use super::column::{Column, ColumnSpec, check_values, column_list, totals};
use super::leb128::Cursor;
use super::{DocumentSummary, GuardError, history};

pub(super) fn check(body: &[u8], range: Range<usize>, budget: &mut Budget<'_>) -> Result<DocumentSummary, GuardError> {
    let mut cursor = Cursor::new(body);
    let actors = cursor.count("actors", budget.limits.max_actors)?;
    let actors = (0..actors).map(|_| cursor.prefixed("an actor").map(<[u8]>::to_vec)).collect::<Result<Vec<_>, _>>()?;
    let heads = cursor.hashes("heads", budget.limits.max_hashes)?;
    let change_columns = column_list(&mut cursor)?;
    let op_columns = column_list(&mut cursor)?;

    let of_changes = read_columns(&mut cursor, change_columns, actors.len(), budget)?;
    let changes = row_count(&of_changes, history::ACTOR);
    budget.changes(changes)?;
    let max_changes = u64::try_from(budget.limits.max_changes).unwrap_or(u64::MAX);
    check_rows(&of_changes, max_changes, budget)?;
    history::check(&of_changes, actors.len())?;

    let of_ops = read_columns(&mut cursor, op_columns, actors.len(), budget)?;
    let ops = row_count(&of_ops, ACTION);
    budget.change_ops(ops)?;
    check_rows(&of_ops, budget.limits.max_ops_per_change, budget)?;

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

/// Reads columns in which nobody else is named than so many actors: as in a change, Automerge panics at others (0.12
/// `src/op_set2/change.rs`, `write_change_ops`).
fn read_columns<'a>(
    cursor: &mut Cursor<'a>,
    columns: Vec<(ColumnSpec, u64)>,
    actors: usize,
    budget: &mut Budget<'_>,
) -> Result<Vec<Column<'a>>, GuardError> {
    let mut read = Vec::with_capacity(columns.len());
    for (spec, length) in columns {
        let bytes = cursor.take(length, "a column")?;
        let bytes = if spec.is_deflated() { budget.inflate.inflate(bytes)?.into() } else { Cow::Borrowed(bytes) };
        let totals = totals(spec, &bytes)?;
        if usize::try_from(totals.actors).map_or(true, |named| named > actors) {
            return Err(GuardError::Column { spec: spec.0 });
        }
        read.push(Column { spec, totals, bytes });
    }
    Ok(read)
}

fn row_count(columns: &[Column<'_>], spec: ColumnSpec) -> u64 {
    let found = columns.iter().find(|column| column.spec.normalized() == spec.normalized());
    found.map_or(0, |column| column.totals.items)
}

/// Members of groups (successors, dependencies) may be some times as many as their rows.
const MEMBERS_PER_ROW: u64 = 4;

fn check_rows(columns: &[Column<'_>], limit: u64, budget: &mut Budget<'_>) -> Result<(), GuardError> {
    check_values(columns)?;
    let members = limit.saturating_mul(MEMBERS_PER_ROW);
    for Column { spec, totals, .. } in columns {
        if totals.items > members || totals.members > members {
            return Err(GuardError::Column { spec: spec.0 });
        }
        budget.text(totals.text_bytes)?;
    }
    Ok(())
}
