//! Links: to servers, kept up with backoff and jitter, and to other phones, brought by the host.

use std::collections::BTreeMap;

use muster_model::access::Role;
use muster_model::document::DocRef;
use muster_model::time::Timestamp;
use muster_protocol::{
    CloseReason, Connection, ConnectionConfig, ConnectionEvent, ConnectionOutput, DocSync, PeerId, ProtocolCode,
    StorageId, Timestamp as WireTime,
};
use rand::RngCore;

use super::bookkeeping::{CONTACT, put_meta};
use super::handing::HandOver;
use super::jobs::Job;
use super::tokens::TokenState;
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{DownReason, Effect, LinkId, ServerId, Side, Token, Topic};

/// The shortest and the longest wait before a server is tried again, in milliseconds.
const BACKOFF_MS: (i64, i64) = (500, 30_000);

/// How long a carrier may take to open, and a handshake to be answered, in milliseconds.
const ATTEMPT_MS: i64 = 30_000;

/// Where we stand with a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not to be connected.
    #[default]
    Stopped,
    /// A fresh token is got first.
    Refreshing,
    /// The shell was asked for a carrier.
    Dialling { link: LinkId, since: Timestamp },
    /// The carrier is open.
    Open { link: LinkId },
    /// To be tried again.
    Waiting { since: Timestamp, retry_at: Timestamp },
    /// It does not take our token.
    Unauthorized,
}

/// A server, as this session of use knows it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServerState {
    pub(super) phase: Phase,
    /// Attempts since the last that succeeded.
    pub(super) attempts: u32,
    pub(super) last_contact: Option<Timestamp>,
    pub(super) tokens: TokenState,
    pub(super) hand_over: HandOver,
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkKind {
    Server(ServerId),
    /// Another phone, and what it may read.
    Phone(Role),
}

/// A link whose carrier is open.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    pub(super) connection: Connection,
    pub(super) docs: BTreeMap<DocRef, DocSync>,
    opened_at: Timestamp,
}

impl Link {
    pub(super) fn shares(&self, doc: &DocRef) -> bool {
        match &self.kind {
            LinkKind::Server(_) => true,
            LinkKind::Phone(role) => role.access(doc).may_read(),
        }
    }
}

pub(super) const fn wire_time(at: Timestamp) -> WireTime {
    WireTime::from_ms(at.ms())
}

impl Engine {
    pub(super) fn start_sync(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        self.sync_wanted = true;
        if self.is_revoked() {
            return Ok(());
        }
        let idle =
            |state: &ServerState| matches!(state.phase, Phase::Stopped | Phase::Unauthorized | Phase::Waiting { .. });
        let servers: Vec<ServerId> =
            self.servers.iter().filter(|(_, state)| idle(state)).map(|(id, _)| id.clone()).collect();
        for server in servers {
            self.dial(cx, &server)?;
        }
        Ok(())
    }

    pub(super) fn stop_sync(&mut self, cx: &mut Cx<'_>) {
        self.sync_wanted = false;
        for state in self.servers.values_mut() {
            if let Phase::Dialling { link, .. } | Phase::Open { link } = state.phase {
                cx.effects.push(Effect::Disconnect { link });
                self.links.remove(&link);
            }
            state.phase = Phase::Stopped;
        }
        cx.topics.insert(Topic::Status);
    }

    pub(super) fn dial(&mut self, cx: &mut Cx<'_>, server: &ServerId) -> Result<(), EngineError> {
        let Some(state) = self.servers.get_mut(server) else { return Ok(()) };
        state.phase = Phase::Refreshing;
        cx.topics.insert(Topic::Status);
        match self.token_for(cx, server)? {
            Some(token) => self.connect(cx, server, token),
            // There is none, and no way to get one.
            None if !self.servers.get(server).is_some_and(|state| state.tokens.is_asked()) => {
                if let Some(state) = self.servers.get_mut(server) {
                    state.phase = Phase::Unauthorized;
                }
            }
            None => {}
        }
        Ok(())
    }

    pub(super) fn connect(&mut self, cx: &mut Cx<'_>, server: &ServerId, token: Token) {
        let Some(entry) = self.book.as_ref().and_then(|book| book.servers.get(server)) else { return };
        self.next_link += 1;
        let link = LinkId::of_engine(self.next_link);
        let url = entry.url.clone();
        if let Some(state) = self.servers.get_mut(server) {
            state.phase = Phase::Dialling { link, since: cx.now };
            cx.effects.push(Effect::Connect { link, server: server.clone(), url, token });
        }
    }

    pub(super) fn server_of_attempt(&self, link: LinkId) -> Option<ServerId> {
        let dials = |state: &ServerState| matches!(state.phase, Phase::Dialling { link: asked, .. } if asked == link);
        self.servers.iter().find(|(_, state)| dials(state)).map(|(id, _)| id.clone())
    }

    pub(super) fn peer_up(&mut self, cx: &mut Cx<'_>, link: LinkId, role: Role, side: Side) -> Result<(), EngineError> {
        self.open_link(cx, link, LinkKind::Phone(role), side)
    }

    pub(super) fn open_link(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        kind: LinkKind,
        side: Side,
    ) -> Result<(), EngineError> {
        let device = self.book(cx)?.1.device.to_string();
        let out_of_range = |_| EngineError::OutOfRange { what: "the device's name" };
        let peer = PeerId::new(&format!("muster-{device}")).map_err(out_of_range)?;
        let storage = StorageId::new(&format!("muster-{device}")).map_err(out_of_range)?;
        let config = ConnectionConfig::new(peer, Some(storage));
        let connection = match side {
            Side::Initiator => Connection::client(config),
            Side::Acceptor => Connection::server(config),
        };
        if let LinkKind::Server(server) = &kind
            && let Some(state) = self.servers.get_mut(server)
        {
            state.phase = Phase::Open { link };
        }
        cx.touched.links.insert(link);
        self.links.insert(link, Link { kind, connection, docs: BTreeMap::new(), opened_at: cx.now });
        cx.topics.insert(Topic::Status);
        self.connection_event(cx, link, ConnectionEvent::Opened)
    }

    pub(super) fn link_frame(&mut self, cx: &mut Cx<'_>, link: LinkId, bytes: &[u8]) -> Result<(), EngineError> {
        cx.touched.links.insert(link);
        if let Some(Link { kind: LinkKind::Server(server), .. }) = self.links.get(&link) {
            let server = server.clone();
            self.heard_server(cx, &server);
        }
        self.connection_event(cx, link, ConnectionEvent::Frame(bytes))
    }

    pub(super) fn link_text(&mut self, cx: &mut Cx<'_>, link: LinkId) -> Result<(), EngineError> {
        self.connection_event(cx, link, ConnectionEvent::Text)
    }

    fn connection_event(&mut self, cx: &mut Cx<'_>, id: LinkId, event: ConnectionEvent<'_>) -> Result<(), EngineError> {
        let Some(link) = self.links.get_mut(&id) else {
            tracing::trace!(link = %id, "something came on a link that is gone");
            return Ok(());
        };
        let output = link.connection.handle(wire_time(cx.now), event);
        self.connection_output(cx, id, output)
    }

    fn connection_output(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        output: ConnectionOutput,
    ) -> Result<(), EngineError> {
        cx.effects.extend(output.send.into_iter().map(|bytes| Effect::Send { link, bytes }));
        for message in output.deliver {
            self.message(cx, link, message)?;
        }
        if let Some(reason) = output.close {
            self.closed(cx, link, &reason);
        }
        Ok(())
    }

    /// Closes a link for something that came on it.
    pub(super) fn close_link(&mut self, cx: &mut Cx<'_>, id: LinkId, code: ProtocolCode, detail: &str) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let output = link.connection.close(code, detail);
        cx.effects.extend(output.send.into_iter().map(|bytes| Effect::Send { link: id, bytes }));
        self.closed(cx, id, &CloseReason { code, detail: detail.to_owned() });
    }

    fn closed(&mut self, cx: &mut Cx<'_>, link: LinkId, reason: &CloseReason) {
        tracing::info!(%link, code = %reason.code, "a link was closed");
        cx.effects.push(Effect::Disconnect { link });
        self.drop_link(link, cx.now, cx.rng, &DownReason::Closed);
        cx.topics.insert(Topic::Status);
    }

    pub(super) fn link_down(&mut self, cx: &mut Cx<'_>, link: LinkId, reason: &DownReason) -> Result<(), EngineError> {
        if let Some(Link { kind: LinkKind::Server(server), .. }) = self.links.get(&link)
            && let Some(contact) = self.servers.get(server).and_then(|state| state.last_contact)
        {
            put_meta(cx, &format!("{CONTACT}{server}"), &contact)?;
        }
        self.drop_link(link, cx.now, cx.rng, reason);
        cx.topics.insert(Topic::Status);
        Ok(())
    }

    /// Forgets a link; a server is tried again after a wait.
    pub(super) fn drop_link(&mut self, link: LinkId, now: Timestamp, rng: &mut dyn RngCore, reason: &DownReason) {
        self.links.remove(&link);
        self.jobs.retain(|job| !matches!(job, Job::Greet(on, _) if *on == link));
        let on_link =
            |phase: Phase| matches!(phase, Phase::Dialling { link: on, .. } | Phase::Open { link: on } if on == link);
        let Some((server, state)) = self.servers.iter_mut().find(|(_, state)| on_link(state.phase)) else { return };
        let entry = self.book.as_ref().and_then(|book| book.servers.get(server));
        let may_refresh = entry.is_none_or(|entry| entry.refresh.is_some());
        state.phase = match reason {
            DownReason::Unauthorized if may_refresh => {
                // Whatever is wrong with it, who asks for another hears what. Once at once; a fresh one that is refused
                // too would be for ever.
                let again = std::mem::replace(&mut state.tokens.refused, true) || state.attempts > 0;
                waiting(now, if again { backoff_ms(state.attempts, rng) } else { 0 })
            }
            DownReason::Unauthorized => Phase::Unauthorized,
            DownReason::RetryAfter { ms } => waiting(now, (*ms).max(BACKOFF_MS.0)),
            DownReason::Closed => waiting(now, backoff_ms(state.attempts, rng)),
        };
        state.attempts = state.attempts.saturating_add(1);
    }

    /// The handshake with a server is done.
    pub(super) fn connected(&mut self, server: &ServerId) {
        if let Some(state) = self.servers.get_mut(server) {
            state.attempts = 0;
        }
    }

    /// Tries servers again whose time has come, and gives up on handshakes that take too long.
    pub(super) fn tend_links(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let now = cx.now;
        let due = |state: &ServerState| matches!(state.phase, Phase::Waiting { since, retry_at } if is_over(since, retry_at, now));
        let due: Vec<ServerId> =
            self.servers.iter().filter(|(_, state)| due(state)).map(|(id, _)| id.clone()).collect();
        for server in due.iter().filter(|_| self.sync_wanted).cloned().collect::<Vec<_>>() {
            self.dial(cx, &server)?;
        }
        let late = |state: &ServerState| match state.phase {
            Phase::Dialling { link, since } if is_over(since, since.plus_ms(ATTEMPT_MS), now) => Some(link),
            _ => None,
        };
        for link in self.servers.values().filter_map(late).collect::<Vec<_>>() {
            cx.effects.push(Effect::Disconnect { link });
            self.drop_link(link, now, cx.rng, &DownReason::Closed);
        }
        let waiting = |link: &Link| link.connection.peer().is_none();
        let waiting: Vec<LinkId> = self.links.iter().filter(|(_, link)| waiting(link)).map(|(id, _)| *id).collect();
        for link in waiting {
            if self.links.get(&link).is_some_and(|link| now < link.opened_at) {
                let code = ProtocolCode::HandshakeTimeout;
                self.close_link(cx, link, code, code.remedy());
            }
            self.connection_event(cx, link, ConnectionEvent::Tick)?;
        }
        Ok(())
    }

    /// When links next need to be looked after.
    pub(super) fn next_link_time(&self, now: Timestamp) -> Option<Timestamp> {
        let of_servers = self.servers.values().filter_map(|state| match state.phase {
            Phase::Waiting { since, retry_at } if self.sync_wanted => Some((since, retry_at)),
            Phase::Dialling { since, .. } => Some((since, since.plus_ms(ATTEMPT_MS))),
            _ => None,
        });
        let handshakes = self.links.values().filter(|link| link.connection.peer().is_none());
        // The connection gives up after ten seconds; one more second, and it is certain to see that they are over.
        let handshakes = handshakes.map(|link| (link.opened_at, link.opened_at.plus_ms(11_000)));
        let others = self.token_times().chain(self.hand_over_times());
        let waits = of_servers.chain(handshakes).chain(others);
        waits.map(|(since, until)| if now < since { now } else { until }).chain(self.sealing_time()).min()
    }

    /// Has a document talked about on every link that is open.
    pub(super) fn greet_about(&mut self, doc: DocRef) {
        let established = |link: &Link| link.connection.peer().is_some();
        let wanting = |link: &Link| established(link) && link.shares(&doc) && !link.docs.contains_key(&doc);
        let links: Vec<LinkId> = self.links.iter().filter(|(_, link)| wanting(link)).map(|(id, _)| *id).collect();
        for link in links {
            self.add_job(Job::Greet(link, doc));
        }
    }
}

/// Whether a wait is over that began at `since`. A clock that was set back cannot tell how long ago that was, and may be
/// hours away from `until`: then nobody waits on.
pub(super) fn is_over(since: Timestamp, until: Timestamp, now: Timestamp) -> bool {
    until <= now || now < since
}

pub(super) const fn waiting(now: Timestamp, ms: i64) -> Phase {
    Phase::Waiting { since: now, retry_at: now.plus_ms(ms) }
}

/// Full jitter: anything from the shortest wait to twice as long with every attempt, so that a hall full of phones does
/// not come back at once.
pub(super) fn backoff_ms(attempts: u32, rng: &mut dyn RngCore) -> i64 {
    let (shortest, longest) = BACKOFF_MS;
    let ceiling = 1_000_i64.checked_shl(attempts.min(10)).unwrap_or(longest).min(longest);
    let span = u64::try_from(ceiling - shortest).unwrap_or_default();
    shortest + i64::try_from(rng.next_u64() % (span + 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn waits_grow_and_differ_and_stay_within_bounds() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for attempts in [0, 1, 3, 5, 10, 1_000] {
            let waits: Vec<i64> = (0..200).map(|_| backoff_ms(attempts, &mut rng)).collect();
            let ceiling = (1_000_i64 << attempts.min(5)).min(30_000);
            assert!(waits.iter().all(|wait| (500..=ceiling).contains(wait)), "{attempts}");
            let longest = *waits.iter().max().unwrap();
            assert!(longest > ceiling / 2, "{attempts}: {longest} of {ceiling}");
            assert!(*waits.iter().min().unwrap() < ceiling, "{attempts}");
        }
    }
}
