//! Records to files.

/// The characters with which a field begins that a spreadsheet would take for a formula.
pub(crate) const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
