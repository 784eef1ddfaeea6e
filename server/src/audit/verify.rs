//! Whether the log is what was recorded.

use std::collections::VecDeque;
use std::fmt;

use rusqlite::Connection;

use super::chain::{self, BEGINNING, Hash};
use super::{Head, Recorded};
use crate::storage::StorageError;

/// How many faults are told one by one.
const MAX_FAULTS: usize = 100;

/// How far back is looked for the entry that another one follows: so many entries put in at one place are told from a
/// break.
const REMEMBERED: usize = 1_024;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The entry is not what was recorded.
    Changed,
    /// The entries were put in later.
    Inserted,
    /// The entries are not there any more.
    Missing,
    /// The second entry was not recorded after the first: the first was exchanged, or what was between them is gone.
    Broken,
    /// The entry that was noted elsewhere is not in the log: it was cut off, or made anew.
    Unnoted,
}

impl FaultKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Inserted => "inserted",
            Self::Missing => "missing",
            Self::Broken => "broken",
            Self::Unnoted => "unnoted",
        }
    }
}

/// Something wrong with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// The number of the first entry that it is about.
    pub first: i64,
    /// The number of the last.
    pub last: i64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, first, last } = self;
        let entries = if first == last { format!("entry {first}") } else { format!("entries {first} to {last}") };
        let what = match kind {
            FaultKind::Changed => "not as recorded",
            FaultKind::Inserted => "put in later",
            FaultKind::Missing => "removed",
            FaultKind::Broken => {
                return write!(
                    f,
                    "entry {last} was not recorded after entry {first}: that one was exchanged, or what was between removed"
                );
            }
            FaultKind::Unnoted => return f.write_str("the noted entry is not in the log: it was cut off or made anew"),
        };
        write!(f, "{entries}: {what}")
    }
}

/// What a look at the whole log found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// How many entries there are.
    pub entries: u64,
    /// Where the log ends.
    pub head: Option<Head>,
    /// What is wrong: the first hundred.
    pub faults: Vec<Fault>,
    /// How many more there are.
    pub more_faults: u64,
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    fn found(&mut self, kind: FaultKind, first: i64, last: i64) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { kind, first, last });
        } else {
            self.more_faults = self.more_faults.saturating_add(1);
        }
    }
}

/// An entry that was looked at.
struct Seen {
    seq: i64,
    /// The hash that stands in it, and the one that it should have: those behind it may follow either.
    hashes: [Hash; 2],
}

struct Walk {
    found: Verification,
    seen: VecDeque<Seen>,
    noted: Option<Hash>,
}

/// Looks at every entry.
pub(super) fn all(conn: &Connection, noted: Option<Hash>) -> Result<Verification, StorageError> {
    let beginning = Seen { seq: 0, hashes: [BEGINNING; 2] };
    let mut walk = Walk { found: Verification::default(), seen: VecDeque::from([beginning]), noted };
    let select = format!("SELECT {} FROM audit ORDER BY seq", Recorded::COLUMNS);
    let mut statement = conn.prepare(&select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        walk.entry(&Recorded::of(row)?);
    }
    let Walk { mut found, noted, .. } = walk;
    if noted.is_some() {
        let end = found.head.map_or(0, |head| head.seq);
        found.found(FaultKind::Unnoted, end, end);
    }
    Ok(found)
}

impl Walk {
    fn entry(&mut self, entry: &Recorded) {
        self.found.entries = self.found.entries.saturating_add(1);
        if entry.seq < 1 {
            return self.found.found(FaultKind::Inserted, entry.seq, entry.seq);
        }
        let right = chain::hash(&entry.previous, &entry.content());
        let stands = Hash::try_from(entry.hash.as_slice()).unwrap_or_default();
        let own = right == stands;
        if !own {
            self.found.found(FaultKind::Changed, entry.seq, entry.seq);
        }
        self.link(entry, own);
        if own && self.noted == Some(right) {
            self.noted = None;
        }
        self.found.head = Some(Head { seq: entry.seq, hash: stands });
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(Seen { seq: entry.seq, hashes: [stands, right] });
    }

    /// Whether the entry follows the last one that was seen.
    fn link(&mut self, entry: &Recorded, own: bool) {
        let follows = |seen: &&Seen| seen.hashes.iter().any(|hash| hash.as_slice() == entry.previous);
        let last = self.seen.back().map_or(0, |last| last.seq);
        // What a changed entry says of the one before it proves nothing.
        let before = self.seen.iter().rev().find(follows).map(|seen| seen.seq).filter(|seq| own || *seq == last);
        let (kind, first, last) = match before {
            Some(before) if before == last && entry.seq == last.saturating_add(1) => return,
            // It follows, but has not the number that follows.
            Some(before) if before == last => (FaultKind::Changed, entry.seq, entry.seq),
            Some(before) => (FaultKind::Inserted, before.saturating_add(1), last),
            None if entry.seq > last.saturating_add(1) => {
                (FaultKind::Missing, last.saturating_add(1), entry.seq.saturating_sub(1))
            }
            None if !own => return,
            None => (FaultKind::Broken, last, entry.seq),
        };
        self.found.found(kind, first, last);
    }
}
