//! What went wrong, as a page can match it and show it.

use std::fmt;

use muster_client_core::code::{CoreCode, RetryClass as CoreRetryClass};
use muster_client_core::enrolment::EnrolError;
use muster_client_core::error::CoreError;
use tsify::{Ts, Tsify};
use wasm_bindgen::JsValue;

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

/// Why something was not done. Nothing of it was kept, shown or sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
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

/// A [`Problem`] on its way to be thrown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(Problem);

impl Problem {
    fn of(code: CoreCode, detail: String) -> Failed {
        let (retry, remedy) = (code.retry().into(), code.remedy().to_owned());
        Failed(Self { code: code.as_str().to_owned(), retry, remedy, detail })
    }

    /// An argument that is not what it has to be; `why` must not repeat what it holds.
    pub(crate) fn bad_parameter(why: impl fmt::Display) -> Failed {
        let detail = why.to_string();
        Failed(Self {
            code: "bad_parameter".to_owned(),
            retry: RetryClass::Permanent,
            remedy: format!("the app passed something it must not: {detail}"),
            detail,
        })
    }

    /// The browser gives no place to keep a database in.
    pub(crate) fn storage_unavailable(detail: impl fmt::Display) -> Failed {
        Failed(Self {
            code: "storage_unavailable".to_owned(),
            retry: RetryClass::NeedsUser,
            remedy:
                "this browser window keeps nothing (a private window, or a browser that is too old): use an ordinary \
                     window"
                    .to_owned(),
            detail: detail.to_string(),
        })
    }

    pub(crate) fn internal(detail: &str) -> Failed {
        Self::of(CoreCode::Internal, detail.to_owned())
    }

    #[cfg(target_family = "wasm")]
    pub(crate) fn storage(code: CoreCode, detail: impl fmt::Display) -> Failed {
        Self::of(code, detail.to_string())
    }
}

impl From<CoreError> for Failed {
    fn from(error: CoreError) -> Self {
        Problem::of(error.code, error.detail)
    }
}

impl From<EnrolError> for Failed {
    fn from(error: EnrolError) -> Self {
        Self(Problem {
            code: error.code().to_owned(),
            retry: error.retry().into(),
            remedy: error.remedy(),
            detail: error.to_string(),
        })
    }
}

impl From<Failed> for JsValue {
    fn from(Failed(problem): Failed) -> Self {
        // Four texts always become JSON; if they did not, the code alone says enough.
        problem.into_ts().map_or_else(|_| Self::from_str(&problem.code), Ts::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_core_keeps_its_name_class_and_remedy() {
        for code in CoreCode::ALL {
            let core = CoreError { code: *code, retry: code.retry(), detail: "why".into() };
            let Failed(problem) = Failed::from(core);
            assert_eq!((problem.code.as_str(), problem.remedy.as_str()), (code.as_str(), code.remedy()));
            assert_eq!((problem.retry, problem.detail.as_str()), (code.retry().into(), "why"));
        }
    }

    #[test]
    fn what_a_server_refuses_keeps_the_servers_code() {
        let refused =
            |busy| EnrolError::Refused { code: "enrolment_code_used".into(), detail: "ask for another".into(), busy };
        let Failed(problem) = Failed::from(refused(false));
        assert_eq!((problem.code.as_str(), problem.remedy.as_str()), ("enrolment_code_used", "ask for another"));
        assert_eq!(problem.retry, RetryClass::NeedsUser);
        assert_eq!(Failed::from(refused(true)).0.retry, RetryClass::Transient);
    }
}
