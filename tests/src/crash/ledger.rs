//! What a phone process said before it died.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_model::id::FactId;

use super::Said;

/// What a phone process said, through all its lives.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    shown: BTreeSet<FactId>,
    acknowledged: BTreeSet<FactId>,
    next_ticket: usize,
    ready: bool,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hear(&self, said: Said) {
        let mut state = self.state();
        match said {
            Said::Ready => state.ready = true,
            Said::Shown { ticket, fact, .. } => {
                state.shown.extend(fact);
                state.next_ticket = ticket + 1;
            }
            Said::Failed { .. } => {}
            Said::OnServer { fact } => drop(state.acknowledged.insert(fact)),
        }
    }

    /// A new life begins; gives the ticket after the last that was shown.
    pub(super) fn begin(&self) -> usize {
        let mut state = self.state();
        state.ready = false;
        state.next_ticket
    }

    pub(super) fn shown(&self) -> BTreeSet<FactId> {
        self.state().shown.clone()
    }

    pub(super) fn acknowledged(&self) -> BTreeSet<FactId> {
        self.state().acknowledged.clone()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state().ready
    }
}
