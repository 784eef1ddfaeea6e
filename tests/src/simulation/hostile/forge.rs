//! What a hostile device writes.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use automerge::sync::{ChunkList, Message as SyncMessage, MessageVersion};
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, Change, ObjId, ObjType, ROOT, ReadDoc};
use muster_model::access::Role;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::fact::{Entry, EntryVia, Fact, FactBody, Incident, Severity};
use muster_model::id::{DeviceId, FactId};

use super::super::finding::{Checked, own_fault};
use super::super::world::{World, note};

/// How many changes a flood has: more than are kept of one device.
const FLOOD: u64 = 100;

type Edit = Box<dyn FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>>;

fn write(doc: &mut Automerge, actor: ActorId, edit: Edit) -> Checked<Option<Change>> {
    doc.set_actor(actor);
    let mut tx = doc.transaction();
    edit(&mut tx).map_err(own_fault)?;
    let (written, _) = tx.commit();
    Ok(written.and_then(|hash| doc.get_change_by_hash(&hash)))
}

fn put_fact(key: String, text: String) -> Edit {
    Box::new(move |tx| {
        let Ok(facts) = document::collection(tx, "facts") else { return Ok(()) };
        tx.put(facts, key, text)
    })
}

/// Changes as they are, as if they were all there is.
fn message(changes: &[Change]) -> SyncMessage {
    let mut heads: Vec<_> = changes.iter().map(Change::hash).collect();
    heads.sort_unstable();
    let chunks: Vec<Vec<u8>> = changes.iter().map(|change| change.raw_bytes().to_vec()).collect();
    SyncMessage {
        heads,
        need: Vec::new(),
        have: Vec::new(),
        changes: ChunkList::from(chunks),
        flags: None,
        version: MessageVersion::V1,
    }
}

/// A forgery: changes in the order in which they are sent, of which the last so many are forged.
struct Forgery {
    what: &'static str,
    document: DocRef,
    changes: Vec<Change>,
    forged: usize,
}

impl Forgery {
    fn of(what: &'static str, document: DocRef, changes: impl IntoIterator<Item = Change>) -> Option<Self> {
        let changes: Vec<Change> = changes.into_iter().collect();
        (!changes.is_empty()).then_some(Self { what, document, forged: changes.len(), changes })
    }
}

/// What is at hand for a forgery among facts.
struct Desk {
    document: DocRef,
    doc: Automerge,
    facts: ObjId,
    /// Whose facts are to be forged.
    victim: DeviceId,
    /// An actor of the device's own.
    actor: ActorId,
    /// The next fact of its own.
    key: String,
    text: String,
    /// Keys of facts of others, and of its own.
    theirs: Vec<String>,
    ours: Vec<String>,
}

impl World<'_> {
    /// Something that its role allows.
    pub(super) fn work_honestly(&mut self, number: usize, wire: u64) -> Checked {
        let places = [DocRef::shard(DocKind::Checkins, 0), DocRef::whole(DocKind::Rooms)];
        let document = match self.hostile(number)?.role {
            Role::Presenter(_) => DocRef::whole(DocKind::Arrivals),
            _ => self.mischief.pick(&places).copied().unwrap_or(DocRef::whole(DocKind::Rooms)),
        };
        let (key, text) = self.own_fact(number, document)?;
        let hostile = self.hostile(number)?;
        let actor = hostile.next_actor();
        let Some(doc) = hostile.documents.get_mut(&document) else { return Ok(()) };
        write(doc, actor, put_fact(key.clone(), text))?;
        note!(self, "hostile {number} records {key} in {document}");
        self.counters.hostile_work += 1;
        self.hostile_syncs(number, wire, document)
    }

    /// The next fact of its own.
    fn own_fact(&mut self, number: usize, document: DocRef) -> Checked<(String, String)> {
        let hostile = self.hostile(number)?;
        hostile.facts += 1;
        let (id, role) = (FactId { device: hostile.device, counter: hostile.facts }, hostile.role);
        Ok((id.to_string(), self.fact_of(id, document, role)?))
    }

    fn fact_of(&mut self, id: FactId, document: DocRef, role: Role) -> Checked<String> {
        let attendee = self.mischief.pick(&self.day.attendees).map(|(_, id, _)| *id);
        let checkpoint = self.mischief.pick(&self.day.checkpoints).map(|(id, _)| *id);
        let presenter = self.mischief.pick(&self.day.presenters).copied();
        let named = attendee.zip(checkpoint).zip(presenter);
        let ((attendee, checkpoint), presenter) = named.ok_or_else(|| own_fault("an event of nobody"))?;
        let body = match (document.kind, role) {
            (DocKind::Rooms, _) => {
                let text = "a lamp is out".to_owned();
                FactBody::Incident(Incident { room: None, session: None, severity: Severity::Notice, text })
            }
            (DocKind::Arrivals, Role::Presenter(presenter)) => FactBody::Arrival { presenter, own: true },
            (DocKind::Arrivals, _) => FactBody::Arrival { presenter, own: false },
            _ => FactBody::Entry(Entry {
                attendee,
                checkpoint,
                via: EntryVia::Search,
                ticket: None,
                answers: BTreeMap::new(),
                despite: String::new(),
            }),
        };
        let at = self.day.opening.plus_ms(self.now_ms);
        Fact { id, at, skew: None, by: "Gate".to_owned(), body }.to_json().map_err(own_fault)
    }

    /// Something that it may not do.
    pub(super) fn forge(&mut self, number: usize, wire: u64) -> Checked {
        let Some(forgery) = self.forgery(number)? else { return Ok(()) };
        let Forgery { what, document, changes, forged } = forgery;
        note!(self, "hostile {number} tries {what} in {document}, on wire {wire}");
        self.counters.hostile_attempts += 1;
        let first = changes.len().saturating_sub(forged);
        self.forbidden.0.extend(changes.iter().skip(first).map(Change::hash));
        // A flood comes as many messages, so that each is kept apart.
        let apart = if changes.len() > 50 { 1 } else { changes.len() };
        for some in changes.chunks(apart) {
            self.hostile_says(number, wire, document, message(some))?;
        }
        Ok(())
    }

    fn forgery(&mut self, number: usize) -> Checked<Option<Forgery>> {
        let kind = self.mischief.below(14);
        if matches!(kind, 3 | 11) {
            return self.forged_record(number, kind == 11);
        }
        let Some(desk) = self.desk(number)? else { return Ok(None) };
        let by_nobody = DeviceId::from_random(self.mischief.bytes()).actor([9; 8]);
        let number_taken = 1_000_000_u64.saturating_add_signed(self.mischief.between(0, 1_000_000));
        let edited = self.mischief.pick(&desk.theirs).cloned();
        let again = self.mischief.pick(&desk.ours).cloned();
        let Desk { document, mut doc, facts, victim, actor, key, text, .. } = desk;
        let foreign = FactId { device: victim, counter: number_taken }.to_string();
        let is_stock = self.hostile(number)?.is_stock;
        let (what, actor, edit): (_, _, Edit) = match kind {
            0 => ("a fact under another's id", actor, put_fact(foreign, text)),
            // The actors of a stock client speak for it.
            1 if !is_stock => ("an author who is nobody", by_nobody, put_fact(key, text)),
            1 | 2 => ("what is no fact", actor, put_fact(key, "{\"kind\":".to_owned())),
            4 => {
                let (document, mut doc, what) = match self.hostile(number)?.refused.take() {
                    Some((document, before)) => (document, before, "to build on what was refused"),
                    None => (document, doc, "something to build on"),
                };
                let edit = if what.starts_with("to") { put_fact(key, text) } else { put_fact(foreign, text) };
                let change = write(&mut doc, actor, edit)?;
                self.hostile(number)?.refused = what.starts_with("some").then_some((document, doc));
                return Ok(Forgery::of(what, document, change));
            }
            5..=7 => {
                let taken = if kind == 7 { again } else { edited };
                let Some(taken) = taken else { return Ok(None) };
                match kind {
                    5 => ("an edit of another's fact", actor, put_fact(taken, text)),
                    6 => ("the end of another's fact", actor, Box::new(move |tx| tx.delete(facts, taken))),
                    _ => ("its own number again", actor, put_fact(taken, text)),
                }
            }
            8 => {
                let Some(made) = write(&mut doc, actor, put_fact(key, text))? else { return Ok(None) };
                let mut later = made.decode();
                later.start_op = NonZeroU64::new(3_000_000_000).ok_or_else(|| own_fault("no number"))?;
                later.hash = None;
                return Ok(Forgery::of("an operation number far ahead", document, [Change::from(later)]));
            }
            9 => {
                // Honest changes of others go along.
                let mut changes = doc.get_changes(&[]);
                let mut changes = changes.split_off(changes.len().saturating_sub(4).max(1));
                changes.extend(write(&mut doc, actor, put_fact(foreign, text))?);
                return Ok(Some(Forgery { what: "a relay with one forged", document, changes, forged: 1 }));
            }
            10 => {
                let mut changes = Vec::new();
                for counter in 0..FLOOD {
                    let id = FactId { device: victim, counter: number_taken.saturating_add(counter) };
                    let (mut one, actor) = (doc.clone(), self.hostile(number)?.next_actor());
                    changes.extend(write(&mut one, actor, put_fact(id.to_string(), text.clone()))?);
                }
                return Ok(Forgery::of("a flood", document, changes));
            }
            12 => ("the layout", actor, Box::new(|tx| tx.put(ROOT, "schema_version", 2))),
            _ => ("a map for a fact", actor, Box::new(move |tx| tx.put_object(facts, key, ObjType::Map).map(drop))),
        };
        Ok(Forgery::of(what, document, write(&mut doc, actor, edit)?))
    }

    fn desk(&mut self, number: usize) -> Checked<Option<Desk>> {
        let document = match self.hostile(number)?.role {
            Role::Presenter(_) => DocRef::whole(DocKind::Arrivals),
            _ => DocRef::shard(DocKind::Checkins, 0),
        };
        let victim = self.mischief.pick(&self.phones).map(|phone| phone.device);
        let victim = victim.ok_or_else(|| own_fault("no phones"))?;
        let (key, text) = self.own_fact(number, document)?;
        let hostile = self.hostile(number)?;
        let (own, actor) = (hostile.device, hostile.next_actor());
        let Some(doc) = hostile.documents.get(&document).cloned() else { return Ok(None) };
        let facts = document::collection(&doc, "facts").map_err(own_fault)?;
        let is_own = |key: &String| key.parse::<FactId>().is_ok_and(|id| id.device == own);
        let (ours, theirs) = doc.keys(&facts).partition(is_own);
        Ok(Some(Desk { document, doc, facts, victim, actor, key, text, theirs, ours }))
    }

    /// A record that its role may not write, under its own name or another's.
    fn forged_record(&mut self, number: usize, in_anothers_name: bool) -> Checked<Option<Forgery>> {
        let event = self.day.event;
        let victim = self.mischief.pick(&self.phones).map(|phone| phone.device).filter(|_| in_anothers_name);
        let presenter = self.mischief.pick(&self.day.presenters).copied().ok_or_else(|| own_fault("no presenters"))?;
        let hostile = self.hostile(number)?;
        let (document, name) = match hostile.role {
            Role::Presenter(own) => (DocRef::presenter(own), "honorarium"),
            _ => (DocRef::presenter(presenter), "needs"),
        };
        let places = [
            (DocRef::whole(DocKind::Event), "checkpoints"),
            (DocRef::whole(DocKind::Rooms), "templates"),
            (DocRef::shard(DocKind::Roster, 0), "attendees"),
            (DocRef::whole(DocKind::Budget), "lines"),
            (document, name),
        ];
        let own = hostile.next_actor();
        let actor = victim.map_or(own, |victim| victim.actor([7; 8]));
        let (document, name) = self.mischief.pick(&places).copied().unwrap_or((document, name));
        let deletes = self.mischief.percent(50);
        let mut doc = match self.hostile(number)?.documents.get(&document) {
            Some(doc) => doc.clone(),
            None => {
                let epoch = self.server.disk.epochs().get(&document).copied().unwrap_or_default();
                document::create_in(event, &document, epoch, actor.clone()).map_err(own_fault)?
            }
        };
        let records = document::collection(&doc, name).map_err(own_fault)?;
        let there: Vec<String> = doc.keys(&records).collect();
        let edit: Edit = match self.mischief.pick(&there).cloned().filter(|_| deletes) {
            Some(key) => Box::new(move |tx| tx.delete(records, key)),
            None => Box::new(move |tx| {
                let record = tx.put_object(records, "main", ObjType::Map)?;
                tx.put(record, "name", "forged")
            }),
        };
        Ok(Forgery::of("a record", document, write(&mut doc, actor, edit)?))
    }
}
