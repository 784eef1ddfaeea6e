//! The demo: a day at the doors of an event, with the network gone.

pub mod orders;
pub mod tickets;
