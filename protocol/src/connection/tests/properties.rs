use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_sequence_of_events_panics(events in proptest::collection::vec((0..5_u8, proptest::collection::vec(any::<u8>(), 0..40), any::<i64>()), 0..30), is_server in any::<bool>()) {
        let mut connection = if is_server { server() } else { client() };
        let mut closes = 0;
        for (kind, bytes, ms) in events {
            let event = match kind {
                0 => ConnectionEvent::Opened,
                1 | 2 => ConnectionEvent::Frame(&bytes),
                3 => ConnectionEvent::Tick,
                _ => ConnectionEvent::Closed,
            };
            closes += usize::from(connection.handle(at(ms), event).close.is_some());
        }
        prop_assert!(closes <= 1);
    }
}
