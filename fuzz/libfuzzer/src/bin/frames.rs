//! Frames and conversations of a connection (protocol).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::frames::run(data));
