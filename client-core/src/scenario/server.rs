//! A server for stories: documents in memory, the protocol's own connection and sync, no rules but those of the test.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ChangeHash, ReadDoc};
use muster_model::admission::reading::appended_fact;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::epoch::{Epochs, Founding, found};
use muster_model::erasure::Erasure;
use muster_model::fact::{self, Fact};
use muster_model::id::{AttendeeId, DeviceId, EventId};
use muster_model::record::{self, Record};
use muster_model::time::Timestamp;
use muster_protocol::guard::{DocumentSize, GuardLimits, check_sync_message};
use muster_protocol::{
    Connection, ConnectionConfig, ConnectionEvent, DocSync, DocSyncOptions, DocumentId, FEATURE_RENEW, PeerId,
    PeerMessage, Role, StorageId, Timestamp as WireTime,
};

use crate::engine::wire_id;

struct Peer {
    connection: Connection,
    docs: BTreeMap<DocRef, DocSync>,
}

pub(super) struct Server {
    pub(super) event: EventId,
    pub(super) docs: BTreeMap<DocRef, Automerge>,
    /// Documents to which no phone may write.
    pub(super) read_only: BTreeSet<DocRef>,
    /// Facts that are refused, and with which code.
    pub(super) refused_facts: BTreeSet<String>,
    /// Changes that are refused.
    pub(super) refused_changes: BTreeSet<ChangeHash>,
    pub(super) refusal: &'static str,
    /// How far its clock is ahead of the phones', in milliseconds.
    pub(super) clock_ahead_ms: i64,
    /// The tokens with which phones renewed their connections.
    pub(super) tokens: Vec<(usize, String)>,
    /// Which documents were begun anew, and how often.
    pub(super) epochs: BTreeMap<DocRef, u32>,
    peers: BTreeMap<usize, Peer>,
}

impl Server {
    pub(super) fn new(event: EventId) -> Self {
        let (docs, read_only, peers) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self {
            event,
            docs,
            read_only,
            refused_facts: BTreeSet::new(),
            refused_changes: BTreeSet::new(),
            refusal: "fact_foreign",
            clock_ahead_ms: 0,
            tokens: Vec::new(),
            epochs: BTreeMap::new(),
            peers,
        }
    }

    pub(super) fn doc(&mut self, doc: DocRef) -> &mut Automerge {
        let actor = DeviceId::from_random([0xEE; 8]).actor([1; 8]);
        self.docs.entry(doc).or_insert_with(|| document::create(self.event, &doc, actor).unwrap())
    }

    /// A coordinator writes records; the messages for phones that are connected.
    pub(super) fn put<T: Record>(&mut self, doc: DocRef, records: &[(T::Key, T)]) -> Vec<(usize, Vec<u8>)> {
        let am = self.doc(doc);
        let mut transaction = am.transaction();
        for (key, value) in records {
            record::put(&mut transaction, key, value).unwrap();
        }
        transaction.commit();
        self.speak(doc)
    }

    /// The server writes a fact of somebody: a coordinator accepted it.
    pub(super) fn accept(&mut self, doc: DocRef, fact: &Fact) -> Vec<(usize, Vec<u8>)> {
        let mut transaction = self.doc(doc).transaction();
        fact::append(&mut transaction, fact).unwrap();
        transaction.commit();
        self.speak(doc)
    }

    pub(super) fn delete<T: Record>(&mut self, doc: DocRef, key: &T::Key) -> Vec<(usize, Vec<u8>)> {
        let mut transaction = self.doc(doc).transaction();
        assert!(record::delete::<T, _>(&mut transaction, key).unwrap());
        transaction.commit();
        self.speak(doc)
    }

    pub(super) fn open(&mut self, phone: usize, now: Timestamp) {
        let storage = StorageId::new("0000-server").unwrap();
        let mut config = ConnectionConfig::new(PeerId::new("server").unwrap(), Some(storage));
        config.metadata.muster.as_mut().unwrap().features.push(FEATURE_RENEW.to_owned());
        let mut connection = Connection::server(config);
        connection.handle(self.time(now), ConnectionEvent::Opened);
        self.peers.insert(phone, Peer { connection, docs: BTreeMap::new() });
    }

    pub(super) fn close(&mut self, phone: usize) {
        self.peers.remove(&phone);
    }

    fn time(&self, now: Timestamp) -> WireTime {
        WireTime::from_ms(now.ms() + self.clock_ahead_ms)
    }

    fn id_of(&self, doc: &DocRef) -> DocumentId {
        wire_id(self.event, doc, self.epochs.get(doc).copied().unwrap_or_default())
    }

    fn doc_of(&self, id: DocumentId) -> Option<DocRef> {
        self.docs.keys().copied().find(|doc| self.id_of(doc) == id)
    }

    fn was_replaced(&self, id: DocumentId) -> bool {
        let ended = |(doc, epoch): (&DocRef, &u32)| (0..*epoch).any(|ended| wire_id(self.event, doc, ended) == id);
        self.epochs.iter().any(ended)
    }

    fn replaced_frame(&self, phone: usize, id: DocumentId) -> Vec<u8> {
        self.peers[&phone].connection.notice_frame(Some(id), ("document_replaced", "begun anew"), &[]).unwrap()
    }

    /// Begins documents anew without an attendee, and says so.
    pub(super) fn erase(&mut self, attendee: AttendeeId, docs: &[DocRef]) -> Vec<(usize, Vec<u8>)> {
        let mut frames = Vec::new();
        for doc in docs {
            let ended = self.id_of(doc);
            let epoch = self.epochs.entry(*doc).or_default();
            *epoch += 1;
            let actor = DeviceId::from_random([0xEE; 8]).actor([1; 8]);
            let (event, document, epoch, at) = (self.event, *doc, *epoch, Timestamp::from_ms(0));
            let erasure = Erasure::of([attendee].into(), []);
            let founding = Founding { event, document, epoch, actor: actor.clone(), at };
            let new = found(&founding, &self.docs[doc], &erasure).unwrap();
            self.docs.insert(*doc, new.with_actor(actor));
            let phones: Vec<usize> = self.peers.keys().copied().collect();
            for phone in phones {
                if self.peers.get_mut(&phone).unwrap().docs.remove(doc).is_some() {
                    frames.push((phone, self.replaced_frame(phone, ended)));
                }
            }
        }
        let event = DocRef::whole(DocKind::Event);
        let known = Epochs::read(&self.docs[&event]).unwrap();
        let epochs = Epochs::new(self.epochs.clone(), [attendee].into());
        let mut transaction = self.doc(event).transaction();
        epochs.write(&mut transaction, &known).unwrap();
        transaction.commit();
        frames.extend(self.speak(event));
        frames
    }

    /// Takes a frame of a phone; gives the frames for phones.
    pub(super) fn frame(&mut self, phone: usize, bytes: &[u8], now: Timestamp) -> Vec<(usize, Vec<u8>)> {
        let time = self.time(now);
        let Some(peer) = self.peers.get_mut(&phone) else { return Vec::new() };
        let output = peer.connection.handle(time, ConnectionEvent::Frame(bytes));
        assert_eq!(output.close, None, "a phone broke the protocol");
        let mut frames: Vec<(usize, Vec<u8>)> = output.send.into_iter().map(|bytes| (phone, bytes)).collect();
        for message in output.deliver {
            match message {
                PeerMessage::Sync { document, data, is_request } => {
                    frames.extend(self.sync(phone, document, &data, is_request));
                }
                PeerMessage::Token { token } => self.tokens.push((phone, token.reveal().to_owned())),
                _ => {}
            }
        }
        frames
    }

    fn sync(&mut self, phone: usize, id: DocumentId, data: &[u8], is_request: bool) -> Vec<(usize, Vec<u8>)> {
        if self.was_replaced(id) {
            return vec![(phone, self.replaced_frame(phone, id))];
        }
        let Some(doc) = self.doc_of(id) else {
            let frame = self.peers[&phone].connection.unavailable_frame(id).unwrap();
            return vec![(phone, frame)];
        };
        let role = if self.read_only.contains(&doc) { Role::ReadOnlyPeer } else { Role::Full };
        let peer = self.peers.get_mut(&phone).unwrap();
        let options = DocSyncOptions { plain_uploads: true };
        let sync = peer.docs.entry(doc).or_insert_with(|| DocSync::new(role, options));
        let am = self.docs.get_mut(&doc).unwrap();
        let size = DocumentSize { stored_changes: am.stats().num_changes };
        let summary = check_sync_message(data, &GuardLimits::phone(), &size).unwrap();
        if is_request {
            sync.peer_requests();
        }
        let mut roots = Vec::new();
        let mut without = std::collections::HashSet::new();
        for change in summary.changes() {
            let bytes = data[change.range.clone()].to_vec();
            let made = automerge::Change::from_bytes(bytes).unwrap();
            let appended = appended_fact(&doc, am, &made);
            let is_refused = appended.is_some_and(|(key, _)| self.refused_facts.contains(&key))
                || self.refused_changes.contains(&change.hash);
            if is_refused && am.get_change_by_hash(&change.hash).is_none() {
                roots.push(change.hash);
            }
            if roots.contains(&change.hash) || change.deps.iter().any(|dep| without.contains(dep)) {
                without.insert(change.hash);
            }
        }
        let received = sync.receive_judged(am, (&summary, data), &without).unwrap();
        assert_eq!(received.dropped, []);
        // As the server does: first what it has, then why it refused.
        let code = if roots.is_empty() { "read_only" } else { self.refusal };
        let refused = received.refused.is_some();
        let notice = || peer.connection.notice_frame(Some(id), (code, "not so"), &roots);
        let notice = refused.then(notice).flatten();
        let mut frames = self.speak(doc);
        frames.extend(notice.map(|bytes| (phone, bytes)));
        frames
    }

    fn speak(&mut self, doc: DocRef) -> Vec<(usize, Vec<u8>)> {
        let id = self.id_of(&doc);
        let am = &self.docs[&doc];
        let mut frames = Vec::new();
        for (phone, peer) in &mut self.peers {
            let Some(sync) = peer.docs.get_mut(&doc) else { continue };
            if let Some(outgoing) = sync.generate(am) {
                frames.extend(peer.connection.sync_frame(id, outgoing).map(|bytes| (*phone, bytes)));
            }
        }
        frames
    }
}
