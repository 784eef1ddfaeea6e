//! What callers of the HTTP API are told when something does not work.
//!
//! # Guidance
//! - There is one list of codes, [`ErrorCode`]. A code never changes its meaning; a new one goes where it belongs in the
//!   list and into `docs/API.md` (a test compares them).
//! - Inside, every module has its own `thiserror` enum with sources. It becomes an [`ApiError`] here or next to its
//!   definition, in one `match` without a catch-all, so that a new variant asks for its code.
//! - What the caller cannot change (a full disk, a bug) is logged with its sources where it becomes an [`ApiError`], and
//!   told without them.
//! - A detail says what is wrong and what to do. It holds no name, address, token or code, and nothing of a body.
//! - What a token may not see does not exist: `event_not_found`, not `forbidden`. `forbidden` is for what the caller
//!   knows of and may not do.

use std::borrow::Cow;
use std::error::Error;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
pub use muster_protocol::RetryClass;
use rand::Rng;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::storage::StorageError;

/// After how long a caller should try again who was turned away because there was too much to do.
pub const RETRY_AFTER_MS: u64 = 1_000;

/// A wait that differs from that of others who are told to wait, so that they do not come back at once: from `ms` to three
/// times as long.
#[must_use]
pub fn jittered(ms: u64) -> u64 {
    ms.saturating_add(rand::rng().random_range(0..=ms.saturating_mul(2)))
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident => $text:literal, $status:ident, $retry:ident, $detail:literal;)+) => {
        /// Why a request failed. The text form is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[doc = $doc])+ $name,)+ }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The HTTP status it comes with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// When it makes sense to try again.
            #[must_use]
            pub const fn retry(self) -> RetryClass {
                match self { $(Self::$name => RetryClass::$retry,)+ }
            }

            /// What is said where there is nothing more exact to say: what is wrong and what to do.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)+ }
            }
        }
    };
}

codes! {
    /// There is no such route.
    NotFound => "not_found", NOT_FOUND, Permanent, "there is nothing here: see /api/v1/openapi.json";
    /// The route exists, but not for this method.
    MethodNotAllowed => "method_not_allowed", METHOD_NOT_ALLOWED, Permanent, "this method is not allowed here: see /api/v1/openapi.json";
    /// A part of the path or the query is not what it should be.
    BadParameter => "bad_parameter", BAD_REQUEST, Permanent, "a part of the path or the query is not what it should be";
    /// The body is not the JSON that is expected.
    BadJson => "bad_json", BAD_REQUEST, Permanent, "the body is not the JSON that is expected: see /api/v1/openapi.json";
    /// The body is not said to be JSON.
    NotJson => "not_json", UNSUPPORTED_MEDIA_TYPE, Permanent, "send the body as JSON, with Content-Type: application/json";
    /// A field holds what it may not.
    BadField => "bad_field", UNPROCESSABLE_ENTITY, Permanent, "a field holds what it may not";
    /// The body is larger than accepted.
    BodyTooLarge => "body_too_large", PAYLOAD_TOO_LARGE, Permanent, "the body is larger than this server accepts";
    /// The body ended before it was complete.
    BodyBroken => "body_broken", BAD_REQUEST, NeedsNetwork, "the body ended before it was complete: send it again";
    /// `/sync` was asked without the WebSocket upgrade.
    NotAWebSocket => "not_a_web_socket", UPGRADE_REQUIRED, Permanent, "this is a WebSocket endpoint: connect with a sync client";
    /// There is no token.
    TokenMissing => "token_missing", UNAUTHORIZED, NeedsUser, "send a token: Authorization: Bearer <token>; a device gets one by enrolling";
    /// The token is not one of this server.
    TokenInvalid => "token_invalid", UNAUTHORIZED, NeedsUser, "the token is not one of this server: enrol the device again";
    /// The token was good once.
    TokenExpired => "token_expired", UNAUTHORIZED, NeedsUser, "the token has expired: refresh it";
    /// The token is not good yet.
    TokenNotYetValid => "token_not_yet_valid", UNAUTHORIZED, Transient, "the token is not good yet: check the clocks";
    /// The token says another role than the device has now.
    RoleChanged => "role_changed", UNAUTHORIZED, NeedsUser, "the role of this device was changed: refresh its token";
    /// There is no such refresh token.
    RefreshTokenUnknown => "refresh_token_unknown", UNAUTHORIZED, NeedsUser, "the server does not know this refresh token: enrol the device again";
    /// The refresh token was good once.
    RefreshTokenExpired => "refresh_token_expired", UNAUTHORIZED, NeedsUser, "the refresh token has expired: enrol the device again";
    /// The refresh token was exchanged before, with another nonce.
    RefreshTokenReused => "refresh_token_reused", UNAUTHORIZED, NeedsUser, "this refresh token was used before, so there are two of this device and it was revoked: enrol it again";
    /// The same exchange was answered before, and the answer used.
    RefreshReplayed => "refresh_replayed", CONFLICT, Permanent, "this exchange was answered before: use the refresh token of the answer";
    /// The device waits for a coordinator.
    EnrolmentPending => "enrolment_pending", FORBIDDEN, Transient, "a coordinator has not let this device in yet: ask again";
    /// The device was revoked.
    DeviceRevoked => "device_revoked", UNAUTHORIZED, NeedsUser, "this device was revoked: ask a coordinator for a new enrolment code";
    /// The server does not know the device.
    DeviceUnknown => "device_unknown", UNAUTHORIZED, NeedsUser, "the server does not know this device: enrol it again";
    /// The role may not do this.
    Forbidden => "forbidden", FORBIDDEN, NeedsUser, "the role of this device may not do this: ask a coordinator";
    /// No such event, or not for this token.
    EventNotFound => "event_not_found", NOT_FOUND, Permanent, "there is no such event, or it is not for this token";
    /// No such device in this event.
    DeviceNotFound => "device_not_found", NOT_FOUND, Permanent, "there is no such device in this event";
    /// What the server keeps aside of this device, or of the event, is as much as it may be.
    QuarantineFull => "quarantine_full", INSUFFICIENT_STORAGE, NeedsUser, "too much is kept aside already: keep it on the device, and ask a coordinator to look at what is there";
    /// No such attendee on the roster.
    AttendeeNotFound => "attendee_not_found", NOT_FOUND, Permanent, "there is no such attendee on the roster";
    /// No such key of tickets.
    TicketKeyNotFound => "ticket_key_not_found", NOT_FOUND, Permanent, "there is no such key of tickets in this event";
    /// The private half of a ticket key cannot be used.
    TicketKeyUnusable => "ticket_key_unusable", INTERNAL_SERVER_ERROR, NeedsUser, "the private half of a ticket key cannot be used: see the server's log";
    /// The attendee has no ticket.
    TicketNotIssued => "ticket_not_issued", CONFLICT, NeedsUser, "the attendee has no ticket: issue one first";
    /// The event has as many withdrawn tickets as it may.
    WithdrawnFull => "withdrawn_full", INSUFFICIENT_STORAGE, NeedsUser, "the event has as many withdrawn tickets as it may: rotate the key, issue all tickets anew and retire the old key";
    /// No such format.
    FormatUnknown => "format_unknown", BAD_REQUEST, Permanent, "there is no such format";
    /// The format of an imported file cannot be told.
    FormatNotDetected => "format_not_detected", UNPROCESSABLE_ENTITY, NeedsUser, "the file is none of the formats that can be imported: name the format, or export it again from where it comes from";
    /// No such enrolment code.
    EnrolmentCodeUnknown => "enrolment_code_unknown", NOT_FOUND, NeedsUser, "there is no such enrolment code: check it, or ask a coordinator for another";
    /// The enrolment code was used before.
    EnrolmentCodeUsed => "enrolment_code_used", GONE, NeedsUser, "the enrolment code was used before: ask a coordinator for another";
    /// The enrolment code has expired.
    EnrolmentCodeExpired => "enrolment_code_expired", GONE, NeedsUser, "the enrolment code has expired: ask a coordinator for another";
    /// The name or the password is wrong.
    LoginFailed => "login_failed", UNAUTHORIZED, NeedsUser, "the name or the password is wrong";
    /// The account has several events, and none was named.
    EventRequired => "event_required", CONFLICT, NeedsUser, "the account has several events: send event_id";
    /// There is another account of this name.
    AccountTaken => "account_taken", CONFLICT, NeedsUser, "there is an account of this name: choose another, or sign in with it";
    /// No such account in this event.
    AccountNotFound => "account_not_found", NOT_FOUND, Permanent, "there is no such account in this event";
    /// No such invitation, or it was used.
    InvitationUnknown => "invitation_unknown", NOT_FOUND, NeedsUser, "there is no such invitation, or it was used: ask a coordinator for another";
    /// The invitation has expired.
    InvitationExpired => "invitation_expired", GONE, NeedsUser, "the invitation has expired: ask a coordinator for another";
    /// Too many attempts from one address.
    TooManyAttempts => "too_many_attempts", TOO_MANY_REQUESTS, Transient, "too many attempts: wait and try again";
    /// Too many sync connections from one address.
    TooManyConnections => "too_many_connections", TOO_MANY_REQUESTS, Transient, "too many connections from this address: close some, or wait and try again";
    /// The file is of another kind than was said.
    ImportWrongKind => "import_wrong_kind", UNPROCESSABLE_ENTITY, NeedsUser, "the file is of another kind than was said";
    /// The file is empty.
    ImportEmpty => "import_empty", UNPROCESSABLE_ENTITY, NeedsUser, "the file is empty";
    /// The XML is broken.
    ImportNotXml => "import_not_xml", UNPROCESSABLE_ENTITY, NeedsUser, "the XML is broken";
    /// The XML has entities of its own.
    ImportEntities => "import_entities", UNPROCESSABLE_ENTITY, NeedsUser, "the XML has entities of its own";
    /// The JSON is broken.
    ImportNotJson => "import_not_json", UNPROCESSABLE_ENTITY, NeedsUser, "the JSON is broken";
    /// The file nests too deep.
    ImportTooDeep => "import_too_deep", UNPROCESSABLE_ENTITY, NeedsUser, "the file nests deeper than any real one";
    /// The text is not in the encoding it should be in.
    ImportEncoding => "import_encoding", UNPROCESSABLE_ENTITY, NeedsUser, "the text is not in the encoding it should be in: save it as UTF-8";
    /// A control character stands in the text.
    ImportControlCharacter => "import_control_character", UNPROCESSABLE_ENTITY, NeedsUser, "a control character stands in the text";
    /// The file holds more than is read.
    ImportTooLarge => "import_too_large", PAYLOAD_TOO_LARGE, NeedsUser, "the file holds more than is read";
    /// The list lacks a column.
    ImportMissingColumn => "import_missing_column", UNPROCESSABLE_ENTITY, NeedsUser, "the list lacks a column";
    /// Two columns of the list mean the same.
    ImportAmbiguousColumn => "import_ambiguous_column", UNPROCESSABLE_ENTITY, NeedsUser, "two columns of the list mean the same";
    /// The file lacks what every file of its kind has.
    ImportIncomplete => "import_incomplete", UNPROCESSABLE_ENTITY, NeedsUser, "the file is not complete";
    /// The event would hold more than it can.
    ImportEventFull => "import_event_full", UNPROCESSABLE_ENTITY, NeedsUser, "the event would hold more attendees than it can";
    /// No such entry in the quarantine.
    QuarantineNotFound => "quarantine_not_found", NOT_FOUND, Permanent, "there is no such entry in this event's quarantine";
    /// Somebody decided about it before.
    QuarantineDecided => "quarantine_decided", CONFLICT, Permanent, "somebody has decided about it already: look at the list again";
    /// There is nothing that could be accepted.
    QuarantineNothing => "quarantine_nothing", UNPROCESSABLE_ENTITY, NeedsUser, "there is no fact in it that could be accepted: edits of records are made anew by whoever may";
    /// The export could not be made.
    ExportFailed => "export_failed", INTERNAL_SERVER_ERROR, Transient, "the export could not be made: try again";
    /// The folder for the backup cannot be used.
    BackupTarget => "backup_target", CONFLICT, NeedsUser, "the backup's folder cannot be used: name one that does not exist, where the server may write";
    /// The disk is full.
    DiskFull => "disk_full", INSUFFICIENT_STORAGE, NeedsUser, "the server's disk is full; nothing of this was stored: free some space";
    /// A document is damaged or of a later version.
    DocumentUnusable => "document_unusable", INTERNAL_SERVER_ERROR, NeedsUser, "a document of the event cannot be used: see the server's log";
    /// The documents of the event together are as large as they may be.
    EventFull => "event_full", INSUFFICIENT_STORAGE, NeedsUser, "the event's documents have all the room they may have";
    /// A document is as large as it may be.
    DocumentFull => "document_full", INSUFFICIENT_STORAGE, NeedsUser, "a document of the event is as large as it may be";
    /// A document failed and is loaded anew.
    DocumentReloading => "document_reloading", SERVICE_UNAVAILABLE, Transient, "a document failed and is being loaded anew: try again";
    /// The signing keys cannot be read or written.
    KeysUnusable => "keys_unusable", INTERNAL_SERVER_ERROR, NeedsUser, "the signing keys cannot be read or written: see the server's log";
    /// The database is damaged or of a later version.
    DatabaseUnusable => "database_unusable", INTERNAL_SERVER_ERROR, NeedsUser, "the database cannot be used: see the server's log";
    /// Too much at once.
    Overloaded => "overloaded", SERVICE_UNAVAILABLE, Transient, "too much at once: try again";
    /// It took too long.
    Timeout => "timeout", SERVICE_UNAVAILABLE, Transient, "it took too long: try again";
    /// The server is stopping.
    Stopping => "stopping", SERVICE_UNAVAILABLE, Transient, "the server is stopping: try again";
    /// A bug.
    Internal => "internal", INTERNAL_SERVER_ERROR, Permanent, "something went wrong in the server: see its log";
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// The stable code.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// The request, as in the header `x-request-id` and in the server's log.
    pub request_id: String,
    /// After how many milliseconds to try again, if the server can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ApiError {
    /// Its code.
    pub code: ErrorCode,
    /// What is wrong and what to do.
    pub detail: Cow<'static, str>,
    /// After how many milliseconds to try again.
    pub retry_after_ms: Option<u64>,
}

impl ApiError {
    /// An error with a detail of its own.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None }
    }

    /// With the time after which to try again.
    #[must_use]
    pub fn retry_after_ms(self, ms: u64) -> Self {
        Self { retry_after_ms: Some(ms), ..self }
    }

    /// Something that the caller cannot help: logged with its sources, told without them.
    pub fn logged(code: ErrorCode, error: &(dyn Error + 'static)) -> Self {
        let mut causes = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push_str(": ");
            causes.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(code = code.as_str(), error = causes, "a request failed");
        code.into()
    }

    /// The body, for the request of this id.
    #[must_use]
    pub fn body(&self, request_id: &str) -> ErrorBody {
        ErrorBody {
            code: self.code.as_str().to_owned(),
            detail: self.detail.clone().into_owned(),
            request_id: request_id.to_owned(),
            retry_after_ms: self.retry_after_ms,
        }
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.detail())
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::UnknownEvent => ErrorCode::EventNotFound.into(),
            StorageError::Full => Self::logged(ErrorCode::DiskFull, &error),
            StorageError::Busy => Self::logged(ErrorCode::Overloaded, &error).retry_after_ms(RETRY_AFTER_MS),
            StorageError::Stopped => Self::from(ErrorCode::Stopping).retry_after_ms(RETRY_AFTER_MS),
            StorageError::Open { .. }
            | StorageError::Foreign { .. }
            | StorageError::Newer { .. }
            | StorageError::Damaged { .. }
            | StorageError::DamagedChunk { .. }
            | StorageError::Value { .. } => Self::logged(ErrorCode::DatabaseUnusable, &error),
            StorageError::Sqlite(_) | StorageError::Io(_) | StorageError::Panicked => {
                Self::logged(ErrorCode::Internal, &error)
            }
        }
    }
}

/// The status, with the error beside it: the body is written by [`crate::router`], which knows the request's id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for ErrorCode {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}

#[cfg(test)]
mod tests;
