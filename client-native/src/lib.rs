//! Runs the client core on a phone or computer: tokio, WebSocket over rustls, files.
