//! Ids, times and texts: what they are in the foreign language, and what is not one.

use muster_client_core::event::ServerId;
use muster_model::document::DocRef;
use muster_model::id::{
    AttendeeId, CheckpointId, DeviceId, EventId, FactId, ItemId, LogisticsId, PresenterId, QuestionId, RoomId,
    SessionId, TrackId,
};
use muster_model::time::Timestamp;

use crate::error::MusterError;

/// A text that foreign code handed over. UniFFI takes its word that it is UTF-8; this does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes bytes that should be a text.
    ///
    /// # Errors
    /// [`MusterError::BadParameter`] if they are not UTF-8.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, MusterError> {
        String::from_utf8(bytes).map(Self).map_err(|_| MusterError::bad_parameter("the text is not UTF-8"))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

uniffi::custom_type!(Text, String, {
    lower: |text| text.0,
    try_lift: |text| Ok(Text::from_bytes(text.into_bytes())?),
});

/// An id is its text; a text that is not one is refused before anything is asked of the core.
macro_rules! ids {
    ($($id:ident,)*) => { $(
        uniffi::custom_type!($id, String, {
            remote,
            lower: |id| id.to_string(),
            try_lift: |text| Ok(Text::from_bytes(text.into_bytes())?.as_str().parse::<$id>().map_err(MusterError::bad_parameter)?),
        });
    )* };
}

ids! {
    EventId,
    DeviceId,
    AttendeeId,
    CheckpointId,
    FactId,
    SessionId,
    RoomId,
    TrackId,
    PresenterId,
    ItemId,
    QuestionId,
    LogisticsId,
    DocRef,
}

uniffi::custom_type!(ServerId, String, {
    remote,
    lower: |id| id.0,
    try_lift: |text| Ok(ServerId(Text::from_bytes(text.into_bytes())?.into())),
});

// Milliseconds since 1970-01-01T00:00:00Z, not the language's own date: a device's wrong clock may lie outside of what
// such a date can hold, and one such fact must not make a whole list unreadable.
uniffi::custom_type!(Timestamp, i64, {
    remote,
    lower: |at| at.ms(),
    try_lift: |ms| Ok(Timestamp::from_ms(ms)),
});

#[cfg(test)]
mod tests {
    use super::*;
    use uniffi::{FfiConverter, RustBuffer};

    use crate::UniFfiTag;

    fn lifted<T: uniffi::Lift<UniFfiTag, FfiType = RustBuffer>>(bytes: &[u8]) -> Result<T, MusterError> {
        T::try_lift(RustBuffer::from_vec(bytes.to_vec())).map_err(|error| error.downcast().unwrap())
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_with_a_code() {
        assert_eq!(lifted::<Text>("Jānis".as_bytes()).unwrap().as_str(), "Jānis");
        for bytes in [&b"\xff"[..], b"abc\x80", b"\xed\xa0\x80", b"\xf0\x9f"] {
            assert_eq!(lifted::<Text>(bytes).unwrap_err().code(), "bad_parameter");
            assert_eq!(lifted::<AttendeeId>(bytes).unwrap_err().code(), "bad_parameter");
            assert_eq!(lifted::<ServerId>(bytes).unwrap_err().code(), "bad_parameter");
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused_with_what_one_looks_like() {
        let error = lifted::<CheckpointId>(b"the entrance").unwrap_err();
        assert_eq!(error.code(), "bad_parameter");
        assert!(error.detail().contains("16 characters"), "{}", error.detail());
    }

    #[test]
    fn any_time_crosses() {
        for ms in [i64::MIN, -1, 0, i64::MAX] {
            let at = <Timestamp as FfiConverter<UniFfiTag>>::try_lift(ms).unwrap();
            assert_eq!(<Timestamp as FfiConverter<UniFfiTag>>::lower(at), ms);
        }
    }
}
