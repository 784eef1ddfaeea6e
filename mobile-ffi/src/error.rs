//! What went wrong, as an app can match it and show it.

use std::fmt;

use muster_client_core::code::{CoreCode, RetryClass as CoreRetryClass};
use muster_client_native::{ClientError, EnrolError};

use crate::mirror::mirror;

mirror! {
    /// When it makes sense to try again.
    RetryClass of CoreRetryClass {
        /// Soon: nothing has to change first.
        Transient,
        /// When the network is back.
        NeedsNetwork,
        /// When a person has done something first.
        NeedsUser,
        /// Never: the same will happen again.
        Permanent,
    }
}

/// What there is to say about an error.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Problem {
    /// The stable code, as on every other interface (`storage_full`).
    pub code: String,
    /// When it makes sense to try again.
    pub retry: RetryClass,
    /// What is wrong and what to do about it, in one English sentence without personal data.
    pub remedy: String,
    /// More about it for logs, without personal data.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.remedy)
    }
}

macro_rules! errors {
    (
        core { $($(#[doc = $core_doc:literal])* $core:ident,)* }
        others { $($(#[doc = $doc:literal])* $name:ident,)* }
    ) => {
        /// Why something was not done. Nothing of it was kept, shown or sent.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
        pub enum MusterError {
            $(
                $(#[doc = $core_doc])*
                #[error("{problem}")]
                $core {
                    /// What there is to say about it.
                    problem: Problem,
                },
            )*
            $(
                $(#[doc = $doc])*
                #[error("{problem}")]
                $name {
                    /// What there is to say about it.
                    problem: Problem,
                },
            )*
        }

        impl MusterError {
            /// The variant of a code of the core. One that is newer than this list is a fault of this list; the code
            /// itself is passed on all the same.
            fn of_core(code: CoreCode, problem: Problem) -> Self {
                match code {
                    $(CoreCode::$core => Self::$core { problem },)*
                    _ => Self::Internal { problem },
                }
            }

            fn problem(&self) -> &Problem {
                match self {
                    $(Self::$core { problem } => problem,)*
                    $(Self::$name { problem } => problem,)*
                }
            }
        }
    };
}

errors! {
    core {
        /// This device is not enrolled for an event.
        NotEnrolled,
        /// The database belongs to another event or device.
        EnrolmentMismatch,
        /// This device's role may not do that.
        NotAllowed,
        /// There is no such checkpoint.
        CheckpointUnknown,
        /// This phone knows no such attendee.
        AttendeeUnknown,
        /// This phone knows no such fact.
        FactUnknown,
        /// This phone knows no such session.
        SessionUnknown,
        /// The session's checklist has no such item.
        ItemUnknown,
        /// There is no such double admission.
        NothingToSettle,
        /// A text that must say something says nothing.
        TextMissing,
        /// A text is too long to be kept.
        TextTooLong,
        /// No space is left.
        StorageFull,
        /// The storage failed.
        StorageFailed,
        /// The database is open already, in this app or another.
        StorageBusy,
        /// The database is damaged; `recover_database` puts it aside.
        StorageDamaged,
        /// A later version of the app wrote the database.
        StorageNewer,
        /// A later version wrote part of the event.
        DocumentNewer,
        /// Part of the stored event is damaged.
        DocumentDamaged,
        /// A fault of the program itself.
        Internal,
        /// This device was revoked and has forgotten the event.
        DeviceRevoked,
        /// This device was without contact for longer than it may.
        LeaseEnded,
        /// The database was encrypted with another key.
        StorageKey,
        /// A key was given, and the library was built without encryption.
        StorageNoEncryption,
        /// This phone knows no such room.
        RoomUnknown,
        /// An end that is not after its beginning.
        TimesReversed,
        /// A number or a time that cannot be.
        OutOfRange,
        /// There is nothing to choose between any more.
        ConflictUnknown,
    }
    others {
        /// The text is not an enrolment link.
        EnrolmentLink,
        /// The server cannot be reached.
        Unreachable,
        /// The server refuses the enrolment code; the code is the server's own (`enrolment_code_used`).
        Refused,
        /// What answers is not a Muster server.
        NotMuster,
        /// The client was closed.
        Closed,
        /// The link to another phone has ended.
        LinkEnded,
        /// An argument is not what it has to be: not an id, not UTF-8, not a certificate.
        BadParameter,
    }
}

#[uniffi::export]
impl MusterError {
    /// The stable code, as on every other interface (`storage_full`).
    #[must_use]
    pub fn code(&self) -> String {
        self.problem().code.clone()
    }

    /// When it makes sense to try again.
    #[must_use]
    pub fn retry(&self) -> RetryClass {
        self.problem().retry
    }

    /// What is wrong and what to do about it, in one English sentence without personal data.
    #[must_use]
    pub fn remedy(&self) -> String {
        self.problem().remedy.clone()
    }

    /// More about it for logs, without personal data.
    #[must_use]
    pub fn detail(&self) -> String {
        self.problem().detail.clone()
    }
}

impl MusterError {
    /// An argument that is not what it has to be; `why` must not repeat what it holds.
    pub(crate) fn bad_parameter(why: impl fmt::Display) -> Self {
        let detail = why.to_string();
        let problem = Problem {
            code: "bad_parameter".to_owned(),
            retry: RetryClass::Permanent,
            remedy: format!("the app passed something it must not: {detail}"),
            detail,
        };
        Self::BadParameter { problem }
    }

    pub(crate) fn link_ended() -> Self {
        let problem = Problem {
            code: "link_ended".to_owned(),
            retry: RetryClass::Transient,
            remedy: "the link to the other phone has ended: connect again".to_owned(),
            detail: "the link has ended".to_owned(),
        };
        Self::LinkEnded { problem }
    }

    pub(crate) fn internal(detail: &str) -> Self {
        let code = CoreCode::Internal;
        let problem = Problem {
            code: code.as_str().to_owned(),
            retry: code.retry().into(),
            remedy: code.remedy().to_owned(),
            detail: detail.to_owned(),
        };
        Self::Internal { problem }
    }
}

impl From<ClientError> for MusterError {
    fn from(error: ClientError) -> Self {
        let problem = Problem {
            code: error.code().to_owned(),
            retry: error.retry().into(),
            remedy: error.remedy(),
            detail: error.to_string(),
        };
        match error {
            ClientError::Core(error) => Self::of_core(error.code, problem),
            ClientError::Enrol(EnrolError::NotALink) => Self::EnrolmentLink { problem },
            ClientError::Enrol(EnrolError::Unreachable) => Self::Unreachable { problem },
            ClientError::Enrol(EnrolError::Refused { .. }) => Self::Refused { problem },
            ClientError::Enrol(EnrolError::NotMuster) => Self::NotMuster { problem },
            ClientError::Closed => Self::Closed { problem },
            ClientError::Thread(_) => Self::Internal { problem },
        }
    }
}

impl From<EnrolError> for MusterError {
    fn from(error: EnrolError) -> Self {
        ClientError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_client_core::CoreError;

    /// `StorageBusy { problem: ..` as `storage_busy`.
    fn variant_in_snake_case(error: &MusterError) -> String {
        let debug = format!("{error:?}");
        let mut snake = String::new();
        for (at, letter) in debug.split(' ').next().unwrap().char_indices() {
            if letter.is_ascii_uppercase() && at > 0 {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        snake
    }

    #[test]
    fn every_code_of_the_core_has_its_variant() {
        for code in CoreCode::ALL {
            let core = CoreError { code: *code, retry: code.retry(), detail: "why".into() };
            let error = MusterError::from(ClientError::from(core));
            assert_eq!(variant_in_snake_case(&error), code.as_str());
            assert_eq!((error.code(), error.remedy()), (code.as_str().to_owned(), code.remedy().to_owned()));
            assert_eq!((error.retry(), error.to_string().is_empty()), (code.retry().into(), false));
        }
    }

    #[test]
    fn what_a_server_refuses_keeps_the_servers_code() {
        let refused =
            |busy| EnrolError::Refused { code: "enrolment_code_used".into(), detail: "ask for another".into(), busy };
        let error = MusterError::from(refused(false));
        assert!(matches!(error, MusterError::Refused { .. }));
        assert_eq!((error.code().as_str(), error.remedy().as_str()), ("enrolment_code_used", "ask for another"));
        assert_eq!(error.retry(), RetryClass::NeedsUser);
        assert_eq!(MusterError::from(refused(true)).retry(), RetryClass::Transient);
    }

    #[test]
    fn codes_of_this_crate_are_the_variants_names() {
        let closed = MusterError::from(ClientError::Closed);
        for error in [closed, MusterError::bad_parameter("x"), MusterError::link_ended(), MusterError::internal("x")] {
            assert_eq!(variant_in_snake_case(&error), error.code());
        }
    }
}
