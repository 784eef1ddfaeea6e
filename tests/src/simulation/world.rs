//! The simulated day: one queue of what happens next, and everybody it happens to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use automerge::ChangeHash;
use muster_client_core::event::{Event, LinkId};
use muster_model::id::{AttendeeId, DeviceId, FactId};
use muster_protocol::DocumentId;

use super::disk::{Disk, Kind};
use super::dismissals::Dismissal;
use super::draw::Draw;
use super::erasures::Erased;
use super::event_day::EventDay;
use super::finding::{Checked, own_fault};
use super::hostile::{Forbidden, Hostile};
use super::phone::Phone;
use super::sabotage::Sabotage;
use super::server::{Confirmed, Server};
use super::server_disk::{Backup, ServerDisk};
use super::shadow::Shadows;
use super::socket::ConnectionId;
use super::trace::Trace;
use super::weather::Weather;
use super::wire::{Way, Wire};
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
    /// An app tries again to start the sync.
    SyncStarts { phone: usize },
    /// A link between phones is cut.
    PeersPart { wire: u64 },
    /// A hostile device does something.
    HostileActs { hostile: usize },
    /// A hostile device that was refused something comes back.
    HostileReturns { hostile: usize },
    /// A coordinator revokes a phone or gives it another role for good.
    Dismiss { phone: usize, dismissal: Dismissal },
    /// That a phone was revoked has taken effect.
    Sealed { phone: usize },
    /// A phone's question for another token is answered.
    Refreshed { phone: usize, boot: u32 },
    /// What a phone hands over arrives.
    HandsOver { phone: usize, boot: u32 },
    /// Somebody wants to be forgotten.
    AsksToBeForgotten { draw: usize },
    /// A coordinator looks whether somebody is erased, and else tries.
    Erase { attendee: AttendeeId },
    /// An operator makes a backup of the server.
    BackUp,
    /// An operator goes back to the backup.
    Restore,
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
    /// What an operator keeps elsewhere of the server.
    pub(super) backup: Option<Backup>,
    /// When coordinators edit nothing.
    pub(super) no_edits_ms: Range<i64>,
    /// Facts that the server had before it was restored from that, and did not have after.
    pub(super) forgotten: BTreeSet<FactId>,
    /// What it had said itself in the event's document, and forgot with that. Phones that heard it may not say it again.
    pub(super) unsaid: BTreeSet<ChangeHash>,
    pub(super) phones: Vec<Phone>,
    /// The changes that revoked devices had on the server when that took effect.
    pub(super) sealed: BTreeMap<DeviceId, BTreeSet<ChangeHash>>,
    /// Who asked to be forgotten.
    pub(super) erased: Erased,
    /// Devices with good tokens in bad hands.
    pub(super) hostiles: Vec<Hostile>,
    /// What they forged.
    pub(super) forbidden: Forbidden,
    pub(super) wires: BTreeMap<u64, Wire>,
    pub(super) connections: BTreeMap<ConnectionId, u64>,
    pub(super) next_wire: u64,
    queue: BTreeMap<(i64, u64), Happening>,
    queued: u64,
    /// For the network.
    pub(super) network: Draw,
    /// For what people do.
    pub(super) people: Draw,
    /// For what goes wrong.
    pub(super) luck: Draw,
    /// For what is done out of malice.
    pub(super) mischief: Draw,
    pub(super) weather: Weather,
    pub(super) counters: Counters,
    pub(super) trace: &'t mut Trace,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) frames: u64,
    /// The first changes of documents, which are the same on every replica.
    pub(super) genesis: BTreeMap<DocumentId, Vec<ChangeHash>>,
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
            backup: None,
            no_edits_ms: 0..0,
            forgotten: BTreeSet::new(),
            unsaid: BTreeSet::new(),
            day,
            phones: Vec::new(),
            sealed: BTreeMap::new(),
            erased: Erased::default(),
            hostiles: Vec::new(),
            forbidden: Forbidden::default(),
            wires: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_wire: 0,
            queue: BTreeMap::new(),
            queued: 0,
            network: Draw::new(seed, 2),
            people: Draw::new(seed, 3),
            luck: Draw::new(seed, 4),
            mischief: Draw::new(seed, 5),
            weather,
            counters: Counters::default(),
            trace,
            sabotage: options.sabotage,
            frames: 0,
            genesis: BTreeMap::new(),
            peers_met: 0,
        };
        world.server.start(0, plan.bytes())?;
        for (document, edit) in world.day.edits(&mut plan) {
            world.server.edit(document, edit);
        }
        world.people_phones(&mut plan)?;
        world.hire_hostiles();
        world.plan_restore(seed);
        world.plan_erasures(seed);
        world.plan_dismissal(seed);
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
            self.server.devices.enrol(phone.device, role);
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
            if self.server.has_stopped() {
                note!(self, "the server has shut down");
                self.server_is_gone()?;
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
            Happening::SyncStarts { phone } => self.tell(phone, Event::SyncStart),
            Happening::HermitLeaves { phone } => {
                note!(self, "phone {phone} goes where there is no network");
                self.phone(phone)?.outages += 1;
                self.cut_server_wires(Some(phone))
            }
            Happening::HostileActs { hostile } => self.hostile_acts(hostile),
            Happening::HostileReturns { hostile } => self.hostile_dials(hostile),
            Happening::Dismiss { phone, dismissal } => self.dismiss(phone, dismissal),
            Happening::Sealed { phone } => self.seal(phone),
            Happening::Refreshed { phone, boot } => self.refreshed(phone, boot),
            Happening::HandsOver { phone, boot } => self.hands_over(phone, boot),
            Happening::AsksToBeForgotten { draw } => self.asks_to_be_forgotten(draw),
            Happening::Erase { attendee } => self.erase(attendee),
            Happening::BackUp => {
                self.back_up();
                Ok(())
            }
            Happening::Restore => self.restore(),
            Happening::Trouble => self.trouble(),
            Happening::Edit => {
                self.edit();
                Ok(())
            }
            Happening::Look => self.look(),
        }
    }

    /// Whether the server is restored on this day.
    pub(super) fn restores(&self) -> bool {
        self.queue.values().any(|happening| *happening == Happening::Restore)
    }

    /// Whether somebody is about to be switched on or to join.
    pub(super) fn queue_has_starts(&self) -> bool {
        let starts = |happening: &Happening| {
            matches!(happening, Happening::PhoneStarts { .. } | Happening::PhoneJoins { .. } | Happening::ServerStarts)
        };
        self.queue.values().any(starts)
    }
}
