//! Projections as text, to compare stores with: one line a row, the same for every kind of store.

use muster_model::attendance::Count;
use muster_model::id::{AttendeeId, CheckpointId};

use crate::store::{AttendeeRow, ConflictRow, DoubleRow, FactRow, Tally};

/// All rows of all projections, each list in the order of its keys.
pub(super) struct Projections {
    pub(super) attendees: Vec<AttendeeRow>,
    pub(super) words: Vec<(AttendeeId, String)>,
    pub(super) facts: Vec<FactRow>,
    pub(super) tallies: Vec<Tally>,
    pub(super) counts: Vec<(CheckpointId, String, Count)>,
    pub(super) doubles: Vec<DoubleRow>,
    pub(super) conflicts: Vec<ConflictRow>,
}

pub(super) fn lines(all: &Projections) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(all.attendees.iter().map(|row| format!("{row:?}")));
    lines.extend(all.words.iter().map(|row| format!("{row:?}")));
    lines.extend(all.facts.iter().map(|row| format!("{row:?}")));
    lines.extend(all.tallies.iter().map(|row| format!("{row:?}")));
    lines.extend(all.counts.iter().map(|row| format!("{row:?}")));
    lines.extend(all.doubles.iter().map(|row| format!("{row:?}")));
    lines.extend(all.conflicts.iter().map(|row| format!("{row:?}")));
    lines
}
