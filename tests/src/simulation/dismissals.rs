//! Phones that a coordinator revokes in the middle of the day, or gives another role.
//!
//! Such a phone may be away: then it works on, meets other phones, and hears of it when it is back. What it had not sent by
//! then it hands over, and what others bring of it the server keeps aside. A coordinator accepts all of that in the evening,
//! and then every fact that it ever showed must be there. From a second after it was revoked no other change of it may come
//! to stand on the server. What it may no longer read must be gone from its disk.
//!
//! What would come over HTTP, the exchange of tokens and handing over, the simulation answers in the server's place. On days
//! with a restore nobody is dismissed: what the server forgets then, a phone that had to forget it cannot bring back.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use muster_client_core::event::{Credentials, Event, HandOverOutcome, RefreshOutcome, ServerId, Token, Unsent};
use muster_client_core::view::Standing;
use muster_model::access::Role;
use muster_model::document::DocRef;
use muster_server::storage::{DocumentStore, NewQuarantined, Quarantined};

use super::draw::Draw;
use super::finding::{Checked, Rule, own_fault};
use super::phone::SERVER;
use super::sabotage::Sabotage;
use super::world::{Happening, World, note};

/// How long it may take until nothing of a revoked phone is let in any more, in milliseconds.
const EFFECTIVE_MS: i64 = 1_000;

/// What a coordinator decides about a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dismissal {
    Revoked,
    /// It has this role from now on.
    Role(Role),
}

/// What phones show the server, and what the next is got with.
pub(super) fn credentials() -> Credentials {
    Credentials { refresh: Some(Token::new("next")), ..Credentials::fixed(Token::new("secret")) }
}

impl World<'_> {
    /// On some days a phone is revoked or gets another role, at the desk or away from it.
    pub(super) fn plan_dismissal(&mut self, seed: u64) {
        let mut fate = Draw::new(seed, 7);
        let staff = self.phones.iter().filter(|phone| phone.role == Role::Staff && phone.number > 0);
        let staff: Vec<usize> = staff.map(|phone| phone.number).collect();
        let Some(phone) = fate.pick(&staff).copied().filter(|_| fate.percent(40)) else { return };
        if self.restores() {
            return;
        }
        let at_ms = fate.between(40_000, self.weather.length_ms - 30_000);
        if fate.percent(60) {
            self.at(at_ms - fate.between(5_000, 35_000), Happening::HermitLeaves { phone });
            self.at(at_ms + fate.between(5_000, 60_000), Happening::NetworkBack { phone });
        }
        if fate.percent(55) {
            self.at(at_ms, Happening::Dismiss { phone, dismissal: Dismissal::Revoked });
            return;
        }
        let presenter = self.day.presenters.first().copied().filter(|_| fate.percent(40));
        let role = presenter.map_or(Role::Finance, Role::Presenter);
        self.at(at_ms, Happening::Dismiss { phone, dismissal: Dismissal::Role(role) });
        if fate.percent(40) {
            let back_ms = at_ms + fate.between(1_000, 90_000);
            self.at(back_ms, Happening::Dismiss { phone, dismissal: Dismissal::Role(Role::Staff) });
        }
    }

    pub(super) fn dismiss(&mut self, number: usize, dismissal: Dismissal) -> Checked {
        let phone = self.phone(number)?;
        if !phone.enrolled {
            return Ok(());
        }
        (phone.dismissal, phone.knows_dismissal) = (Some(dismissal), false);
        let device = phone.device;
        note!(self, "a coordinator decides about phone {number}: {dismissal:?}");
        match dismissal {
            Dismissal::Revoked => {
                self.counters.revoked += 1;
                self.server.revoke(device);
                self.after(EFFECTIVE_MS, Happening::Sealed { phone: number });
            }
            Dismissal::Role(role) => {
                self.phone(number)?.granted = role;
                self.counters.role_changes += 1;
                self.server.set_role(device, role);
            }
        }
        self.note_standing(number)
    }

    /// From now on nothing more of a revoked phone may come to stand on the server.
    pub(super) fn seal(&mut self, number: usize) -> Checked {
        self.check_server_disk()?;
        let device = self.phone(number)?.device;
        self.sealed.insert(device, self.server_shadows.changes_of(device));
        Ok(())
    }

    /// Nothing more of revoked phones stands on the server: what a coordinator accepts, the server writes.
    pub(super) fn check_sealed(&self) -> Checked {
        for (device, known) in &self.sealed {
            if let Some(more) = self.server_shadows.changes_of(*device).difference(known).next() {
                return Err(Rule::LetIn.broken(format!("{more} of {device} was let in after that was revoked")));
            }
        }
        Ok(())
    }

    /// Whether the server would not let it in before it has heard what was decided.
    pub(super) fn has_to_ask(&mut self, number: usize) -> Checked<bool> {
        let phone = self.phone(number)?;
        Ok(match phone.dismissal {
            None => false,
            Some(Dismissal::Revoked) => true,
            Some(Dismissal::Role(role)) => phone.role != role,
        })
    }

    fn reaches_server(&mut self, number: usize, boot: u32) -> Checked<Option<bool>> {
        let runs = self.server.is_running();
        let phone = self.phone(number)?;
        let waits = phone.boots == boot && phone.is_on();
        Ok(waits.then_some(runs && phone.outages == 0))
    }

    /// A phone has asked for another token, and is answered or not.
    pub(super) fn refreshed(&mut self, number: usize, boot: u32) -> Checked {
        let Some(reaches) = self.reaches_server(number, boot)? else { return Ok(()) };
        let phone = self.phone(number)?;
        let outcome = match phone.dismissal {
            _ if !reaches => RefreshOutcome::Failed { retry_after_ms: None },
            Some(Dismissal::Revoked) => RefreshOutcome::Revoked,
            _ => RefreshOutcome::Granted { role: phone.granted, credentials: Box::new(credentials()) },
        };
        note!(self, "phone {number} asks for a token: {outcome:?}");
        self.tell(number, Event::Refreshed { server: ServerId(SERVER.to_owned()), outcome })?;
        self.note_standing(number)
    }

    /// Notes what a phone knows of what was decided about it.
    pub(super) fn note_standing(&mut self, number: usize) -> Checked {
        let now = self.phone_time(number);
        let phone = self.phone(number)?;
        let Some(dismissal) = phone.dismissal else { return Ok(()) };
        let Some(driver) = phone.driver() else { return Ok(()) };
        // Reading may fail with the disk: it is asked again then.
        let (Ok(status), Ok(me)) = (driver.status(now), driver.me(now)) else { return Ok(()) };
        match dismissal {
            Dismissal::Revoked => {
                // The loss of power may take that knowledge.
                phone.knows_dismissal = matches!(status.standing, Standing::Revoked | Standing::Forgotten);
                phone.sync_wanted = !phone.knows_dismissal;
            }
            Dismissal::Role(role) => {
                phone.role = me.map_or(phone.role, |me| me.role);
                phone.knows_dismissal = phone.role == role;
            }
        }
        phone.had_to_forget |= phone.knows_dismissal;
        Ok(())
    }

    /// What a phone hands over arrives, or not.
    pub(super) fn hands_over(&mut self, number: usize, boot: u32) -> Checked {
        let Some(reaches) = self.reaches_server(number, boot)? else { return Ok(()) };
        let changes = std::mem::take(&mut self.phone(number)?.handing);
        let failed = HandOverOutcome::Failed { retry_after_ms: None };
        let mut outcome = if reaches { self.keep_aside(number, changes)? } else { failed.clone() };
        // An answer that is lost.
        if self.network.percent(20) {
            outcome = failed;
        }
        note!(self, "phone {number} hands over: {outcome:?}");
        self.tell(number, Event::HandedOver { server: ServerId(SERVER.to_owned()), outcome })
    }

    fn keep_aside(&mut self, number: usize, changes: Vec<Unsent>) -> Checked<HandOverOutcome> {
        let (event, received_at) = (self.day.event, self.day.opening.plus_ms(self.now_ms));
        let device = self.phone(number)?.device;
        let keys = changes.iter().map(|change| change.key.clone()).collect();
        let mut by_document: BTreeMap<DocRef, Vec<u8>> = BTreeMap::new();
        for Unsent { doc, change, .. } in changes {
            self.counters.handed_over += 1;
            by_document.entry(doc).or_default().extend(change);
        }
        if self.sabotage == Some(Sabotage::ServerLosesWhatIsHandedOver) {
            return Ok(HandOverOutcome::Taken { keys });
        }
        for (document, bytes) in by_document {
            let entry = NewQuarantined {
                event,
                document: document.id(event),
                device,
                author: Some(device),
                code: "device_dismissed".to_owned(),
                reason: "it was not sent before".to_owned(),
                bytes,
                received_at,
            };
            match self.server.disk.quarantine(entry).now_or_never() {
                Some(Ok(Quarantined::Full)) => return Ok(HandOverOutcome::Refused),
                Some(Ok(Quarantined::Kept | Quarantined::KnownAlready)) => {}
                Some(Err(_)) => return Ok(HandOverOutcome::Failed { retry_after_ms: None }),
                None => return Err(own_fault("memory is busy")),
            }
        }
        Ok(HandOverOutcome::Taken { keys })
    }

    /// How a phone that was revoked or has another role is not done with that; `None` when it is.
    pub(super) fn is_not_settled(&mut self, number: usize) -> Checked<Option<String>> {
        self.note_standing(number)?;
        let now = self.phone_time(number);
        let phone = self.phone(number)?;
        let Some(dismissal) = phone.dismissal else { return Ok(None) };
        let knows = phone.knows_dismissal;
        let Some(driver) = phone.driver() else { return Ok(Some(format!("phone {number} is off"))) };
        let status = driver.status(now).map_err(own_fault)?;
        let is_done = match dismissal {
            Dismissal::Revoked => status.standing == Standing::Forgotten,
            Dismissal::Role(_) => knows && status.kept_facts == 0,
        };
        Ok((!is_done).then(|| format!("phone {number} is not done with {dismissal:?}: {status:?}")))
    }

    /// What a phone may no longer read is not on its disk.
    pub(super) fn check_wiped(&mut self, number: usize) -> Checked {
        let phone = self.phone(number)?;
        if phone.dismissal.is_none() {
            return Ok(());
        }
        let (is_gone, role) = (phone.is_gone(), phone.role);
        let disk = phone.disk()?.inside();
        let held = disk.documents().map_err(own_fault)?;
        let bookkeeping = disk.meta_with_prefix("").map_err(own_fault)?;
        let lists = disk.dump_projections().map_err(own_fault)?;
        let broken = |what: String| Err(Rule::Forget.broken(format!("phone {number} still has {what}")));
        if let Some(size) = held.iter().find(|size| is_gone || !role.access(&size.doc).may_read()) {
            return broken(size.doc.to_string());
        }
        if let Some((key, _)) = bookkeeping.iter().find(|(key, _)| key.starts_with("kept/")) {
            return broken(key.clone());
        }
        if !is_gone {
            return Ok(());
        }
        self.counters.wiped += 1;
        // That it was revoked is all that it still knows.
        match (bookkeeping.iter().find(|(key, _)| key != "revoked"), lists.first()) {
            (Some((key, _)), _) => broken(key.clone()),
            (None, Some(line)) => broken(line.clone()),
            (None, None) => Ok(()),
        }
    }
}
