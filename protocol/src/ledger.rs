//! What a document's owner knows about changes before they are applied.
//!
//! Two attacks cannot be seen in the bytes alone. Changes whose dependencies nobody has ("orphans")
//! wait in Automerge's queue, are saved and loaded again for ever, and move no heads: so how many may
//! wait is bounded. And Automerge 0.12 asserts that each change of an actor follows its previous one
//! (`src/change_graph.rs`, `add_changes`): a gap is a panic, so it is refused here, and so are
//! operation numbers used twice, or lower than those that a change depends on. It also panics at a
//! change that names an actor who wrote nothing yet (`src/op_set2/change/batch.rs`, `import_ops`).
//!
//! One ledger per open document, shared by all peers.

use std::collections::{HashMap, HashSet, VecDeque};

use automerge::{Automerge, Change, ChangeHash, ReadDoc};

use crate::doc_sync::has_change;
use crate::guard::{ChangeSummary, DocumentSize, GuardError};

/// How much may wait for changes that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingLimits {
    /// Changes.
    pub max_changes: usize,
    /// Bytes of their chunks.
    pub max_bytes: usize,
}

impl Default for PendingLimits {
    /// 1,000 changes, 1 MiB. A Bloom filter's false positives leave some 1 % waiting for a round
    /// trip, so a message of 5,000 changes may leave some behind.
    fn default() -> Self {
        Self { max_changes: 1_000, max_bytes: 1 << 20 }
    }
}

/// What an actor used last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Last {
    seq: u64,
    op: u64,
}

/// A change that waits.
#[derive(Clone, Debug)]
struct Orphan {
    hash: ChangeHash,
    actor: Vec<u8>,
    seq: u64,
    start_op: u64,
    ops: u64,
    deps: Vec<ChangeHash>,
    names: Vec<Vec<u8>>,
    bytes: usize,
}

impl Orphan {
    fn of(change: &ChangeSummary) -> Self {
        Self {
            hash: change.hash,
            actor: change.actor.clone(),
            seq: change.seq,
            start_op: change.start_op,
            ops: change.ops,
            deps: change.deps.clone(),
            names: change.other_actors().map(<[u8]>::to_vec).collect(),
            bytes: change.range.len().max(change.other_actors_bytes()),
        }
    }

    const fn max_op(&self) -> u64 {
        self.start_op.saturating_add(self.ops).saturating_sub(1)
    }

    fn into_expected(self) -> Expected {
        let last = Last { seq: self.seq, op: self.max_op() };
        Expected { hash: self.hash, actor: self.actor, last }
    }
}

/// What is known of one document's authors and waiting changes. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct DocLedger {
    limits: PendingLimits,
    heads: Vec<ChangeHash>,
    last: HashMap<Vec<u8>, Last>,
    /// In the order in which they came, which is the order of Automerge's queue.
    orphans: Vec<Orphan>,
    stored_changes: u64,
    /// The highest operation number in the document.
    highest_op: u64,
    /// Changes that were let in, or made here, since the last look at the document.
    expected: Vec<Expected>,
    /// Changes that the document got lately, with their last operations: what comes next depends on these, and the document
    /// takes its time to tell of one.
    lately: HashMap<ChangeHash, u64>,
}

/// How many changes are remembered with their last operations.
const MAX_LATELY: usize = 4_096;

/// A change that should be in the document by now: then nobody has to ask the document what it got, which walks its history.
#[derive(Clone, Debug)]
struct Expected {
    hash: ChangeHash,
    actor: Vec<u8>,
    last: Last,
}

impl DocLedger {
    /// Reads the document's history once, which costs in proportion to its changes.
    #[must_use]
    pub fn read(doc: &Automerge, limits: PendingLimits) -> Self {
        let mut ledger = Self { limits, ..Self::default() };
        ledger.refresh(doc);
        ledger
    }

    /// How big the document is, for the guard.
    #[must_use]
    pub const fn size(&self) -> DocumentSize {
        DocumentSize { stored_changes: self.stored_changes }
    }

    /// The highest operation number in the document, as of the last [`refresh`](Self::refresh).
    #[must_use]
    pub const fn highest_op(&self) -> u64 {
        self.highest_op
    }

    /// How many changes wait.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.orphans.len()
    }

    /// Notes what the document got since the last time, in proportion to that.
    pub fn refresh(&mut self, doc: &Automerge) {
        let expected = std::mem::take(&mut self.expected);
        let stored_changes = doc.stats().num_changes;
        // A document only grows. To say its heads it sorts them.
        if stored_changes == self.stored_changes {
            return;
        }
        let news = stored_changes.saturating_sub(self.stored_changes);
        let is_as_expected = u64::try_from(expected.len()).is_ok_and(|expected| expected == news)
            && expected.iter().all(|change| has_change(doc, &change.hash));
        if is_as_expected {
            if self.lately.len() > MAX_LATELY {
                self.lately.clear();
            }
            for Expected { hash, actor, last } in expected {
                self.lately.insert(hash, last.op);
                self.note(actor, last);
            }
        } else {
            for change in doc.get_changes_meta(&self.heads) {
                self.note(change.actor.to_bytes().to_vec(), Last { seq: change.seq, op: change.max_op });
            }
        }
        self.heads = doc.get_heads();
        self.stored_changes = stored_changes;
        self.orphans.retain(|orphan| !has_change(doc, &orphan.hash));
    }

    /// Whether the document holds the change, as [`has_change`] says it, sooner for those that came lately.
    #[must_use]
    pub fn knows(&self, doc: &Automerge, hash: &ChangeHash) -> bool {
        self.lately.contains_key(hash) || has_change(doc, hash)
    }

    fn note(&mut self, actor: Vec<u8>, change: Last) {
        let last = self.last.entry(actor).or_default();
        last.seq = last.seq.max(change.seq);
        last.op = last.op.max(change.op);
        self.highest_op = self.highest_op.max(change.op);
    }

    /// A change that the document's owner has just made in it, which spares [`refresh`](Self::refresh) to look for it.
    pub fn expect(&mut self, change: &Change) {
        let last = Last { seq: change.seq(), op: change.max_op() };
        self.expected.push(Expected { hash: change.hash(), actor: change.actor_id().to_bytes().to_vec(), last });
    }

    /// Judges changes that are about to be applied, and notes those that will wait. Call it only
    /// when they are going to be applied: refused ones must not be noted.
    ///
    /// # Errors
    /// [`GuardError::Orphans`] when too many would wait, [`GuardError::Sequence`] when an author's
    /// change does not follow its previous one. Nothing is noted then.
    pub fn admit<'c>(
        &mut self,
        doc: &Automerge,
        changes: impl IntoIterator<Item = &'c ChangeSummary>,
    ) -> Result<(), GuardError> {
        self.refresh(doc);
        let mut queue = self.orphans.clone();
        let mut queued: HashSet<ChangeHash> = queue.iter().map(|orphan| orphan.hash).collect();
        for change in changes {
            if !self.knows(doc, &change.hash) && queued.insert(change.hash) {
                queue.push(Orphan::of(change));
            }
        }
        let ready = self.ready_in_order(doc, &queue);
        self.check_sequences(doc, &queue, &ready)?;
        let ready: HashSet<usize> = ready.into_iter().collect();
        let (mut expected, mut waiting) = (Vec::new(), Vec::new());
        for (at, change) in queue.into_iter().enumerate() {
            if ready.contains(&at) {
                expected.push(change.into_expected());
            } else {
                waiting.push(change);
            }
        }
        self.check_pending(&waiting)?;
        self.orphans = waiting;
        self.expected = expected;
        Ok(())
    }

    /// Each change must carry the number after its author's last one, and new operation numbers, and name nobody who wrote
    /// nothing before it.
    fn check_sequences(&self, doc: &Automerge, queue: &[Orphan], ready: &[usize]) -> Result<(), GuardError> {
        let mut last: HashMap<&[u8], Last> = HashMap::new();
        let mut highest = self.highest_op;
        let mut applied: HashMap<ChangeHash, u64> = HashMap::new();
        let mut before: HashSet<&[u8]> = HashSet::new();
        for change in ready.iter().filter_map(|at| queue.get(*at)) {
            let stored = self.last.get(&change.actor).copied().unwrap_or_default();
            let last = last.entry(&change.actor).or_insert(stored);
            if change.seq != last.seq.saturating_add(1) {
                let what = "the sequence number of a change";
                return Err(GuardError::Sequence { what, value: change.seq });
            }
            // Nor before what the change depends on, or Automerge cannot load what it saved of it (0.12
            // `src/change_graph.rs`, `num_ops_vec`).
            if change.start_op <= last.op || change.start_op < self.start_after(doc, &applied, &change.deps) {
                let what = "the start operation of a change";
                return Err(GuardError::Sequence { what, value: change.start_op });
            }
            // Automerge counts on from the highest number a change depends on. One that jumps ahead would win over
            // everything that others write for a long time, and leave no numbers for the next jump.
            if change.start_op > highest.saturating_add(1) {
                let what = "the start operation of a change, beyond all it can depend on:";
                return Err(GuardError::Sequence { what, value: change.start_op });
            }
            let wrote = |actor: &Vec<u8>| *actor == change.actor || before.contains(actor.as_slice());
            if !change.names.iter().all(|actor| self.last.contains_key(actor) || wrote(actor)) {
                let what = "an actor's first change, which the operations name, of change";
                return Err(GuardError::Sequence { what, value: change.seq });
            }
            before.insert(&change.actor);
            highest = highest.max(change.max_op());
            applied.insert(change.hash, change.max_op());
            *last = Last { seq: change.seq, op: change.max_op() };
        }
        Ok(())
    }

    /// The number of the first operation that a change can begin with which depends on these: they are in the document, or
    /// among those that are applied before it, of which the last operations are given.
    #[must_use]
    pub fn start_after(&self, doc: &Automerge, applied: &HashMap<ChangeHash, u64>, deps: &[ChangeHash]) -> u64 {
        let stored = |dep: &ChangeHash| doc.get_change_meta_by_hash(dep).map(|change| change.max_op);
        let known = |dep: &ChangeHash| applied.get(dep).or_else(|| self.lately.get(dep)).copied();
        let last = deps.iter().filter_map(|dep| known(dep).or_else(|| stored(dep))).max();
        last.unwrap_or_default().saturating_add(1)
    }

    fn check_pending(&self, waiting: &[Orphan]) -> Result<(), GuardError> {
        let bytes: usize = waiting.iter().map(|orphan| orphan.bytes).sum();
        let over = waiting.len() > self.limits.max_changes || bytes > self.limits.max_bytes;
        // What waits already was let in; a message that adds nothing to it is no offence.
        if over && waiting.len() > self.orphans.len() {
            let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            let (orphans, limit) = (count(waiting.len()), count(self.limits.max_changes));
            return Err(GuardError::Orphans { orphans, limit });
        }
        Ok(())
    }

    /// Which of the queue can be applied, in the very order in which Automerge applies them (0.12
    /// `src/change_queue.rs`): sequence numbers are checked along it.
    fn ready_in_order(&self, doc: &Automerge, queue: &[Orphan]) -> Vec<usize> {
        let mut unsatisfied = vec![0_usize; queue.len()];
        let mut waiting_on: HashMap<ChangeHash, Vec<usize>> = HashMap::new();
        for ((at, change), missing) in queue.iter().enumerate().zip(&mut unsatisfied) {
            for dep in change.deps.iter().filter(|dep| !self.knows(doc, dep)) {
                *missing = missing.saturating_add(1);
                waiting_on.entry(*dep).or_default().push(at);
            }
        }
        let none_missing = |(at, missing): (usize, &usize)| (*missing == 0).then_some(at);
        let mut open: VecDeque<usize> = unsatisfied.iter().enumerate().filter_map(none_missing).collect();
        let mut order = Vec::new();
        while let Some(at) = open.pop_front() {
            order.push(at);
            let Some(change) = queue.get(at) else {
                continue;
            };
            for dependent in waiting_on.remove(&change.hash).unwrap_or_default() {
                let Some(missing) = unsatisfied.get_mut(dependent) else {
                    continue;
                };
                *missing = missing.saturating_sub(1);
                if *missing == 0 {
                    open.push_back(dependent);
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests;
