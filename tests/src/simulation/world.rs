//! The simulated day: one queue of what happens next, and everybody it happens to.

use std::collections::BTreeMap;

use axum::extract::ws::{CloseFrame, Message};
use muster_client_core::driver::Driver;
use muster_client_core::event::{DownReason, Effect, Event, LinkId};
use muster_client_core::{CoreCode, CoreError};
use muster_model::time::Timestamp;
use muster_server::hub::Principal;

use super::disk::{Disk, Kind};
use super::draw::Draw;
use super::event_day::EventDay;
use super::finding::{Checked, Rule, own_fault};
use super::phone::{Phone, Power};
use super::sabotage::Sabotage;
use super::server::{Confirmed, Server};
use super::server_disk::ServerDisk;
use super::shadow::Shadows;
use super::socket::{ConnectionId, Written};
use super::trace::{Trace, fingerprint};
use super::weather::Weather;
use super::wire::{End, Parcel, Way, Wire};
use super::{Counters, Options};

/// Something that happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// Whoever works with a phone does something.
    Act { phone: usize },
    /// Something arrives on a wire.
    Arrive { wire: u64, way: Way },
    /// A phone's attempt to reach the server comes to something.
    Dialled { phone: usize, boot: u32, link: LinkId },
    /// A phone is switched on.
    PhoneStarts { phone: usize },
    /// A phone joins.
    PhoneJoins { phone: usize },
    /// A phone has network again.
    NetworkBack { phone: usize },
    /// A phone's disk works again.
    PhoneDiskWorks { phone: usize },
    /// A phone may again do what its role says.
    RightsBack { phone: usize },
    /// The server is started.
    ServerStarts,
    /// The server's disk has room again.
    ServerDiskWorks,
    /// A phone goes where there is no network until the evening.
    HermitLeaves { phone: usize },
    /// A link between phones is cut.
    PeersPart { wire: u64 },
    /// Something goes wrong.
    Trouble,
    /// A coordinator edits something.
    Edit,
    /// It is looked at what phones say is on the server.
    Look,
}

pub(super) struct World<'t> {
    pub(super) now_ms: i64,
    pub(super) day: EventDay,
    pub(super) server: Server,
    /// What the server's disk has, as read by whoever checks.
    pub(super) server_shadows: Shadows,
    pub(super) confirmed: Vec<Confirmed>,
    pub(super) phones: Vec<Phone>,
    wires: BTreeMap<u64, Wire>,
    connections: BTreeMap<ConnectionId, u64>,
    next_wire: u64,
    queue: BTreeMap<(i64, u64), Happening>,
    queued: u64,
    /// For the network.
    pub(super) network: Draw,
    /// For what people do.
    pub(super) people: Draw,
    /// For what goes wrong.
    pub(super) luck: Draw,
    pub(super) weather: Weather,
    pub(super) counters: Counters,
    pub(super) trace: &'t mut Trace,
    pub(super) sabotage: Option<Sabotage>,
    frames: u64,
    pub(super) peers_met: u64,
}

macro_rules! note {
    ($world:expr, $($text:tt)*) => {{
        let now_ms = $world.now_ms;
        $world.trace.step(now_ms, format_args!($($text)*))
    }};
}
pub(super) use note;

impl<'t> World<'t> {
    pub(super) fn new(seed: u64, options: &Options, trace: &'t mut Trace) -> Checked<Self> {
        let mut plan = Draw::new(seed, 1);
        let day = EventDay::new(&mut plan);
        let weather = Weather::new(&mut plan);
        let disk = ServerDisk::new(day.event, options.sabotage);
        let mut world = Self {
            now_ms: 0,
            server: Server::new(day.event, day.opening, disk),
            server_shadows: Shadows::default(),
            confirmed: Vec::new(),
            day,
            phones: Vec::new(),
            wires: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_wire: 0,
            queue: BTreeMap::new(),
            queued: 0,
            network: Draw::new(seed, 2),
            people: Draw::new(seed, 3),
            luck: Draw::new(seed, 4),
            weather,
            counters: Counters::default(),
            trace,
            sabotage: options.sabotage,
            frames: 0,
            peers_met: 0,
        };
        world.server.start(0, plan.bytes())?;
        for (document, edit) in world.day.edits(&mut plan) {
            world.server.edit(document, edit);
        }
        world.people_phones(&mut plan)?;
        Ok(world)
    }

    fn people_phones(&mut self, plan: &mut Draw) -> Checked {
        let roles = self.weather.roles(&self.day, plan);
        for (number, role) in roles.into_iter().enumerate() {
            let kind = if number == 0 && self.weather.sqlite { Kind::Sqlite } else { Kind::Memory };
            let disk = Disk::new(kind, self.sabotage).map_err(own_fault)?;
            let mut phone = Phone::new(number, role, disk, plan);
            phone.clock = self.weather.clock(plan);
            let joins_ms = self.weather.joins_ms(number, plan);
            self.phones.push(phone);
            self.at(joins_ms, Happening::PhoneJoins { phone: number });
        }
        Ok(())
    }

    pub(super) fn at(&mut self, at_ms: i64, happening: Happening) {
        self.queued += 1;
        self.queue.insert((at_ms.max(self.now_ms), self.queued), happening);
    }

    pub(super) fn after(&mut self, wait_ms: i64, happening: Happening) {
        self.at(self.now_ms.saturating_add(wait_ms), happening);
    }

    /// Drops what is planned and not yet begun.
    pub(super) fn call_off(&mut self, fits: impl Fn(&Happening) -> bool) {
        self.queue.retain(|_, happening| !fits(happening));
    }

    /// Lets the day go on until this time.
    pub(super) fn run_until(&mut self, end_ms: i64) -> Checked {
        loop {
            let next_wake = self.phones.iter().filter(|phone| phone.is_on()).filter_map(|phone| {
                // Work that can wait takes its moment, too.
                Some((phone.rings_ms?.max(self.now_ms + 1), phone.number))
            });
            let next_wake = next_wake.min();
            let next_queued = self.queue.first_key_value().map(|((at_ms, _), _)| *at_ms);
            let next_ms = next_wake.map(|(at_ms, _)| at_ms).into_iter().chain(next_queued).min();
            let next_ms = next_ms.unwrap_or(end_ms).min(end_ms).max(self.now_ms);
            let reached_ms = self.server.work_until(next_ms);
            self.confirmed.extend(self.server.take_confirmed());
            let written = self.server.take_written();
            self.now_ms = self.now_ms.max(reached_ms);
            if !written.is_empty() {
                self.route(written)?;
                continue;
            }
            if self.now_ms < next_ms {
                continue;
            }
            if next_queued.is_some_and(|at_ms| at_ms <= self.now_ms) {
                if let Some((_, happening)) = self.queue.pop_first() {
                    self.happen(happening)?;
                }
            } else if let Some((_, phone)) = next_wake.filter(|(at_ms, _)| *at_ms <= self.now_ms) {
                self.wake(phone)?;
            } else if self.now_ms >= end_ms {
                return Ok(());
            }
        }
    }

    fn happen(&mut self, happening: Happening) -> Checked {
        match happening {
            Happening::Act { phone } => self.act(phone),
            Happening::Arrive { wire, way } => self.arrive(wire, way),
            Happening::Dialled { phone, boot, link } => self.dialled(phone, boot, link),
            Happening::PhoneStarts { phone } => self.switch_on(phone),
            Happening::PhoneJoins { phone } => self.join(phone),
            Happening::NetworkBack { phone } => {
                self.network_back(phone);
                Ok(())
            }
            Happening::PhoneDiskWorks { phone } => self.disk_works(phone),
            Happening::RightsBack { phone } => self.rights_back(phone),
            Happening::ServerStarts => self.start_server(),
            Happening::ServerDiskWorks => {
                note!(self, "the server's disk has room again");
                self.server.disk.set_full(false);
                Ok(())
            }
            Happening::PeersPart { wire } => self.cut(wire),
            Happening::HermitLeaves { phone } => {
                note!(self, "phone {phone} goes where there is no network");
                self.phone(phone)?.outages += 1;
                self.cut_server_wires(Some(phone))
            }
            Happening::Trouble => self.trouble(),
            Happening::Edit => {
                self.edit();
                Ok(())
            }
            Happening::Look => self.look(),
        }
    }

    /// Whether somebody is about to be switched on or to join.
    pub(super) fn queue_has_starts(&self) -> bool {
        let starts = |happening: &Happening| {
            matches!(happening, Happening::PhoneStarts { .. } | Happening::PhoneJoins { .. } | Happening::ServerStarts)
        };
        self.queue.values().any(starts)
    }

    // Phones.

    pub(super) fn phone(&mut self, number: usize) -> Checked<&mut Phone> {
        self.phones.get_mut(number).ok_or_else(|| own_fault("no such phone"))
    }

    pub(super) fn phone_time(&self, number: usize) -> Timestamp {
        let clock = self.phones.get(number).map(|phone| phone.clock).unwrap_or_default();
        clock.at(self.day.opening, self.now_ms)
    }

    fn join(&mut self, number: usize) -> Checked {
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
        disk.set_trouble(super::disk::Trouble::None);
        let driver = Driver::open(disk, Box::new(generator), now);
        let driver = driver.map_err(|error| Rule::Fails.broken(format!("phone {number} does not start: {error}")))?;
        phone.power = Power::On(Box::new(driver));
        // What it measured last may have gone with the power, and an older measure be back.
        phone.measured = (phone.disk()?.inside().meta("skew").map_err(own_fault)?, i64::MIN);
        phone.boots += 1;
        (phone.wake_at, phone.rings_ms) = (None, None);
        let wants = phone.sync_wanted;
        note!(self, "phone {number} is on");
        self.perform(number)?;
        if wants {
            self.tell(number, Event::SyncStart)?;
        }
        Ok(())
    }

    fn wake(&mut self, number: usize) -> Checked {
        self.phone(number)?.wake_at = None;
        self.tell(number, Event::Wake)
    }

    /// Hands the core an event that nobody waits for, as the shells do: a link whose event could not be handled is closed.
    pub(super) fn tell(&mut self, number: usize, event: Event) -> Checked {
        let now = self.phone_time(number);
        let link = match &event {
            Event::LinkFrame { link, .. } | Event::LinkUp { link } => Some(*link),
            _ => None,
        };
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

    fn perform_one(&mut self, number: usize, effect: Effect) -> Checked {
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
                let phone = self.phone(number)?;
                phone.wake_at = Some(phone.wake_at.map_or(at, |earlier| earlier.min(at)));
                Ok(())
            }
            Effect::Changed(_) => Ok(()),
        }
    }

    pub(super) fn close_link(&mut self, number: usize, link: LinkId, reason: DownReason) -> Checked {
        if let Some(wire) = self.phone(number)?.links.remove(&link) {
            self.hang_up(wire, End::Phone(number, link), None);
        }
        self.tell(number, Event::LinkDown { link, reason })
    }

    // The network.

    fn dial(&mut self, number: usize, link: LinkId) -> Checked {
        let phone = self.phone(number)?;
        phone.dialling.insert(link);
        let (boot, pace) = (phone.boots, phone.pace);
        let reachable = phone.outages == 0 && self.server.is_running();
        let answer_ms = match reachable {
            true => 2 * self.network.between(pace.delay_ms.0, pace.delay_ms.1),
            // Refused at once, or after a while, or never.
            false => match self.network.below(4) {
                0 => return Ok(()),
                1 => self.network.between(1_000, 10_000),
                _ => 5,
            },
        };
        self.after(answer_ms, Happening::Dialled { phone: number, boot, link });
        Ok(())
    }

    fn dialled(&mut self, number: usize, boot: u32, link: LinkId) -> Checked {
        let phone = self.phone(number)?;
        if phone.boots != boot || !phone.is_on() || !phone.dialling.remove(&link) {
            return Ok(());
        }
        let (outages, pace, device, role) = (phone.outages, phone.pace, phone.device, phone.granted);
        let principal = Principal { device, event: self.day.event, role, token_expires_at: None };
        let accepted = if outages == 0 { self.server.accept(principal) } else { None };
        let Some(connection) = accepted else {
            return self.tell(number, Event::LinkDown { link, reason: DownReason::Closed });
        };
        let (here, there) = (End::Phone(number, link), End::Server(connection));
        let wire = self.lay(Wire::new(here, there, pace));
        self.connections.insert(connection, wire);
        self.counters.links += 1;
        note!(self, "phone {number} reaches the server by wire {wire}");
        self.phone(number)?.links.insert(link, wire);
        self.tell(number, Event::LinkUp { link })
    }

    pub(super) fn lay(&mut self, wire: Wire) -> u64 {
        self.next_wire += 1;
        self.wires.insert(self.next_wire, wire);
        self.next_wire
    }

    fn send(&mut self, id: u64, from: End, parcel: Parcel) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let way = wire.way_from(from);
        if matches!(parcel, Parcel::Frame(_)) {
            self.frames += 1;
            if self.sabotage == Some(Sabotage::LinkSkipsMessages) && self.frames.is_multiple_of(23) {
                return;
            }
        }
        if let Some(arrives_ms) = wire.send(way, parcel, self.now_ms, &mut self.network) {
            self.at(arrives_ms, Happening::Arrive { wire: id, way });
        }
    }

    /// One end closes: what it said before still arrives, what is on its way to it does not.
    fn hang_up(&mut self, id: u64, end: End, reason: Option<String>) {
        self.send(id, end, Parcel::Close(reason));
        if let Some(wire) = self.wires.get_mut(&id) {
            let back = match wire.way_from(end) {
                Way::ToOpener => Way::ToAcceptor,
                Way::ToAcceptor => Way::ToOpener,
            };
            wire.shut(back);
        }
    }

    /// Cuts a carrier, each way at a byte of its own. Each end notices in its own time.
    pub(super) fn cut(&mut self, id: u64) -> Checked {
        let mut lost = 0;
        for way in [Way::ToOpener, Way::ToAcceptor] {
            let Some(wire) = self.wires.get_mut(&id) else { return Ok(()) };
            if wire.is_cut(way) {
                continue;
            }
            lost += wire.cut(way, &mut self.network);
            let notices_ms = match self.network.below(10) {
                0 | 1 => self.network.between(5_000, 30_000),
                2 | 3 => self.network.between(100, 5_000),
                _ => 1,
            };
            // The server may never notice but by what is missing.
            let never = matches!(wire.end(way), End::Server(_)) && self.network.percent(30);
            if !never {
                let at_ms = wire.goes_silent(way, self.now_ms + notices_ms);
                self.at(at_ms, Happening::Arrive { wire: id, way });
            }
        }
        self.counters.cuts += 1;
        self.counters.messages_cut += u64::try_from(lost).unwrap_or_default();
        note!(self, "wire {id} is cut, {lost} messages are lost");
        Ok(())
    }

    /// The wires that carry something, by whether they lead to the server.
    pub(super) fn open_wires(&self) -> Vec<(u64, bool)> {
        let links = self.phones.iter().flat_map(|phone| phone.links.values().copied());
        let mut open: Vec<(u64, bool)> = links
            .filter_map(|id| {
                let wire = self.wires.get(&id)?;
                let is_whole = !wire.is_cut(Way::ToOpener) && !wire.is_cut(Way::ToAcceptor);
                is_whole.then_some((id, matches!(wire.acceptor, End::Server(_))))
            })
            .collect();
        open.sort_unstable();
        open.dedup();
        open
    }

    /// What the server wrote goes on its way.
    pub(super) fn route(&mut self, written: Vec<Written>) -> Checked {
        for Written { connection, message } in written {
            let Some(wire) = self.connections.get(&connection).copied() else { continue };
            let end = End::Server(connection);
            match message {
                Some(Message::Binary(bytes)) => {
                    self.check_said(&bytes)?;
                    self.send(wire, end, Parcel::Frame(bytes.to_vec()));
                }
                Some(Message::Ping(_)) => self.send(wire, end, Parcel::Ping),
                Some(Message::Close(frame)) => {
                    let reason = frame.map(|CloseFrame { reason, .. }| reason.to_string()).unwrap_or_default();
                    note!(self, "the server closes wire {wire}: {reason}");
                    self.send(wire, end, Parcel::Close(Some(reason)));
                }
                Some(Message::Text(_) | Message::Pong(_)) => {}
                None => {
                    self.connections.remove(&connection);
                    self.hang_up(wire, end, None);
                }
            }
        }
        Ok(())
    }

    fn arrive(&mut self, id: u64, way: Way) -> Checked {
        let Some(wire) = self.wires.get_mut(&id) else { return Ok(()) };
        let Some(parcel) = wire.arrive(way, self.now_ms) else { return Ok(()) };
        let end = wire.end(way);
        if let Parcel::Frame(bytes) = &parcel {
            let print = fingerprint(bytes);
            note!(self, "wire {id}: {} bytes ({print:016x}) for {end:?}", bytes.len());
        }
        match end {
            End::Server(connection) => {
                match parcel {
                    Parcel::Frame(bytes) => self.server.arrive(connection, Some(Message::Binary(bytes.into()))),
                    Parcel::Pong => self.server.arrive(connection, Some(Message::Pong(Default::default()))),
                    Parcel::Close(_) => self.server.arrive(connection, Some(Message::Close(None))),
                    Parcel::Gone => self.server.arrive(connection, None),
                    Parcel::Ping => {}
                }
                Ok(())
            }
            End::Phone(number, link) => {
                if self.phone(number)?.links.get(&link) != Some(&id) {
                    return Ok(());
                }
                match parcel {
                    Parcel::Frame(bytes) => self.tell(number, Event::LinkFrame { link, bytes }),
                    Parcel::Ping => {
                        self.send(id, end, Parcel::Pong);
                        Ok(())
                    }
                    Parcel::Close(reason) => self.close_link(number, link, why_closed(reason.as_deref())),
                    Parcel::Gone => self.close_link(number, link, DownReason::Closed),
                    Parcel::Pong => Ok(()),
                }
            }
        }
    }

    /// All the server's connections are gone with it.
    pub(super) fn lose_connections(&mut self) -> Checked {
        for wire in std::mem::take(&mut self.connections).into_values() {
            let Some(wire_end) = self.wires.get_mut(&wire) else { continue };
            wire_end.shut(Way::ToAcceptor);
            if wire_end.is_cut(Way::ToOpener) {
                continue;
            }
            let lost = wire_end.cut(Way::ToOpener, &mut self.network);
            self.counters.messages_cut += u64::try_from(lost).unwrap_or_default();
            let notices_ms = if self.network.percent(80) { 5 } else { self.network.between(1_000, 20_000) };
            let at_ms = wire_end.goes_silent(Way::ToOpener, self.now_ms + notices_ms);
            self.at(at_ms, Happening::Arrive { wire, way: Way::ToOpener });
        }
        Ok(())
    }
}

/// What the reason of a close means to a phone's shell.
fn why_closed(reason: Option<&str>) -> DownReason {
    let (_, rest) = reason.and_then(|reason| reason.split_once(';')).unwrap_or_default();
    let ms = rest.trim().strip_prefix("retry_after_ms=").and_then(|ms| ms.parse().ok());
    ms.map_or(DownReason::Closed, |ms| DownReason::RetryAfter { ms })
}
