//! The offline core: engine, store, projections and outbox, without a runtime.

pub mod code;
pub mod command;
pub mod error;
pub mod event;
pub mod search;
pub mod store;
pub mod view;
