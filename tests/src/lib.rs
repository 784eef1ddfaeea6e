//! End-to-end tests and demo: the real server, real phones, real crashes.
//!
//! What the tests share: a server process ([`server_process`]), a network that can be cut ([`network`]), phones that are
//! told what to do and checked against it, and the demo made of all three.

pub mod demo;
pub mod network;
pub mod server_process;
