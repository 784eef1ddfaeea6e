//! Sync messages through guard, ledger and Automerge (protocol, model).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::escaped::aborting(muster_fuzz::guard::run, data));
