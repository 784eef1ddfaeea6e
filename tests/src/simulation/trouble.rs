//! What goes wrong in the day, and what coordinators change meanwhile.

use muster_client_core::event::{Event, LinkId, Side};
use muster_model::access::Role;
use muster_model::attendee::{Attendee, Registration};
use muster_model::checkpoint::AdmissionRule;
use muster_model::document::{DocKind, DocRef};
use muster_model::event::OnlyKey;
use muster_model::id::{LogisticsId, RecordId};
use muster_model::record;
use muster_model::ticket::TicketHash;

use super::disk::Trouble;
use super::event_day::{CATEGORIES, hotel};
use super::finding::{Checked, own_fault};
use super::phone::Power;
use super::wire::{End, Wire};
use super::world::{Happening, World, note};

impl World<'_> {
    /// Something goes wrong, and something else later.
    pub(super) fn trouble(&mut self) -> Checked {
        let wait_ms = self.luck.wait(self.weather.trouble_ms);
        if self.now_ms + wait_ms < self.weather.length_ms {
            self.after(wait_ms, Happening::Trouble);
        }
        let number = self.luck.below(self.phones.len());
        let phone = self.phone(number)?;
        if !phone.enrolled {
            return Ok(());
        }
        if phone.is_gone() {
            // It may die while it hands over.
            return if self.luck.percent(40) { self.switch_off(number, true) } else { Ok(()) };
        }
        match self.luck.below(100) {
            0..28 => self.cut_some_wire(),
            28..40 => self.lose_network(number),
            40..44 => self.lose_all_networks(),
            44..52 => self.server_goes(),
            52..60 => self.switch_off(number, false),
            60..67 => self.switch_off(number, true),
            67..74 => self.set_clock(number),
            74..82 => self.disk_fails(number),
            82..86 => {
                note!(self, "the server's disk is full");
                self.server.disk.set_full(true);
                let ms = self.luck.between(500, 12_000);
                self.after(ms, Happening::ServerDiskWorks);
                Ok(())
            }
            86..94 => self.peers_meet(number),
            94..97 => self.restart_sync(number),
            _ => self.take_rights(number),
        }
    }

    fn cut_some_wire(&mut self) -> Checked {
        let open = self.open_wires();
        match self.luck.pick(&open).copied() {
            Some((wire, _)) => self.cut(wire),
            None => Ok(()),
        }
    }

    /// A phone's way to the server is gone for a while.
    pub(super) fn lose_network(&mut self, number: usize) -> Checked {
        note!(self, "phone {number} has no network");
        self.phone(number)?.outages += 1;
        self.cut_server_wires(Some(number))?;
        let ms = self.luck.wait(self.weather.outage_ms);
        self.after(ms, Happening::NetworkBack { phone: number });
        Ok(())
    }

    fn lose_all_networks(&mut self) -> Checked {
        for number in 0..self.phones.len() {
            self.lose_network(number)?;
        }
        Ok(())
    }

    /// Cuts the wires to the server, of one phone or of all.
    pub(super) fn cut_server_wires(&mut self, of: Option<usize>) -> Checked {
        let phones = self.phones.iter().filter(|phone| of.is_none_or(|of| of == phone.number));
        let own: Vec<u64> = phones.flat_map(|phone| phone.links.values().copied()).collect();
        for (wire, to_server) in self.open_wires() {
            if to_server && own.contains(&wire) {
                self.cut(wire)?;
            }
        }
        Ok(())
    }

    pub(super) fn network_back(&mut self, number: usize) {
        note!(self, "phone {number} has network again");
        if let Some(phone) = self.phones.get_mut(number) {
            phone.outages = phone.outages.saturating_sub(1);
        }
    }

    fn server_goes(&mut self) -> Checked {
        if !self.server.is_running() {
            return Ok(());
        }
        if self.luck.percent(25) && !self.server.is_stopping() {
            note!(self, "the server is told to shut down");
            self.server.shut_down();
            return Ok(());
        }
        note!(self, "the server crashes");
        self.confirmed.extend(self.server.take_confirmed());
        self.server.crash();
        self.counters.crashes += 1;
        self.server_is_gone()
    }

    /// It is started again after a while.
    pub(super) fn server_is_gone(&mut self) -> Checked {
        self.lose_connections()?;
        self.check_server_disk()?;
        let ms = self.luck.wait(6_000);
        self.after(ms, Happening::ServerStarts);
        Ok(())
    }

    pub(super) fn start_server(&mut self) -> Checked {
        if self.server.is_running() {
            return Ok(());
        }
        note!(self, "the server starts");
        let session = self.luck.bytes();
        self.server.start(self.now_ms, session)
    }

    /// A phone's process dies, or its power is gone: then what was not flushed may be gone too.
    pub(super) fn switch_off(&mut self, number: usize, power_loss: bool) -> Checked {
        if !self.phone(number)?.is_on() {
            return Ok(());
        }
        self.pull_the_plug(number, power_loss)?;
        let ms = self.luck.wait(8_000);
        self.after(ms, Happening::PhoneStarts { phone: number });
        Ok(())
    }

    pub(super) fn pull_the_plug(&mut self, number: usize, power_loss: bool) -> Checked {
        let phone = self.phone(number)?;
        let Power::On(driver) = std::mem::replace(&mut phone.power, Power::Between) else {
            return Err(own_fault("a phone that is off is switched off"));
        };
        let mut disk = driver.into_store();
        let (mut lost, mut wires) = (0, Vec::new());
        wires.extend(std::mem::take(&mut phone.links).into_values());
        phone.dialling.clear();
        phone.last_verdicts.clear();
        if power_loss {
            let unflushed = disk.unflushed();
            let reached = self.luck.below(unflushed + 1);
            lost = unflushed - reached;
            disk = disk.after_power_loss(reached).map_err(own_fault)?;
            // That the server has its facts it may have to hear again.
            self.phone(number)?.shown_on_server.clear();
        }
        self.phone(number)?.power = Power::Off(disk);
        note!(self, "phone {number} dies{}, {lost} commits are gone", if power_loss { " without power" } else { "" });
        self.counters.crashes += 1;
        for wire in wires {
            self.cut(wire)?;
        }
        let phone = self.phones.get_mut(number).ok_or_else(|| own_fault("no such phone"))?;
        phone.check_told(&self.erased)
    }

    fn set_clock(&mut self, number: usize) -> Checked {
        let by_ms = match self.luck.below(3) {
            0 => self.luck.between(-90_000, 90_000),
            1 => self.luck.between(-5 * 3_600_000, 0),
            _ => self.luck.between(0, 5 * 3_600_000),
        };
        note!(self, "phone {number} has its clock set by {by_ms} ms");
        let now_ms = self.now_ms;
        let phone = self.phone(number)?;
        phone.clock.ahead_ms += by_ms;
        phone.clock_set_ms = now_ms;
        Ok(())
    }

    fn disk_fails(&mut self, number: usize) -> Checked {
        let trouble = match self.luck.below(4) {
            0 => Trouble::Torn,
            1 => Trouble::Unreadable(1 + u32::try_from(self.luck.below(3)).unwrap_or_default()),
            _ => Trouble::Full,
        };
        note!(self, "phone {number} has trouble with its disk: {trouble:?}");
        self.phone(number)?.disk()?.set_trouble(trouble);
        let ms = self.luck.between(500, 15_000);
        self.after(ms, Happening::PhoneDiskWorks { phone: number });
        Ok(())
    }

    pub(super) fn disk_works(&mut self, number: usize) -> Checked {
        note!(self, "phone {number} has a disk that works");
        self.phone(number)?.disk()?.set_trouble(Trouble::None);
        Ok(())
    }

    /// Two phones find each other, without a server.
    fn peers_meet(&mut self, number: usize) -> Checked {
        let other = self.luck.below(self.phones.len());
        let able = |phone: Option<&super::phone::Phone>| {
            phone.is_some_and(|phone| phone.is_on() && phone.enrolled && !phone.is_gone())
        };
        if other == number || !able(self.phones.get(number)) || !able(self.phones.get(other)) {
            return Ok(());
        }
        let pace = self.phone(number)?.pace;
        self.peers_met += 1;
        let (here, there) = (LinkId::of_host(2 * self.peers_met), LinkId::of_host(2 * self.peers_met + 1));
        let wire = self.lay(Wire::new(End::Phone(number, here), End::Phone(other, there), pace));
        note!(self, "phones {number} and {other} meet on wire {wire}");
        let (role, other_role) = (self.phone(number)?.role, self.phone(other)?.role);
        self.phone(number)?.links.insert(here, wire);
        self.phone(other)?.links.insert(there, wire);
        self.counters.peer_links += 1;
        let ms = self.luck.wait(30_000);
        self.after(ms, Happening::PeersPart { wire });
        self.tell(other, Event::PeerUp { link: there, role, side: Side::Acceptor })?;
        self.tell(number, Event::PeerUp { link: here, role: other_role, side: Side::Initiator })
    }

    /// The server takes a phone's rights away for a while. What it records meanwhile must wait, not go.
    fn take_rights(&mut self, number: usize) -> Checked {
        let phone = self.phone(number)?;
        if phone.role != Role::Staff || phone.dismissal.is_some() {
            return Ok(());
        }
        phone.granted = Role::Finance;
        if let Some(presenter) = self.day.presenters.first().copied().filter(|_| self.luck.percent(50)) {
            self.phone(number)?.granted = Role::Presenter(presenter);
        }
        note!(self, "phone {number} may no longer do its work");
        self.cut_server_wires(Some(number))?;
        let ms = self.luck.wait(40_000);
        self.after(ms, Happening::RightsBack { phone: number });
        Ok(())
    }

    pub(super) fn rights_back(&mut self, number: usize) -> Checked {
        note!(self, "phone {number} may do its work again");
        let phone = self.phone(number)?;
        if phone.dismissal.is_none() {
            phone.granted = phone.role;
        }
        self.cut_server_wires(Some(number))
    }

    /// A coordinator edits something, and something else later.
    pub(super) fn edit(&mut self) {
        let wait_ms = self.people.wait(self.weather.edit_ms);
        if self.now_ms + wait_ms < self.weather.length_ms {
            self.after(wait_ms, Happening::Edit);
        }
        if self.no_edits_ms.contains(&self.now_ms) {
            return;
        }
        match self.people.below(8) {
            0 | 1 => self.edit_attendee(),
            2 => {
                let (roster, id, attendee) = self.day.register(&mut self.people);
                note!(self, "a coordinator registers {id}");
                self.server.edit(roster, Box::new(move |tx| record::put(tx, &id, &attendee).map(drop)));
            }
            3 => self.reissue_ticket(),
            4 => self.edit_checkpoint(),
            5 => self.edit_program(),
            6 => {
                let Some(presenter) = self.people.pick(&self.day.presenters).copied() else { return };
                note!(self, "a coordinator books a room for {presenter}");
                let id = LogisticsId::from_random(self.people.bytes());
                self.server.edit(DocRef::presenter(presenter), hotel(id, "New town"));
            }
            _ if self.day.shards < 3 => {
                self.day.shards += 1;
                note!(self, "the event grows to {} shards", self.day.shards);
                let event = self.day.record();
                let edit =
                    move |tx: &mut automerge::transaction::Transaction<'_>| record::put(tx, &OnlyKey, &event).map(drop);
                self.server.edit(DocRef::whole(DocKind::Event), Box::new(edit));
            }
            _ => self.strike_off(),
        }
    }

    fn edit_attendee(&mut self) {
        let registrations = [Registration::Confirmed, Registration::Cancelled, Registration::Unpaid];
        let registration = self.people.pick(&registrations).copied().unwrap_or_default();
        let category = self.people.pick(&CATEGORIES).copied().unwrap_or_default().to_owned();
        self.change_somebody("changes", |attendee| {
            attendee.registration = registration;
            attendee.category = category;
        });
    }

    fn reissue_ticket(&mut self) {
        let code = self.day.new_code();
        let ticket = TicketHash::of(self.day.event, &code);
        self.day.codes.push(code);
        self.change_somebody("reissues the ticket of", |attendee| {
            attendee.revoked_tickets.extend(attendee.ticket.replace(ticket));
        });
    }

    fn change_somebody(&mut self, what: &str, change: impl FnOnce(&mut Attendee)) {
        let place = self.people.below(self.day.attendees.len());
        let Some((roster, id, attendee)) = self.day.attendees.get_mut(place) else { return };
        change(attendee);
        let (roster, id, attendee) = (*roster, *id, attendee.clone());
        note!(self, "a coordinator {what} {id}");
        let edit = move |tx: &mut automerge::transaction::Transaction<'_>| {
            // They may have been erased since.
            let is_there = record::read::<Attendee>(tx, &id)?.is_some();
            if is_there { record::put(tx, &id, &attendee).map(drop) } else { Ok(()) }
        };
        self.server.edit(roster, Box::new(edit));
    }

    fn strike_off(&mut self) {
        if self.day.attendees.len() < 6 {
            return;
        }
        let place = self.people.below(self.day.attendees.len());
        let (roster, id, _) = self.day.attendees.remove(place);
        note!(self, "a coordinator strikes {id} off");
        self.server.edit(roster, Box::new(move |tx| record::delete::<Attendee, _>(tx, &id).map(drop)));
    }

    fn edit_checkpoint(&mut self) {
        let rules = [AdmissionRule::Once, AdmissionRule::OncePerDay, AdmissionRule::EntryAndExit, AdmissionRule::Many];
        let rule = self.people.pick(&rules).copied().unwrap_or_default();
        let until = self.day.opening.plus_minutes(self.people.between(0, 120));
        let closes = self.people.percent(20);
        let place = self.people.below(self.day.checkpoints.len());
        let Some((id, checkpoint)) = self.day.checkpoints.get_mut(place) else { return };
        checkpoint.rule = rule;
        checkpoint.valid_until = closes.then_some(until);
        let (id, checkpoint) = (*id, checkpoint.clone());
        note!(self, "a coordinator changes the rules of {}", checkpoint.name);
        let edit = Box::new(move |tx: &mut automerge::transaction::Transaction<'_>| {
            record::put(tx, &id, &checkpoint).map(drop)
        });
        self.server.edit(DocRef::whole(DocKind::Event), edit);
    }

    fn edit_program(&mut self) {
        let room = self.people.pick(&self.day.rooms).copied();
        let cancelled = self.people.percent(20);
        let place = self.people.below(self.day.sessions.len());
        let Some((id, session)) = self.day.sessions.get_mut(place) else { return };
        session.room = room;
        session.cancelled = cancelled;
        let (id, session) = (*id, session.clone());
        note!(self, "a coordinator moves {}", session.title);
        let edit =
            Box::new(move |tx: &mut automerge::transaction::Transaction<'_>| record::put(tx, &id, &session).map(drop));
        self.server.edit(DocRef::whole(DocKind::Program), edit);
    }
}
