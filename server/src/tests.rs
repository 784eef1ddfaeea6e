//! The real server on a free port, asked by a real client.

mod audit;
mod cli;
mod devices;
mod events;
mod limits;
mod openapi;
mod quarantine;
mod roles;
mod stopping;
mod test_app;
mod tokens;
mod transfers;
