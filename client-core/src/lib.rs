//! The offline core: engine, store, projections and outbox, without a runtime.

pub mod code;
pub mod command;
pub mod driver;
pub mod engine;
pub mod error;
pub mod event;
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
