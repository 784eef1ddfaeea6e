//! Why a task could not be done; each text names the thing to look at or to do.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// The failure of a task.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program could not be started at all.
    #[error("cannot start `{command}`: {source}")]
    Start { command: String, source: io::Error },
    /// A program ran and said no.
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: ExitStatus },
    /// A step of `cargo xtask test` failed.
    #[error("step `{name}` failed: {source}")]
    Step { name: &'static str, source: Box<Error> },
    /// Something is missing that setup cannot install; the lines say what to run.
    #[error("this machine is not ready to build Muster:\n{}", .0.join("\n"))]
    NotReady(Vec<String>),
    /// `cargo metadata` did not describe the workspace.
    #[error("cannot read the workspace: {0}")]
    Metadata(#[from] cargo_metadata::Error),
    /// Crates depend on each other in a way the design rules out.
    #[error("dependency arrows that must not be there:\n{}", .0.join("\n"))]
    Arrows(Vec<String>),
    /// `MUSTER_DATA` leads nowhere, so tests would be skipped that somebody meant to run.
    #[error("MUSTER_DATA is {}, which is not a folder: correct it, or unset it to skip the tests that need it", .0.display())]
    DataMissing(PathBuf),
    /// There are no such seeds; the text says what to do.
    #[error("{0}")]
    Seeds(String),
    /// The server for the API's checks did not say what it should.
    #[error("muster-api-stage did not say its {0}: see above why")]
    Stage(&'static str),
    /// What is made from the source is in the repository as it was made before.
    #[error("{0} is not what the source makes: `cargo xtask web --core` has written it anew, look at it and commit it")]
    Stale(&'static str),
    /// Fuzzing found something, or there is nothing to fuzz; the text says what to do.
    #[error("{0}")]
    Fuzz(String),
    /// A file could not be written or read.
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    /// Standard output went away.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    /// A name list in `xtask/names` lacks what a draw needs.
    #[error("xtask/names/{list}.txt: the section [{section}] is missing or empty")]
    Names { list: &'static str, section: &'static str },
}
