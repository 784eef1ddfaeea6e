//! The client for phone apps: what [`muster_client_native`] can do, for Kotlin, Swift and Python, by UniFFI.
//!
//! A thin twin: every call here is one call there, every value one value there, and the conversions are `From`, written
//! out. Nothing is decided here. What it adds is what a foreign language needs:
//!
//! - **Nobody waits on the caller's thread.** Every call that touches the core is asynchronous and runs on threads of this
//!   library; a future that is dropped half-way changes nothing about what was asked.
//! - **Errors can be matched.** There is one error type, [`MusterError`], one variant a code, each with the stable code, the
//!   retry class, the remedy and a detail.
//! - **A listener is called, and can be cancelled.** [`Client::subscribe`] returns a [`Subscription`]. A listener that
//!   throws is called again at the next change; it stops neither other listeners nor anything else.
//! - **Nothing crosses that should not.** A panic becomes the code `internal`, a text that is not UTF-8 or not the id it
//!   should be becomes `bad_parameter`, a client that was closed answers `closed`.
//!
//! `cargo xtask bindings` writes the three languages' sides; `README.md` beside this crate says how each is built.

mod attendee;
mod checkpoint;
mod client;
mod command;
mod edit;
mod error;
mod event;
mod fact;
mod foreign;
mod host_link;
mod key;
mod listener;
mod logistics;
mod mirror;
mod program;
mod readiness;
mod report;
mod runtime;
mod status;
mod value;
mod verdict;

pub use attendee::{Attendee, AttendeeCard, CardFact, Durability, Registration, SearchHit};
pub use checkpoint::{
    AdmissionRule, AnswerKind, CategoryCount, Checkpoint, CheckpointKind, Count, Counts, DoubleAdmission, Question,
};
pub use client::{Client, Config, PutAside, Recovered, recover_database};
pub use command::{CheckIn, NewIncident, NewWalkIn, Settle};
pub use edit::{
    AttendeeEdit, CheckpointEdit, Choice, Conflict, ConflictValue, EditedField, FieldValue, NeedsEdit, RoomEdit,
    SessionEdit, UnsentEdit,
};
pub use error::{MusterError, Problem, RetryClass};
pub use event::{Event, Format, Me, Role};
pub use fact::{EntryVia, Fact, FactBody, ItemState, ResolutionKind, Severity, Skew};
pub use foreign::silence;
pub use host_link::{CarrierError, HostCarrier, HostLink, Side};
pub use key::DatabaseKey;
pub use listener::{ChangeListener, ListenerError, Subscription, Topic};
pub use logistics::{
    Aid, Honorarium, HonorariumState, HotelStay, Logistics, LogisticsContact, Needs, TravelLeg, TravelMode,
};
pub use program::{PresenterProfile, Room, Session, SessionFilter, WebLink};
pub use readiness::{BoardRow, ChecklistItem, ItemKind, LastLook, ReadinessState};
pub use report::{Arrival, Incident};
pub use status::{DeviceStatus, LinkState, ParkedDocument, ServerStatus, Status, UnusableDocument};
pub use value::Text;
pub use verdict::{Recorded, ScanResult, Verdict};

uniffi::setup_scaffolding!();
