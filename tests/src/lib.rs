//! End-to-end tests and demo: the real server, real phones, real crashes.
//!
//! What the tests share: a server process ([`server_process`]), a network that can be cut ([`network`]), what replicas hold
//! ([`replica`]), a server with an event ([`stage`]), a wire that is read along ([`tap`]), and the demo made of all of them.
//! Apart from these, whole days are simulated in one thread ([`simulation`]).

pub mod crash;
pub mod demo;
pub mod network;
pub mod replica;
pub mod server_process;
pub mod simulation;
pub mod stage;
pub mod tap;
