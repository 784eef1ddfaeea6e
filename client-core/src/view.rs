//! What screens draw: plain values, read from projections.

use muster_model::attendance::Count;
use muster_model::attendee::Attendee;
use muster_model::checkpoint::Checkpoint;
use muster_model::document::DocRef;
use muster_model::double_admission::State as DoubleState;
use muster_model::fact::{Fact, Incident};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId, LogisticsId, PresenterId, RoomId, SessionId};
use muster_model::logistics::{Aid, Honorarium, HotelStay, LogisticsContact, Needs, TravelLeg};
use muster_model::program::{PresenterProfile, Session};
use muster_model::readiness::Readiness;
use muster_model::record::RecordEdit;
use muster_model::time::Timestamp;

use crate::code::CoreCode;
use crate::event::ServerId;

/// How safe something is that this phone recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// On this phone only, durably.
    OnThisPhone,
    /// Durably on a server.
    #[default]
    OnServer,
}

/// An attendee, as staff see them.
#[derive(Debug, Clone, PartialEq)]
pub struct AttendeeCard {
    /// The id.
    pub id: AttendeeId,
    /// What the door needs to know.
    pub attendee: Attendee,
    /// The fact that registered them at the door, if one did.
    pub walk_in: Option<FactId>,
    /// The facts about them, undos included, in their order.
    pub facts: Vec<CardFact>,
    /// Others of the same order.
    pub group: Vec<AttendeeId>,
}

/// What a signed ticket says of an attendee who is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerView {
    /// The id that their check-ins are recorded under.
    pub attendee: AttendeeId,
    /// What kind of attendee the ticket is for, as far as its name is known here.
    pub category: String,
    /// From when it is good.
    pub valid_from: Option<Timestamp>,
    /// Until when it is good.
    pub valid_until: Option<Timestamp>,
}

/// A fact on an attendee's card.
#[derive(Debug, Clone, PartialEq)]
pub struct CardFact {
    /// The fact.
    pub fact: Fact,
    /// Whether it stands: it was not taken back.
    pub stands: bool,
    /// Where it is by now; `None` for another device's, which this phone only heard of.
    pub durability: Option<Durability>,
}

/// A hit of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    /// The id.
    pub id: AttendeeId,
    /// What the door needs to know.
    pub attendee: Attendee,
    /// Where they were admitted last, if they are inside there as far as this phone knows.
    pub inside: Vec<CheckpointId>,
}

/// A checkpoint and its id.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointView {
    /// The id.
    pub id: CheckpointId,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// The counts of a checkpoint, with what this phone knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountsView {
    /// All categories together.
    pub total: Count,
    /// By category, in alphabetical order; categories that count nothing are left out.
    pub by_category: Vec<(String, Count)>,
}

/// A double admission.
#[derive(Debug, Clone, PartialEq)]
pub struct DoubleView {
    /// Whose ticket it is.
    pub attendee: AttendeeId,
    /// The name and the rest, if the record is here.
    pub card: Option<Attendee>,
    /// Where it was admitted.
    pub checkpoint: CheckpointId,
    /// The admissions, in their order.
    pub admissions: Vec<Fact>,
    /// Whether it waits for somebody.
    pub state: DoubleState,
}

/// A session in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// The id.
    pub id: SessionId,
    /// The session.
    pub session: Session,
    /// The room's name; empty if it has none.
    pub room: String,
    /// The presenters' names, in the order of the programme.
    pub presenters: Vec<String>,
}

/// Which sessions to list. Times are compared with the session's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only those in this room.
    pub room: Option<RoomId>,
    /// Only those that start at or after.
    pub from: Option<Timestamp>,
    /// Only those that start before.
    pub until: Option<Timestamp>,
}

/// A session on the readiness board.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardRow {
    /// The session.
    pub session: SessionView,
    /// How far its room is, item by item.
    pub readiness: Readiness,
}

/// An incident, with what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentView {
    /// The fact that reported it.
    pub fact: Fact,
    /// What it says.
    pub incident: Incident,
    /// The room's name; empty if it names none.
    pub room: String,
}

/// A presenter and whether they are here.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrivalView {
    /// The presenter.
    pub presenter: PresenterId,
    /// Their public profile, if the programme is here.
    pub profile: Option<PresenterProfile>,
    /// The first standing fact that says they are here.
    pub arrival: Option<Fact>,
}

/// A presenter's own logistics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogisticsView {
    /// How they come and go, by departure.
    pub travel: Vec<(LogisticsId, TravelLeg)>,
    /// Where they sleep, by arrival.
    pub hotels: Vec<(LogisticsId, HotelStay)>,
    /// What they are paid.
    pub honorarium: Option<Honorarium>,
    /// What they present with.
    pub aids: Vec<(LogisticsId, Aid)>,
    /// What they say they need.
    pub needs: Option<Needs>,
    /// Where what this device edited of that is by now; on a server, if it edited nothing.
    pub needs_durability: Durability,
    /// Whom they can call.
    pub contacts: Vec<(LogisticsId, LogisticsContact)>,
}

/// What a field says, as a screen shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// Nothing.
    Empty,
    /// A text.
    Plain(String),
    /// One of a few words of the programs, in snake case (`once_per_day`).
    Word(String),
    /// A whole number.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// A point in time.
    Time(Timestamp),
    /// A room, with its name; an empty one if it is not known here.
    Room(RoomId, String),
    /// Several texts.
    Texts(Vec<String>),
    /// Something else, as JSON.
    Other(String),
}

/// A field that several people gave different values at once: somebody has to choose one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictView {
    /// The document.
    pub document: DocRef,
    /// The collection that the record is in: `sessions`, `rooms`, `attendees`...
    pub collection: String,
    /// The record's key.
    pub key: String,
    /// The record's name or title, as it reads now; empty if it has none.
    pub title: String,
    /// The field.
    pub field: String,
    /// Its values, two at least; the last is the one that everybody is shown meanwhile.
    pub values: Vec<ConflictValue>,
}

/// One of the values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictValue {
    /// Names it in [`Choice`](crate::command::Choice); the same on every device.
    pub id: String,
    /// What it says.
    pub value: FieldValue,
    /// The device that wrote it. The server has an id of its own among those of devices.
    pub device: Option<DeviceId>,
    /// Whether that is this device.
    pub own: bool,
    /// Who acts with that device, as far as this one has heard; else empty.
    pub by: String,
    /// When, by that device's clock, to the second.
    pub at: Option<Timestamp>,
}

/// An edit that no server is known to have.
#[derive(Debug, Clone, PartialEq)]
pub struct EditView {
    /// The document.
    pub document: DocRef,
    /// What it says.
    pub edit: RecordEdit,
    /// When it was made, on this device's clock.
    pub at: Timestamp,
}

/// Where a server's link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Sync is not started.
    Stopped,
    /// A carrier is being opened, or the handshake is under way.
    Connecting,
    /// Messages go both ways.
    Connected,
    /// Tried again at this time.
    Waiting {
        /// When.
        retry_at: Timestamp,
    },
    /// The server does not take the device's token: enrol anew.
    Unauthorized,
}

/// A server and how we stand with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStatus {
    /// The server.
    pub server: ServerId,
    /// Where it is.
    pub url: String,
    /// Where the link stands.
    pub link: LinkState,
    /// When a message of it came last, on this device's clock.
    pub last_contact: Option<Timestamp>,
    /// Facts of this phone that are not known to be on it.
    pub facts_not_there: u64,
    /// Edits of this phone that are not known to be on it.
    pub edits_not_there: u64,
}

/// What is known of another device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStatus {
    /// The device.
    pub device: DeviceId,
    /// Who acted with it last.
    pub by: String,
    /// The corrected time of the latest of its facts known here: what happened there later is not known.
    pub last_fact_at: Timestamp,
    /// When this phone got it, on this device's clock.
    pub received_at: Timestamp,
}

/// A document whose changes a server refuses. They are kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The document.
    pub document: DocRef,
    /// Who refused.
    pub server: ServerId,
    /// The stable code of the refusal.
    pub code: String,
    /// Facts in it that are not on that server.
    pub facts: u64,
    /// Edits of it that are not on that server.
    pub edits: u64,
    /// Since when, on this device's clock.
    pub since: Timestamp,
}

/// A change that a server refused. It is kept here, out of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedWork {
    /// The document it was meant for.
    pub document: DocRef,
    /// Who refused.
    pub server: ServerId,
    /// The stable code of the refusal.
    pub code: String,
    /// The device that made it, if that is known.
    pub author: Option<DeviceId>,
    /// The fact that it appends, if it does nothing else.
    pub fact: Option<Fact>,
    /// What it edits of a record, if this device made it.
    pub edit: Option<RecordEdit>,
    /// Since when, on this device's clock.
    pub since: Timestamp,
}

/// What this device still is to the event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// It works.
    #[default]
    Good,
    /// A coordinator has not let it in yet.
    Pending,
    /// It was without contact for longer than it may: it shows nothing until it has met a server. Nothing is lost.
    LeaseEnded,
    /// It was revoked and knows the event no more, but hands over what it had not sent.
    Revoked,
    /// It was revoked and holds nothing. It can be enrolled anew.
    Forgotten,
}

/// How this phone stands with the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatusView {
    /// Whether it is enrolled.
    pub enrolled: bool,
    /// Who works with it.
    pub label: String,
    /// What it still is to the event.
    pub standing: Standing,
    /// Facts that were not sent, of documents that it had to forget: to be handed over to a server.
    pub kept_facts: u64,
    /// The same of edits.
    pub kept_edits: u64,
    /// The servers.
    pub servers: Vec<ServerStatus>,
    /// The other devices, the one heard longest ago first.
    pub devices: Vec<DeviceStatus>,
    /// What servers refuse.
    pub parked: Vec<Parked>,
    /// Documents that could not be used here, and why.
    pub unusable: Vec<(DocRef, CoreCode)>,
    /// Documents of this role that are not here yet.
    pub missing: Vec<DocRef>,
    /// Whether lists and search still lack what has arrived.
    pub indexing: bool,
}
