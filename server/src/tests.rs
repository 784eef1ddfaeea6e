//! The real server on a free port, asked by a real client.

mod accounts;
mod audit;
mod cli;
mod coming_back;
mod devices;
mod erasure;
mod events;
mod headers;
mod limits;
mod listeners;
mod openapi;
mod quarantine;
mod refreshing;
mod renewing;
mod restore;
mod roles;
mod stopping;
mod test_app;
mod tickets;
mod tokens;
mod transfers;
