//! Tokens, enrolment codes and links (server, client-native).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::tokens::run(data));
