//! What a simulated day can be found guilty of.

use std::fmt::Display;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct Finding {
    /// Which promise was broken.
    pub rule: Rule,
    /// By whom and how.
    pub detail: String,
}

/// A promise of Muster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// Every replica comes to hold the same.
    #[error("replicas differ")]
    Converge,
    /// A fact that was shown is kept, everywhere where it may be read.
    #[error("a fact that was shown is lost")]
    KeepShown,
    /// What a server acknowledged it has.
    #[error("an acknowledged change is lost")]
    KeepAcknowledged,
    /// Nothing stands on the server that its author may not write.
    #[error("something was let in")]
    LetIn,
    /// What a device may no longer read is gone from it.
    #[error("something that may no longer be read is still there")]
    Forget,
    /// A verdict follows from what the phone knew.
    #[error("a verdict is wrong")]
    Verdict,
    /// Lists and counts follow from the documents.
    #[error("a screen is wrong")]
    Screens,
    /// Facts are corrected by what is known of the clock.
    #[error("a clock is corrected wrongly")]
    Clock,
    /// Nothing fails but what was made to fail, and with the right code.
    #[error("something failed that should not")]
    Fails,
    /// The program does not panic.
    #[error("a panic")]
    Panic,
    /// The simulation itself works.
    #[error("the simulation itself failed")]
    Simulation,
}

impl Rule {
    /// A finding against this rule.
    pub(super) fn broken(self, detail: impl Into<String>) -> Finding {
        Finding { rule: self, detail: detail.into() }
    }
}

/// What comes of a step: nothing to complain of, or a finding.
pub(super) type Checked<T = ()> = Result<T, Finding>;

/// Takes an error that can only mean that the simulation itself is at fault.
pub(super) fn own_fault(error: impl Display) -> Finding {
    Rule::Simulation.broken(error.to_string())
}
