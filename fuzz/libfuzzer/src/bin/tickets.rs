//! What a scanner reads (client-core, model).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::tickets::run(data));
