//! What event data is.
//!
//! Two kinds of data: **records**, which a coordinator edits ([`record`]), and **facts**, which a device saw or a
//! person did ([`fact`]). Both live in Automerge documents ([`document`]) whose readers and writers are one table
//! ([`access`]), and whose changes are let in one by one ([`admission`]). Everything else here derives: what a scan means
//! ([`verdict`]), which admissions collide ([`double_admission`]), how many are inside ([`attendance`]), whether a room is
//! ready ([`readiness`]).
//!
//! Nothing in this crate reads a clock, draws a random number or does I/O: the time, the randomness and the data are
//! arguments, so every decision is the same on a phone, in a browser and on the server.

pub mod access;
pub mod admission;
pub mod attendance;
pub mod attendee;
pub mod checkpoint;
pub mod document;
pub mod double_admission;
pub mod edit;
pub mod epoch;
pub mod erasure;
pub mod event;
pub mod fact;
pub mod fact_order;
pub mod id;
pub mod logistics;
pub mod program;
pub mod readiness;
pub mod record;
pub mod rules;
#[cfg(test)]
mod testing;
pub mod ticket;
pub mod time;
pub mod verdict;
