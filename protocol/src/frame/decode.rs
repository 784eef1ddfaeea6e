//! Reading frames: lenient in encoding, strict in size.

mod fields;
mod reader;

use fields::Fields;
use reader::Reader;

use super::{Frame, FrameLimits};
use crate::{DocumentIdError, ProtocolCode};

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More bytes than [`FrameLimits::max_frame_bytes`].
    #[error("the frame has {bytes} bytes, at most {limit} are taken")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many may be.
        limit: usize,
    },
    /// Not CBOR, or not of the shape the field needs.
    #[error("the frame is malformed at byte {offset}: {what}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// A field that this type of message needs.
    #[error("the {kind} frame lacks {field}")]
    Missing {
        /// Type of the message.
        kind: &'static str,
        /// Name of the field on the wire.
        field: &'static str,
    },
    /// A text, a list or the nesting is over its limit.
    #[error("the frame's {what} is over its limit")]
    Limit {
        /// What it is.
        what: &'static str,
    },
    /// A document id that is none.
    #[error("the frame's document id is invalid: {0}")]
    DocumentId(#[from] DocumentIdError),
}

impl FrameError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ProtocolCode {
        match self {
            Self::TooLarge { .. } => ProtocolCode::FrameTooLarge,
            Self::Limit { .. } => ProtocolCode::FrameLimit,
            Self::Malformed { .. } | Self::Missing { .. } | Self::DocumentId(_) => ProtocolCode::FrameMalformed,
        }
    }
}

impl Frame {
    /// Reads one frame.
    ///
    /// # Errors
    /// [`FrameError`] when it is too large, malformed, lacks a field or exceeds a limit. A type or
    /// a field that we do not know is no error.
    pub fn decode(bytes: &[u8], limits: &FrameLimits) -> Result<Self, FrameError> {
        if bytes.len() > limits.max_frame_bytes {
            let limit = limits.max_frame_bytes;
            return Err(FrameError::TooLarge { bytes: bytes.len(), limit });
        }
        let mut reader = Reader::new(bytes, limits);
        let fields = Fields::read(&mut reader)?;
        reader.finish()?;
        fields.into_frame()
    }
}
