//! Stories of several phones and a server over links that break.

mod conflicts;
mod crash;
mod doors;
mod edits;
mod edits_refused;
mod enrolment;
mod erasure;
mod projections;
mod recovery;
mod rooms;
mod server;
mod standing;
mod sync;
mod tickets;
mod tokens;
mod world;
