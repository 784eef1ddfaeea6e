//! What an app does around the core: it switches it on, hands it events, and does what it asks for.

use muster_client_core::driver::Driver;
use muster_client_core::event::{DownReason, Effect, Event, LinkId};
use muster_client_core::{CoreCode, CoreError};
use muster_model::time::Timestamp;

use super::disk::Trouble;
use super::finding::{Checked, Rule, own_fault};
use super::phone::{Phone, Power};
use super::wire::{End, Parcel};
use super::world::{Happening, World, note};

impl World<'_> {
    pub(super) fn phone(&mut self, number: usize) -> Checked<&mut Phone> {
        self.phones.get_mut(number).ok_or_else(|| own_fault("no such phone"))
    }

    pub(super) fn phone_time(&self, number: usize) -> Timestamp {
        let clock = self.phones.get(number).map(|phone| phone.clock).unwrap_or_default();
        clock.at(self.day.opening, self.now_ms)
    }

    pub(super) fn join(&mut self, number: usize) -> Checked {
        note!(self, "phone {number} joins");
        self.switch_on(number)?;
        let event = self.day.event;
        let enrolment = self.phone(number)?.enrolment(event);
        self.tell(number, enrolment)?;
        let phone = self.phone(number)?;
        phone.enrolled = true;
        phone.sync_wanted = true;
        self.tell(number, Event::SyncStart)?;
        let first_ms = self.people.wait(15_000);
        self.after(first_ms, Happening::Act { phone: number });
        Ok(())
    }

    pub(super) fn switch_on(&mut self, number: usize) -> Checked {
        let now = self.phone_time(number);
        let generator = self.luck.generator();
        let phone = self.phone(number)?;
        let Power::Off(disk) = std::mem::replace(&mut phone.power, Power::Between) else {
            return Err(own_fault("a phone that is on is switched on"));
        };
        disk.set_trouble(Trouble::None);
        let driver = Driver::open(disk, Box::new(generator), now);
        let driver = driver.map_err(|error| Rule::Fails.broken(format!("phone {number} does not start: {error}")))?;
        phone.power = Power::On(Box::new(driver));
        // What it measured last may have gone with the power, and an older measure be back.
        phone.measured = (phone.disk()?.inside().meta("skew").map_err(own_fault)?, i64::MIN);
        phone.boots += 1;
        (phone.wake_at, phone.rings_ms) = (None, None);
        note!(self, "phone {number} is on");
        self.perform(number)?;
        self.note_standing(number)?;
        let wants = self.phone(number)?.sync_wanted;
        if wants {
            self.tell(number, Event::SyncStart)?;
        }
        Ok(())
    }

    pub(super) fn wake(&mut self, number: usize) -> Checked {
        let phone = self.phone(number)?;
        (phone.wake_at, phone.rings_ms) = (None, None);
        self.tell(number, Event::Wake)
    }

    /// Hands the core an event that nobody waits for, as the shells do: a link whose event could not be handled is closed.
    pub(super) fn tell(&mut self, number: usize, event: Event) -> Checked {
        let now = self.phone_time(number);
        let link = match &event {
            Event::LinkFrame { link, .. } | Event::LinkUp { link } | Event::PeerUp { link, .. } => Some(*link),
            _ => None,
        };
        let is_start = event == Event::SyncStart;
        let phone = self.phone(number)?;
        let failures = phone.disk()?.failures();
        let Some(driver) = phone.driver() else { return Ok(()) };
        let answer = driver.dispatch(now, event);
        if link.is_some() {
            let now_ms = self.now_ms;
            self.phone(number)?.note_measure(now_ms)?;
        }
        self.perform(number)?;
        if let Err(error) = answer {
            self.check_failure(number, failures, &error)?;
            if let Some(link) = link {
                self.close_link(number, link, DownReason::Closed)?;
            }
            if is_start {
                self.after(1_000, Happening::SyncStarts { phone: number });
            }
        }
        Ok(())
    }

    /// A failure must have been caused on purpose.
    pub(super) fn check_failure(&mut self, number: usize, failures: u64, error: &CoreError) -> Checked {
        let on_purpose = self.phone(number)?.disk()?.failures() > failures;
        note!(self, "phone {number} could not: {}", error.code);
        let storage = matches!(error.code, CoreCode::StorageFull | CoreCode::StorageFailed);
        match on_purpose && storage {
            true => {
                self.counters.failed_commits += 1;
                Ok(())
            }
            false => Err(Rule::Fails.broken(format!("phone {number}: {error}"))),
        }
    }

    /// Does what the core asks for, until it asks for nothing more.
    pub(super) fn perform(&mut self, number: usize) -> Checked {
        loop {
            let (opening, now_ms) = (self.day.opening, self.now_ms);
            let phone = self.phone(number)?;
            let Some(driver) = phone.driver() else { return Ok(()) };
            let effects = driver.take_effects();
            if effects.is_empty() {
                phone.set_timer(opening, now_ms);
                return Ok(());
            }
            for effect in effects {
                self.perform_one(number, effect)?;
            }
        }
    }

    pub(super) fn perform_one(&mut self, number: usize, effect: Effect) -> Checked {
        match effect {
            Effect::Connect { link, .. } => self.dial(number, link),
            Effect::Disconnect { link } => {
                let phone = self.phone(number)?;
                phone.dialling.remove(&link);
                if let Some(wire) = phone.links.remove(&link) {
                    note!(self, "phone {number} closes wire {wire}");
                    self.hang_up(wire, End::Phone(number, link), None);
                }
                Ok(())
            }
            Effect::Send { link, bytes } => {
                if let Some(wire) = self.phone(number)?.links.get(&link).copied() {
                    self.send(wire, End::Phone(number, link), Parcel::Frame(bytes));
                }
                Ok(())
            }
            Effect::WakeAt(at) => {
                let (opening, now_ms) = (self.day.opening, self.now_ms);
                let phone = self.phone(number)?;
                phone.wake_at = Some(phone.wake_at.map_or(at, |earlier| earlier.min(at)));
                phone.set_timer(opening, now_ms);
                Ok(())
            }
            Effect::Refresh { .. } => {
                let (boot, ms) = self.round_trip(number)?;
                self.after(ms, Happening::Refreshed { phone: number, boot });
                Ok(())
            }
            Effect::HandOver { changes, .. } => {
                let (boot, ms) = self.round_trip(number)?;
                self.phone(number)?.handing = changes;
                self.after(ms, Happening::HandsOver { phone: number, boot });
                Ok(())
            }
            Effect::Changed(_) => Ok(()),
        }
    }

    /// How long a question over HTTP takes, and of which start of the phone it is.
    fn round_trip(&mut self, number: usize) -> Checked<(u32, i64)> {
        let phone = self.phone(number)?;
        let (boot, pace) = (phone.boots, phone.pace);
        Ok((boot, 2 * self.network.between(pace.delay_ms.0, pace.delay_ms.1)))
    }

    pub(super) fn close_link(&mut self, number: usize, link: LinkId, reason: DownReason) -> Checked {
        if let Some(wire) = self.phone(number)?.links.remove(&link) {
            self.hang_up(wire, End::Phone(number, link), None);
        }
        self.tell(number, Event::LinkDown { link, reason })
    }
}
