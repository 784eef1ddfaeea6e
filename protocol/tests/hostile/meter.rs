//! What a piece of code costs: time, and memory by a counting allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Counts what the current thread holds; tests run on threads of their own.
pub(crate) struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn add(bytes: usize, sign: isize) {
    let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
    let _ = HELD.try_with(|held| {
        held.set(held.get().saturating_add(bytes.saturating_mul(sign)));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size(), 1);
        // SAFETY: the caller's layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(layout.size(), -1);
        // SAFETY: the caller's pointer and layout are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most bytes held at once beyond those at the start, and the time of the quickest of five runs:
/// what else happens on the machine can only add to it.
pub(crate) fn cost<T>(mut work: impl FnMut() -> T) -> (T, Duration, usize) {
    let mut quickest = Duration::MAX;
    let mut most = 0;
    let mut last = None;
    for _ in 0..5 {
        drop(last.take());
        let start_held = HELD.with(Cell::get);
        PEAK.with(|peak| peak.set(start_held));
        let start = clock();
        last = Some(work());
        quickest = quickest.min(start.elapsed());
        let peak = PEAK.with(Cell::get).saturating_sub(start_held);
        most = most.max(usize::try_from(peak).unwrap_or(0));
    }
    (last.unwrap(), quickest, most)
}

#[expect(clippy::disallowed_methods, reason = "this is the clock of the test")]
fn clock() -> Instant {
    Instant::now()
}
