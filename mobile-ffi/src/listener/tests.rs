use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::broadcast;

use super::*;

/// Long enough for a busy machine; only a failing test waits for it.
const WITHIN: Duration = Duration::from_secs(30);

/// Passes on what it is told, and fails if it is told to.
struct Passing {
    told: Mutex<mpsc::Sender<Vec<Topic>>>,
    fails: bool,
}

impl ChangeListener for Passing {
    fn changed(&self, topics: Vec<Topic>) -> Result<(), ListenerError> {
        self.told.lock().unwrap().send(topics).unwrap();
        if self.fails { Err(ListenerError::Failed) } else { Ok(()) }
    }
}

fn passing(fails: bool) -> (Arc<Passing>, mpsc::Receiver<Vec<Topic>>) {
    let (told, hears) = mpsc::channel();
    (Arc::new(Passing { told: Mutex::new(told), fails }), hears)
}

#[test]
fn a_listener_that_fails_is_called_again_and_stops_no_other() {
    let (changes, _) = broadcast::channel(16);
    let ((failing, hears_failing), (other, hears)) = (passing(true), passing(false));
    let _one = subscribe(changes.subscribe(), failing).unwrap();
    let _two = subscribe(changes.subscribe(), other).unwrap();
    for topic in [event::Topic::Checkins, event::Topic::Status] {
        changes.send(vec![topic]).unwrap();
        assert_eq!(hears_failing.recv_timeout(WITHIN).unwrap(), [Topic::from(topic)]);
        assert_eq!(hears.recv_timeout(WITHIN).unwrap(), [Topic::from(topic)]);
    }
}

#[test]
fn a_cancelled_listener_hears_no_more_and_is_let_go() {
    let (changes, _) = broadcast::channel(16);
    let (listener, hears) = passing(false);
    let subscription = subscribe(changes.subscribe(), listener).unwrap();
    subscription.cancel();
    // It may be cancelled twice, and its end is seen by the end of what it held.
    subscription.cancel();
    assert_eq!(hears.recv_timeout(WITHIN), Err(mpsc::RecvTimeoutError::Disconnected));
    assert_eq!(changes.receiver_count(), 0);
}

#[test]
fn a_listener_ends_with_its_handle_and_with_the_client() {
    let (changes, _) = broadcast::channel(16);
    let ((first, hears_first), (second, hears_second)) = (passing(false), passing(false));
    drop(subscribe(changes.subscribe(), first).unwrap());
    assert_eq!(hears_first.recv_timeout(WITHIN), Err(mpsc::RecvTimeoutError::Disconnected));
    let _kept = subscribe(changes.subscribe(), second).unwrap();
    drop(changes);
    assert_eq!(hears_second.recv_timeout(WITHIN), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_listener_that_lags_hears_that_anything_may_have_changed() {
    let (changes, mut missed) = broadcast::channel(2);
    for _ in 0..5 {
        changes.send(vec![event::Topic::Checkins]).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(next(&mut missed)).unwrap(), Topic::ALL);
    changes.send(vec![event::Topic::Status, event::Topic::Checkins]).unwrap();
    changes.send(vec![event::Topic::Event]).unwrap();
    let together = [Topic::Event, Topic::Checkins, Topic::Status];
    assert_eq!(runtime.block_on(next(&mut missed)).unwrap(), together);
    drop(changes);
    assert_eq!(runtime.block_on(next(&mut missed)), None);
}
