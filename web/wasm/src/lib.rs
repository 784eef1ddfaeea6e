//! The client for the browser: a twin of `mobile-ffi` by wasm-bindgen, over the same core, with its database on OPFS.
//!
//! The same calls under the same names, in camel case; every value one value of the core's, and the conversions are `From`,
//! written out. Nothing is decided here. What is different from a phone app follows from the browser:
//!
//! - **One worker, one core.** Everything here runs in a dedicated worker, where OPFS can be read and written at once.
//!   A call is done when it returns; only opening waits. Tabs, and who of them has the worker, are `web/src/core`'s.
//! - **The page's side does what the core asks for.** [`Shell`] opens WebSockets, asks over HTTP and keeps the timer; what it
//!   hears comes back through the methods of [`Client`] in `client/links.rs`. What an answer means is the core's to say.
//! - **Errors are plain objects,** [`Problem`], with the stable code, the retry class, the remedy and a detail.
//! - **A panic ends the instance.** WebAssembly cannot unwind: the worker is ended and a new one opens the database, where
//!   everything that was shown is kept.
//!
//! `cargo xtask web` builds it; the types that TypeScript sees are made from the records here.

mod attendee;
mod checkpoint;
mod client;
mod command;
mod edit;
mod error;
mod event;
mod fact;
mod logistics;
mod mirror;
mod panics;
mod program;
mod readiness;
mod report;
mod shell;
mod status;
mod storage;
mod topic;
mod value;
mod verdict;

pub use attendee::{Attendee, AttendeeCard, CardFact, Durability, Registration, SearchHit};
pub use checkpoint::{
    AdmissionRule, AnswerKind, CategoryCount, Checkpoint, CheckpointKind, Count, Counts, DoubleAdmission, Question,
};
pub use client::Client;
pub use command::{Answers, CheckIn, NewIncident, NewWalkIn, Settle};
pub use edit::{
    AttendeeEdit, AttendeeEdits, CheckpointEdit, CheckpointEdits, Choice, Conflict, ConflictValue, EditedField,
    FieldValue, NeedsEdit, NeedsEdits, RoomEdit, RoomEdits, SessionEdit, SessionEdits, UnsentEdit,
};
pub use error::{Problem, RetryClass};
pub use event::{Event, Format, Me, Role};
pub use fact::{EntryVia, Fact, FactBody, ItemState, ResolutionKind, Severity, Skew};
pub use logistics::{
    Aid, Honorarium, HonorariumState, HotelStay, Logistics, LogisticsContact, Needs, TravelLeg, TravelMode,
};
pub use panics::{panic_on_purpose, started};
pub use program::{PresenterProfile, Room, Session, SessionFilter, WebLink};
pub use readiness::{BoardRow, ChecklistItem, ItemKind, LastLook, ReadinessState};
pub use report::{Arrival, Incident};
pub use shell::{HttpQuestion, Shell};
pub use status::{DeviceStatus, LinkState, ParkedDocument, ServerStatus, Standing, Status, UnusableDocument};
pub use storage::{Config, PutAside, StorageKind};
pub use topic::Topic;
pub use verdict::{Bearer, Recorded, ScanResult, Verdict};
