//! Panics that leave the code under test. Those that it catches itself are its business.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{catch_unwind, set_hook, take_hook};
use std::process::abort;
use std::sync::Once;

thread_local! {
    static UNDER_TEST: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<(String, Backtrace)>> = const { RefCell::new(None) };
}

/// Runs a target; gives the panic that got out, if one did. Nothing is printed of the others, which would take more memory
/// than what is measured.
pub fn panic_of(run: fn(&[u8]), data: &[u8]) -> Option<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if UNDER_TEST.get() {
                LAST.set(Some((panic.to_string(), Backtrace::force_capture())));
            } else {
                before(panic);
            }
        }));
    });
    UNDER_TEST.set(true);
    let ended = catch_unwind(|| run(data));
    UNDER_TEST.set(false);
    let last = LAST.take();
    ended.err().map(|_| last.map_or_else(String::new, |(what, backtrace)| format!("{what}\n{backtrace}")))
}

/// Runs a target, and ends the process where a panic gets out, as libFuzzer wants to see it. By itself it ends the process at
/// every panic.
#[expect(clippy::print_stderr, reason = "a fuzzer's findings are read on standard error")]
pub fn aborting(run: fn(&[u8]), data: &[u8]) {
    if let Some(panic) = panic_of(run, data) {
        eprintln!("{panic}");
        abort();
    }
}
