//! A carrier between two ends: it takes its time, and when it is cut, what was not across whole is gone.
//!
//! A WebSocket hands over whole messages, so a cut in the middle of one loses that one and all behind it. Each direction
//! is cut at a byte of its own.

use std::collections::VecDeque;

use muster_client_core::event::LinkId;

use super::draw::Draw;
use super::socket::ConnectionId;

/// Who is at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A phone's link.
    Phone(usize, LinkId),
    /// A connection of the server.
    Server(ConnectionId),
    /// A hostile device.
    Hostile(usize),
}

/// What travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parcel {
    Frame(Vec<u8>),
    Ping,
    Pong,
    /// The sender closes, and may say why.
    Close(Option<String>),
    /// The receiver notices that the carrier is gone.
    Gone,
}

impl Parcel {
    const fn bytes(&self) -> usize {
        match self {
            Self::Frame(bytes) => bytes.len(),
            _ => 2,
        }
    }
}

/// How fast a carrier is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The least and the most a message takes, in milliseconds.
    pub(super) delay_ms: (i64, i64),
    /// Bytes a millisecond.
    pub(super) bytes_per_ms: i64,
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    /// What is under way, with when it arrives.
    under_way: VecDeque<(i64, Parcel)>,
    last_arrival_ms: i64,
    /// Nothing more is taken in.
    closed: bool,
}

/// A direction, by where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToOpener,
    ToAcceptor,
}

/// A carrier.
#[derive(Debug)]
pub(super) struct Wire {
    /// Who opened it, and who accepted.
    pub(super) opener: End,
    pub(super) acceptor: End,
    pace: Pace,
    to_opener: Lane,
    to_acceptor: Lane,
}

impl Wire {
    pub(super) fn new(opener: End, acceptor: End, pace: Pace) -> Self {
        Self { opener, acceptor, pace, to_opener: Lane::default(), to_acceptor: Lane::default() }
    }

    const fn lane(&mut self, way: Way) -> &mut Lane {
        match way {
            Way::ToOpener => &mut self.to_opener,
            Way::ToAcceptor => &mut self.to_acceptor,
        }
    }

    pub(super) const fn end(&self, way: Way) -> End {
        match way {
            Way::ToOpener => self.opener,
            Way::ToAcceptor => self.acceptor,
        }
    }

    /// The direction that leads away from this end.
    pub(super) fn way_from(&self, end: End) -> Way {
        if self.opener == end { Way::ToAcceptor } else { Way::ToOpener }
    }

    /// Sends; gives when it will have arrived. `None`: this direction is at its end, it vanishes.
    pub(super) fn send(&mut self, way: Way, parcel: Parcel, now_ms: i64, draw: &mut Draw) -> Option<i64> {
        let Pace { delay_ms, bytes_per_ms } = self.pace;
        let lane = self.lane(way);
        if lane.closed {
            return None;
        }
        let size = i64::try_from(parcel.bytes()).unwrap_or(i64::MAX);
        let takes_ms = draw.between(delay_ms.0, delay_ms.1).saturating_add(size / bytes_per_ms.max(1));
        let arrives_ms = now_ms.saturating_add(takes_ms).max(lane.last_arrival_ms);
        lane.last_arrival_ms = arrives_ms;
        lane.closed = matches!(parcel, Parcel::Close(_));
        lane.under_way.push_back((arrives_ms, parcel));
        Some(arrives_ms)
    }

    /// What arrives now.
    pub(super) fn arrive(&mut self, way: Way, now_ms: i64) -> Option<Parcel> {
        let lane = self.lane(way);
        let is_due = lane.under_way.front().is_some_and(|(arrives_ms, _)| *arrives_ms <= now_ms);
        if is_due { lane.under_way.pop_front().map(|(_, parcel)| parcel) } else { None }
    }

    /// Cuts one direction at a byte of what is under way. What is across whole still arrives; how many messages are lost.
    pub(super) fn cut(&mut self, way: Way, draw: &mut Draw) -> usize {
        let lane = self.lane(way);
        let all: usize = lane.under_way.iter().map(|(_, parcel)| parcel.bytes()).sum();
        let mut across = draw.below(all + 1);
        let whole = lane.under_way.iter().take_while(|(_, parcel)| {
            let fits = parcel.bytes() <= across;
            across = across.saturating_sub(parcel.bytes());
            fits
        });
        let whole = whole.count();
        let lost = lane.under_way.len() - whole;
        lane.under_way.truncate(whole);
        lane.closed = true;
        lost
    }

    /// The receiver will notice at this time, after what still arrives, that nothing more comes.
    pub(super) fn goes_silent(&mut self, way: Way, notices_ms: i64) -> i64 {
        let lane = self.lane(way);
        lane.last_arrival_ms = lane.last_arrival_ms.max(notices_ms);
        lane.under_way.push_back((lane.last_arrival_ms, Parcel::Gone));
        lane.last_arrival_ms
    }

    /// Nothing goes this way any more, nor arrives.
    pub(super) fn shut(&mut self, way: Way) {
        let lane = self.lane(way);
        lane.under_way.clear();
        lane.closed = true;
    }

    pub(super) const fn is_cut(&self, way: Way) -> bool {
        match way {
            Way::ToOpener => self.to_opener.closed,
            Way::ToAcceptor => self.to_acceptor.closed,
        }
    }
}
