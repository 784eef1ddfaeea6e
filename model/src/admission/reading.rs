//! What a change does, from its bytes.
//!
//! A change names the objects it writes to by the operations that made them. The collections were made by the genesis,
//! which is the same everywhere, so they are known without looking; what a change of a phone does to `facts` costs one
//! look for its key. Objects in records are looked up in the document, which costs a few steps towards its root, once.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{Automerge, Change, ChangeHash, ExpandedChange, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue};

use super::Operation;
use crate::document::{DocRef, collection_at, is_genesis_actor};
use crate::id::DeviceId;

/// The largest number of an operation: Automerge keeps them in 32 bits.
const MAX_COUNTER: u64 = 0xffff_ffff;

/// What is kept of one open document from change to change: facts that changes put which were let in and may not be in the
/// document yet, since two changes of one round must not put the same.
#[derive(Debug, Clone, Default)]
pub struct Awaited {
    facts: HashMap<String, ChangeHash>,
    layout: OnceLock<Layout>,
}

/// How the document is laid out, which no change that is let in alters.
#[derive(Debug, Clone)]
struct Layout {
    facts: Option<ObjId>,
    /// Whether the document was begun anew, with a first change that says more.
    is_epoch: bool,
}

impl Layout {
    fn of(doc: &Automerge) -> Self {
        Self { facts: crate::document::collection(doc, "facts").ok(), is_epoch: in_epoch(doc) }
    }
}

impl Awaited {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Forgets them: they are in the document.
    pub fn clear(&mut self) {
        self.facts = HashMap::new();
    }

    /// Notes what changes put that are let in.
    pub fn note(&mut self, facts: Vec<(String, ChangeHash)>) {
        self.facts.extend(facts);
    }
}

/// Where an object is in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Root,
    /// A collection of the genesis.
    Collection(&'static str),
    /// In a record, at this depth: 0 is the record itself.
    Record(&'static str, usize),
    /// Outside of every record.
    Elsewhere,
    /// It was made by a change that is not here.
    Unknown,
}

/// Reads the changes of one message for one document.
#[derive(Debug)]
pub struct Reader<'d> {
    doc: &'d Automerge,
    document: DocRef,
    awaited: &'d Awaited,
    /// Objects that were looked up, or that changes of this message make.
    places: HashMap<OpId, Place>,
    /// Facts that changes of this message put.
    put: HashMap<String, ChangeHash>,
    layout: &'d Layout,
}

impl<'d> Reader<'d> {
    /// Reads changes for `doc`, which is `document`.
    #[must_use]
    pub fn new(doc: &'d Automerge, document: DocRef, awaited: &'d Awaited) -> Self {
        let layout = awaited.layout.get_or_init(|| Layout::of(doc));
        Self { doc, document, awaited, places: HashMap::new(), put: HashMap::new(), layout }
    }

    /// Goes through what a change does, until `each` says no. It is decoded ([`Change::decode`])
    /// once, for all who look at it.
    ///
    /// The facts that it puts are noted when nothing was refused, so that a later change of the message finds their keys
    /// taken.
    ///
    /// # Errors
    /// What `each` said.
    pub fn read<E>(
        &mut self,
        change: &ExpandedChange,
        mut each: impl FnMut(&Operation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let author = DeviceId::of_actor(&change.actor_id);
        // Only a change that was never written has none.
        let hash = change.hash.unwrap_or(ChangeHash([0; 32]));
        let mut counter = change.start_op.get();
        let mut put = HashSet::new();
        for op in &change.operations {
            let place = self.place_of(&op.obj);
            if let OpType::Make(kind) = &op.action {
                let made = Self::made_in(&place, *kind);
                self.places.insert(OpId(counter, change.actor_id.clone()), made);
            }
            counter = counter.saturating_add(1);
            match (&place, &op.key) {
                (Place::Collection("facts"), Key::Map(key)) => {
                    let operation = self.fact_operation(op, key, hash, &put);
                    each(&operation)?;
                    put.insert(key.to_string());
                }
                (Place::Collection(collection), Key::Map(key)) => each(&self.record_operation(op, collection, key))?,
                (Place::Record(collection, depth), key) => {
                    each(&edit(op, key, Some(collection), *depth, author))?;
                }
                (Place::Unknown, key) => each(&edit(op, key, None, 1, author))?,
                _ => each(&Operation::Structure)?,
            }
        }
        self.put.extend(put.into_iter().map(|key| (key, hash)));
        Ok(())
    }

    /// The facts that the changes put which were read and not refused.
    #[must_use]
    pub fn into_put(self) -> Vec<(String, ChangeHash)> {
        self.put.into_iter().collect()
    }

    fn made_in(parent: &Place, kind: ObjType) -> Place {
        match parent {
            Place::Collection("facts") | Place::Root | Place::Elsewhere => Place::Elsewhere,
            Place::Collection(collection) if kind == ObjType::Map => Place::Record(collection, 0),
            Place::Collection(_) => Place::Elsewhere,
            Place::Record(collection, depth) => Place::Record(collection, depth.saturating_add(1)),
            Place::Unknown => Place::Unknown,
        }
    }

    fn place_of(&mut self, object: &ObjectId) -> Place {
        let id = match object {
            ObjectId::Root => return Place::Root,
            ObjectId::Id(id) => id,
        };
        if is_genesis_actor(id.actor()) {
            return collection_at(self.document.kind, self.layout.is_epoch, id.counter())
                .map_or(Place::Elsewhere, Place::Collection);
        }
        if let Some(place) = self.places.get(id) {
            return place.clone();
        }
        let place = self.find(id);
        self.places.insert(id.clone(), place.clone());
        place
    }

    fn find(&self, id: &OpId) -> Place {
        if id.counter() > MAX_COUNTER {
            return Place::Elsewhere;
        }
        let object = ObjId::Id(id.counter(), id.actor().clone(), 0);
        let Ok(mut parents) = self.doc.parents(&object) else { return Place::Unknown };
        let mut above = 0_usize;
        let mut last: Option<(ObjId, Prop)> = None;
        // From the object upwards: each step names what it stands in, the last one is the root.
        for parent in parents.by_ref() {
            above = above.saturating_add(1);
            if parent.obj == ROOT {
                let Prop::Map(_) = parent.prop else { return Place::Elsewhere };
                // What stands in the root must be a collection of the genesis, and not another put in its place.
                return match last {
                    Some((ObjId::Id(counter, actor, _), _)) if is_genesis_actor(&actor) => {
                        match collection_at(self.document.kind, self.layout.is_epoch, counter) {
                            // root, collection, record: two steps for the record itself.
                            Some(name) if name != "facts" => Place::Record(name, above.saturating_sub(2)),
                            _ => Place::Elsewhere,
                        }
                    }
                    _ => Place::Elsewhere,
                };
            }
            last = Some((parent.obj, parent.prop));
        }
        Place::Unknown
    }

    fn fact_operation<'o>(&self, op: &'o Op, key: &'o str, hash: ChangeHash, own: &HashSet<String>) -> Operation<'o> {
        let text = match &op.action {
            OpType::Put(ScalarValue::Str(text)) => Some(text.as_str()),
            OpType::Put(_) | OpType::Make(_) => None,
            _ => return Operation::AlterFact,
        };
        let awaited = [&self.awaited.facts, &self.put].into_iter().filter_map(|facts| facts.get(key));
        let taken = op.pred.iter().next().is_some()
            || own.contains(key)
            || awaited.into_iter().any(|by| *by != hash)
            || self.says_otherwise(key, text);
        Operation::PutFact { key, text, taken }
    }

    fn record_operation<'o>(&self, op: &'o Op, collection: &'static str, key: &'o str) -> Operation<'o> {
        match &op.action {
            OpType::Make(ObjType::Map) => {
                let replaces = op.pred.iter().next().is_some();
                let taken = !replaces
                    && crate::document::collection(self.doc, collection).is_ok_and(|id| self.holds(Some(&id), key));
                Operation::PutRecord { collection, key, taken }
            }
            OpType::Delete => Operation::DeleteRecord { collection },
            _ => Operation::Structure,
        }
    }

    /// Whether there is another fact under this key. The same one may come again: its author may bring what a coordinator
    /// has accepted meanwhile.
    fn says_otherwise(&self, key: &str, text: Option<&str>) -> bool {
        let there = self.layout.facts.as_ref().and_then(|facts| self.doc.get(facts, key).ok().flatten());
        there.is_some_and(|(value, _)| value.as_str() != text)
    }

    fn holds(&self, collection: Option<&ObjId>, key: &str) -> bool {
        collection.is_some_and(|id| matches!(self.doc.get(id, key), Ok(Some(_))))
    }
}

/// The key and the text of the fact that a change appends to a document, if that is all it does.
#[must_use]
pub fn appended_fact(document: &DocRef, doc: &Automerge, change: &Change) -> Option<(String, String)> {
    let decoded = change.decode();
    let [op] = decoded.operations.as_slice() else { return None };
    let (ObjectId::Id(object), Key::Map(key), OpType::Put(ScalarValue::Str(text))) = (&op.obj, &op.key, &op.action)
    else {
        return None;
    };
    let collection = collection_at(document.kind, in_epoch(doc), object.counter());
    let in_facts = is_genesis_actor(object.actor()) && collection == Some("facts");
    in_facts.then(|| (key.to_string(), text.to_string()))
}

/// Whether a document was begun anew. Only its first change can say so.
fn in_epoch(doc: &Automerge) -> bool {
    matches!(doc.get(ROOT, "epoch"), Ok(Some(_)))
}

fn edit<'o>(op: &Op, key: &Key, collection: Option<&'o str>, depth: usize, author: Option<DeviceId>) -> Operation<'o> {
    let value = match &op.action {
        OpType::Put(ScalarValue::Str(text)) => text.len(),
        OpType::Put(ScalarValue::Bytes(bytes) | ScalarValue::Unknown { bytes, .. }) => bytes.len(),
        _ => 0,
    };
    let key = match key {
        Key::Map(key) => key.len(),
        Key::Seq(_) => 0,
    };
    let maker = match &op.obj {
        ObjectId::Id(id) => DeviceId::of_actor(id.actor()),
        ObjectId::Root => None,
    };
    let in_own = maker.is_some() && maker == author;
    Operation::EditRecord { collection, in_own, bytes: (key, value), depth }
}
