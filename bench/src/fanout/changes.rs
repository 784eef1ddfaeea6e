//! Every change of a run, shared by all phones of the load: a phone then knows a change by its number, and a thousand of
//! them need no thousand documents.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use automerge::{Change, ChangeHash};
use muster_protocol::guard::{ChangeSummary, DocumentSize, GuardLimits, check_sync_message};

use crate::error::BenchError;

/// Messages that are remembered: a server that encodes once for all phones sends the same bytes to each of them.
const REMEMBERED: usize = 512;

/// The number of a change in its run.
pub(super) type Number = usize;

/// A change, as phones need to know it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) hash: ChangeHash,
    pub(super) deps: Vec<ChangeHash>,
    pub(super) max_op: u64,
    /// When a phone of the load wrote it; `None` for what was there before.
    pub(super) written: Option<Instant>,
}

impl Known {
    fn of(change: &ChangeSummary) -> Self {
        let max_op = change.start_op.saturating_add(change.ops).saturating_sub(1);
        Self { hash: change.hash, deps: change.deps.clone(), max_op, written: None }
    }
}

/// A sync message, read.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) heads: Vec<ChangeHash>,
    pub(super) changes: Vec<(Number, Known)>,
}

#[derive(Debug, Default)]
struct Tables {
    numbers: HashMap<ChangeHash, Number>,
    changes: Vec<Known>,
    heard: HashMap<u64, Arc<Heard>>,
}

/// All changes of a run. See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<Tables>);

impl Changes {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change that a phone of the load has written.
    pub(super) fn wrote(&self, change: &Change, at: Instant) -> (Number, Known) {
        let known =
            Known { hash: change.hash(), deps: change.deps().to_vec(), max_op: change.max_op(), written: Some(at) };
        let number = self.tables().note(known.clone());
        (number, known)
    }

    /// The number of a change, if it was seen.
    pub(super) fn number(&self, hash: &ChangeHash) -> Option<Number> {
        self.tables().numbers.get(hash).copied()
    }

    /// Reads a sync message. The same bytes are read once.
    pub(super) fn hear(&self, data: &[u8]) -> Result<Arc<Heard>, BenchError> {
        let mut hasher = DefaultHasher::new();
        hasher.write(data);
        let key = hasher.finish();
        if let Some(heard) = self.tables().heard.get(&key) {
            return Ok(Arc::clone(heard));
        }
        let size = DocumentSize { stored_changes: 1 << 20 };
        let summary = check_sync_message(data, &GuardLimits::bulk_import(), &size)
            .map_err(|error| BenchError::Wire(error.to_string()))?;
        if summary.has_document_chunk() {
            return Err(BenchError::Wire("a whole document came, which the load did not offer to read".into()));
        }
        let mut tables = self.tables();
        let changes = summary.changes().iter().map(|change| {
            let number = tables.note(Known::of(change));
            (number, tables.changes.get(number).cloned().unwrap_or_else(|| Known::of(change)))
        });
        let heard = Arc::new(Heard { changes: changes.collect(), heads: summary.heads.clone() });
        if tables.heard.len() >= REMEMBERED {
            tables.heard.clear();
        }
        tables.heard.insert(key, Arc::clone(&heard));
        Ok(heard)
    }
}

impl Tables {
    fn note(&mut self, known: Known) -> Number {
        if let Some(number) = self.numbers.get(&known.hash) {
            return *number;
        }
        let number = self.changes.len();
        self.numbers.insert(known.hash, number);
        self.changes.push(known);
        number
    }
}
