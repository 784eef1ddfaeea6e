//! Attendees who ask in the middle of the day that they be forgotten.
//!
//! A coordinator has the server erase them, by the product's own code: where they stand is searched for, what names them is
//! struck out, the documents begin a new epoch, and the event's document says so. Only the transaction is this simulation's,
//! since its server has no database. The server may die before that or right after it, its disk may be full, phones may be
//! away or may know nothing of the new epoch for hours, and an operator may go back to a backup that knows the name.
//!
//! What counts must stay: whoever recorded that somebody came in finds that in the evening, without the name. Of the name
//! itself no disk may hold a letter.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::attendee::Attendee;
use muster_model::document::DocRef;
use muster_model::fact::{Entry, Fact, FactBody, Resolution, WalkIn};
use muster_model::id::{AttendeeId, FactId};

use super::draw::Draw;
use super::finding::{Checked, Rule, own_fault};
use super::server_disk::Ended;
use super::shadow::Shadows;
use super::world::{Happening, World, note};

/// When a coordinator looks whether it is done, and else asks once more, in milliseconds.
const ASK_AGAIN_MS: i64 = 7_000;

/// Who asked to be forgotten.
#[derive(Debug, Default)]
pub(super) struct Erased {
    /// And how they were called.
    people: BTreeMap<AttendeeId, BTreeSet<String>>,
    /// The facts about them, and those that take these back.
    facts: BTreeSet<FactId>,
    /// Of these, those that phones had shown before they asked.
    earlier: BTreeSet<FactId>,
    /// The server has forgotten things. Of what takes back a fact that it does not know it cannot say whom that is about: only
    /// the name goes from there, wherever it stands.
    restored: bool,
}

impl Erased {
    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Notes a fact, if it is about somebody erased; says whether it is.
    pub(super) fn note(&mut self, fact: &Fact) -> bool {
        let about = match &fact.body {
            FactBody::Undo { fact, .. } => self.facts.contains(fact),
            body => concerns(body).is_some_and(|attendee| self.people.contains_key(&attendee)),
        };
        about && self.facts.insert(fact.id)
    }

    /// Notes all facts of a replica that are about somebody erased: also those of devices in bad hands, and those that a phone
    /// has kept and never showed.
    pub(super) fn note_all(&mut self, known: &Shadows) {
        while !self.is_empty() && known.facts().filter(|(_, fact)| self.note(fact)).count() > 0 {}
    }

    /// Whether a fact is held as it was told, or without what was to be forgotten.
    pub(super) fn fits(&self, told: &Fact, held: &Fact) -> bool {
        held == told || (self.facts.contains(&told.id) && *held == without_person(told))
    }

    /// Whether it is held as it has to be in the evening.
    fn is_forgotten(&self, held: &Fact) -> bool {
        let cannot_be_told = self.restored && matches!(held.body, FactBody::Undo { .. });
        !self.earlier.contains(&held.id) || cannot_be_told || *held == without_person(held)
    }

    /// A name that stands in a text and should not.
    fn named_in<'a>(&'a self, text: &str) -> Option<&'a str> {
        let mut names = self.people.values().flatten();
        names.find(|name| text.contains(name.as_str())).map(String::as_str)
    }
}

/// Whom a fact is about.
const fn concerns(body: &FactBody) -> Option<AttendeeId> {
    match body {
        FactBody::Entry(Entry { attendee, .. })
        | FactBody::Exit { attendee, .. }
        | FactBody::WalkIn(WalkIn { attendee, .. })
        | FactBody::Resolution(Resolution { attendee, .. }) => Some(*attendee),
        _ => None,
    }
}

/// That it happened, when, where, and who saw it.
fn without_person(fact: &Fact) -> Fact {
    let mut left = fact.clone();
    match &mut left.body {
        FactBody::Entry(entry) => {
            (entry.ticket, entry.answers, entry.despite) = (None, BTreeMap::new(), String::new());
        }
        FactBody::WalkIn(walk_in) => (walk_in.name, walk_in.organisation) = (String::new(), String::new()),
        FactBody::Undo { reason, .. } => reason.clear(),
        FactBody::Resolution(resolution) => resolution.note.clear(),
        _ => {}
    }
    left
}

impl World<'_> {
    /// On some days one or two people ask to be forgotten.
    pub(super) fn plan_erasures(&mut self, seed: u64) {
        let mut fate = Draw::new(seed, 8);
        if !fate.percent(35) {
            return;
        }
        for _ in 0..=fate.below(2) {
            let at_ms = fate.between(30_000, self.weather.length_ms - 20_000);
            self.at(at_ms, Happening::AsksToBeForgotten { draw: fate.below(1_000) });
        }
    }

    /// Somebody whom the server knows asks a coordinator.
    pub(super) fn asks_to_be_forgotten(&mut self, draw: usize) -> Checked {
        self.check_server_disk()?;
        let mut known = names_of(&self.server_shadows);
        known.retain(|id, _| !self.erased.people.contains_key(id));
        let place = draw.checked_rem(known.len()).unwrap_or_default();
        let Some((id, names)) = known.into_iter().nth(place) else { return Ok(()) };
        note!(self, "{id} asks to be forgotten");
        // Nobody edits their record from now on.
        self.day.attendees.retain(|(_, attendee, _)| *attendee != id);
        self.erased.people.insert(id, names);
        let known = self.erased.facts.clone();
        let told: Vec<Fact> = self.phones.iter().flat_map(|phone| phone.told.values().cloned()).collect();
        while told.iter().filter(|fact| self.erased.note(fact)).count() > 0 {}
        self.erased.earlier.extend(self.erased.facts.difference(&known));
        self.counters.erased += 1;
        self.erase(id)
    }

    /// A coordinator has somebody erased, and looks later whether it is done.
    pub(super) fn erase(&mut self, attendee: AttendeeId) -> Checked {
        if self.server.has_erased(attendee) {
            return Ok(());
        }
        note!(self, "a coordinator has {attendee} erased");
        self.server.erase(attendee);
        self.after(ASK_AGAIN_MS, Happening::Erase { attendee });
        Ok(())
    }

    /// Documents that ended have left everything to those that took their places, but for what was to be forgotten.
    pub(super) fn check_ended(&mut self) -> Checked {
        for Ended { document, chunks, successor } in self.server.disk.take_ended() {
            let (mut before, mut after) = (Shadows::default(), Shadows::default());
            before.update(document, &chunks)?;
            after.update(document, &[successor])?;
            // What was confirmed before is looked for where it was.
            self.confirmed.retain(|edit| edit.document != document || !before.knows(&document, &edit.heads));
            self.erased.note_all(&before);
            for (_, fact) in before.facts() {
                if !after.fact(fact.id).is_some_and(|(_, held)| self.erased.fits(fact, held)) {
                    return Err(Rule::KeepAcknowledged.broken(format!("{document} was begun anew without {}", fact.id)));
                }
            }
            let is_erased = |id: &AttendeeId| self.erased.people.contains_key(id);
            let records = |shadows: &Shadows| -> BTreeMap<AttendeeId, Attendee> {
                let kept = shadows.attendees().filter(|(id, _)| !is_erased(id));
                kept.map(|(id, record)| (*id, record.clone())).collect()
            };
            if records(&before) != records(&after) {
                return Err(Rule::KeepAcknowledged.broken(format!("{document} was begun anew with other records")));
            }
        }
        Ok(())
    }

    /// Whom nobody has erased yet who asked for it.
    pub(super) fn is_not_erased(&self) -> Option<String> {
        let open = self.erased.people.keys().find(|id| !self.server.has_erased(**id))?;
        Some(format!("{open} is not erased"))
    }

    /// In the evening no disk holds the name of anybody who was erased.
    pub(super) fn check_forgotten(&mut self) -> Checked {
        if self.erased.is_empty() {
            return Ok(());
        }
        if let Some(document) = self.server.disk.stray() {
            return Err(Rule::Forget.broken(format!("{document} is written to though it has ended")));
        }
        self.check_nameless("the server", &self.server_shadows)?;
        self.phones.iter_mut().try_for_each(super::phone::Phone::read_disk)?;
        for phone in &self.phones {
            let whose = format!("phone {}", phone.number);
            self.check_nameless(&whose, &phone.shadows)?;
            let disk = phone.disk()?.inside();
            for (key, value) in disk.meta_with_prefix("").map_err(own_fault)? {
                if let Some(name) = self.erased.named_in(&String::from_utf8_lossy(&value)) {
                    return Err(Rule::Forget.broken(format!("{whose} keeps {name:?} in {key}")));
                }
            }
        }
        for number in 0..self.phones.len() {
            let Some(driver) = self.phone(number)?.driver() else { continue };
            let lists = driver.dump_projections().map_err(own_fault)?;
            if let Some(name) = lists.iter().find_map(|line| self.erased.named_in(&format!("{line:?}"))) {
                return Err(Rule::Forget.broken(format!("phone {number} lists {name:?}")));
            }
        }
        Ok(())
    }

    fn check_nameless(&self, whose: &str, held: &Shadows) -> Checked {
        if let Some((document, name)) = held.said(|text| self.erased.named_in(text)) {
            return Err(Rule::Forget.broken(format!("{whose} has {name:?} in {document}")));
        }
        match held.facts().find(|(_, fact)| !self.erased.is_forgotten(fact)) {
            Some((document, fact)) => {
                Err(Rule::Forget.broken(format!("{whose} has in {document} the whole of {fact:?}")))
            }
            None => Ok(()),
        }
    }

    /// What an operator does after going back to a backup: whoever was erased since is erased again, into epochs after
    /// those that phones know.
    pub(super) fn erase_again(&mut self, before: &BTreeMap<DocRef, u32>) {
        self.erased.restored = true;
        let known = self.server.disk.erased();
        let mut lost: Vec<AttendeeId> = self.erased.people.keys().copied().filter(|id| !known.contains(id)).collect();
        let here = self.server.disk.epochs();
        let ahead =
            before.iter().filter(|(document, epoch)| here.get(*document).copied().unwrap_or_default() < **epoch);
        let to: BTreeMap<DocRef, u32> = ahead.map(|(document, epoch)| (*document, epoch.saturating_add(1))).collect();
        if lost.is_empty() && !to.is_empty() {
            lost.extend(self.erased.people.keys().copied().next());
        }
        if lost.is_empty() {
            return;
        }
        note!(self, "the operator has {lost:?} erased again, and begins {to:?}");
        self.server.owed_erasures = (lost, to);
    }
}

/// Everybody in a replica, and how they are called there.
fn names_of(known: &Shadows) -> BTreeMap<AttendeeId, BTreeSet<String>> {
    let mut found: BTreeMap<AttendeeId, BTreeSet<String>> = BTreeMap::new();
    for (id, record) in known.attendees() {
        found.entry(*id).or_default().insert(record.name.clone());
    }
    for (_, fact) in known.facts() {
        if let FactBody::WalkIn(walk_in) = &fact.body {
            found.entry(walk_in.attendee).or_default().insert(walk_in.name.clone());
        }
    }
    found.values_mut().for_each(|names| names.retain(|name| !name.is_empty()));
    found
}
