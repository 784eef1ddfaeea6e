//! The device's tokens at a server: a short one to show, and one that gets the next, once.
//!
//! The exchange is the shell's ([`Effect::Refresh`]). What the engine sees to is that no answer can be lost: the nonce is on
//! the disk before the question goes out, and the same question is asked until it is answered. Whether a token is still
//! good is told by how long it was said to last, on this device's clock and nobody else's, so that a clock that is days off
//! harms nothing; one that is set back counts as too late.

use muster_model::access::Role;
use muster_model::id::CheckpointId;
use muster_model::time::Timestamp;
use muster_protocol::Secret;
use serde::{Deserialize, Serialize};

use super::bookkeeping::{CONTACT, SERVERS, put_meta};
use super::links::{Phase, backoff_ms, is_over, waiting};
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{Credentials, Effect, RefreshOutcome, ServerId, Token, Topic};

/// How much of its life a token must have left to be shown, in milliseconds.
const LEFT_MS: i64 = 30_000;

/// How long an exchange may take before it is asked for again, in milliseconds.
const EXCHANGE_MS: i64 = 90_000;

/// How soon an exchange that failed on an open link is tried again at least, in milliseconds.
const AGAIN_MS: i64 = 5_000;

/// Where a server is, and what it gave us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerEntry {
    /// Its sync endpoint.
    pub(crate) url: String,
    /// What we show; `None` while we wait to be let in.
    pub(crate) token: Option<Token>,
    /// When we got it, on this device's clock.
    #[serde(default)]
    pub(crate) got_at: Option<Timestamp>,
    /// For how long it is good; `None` for one that does not end as far as we know.
    #[serde(default)]
    pub(crate) lifetime_ms: Option<i64>,
    /// What the next one is got with.
    #[serde(default)]
    pub(crate) refresh: Option<Token>,
    /// What goes with it, if we have asked and heard no answer.
    #[serde(default)]
    pub(crate) nonce: Option<String>,
    /// The server's address, without a path.
    #[serde(default)]
    pub(crate) api_url: String,
    /// For how long this device works without contact; 0 for no end.
    #[serde(default)]
    pub(crate) lease_ms: i64,
    /// The checkpoints that it may serve; none named means all.
    #[serde(default)]
    pub(crate) checkpoints: Vec<CheckpointId>,
}

impl ServerEntry {
    pub(super) fn new(url: String, api_url: String, credentials: Credentials, now: Timestamp) -> Self {
        let mut entry = Self {
            url,
            token: None,
            got_at: None,
            lifetime_ms: None,
            refresh: None,
            nonce: None,
            api_url,
            lease_ms: 0,
            checkpoints: Vec::new(),
        };
        entry.take(credentials, now);
        entry
    }

    fn take(&mut self, credentials: Credentials, now: Timestamp) {
        let Credentials { access, access_lifetime_ms, refresh, lease_ms, checkpoints } = credentials;
        (self.token, self.lifetime_ms, self.got_at) = (access, access_lifetime_ms, Some(now));
        (self.refresh, self.nonce) = (refresh, None);
        (self.lease_ms, self.checkpoints) = (lease_ms, checkpoints);
    }

    /// Whether the token has to be exchanged before it is shown.
    fn is_stale(&self, now: Timestamp) -> bool {
        match (&self.token, self.got_at, self.lifetime_ms) {
            (None, ..) => true,
            (Some(_), Some(got_at), Some(ms)) => {
                is_over(got_at, got_at.plus_ms(ms.saturating_sub(LEFT_MS.min(ms / 8))), now)
            }
            _ => false,
        }
    }

    /// What may be shown now; `None` if it has to be exchanged first.
    pub(crate) fn good_token(&self, now: Timestamp) -> Option<&Token> {
        self.token.as_ref().filter(|_| !self.is_stale(now))
    }

    /// When the token should be exchanged while a link is open: in the third quarter of its life, spread over the phones
    /// of a hall that all connected at once.
    fn renewal(&self, spread: u64) -> Option<(Timestamp, Timestamp)> {
        let (got_at, ms) = (self.got_at?, self.lifetime_ms?);
        self.refresh.as_ref()?;
        let quarter = ms / 4;
        let some = i64::try_from(spread % u64::try_from(quarter.max(1)).unwrap_or(1)).unwrap_or_default();
        Some((got_at, got_at.plus_ms(quarter.saturating_mul(2).saturating_add(some))))
    }
}

/// What a server says of its tokens, as this session of use knows it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TokenState {
    /// When the shell was asked for an exchange that it has not answered.
    asked: Option<Timestamp>,
    /// When an exchange that failed is to be tried again on an open link, and since when that waits.
    again: Option<(Timestamp, Timestamp)>,
    /// The server did not take the token, however fresh we think it is.
    pub(super) refused: bool,
    /// A coordinator has not let this device in yet.
    pub(super) pending: bool,
}

impl TokenState {
    pub(super) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }
}

impl Engine {
    /// The token to dial with. `None` if there is none: then one is asked for, if there is a way to get one.
    pub(super) fn token_for(&mut self, cx: &mut Cx<'_>, server: &ServerId) -> Result<Option<Token>, EngineError> {
        let Some(entry) = self.book_mut()?.servers.get(server).cloned() else { return Ok(None) };
        let refused = self.servers.get(server).is_some_and(|state| state.tokens.refused);
        if entry.refresh.is_none() {
            return Ok(entry.token);
        }
        if !refused && !entry.is_stale(cx.now) {
            return Ok(entry.token);
        }
        self.ask_for_token(cx, server)?;
        Ok(None)
    }

    /// Has the shell exchange the refresh token, unless it is at it.
    fn ask_for_token(&mut self, cx: &mut Cx<'_>, server: &ServerId) -> Result<(), EngineError> {
        if self.servers.get(server).is_none_or(|state| state.tokens.asked.is_some()) {
            return Ok(());
        }
        let fresh_nonce = {
            let mut bits = [0; 16];
            cx.rng.fill_bytes(&mut bits);
            bits.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let Some(entry) = self.book_mut()?.servers.get_mut(server) else { return Ok(()) };
        let Some(token) = entry.refresh.clone() else { return Ok(()) };
        let url = entry.api_url.clone();
        let nonce = entry.nonce.get_or_insert(fresh_nonce).clone();
        let entry = entry.clone();
        put_meta(cx, &format!("{SERVERS}{server}"), &entry)?;
        let access = entry.token.clone();
        cx.effects.push(Effect::Refresh { server: server.clone(), url, token, nonce, access });
        if let Some(state) = self.servers.get_mut(server) {
            (state.tokens.asked, state.tokens.again) = (Some(cx.now), None);
        }
        Ok(())
    }

    /// The exchange was answered, or not.
    pub(super) fn refreshed(
        &mut self,
        cx: &mut Cx<'_>,
        server: &ServerId,
        outcome: RefreshOutcome,
    ) -> Result<(), EngineError> {
        let Some(state) = self.servers.get_mut(server) else { return Ok(()) };
        if state.tokens.asked.take().is_none() {
            tracing::trace!(%server, "an exchange that nobody waits for");
            return Ok(());
        }
        let waits = matches!(state.phase, Phase::Refreshing);
        state.tokens.pending = matches!(outcome, RefreshOutcome::Pending { .. });
        cx.topics.insert(Topic::Status);
        match outcome {
            RefreshOutcome::Granted { role, credentials } => {
                self.granted(cx, server, role, *credentials)?;
                if !waits {
                    return self.renew_link(cx, server);
                }
                // As fresh as it gets, however short it lasts: another would be no fresher.
                match self.book_mut()?.servers.get(server).and_then(|entry| entry.token.clone()) {
                    Some(token) => self.connect(cx, server, token),
                    None => self.exchange_later(cx, server, None),
                }
                Ok(())
            }
            RefreshOutcome::Revoked => self.revoked(cx, server),
            RefreshOutcome::Refused => {
                if waits && let Some(state) = self.servers.get_mut(server) {
                    state.phase = Phase::Unauthorized;
                }
                Ok(())
            }
            RefreshOutcome::Pending { retry_after_ms } => {
                self.exchange_later(cx, server, Some(retry_after_ms));
                Ok(())
            }
            RefreshOutcome::Failed { retry_after_ms } => {
                self.exchange_later(cx, server, retry_after_ms);
                Ok(())
            }
        }
    }

    fn exchange_later(&mut self, cx: &mut Cx<'_>, server: &ServerId, retry_after_ms: Option<i64>) {
        let Some(state) = self.servers.get_mut(server) else { return };
        let backoff = backoff_ms(state.attempts, cx.rng);
        state.attempts = state.attempts.saturating_add(1);
        let ms = retry_after_ms.filter(|ms| *ms > 0).map_or(backoff, |ms| ms.max(500));
        match state.phase {
            Phase::Refreshing => state.phase = waiting(cx.now, ms),
            _ => state.tokens.again = Some((cx.now, cx.now.plus_ms(ms.max(AGAIN_MS)))),
        }
    }

    fn granted(
        &mut self,
        cx: &mut Cx<'_>,
        server: &ServerId,
        role: Role,
        credentials: Credentials,
    ) -> Result<(), EngineError> {
        let Some(entry) = self.book_mut()?.servers.get_mut(server) else { return Ok(()) };
        entry.take(credentials, cx.now);
        let entry = entry.clone();
        put_meta(cx, &format!("{SERVERS}{server}"), &entry)?;
        if let Some(state) = self.servers.get_mut(server) {
            state.tokens.refused = false;
        }
        self.heard_server(cx, server);
        let now = cx.now;
        put_meta(cx, &format!("{CONTACT}{server}"), &now)?;
        if self.book(cx)?.1.role != role {
            self.change_role(cx, role)?;
        }
        Ok(())
    }

    /// Goes on on an open link with the new token.
    fn renew_link(&mut self, cx: &mut Cx<'_>, server: &ServerId) -> Result<(), EngineError> {
        let token = self.book_mut()?.servers.get(server).and_then(|entry| entry.token.clone());
        let Some(Phase::Open { link }) = self.servers.get(server).map(|state| state.phase) else { return Ok(()) };
        let (Some(open), Some(token)) = (self.links.get(&link), token) else { return Ok(()) };
        let frame = open.connection.token_frame(Secret::new(token.reveal()));
        cx.effects.extend(frame.map(|bytes| Effect::Send { link, bytes }));
        Ok(())
    }

    /// Nobody heard that an exchange was asked for: it is asked for again, with the nonce that may be on the disk.
    pub(super) fn unask(&mut self, server: &ServerId, now: Timestamp) {
        if let Some(state) = self.servers.get_mut(server) {
            state.tokens.asked = None;
            if state.phase == Phase::Refreshing {
                state.phase = waiting(now, AGAIN_MS);
            }
        }
    }

    fn renewal_of(&self, server: &ServerId) -> Option<(Timestamp, Timestamp)> {
        let state = self.servers.get(server).filter(|state| matches!(state.phase, Phase::Open { .. }))?;
        if state.tokens.asked.is_some() {
            return None;
        }
        let book = self.book.as_ref()?;
        let spread = book.identity.as_ref()?.device.to_string();
        let spread = u64::from_str_radix(&spread, 16).unwrap_or_default();
        state.tokens.again.or_else(|| book.servers.get(server)?.renewal(spread))
    }

    /// Exchanges the tokens of open links whose time has come, and gives up on exchanges that take too long.
    pub(super) fn tend_tokens(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for server in self.servers.keys().cloned().collect::<Vec<_>>() {
            let asked = self.servers.get(&server).and_then(|state| state.tokens.asked);
            if asked.is_some_and(|since| is_over(since, since.plus_ms(EXCHANGE_MS), cx.now)) {
                self.refreshed(cx, &server, RefreshOutcome::Failed { retry_after_ms: None })?;
            }
            if self.renewal_of(&server).is_some_and(|(since, at)| is_over(since, at, cx.now)) {
                self.ask_for_token(cx, &server)?;
            }
        }
        Ok(())
    }

    /// When tokens next need to be looked after: since when that waits, and until when.
    pub(super) fn token_times(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let asked = self.servers.values().filter_map(|state| state.tokens.asked);
        let renewals = self.servers.keys().filter_map(|server| self.renewal_of(server));
        asked.map(|since| (since, since.plus_ms(EXCHANGE_MS))).chain(renewals)
    }

    /// The checkpoints that this device may serve; `None` for all.
    pub(crate) fn served(&self) -> Option<Vec<CheckpointId>> {
        let book = self.book.as_ref()?;
        let mut named = book.servers.values().map(|entry| entry.checkpoints.as_slice());
        let first = named.next()?;
        let all = first.is_empty() || named.clone().any(<[CheckpointId]>::is_empty);
        (!all).then(|| first.iter().chain(named.flatten()).copied().collect())
    }
}
