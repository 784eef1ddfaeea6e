//! Stories of several phones and a server over links that break.

mod crash;
mod doors;
mod enrolment;
mod projections;
mod recovery;
mod rooms;
mod server;
mod sync;
mod world;
