//! The data directory: who holds it, and where its server listens.
//!
//! Whoever opens the database holds a lock on `muster.lock` (`flock`, so it ends with the process that held it). A server
//! writes its address into `server.json`, so that the command line finds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const LOCK_FILE: &str = "muster.lock";
const SERVER_FILE: &str = "server.json";

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process holds it.
    #[error("another muster holds {}: stop it first, or name another --data", path.display())]
    Held {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("the data directory {} cannot be used: check that it may be written by this user", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Where a running server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningServer {
    /// The address to reach it from this machine.
    pub address: SocketAddr,
    /// The address at which it takes the operator's requests.
    pub admin: SocketAddr,
    /// Its process id.
    pub pid: u32,
}

/// A data directory that this process holds. The lock ends when it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Takes the directory, makes it if it is not there.
    ///
    /// # Errors
    /// If another process holds it or it cannot be written.
    pub fn hold(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io { path: path.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).mode(0o600).open(path.join(LOCK_FILE));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::Held { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let held = Self { path: path.to_owned(), _lock: lock };
        // What a killed server left behind.
        held.withdraw().map_err(failed)?;
        Ok(held)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells the command line where the server listens.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn announce(&self, listening: SocketAddr, admin: SocketAddr) -> Result<(), DataDirError> {
        let failed = |source| DataDirError::Io { path: self.path.clone(), source };
        let running = RunningServer { address: reachable(listening), admin: reachable(admin), pid: std::process::id() };
        let json = serde_json::to_vec(&running).map_err(|error| failed(error.into()))?;
        let draft = self.path.join(format!("{SERVER_FILE}.tmp"));
        fs::write(&draft, json).and_then(|()| fs::rename(&draft, self.path.join(SERVER_FILE))).map_err(failed)
    }

    fn withdraw(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join(SERVER_FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The server that holds a directory; `None` if whoever holds it takes no requests (yet).
    #[must_use]
    pub fn running(path: &Path) -> Option<RunningServer> {
        serde_json::from_slice(&fs::read(path.join(SERVER_FILE)).ok()?).ok()
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Err(error) = self.withdraw() {
            tracing::warn!(%error, "the server's address could not be withdrawn");
        }
    }
}

/// The address under which this machine reaches what listens here.
fn reachable(listening: SocketAddr) -> SocketAddr {
    match listening {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/data");
        let held = DataDir::hold(&path).unwrap();
        let error = DataDir::hold(&path).unwrap_err();
        assert!(matches!(error, DataDirError::Held { .. }), "{error}");
        assert!(error.to_string().contains("another muster holds"), "{error}");
        drop(held);
        DataDir::hold(&path).unwrap();
    }

    #[test]
    fn a_server_is_found_until_it_stops() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::hold(dir.path()).unwrap();
        assert_eq!(DataDir::running(dir.path()), None);
        held.announce("0.0.0.0:8400".parse().unwrap(), "127.0.0.1:8401".parse().unwrap()).unwrap();
        let running = DataDir::running(dir.path()).unwrap();
        assert_eq!(running.address, "127.0.0.1:8400".parse().unwrap());
        assert_eq!(running.admin, "127.0.0.1:8401".parse().unwrap());
        drop(held);
        assert_eq!(DataDir::running(dir.path()), None);
    }

    #[test]
    fn what_a_killed_server_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(SERVER_FILE), r#"{"address":"127.0.0.1:1","admin":"127.0.0.1:2","pid":1}"#).unwrap();
        let _held = DataDir::hold(dir.path()).unwrap();
        assert_eq!(DataDir::running(dir.path()), None);
    }

    #[test]
    fn a_file_in_its_place_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        assert!(matches!(DataDir::hold(&path), Err(DataDirError::Io { .. })));
    }
}
