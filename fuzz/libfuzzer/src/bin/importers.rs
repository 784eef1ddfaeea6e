//! Files of other systems: read, planned, exported (server).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::importers::run(data));
