//! The contract of document stores, over both, and what is SQLite's own.

mod contract;
mod sqlite;
