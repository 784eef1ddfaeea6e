//! How this phone stands with servers and other phones.

use muster_client_core::CoreCode;
use muster_client_core::event::ServerId;
use muster_client_core::view;
use muster_model::document::DocRef;
use muster_model::id::DeviceId;
use muster_model::time::Timestamp;

use crate::mirror::{list, mirror};

/// Where a server's link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum LinkState {
    /// Sync is not started.
    Stopped,
    /// A link is being opened, or the handshake is under way.
    Connecting,
    /// Messages go both ways.
    Connected,
    /// Tried again at this time.
    Waiting {
        /// When.
        retry_at: Timestamp,
    },
    /// The server does not take the device's token: enrol anew.
    Unauthorized,
}

/// A server and how this phone stands with it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ServerStatus {
    /// The server.
    pub server: ServerId,
    /// Where it is.
    pub url: String,
    /// Where the link stands.
    pub link: LinkState,
    /// When a message of it came last, on this device's clock.
    pub last_contact: Option<Timestamp>,
    /// Facts of this phone that are not known to be on it.
    pub facts_not_there: u64,
    /// Edits of this phone that are not known to be on it.
    pub edits_not_there: u64,
}

/// What is known of another device.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct DeviceStatus {
    /// The device.
    pub device: DeviceId,
    /// Who acted with it last.
    pub by: String,
    /// The corrected time of the latest of its facts known here: what happened there later is not known.
    pub last_fact_at: Timestamp,
    /// When this phone got it, on this device's clock.
    pub received_at: Timestamp,
}

/// A document whose changes a server refuses. They are kept here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ParkedDocument {
    /// The document.
    pub document: DocRef,
    /// Who refused.
    pub server: ServerId,
    /// The stable code of the refusal.
    pub code: String,
    /// Facts in it that are not on that server.
    pub facts: u64,
    /// Edits of it that are not on that server.
    pub edits: u64,
    /// Since when, on this device's clock.
    pub since: Timestamp,
}

/// A document that cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct UnusableDocument {
    /// The document.
    pub document: DocRef,
    /// The stable code of why.
    pub code: String,
    /// What to do about it, in one English sentence.
    pub remedy: String,
}

mirror! {
    /// What this device still is to the event.
    Standing of view::Standing {
        /// It works.
        Good,
        /// A coordinator has not let it in yet.
        Pending,
        /// It was without contact for longer than it may: it shows nothing until it has met a server. Nothing is lost.
        LeaseEnded,
        /// It was revoked and knows the event no more, but hands over what it had not sent.
        Revoked,
        /// It was revoked and holds nothing. It can be enrolled anew.
        Forgotten,
    }
}

/// How this phone stands with the others.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether it is enrolled.
    pub enrolled: bool,
    /// Who works with it.
    pub label: String,
    /// What it still is to the event.
    pub standing: Standing,
    /// Facts that were not sent, of documents that it had to forget: to be handed over to a server.
    pub kept_facts: u64,
    /// The same of edits.
    pub kept_edits: u64,
    /// The servers.
    pub servers: Vec<ServerStatus>,
    /// The other devices, the one heard longest ago first.
    pub devices: Vec<DeviceStatus>,
    /// What servers refuse.
    pub parked: Vec<ParkedDocument>,
    /// Documents that cannot be used here.
    pub unusable: Vec<UnusableDocument>,
    /// Documents of this role that are not here yet.
    pub missing: Vec<DocRef>,
    /// Whether lists and search still lack what has arrived.
    pub indexing: bool,
}

impl From<view::LinkState> for LinkState {
    fn from(link: view::LinkState) -> Self {
        match link {
            view::LinkState::Stopped => Self::Stopped,
            view::LinkState::Connecting => Self::Connecting,
            view::LinkState::Connected => Self::Connected,
            view::LinkState::Waiting { retry_at } => Self::Waiting { retry_at },
            view::LinkState::Unauthorized => Self::Unauthorized,
        }
    }
}

impl From<view::ServerStatus> for ServerStatus {
    fn from(status: view::ServerStatus) -> Self {
        Self {
            server: status.server,
            url: status.url,
            link: status.link.into(),
            last_contact: status.last_contact,
            facts_not_there: status.facts_not_there,
            edits_not_there: status.edits_not_there,
        }
    }
}

impl From<view::DeviceStatus> for DeviceStatus {
    fn from(status: view::DeviceStatus) -> Self {
        Self {
            device: status.device,
            by: status.by,
            last_fact_at: status.last_fact_at,
            received_at: status.received_at,
        }
    }
}

impl From<view::Parked> for ParkedDocument {
    fn from(parked: view::Parked) -> Self {
        Self {
            document: parked.document,
            server: parked.server,
            code: parked.code,
            facts: parked.facts,
            edits: parked.edits,
            since: parked.since,
        }
    }
}

impl From<(DocRef, CoreCode)> for UnusableDocument {
    fn from((document, code): (DocRef, CoreCode)) -> Self {
        Self { document, code: code.as_str().to_owned(), remedy: code.remedy().to_owned() }
    }
}

impl From<view::StatusView> for Status {
    fn from(status: view::StatusView) -> Self {
        Self {
            enrolled: status.enrolled,
            label: status.label,
            standing: status.standing.into(),
            kept_facts: status.kept_facts,
            kept_edits: status.kept_edits,
            servers: list(status.servers),
            devices: list(status.devices),
            parked: list(status.parked),
            unusable: list(status.unusable),
            missing: status.missing,
            indexing: status.indexing,
        }
    }
}
