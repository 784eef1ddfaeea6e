//! Stories of several phones and a server over links that break.

mod crash;
mod doors;
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
