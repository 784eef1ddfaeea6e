//! A hub and its phones in any order of events: whatever happened, they end up equal, and stop talking.

use proptest::prelude::*;

use super::*;

const PHONES: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Event {
    PhoneEdits(usize),
    PhoneSpeaks(usize),
    PhoneListens(usize),
    HubListens(usize),
    HubAnswers(usize),
    /// Everybody is told, with one encoding where it fits.
    Tick,
    /// The connection breaks with whatever is under way; both sides start anew, or from saved states.
    Reconnect(usize, bool),
    /// An operator keeps a copy of what the hub has.
    BackUp,
    /// The hub has what the last copy has, and all connections break.
    Restore,
}

fn events() -> impl Strategy<Value = Event> {
    let phone = || 0..PHONES;
    prop_oneof![
        3 => phone().prop_map(Event::PhoneEdits),
        3 => phone().prop_map(Event::PhoneSpeaks),
        3 => phone().prop_map(Event::PhoneListens),
        3 => phone().prop_map(Event::HubListens),
        1 => phone().prop_map(Event::HubAnswers),
        3 => Just(Event::Tick),
        1 => (phone(), proptest::bool::ANY).prop_map(|(phone, saved)| Event::Reconnect(phone, saved)),
        1 => Just(Event::BackUp),
        1 => Just(Event::Restore),
    ]
}

struct World {
    hub: Side,
    sessions: Vec<DocSync>,
    /// The copy that the hub is restored from: the document, and how far each phone was.
    backup: (Automerge, Vec<Vec<u8>>),
    /// What is on its way to the hub, per phone.
    up: Vec<VecDeque<Outgoing>>,
    phones: Vec<Side>,
    told: Vec<ChangeHash>,
    edits: usize,
    shared: usize,
}

impl World {
    fn new() -> Self {
        let phone = |i: usize| Side::new(document(&format!("phone{i}")), FULL, bulk());
        let nothing = vec![DocSync::new(FULL, plain()).encode_state(); PHONES];
        Self {
            backup: (document("hub"), nothing),
            hub: Side::new(document("hub"), FULL, plain()),
            sessions: (0..PHONES).map(|_| DocSync::new(FULL, plain())).collect(),
            up: vec![VecDeque::new(); PHONES],
            phones: (0..PHONES).map(phone).collect(),
            told: Vec::new(),
            edits: 0,
            shared: 0,
        }
    }

    fn happens(&mut self, event: Event) -> bool {
        match event {
            Event::PhoneEdits(i) => {
                self.edits += 1;
                edit(&mut self.phones[i].doc, &self.edits.to_string());
                true
            }
            Event::PhoneSpeaks(i) => {
                let phone = &mut self.phones[i];
                let message = phone.sync.generate(&phone.doc);
                self.up[i].extend(message.clone());
                message.is_some()
            }
            Event::PhoneListens(i) => self.phones[i].take_in(),
            Event::HubListens(i) => {
                let Some(message) = self.up[i].pop_front() else {
                    return false;
                };
                std::mem::swap(&mut self.hub.sync, &mut self.sessions[i]);
                self.hub.inbox.push_back(message);
                self.hub.take_in();
                std::mem::swap(&mut self.hub.sync, &mut self.sessions[i]);
                true
            }
            Event::HubAnswers(i) => {
                let message = self.sessions[i].generate(&self.hub.doc);
                self.phones[i].inbox.extend(message.clone());
                message.is_some()
            }
            Event::Tick => self.tick(),
            Event::Reconnect(i, saved) => {
                self.reconnect(i, saved);
                true
            }
            Event::BackUp => {
                self.backup = (self.hub.doc.clone(), self.sessions.iter().map(DocSync::encode_state).collect());
                true
            }
            Event::Restore => {
                self.restore();
                true
            }
        }
    }

    fn tick(&mut self) -> bool {
        let heads = self.hub.doc.get_heads();
        let news = heads != self.told;
        let fan_out = FanOut::new(&self.hub.doc, &self.told, &heads);
        let mut said = false;
        for (session, phone) in self.sessions.iter_mut().zip(&mut self.phones) {
            let shared = if news { session.accept_fan_out(&fan_out) } else { None };
            self.shared += usize::from(shared.is_some());
            let shared = shared.map(|data| Outgoing { data: data.to_vec(), kind: OutgoingKind::Sync });
            let message = shared.or_else(|| session.generate(&self.hub.doc));
            said |= message.is_some();
            phone.inbox.extend(message);
        }
        self.told = heads;
        said
    }

    fn reconnect(&mut self, i: usize, saved: bool) {
        let (phone, hub) = (self.phones[i].sync.encode_state(), self.sessions[i].encode_state());
        let (phone, hub) = if saved {
            (DocSync::resume(FULL, bulk(), &phone).unwrap(), DocSync::resume(FULL, plain(), &hub).unwrap())
        } else {
            (DocSync::new(FULL, bulk()), DocSync::new(FULL, plain()))
        };
        self.phones[i].reconnect(phone);
        self.sessions[i] = hub;
        self.up[i].clear();
    }

    fn restore(&mut self) {
        let (doc, states) = self.backup.clone();
        self.told = doc.get_heads();
        self.hub.doc = doc;
        for (i, state) in states.iter().enumerate() {
            self.reconnect(i, true);
            self.sessions[i] = DocSync::resume(FULL, plain(), state).unwrap();
        }
    }

    /// Everybody speaks and listens until nobody has anything to say.
    fn settle(&mut self) -> usize {
        for round in 0..60 {
            let mut busy = self.happens(Event::Tick);
            for i in 0..PHONES {
                for event in [Event::PhoneListens(i), Event::PhoneSpeaks(i), Event::HubListens(i)] {
                    busy |= self.happens(event);
                }
            }
            if !busy {
                return round;
            }
        }
        panic!("still talking after 60 rounds");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_order_of_events_converges_and_ends(all in proptest::collection::vec(events(), 0..120)) {
        let mut world = World::new();
        for event in all {
            world.happens(event);
        }
        world.settle();
        // Whoever waits for an answer that never comes shows it when there is something new.
        for news in [false, true] {
            if news {
                world.happens(Event::PhoneEdits(0));
                world.settle();
            }
            let heads = world.hub.doc.get_heads();
            for phone in &world.phones {
                prop_assert_eq!(phone.doc.get_heads(), heads.clone());
                prop_assert_eq!(phone.sync.peer_heads().unwrap_or_default(), &heads[..], "and knows it is durable");
            }
        }
        prop_assert_eq!(world.hub.doc.stats().num_changes, u64::try_from(world.edits).unwrap());
    }
}

#[test]
fn in_a_quiet_run_nearly_everything_goes_out_shared() {
    let mut world = World::new();
    edit(&mut world.hub.doc, "start");
    world.settle();
    let before = world.shared;
    for i in 0..30 {
        world.happens(Event::PhoneEdits(i % PHONES));
        world.happens(Event::PhoneSpeaks(i % PHONES));
        world.happens(Event::HubListens(i % PHONES));
        world.happens(Event::Tick);
        for phone in 0..PHONES {
            world.happens(Event::PhoneListens(phone));
        }
    }
    assert_eq!(world.shared - before, 30 * PHONES);
}
