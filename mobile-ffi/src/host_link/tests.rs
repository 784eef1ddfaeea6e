use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use super::*;

/// Long enough for a busy machine; only a failing test waits for it.
const WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug, PartialEq, Eq)]
enum Said {
    Sent(Vec<u8>),
    Closed,
}

/// Passes on what it is told, and fails at frames that begin with 0.
struct Passing(Mutex<std_mpsc::Sender<Said>>);

impl Passing {
    fn say(&self, said: Said) {
        self.0.lock().unwrap().send(said).unwrap();
    }
}

impl HostCarrier for Passing {
    fn send(&self, frame: Vec<u8>) -> Result<(), CarrierError> {
        if frame.first() == Some(&0) {
            return Err(CarrierError::Failed);
        }
        self.say(Said::Sent(frame));
        Ok(())
    }

    fn closed(&self) -> Result<(), CarrierError> {
        self.say(Said::Closed);
        Err(CarrierError::Failed)
    }
}

fn linked() -> (Link, Arc<HostLink>, std_mpsc::Receiver<Said>) {
    let (say, said) = std_mpsc::channel();
    let (link, end) = link_over(Arc::new(Passing(Mutex::new(say)))).unwrap();
    (link, end, said)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn frames_go_both_ways_in_order_until_the_client_closes() {
    let (mut link, end, said) = linked();
    for number in 1..=9 {
        link.outgoing.blocking_send(vec![number]).unwrap();
        assert_eq!(said.recv_timeout(WITHIN), Ok(Said::Sent(vec![number])));
        wait(end.deliver(vec![number, 7])).unwrap();
        assert_eq!(wait(link.incoming.recv()), Some(Ok(vec![number, 7])));
    }
    drop(link);
    assert_eq!(said.recv_timeout(WITHIN), Ok(Said::Closed));
    assert_eq!(wait(end.deliver(vec![1])).unwrap_err().code(), "link_ended");
    assert_eq!(said.recv_timeout(WITHIN), Err(std_mpsc::RecvTimeoutError::Disconnected), "the carrier is let go");
}

#[test]
fn a_carrier_that_fails_ends_its_link() {
    let (mut link, end, said) = linked();
    link.outgoing.blocking_send(vec![0]).unwrap();
    assert_eq!(wait(link.incoming.recv()), None);
    assert_eq!(said.recv_timeout(WITHIN), Ok(Said::Closed));
    assert_eq!(wait(end.deliver(vec![1])).unwrap_err().code(), "link_ended");
}

#[test]
fn the_host_ends_a_link_by_saying_so_or_by_letting_go() {
    for let_go in [false, true] {
        let (mut link, end, said) = linked();
        if let_go {
            drop(end)
        } else {
            end.end()
        }
        assert_eq!(wait(link.incoming.recv()), None);
        drop(link);
        assert_eq!(said.recv_timeout(WITHIN), Ok(Said::Closed));
    }
}
