//! What columns expand to, summed over their runs without writing any out.
//!
//! Source: Automerge's binary format, "Columns"; Automerge 0.12 `src/columnar/encoding`.

use std::borrow::Cow;

use super::GuardError;
use super::leb128::Cursor;

/// Type bits of a column specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnType {
    Group,
    Actor,
    Integer,
    Delta,
    Boolean,
    String,
    ValueMetadata,
    Value,
}

/// `id << 4 | deflate << 3 | type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColumnSpec(pub(super) u32);

impl ColumnSpec {
    pub(super) const fn id(self) -> u32 {
        self.0 >> 4
    }

    pub(super) const fn is_deflated(self) -> bool {
        self.0 & 8 != 0
    }

    /// Columns stand in the order of this number, which ignores the deflate bit.
    pub(super) const fn normalized(self) -> u32 {
        self.0 & !8
    }

    pub(super) const fn kind(self) -> ColumnType {
        match self.0 & 7 {
            0 => ColumnType::Group,
            1 => ColumnType::Actor,
            2 => ColumnType::Integer,
            3 => ColumnType::Delta,
            4 => ColumnType::Boolean,
            5 => ColumnType::String,
            6 => ColumnType::ValueMetadata,
            _ => ColumnType::Value,
        }
    }
}

/// A column, inflated.
pub(super) struct Column<'a> {
    pub(super) spec: ColumnSpec,
    pub(super) totals: ColumnTotals,
    pub(super) bytes: Cow<'a, [u8]>,
}

/// What a column comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnTotals {
    /// Rows, nulls included.
    pub(super) items: u64,
    /// Sum of all values of a group column: how many rows its members have.
    pub(super) members: u64,
    /// Bytes of text with every run written out.
    pub(super) text_bytes: u64,
    /// How many actors there must be for the largest number of an actor column to name one.
    pub(super) actors: u64,
    /// Bytes of values: those that the lengths of a metadata column speak of, and those that a value column has.
    pub(super) value_bytes: u64,
}

/// Refuses values that are longer or shorter, taken together, than their lengths say: Automerge panics where a document's
/// end too soon (0.12 `src/op_set2/op_set/op_iter.rs`, `ValueIter`).
pub(super) fn check_values(columns: &[Column<'_>]) -> Result<(), GuardError> {
    let bytes = |id: u32, kind: ColumnType| {
        let column = columns.iter().find(|column| column.spec.id() == id && column.spec.kind() == kind);
        column.map_or(0, |column| column.totals.value_bytes)
    };
    let of_values = |column: &&Column<'_>| matches!(column.spec.kind(), ColumnType::ValueMetadata | ColumnType::Value);
    for Column { spec, .. } in columns.iter().filter(of_values) {
        if bytes(spec.id(), ColumnType::ValueMetadata) != bytes(spec.id(), ColumnType::Value) {
            return Err(GuardError::Column { spec: spec.0 });
        }
    }
    Ok(())
}

/// Reads the specification and length of each column.
pub(super) fn column_list(cursor: &mut Cursor<'_>) -> Result<Vec<(ColumnSpec, u64)>, GuardError> {
    /// Real changes have at most 16, real documents too.
    const MAX_COLUMNS: usize = 64;
    let count = cursor.count("columns", MAX_COLUMNS)?;
    let mut columns: Vec<(ColumnSpec, u64)> = Vec::with_capacity(count);
    for _ in 0..count {
        let raw = cursor.unsigned("a column specification")?;
        let spec = u32::try_from(raw).map(ColumnSpec);
        let spec = spec.map_err(|_| cursor.malformed("a column specification"))?;
        let length = cursor.unsigned("a column length")?;
        let ordered = columns.last().is_none_or(|(last, _)| last.normalized() < spec.normalized());
        if !ordered {
            return Err(GuardError::Column { spec: spec.0 });
        }
        columns.push((spec, length));
    }
    Ok(columns)
}

/// Sums the runs of one (inflated) column.
pub(super) fn totals(spec: ColumnSpec, bytes: &[u8]) -> Result<ColumnTotals, GuardError> {
    let refused = |_| GuardError::Column { spec: spec.0 };
    match spec.kind() {
        ColumnType::Value => {
            let value_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            Ok(ColumnTotals { value_bytes, ..ColumnTotals::default() })
        }
        ColumnType::Boolean => boolean_totals(bytes).map_err(refused),
        kind => run_totals(kind, bytes).map_err(refused),
    }
}

fn boolean_totals(bytes: &[u8]) -> Result<ColumnTotals, GuardError> {
    let mut cursor = Cursor::new(bytes);
    let mut totals = ColumnTotals::default();
    while !cursor.is_empty() {
        totals.items = totals.items.saturating_add(cursor.unsigned("a run of booleans")?);
    }
    Ok(totals)
}

fn run_totals(kind: ColumnType, bytes: &[u8]) -> Result<ColumnTotals, GuardError> {
    const RUN: &str = "a run";
    let mut cursor = Cursor::new(bytes);
    let mut totals = ColumnTotals::default();
    while !cursor.is_empty() {
        let length = cursor.signed(RUN)?;
        let count = if length == 0 { cursor.unsigned(RUN)? } else { length.unsigned_abs() };
        totals.items = totals.items.saturating_add(count);
        if length > 0 {
            value(kind, &mut cursor, count, &mut totals)?;
        } else if length < 0 {
            // Every literal value takes at least a byte, so this ends with the input.
            for _ in 0..count {
                value(kind, &mut cursor, 1, &mut totals)?;
            }
        }
    }
    Ok(totals)
}

/// Reads one value which stands for `count` rows.
fn value(kind: ColumnType, cursor: &mut Cursor<'_>, count: u64, totals: &mut ColumnTotals) -> Result<(), GuardError> {
    const VALUE: &str = "a value";
    /// A value's metadata is its type in four bits and then its length.
    const LENGTH_AT_BIT: u32 = 4;
    match kind {
        ColumnType::Delta => {
            cursor.signed(VALUE)?;
        }
        ColumnType::String => {
            let text = u64::try_from(cursor.prefixed(VALUE)?.len()).unwrap_or(u64::MAX);
            totals.text_bytes = totals.text_bytes.saturating_add(text.saturating_mul(count));
        }
        ColumnType::Group => {
            let members = cursor.unsigned(VALUE)?;
            totals.members = totals.members.saturating_add(members.saturating_mul(count));
        }
        ColumnType::Actor => {
            let number = cursor.unsigned(VALUE)?;
            totals.actors = totals.actors.max(number.saturating_add(1));
        }
        ColumnType::ValueMetadata => {
            let length = cursor.unsigned(VALUE)? >> LENGTH_AT_BIT;
            totals.value_bytes = totals.value_bytes.saturating_add(length.saturating_mul(count));
        }
        _ => {
            cursor.unsigned(VALUE)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTEGER: ColumnSpec = ColumnSpec(4 << 4 | 2);
    const ACTOR: ColumnSpec = ColumnSpec(2 << 4 | 1);
    const GROUP: ColumnSpec = ColumnSpec(7 << 4);
    const STRING: ColumnSpec = ColumnSpec(1 << 4 | 5);
    const BOOLEAN: ColumnSpec = ColumnSpec(3 << 4 | 4);

    #[test]
    fn runs_literals_and_nulls_are_summed() {
        // 3 x 9, literals 1 and 2, 5 nulls
        let totals = totals(INTEGER, &[3, 9, 0x7e, 1, 2, 0, 5]).unwrap();
        assert_eq!(totals.items, 10);
    }

    #[test]
    fn groups_count_their_members_and_strings_their_bytes() {
        assert_eq!(totals(GROUP, &[4, 100]).unwrap().members, 400);
        assert_eq!(totals(STRING, &[10, 3, b'a', b'b', b'c']).unwrap().text_bytes, 30);
        assert_eq!(totals(BOOLEAN, &[2, 3]).unwrap().items, 5);
    }

    #[test]
    fn actors_are_counted_up_to_the_largest_number() {
        assert_eq!(totals(ACTOR, &[3, 0, 0x7e, 4, 2, 0, 5]).unwrap().actors, 5);
        assert_eq!(totals(ACTOR, &[0, 5]).unwrap().actors, 0);
    }

    #[test]
    fn values_are_as_long_as_their_lengths_say() {
        const META: ColumnSpec = ColumnSpec(5 << 4 | 6);
        const VALUE: ColumnSpec = ColumnSpec(5 << 4 | 7);
        // 3 texts of 2 bytes, one of 1 byte and one of none
        let meta = totals(META, &[3, 0x26, 0x7e, 0x16, 0x06]).unwrap();
        let column = |spec, totals| Column { spec, totals, bytes: Cow::default() };
        let values = |bytes: &[u8]| column(VALUE, totals(VALUE, bytes).unwrap());
        let fits = |bytes: &[u8]| check_values(&[column(META, meta), values(bytes)]);
        assert!(fits(b"aabbccd").is_ok());
        for bytes in [&b"aabbcc"[..], b"aabbccdd", b""] {
            assert!(fits(bytes).is_err(), "{bytes:?}");
        }
        assert!(check_values(&[column(META, meta)]).is_err());
        assert!(check_values(&[values(b"a")]).is_err());
        assert!(check_values(&[column(INTEGER, totals(INTEGER, &[3, 9]).unwrap())]).is_ok());
    }

    #[test]
    fn huge_counts_saturate_and_cost_nothing() {
        // a literal run of 2^62 values with two of them there: ends with the input
        let mut bytes = vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
        bytes.extend([1, 2]);
        assert!(totals(INTEGER, &bytes).is_err());
        let mut null_run = vec![0];
        null_run.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        assert_eq!(totals(INTEGER, &null_run).unwrap().items, u64::MAX);
    }
}
