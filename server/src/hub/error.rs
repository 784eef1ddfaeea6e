//! Why the hub could not do what it was asked.

use std::sync::Arc;

use muster_model::document::DocumentError;
use muster_protocol::ProtocolCode;

use crate::storage::StorageError;

/// Why a document could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HubError {
    /// There is no such event.
    #[error("there is no such event")]
    UnknownEvent,
    /// The storage refused. Nothing that was asked for has happened.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is stored is not a document that this program can use.
    #[error("the stored document cannot be used: restore the last `muster backup`")]
    Document(#[source] Arc<DocumentError>),
    /// The document would become larger than the server takes.
    #[error("the document is full: at most {limit} bytes are kept")]
    DocumentFull {
        /// The most bytes a document may have.
        limit: usize,
    },
    /// The event would become larger than the server takes.
    #[error("the event is full: its documents may have {limit} bytes together; raise hub.max_event_bytes")]
    EventFull {
        /// The most bytes that the event's documents may have.
        limit: u64,
    },
    /// Something went wrong with the document; it is loaded anew at the next use.
    #[error("the document failed and is being reloaded: try again")]
    Failed,
    /// The document begins a new epoch at this moment.
    #[error("the document is begun anew at this moment: try again")]
    Replaced,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Stopped,
}

impl From<DocumentError> for HubError {
    fn from(error: DocumentError) -> Self {
        Self::Document(Arc::new(error))
    }
}

/// Why an edit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum EditError<E> {
    /// The hub could not do it.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The edit itself said no; the document is unchanged.
    #[error("the edit was refused")]
    Edit(#[source] E),
}

/// Why the hub ends a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The peer broke the protocol or a limit: the code says how.
    Protocol {
        /// The stable code.
        code: ProtocolCode,
        /// More about it, without personal data.
        detail: String,
    },
    /// The peer left or its carrier closed.
    Left,
    /// A queue is full, or the document it used failed: come back.
    Overload {
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The device has sent or cost more than its share: come back when it has paid.
    RateLimited {
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The device has as many connections as it may.
    TooManyConnections {
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The same peer of the same device connected again.
    Replaced,
    /// Nothing came back to our pings, or a write took too long.
    Unresponsive,
    /// The token has ended: get a new one.
    TokenExpired,
    /// The token that was brought to renew the connection will not do.
    TokenInvalid,
    /// The device was revoked.
    Revoked,
    /// The device has another role now: get a new token.
    RoleChanged,
    /// The server is shutting down: come back.
    ShuttingDown,
}

impl Ending {
    pub(super) fn protocol(code: ProtocolCode) -> Self {
        Self::Protocol { code, detail: code.remedy().to_owned() }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Protocol { code, .. } => code.as_str(),
            Self::Left => "peer_left",
            Self::Overload { .. } => "overload",
            Self::RateLimited { .. } => "rate_limited",
            Self::TooManyConnections { .. } => "too_many_connections",
            Self::Replaced => "replaced",
            Self::Unresponsive => "unresponsive",
            Self::TokenExpired => "token_expired",
            Self::TokenInvalid => "token_invalid",
            Self::Revoked => "device_revoked",
            Self::RoleChanged => "role_changed",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// What the device is told in a notice before the connection is closed, where something changed for it.
    #[must_use]
    pub const fn news_for_the_device(&self) -> Option<&'static str> {
        match self {
            Self::TokenExpired => Some("the access token has ended: refresh it and come back"),
            Self::TokenInvalid => Some("the access token is not good for this connection: refresh it and come back"),
            Self::Revoked => Some("this device was revoked: hand over what is not sent, then forget the event"),
            Self::RoleChanged => Some("the role of this device was changed: refresh its token and come back"),
            Self::Protocol { .. }
            | Self::Left
            | Self::Overload { .. }
            | Self::RateLimited { .. }
            | Self::TooManyConnections { .. }
            | Self::Replaced
            | Self::Unresponsive
            | Self::ShuttingDown => None,
        }
    }

    /// The WebSocket close code (RFC 6455, 7.4, and its registry).
    #[must_use]
    pub const fn close_code(&self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::ShuttingDown => 1001,
            Self::Protocol { code: ProtocolCode::FrameText, .. } => 1003,
            Self::Protocol { code: ProtocolCode::FrameTooLarge, .. } => 1009,
            Self::Protocol { .. } | Self::TokenExpired | Self::TokenInvalid | Self::Revoked | Self::RoleChanged => 1008,
            Self::RateLimited { .. } | Self::TooManyConnections { .. } => 1013,
            Self::Overload { .. } | Self::Replaced | Self::Unresponsive => 1013,
        }
    }

    /// What stands in the close frame: the code, and when to come back. At most 123 bytes (RFC 6455, 5.5).
    #[must_use]
    pub fn close_reason(&self) -> String {
        match self {
            Self::Overload { retry_after_ms }
            | Self::RateLimited { retry_after_ms }
            | Self::TooManyConnections { retry_after_ms } => {
                format!("{}; retry_after_ms={retry_after_ms}", self.code())
            }
            _ => self.code().to_owned(),
        }
    }
}
