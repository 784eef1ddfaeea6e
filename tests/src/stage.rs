//! What every story needs: a running server with an event, files imported, devices invited.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use muster_model::id::EventId;
use serde_json::Value as Json;

use crate::replica::{Replica, ReplicaError};
use crate::server_process::{ServerError, ServerProcess};

/// A running server with an event.
#[derive(Debug)]
pub struct Stage {
    /// The server.
    pub server: ServerProcess,
    /// The event.
    pub event: EventId,
    folder: PathBuf,
}

/// Why a stage could not be set.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The server fails.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The server's answer lacks a field.
    #[error("the server's answer has no field {0}")]
    Answer(&'static str),
    /// The file system fails.
    #[error("a file or folder of the stage cannot be used")]
    Io(#[from] io::Error),
    /// What the server holds does not read.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// An address on this machine; the system chooses the port.
#[must_use]
pub fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl Stage {
    /// Starts `program` on a new data directory in `folder` and creates an event.
    ///
    /// # Errors
    /// If the server does not start or refuses.
    pub async fn set(program: &Path, folder: &Path, event_name: &str) -> Result<Self, StageError> {
        Self::set_at(any_port(), program, folder, event_name).await
    }

    /// As [`set`](Self::set), on an address of one's own.
    ///
    /// # Errors
    /// If the server does not start or refuses.
    pub async fn set_at(
        listen: SocketAddr,
        program: &Path,
        folder: &Path,
        event_name: &str,
    ) -> Result<Self, StageError> {
        let server = ServerProcess::start(program, &folder.join("server"), listen).await?;
        let created = server.command(&["event", "create", "--name", event_name, "--time-zone", "Europe/Riga"]).await?;
        let event = text(&created, "event_id")?.parse().map_err(|_| StageError::Answer("event_id"))?;
        Ok(Self { server, event, folder: folder.to_owned() })
    }

    /// Imports a file.
    ///
    /// # Errors
    /// If the server refuses it.
    pub async fn import(&self, file: &Path) -> Result<Json, StageError> {
        let path = file.to_string_lossy();
        Ok(self.server.command(&["event", "import", &self.event.to_string(), &path]).await?)
    }

    /// A link with which a device enrols; `role` as on the command line, a presenter's with the presenter's id.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn invite(&self, role: &str, name: &str, presenter: Option<&str>) -> Result<String, StageError> {
        let event = self.event.to_string();
        let mut args = vec!["device", "add", &event, "--role", role, "--name", name];
        if let Some(presenter) = presenter {
            args.extend(["--presenter", presenter]);
        }
        Ok(text(&self.server.command(&args).await?, "link")?.to_owned())
    }

    /// As [`invite`](Self::invite), for so many devices and minutes.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn invite_many(
        &self,
        role: &str,
        name: &str,
        presenter: Option<&str>,
        devices: u32,
        minutes: u32,
    ) -> Result<String, StageError> {
        let (event, devices, minutes) = (self.event.to_string(), devices.to_string(), minutes.to_string());
        let mut args = vec!["device", "add", &event, "--role", role, "--name", name];
        args.extend(["--devices", &devices, "--expires-min", &minutes]);
        if let Some(presenter) = presenter {
            args.extend(["--presenter", presenter]);
        }
        Ok(text(&self.server.command(&args).await?, "link")?.to_owned())
    }

    /// What the server holds on its disk, from a backup made while it runs.
    ///
    /// # Errors
    /// If the backup fails or does not read.
    pub async fn replica(&self) -> Result<Replica, StageError> {
        let target = self.folder.join("backup");
        match std::fs::remove_dir_all(&target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        self.server.command(&["backup", &target.to_string_lossy()]).await?;
        Ok(Replica::of_server(&target.join("muster.db"), self.event).await?)
    }
}

/// A text field of a server's answer.
///
/// # Errors
/// [`StageError::Answer`] if it is not there.
pub fn text<'a>(answer: &'a Json, field: &'static str) -> Result<&'a str, StageError> {
    answer.get(field).and_then(Json::as_str).ok_or(StageError::Answer(field))
}
