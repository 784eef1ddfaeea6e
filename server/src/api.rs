//! The handlers of the HTTP API, a module for each kind of thing. They are listed in [`crate::router`].

pub mod accounts;
pub mod audit;
pub mod backups;
pub mod counts;
pub mod device_rules;
pub mod devices;
pub mod documents;
pub mod enrol;
pub mod erasure;
pub mod events;
pub mod exports;
pub mod hand_over;
pub mod health;
pub mod imports;
pub mod input;
pub mod keys;
pub mod login;
pub mod openapi;
pub mod quarantine;
pub mod refresh;
pub mod sync;
pub mod tickets;
