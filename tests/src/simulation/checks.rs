//! What is looked at during the day and in the evening.

use std::collections::{BTreeMap, BTreeSet};

use automerge::sync::Message as SyncMessage;
use automerge::{AutoSerde, Automerge, ChangeHash};
use muster_client_core::Event;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::double_admission::State;
use muster_model::id::DeviceId;
use muster_protocol::{DocumentId, Frame, FrameLimits};

use super::finding::{Checked, Rule, own_fault};
use super::oracle::{self, Double};
use super::world::{Happening, World, note};

/// How often it is looked whether all have come together, in milliseconds.
const LOOK_EVERY_MS: i64 = 2_000;

/// How long it may take in the evening until everybody has everything: the longest wait before a phone tries again, a
/// silence that the server takes for a dead link, and slow links.
const PATIENCE_MS: i64 = 240_000;

impl World<'_> {
    /// What the server says about a document it must have stored: nothing it acknowledges may be lost.
    pub(super) fn check_said(&self, bytes: &[u8]) -> Checked {
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
    fn is_genesis(&self, document: DocumentId, head: &ChangeHash) -> Checked<bool> {
        let named = |doc: &&DocRef| doc.id(self.day.event).as_bytes() == document.as_bytes();
        let known = self.possible_documents();
        let Some(doc) = known.iter().find(named) else { return Ok(false) };
        let first = document::create(self.day.event, doc, reader()).map_err(own_fault)?;
        Ok(first.get_heads() == [*head])
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
    fn look_at_phones(&mut self) -> Checked {
        for phone in &mut self.phones {
            for id in phone.told.keys().copied().collect::<Vec<_>>() {
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
        for phone in &mut self.phones {
            for id in phone.told.keys().copied().collect::<Vec<_>>() {
                if !phone.shown_on_server.contains(&id) && phone.is_on_server(id)? {
                    phone.shown_on_server.insert(id);
                }
            }
            let lost = phone.shown_on_server.iter().find(|id| {
                self.server_shadows.fact(**id).map(|(_, fact)| fact) != phone.told.get(id)
            });
            if let Some(lost) = lost {
                let detail = format!("phone {} shows {lost} as being on the server, whose disk lacks it", phone.number);
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

    /// The evening: everything works again, and everybody comes together.
    pub(super) fn close_the_day(&mut self) -> Checked {
        note!(self, "the evening");
        self.call_off(|happening| matches!(happening, Happening::Trouble | Happening::Act { .. } | Happening::Edit));
        self.server.disk.set_full(false);
        self.start_server()?;
        for number in 0..self.phones.len() {
            self.phone(number)?.outages = 0;
            let phone = self.phone(number)?;
            phone.disk()?.set_trouble(super::disk::Trouble::None);
            if phone.granted != phone.role {
                self.rights_back(number)?;
            }
        }
        let end_ms = self.now_ms + PATIENCE_MS;
        loop {
            self.run_until(self.now_ms + LOOK_EVERY_MS)?;
            let differs = match self.queue_has_starts() {
                true => Some("a phone is still off".to_owned()),
                false => self.differs()?,
            };
            match differs {
                None => break,
                Some(how) if self.now_ms >= end_ms => return Err(Rule::Converge.broken(how)),
                Some(_) => {}
            }
        }
        self.check_evening()
    }

    /// How replicas differ; `None` when all have come together.
    fn differs(&mut self) -> Checked<Option<String>> {
        let Some(documents) = self.server.documents() else { return Ok(Some("the server does not answer".to_owned())) };
        let mut heads: BTreeMap<DocRef, Vec<ChangeHash>> = BTreeMap::new();
        for document in documents {
            let Some(found) = self.server.heads(document) else {
                return Ok(Some(format!("the server does not give {document}")));
            };
            heads.insert(document, found);
        }
        for number in 0..self.phones.len() {
            let now = self.phone_time(number);
            let phone = self.phone(number)?;
            let reads = |document: &&DocRef| phone.reads(document);
            let expected: Vec<DocRef> = heads.keys().filter(reads).copied().collect();
            let Some(driver) = phone.driver() else { return Ok(Some(format!("phone {number} is off"))) };
            let failed = |error| Rule::Fails.broken(format!("phone {number} does not give its documents: {error}"));
            let own = driver.heads(now).map_err(failed)?;
            for document in expected {
                let there = heads.get(&document);
                if own.get(&document) != there {
                    return Ok(Some(format!("phone {number} and the server differ in {document}: {:?}, {there:?}", own.get(&document))));
                }
            }
            let status = driver.status(now).map_err(failed)?;
            let waiting: u64 = status.servers.iter().map(|server| server.facts_not_there).sum();
            if waiting > 0 || status.indexing || !status.missing.is_empty() || !status.parked.is_empty() {
                return Ok(Some(format!("phone {number} is not done: {status:?}")));
            }
            if !status.unusable.is_empty() {
                return Err(Rule::Fails.broken(format!("phone {number} cannot use {:?}", status.unusable)));
            }
        }
        Ok(None)
    }

    /// Everybody has everything: now all of it must be there, the same everywhere, and rightly shown.
    fn check_evening(&mut self) -> Checked {
        self.look_at_phones()?;
        let told: Vec<_> = self.phones.iter().flat_map(|phone| phone.told.clone()).collect();
        for (id, fact) in &told {
            if self.server_shadows.fact(*id).map(|(_, held)| held) != Some(fact) {
                return Err(Rule::KeepShown.broken(format!("the server does not have {id} as it was shown")));
            }
        }
        if let Some((document, key)) = self.server_shadows.twice_written() {
            return Err(Rule::KeepShown.broken(format!("{document} has {key} twice")));
        }
        let event = self.server_shadows.event().cloned().unwrap_or_default();
        let doubles = oracle::doubles(&self.server_shadows, &event);
        self.counters.double_admissions += u64::try_from(doubles.len()).unwrap_or_default();
        for number in 0..self.phones.len() {
            self.check_phone_in_the_evening(number, &doubles)?;
        }
        self.check_server_in_the_evening()
    }

    fn check_phone_in_the_evening(&mut self, number: usize, doubles: &BTreeSet<Double>) -> Checked {
        self.check_contents(number)?;
        self.phone(number)?.check_told()?;
        let now = self.phone_time(number);
        let checkpoints: Vec<_> = self.server_shadows.checkpoints().map(|(id, _)| *id).collect();
        let mut expected = Vec::new();
        let phone = self.phones.get(number).ok_or_else(|| own_fault("no such phone"))?;
        let reads_checkins = phone.reads(&DocRef::shard(DocKind::Checkins, 0));
        for id in checkpoints.into_iter().filter(|_| reads_checkins) {
            expected.push((id, oracle::counts(&self.server_shadows, id)));
        }
        let phone = self.phone(number)?;
        // Facts of others, too: whoever may read them has every one that anybody was shown.
        let Some(driver) = phone.driver() else { return Err(own_fault("a phone is off in the evening")) };
        let failed = |error| Rule::Fails.broken(format!("phone {number} cannot show its lists: {error}"));
        for (id, counts) in expected {
            let total = driver.counts(now, id).map_err(failed)?.total;
            if (total.admitted, total.inside, total.admissions) != counts {
                let detail = format!("phone {number} counts {total:?} at {id}, it should be {counts:?}");
                return Err(Rule::Screens.broken(detail));
            }
        }
        if reads_checkins {
            let shown = driver.double_admissions(now).map_err(failed)?;
            let shown: BTreeSet<Double> = shown
                .into_iter()
                .map(|double| {
                    let admissions = double.admissions.iter().map(|fact| fact.id).collect();
                    (double.attendee, double.checkpoint, admissions, double.state != State::Open)
                })
                .collect();
            if shown != *doubles {
                let detail = format!("phone {number} shows the double admissions {shown:?}, they are {doubles:?}");
                return Err(Rule::Screens.broken(detail));
            }
        }
        let before = driver.dump_projections().map_err(failed)?;
        driver.rebuild_projections(now).map_err(failed)?;
        let after = driver.dump_projections().map_err(failed)?;
        self.perform(number)?;
        if before != after {
            let differing = before.iter().zip(&after).find(|(one, other)| one != other);
            let detail = format!("phone {number} has other lists when they are made anew: {differing:?}");
            return Err(Rule::Screens.broken(detail));
        }
        Ok(())
    }

    /// Documents with the same heads say the same.
    fn check_contents(&mut self, number: usize) -> Checked {
        let now = self.phone_time(number);
        for document in self.server.disk.documents() {
            if !self.phone(number)?.reads(&document) {
                continue;
            }
            let Some((_, saved)) = self.server.saved(document) else {
                return Err(Rule::Converge.broken(format!("the server does not give {document}")));
            };
            let there = contents(&saved)?;
            let Some(driver) = self.phone(number)?.driver() else { return Err(own_fault("a phone is off")) };
            let failed = |error| Rule::Fails.broken(format!("phone {number} does not give {document}: {error}"));
            let here = driver.save_document(now, document).map_err(failed)?;
            let here = here.as_deref().map(contents).transpose()?;
            if here.as_ref() != Some(&there) {
                return Err(Rule::Converge.broken(format!("phone {number} and the server have other words in {document}")));
            }
        }
        Ok(())
    }

    /// What failed in the hub must have been made to fail, and what its disk has is what it says.
    fn check_server_in_the_evening(&mut self) -> Checked {
        if let Some((stats, failures)) = self.server.stats() {
            if stats.document_failures > failures {
                let detail = format!("{} documents of the hub failed, its disk {failures} times", stats.document_failures);
                return Err(Rule::Panic.broken(detail));
            }
            self.counters.refused_by_server += stats.refused + self.server.refused;
        }
        Ok(())
    }

    /// A phone that dies now and starts again has everything and shows the same.
    pub(super) fn wake_up_next_morning(&mut self) -> Checked {
        let number = self.luck.below(self.phones.len());
        let now = self.phone_time(number);
        let dump = |world: &mut Self| {
            let Some(driver) = world.phone(number)?.driver() else { return Err(own_fault("a phone is off")) };
            driver.dump_projections().map_err(own_fault)
        };
        let Some(driver) = self.phone(number)?.driver() else { return Err(own_fault("a phone is off")) };
        // The last commit is flushed by the next that somebody waits for.
        driver.set_label(now, "night watch").map_err(own_fault)?;
        self.perform(number)?;
        let before = dump(self)?;
        self.pull_the_plug(number, true)?;
        self.switch_on(number)?;
        if dump(self)? != before {
            return Err(Rule::Screens.broken(format!("phone {number} shows other lists after a night")));
        }
        self.tell(number, Event::Wake)
    }
}

fn reader() -> automerge::ActorId {
    DeviceId::from_random([0; 8]).actor([0; 8])
}

/// What a document says.
fn contents(saved: &[u8]) -> Checked<serde_json::Value> {
    let doc: Automerge = document::load(saved, reader()).map_err(own_fault)?;
    serde_json::to_value(AutoSerde::from(&doc)).map_err(own_fault)
}
