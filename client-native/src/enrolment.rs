//! Enrolment: a one-time code becomes a device with a role in an event.

use std::time::Duration;

use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_protocol::RetryClass;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use muster_client_core::event::{Credentials, Token};

use crate::exchange::GivenTokens;

/// How long the exchange may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Why a device could not be enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The link or address is not one of a Muster server.
    #[error("this is not an enrolment link: it looks like https://muster.example.org/enrol#CODE")]
    NotALink,
    /// Nobody answers; enrolment is the one step that needs the network.
    #[error("the server cannot be reached: connect to the network and try again")]
    Unreachable(#[source] reqwest::Error),
    /// The server refuses the code.
    #[error("the server refuses the code: {detail}")]
    Refused {
        /// The server's stable code (`enrolment_code_used`, `enrolment_code_expired`...).
        code: String,
        /// What it says to do.
        detail: String,
        /// Whether it is only busy; otherwise the code will not do.
        busy: bool,
    },
    /// What answers is not a Muster server, or one of another version.
    #[error("the server's answer cannot be understood: check the address")]
    NotMuster,
}

impl EnrolError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NotALink => "enrolment_link",
            Self::Unreachable(_) => "unreachable",
            Self::Refused { code, .. } => code,
            Self::NotMuster => "not_muster",
        }
    }

    /// When to try again.
    #[must_use]
    pub const fn retry(&self) -> RetryClass {
        match self {
            Self::Refused { busy: true, .. } => RetryClass::Transient,
            Self::Unreachable(_) => RetryClass::NeedsNetwork,
            Self::NotALink | Self::Refused { .. } | Self::NotMuster => RetryClass::NeedsUser,
        }
    }
}

/// Where to enrol, and the code to do it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentLink {
    /// The server's address, without a path (`https://muster.example.org`).
    pub server_url: String,
    /// The one-time code.
    pub code: Token,
}

impl EnrolmentLink {
    /// Reads a link as a coordinator's screen shows it: the code is in the fragment, which browsers send to nobody.
    ///
    /// # Errors
    /// [`EnrolError::NotALink`] if it is not one.
    pub fn parse(link: &str) -> Result<Self, EnrolError> {
        let (address, code) = link.trim().split_once('#').ok_or(EnrolError::NotALink)?;
        let url = reqwest::Url::parse(address).map_err(|_| EnrolError::NotALink)?;
        let known = matches!(url.scheme(), "https" | "http") && url.has_host();
        let plain = !code.is_empty() && code.len() <= 128 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !known || !plain {
            return Err(EnrolError::NotALink);
        }
        Ok(Self { server_url: url.origin().ascii_serialization(), code: Token::new(code) })
    }
}

/// What a server gives a device that enrols.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The server's address, without a path.
    pub server_url: String,
    /// The address of its sync endpoint.
    pub sync_url: String,
    /// The server's id.
    pub server_id: String,
    /// The event.
    pub event: EventId,
    /// The event's name.
    pub event_name: String,
    /// The device's id.
    pub device: DeviceId,
    /// Its role in the event.
    pub role: Role,
    /// What the server calls it.
    pub device_name: String,
    /// What it shows.
    pub credentials: Credentials,
}

impl Enrolled {
    /// The access token; empty while a coordinator has not let the device in.
    #[must_use]
    pub fn access_token(&self) -> &str {
        self.credentials.access.as_ref().map(Token::reveal).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Question<'a> {
    code: &'a str,
    device_name: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(flatten)]
    given: GivenTokens,
    #[serde(default)]
    device_name: String,
    device_id: DeviceId,
    event_id: EventId,
    event_name: String,
    server_id: String,
    sync_url: String,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    detail: String,
}

/// Exchanges the code for a device. The code is spent even if the answer is lost: then ask for another.
///
/// # Errors
/// If the server cannot be reached or refuses.
pub async fn enrol(http: &reqwest::Client, link: &EnrolmentLink, device_name: &str) -> Result<Enrolled, EnrolError> {
    let url = format!("{}/api/v1/devices/enrol", link.server_url);
    let question = Question { code: link.code.reveal(), device_name };
    let sent = http.post(url).timeout(TIMEOUT).json(&question).send();
    let response = sent.await.map_err(|error| EnrolError::Unreachable(error.without_url()))?;
    let status = response.status();
    let body = bounded(response).await?;
    if !status.is_success() {
        let refusal: Refusal = serde_json::from_slice(&body).map_err(|_| EnrolError::NotMuster)?;
        let busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        return Err(EnrolError::Refused { code: refusal.code, detail: refusal.detail, busy });
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| EnrolError::NotMuster)?;
    Ok(Enrolled {
        sync_url: sync_url(&link.server_url, &answer.sync_url)?,
        server_url: link.server_url.clone(),
        server_id: answer.server_id,
        event: answer.event_id,
        event_name: answer.event_name,
        device: answer.device_id,
        role: answer.given.role,
        device_name: answer.device_name,
        credentials: answer.given.credentials(),
    })
}

pub(crate) async fn bounded(mut response: reqwest::Response) -> Result<Vec<u8>, EnrolError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| EnrolError::Unreachable(error.without_url()))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(EnrolError::NotMuster);
        }
    }
    Ok(body)
}

/// The endpoint's address: `answered` may be a path on the server that was asked, so that a server behind a proxy need not
/// know its own name.
fn sync_url(server_url: &str, answered: &str) -> Result<String, EnrolError> {
    let base = reqwest::Url::parse(server_url).map_err(|_| EnrolError::NotALink)?;
    let mut url = base.join(answered).map_err(|_| EnrolError::NotMuster)?;
    let scheme = match url.scheme() {
        "https" | "wss" => "wss",
        "http" | "ws" => "ws",
        _ => return Err(EnrolError::NotMuster),
    };
    url.set_scheme(scheme).map_err(|()| EnrolError::NotMuster)?;
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_server_and_code() {
        let link = EnrolmentLink::parse(" https://muster.example.org/enrol#K7Q2M4 ").unwrap();
        assert_eq!((link.server_url.as_str(), link.code.reveal()), ("https://muster.example.org", "K7Q2M4"));
        let local = EnrolmentLink::parse("http://127.0.0.1:8400/enrol#abc").unwrap();
        assert_eq!(local.server_url, "http://127.0.0.1:8400");
        assert!(!format!("{link:?}").contains("K7Q2M4"));
    }

    #[test]
    fn what_is_no_link_is_refused() {
        for text in ["", "K7Q2M4", "https://x/enrol", "https://x/enrol#", "ftp://x/#A", "https://x/#a b", "file:///x#A"]
        {
            assert!(matches!(EnrolmentLink::parse(text), Err(EnrolError::NotALink)), "{text}");
        }
    }

    #[test]
    fn the_sync_address_follows_the_server() {
        assert_eq!(sync_url("https://muster.example.org", "/sync").unwrap(), "wss://muster.example.org/sync");
        assert_eq!(sync_url("http://127.0.0.1:8400", "/sync").unwrap(), "ws://127.0.0.1:8400/sync");
        assert!(sync_url("http://127.0.0.1:8400", "mailto:x").is_err());
    }
}
