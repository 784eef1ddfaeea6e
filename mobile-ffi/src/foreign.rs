//! Calls into foreign code, and how they end before the process does.
//!
//! An interpreter that is going down cannot be called any more: CPython ends the thread that tries, which takes the
//! process with it. Every call from a thread of this library into foreign code goes through here, and that includes the
//! last one, which lets go of a foreign object.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long [`silence`] waits for calls under way. One that hangs must not keep the process from ending.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many calls are under way, and whether others may begin.
#[derive(Debug)]
struct Calls {
    running: usize,
    silenced: bool,
}

static CALLS: Mutex<Calls> = Mutex::new(Calls { running: 0, silenced: false });
static ONE_ENDED: Condvar = Condvar::new();

fn calls() -> MutexGuard<'static, Calls> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call under way.
struct Running;

impl Running {
    /// `None` if no call may begin any more.
    fn begin() -> Option<Self> {
        let mut calls = calls();
        if calls.silenced {
            return None;
        }
        calls.running += 1;
        Some(Self)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        calls().running -= 1;
        ONE_ENDED.notify_all();
    }
}

/// Lets no call into foreign code begin any more, and waits until those under way have ended. For a process that is about
/// to end; never to be called from a listener or a carrier.
#[uniffi::export]
pub fn silence() {
    let mut calls = calls();
    calls.silenced = true;
    // After the wait the process ends one way or the other.
    let _ = ONE_ENDED.wait_timeout_while(calls, PATIENCE, |calls| calls.running > 0);
}

/// A foreign object.
pub(crate) struct Foreign<T: ?Sized>(Option<Arc<T>>);

impl<T: ?Sized> Foreign<T> {
    pub(crate) fn new(object: Arc<T>) -> Self {
        Self(Some(object))
    }

    /// Calls it; `None` if no call may begin any more.
    pub(crate) fn call<R>(&self, call: impl FnOnce(&T) -> R) -> Option<R> {
        let _running = Running::begin()?;
        self.0.as_deref().map(call)
    }
}

impl<T: ?Sized> Clone for Foreign<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> Drop for Foreign<T> {
    fn drop(&mut self) {
        match Running::begin() {
            Some(_running) => drop(self.0.take()),
            // Its language is gone or going; the process's memory goes with it.
            None => std::mem::forget(self.0.take()),
        }
    }
}
