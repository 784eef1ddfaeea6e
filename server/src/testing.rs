//! What the tests of hub and socket share: a real server on a free port, and phones that speak the protocol to it.

mod phone;
mod server;

pub(crate) use phone::{Phone, PhoneOptions, State, facts, wire_id};
pub(crate) use server::{Setup, TestServer, event, in_time, join, last_words, raw_socket, sql_event, until};
