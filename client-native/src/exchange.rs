//! What the core asks a server over HTTP besides enrolment: the next tokens, and to take what was not sent.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_client_core::event::{Credentials, HandOverOutcome, RefreshOutcome, Token, Unsent};
use muster_model::access::Role;
use muster_model::id::CheckpointId;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::enrolment::bounded;

/// How long an exchange may take. Shorter than the core waits.
const TIMEOUT: Duration = Duration::from_secs(30);

/// After how long a device that waits to be let in asks again if the server does not say.
const ASK_AGAIN_MS: i64 = 5_000;

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

/// Asks and gives status and body; `None` if there was no answer.
async fn ask(http: &reqwest::Client, url: String, question: &impl Serialize) -> Option<(StatusCode, Vec<u8>)> {
    let response = http.post(url).timeout(TIMEOUT).json(question).send().await.ok()?;
    let status = response.status();
    Some((status, bounded(response).await.ok()?))
}

/// Exchanges a refresh token.
pub(crate) async fn refresh(
    http: &reqwest::Client,
    api_url: &str,
    (token, nonce, access): (&Token, &str, Option<&Token>),
) -> RefreshOutcome {
    let url = format!("{api_url}/api/v1/devices/refresh");
    let question = Refresh { refresh_token: token.reveal(), nonce, access_token: access.map(Token::reveal) };
    match ask(http, url, &question).await {
        Some((status, body)) => refreshed(status, &body),
        None => RefreshOutcome::Failed { retry_after_ms: None },
    }
}

/// What an answer means.
fn refreshed(status: StatusCode, body: &[u8]) -> RefreshOutcome {
    if status.is_success() {
        return match serde_json::from_slice::<GivenTokens>(body) {
            Ok(given) => RefreshOutcome::Granted { role: given.role, credentials: Box::new(given.credentials()) },
            Err(_) => RefreshOutcome::Failed { retry_after_ms: None },
        };
    }
    let Ok(Refusal { code, retry_after_ms }) = serde_json::from_slice(body) else {
        return RefreshOutcome::Failed { retry_after_ms: None };
    };
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

/// Hands over what was not sent.
pub(crate) async fn hand_over(
    http: &reqwest::Client,
    api_url: &str,
    token: &Token,
    changes: Vec<Unsent>,
) -> HandOverOutcome {
    let url = format!("{api_url}/api/v1/devices/hand-over");
    let written = changes
        .iter()
        .map(|unsent| Change { document: unsent.doc.to_string(), change: STANDARD.encode(&unsent.change) });
    let question = HandOver { refresh_token: token.reveal(), changes: written.collect() };
    let Some((status, body)) = ask(http, url, &question).await else {
        return HandOverOutcome::Failed { retry_after_ms: None };
    };
    let keys = changes.into_iter().map(|unsent| unsent.key).collect();
    handed_over(status, &body, keys)
}

fn handed_over(status: StatusCode, body: &[u8], keys: Vec<String>) -> HandOverOutcome {
    if status.is_success() {
        return HandOverOutcome::Taken { keys };
    }
    let Ok(Refusal { code, retry_after_ms }) = serde_json::from_slice(body) else {
        return HandOverOutcome::Failed { retry_after_ms: None };
    };
    tracing::warn!(code, "the server did not take what was not sent");
    match code.as_str() {
        "refresh_token_unknown" | "quarantine_full" | "bad_field" | "body_too_large" => HandOverOutcome::Refused,
        _ => HandOverOutcome::Failed { retry_after_ms },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_the_api_says() {
        let refusal = |code: &str, after: &str| format!(r#"{{"code":"{code}","detail":"d","request_id":"1"{after}}}"#);
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
            assert_eq!(refreshed(StatusCode::from_u16(status).unwrap(), body.as_bytes()), expected, "{status} {body}");
        }
        let given =
            r#"{"access_token":"a","access_expires_in_s":900,"refresh_token":"mrt_x","role":"staff","lease_ms":5}"#;
        let RefreshOutcome::Granted { role, credentials } = refreshed(StatusCode::OK, given.as_bytes()) else {
            panic!()
        };
        assert_eq!((role, credentials.access_lifetime_ms, credentials.lease_ms), (Role::Staff, Some(900_000), 5));
    }

    #[test]
    fn what_is_not_taken_stays_or_is_tried_again() {
        let keys = || vec!["kept/server/00".to_owned()];
        let outcome = |status, code: &str| {
            let body = format!(r#"{{"code":"{code}","detail":"d","request_id":"1"}}"#);
            handed_over(StatusCode::from_u16(status).unwrap(), body.as_bytes(), keys())
        };
        assert_eq!(handed_over(StatusCode::OK, b"{}", keys()), HandOverOutcome::Taken { keys: keys() });
        assert_eq!(outcome(507, "quarantine_full"), HandOverOutcome::Refused);
        assert_eq!(outcome(503, "overloaded"), HandOverOutcome::Failed { retry_after_ms: None });
        assert_eq!(outcome(507, "disk_full"), HandOverOutcome::Failed { retry_after_ms: None });
    }
}
