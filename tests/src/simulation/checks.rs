//! What is looked at during the day.

use automerge::ChangeHash;
use automerge::sync::Message as SyncMessage;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::id::FactId;
use muster_protocol::{DocumentId, Frame, FrameLimits};

use super::finding::{Checked, Rule, own_fault};
use super::shadow::reader;
use super::world::{Happening, World};

/// No document gets into so many epochs in a day.
const LAST_EPOCH: u32 = 32;

impl World<'_> {
    /// What the server says about a document it must have stored: nothing it acknowledges may be lost.
    pub(super) fn check_said(&mut self, bytes: &[u8]) -> Checked {
        let (document, data) = match Frame::decode(bytes, &FrameLimits::default()).map_err(own_fault)? {
            Frame::Sync { document, data, .. } | Frame::Request { document, data, .. } => (document, data),
            _ => return Ok(()),
        };
        let message = SyncMessage::decode(&data).map_err(own_fault)?;
        for head in &message.heads {
            if !self.server.disk.has_stored(head) && !self.is_genesis(document, head)? {
                let detail = format!("the server speaks of {head} of {document}, which its disk does not have");
                return Err(Rule::KeepAcknowledged.broken(detail));
            }
        }
        Ok(())
    }

    /// Whether a change is a document's first, which nobody has to store.
    fn is_genesis(&mut self, document: DocumentId, head: &ChangeHash) -> Checked<bool> {
        if !self.genesis.contains_key(&document) {
            let event = self.day.event;
            let named = |doc: DocRef| (0..LAST_EPOCH).map(move |epoch| (doc, epoch));
            let mut possible = self.possible_documents().into_iter().flat_map(named);
            let is_it = |(doc, epoch): &(DocRef, u32)| doc.id_in(event, *epoch).as_bytes() == document.as_bytes();
            let Some((doc, epoch)) = possible.find(is_it) else { return Ok(false) };
            let first = document::create_in(event, &doc, epoch, reader()).map_err(own_fault)?;
            self.genesis.insert(document, first.get_heads());
        }
        Ok(self.genesis.get(&document).is_some_and(|first| first.contains(head)))
    }

    fn possible_documents(&self) -> Vec<DocRef> {
        let whole = DocKind::ALL.into_iter().map(DocRef::whole);
        let sharded = [DocKind::Roster, DocKind::Contacts, DocKind::Checkins, DocKind::Answers];
        let sharded = sharded.into_iter().flat_map(|kind| (0..3).map(move |shard| DocRef::shard(kind, shard)));
        let presenters = self.day.presenters.iter().copied().map(DocRef::presenter);
        whole.chain(sharded).chain(presenters).collect()
    }

    /// Looks at what phones say is on the server, and again later.
    pub(super) fn look(&mut self) -> Checked {
        self.after(20_000, Happening::Look);
        self.look_at_phones()
    }

    /// What a phone has shown as being on the server stays so, and the server has it on its disk.
    pub(super) fn look_at_phones(&mut self) -> Checked {
        for phone in self.phones.iter_mut().filter(|phone| !phone.had_to_forget) {
            for id in phone.told.keys().copied().filter(|id| !self.forgotten.contains(id)).collect::<Vec<_>>() {
                let on_server = phone.is_on_server(id)?;
                if on_server {
                    phone.shown_on_server.insert(id);
                } else if phone.shown_on_server.contains(&id) {
                    let detail = format!("phone {} said that {id} was on the server, and no longer does", phone.number);
                    return Err(Rule::KeepAcknowledged.broken(detail));
                }
            }
        }
        self.check_server_disk()
    }

    /// The server's disk has what phones have shown as being on the server, and what coordinators were told is stored.
    pub(super) fn check_server_disk(&mut self) -> Checked {
        for document in self.server.disk.documents() {
            self.server_shadows.update(document, &self.server.disk.chunks(&document))?;
        }
        self.erased.note_all(&self.server_shadows);
        self.check_ended()?;
        self.check_forgeries()?;
        self.check_sealed()?;
        for phone in &mut self.phones {
            let counts = !phone.had_to_forget;
            for id in phone.told.keys().copied().filter(|id| !self.forgotten.contains(id)).collect::<Vec<_>>() {
                if counts && !phone.shown_on_server.contains(&id) && phone.is_on_server(id)? {
                    phone.shown_on_server.insert(id);
                }
            }
            let is_there = |id: &&FactId| {
                let held = self.server_shadows.fact(**id).map(|(_, fact)| fact);
                phone.told.get(id).zip(held).is_some_and(|(told, held)| self.erased.fits(told, held))
            };
            let lost = phone.shown_on_server.iter().find(|id| !is_there(id));
            if let Some(lost) = lost {
                let held = self.server_shadows.fact(*lost);
                let told = phone.told.get(lost);
                let detail = format!(
                    "phone {} shows {lost} as being on the server, whose disk lacks it: told {told:?}, held {held:?}",
                    phone.number
                );
                return Err(Rule::KeepAcknowledged.broken(detail));
            }
        }
        for edit in &self.confirmed {
            if !self.server_shadows.knows(&edit.document, &edit.heads) {
                let detail = format!("an edit of {} was confirmed and is not on the server's disk", edit.document);
                return Err(Rule::KeepAcknowledged.broken(detail));
            }
        }
        Ok(())
    }
}
