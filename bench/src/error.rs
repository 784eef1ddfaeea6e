//! Why a benchmark could not be run.

use std::io;

use muster_client_core::CoreError;
use muster_client_native::{ClientError, EnrolError};
use muster_tests::replica::ReplicaError;
use muster_tests::server_process::ServerError;
use muster_tests::stage::StageError;

/// Why a benchmark could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// Muster's server fails or refuses.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// Muster's server fails.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A phone fails.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A phone's core fails.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A device could not be enrolled.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// A replica does not read.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The file system fails.
    #[error("a file cannot be used: {0}")]
    Io(#[from] io::Error),
    /// The list of attendees does not read.
    #[error("the list of attendees does not read: {0}")]
    List(#[from] csv::Error),
    /// A server's HTTP interface does not answer as it should.
    #[error("the server does not answer as it should: {0}")]
    Http(#[from] reqwest::Error),
    /// A server cannot be started.
    #[error("{0}")]
    Subject(String),
    /// A server sends what is against the protocol.
    #[error("a server sent what cannot be read: {0}")]
    Wire(String),
    /// A connection of the load ended.
    #[error("a connection ended: {0}")]
    Link(String),
    /// The document holds no facts.
    #[error("the document holds no facts")]
    NoFacts,
    /// Something that should be there is not.
    #[error("{0} is not there")]
    Missing(&'static str),
    /// Something took too long to wait for.
    #[error("{what} took more than {seconds} s")]
    TooLong {
        /// What was waited for.
        what: &'static str,
        /// How long.
        seconds: u64,
    },
}

impl From<muster_model::document::DocumentError> for BenchError {
    fn from(error: muster_model::document::DocumentError) -> Self {
        Self::Replica(error.into())
    }
}
