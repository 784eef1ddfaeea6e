//! Handing over to a server what was not sent of documents that had to be forgotten (see [`super::standing`]).

use muster_model::time::Timestamp;

use super::links::{backoff_ms, is_over};
use super::standing::{KEPT, Kept};
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{Effect, HandOverOutcome, ServerId, Topic, Unsent};
use crate::store::Write;

/// How much is handed over at once.
const PIECE_CHANGES: usize = 200;
const PIECE_BYTES: usize = 256 * 1024;

/// How long handing over may take before it is tried again, in milliseconds.
const HAND_OVER_MS: i64 = 90_000;

/// How far handing over is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum HandOver {
    /// Nothing is kept.
    #[default]
    Nothing,
    /// To be done at this time.
    Waiting { since: Timestamp, at: Timestamp },
    /// The shell is at it.
    Asked { since: Timestamp },
    /// The server does not take it: it stays here.
    Refused,
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

impl Engine {
    /// Has the shell hand over what is kept, a piece at a time.
    pub(super) fn tend_hand_over(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for server in self.servers.keys().cloned().collect::<Vec<_>>() {
            let due = match self.servers.get(&server).map(|state| state.hand_over) {
                Some(HandOver::Waiting { since, at }) => is_over(since, at, cx.now),
                Some(HandOver::Asked { since }) => is_over(since, since.plus_ms(HAND_OVER_MS), cx.now),
                _ => false,
            };
            if due {
                self.hand_over(cx, &server)?;
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, cx: &mut Cx<'_>, server: &ServerId) -> Result<(), EngineError> {
        let entry = self.book_mut()?.servers.get(server).cloned();
        let Some((entry, token)) = entry.and_then(|entry| Some((entry.clone(), entry.refresh?))) else {
            // There is nothing to show the server: it stays here, and asking to be woken at once would never end.
            if let Some(state) = self.servers.get_mut(server) {
                state.hand_over = HandOver::Refused;
            }
            return Ok(());
        };
        let mut bytes = 0_usize;
        let mut changes = Vec::new();
        for (key, value) in cx.store.meta_with_prefix(&format!("{KEPT}{server}/"))? {
            let kept: Option<Kept> = serde_json::from_slice(&value).ok();
            let Some((kept, change)) = kept.and_then(|kept| Some((kept.doc, from_hex(&kept.change)?))) else {
                continue;
            };
            bytes = bytes.saturating_add(change.len());
            if !changes.is_empty() && (changes.len() >= PIECE_CHANGES || bytes > PIECE_BYTES) {
                break;
            }
            changes.push(Unsent { key, doc: kept, change });
        }
        let nothing_left = changes.is_empty();
        if let Some(state) = self.servers.get_mut(server) {
            state.hand_over = if nothing_left { HandOver::Nothing } else { HandOver::Asked { since: cx.now } };
        }
        if nothing_left {
            return self.finish_revocation(cx);
        }
        cx.effects.push(Effect::HandOver { server: server.clone(), url: entry.api_url, token, changes });
        Ok(())
    }

    /// What was handed over was taken, or not.
    pub(super) fn handed_over(
        &mut self,
        cx: &mut Cx<'_>,
        server: &ServerId,
        outcome: HandOverOutcome,
    ) -> Result<(), EngineError> {
        let Some(state) = self.servers.get_mut(server) else { return Ok(()) };
        if !matches!(state.hand_over, HandOver::Asked { .. }) {
            tracing::trace!(%server, "a hand-over that nobody waits for");
            return Ok(());
        }
        cx.topics.insert(Topic::Status);
        match outcome {
            HandOverOutcome::Taken { keys } => {
                for key in keys.into_iter().filter(|key| key.starts_with(KEPT)) {
                    cx.write(Write::Meta(key, None));
                }
                // The store still shows what is being struck off: what is left is seen at the next wake.
                self.hand_over_at(server, cx.now, 0);
            }
            HandOverOutcome::Refused => state.hand_over = HandOver::Refused,
            HandOverOutcome::Failed { retry_after_ms } => {
                let backoff = backoff_ms(state.attempts, cx.rng);
                state.attempts = state.attempts.saturating_add(1);
                let ms = retry_after_ms.unwrap_or(backoff).max(500);
                self.hand_over_at(server, cx.now, ms);
            }
        }
        Ok(())
    }

    /// Nobody heard that something was to be handed over.
    pub(super) fn unhand(&mut self, server: &ServerId, now: Timestamp) {
        self.hand_over_at(server, now, 1_000);
    }

    /// When handing over next needs to be looked after.
    pub(super) fn hand_over_times(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        self.servers.values().filter_map(|state| match state.hand_over {
            HandOver::Waiting { since, at } => Some((since, at)),
            HandOver::Asked { since } => Some((since, since.plus_ms(HAND_OVER_MS))),
            HandOver::Nothing | HandOver::Refused => None,
        })
    }
}
