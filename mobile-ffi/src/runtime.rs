//! The threads on which calls of foreign code run.
//!
//! A call is a task of its own here: the caller's thread only hears that it has ended. So nothing that the core does can
//! hold up a screen, a call whose future was dropped is still carried out whole, and a panic stays in its task.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::MusterError;

/// The core has a thread of its own and links wait most of the time: two threads move their frames.
const WORKERS: usize = 2;

static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

fn runtime() -> Result<&'static Runtime, MusterError> {
    let build = || Builder::new_multi_thread().worker_threads(WORKERS).thread_name("muster").enable_all().build().ok();
    RUNTIME.get_or_init(build).as_ref().ok_or_else(|| MusterError::internal("the system gives no thread"))
}

/// Starts work that nobody waits for.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn spawn<F>(work: F) -> Result<JoinHandle<F::Output>, MusterError>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    Ok(runtime()?.spawn(work))
}

/// Carries out a call and waits for it, from any executor. It is begun at once, so that calls reach the core in the order in
/// which they were made.
///
/// # Errors
/// What the call returns; `internal` if it panicked.
pub(crate) async fn call<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, MusterError>
where
    T: Send + 'static,
    E: Into<MusterError> + Send + 'static,
{
    let mut work = Box::pin(work);
    let begun = {
        let _inside = runtime()?.enter();
        // Whoever wakes it finds it in its task: that looks again as soon as it runs.
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(Waker::noop()))))
    };
    let ended = match begun {
        Ok(Poll::Ready(answer)) => Some(answer),
        Ok(Poll::Pending) => spawn(work)?.await.ok(),
        Err(_) => None,
    };
    match ended {
        Some(answer) => answer.map_err(Into::into),
        None => Err(MusterError::internal("a call did not end as it should")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::sync::oneshot;

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn a_panic_is_an_error_with_a_code() {
        let result: Result<(), _> =
            wait(call(async { if true { panic!("on purpose") } else { Ok::<(), MusterError>(()) } }));
        assert_eq!(result.unwrap_err().code(), "internal");
        assert_eq!(wait(call(async { Ok::<_, MusterError>(7) })), Ok(7), "others go on");
    }

    #[test]
    fn calls_begin_in_the_order_in_which_they_are_made() {
        let (note, noted) = std::sync::mpsc::channel();
        let asked = |number: u8| {
            let note = note.clone();
            call(async move {
                note.send(number).map_err(|_| MusterError::internal("nobody"))?;
                tokio::task::yield_now().await;
                Ok::<(), MusterError>(())
            })
        };
        wait(async {
            let calls: Vec<_> = (0..100).map(|number| tokio::spawn(asked(number))).collect();
            for call in calls {
                call.await.unwrap().unwrap();
            }
        });
        assert_eq!(noted.try_iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_call_whose_future_is_dropped_is_carried_out() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let work = call(async move {
            gone.await.map_err(|_| MusterError::internal("dropped"))?;
            done.send(()).map_err(|()| MusterError::internal("nobody"))
        });
        wait(async {
            // Begun, not ended, and dropped.
            assert!(tokio::time::timeout(Duration::from_millis(50), work).await.is_err());
            go.send(()).unwrap();
            ended.await.unwrap();
        });
    }
}
