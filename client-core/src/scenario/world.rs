//! A small event, phones that hold it, a server, and a network that the story switches off and on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use muster_model::access::Role;
use muster_model::attendee::Attendee;
use muster_model::checkpoint::{AdmissionRule, Checkpoint};
use muster_model::document::{DocKind, DocRef};
use muster_model::event::{Event as EventRecord, OnlyKey};
use muster_model::id::{
    AttendeeId, CheckpointId, DeviceId, EventId, ItemId, PresenterId, RecordId, RoomId, SessionId, TemplateId,
};
use muster_model::program::{PresenterProfile, Room, Session};
use muster_model::readiness::{Item, ItemKind, ReadinessTemplate};
use muster_model::ticket::TicketHash;
use muster_model::time::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::server::Server;
use crate::driver::Driver;
use crate::event::{Credentials, DownReason, Effect, Enrolment, Event, LinkId, ServerId, Token};
use crate::store::sqlite::SqliteStore;
use crate::store::testing::{Faults, FaultyStore};

pub(super) type Phone = Driver<FaultyStore<SqliteStore>>;

pub(super) fn at(ms: i64) -> Timestamp {
    // 2027-05-20T06:00:00Z
    Timestamp::from_ms(1_810_792_800_000 + ms)
}

pub(super) fn event_id() -> EventId {
    EventId::from_random([7; 16])
}

pub(super) fn attendee(number: u16) -> AttendeeId {
    AttendeeId::derive(event_id(), &format!("attendee {number}"))
}

pub(super) fn code(number: u16) -> String {
    format!("ticket-{number}")
}

pub(super) fn gate() -> CheckpointId {
    CheckpointId::from_random([1; 10])
}

pub(super) fn lunch() -> CheckpointId {
    CheckpointId::from_random([2; 10])
}

pub(super) fn room() -> RoomId {
    RoomId::from_random([1; 10])
}

pub(super) fn session(number: u8) -> SessionId {
    SessionId::from_random([number; 10])
}

pub(super) fn water() -> ItemId {
    ItemId::from_random([1; 10])
}

pub(super) fn presenter() -> PresenterId {
    PresenterId::from_random([4; 10])
}

pub(super) fn roster(shard: u16) -> DocRef {
    DocRef::shard(DocKind::Roster, shard)
}

pub(super) fn checkins(shard: u16) -> DocRef {
    DocRef::shard(DocKind::Checkins, shard)
}

const NAMES: [(&str, &str); 6] = [
    ("Jānis Bērziņš", "Latvijas Universitāte"),
    ("Łukasz Wójcik", "Uniwersytet Łódzki"),
    ("Jürgen Groß", "Universität Köln"),
    ("Zoé Lefèvre", "Hôpital Saint-Étienne"),
    ("Anna Smith", "Royal Society"),
    ("Søren Ørsted", "Århus Universitet"),
];

pub(super) fn record(number: u16) -> Attendee {
    let (name, organisation) = NAMES[usize::from(number) % NAMES.len()];
    Attendee {
        name: format!("{name} {number}"),
        organisation: organisation.into(),
        category: if number.is_multiple_of(5) { "Press".into() } else { "Delegate".into() },
        ticket: Some(TicketHash::of(event_id(), &code(number))),
        order: format!("order-{}", number / 3),
        ..Attendee::default()
    }
}

fn rules(name: &str, rule: AdmissionRule) -> Checkpoint {
    Checkpoint { name: name.into(), rule, ..Checkpoint::default() }
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) server: Server,
    pub(super) phones: Vec<Phone>,
    pub(super) faults: Vec<Arc<Mutex<Faults>>>,
    pub(super) network: bool,
    links: Vec<Option<LinkId>>,
    wakes: Vec<Option<Timestamp>>,
    to_phones: VecDeque<(usize, Vec<u8>)>,
    pub(super) topics: Vec<Vec<crate::event::Topic>>,
    /// What phones asked of the server over HTTP and nobody has answered.
    pub(super) asked: Vec<(usize, Effect)>,
}

impl World {
    /// An event of so many attendees in two shards.
    pub(super) fn new(attendees: u16) -> Self {
        let mut server = Server::new(event_id());
        let event = EventRecord { name: "Demo".into(), shards: 2, ..EventRecord::default() };
        server.put(DocRef::whole(DocKind::Event), &[(OnlyKey, event)]);
        let checkpoints =
            [(gate(), rules("Entrance", AdmissionRule::Once)), (lunch(), rules("Lunch", AdmissionRule::EntryAndExit))];
        server.put(DocRef::whole(DocKind::Event), &checkpoints);
        let program = DocRef::whole(DocKind::Program);
        server.put(program, &[(room(), Room { name: "Main hall".into(), ..Room::default() })]);
        let talk = |number: u8| Session {
            title: format!("Talk {number}"),
            starts_at: at(i64::from(number) * 3_600_000),
            duration_min: 45,
            room: Some(room()),
            presenters: vec![presenter()],
            ..Session::default()
        };
        server.put(program, &[(session(1), talk(1)), (session(2), talk(2))]);
        server
            .put(program, &[(presenter(), PresenterProfile { name: "Ada L.".into(), ..PresenterProfile::default() })]);
        let item = Item { id: water(), label: "Water".into(), kind: ItemKind::Water, due_min: 30 };
        let template = ReadinessTemplate { name: "All".into(), items: vec![item], ..ReadinessTemplate::default() };
        server.put(DocRef::whole(DocKind::Rooms), &[(TemplateId::from_random([1; 10]), template)]);
        server.doc(DocRef::whole(DocKind::Arrivals));
        server.doc(DocRef::whole(DocKind::Survey));
        server.doc(DocRef::presenter(presenter()));
        for shard in 0..2 {
            let of_shard = (0..attendees).filter(|number| number % 2 == shard);
            let records: Vec<_> = of_shard.map(|number| (attendee(number), record(number))).collect();
            server.put(roster(shard), &records);
            server.doc(checkins(shard));
        }
        Self {
            now: at(0),
            server,
            phones: Vec::new(),
            faults: Vec::new(),
            network: true,
            links: Vec::new(),
            wakes: Vec::new(),
            to_phones: VecDeque::new(),
            topics: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// With so many door phones that have everything.
    pub(super) fn with_phones(attendees: u16, phones: usize) -> Self {
        let mut world = Self::new(attendees);
        for _ in 0..phones {
            let phone = world.add_phone(Role::Staff);
            world.start(phone);
        }
        world.run();
        world
    }

    pub(super) fn device(phone: usize) -> DeviceId {
        DeviceId::from_random([u8::try_from(phone + 1).unwrap(); 8])
    }

    pub(super) fn enrolment(phone: usize, role: Role) -> Enrolment {
        Enrolment {
            server_url: "wss://server/sync".into(),
            api_url: "https://server".into(),
            server_id: ServerId("server".into()),
            event: event_id(),
            device: Self::device(phone),
            role,
            credentials: Credentials::fixed(Token::new("secret")),
            device_name: format!("Phone {phone}"),
        }
    }

    pub(super) fn add_phone(&mut self, role: Role) -> usize {
        let enrolment = Self::enrolment(self.phones.len(), role);
        self.add_enrolled(enrolment)
    }

    pub(super) fn add_enrolled(&mut self, enrolment: Enrolment) -> usize {
        let phone = self.phones.len();
        let faults = Arc::new(Mutex::new(Faults::default()));
        let store = FaultyStore::new(SqliteStore::in_memory().unwrap(), Arc::clone(&faults));
        let rng = ChaCha8Rng::seed_from_u64(u64::try_from(phone).unwrap());
        let mut driver = Driver::open(store, Box::new(rng), self.now).unwrap();
        driver.dispatch(self.now, Event::Enrolled(Box::new(enrolment))).unwrap();
        self.phones.push(driver);
        self.faults.push(faults);
        self.links.push(None);
        self.wakes.push(None);
        self.topics.push(Vec::new());
        phone
    }

    pub(super) fn start(&mut self, phone: usize) {
        self.phones[phone].dispatch(self.now, Event::SyncStart).unwrap();
    }

    /// The one question over HTTP that a phone has open.
    #[track_caller]
    pub(super) fn question(&mut self) -> (usize, Effect) {
        assert_eq!(self.asked.len(), 1, "{:?}", self.asked);
        self.asked.remove(0)
    }

    pub(super) fn link_of(&self, phone: usize) -> Option<LinkId> {
        self.links[phone]
    }

    /// The carrier is gone, and nobody has told the phone.
    pub(super) fn forget_link(&mut self, phone: usize) {
        self.links[phone] = None;
        self.server.close(phone);
        self.to_phones.retain(|(to, _)| *to != phone);
    }

    /// Opens the carrier that a phone asks for, and lets nothing of the handshake arrive.
    pub(super) fn dial_only(&mut self, phone: usize) {
        for effect in self.phones[phone].take_effects() {
            if let Effect::Connect { link, .. } = effect {
                self.links[phone] = Some(link);
            }
        }
        assert!(self.links[phone].is_some(), "it dials");
    }

    /// Lets time pass by the phones' clocks.
    pub(super) fn pass(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
        self.run();
    }

    /// Tells a phone something, and lets everything happen that follows.
    pub(super) fn tell_phone(&mut self, phone: usize, event: Event) {
        self.phones[phone].dispatch(self.now, event).unwrap();
        self.run();
    }

    /// The phone's process dies and starts again on the same database.
    pub(super) fn restart(&mut self, phone: usize) {
        self.server.close(phone);
        self.links[phone] = None;
        self.to_phones.retain(|(to, _)| *to != phone);
        let placeholder = {
            let store = FaultyStore::new(SqliteStore::in_memory().unwrap(), Arc::default());
            Driver::open(store, Box::new(ChaCha8Rng::seed_from_u64(0)), self.now).unwrap()
        };
        let store = std::mem::replace(&mut self.phones[phone], placeholder).into_store();
        *self.faults[phone].lock().unwrap() = Faults::default();
        let rng = ChaCha8Rng::seed_from_u64(u64::try_from(self.now.ms()).unwrap());
        self.phones[phone] = Driver::open(store, Box::new(rng), self.now).unwrap();
    }

    /// Breaks the phone's link: what was on its way is lost.
    pub(super) fn break_link(&mut self, phone: usize) {
        if let Some(link) = self.links[phone].take() {
            self.server.close(phone);
            self.to_phones.retain(|(to, _)| *to != phone);
            let _ = self.phones[phone].dispatch(self.now, Event::LinkDown { link, reason: DownReason::Closed });
        }
    }

    pub(super) fn network_down(&mut self) {
        self.network = false;
        for phone in 0..self.phones.len() {
            self.break_link(phone);
        }
    }

    /// Lets time pass, so that everybody tries again, and everything arrive.
    pub(super) fn network_up(&mut self) {
        self.network = true;
        self.now = self.now.plus_ms(31_000);
        self.run();
    }

    /// Runs until nothing is left to do now.
    pub(super) fn run(&mut self) {
        assert!(self.run_for(1_000_000), "the phones never came to rest");
    }

    /// Runs at most so many steps; says whether nothing is left.
    pub(super) fn run_for(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            if !self.step() {
                return true;
            }
        }
        false
    }

    fn step(&mut self) -> bool {
        for phone in 0..self.phones.len() {
            let effects = self.phones[phone].take_effects();
            if !effects.is_empty() {
                for effect in effects {
                    self.carry_out(phone, effect);
                }
                return true;
            }
        }
        if let Some((phone, bytes)) = self.to_phones.pop_front() {
            if let Some(link) = self.links[phone] {
                let _ = self.phones[phone].dispatch(self.now, Event::LinkFrame { link, bytes });
            }
            return true;
        }
        let now = self.now;
        if let Some(phone) = self.wakes.iter().position(|wake| wake.is_some_and(|wake| wake <= now)) {
            self.wakes[phone] = None;
            let _ = self.phones[phone].dispatch(now, Event::Wake);
            return true;
        }
        false
    }

    fn carry_out(&mut self, phone: usize, effect: Effect) {
        match effect {
            Effect::Connect { link, .. } if self.network => {
                self.server.open(phone, self.now);
                self.links[phone] = Some(link);
                let _ = self.phones[phone].dispatch(self.now, Event::LinkUp { link });
            }
            Effect::Connect { link, .. } => {
                let down = Event::LinkDown { link, reason: DownReason::Closed };
                let _ = self.phones[phone].dispatch(self.now, down);
            }
            Effect::Disconnect { link } => {
                if self.links[phone] == Some(link) {
                    self.links[phone] = None;
                    self.server.close(phone);
                    self.to_phones.retain(|(to, _)| *to != phone);
                }
            }
            Effect::Send { link, bytes } => {
                if self.links[phone] == Some(link) {
                    let frames = self.server.frame(phone, &bytes, self.now);
                    self.to_phones.extend(frames);
                }
            }
            Effect::WakeAt(at) => {
                let wake = self.wakes[phone].map_or(at, |known| known.min(at));
                self.wakes[phone] = Some(wake);
            }
            Effect::Refresh { .. } | Effect::HandOver { .. } => self.asked.push((phone, effect)),
            Effect::Changed(topics) => self.topics[phone].extend(topics),
        }
    }

    /// Delivers what the coordinator's edits made the server say.
    pub(super) fn tell(&mut self, frames: Vec<(usize, Vec<u8>)>) {
        self.send(frames);
        self.run();
    }

    /// Leaves what the server says on the way.
    pub(super) fn send(&mut self, frames: Vec<(usize, Vec<u8>)>) {
        self.to_phones.extend(frames);
    }

    pub(super) fn scan(&mut self, phone: usize, number: u16) -> crate::command::ScanResult {
        let now = self.now;
        self.phones[phone].scan(now, gate(), &code(number), crate::command::Answers::new()).unwrap()
    }

    /// Every phone's documents are the server's, and its projections are what its documents come to.
    pub(super) fn assert_converged(&mut self) {
        let now = self.now;
        for faults in &self.faults {
            *faults.lock().unwrap() = Faults::default();
        }
        for phone in &mut self.phones {
            for (doc, am) in &self.server.docs {
                let Some(bytes) = phone.save_document(now, *doc).unwrap() else { continue };
                let theirs = automerge::Automerge::load(&bytes).unwrap().get_heads();
                assert_eq!(theirs, am.get_heads(), "{doc}");
            }
            let before = phone.dump_projections().unwrap();
            phone.rebuild_projections(now).unwrap();
            assert_eq!(phone.dump_projections().unwrap(), before, "rebuilding changes nothing");
        }
    }
}
