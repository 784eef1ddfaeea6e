//! The real server as a process of its own.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::process::{Child, Command};

/// How long a server may take until it is ready: it may have much to load, on a slow disk, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Why the server did not do what it was asked to.
#[derive(Debug)]
pub enum ServerError {
    /// The program could not be run.
    Run(io::Error),
    /// It ended before it was ready, with this on its error output.
    Ended(String),
    /// It was not ready in time.
    NotReady,
    /// A command failed, with this on its error output.
    Command(String),
    /// A command's output is not JSON.
    Output,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => write!(f, "muster could not be run: {error}"),
            Self::Ended(said) => write!(f, "muster ended before it was ready: {said}"),
            Self::NotReady => write!(f, "muster was not ready within {} s", READY_WITHIN.as_secs()),
            Self::Command(said) => write!(f, "muster refused: {said}"),
            Self::Output => write!(f, "muster's output is not JSON"),
        }
    }
}

impl std::error::Error for ServerError {}

/// A running server.
#[derive(Debug)]
pub struct ServerProcess {
    program: PathBuf,
    data: PathBuf,
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl ServerProcess {
    /// Starts `program serve` on the data directory and waits until it is ready. Port 0 lets the system choose one.
    ///
    /// # Errors
    /// If it cannot be run, ends, or is not ready in time.
    pub async fn start(program: &Path, data: &Path, listen: SocketAddr) -> Result<Self, ServerError> {
        std::fs::create_dir_all(data).map_err(ServerError::Run)?;
        let log = std::fs::File::options().create(true).append(true).open(data.with_extension("log"));
        let mut child = Command::new(program)
            .args(["serve", "--listen", &listen.to_string(), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.map_err(ServerError::Run)?)
            .kill_on_drop(true)
            .spawn()
            .map_err(ServerError::Run)?;
        let (address, admin) = tokio::select! {
            ready = tokio::time::timeout(READY_WITHIN, ready_addresses(data, child.id())) => {
                ready.map_err(|_| ServerError::NotReady)?
            }
            _ = child.wait() => {
                let said = std::fs::read_to_string(data.with_extension("log")).unwrap_or_default();
                return Err(ServerError::Ended(said));
            }
        };
        Ok(Self { program: program.to_owned(), data: data.to_owned(), child, address, admin })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it takes the operator's requests, and tells its metrics.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The directory that holds what it knows.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The number of its process, while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The memory it holds now, in bytes, where the system says (`/proc`).
    #[must_use]
    pub fn memory_bytes(&self) -> Option<u64> {
        memory_bytes(self.child.id()?)
    }

    /// Kills it as a power cut would: no signal handler runs.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Starts it again after its end, on the same data and at the same address.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        *self = Self::start(&self.program, &self.data, self.address).await?;
        Ok(())
    }

    /// Runs a command of `muster` on this server's data and returns its JSON.
    ///
    /// # Errors
    /// If the command fails; the error is what it said.
    pub async fn command(&self, args: &[&str]) -> Result<Json, ServerError> {
        command(&self.program, &self.data, args).await
    }

    /// Waits until the process ends by itself.
    ///
    /// # Errors
    /// If the system does not say.
    pub async fn ended(&mut self) -> io::Result<()> {
        self.child.wait().await.map(drop)
    }
}

/// The resident memory of a process in bytes, where the system says (`/proc`).
#[must_use]
pub fn memory_bytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

async fn command(program: &Path, data: &Path, args: &[&str]) -> Result<Json, ServerError> {
    let output = Command::new(program)
        .args(args)
        .arg("--json")
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(ServerError::Run)?;
    if !output.status.success() {
        return Err(ServerError::Command(String::from_utf8_lossy(&output.stderr).trim().to_string()));
    }
    serde_json::from_slice(&output.stdout).map_err(|_| ServerError::Output)
}

/// The addresses, for devices and for the operator, that the server of this process writes down once it answers.
async fn ready_addresses(data: &Path, process: Option<u32>) -> (SocketAddr, SocketAddr) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        tick.tick().await;
        let Ok(text) = std::fs::read(data.join("server.json")) else { continue };
        let Ok(written) = serde_json::from_slice::<Json>(&text) else { continue };
        // A server that was killed has left its file behind: only this process's counts.
        if written.get("pid").and_then(Json::as_u64) != process.map(u64::from) {
            continue;
        }
        let address = |field| written.get(field).and_then(Json::as_str).and_then(|address| address.parse().ok());
        let (Some(address), Some(admin)) = (address("address"), address("admin")) else { continue };
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return (address, admin);
        }
    }
}
