//! The event: its checkpoints, sessions, presenters and attendees, the same for one seed.

use muster_model::attendee::{Attendee, Registration};
use muster_model::checkpoint::{AdmissionRule, Checkpoint, CheckpointKind, Question};
use muster_model::document::{DocKind, DocRef};
use muster_model::event::{Event, OnlyKey};
use muster_model::id::{
    AttendeeId, CheckpointId, EventId, ItemId, LogisticsId, PresenterId, QuestionId, RecordId, RoomId, SessionId,
    TemplateId,
};
use muster_model::logistics::HotelStay;
use muster_model::program::{PresenterProfile, Room, Session};
use muster_model::readiness::{Item, ItemKind, ReadinessTemplate};
use muster_model::record;
use muster_model::ticket::TicketHash;
use muster_model::time::{TimeZone, Timestamp};

use super::draw::Draw;
use super::server::Edit;

pub(super) const CATEGORIES: [&str; 3] = ["Delegate", "Press", "Crew"];

const NAMES: [&str; 8] = [
    "Jānis Bērziņš",
    "Łukasz Wójcik",
    "Jürgen Groß",
    "Zoé Lefèvre",
    "Søren Ørsted",
    "Anna Kalniņa",
    "Ίρις Παπαδοπούλου",
    "José Núñez",
];

/// The event as it was planned; phones and the server have their own idea of it.
#[derive(Debug)]
pub(super) struct EventDay {
    pub(super) event: EventId,
    /// When the simulated day begins, by a right clock.
    pub(super) opening: Timestamp,
    pub(super) checkpoints: Vec<(CheckpointId, Checkpoint)>,
    pub(super) sessions: Vec<(SessionId, Session)>,
    pub(super) items: Vec<ItemId>,
    pub(super) rooms: Vec<RoomId>,
    pub(super) presenters: Vec<PresenterId>,
    /// The codes that people show, valid or not.
    pub(super) codes: Vec<String>,
    pub(super) attendees: Vec<(DocRef, AttendeeId, Attendee)>,
    pub(super) shards: u16,
    issued: u64,
}

impl EventDay {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let event = EventId::from_random(draw.bytes());
        // 2027-05-20 in Riga: a morning, or the minutes around four at night, when a day of the event turns.
        let hours = if draw.percent(25) { draw.between(46, 58) } else { 5 * 60 + draw.between(0, 120) };
        let opening = Timestamp::from_ms(1_810_771_200_000).plus_minutes(hours);
        let mut day = Self {
            event,
            opening,
            checkpoints: Vec::new(),
            sessions: Vec::new(),
            items: (0..3).map(|_| ItemId::from_random(draw.bytes())).collect(),
            rooms: (0..2).map(|_| RoomId::from_random(draw.bytes())).collect(),
            presenters: (0..3).map(|_| PresenterId::from_random(draw.bytes())).collect(),
            codes: vec!["nobody-1".to_owned(), "nobody-2".to_owned()],
            attendees: Vec::new(),
            shards: 2,
            issued: 0,
        };
        day.plan_checkpoints(draw);
        day.plan_sessions(draw);
        for _ in 0..draw.between(10, 24) {
            day.register(draw);
        }
        day
    }

    fn plan_checkpoints(&mut self, draw: &mut Draw) {
        let question = Question {
            id: QuestionId::from_random(draw.bytes()),
            text: "Have you read the house rules?".to_owned(),
            answer: muster_model::checkpoint::AnswerKind::YesNo,
            choices: Vec::new(),
            required: draw.percent(50),
            categories: if draw.percent(50) { vec!["Press".to_owned()] } else { Vec::new() },
        };
        let place = |name: &str, kind, rule| Checkpoint { name: name.to_owned(), kind, rule, ..Checkpoint::default() };
        let workshop = Checkpoint {
            questions: vec![question],
            valid_from: draw.percent(30).then(|| self.opening.plus_minutes(draw.between(-30, 30))),
            valid_until: draw.percent(20).then(|| self.opening.plus_minutes(draw.between(5, 300))),
            ..place("Workshop", CheckpointKind::Session, AdmissionRule::EntryAndExit)
        };
        let lounge = Checkpoint {
            categories: vec!["Press".to_owned(), "Crew".to_owned()],
            admits_unpaid: true,
            ..place("Lounge", CheckpointKind::Custom, AdmissionRule::Many)
        };
        let planned = [
            place("Entrance", CheckpointKind::Entrance, AdmissionRule::Once),
            place("Lunch", CheckpointKind::Meal, AdmissionRule::OncePerDay),
            workshop,
            lounge,
        ];
        self.checkpoints =
            planned.into_iter().map(|checkpoint| (CheckpointId::from_random(draw.bytes()), checkpoint)).collect();
    }

    fn plan_sessions(&mut self, draw: &mut Draw) {
        for number in 0..4 {
            let session = Session {
                title: format!("Talk {number}"),
                starts_at: self.opening.plus_minutes(10 * number),
                duration_min: 30,
                room: draw.pick(&self.rooms).copied(),
                presenters: draw.pick(&self.presenters).copied().into_iter().collect(),
                ..Session::default()
            };
            self.sessions.push((SessionId::from_random(draw.bytes()), session));
        }
    }

    /// Another attendee with a ticket of their own.
    pub(super) fn register(&mut self, draw: &mut Draw) -> (DocRef, AttendeeId, Attendee) {
        let code = self.new_code();
        let registration = match draw.below(20) {
            0 => Registration::Cancelled,
            1 => Registration::Unpaid,
            2 => Registration::Blocked,
            _ => Registration::Confirmed,
        };
        let number = self.attendees.len();
        let attendee = Attendee {
            // Nobody's name is a part of another's: what is struck out of one must not spoil the other.
            name: format!("{} {:04}", draw.pick(&NAMES).copied().unwrap_or_default(), self.issued),
            category: draw.pick(&CATEGORIES).copied().unwrap_or_default().to_owned(),
            registration,
            ticket: Some(TicketHash::of(self.event, &code)),
            order: format!("order-{}", number / 2),
            valid_until: draw.percent(5).then(|| self.opening.plus_minutes(draw.between(-60, 240))),
            ..Attendee::default()
        };
        self.codes.push(code);
        let shard = u16::try_from(draw.below(usize::from(self.shards))).unwrap_or_default();
        let registered = (DocRef::shard(DocKind::Roster, shard), AttendeeId::from_random(draw.bytes()), attendee);
        self.attendees.push(registered.clone());
        registered
    }

    /// A code that no ticket had before.
    pub(super) fn new_code(&mut self) -> String {
        self.issued += 1;
        format!("ticket-{}", self.issued)
    }

    pub(super) fn record(&self) -> Event {
        Event {
            name: "A day".to_owned(),
            starts_at: self.opening,
            ends_at: self.opening.plus_minutes(24 * 60),
            time_zone: TimeZone::named("Europe/Riga").unwrap_or(TimeZone::UTC),
            shards: self.shards,
            ..Event::default()
        }
    }

    /// The edits that make the event, document by document.
    pub(super) fn edits(&self, draw: &mut Draw) -> Vec<(DocRef, Edit)> {
        let mut edits: Vec<(DocRef, Edit)> = Vec::new();
        let (event, checkpoints) = (self.record(), self.checkpoints.clone());
        edits.push((
            DocRef::whole(DocKind::Event),
            Box::new(move |tx| {
                record::put(tx, &OnlyKey, &event)?;
                checkpoints.iter().try_for_each(|(id, checkpoint)| record::put(tx, id, checkpoint).map(drop))
            }),
        ));
        let (rooms, sessions, presenters) = (self.rooms.clone(), self.sessions.clone(), self.presenters.clone());
        edits.push((
            DocRef::whole(DocKind::Program),
            Box::new(move |tx| {
                for (position, id) in (0..).zip(&rooms) {
                    record::put(tx, id, &Room { name: format!("Room {position}"), position, ..Room::default() })?;
                }
                for (number, id) in presenters.iter().enumerate() {
                    let name = format!("Presenter {number}");
                    record::put(tx, id, &PresenterProfile { name, ..PresenterProfile::default() })?;
                }
                sessions.iter().try_for_each(|(id, session)| record::put(tx, id, session).map(drop))
            }),
        ));
        let item = |id: &ItemId| Item { id: *id, label: "Water".to_owned(), kind: ItemKind::Water, due_min: 10 };
        let template = ReadinessTemplate {
            name: "All".to_owned(),
            items: self.items.iter().map(item).collect(),
            ..ReadinessTemplate::default()
        };
        let id = TemplateId::from_random(draw.bytes());
        edits.push((DocRef::whole(DocKind::Rooms), Box::new(move |tx| record::put(tx, &id, &template).map(drop))));
        for shard in 0..self.shards {
            let roster = DocRef::shard(DocKind::Roster, shard);
            let records: Vec<_> = self.attendees.iter().filter(|(of, ..)| *of == roster).cloned().collect();
            edits.push((
                roster,
                Box::new(move |tx| {
                    records.iter().try_for_each(|(_, id, attendee)| record::put(tx, id, attendee).map(drop))
                }),
            ));
        }
        if let Some(presenter) = self.presenters.first() {
            edits.push((DocRef::presenter(*presenter), hotel(LogisticsId::from_random(draw.bytes()), "Old town")));
        }
        edits
    }
}

/// Where a presenter sleeps.
pub(super) fn hotel(id: LogisticsId, name: &str) -> Edit {
    let stay = HotelStay { hotel: name.to_owned(), ..HotelStay::default() };
    Box::new(move |tx| record::put(tx, &id, &stay).map(drop))
}
