//! Errors in two rings: inside, enums with their sources; outside, a code, a retry class and a sentence.

use muster_model::document::{DocRef, DocumentError};
use muster_model::edit::EditError;
use muster_model::fact::{AppendError, FactError};
use muster_model::record::RecordError;
use muster_protocol::RetryClass;

use crate::code::CoreCode;
use crate::store::StoreError;

/// What an app gets when something could not be done. Nothing of it was kept, shown or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct CoreError {
    /// The stable code; [`CoreCode::remedy`] says what to do.
    pub code: CoreCode,
    /// When to try again.
    pub retry: RetryClass,
    /// More about it for logs, without personal data.
    pub detail: String,
}

/// Why the engine could not handle an event.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The device is not enrolled.
    #[error("not enrolled")]
    NotEnrolled,
    /// The enrolment does not fit the database.
    #[error("the database belongs to another event or device")]
    EnrolmentMismatch,
    /// The device was revoked.
    #[error("the device was revoked")]
    Revoked,
    /// The device has been without contact for longer than it may.
    #[error("the lease has ended")]
    LeaseEnded,
    /// The role may not write the document.
    #[error("the role may not write {0}")]
    NotAllowed(DocRef),
    /// Something that a command names is not here.
    #[error("{0} is not here")]
    Missing(Missing),
    /// There is no double admission to settle.
    #[error("no double admission")]
    NothingToSettle,
    /// A text that must say something says nothing.
    #[error("an empty text")]
    TextMissing,
    /// An edit that cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A fact that cannot be written.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document cannot be used.
    #[error("document {document}")]
    Document {
        /// Which.
        document: DocRef,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// A record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Bookkeeping in the store that does not read back.
    #[error("bookkeeping {key} does not read back")]
    Bookkeeping {
        /// The key of the store's `meta` table.
        key: &'static str,
    },
    /// A device has used up its fact numbers, or another number is out of range.
    #[error("{what} is out of range")]
    OutOfRange {
        /// What.
        what: &'static str,
    },
}

/// What a command names and this phone does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A checkpoint.
    Checkpoint,
    /// An attendee.
    Attendee,
    /// A fact.
    Fact,
    /// A session.
    Session,
    /// An item of a checklist.
    Item,
    /// A room.
    Room,
    /// A field that waits to be settled, or the value chosen for it.
    Conflict,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Checkpoint => "the checkpoint",
            Self::Attendee => "the attendee",
            Self::Fact => "the fact",
            Self::Session => "the session",
            Self::Item => "the item",
            Self::Room => "the room",
            Self::Conflict => "the conflict",
        })
    }
}

impl From<AppendError> for EngineError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Fact(error) => Self::Fact(error),
            AppendError::Record(error) => Self::Record(error),
        }
    }
}

impl EngineError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> CoreCode {
        match self {
            Self::NotEnrolled => CoreCode::NotEnrolled,
            Self::EnrolmentMismatch => CoreCode::EnrolmentMismatch,
            Self::Revoked => CoreCode::DeviceRevoked,
            Self::LeaseEnded => CoreCode::LeaseEnded,
            Self::NotAllowed(_) => CoreCode::NotAllowed,
            Self::Missing(Missing::Checkpoint) => CoreCode::CheckpointUnknown,
            Self::Missing(Missing::Attendee) => CoreCode::AttendeeUnknown,
            Self::Missing(Missing::Fact) => CoreCode::FactUnknown,
            Self::Missing(Missing::Session) => CoreCode::SessionUnknown,
            Self::Missing(Missing::Item) => CoreCode::ItemUnknown,
            Self::Missing(Missing::Room) => CoreCode::RoomUnknown,
            Self::Missing(Missing::Conflict) => CoreCode::ConflictUnknown,
            Self::NothingToSettle => CoreCode::NothingToSettle,
            Self::TextMissing | Self::Edit(EditError::TextMissing) => CoreCode::TextMissing,
            Self::Fact(FactError::TooLong) | Self::Edit(EditError::TextTooLong) => CoreCode::TextTooLong,
            Self::Edit(EditError::TimesReversed) => CoreCode::TimesReversed,
            Self::Edit(EditError::OutOfRange) => CoreCode::OutOfRange,
            Self::Fact(FactError::Malformed) | Self::OutOfRange { .. } => CoreCode::Internal,
            Self::Store(error) => error.code(),
            Self::Document { source, .. } => document_code(source),
            Self::Record(RecordError::Document(source)) => document_code(source),
            Self::Record(_) | Self::Bookkeeping { .. } => CoreCode::DocumentDamaged,
        }
    }
}

const fn document_code(error: &DocumentError) -> CoreCode {
    match error {
        DocumentError::Newer { .. } => CoreCode::DocumentNewer,
        DocumentError::Damaged(_) | DocumentError::NotGenesis { .. } => CoreCode::DocumentDamaged,
    }
}

impl From<EngineError> for CoreError {
    fn from(error: EngineError) -> Self {
        let code = error.code();
        Self { code, retry: code.retry(), detail: error.to_string() }
    }
}

impl From<StoreError> for CoreError {
    fn from(error: StoreError) -> Self {
        EngineError::Store(error).into()
    }
}

impl From<RecordError> for CoreError {
    fn from(error: RecordError) -> Self {
        EngineError::Record(error).into()
    }
}
