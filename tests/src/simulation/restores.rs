//! A server that an operator takes back to a backup in the middle of the day.
//!
//! Phones have told people that facts are on the server which it then no longer has. From the restore until the evening
//! those are not asked of it; in the evening every one of them must be there again, since the phones still hold them.
//! Nobody edits anything from before the backup until the restore: an edit that the server forgets comes back only with a
//! coordinator's device, and no phone of these days is one. Until then phones of the crew show what the server lacks. What
//! the server says of erased people in the event's document is such an edit; it says that anew when they are erased again.

use muster_model::document::{DocKind, DocRef};

use super::draw::Draw;
use super::finding::{Checked, Rule};
use super::sabotage::Sabotage;
use super::server_disk::ServerDisk;
use super::shadow::Shadows;
use super::world::{Happening, World, note};

/// How long it may take until an edit is on the server's disk, or has failed.
const EDITED_BY_MS: i64 = 60_000;

impl World<'_> {
    /// On some days the server is restored from a backup.
    pub(super) fn plan_restore(&mut self, seed: u64) {
        let mut fate = Draw::new(seed, 6);
        if !fate.percent(30) {
            return;
        }
        let back_up_ms = fate.between(20_000, self.weather.length_ms / 2);
        let restore_ms = fate.between(back_up_ms + 10_000, self.weather.length_ms - 20_000);
        self.no_edits_ms = back_up_ms.saturating_sub(EDITED_BY_MS)..restore_ms;
        self.at(back_up_ms, Happening::BackUp);
        self.at(restore_ms, Happening::Restore);
    }

    pub(super) fn back_up(&mut self) {
        note!(self, "an operator makes a backup of the server");
        self.backup = Some(self.server.disk.back_up());
    }

    /// The server's machine is lost: it starts again with what the backup has.
    pub(super) fn restore(&mut self) -> Checked {
        let Some(backup) = self.backup.take() else { return Ok(()) };
        let was_running = self.server.is_running();
        if was_running {
            self.confirmed.extend(self.server.take_confirmed());
            self.server.crash();
            self.server_is_gone()?;
        }
        self.check_server_disk()?;
        let (before, epochs) = (std::mem::take(&mut self.server_shadows), self.server.disk.epochs());
        self.server.disk = ServerDisk::restored(self.day.event, self.sabotage, backup)?;
        for document in self.server.disk.documents() {
            self.server_shadows.update(document, &self.server.disk.chunks(&document))?;
        }
        let lost = lost(&before, &self.server_shadows);
        note!(self, "the server is restored from its backup and lacks {} facts", lost.len());
        self.counters.restores += 1;
        if self.sabotage == Some(Sabotage::ServerForgetsInSecret) {
            return self.check_server_disk();
        }
        self.forgotten.extend(lost);
        let event = DocRef::whole(DocKind::Event);
        self.unsaid.extend(before.changes(&event).difference(&self.server_shadows.changes(&event)));
        self.erase_again(&epochs);
        let known = &self.server_shadows;
        self.confirmed.retain(|edit| known.knows(&edit.document, &edit.heads));
        for phone in &mut self.phones {
            phone.shown_on_server.retain(|id| !self.forgotten.contains(id));
        }
        self.check_server_disk()
    }

    /// What the server had kept aside it has forgotten, too: nobody can accept it any more. Whoever sees that something of
    /// theirs was refused says it again.
    pub(super) fn offer_again(&mut self) -> Checked {
        for number in 0..self.phones.len() {
            let answer = self.ask(number, |driver, now| {
                let aside = driver.refused(now)?.len();
                driver.offer_again(now).map(|()| aside)
            })?;
            match answer {
                Some(Ok(0)) | None => {}
                Some(Ok(aside)) => note!(self, "phone {number} says again what was refused, {aside} times"),
                Some(Err(error)) => {
                    return Err(Rule::Fails.broken(format!("phone {number} does not say again: {error}")));
                }
            }
        }
        Ok(())
    }

    /// In the evening nothing is excused any more.
    pub(super) fn expect_what_was_forgotten(&mut self) {
        let back = std::mem::take(&mut self.forgotten);
        let back = back.into_iter().filter(|id| self.server_shadows.fact(*id).is_some()).count();
        self.counters.brought_back += u64::try_from(back).unwrap_or_default();
    }
}

/// The facts that are in the first and not in the second.
fn lost(before: &Shadows, after: &Shadows) -> Vec<muster_model::id::FactId> {
    before.facts().map(|(_, fact)| fact.id).filter(|id| after.fact(*id).is_none()).collect()
}
