//! A phone of the load: it speaks the wire as a phone does and keeps no document, only what it knows of one.
//!
//! A real phone costs some 100 us a change (it keeps an Automerge document); a thousand of them on the machine under test
//! would measure themselves. This one keeps heads, the numbers of the changes that it has, and the highest operation,
//! which is all that the sync protocol asks of it, and makes real changes: any Automerge reads them.

use std::collections::HashSet;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageVersion};
use automerge::{ActorId, Automerge, Change, ChangeHash, ExpandedChange, ScalarValue};
use muster_model::document::collection;

use super::changes::{Changes, Heard, Known, Number};
use crate::error::BenchError;

/// A document as all phones hold it before the run.
#[derive(Debug, Clone)]
pub(super) struct Start {
    heads: Vec<ChangeHash>,
    max_op: u64,
    changes: Vec<(ChangeHash, Vec<u8>)>,
    /// Where facts go; `None` in a document that holds none.
    facts: Option<ObjectId>,
}

impl Start {
    /// What this document holds now.
    pub(super) fn of(doc: &Automerge) -> Result<Self, BenchError> {
        let changes = doc.get_changes(&[]);
        let facts = match collection(doc, "facts") {
            Ok(automerge::ObjId::Id(counter, actor, _)) => Some(ObjectId::Id(OpId(counter, actor))),
            _ => None,
        };
        Ok(Self {
            heads: doc.get_heads(),
            max_op: changes.iter().map(Change::max_op).max().unwrap_or(0),
            changes: changes.into_iter().map(|change| (change.hash(), change.raw_bytes().to_vec())).collect(),
            facts,
        })
    }
}

/// What hearing a message brought.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Changes that are new to this phone and now part of its heads' history.
    pub(super) applied: Vec<(Number, Known)>,
    /// The answer, if there is something to say.
    pub(super) answer: Option<Vec<u8>>,
}

/// A phone's view of one document.
#[derive(Debug)]
pub(super) struct Replica {
    start: Start,
    actor: ActorId,
    seq: u64,
    max_op: u64,
    heads: Vec<ChangeHash>,
    has: HashSet<Number>,
    /// Came before something that they build on, which a Bloom filter's false positive can do.
    waiting: Vec<(Number, Known)>,
    /// What the server had when it spoke last and this phone has too.
    shared: Vec<ChangeHash>,
    /// Own changes that the server is not known to have.
    own: Vec<ChangeHash>,
    said: Option<Vec<ChangeHash>>,
}

impl Replica {
    pub(super) fn new(start: Start, actor: ActorId) -> Self {
        Self {
            actor,
            seq: 0,
            max_op: start.max_op,
            heads: start.heads.clone(),
            has: HashSet::new(),
            waiting: Vec::new(),
            shared: Vec::new(),
            own: Vec::new(),
            said: None,
            start,
        }
    }

    /// The first message; `uploading` all that the phone has, to a server that has nothing.
    pub(super) fn open(&mut self, uploading: bool) -> Vec<u8> {
        let hashes: Vec<ChangeHash> = self.start.changes.iter().map(|(hash, _)| *hash).collect();
        let chunks =
            if uploading { self.start.changes.iter().map(|(_, bytes)| bytes.clone()).collect() } else { vec![] };
        let have = Have { last_sync: Vec::new(), bloom: BloomFilter::from_hashes(hashes.iter()) };
        self.message(have, Vec::new(), chunks)
    }

    /// Writes a fact. Returns the change and the message that carries it.
    pub(super) fn write(&mut self, key: &str, fact: String) -> Result<(Change, Vec<u8>), BenchError> {
        let facts = self.start.facts.clone().ok_or(BenchError::NoFacts)?;
        self.seq = self.seq.saturating_add(1);
        let start_op = self.max_op.saturating_add(1);
        let operation = Op {
            action: OpType::Put(ScalarValue::Str(fact.into())),
            obj: facts,
            key: Key::Map(key.into()),
            pred: SortedVec::new(),
            insert: false,
        };
        let change = Change::from(ExpandedChange {
            operations: vec![operation],
            actor_id: self.actor.clone(),
            hash: None,
            seq: self.seq,
            start_op: start_op.try_into().map_err(|_| BenchError::NoFacts)?,
            time: 0,
            message: None,
            author: None,
            deps: self.heads.clone(),
            extra_bytes: Vec::new(),
        });
        self.max_op = start_op;
        self.heads = vec![change.hash()];
        self.own.push(change.hash());
        let have = self.have();
        let message = self.message(have, Vec::new(), vec![change.raw_bytes().to_vec()]);
        Ok((change, message))
    }

    /// Whether the server has said that it has just what this phone has.
    pub(super) fn is_level(&self) -> bool {
        !self.shared.is_empty() && self.shared == self.heads
    }

    /// Takes note of the number that an own change got.
    pub(super) fn wrote(&mut self, number: Number) {
        self.has.insert(number);
    }

    /// Hears a message and answers as Automerge would: with its heads, if they moved or something is asked for.
    pub(super) fn hear(&mut self, heard: &Heard, changes: &Changes) -> News {
        let mut news = News::default();
        let mut open: Vec<(Number, Known)> = std::mem::take(&mut self.waiting);
        open.extend(heard.changes.iter().filter(|(number, _)| !self.has.contains(number)).cloned());
        loop {
            let before = open.len();
            open.retain(|(number, known)| {
                if self.has.contains(number) {
                    return false;
                }
                let ready = known.deps.iter().all(|dep| self.has_change(dep, changes));
                if ready {
                    self.apply(*number, known);
                    news.applied.push((*number, known.clone()));
                }
                !ready
            });
            if open.len() == before {
                break;
            }
        }
        self.waiting = open;
        let lacking = self.lacking(heard, changes);
        if lacking.is_empty() {
            self.shared.clone_from(&heard.heads);
            self.own.retain(|hash| !heard.heads.contains(hash));
        }
        if self.said.as_ref() != Some(&self.heads) || !lacking.is_empty() {
            let have = self.have();
            news.answer = Some(self.message(have, lacking, Vec::new()));
        }
        news
    }

    fn apply(&mut self, number: Number, known: &Known) {
        self.has.insert(number);
        self.max_op = self.max_op.max(known.max_op);
        self.heads.retain(|head| !known.deps.contains(head));
        self.heads.push(known.hash);
        self.heads.sort_unstable();
        self.own.retain(|hash| !known.deps.contains(hash));
    }

    fn has_change(&self, hash: &ChangeHash, changes: &Changes) -> bool {
        self.start.changes.iter().any(|(known, _)| known == hash)
            || changes.number(hash).is_some_and(|number| self.has.contains(&number))
    }

    fn lacking(&self, heard: &Heard, changes: &Changes) -> Vec<ChangeHash> {
        let waiting = self.waiting.iter().flat_map(|(_, known)| known.deps.iter());
        let mut lacking: Vec<ChangeHash> =
            waiting.chain(&heard.heads).filter(|hash| !self.has_change(hash, changes)).copied().collect();
        lacking.retain(|hash| !self.waiting.iter().any(|(_, known)| known.hash == *hash));
        lacking.sort_unstable();
        lacking.dedup();
        lacking
    }

    fn have(&self) -> Have {
        Have { last_sync: self.shared.clone(), bloom: BloomFilter::from_hashes(self.own.iter()) }
    }

    fn message(&mut self, have: Have, need: Vec<ChangeHash>, chunks: Vec<Vec<u8>>) -> Vec<u8> {
        self.said = Some(self.heads.clone());
        let message = Message {
            heads: self.heads.clone(),
            need,
            have: vec![have],
            changes: ChunkList::from(chunks),
            // No flags: we read lists of changes, not whole documents.
            flags: None,
            version: MessageVersion::V1,
        };
        message.encode()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use automerge::ReadDoc;
    use automerge::sync::{State, SyncDoc};
    use muster_model::document::{self, DocKind, DocRef};
    use muster_model::id::{DeviceId, EventId};

    use super::*;

    fn actor(number: u8) -> ActorId {
        DeviceId::from_random([number; 8]).actor([number; 8])
    }

    /// Two phones of the load and a replica of Automerge's own between them end with the same heads, and Automerge reads
    /// what the phones wrote.
    #[test]
    fn automerge_takes_these_phones_for_its_own_kind() {
        let event = EventId::from_random([7; 16]);
        let mut server = document::create(event, &DocRef::shard(DocKind::Checkins, 0), actor(9)).unwrap();
        let start = Start::of(&server).unwrap();
        let changes = Changes::default();
        let mut phones: Vec<(Replica, State)> =
            (1..=2).map(|number| (Replica::new(start.clone(), actor(number)), State::new())).collect();
        let mut to_server: Vec<(usize, Vec<u8>)> = Vec::new();
        for (at, (phone, _)) in phones.iter_mut().enumerate() {
            to_server.push((at, phone.open(false)));
        }
        for turn in 0..20_usize {
            let at = turn % 2;
            let (change, message) = phones[at].0.write(&format!("{turn}"), "{}".into()).unwrap();
            let (number, _) = changes.wrote(&change, Instant::now());
            phones[at].0.wrote(number);
            to_server.push((at, message));
            if turn % 3 != 0 {
                continue;
            }
            for _ in 0..100 {
                for (at, message) in std::mem::take(&mut to_server) {
                    let message = Message::decode(&message).unwrap();
                    server.receive_sync_message(&mut phones[at].1, message).unwrap();
                }
                for (at, (phone, state)) in phones.iter_mut().enumerate() {
                    if let Some(message) = server.generate_sync_message(state) {
                        let heard = changes.hear(&message.encode()).unwrap();
                        to_server.extend(phone.hear(&heard, &changes).answer.map(|answer| (at, answer)));
                    }
                }
                if to_server.is_empty() {
                    break;
                }
            }
            assert!(to_server.is_empty(), "the exchange ends");
        }
        let facts = collection(&server, "facts").unwrap();
        assert_eq!(server.length(&facts), 19, "all but the last, which was not sent yet");
        assert_eq!(phones[0].0.heads, server.get_heads());
    }
}
