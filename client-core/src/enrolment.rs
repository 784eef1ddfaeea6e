//! Enrolment: a one-time code becomes a device with a role in an event.
//!
//! The shell asks over HTTP and hands the answer back; what is asked and what an answer means is here, for every platform.

use std::net::Ipv6Addr;

use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_protocol::RetryClass;
use serde::{Deserialize, Serialize};

use crate::event::{Credentials, Enrolment, ServerId, Token};
use crate::exchange::{GivenTokens, HttpAnswer, Question};

/// Why a device could not be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// The link or address is not one of a Muster server.
    #[error("this is not an enrolment link: it looks like https://muster.example.org/enrol#CODE")]
    NotALink,
    /// Nobody answers; enrolment is the one step that needs the network.
    #[error("the server cannot be reached: connect to the network and try again")]
    Unreachable,
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
            Self::Unreachable => "unreachable",
            Self::Refused { code, .. } => code,
            Self::NotMuster => "not_muster",
        }
    }

    /// When to try again.
    #[must_use]
    pub const fn retry(&self) -> RetryClass {
        match self {
            Self::Refused { busy: true, .. } => RetryClass::Transient,
            Self::Unreachable => RetryClass::NeedsNetwork,
            Self::NotALink | Self::Refused { .. } | Self::NotMuster => RetryClass::NeedsUser,
        }
    }

    /// What is wrong and what to do about it, in one English sentence without personal data.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Refused { detail, .. } => detail.clone(),
            error => error.to_string(),
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
        let (scheme, authority, _) = parts(address).ok_or(EnrolError::NotALink)?;
        let plain = !code.is_empty() && code.len() <= 128 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let default_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(EnrolError::NotALink),
        };
        if !plain {
            return Err(EnrolError::NotALink);
        }
        let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
        let server_url = format!("{scheme}://{authority}");
        parts(&server_url).ok_or(EnrolError::NotALink)?;
        Ok(Self { server_url, code: Token::new(code) })
    }

    /// What to ask the server. The code is spent even if the answer is lost: then ask a coordinator for another.
    #[must_use]
    pub fn question(&self, device_name: &str) -> Question {
        let asked = Asked { code: self.code.reveal(), device_name };
        Question::new(&self.server_url, "/api/v1/devices/enrol", &asked)
    }

    /// What the server's answer means.
    ///
    /// # Errors
    /// If there was none, it refuses, or it cannot be understood.
    pub fn enrolled(&self, answer: Option<HttpAnswer<'_>>) -> Result<Enrolled, EnrolError> {
        let answer = answer.ok_or(EnrolError::Unreachable)?;
        if !answer.is_success() {
            let refusal: Refusal = serde_json::from_slice(answer.body).map_err(|_| EnrolError::NotMuster)?;
            let busy = answer.status == 429 || answer.status >= 500;
            return Err(EnrolError::Refused { code: refusal.code, detail: refusal.detail, busy });
        }
        let given: Answer = serde_json::from_slice(answer.body).map_err(|_| EnrolError::NotMuster)?;
        Ok(Enrolled {
            sync_url: sync_url(&self.server_url, &given.sync_url).ok_or(EnrolError::NotMuster)?,
            server_url: self.server_url.clone(),
            server_id: given.server_id,
            event: given.event_id,
            event_name: given.event_name,
            device: given.device_id,
            role: given.given.role,
            device_name: given.device_name,
            credentials: given.given.credentials(),
        })
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

    /// What to tell the core. `device_name`: what the person called the device, for a server that does not say.
    #[must_use]
    pub fn into_enrolment(self, device_name: &str) -> Enrolment {
        Enrolment {
            server_url: self.sync_url,
            api_url: self.server_url,
            server_id: ServerId(self.server_id),
            event: self.event,
            device: self.device,
            role: self.role,
            credentials: self.credentials,
            device_name: if self.device_name.is_empty() { device_name.to_owned() } else { self.device_name },
        }
    }
}

#[derive(Serialize)]
struct Asked<'a> {
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

/// Scheme and authority of a web address in small letters, and what follows. A host in letters beyond ASCII is left to
/// whoever connects, and so is whether there is such a host.
fn parts(address: &str) -> Option<(String, String, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || "@\\<>\"{}|^`%#".contains(letter);
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port_is_one = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let host_is_one = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']').is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    let known = host_is_one && port_is_one && !authority.contains(odd);
    known.then(|| (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase(), path))
}

/// The endpoint's address: `answered` may be a path on the server that was asked, so that a server behind a proxy need not
/// know its own name.
fn sync_url(server_url: &str, answered: &str) -> Option<String> {
    let whole = match answered.strip_prefix('/') {
        Some(path) if !path.starts_with('/') => format!("{server_url}{answered}"),
        _ => answered.to_owned(),
    };
    let (scheme, authority, path) = parts(&whole)?;
    let scheme = match scheme.as_str() {
        "https" | "wss" => "wss",
        "http" | "ws" => "ws",
        _ => return None,
    };
    Some(format!("{scheme}://{authority}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_server_and_code() {
        let link = EnrolmentLink::parse(" https://muster.example.org/enrol#K7Q2M4 ").unwrap();
        assert_eq!((link.server_url.as_str(), link.code.reveal()), ("https://muster.example.org", "K7Q2M4"));
        let addresses = [
            ("http://127.0.0.1:8400/enrol#abc", "http://127.0.0.1:8400"),
            ("HTTPS://Muster.Example.org:443/enrol?lang=lv#abc", "https://muster.example.org"),
            ("http://[::1]:8400/enrol#abc", "http://[::1]:8400"),
            ("http://[::1]/enrol#abc", "http://[::1]"),
            ("https://māja.lv#abc", "https://māja.lv"),
        ];
        for (text, server) in addresses {
            assert_eq!(EnrolmentLink::parse(text).unwrap().server_url, server, "{text}");
        }
        assert!(!format!("{link:?}").contains("K7Q2M4"));
    }

    #[test]
    fn what_is_no_link_is_refused() {
        let texts = [
            "",
            "K7Q2M4",
            "https://x/enrol",
            "https://x/enrol#",
            "ftp://x/#A",
            "https://x/#a b",
            "file:///x#A",
            "https://#A",
            "https://:80#A",
            "https://x:port/enrol#A",
            "https://somebody@x/enrol#A",
            "https://x y/enrol#A",
            "https://x\\y#A",
            "https://[::1#A",
            "http://[::11m:80#A",
            "https://a:b:80#A",
        ];
        for text in texts {
            assert_eq!(EnrolmentLink::parse(text), Err(EnrolError::NotALink), "{text}");
        }
    }

    #[test]
    fn the_sync_address_follows_the_server() {
        let of = |server, answered| sync_url(server, answered);
        assert_eq!(of("https://muster.example.org", "/sync").as_deref(), Some("wss://muster.example.org/sync"));
        assert_eq!(of("http://127.0.0.1:8400", "/sync").as_deref(), Some("ws://127.0.0.1:8400/sync"));
        assert_eq!(of("http://inside:8400", "https://outside/a/sync").as_deref(), Some("wss://outside/a/sync"));
        for answered in ["mailto:x", "//elsewhere/sync", "sync", ""] {
            assert_eq!(of("http://127.0.0.1:8400", answered), None, "{answered}");
        }
    }

    #[test]
    fn what_a_server_answers_is_told_apart() {
        let link = EnrolmentLink::parse("https://muster.example.org/enrol#K7Q2M4").unwrap();
        let question = link.question("Gate A");
        assert_eq!(question.url, "https://muster.example.org/api/v1/devices/enrol");
        assert_eq!(question.body, r#"{"code":"K7Q2M4","device_name":"Gate A"}"#);
        assert_eq!(link.enrolled(None).unwrap_err(), EnrolError::Unreachable);
        let refused = |status, code: &str| {
            let body = format!(r#"{{"code":"{code}","detail":"ask for another","request_id":"1"}}"#);
            link.enrolled(Some(HttpAnswer { status, body: body.as_bytes() })).unwrap_err()
        };
        let used = refused(409, "enrolment_code_used");
        assert_eq!((used.code(), used.retry()), ("enrolment_code_used", RetryClass::NeedsUser));
        assert_eq!(refused(503, "overloaded").retry(), RetryClass::Transient);
        for (status, body) in [(200, "<html>sign in</html>"), (302, ""), (200, "{}")] {
            let answer = HttpAnswer { status, body: body.as_bytes() };
            assert_eq!(link.enrolled(Some(answer)).unwrap_err(), EnrolError::NotMuster);
        }
    }
}
