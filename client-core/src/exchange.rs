//! What the core asks a server over HTTP: what to send, and what comes of the answer. The shell carries both.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_model::access::Role;
use muster_model::id::CheckpointId;
use serde::{Deserialize, Serialize};

use crate::event::{Credentials, DownReason, HandOverOutcome, RefreshOutcome, Token, Unsent};

/// How long an exchange may take. Shorter than the core waits.
pub const TIMEOUT_MS: u32 = 30_000;

/// The largest answer that need be read.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// After how long a device that waits to be let in asks again if the server does not say.
const ASK_AGAIN_MS: i64 = 5_000;

/// A question to be sent with `POST`, as JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// Where to.
    pub url: String,
    /// The body, which may hold a secret.
    pub body: String,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Question {
    pub(crate) fn new(server_url: &str, path: &str, body: &impl Serialize) -> Self {
        // Nothing that is asked here has a key that is no text, which is all that can fail.
        Self { url: format!("{server_url}{path}"), body: serde_json::to_string(body).unwrap_or_default() }
    }
}

/// An answer that came whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl HttpAnswer<'_> {
    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    fn refusal(&self) -> Option<Refusal> {
        serde_json::from_slice(self.body).ok()
    }
}

/// What a server gives a device to show, with enrolment and with every refresh.
#[derive(Deserialize)]
pub(crate) struct GivenTokens {
    access_token: Option<String>,
    access_expires_in_s: Option<i64>,
    refresh_token: String,
    pub(crate) role: Role,
    #[serde(default)]
    checkpoints: Vec<CheckpointId>,
    #[serde(default)]
    lease_ms: i64,
}

impl GivenTokens {
    pub(crate) fn credentials(self) -> Credentials {
        Credentials {
            access: self.access_token.map(Token::new),
            access_lifetime_ms: self.access_expires_in_s.map(|seconds| seconds.saturating_mul(1_000)),
            refresh: Some(Token::new(self.refresh_token)),
            lease_ms: self.lease_ms,
            checkpoints: self.checkpoints,
        }
    }
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    #[serde(default)]
    retry_after_ms: Option<i64>,
}

#[derive(Serialize)]
struct Refresh<'a> {
    refresh_token: &'a str,
    nonce: &'a str,
    access_token: Option<&'a str>,
}

/// What to ask for [`Effect::Refresh`](crate::Effect::Refresh): with the refresh token, the nonce, and the last access token.
#[must_use]
pub fn refresh(api_url: &str, (token, nonce, access): (&Token, &str, Option<&Token>)) -> Question {
    let shown = Refresh { refresh_token: token.reveal(), nonce, access_token: access.map(Token::reveal) };
    Question::new(api_url, "/api/v1/devices/refresh", &shown)
}

/// What the answer means; `None` if there was none.
#[must_use]
pub fn refreshed(answer: Option<HttpAnswer<'_>>) -> RefreshOutcome {
    let failed = RefreshOutcome::Failed { retry_after_ms: None };
    let Some(answer) = answer else { return failed };
    if answer.is_success() {
        return match serde_json::from_slice::<GivenTokens>(answer.body) {
            Ok(given) => RefreshOutcome::Granted { role: given.role, credentials: Box::new(given.credentials()) },
            Err(_) => failed,
        };
    }
    let Some(Refusal { code, retry_after_ms }) = answer.refusal() else { return failed };
    tracing::info!(code, "the server gave no token");
    match code.as_str() {
        // Of two that have the same token nobody knows which is the copy: both are out.
        "device_revoked" | "refresh_token_reused" => RefreshOutcome::Revoked,
        "refresh_token_unknown" | "refresh_token_expired" => RefreshOutcome::Refused,
        "enrolment_pending" => RefreshOutcome::Pending { retry_after_ms: retry_after_ms.unwrap_or(ASK_AGAIN_MS) },
        _ => RefreshOutcome::Failed { retry_after_ms },
    }
}

#[derive(Serialize)]
struct HandOver<'a> {
    refresh_token: &'a str,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    document: String,
    change: String,
}

/// What a server says that took what it was handed.
#[derive(Deserialize)]
struct Kept {
    #[serde(rename = "kept")]
    _kept: u64,
}

/// What to ask for [`Effect::HandOver`](crate::Effect::HandOver).
#[must_use]
pub fn hand_over(api_url: &str, token: &Token, changes: &[Unsent]) -> Question {
    let written = changes
        .iter()
        .map(|unsent| Change { document: unsent.doc.to_string(), change: STANDARD.encode(&unsent.change) });
    let handed = HandOver { refresh_token: token.reveal(), changes: written.collect() };
    Question::new(api_url, "/api/v1/devices/hand-over", &handed)
}

/// What the answer means, for the changes of these keys; `None` if there was none.
#[must_use]
pub fn handed_over(answer: Option<HttpAnswer<'_>>, keys: Vec<String>) -> HandOverOutcome {
    let failed = HandOverOutcome::Failed { retry_after_ms: None };
    let Some(answer) = answer else { return failed };
    if answer.is_success() {
        // A hotel's sign-in page says 200 as well; what it was given is not kept there.
        let kept = serde_json::from_slice::<Kept>(answer.body);
        return kept.map_or(failed, |_| HandOverOutcome::Taken { keys });
    }
    let Some(Refusal { code, retry_after_ms }) = answer.refusal() else { return failed };
    tracing::warn!(code, "the server did not take what was not sent");
    match code.as_str() {
        "refresh_token_unknown" | "quarantine_full" | "bad_field" | "body_too_large" => HandOverOutcome::Refused,
        _ => HandOverOutcome::Failed { retry_after_ms },
    }
}

/// What the reason in a close frame means: a server's stable code, and when to come back (`docs/PROTOCOL.md`).
#[must_use]
pub fn closed(reason: &str) -> DownReason {
    let (code, rest) = reason.split_once(';').unwrap_or((reason, ""));
    let retry_after = rest.trim().strip_prefix("retry_after_ms=").and_then(|ms| ms.parse::<i64>().ok());
    match (code, retry_after) {
        ("token_expired" | "token_invalid" | "role_changed" | "device_revoked", _) => DownReason::Unauthorized,
        (_, Some(ms)) if ms >= 0 => DownReason::RetryAfter { ms },
        _ => DownReason::Closed,
    }
}

/// What it means that the sync endpoint answered with this status instead of opening a WebSocket. `None`: no answer.
#[must_use]
pub fn not_opened(answer: Option<HttpAnswer<'_>>) -> DownReason {
    let Some(answer) = answer else { return DownReason::Closed };
    if matches!(answer.status, 401 | 403) {
        return DownReason::Unauthorized;
    }
    match answer.refusal().and_then(|refusal| refusal.retry_after_ms) {
        Some(ms) if ms >= 0 => DownReason::RetryAfter { ms },
        _ => DownReason::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, after: &str) -> String {
        format!(r#"{{"code":"{code}","detail":"d","request_id":"1"{after}}}"#)
    }

    #[test]
    fn answers_mean_what_the_api_says() {
        let failed = |ms| RefreshOutcome::Failed { retry_after_ms: ms };
        let table = [
            (401, refusal("device_revoked", ""), RefreshOutcome::Revoked),
            (401, refusal("refresh_token_reused", ""), RefreshOutcome::Revoked),
            (401, refusal("refresh_token_unknown", ""), RefreshOutcome::Refused),
            (401, refusal("refresh_token_expired", ""), RefreshOutcome::Refused),
            (
                403,
                refusal("enrolment_pending", r#","retry_after_ms":700"#),
                RefreshOutcome::Pending { retry_after_ms: 700 },
            ),
            (429, refusal("too_many_attempts", r#","retry_after_ms":900"#), failed(Some(900))),
            (503, refusal("stopping", ""), failed(None)),
            (409, refusal("refresh_replayed", ""), failed(None)),
            // A page of a hotel's network.
            (401, "<html>sign in</html>".to_owned(), failed(None)),
            (200, "<html>sign in</html>".to_owned(), failed(None)),
        ];
        for (status, body, expected) in table {
            let answer = HttpAnswer { status, body: body.as_bytes() };
            assert_eq!(refreshed(Some(answer)), expected, "{status} {body}");
        }
        assert_eq!(refreshed(None), failed(None));
        let body =
            br#"{"access_token":"a","access_expires_in_s":900,"refresh_token":"mrt_x","role":"staff","lease_ms":5}"#;
        let RefreshOutcome::Granted { role, credentials } = refreshed(Some(HttpAnswer { status: 200, body })) else {
            panic!()
        };
        assert_eq!((role, credentials.access_lifetime_ms, credentials.lease_ms), (Role::Staff, Some(900_000), 5));
    }

    #[test]
    fn what_is_not_taken_stays_or_is_tried_again() {
        let keys = || vec!["kept/server/00".to_owned()];
        let outcome =
            |status, code: &str| handed_over(Some(HttpAnswer { status, body: refusal(code, "").as_bytes() }), keys());
        let taken = handed_over(Some(HttpAnswer { status: 200, body: br#"{"kept":1}"# }), keys());
        assert_eq!(taken, HandOverOutcome::Taken { keys: keys() });
        // Whatever sits between may say that all is well; what was not sent stays until a server says so.
        for body in [&b"<html>sign in</html>"[..], b"", b"{}"] {
            let answer = handed_over(Some(HttpAnswer { status: 200, body }), keys());
            assert_eq!(answer, HandOverOutcome::Failed { retry_after_ms: None });
        }
        assert_eq!(outcome(507, "quarantine_full"), HandOverOutcome::Refused);
        assert_eq!(outcome(503, "overloaded"), HandOverOutcome::Failed { retry_after_ms: None });
        assert_eq!(outcome(507, "disk_full"), HandOverOutcome::Failed { retry_after_ms: None });
    }

    #[test]
    fn a_close_frame_says_why() {
        for code in ["token_expired", "token_invalid", "role_changed", "device_revoked"] {
            assert_eq!(closed(code), DownReason::Unauthorized);
        }
        assert_eq!(closed("slow_peer; retry_after_ms=1500"), DownReason::RetryAfter { ms: 1_500 });
        assert_eq!(closed("slow_peer; retry_after_ms=-1"), DownReason::Closed);
        assert_eq!(closed(""), DownReason::Closed);
    }

    #[test]
    fn a_link_that_does_not_open_is_told_apart_from_a_token_that_is_not_taken() {
        let down = |status, body: &str| not_opened(Some(HttpAnswer { status, body: body.as_bytes() }));
        assert_eq!(down(401, &refusal("token_expired", "")), DownReason::Unauthorized);
        assert_eq!(down(503, &refusal("overloaded", r#","retry_after_ms":800"#)), DownReason::RetryAfter { ms: 800 });
        // The token is good and a WebSocket was asked for: something on the way does not let it through.
        assert_eq!(down(426, &refusal("not_a_web_socket", "")), DownReason::Closed);
        assert_eq!(down(200, "<html>sign in</html>"), DownReason::Closed);
        assert_eq!(not_opened(None), DownReason::Closed);
    }
}
