//! What the hub takes from its surroundings: a simulation brings its own, so that a run can be repeated.

use std::sync::Arc;

use super::authors::{Authors, NoAuthors};
use super::clock::{Clock, machine_clock};
use super::{Admission, RuleAdmission};

/// What the hub takes from its surroundings.
#[derive(Clone)]
pub struct Surroundings {
    /// What is let in. Default: the rules.
    pub admission: Arc<dyn Admission>,
    /// Who the authors of changes are. Default: nobody is known, so that no device brings changes of another.
    pub authors: Arc<dyn Authors>,
    /// The time. Default: the machine's clock.
    pub clock: Clock,
    /// What tells apart the runs of one server: no two hubs may write to a store under the same. Default: drawn.
    pub session: [u8; 8],
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            admission: Arc::new(RuleAdmission),
            authors: Arc::new(NoAuthors),
            clock: machine_clock(),
            session: rand::random(),
        }
    }
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
