//! What the hub takes from its surroundings: a simulation brings its own, so that a run can be repeated.

use std::sync::Arc;

use super::clock::{Clock, machine_clock};
use super::{AccessAdmission, Admission};

/// What the hub takes from its surroundings.
#[derive(Clone)]
pub struct Surroundings {
    /// What is let in. Default: the access table.
    pub admission: Arc<dyn Admission>,
    /// The time. Default: the machine's clock.
    pub clock: Clock,
    /// What tells apart the runs of one server: no two hubs may write to a store under the same. Default: drawn.
    pub session: [u8; 8],
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { admission: Arc::new(AccessAdmission), clock: machine_clock(), session: rand::random() }
    }
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
