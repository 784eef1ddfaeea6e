//! The offline core of Muster: what a phone, a computer or a browser runs to check people in and make rooms ready with no
//! network, and to meet the others when there is one.
//!
//! It has no runtime, no clock, no randomness and no network of its own. A *shell* gives it those, and this page is all
//! that is needed to write one.
//!
//! # The parts
//!
//! ```text
//!   shell ── Event, command, question ──▶ Driver ──▶ Engine      decides; reads the store; holds documents and links
//!     ▲                                     │           │
//!     │                                     │◀── Output { batch, effects, answer, touched }
//!     │                                     ├──▶ Store          commits the batch in ONE transaction
//!     └──────── answer, Vec<Effect> ◀───────┘                   and only then lets answer and effects out
//! ```
//!
//! - [`Driver`] is what a shell talks to. [`Driver::dispatch`] takes an [`Event`]; the methods beside it
//!   ([`Driver::scan`], [`Driver::search`], ...) are commands and questions with typed answers.
//! - [`Store`] keeps what must survive. [`store::sqlite::SqliteStore`] is the one to use,
//!   [`store::memory::MemoryStore`] is for tests. One database holds one event: a device that works at two events has two
//!   databases and two drivers.
//! - [`Effect`] is what the shell has to do: open and close carriers, send messages, set one timer, tell listeners.
//!
//! # A shell
//!
//! 1. Open the store and the driver. If the database is [damaged](store::StoreError::Damaged), put it aside with
//!    [`store::sqlite::put_aside`], tell the user where its unsent entries were exported, and open a new one.
//! 2. If [`Driver::me`] says that the device is not enrolled, exchange the enrolment code over HTTP ([`enrolment`])
//!    and dispatch [`Event::Enrolled`].
//! 3. Dispatch [`Event::SyncStart`] to connect and stay connected. There is no offline mode: everything works the same
//!    without it.
//! 4. After **every** call, whether it succeeded or not, take [`Driver::take_effects`] and carry them out in their order:
//!    - [`Effect::Connect`]: open a carrier for that [`LinkId`] and dispatch [`Event::LinkUp`], or
//!      [`Event::LinkDown`] if that fails. Every binary message is an [`Event::LinkFrame`].
//!    - [`Effect::Refresh`] and [`Effect::HandOver`]: ask the server over HTTP ([`exchange`]) and dispatch
//!      [`Event::Refreshed`] or [`Event::HandedOver`] with what it said.
//!    - [`Effect::Send`]: send in order and without fail, or close the carrier and dispatch [`Event::LinkDown`].
//!    - [`Effect::Disconnect`]: close the carrier when what was to be sent is sent.
//!    - [`Effect::WakeAt`]: dispatch [`Event::Wake`] then. A time that has passed means "as soon as nothing else waits": the
//!      core does what can wait (indexing, first words about documents, compaction) one piece per wake, so that a scan
//!      never waits for more than one.
//!    - [`Effect::Changed`]: tell listeners which [`Topic`]s to look at again.
//! 5. A host that can reach other phones without a server (Nearby, Multipeer, a cable) dispatches [`Event::PeerUp`] with
//!    the role that it has verified, and goes on as with any other link.
//!
//! ```
//! use muster_client_core::store::memory::MemoryStore;
//! use muster_client_core::{Driver, Effect, Event};
//! use muster_model::time::Timestamp;
//! use rand::SeedableRng;
//!
//! # fn main() -> Result<(), muster_client_core::CoreError> {
//! let now = Timestamp::from_ms(1_810_792_800_000);
//! let rng = rand::rngs::StdRng::from_os_rng();
//! let mut phone = Driver::open(MemoryStore::new(), Box::new(rng), now)?;
//! phone.dispatch(now, Event::SyncStart)?;
//! for effect in phone.take_effects() {
//!     match effect {
//!         Effect::Connect { link, url, token, .. } => { /* open a WebSocket */ }
//!         Effect::Refresh { server, url, token, nonce, access } => { /* ask for the next token */ }
//!         Effect::HandOver { server, url, token, changes } => { /* hand over what was not sent */ }
//!         Effect::Send { link, bytes } => { /* send it */ }
//!         Effect::Disconnect { link } => { /* close it */ }
//!         Effect::WakeAt(at) => { /* set the timer */ }
//!         Effect::Changed(topics) => { /* draw again */ }
//!     }
//! }
//! assert!(phone.me(now)?.is_none());
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - **What was shown is kept.** An answer is given only when its batch is on the disk. When the commit fails, the caller
//!   gets a [`CoreError`], nothing was recorded and nothing is sent; memory is read from the store again.
//! - **Persist before you speak.** What a peer sent is committed in the same transaction as its projections, before the
//!   message whose heads acknowledge it goes out.
//! - **Nothing is dropped.** A fact or an edit stays in the outbox until a server's heads cover it; what a server refuses is
//!   parked and shown in [`Driver::status`], with the reason.
//! - **Nothing is overwritten unseen.** [`Driver::edit`] writes the fields that differ and no other. What two people made of one
//!   field at once is both in [`Driver::conflicts`] until somebody [chooses](Driver::choose).
//! - **Projections can be made anew.** Lists, search, counts and double admissions follow from the documents alone:
//!   [`Driver::rebuild_projections`] gives the same rows that were kept up to date change by change.
//! - **Every error has a code** ([`CoreCode`]) that says what to do, and a [`RetryClass`].
//!
//! # Measured
//!
//! `cargo xtask bench checkin search cold-start join` prints what scans, searches, a cold start and a join cost on this
//! machine, beside what the machine allows; `docs/PERFORMANCE.md` has the figures.

pub mod code;
pub mod command;
pub mod driver;
pub mod engine;
pub mod enrolment;
pub mod error;
pub mod event;
pub mod exchange;
mod projection;
#[cfg(test)]
mod scenario;
pub mod search;
pub mod store;
pub mod view;

pub use code::{CoreCode, RetryClass};
pub use driver::{Driver, Me};
pub use engine::{Engine, Output, Touched};
pub use error::{CoreError, EngineError};
pub use event::{Effect, Enrolment, Event, LinkId, ServerId, Topic};
pub use store::{Store, StoreRead};
