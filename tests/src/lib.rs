//! End-to-end tests and demo: the real server, real phones, real crashes.
