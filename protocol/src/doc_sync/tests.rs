//! Stories of two peers that talk until they have nothing to say.

mod fan_out;
mod interleavings;
mod stories;
mod whole;

use std::collections::VecDeque;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ChangeHash, ROOT, ReadDoc};

use super::*;
use crate::DocLedger;
use crate::guard::{GuardLimits, check_sync_message};

const FULL: Role = Role::Full;

fn plain() -> DocSyncOptions {
    DocSyncOptions { plain_uploads: true }
}

fn bulk() -> DocSyncOptions {
    DocSyncOptions::default()
}

#[expect(clippy::disallowed_methods, reason = "the random actor is replaced at once")]
pub(super) fn document(actor: &str) -> Automerge {
    Automerge::new().with_actor(ActorId::from(actor.as_bytes()))
}

pub(super) fn edit(doc: &mut Automerge, key: &str) -> ChangeHash {
    let done = doc.transact::<_, _, automerge::AutomergeError>(|tx| {
        tx.put(ROOT, key, format!("value of {key}"))?;
        Ok(())
    });
    done.unwrap().hash.unwrap()
}

/// One side: its document, its session, what it has received and refused.
struct Side {
    doc: Automerge,
    sync: DocSync,
    inbox: VecDeque<Outgoing>,
    received: Vec<Received>,
    sent: Vec<Outgoing>,
    limits: GuardLimits,
}

impl Side {
    fn new(doc: Automerge, role: Role, options: DocSyncOptions) -> Self {
        Self {
            doc,
            sync: DocSync::new(role, options),
            inbox: VecDeque::new(),
            received: Vec::new(),
            sent: Vec::new(),
            limits: GuardLimits::bulk_import(),
        }
    }

    fn reconnect(&mut self, sync: DocSync) {
        self.sync = sync;
        self.inbox.clear();
        self.received.clear();
        self.sent.clear();
    }

    /// Takes in one message as the shells do: guard, ledger, receive.
    fn take_in(&mut self) -> bool {
        let Some(message) = self.inbox.pop_front() else {
            return false;
        };
        if message.kind == OutgoingKind::Request {
            self.sync.peer_requests();
        }
        let mut ledger = DocLedger::read(&self.doc, crate::PendingLimits::default());
        let summary = check_sync_message(&message.data, &self.limits, &ledger.size()).unwrap();
        ledger.admit(&self.doc, summary.changes()).unwrap();
        let received = self.sync.receive(&mut self.doc, &summary, &message.data).unwrap();
        assert!(received.dropped.is_empty());
        self.received.push(received);
        true
    }

    fn speak(&mut self, to: &mut Side) -> bool {
        let Some(message) = self.sync.generate(&self.doc) else {
            return false;
        };
        self.sent.push(message.clone());
        to.inbox.push_back(message);
        true
    }
}

/// Lets both speak and listen until nobody has anything to say; returns the number of messages.
fn converse(a: &mut Side, b: &mut Side) -> usize {
    let mut messages = 0;
    for _ in 0..50 {
        let mut busy = false;
        for turn in 0..2 {
            let (from, to) = if turn == 0 { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
            if from.speak(to) {
                messages += 1;
                busy = true;
            }
        }
        busy |= a.take_in();
        busy |= b.take_in();
        if !busy {
            return messages;
        }
    }
    panic!("still talking after 50 rounds");
}

fn value(doc: &Automerge, key: &str) -> Option<String> {
    doc.get(ROOT, key).unwrap().map(|(value, _)| value.as_str().unwrap_or_default().to_owned())
}
