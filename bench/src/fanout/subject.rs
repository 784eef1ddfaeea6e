//! The servers under test, each a process of its own on an empty directory.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_model::id::{DeviceId, EventId};
use muster_tests::stage::Stage;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{DOCUMENT, Door, stored_facts};
use crate::error::BenchError;
use crate::report::Subject;
use crate::venue::crew;

/// How long a peer may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The programs to start.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// `muster`.
    pub(crate) muster: PathBuf,
    /// The folder of the Node program around automerge-repo, with its packages installed.
    pub(crate) automerge_repo: Option<PathBuf>,
    /// The program around samod.
    pub(crate) samod: Option<PathBuf>,
}

/// A server under test.
pub(crate) enum Server {
    /// Ours, with an event.
    Muster {
        /// The running server.
        stage: Box<Stage>,
        /// Its data.
        _folder: tempfile::TempDir,
    },
    /// A peer, which knows no events and lets everybody in.
    Peer {
        /// Which.
        subject: Subject,
        /// The process.
        child: Box<Child>,
        /// Where it listens.
        url: String,
        /// Its data.
        _folder: tempfile::TempDir,
    },
}

impl Server {
    /// Starts ours.
    pub(crate) async fn muster(programs: &Programs) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir()?;
        let stage = Stage::set(&programs.muster, folder.path(), "Fan-out").await?;
        Ok(Self::Muster { stage: Box::new(stage), _folder: folder })
    }

    /// Starts a peer.
    pub(crate) async fn peer(subject: Subject, programs: &Programs) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir()?;
        let missing = || BenchError::Subject(format!("{subject} is not installed"));
        let mut command = match subject {
            Subject::AutomergeRepo => {
                let package = programs.automerge_repo.as_ref().ok_or_else(missing)?;
                let mut command = Command::new("node");
                command.arg(package.join("server.mjs"));
                command
            }
            Subject::Samod => Command::new(programs.samod.as_ref().ok_or_else(missing)?),
            Subject::Muster | Subject::Limit => return Err(missing()),
        };
        let (child, address) = listening(&mut command, folder.path(), subject).await?;
        Ok(Self::Peer { subject, child: Box::new(child), url: format!("ws://{address}/"), _folder: folder })
    }

    pub(crate) const fn subject(&self) -> Subject {
        match self {
            Self::Muster { .. } => Subject::Muster,
            Self::Peer { subject, .. } => *subject,
        }
    }

    pub(crate) fn event(&self) -> EventId {
        match self {
            Self::Muster { stage, .. } => stage.event,
            Self::Peer { .. } => EventId::from_random([7; 16]),
        }
    }

    pub(crate) fn process(&self) -> u32 {
        let id = match self {
            Self::Muster { stage, .. } => stage.server.process_id(),
            Self::Peer { child, .. } => child.id(),
        };
        // No process has the number 0: whoever asks about it learns nothing.
        id.unwrap_or(0)
    }

    /// Where so many phones connect to: with us, each is a device that has enrolled.
    pub(crate) async fn doors(&self, phones: u32) -> Result<Vec<Door>, BenchError> {
        match self {
            Self::Muster { stage, .. } => {
                let crew = crew(stage, usize::try_from(phones).unwrap_or(usize::MAX)).await?;
                let door = |device: muster_client_native::Enrolled| Door {
                    token: Some(device.access_token().to_owned()),
                    url: device.sync_url,
                    device: device.device,
                };
                Ok(crew.into_iter().map(door).collect())
            }
            Self::Peer { url, .. } => {
                let numbers = AtomicU64::new(1);
                let door = |_| {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    Door { url: url.clone(), token: None, device: DeviceId::from_random(number.to_be_bytes()) }
                };
                Ok((0..phones).map(door).collect())
            }
        }
    }

    /// Checks that the disk has what was delivered. Peers are taken at their word.
    pub(crate) async fn lost_nothing(&self, total: u32) -> Result<(), BenchError> {
        let Self::Muster { stage, .. } = self else { return Ok(()) };
        let replica = stage.replica().await?;
        let bytes = replica.documents.get(&DOCUMENT).ok_or(BenchError::Missing("the document on the server"))?;
        let (stored, total) = (stored_facts(bytes)?, usize::try_from(total).unwrap_or(usize::MAX));
        if stored == total {
            return Ok(());
        }
        Err(BenchError::Subject(format!("{stored} of {total} facts are on the server's disk: this is a defect")))
    }

    pub(crate) async fn stop(self) {
        match self {
            // Killed when it is dropped.
            Self::Muster { .. } => {}
            Self::Peer { mut child, .. } => drop(child.kill().await),
        }
    }
}

/// Starts a peer, which says on its first line where it listens.
async fn listening(command: &mut Command, data: &Path, subject: Subject) -> Result<(Child, String), BenchError> {
    let failed = |why: String| BenchError::Subject(format!("{subject} does not start: {why}"));
    let started = command.arg(data).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
    let mut child = started.map_err(|error| failed(error.to_string()))?;
    let stdout = child.stdout.take().ok_or_else(|| failed("it has no output".into()))?;
    let mut lines = BufReader::new(stdout).lines();
    let first = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
    let line = first.map_err(|_| failed(format!("it said nothing within {} s", READY_WITHIN.as_secs())))??;
    let line = line.ok_or_else(|| failed("it ended".into()))?;
    // What it says later is of no interest, but it must be able to say it.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, line.trim().to_owned()))
}
