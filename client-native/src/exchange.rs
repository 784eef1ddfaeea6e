//! Carries what the core asks a server over HTTP, and the answers; what they mean the core knows.

use std::time::Duration;

use muster_client_core::enrolment::{EnrolError, Enrolled, EnrolmentLink};
use muster_client_core::event::{HandOverOutcome, RefreshOutcome, Token, Unsent};
use muster_client_core::exchange::{self, HttpAnswer, MAX_ANSWER_BYTES, Question, TIMEOUT_MS};
use reqwest::header::CONTENT_TYPE;

/// An answer that came whole.
struct Heard {
    status: u16,
    body: Vec<u8>,
}

impl Heard {
    fn answer(&self) -> HttpAnswer<'_> {
        HttpAnswer { status: self.status, body: &self.body }
    }
}

/// Asks; `None` if there was no answer, or one that is longer than any of a server's.
async fn ask(http: &reqwest::Client, question: Question) -> Option<Heard> {
    let timeout = Duration::from_millis(u64::from(TIMEOUT_MS));
    let request = http.post(question.url).timeout(timeout).header(CONTENT_TYPE, "application/json");
    let heard = async {
        let mut response = request.body(question.body).send().await?;
        let (status, mut body) = (response.status().as_u16(), Vec::new());
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
                // Nothing of Muster's is as long: it reads as an answer without substance.
                body.clear();
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Heard { status, body })
    };
    heard.await.inspect_err(|error: &reqwest::Error| tracing::debug!(%error, "no answer")).ok()
}

/// Exchanges a one-time code for a device. The code is spent even if the answer is lost: then ask for another.
///
/// # Errors
/// If the server cannot be reached or refuses.
pub async fn enrol(http: &reqwest::Client, link: &EnrolmentLink, device_name: &str) -> Result<Enrolled, EnrolError> {
    let heard = ask(http, link.question(device_name)).await;
    link.enrolled(heard.as_ref().map(Heard::answer))
}

/// Exchanges a refresh token.
pub(crate) async fn refresh(
    http: &reqwest::Client,
    api_url: &str,
    shown: (&Token, &str, Option<&Token>),
) -> RefreshOutcome {
    let heard = ask(http, exchange::refresh(api_url, shown)).await;
    exchange::refreshed(heard.as_ref().map(Heard::answer))
}

/// Hands over what was not sent.
pub(crate) async fn hand_over(
    http: &reqwest::Client,
    api_url: &str,
    token: &Token,
    changes: Vec<Unsent>,
) -> HandOverOutcome {
    let heard = ask(http, exchange::hand_over(api_url, token, &changes)).await;
    let keys = changes.into_iter().map(|unsent| unsent.key).collect();
    exchange::handed_over(heard.as_ref().map(Heard::answer), keys)
}
