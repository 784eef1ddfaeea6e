//! The private halves of ticket keys: `keys/tickets/<event>/<key>.pem` in the data directory, PKCS #8 (RFC 8410), mode
//! 0600 in folders of mode 0700.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use muster_model::id::EventId;
use muster_model::ticket::key::KeyId;
use rand::Rng;

use crate::auth::keys;
use crate::error::{ApiError, ErrorCode};

/// The folder of ticket keys in the folder of keys.
pub const FOLDER: &str = "tickets";

/// Why a private half cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read or written.
    #[error("the ticket key {} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no key, or another than its name says.
    #[error("{} is not the ticket key that its name says: restore it from a backup, or retire the key", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("other users can read the ticket key {}: run chmod 600 on it, or retire the key", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
}

impl From<SecretError> for ApiError {
    fn from(error: SecretError) -> Self {
        match &error {
            SecretError::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                ErrorCode::DiskFull.into()
            }
            _ => Self::logged(ErrorCode::TicketKeyUnusable, &error),
        }
    }
}

/// The private halves of an event's keys.
#[derive(Debug, Clone)]
pub struct Secrets {
    folder: PathBuf,
}

impl Secrets {
    /// Those of an event in a data directory.
    #[must_use]
    pub fn of(data: &Path, event: EventId) -> Self {
        Self { folder: data.join(keys::FOLDER).join(FOLDER).join(event.to_string()) }
    }

    fn path(&self, id: KeyId) -> PathBuf {
        self.folder.join(format!("{id}.pem"))
    }

    /// Draws a key whose id is not `taken`, and keeps it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(&self, taken: impl Fn(KeyId) -> bool) -> Result<(KeyId, SigningKey), SecretError> {
        loop {
            let seed: [u8; 32] = rand::rng().random();
            let key = SigningKey::from_bytes(&seed);
            let id = KeyId::of(key.verifying_key().as_bytes());
            // Two of 2^24 ids meet now and then; an event's keys may not.
            if !taken(id) && !self.path(id).exists() {
                self.write(id, &key)?;
                return Ok((id, key));
            }
        }
    }

    fn write(&self, id: KeyId, key: &SigningKey) -> Result<(), SecretError> {
        let path = self.path(id);
        let failed = |source| SecretError::File { path: path.clone(), source };
        let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| SecretError::Malformed { path: path.clone() })?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        let draft = self.folder.join(format!("{id}.{:08x}.tmp", rand::rng().random::<u32>()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
        let written = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all());
        let renamed = written.and_then(|()| fs::rename(&draft, &path));
        if renamed.is_err() {
            // What is left of a failed key; that it cannot be removed either changes nothing.
            drop(fs::remove_file(&draft));
        }
        renamed.and_then(|()| File::open(&self.folder)?.sync_all()).map_err(failed)
    }

    /// A key; `None` if its private half is not here.
    ///
    /// # Errors
    /// If it is there and cannot be read, can be read by others, or is another key.
    pub fn load(&self, id: KeyId) -> Result<Option<SigningKey>, SecretError> {
        let path = self.path(id);
        let mode = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SecretError::File { path, source }),
            Ok(metadata) => metadata.permissions().mode(),
        };
        if mode & 0o077 != 0 {
            return Err(SecretError::Exposed { path });
        }
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(source) => return Err(SecretError::File { path, source }),
        };
        match SigningKey::from_pkcs8_pem(&pem) {
            Ok(key) if KeyId::of(key.verifying_key().as_bytes()) == id => Ok(Some(key)),
            _ => Err(SecretError::Malformed { path }),
        }
    }

    /// Removes a key, if it is there.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, id: KeyId) -> Result<(), SecretError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(SecretError::File { path, source }),
            _ => Ok(()),
        }
    }
}

/// Copies all private halves of a data directory into the folder of keys of another.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy_all(data: &Path, target_keys: &Path) -> io::Result<()> {
    let from = data.join(keys::FOLDER).join(FOLDER);
    if !from.try_exists()? {
        return Ok(());
    }
    let private = |folder: &Path| DirBuilder::new().mode(0o700).create(folder);
    let to = target_keys.join(FOLDER);
    private(&to)?;
    for event in fs::read_dir(&from)? {
        let event = event?;
        if !event.file_type()?.is_dir() {
            continue;
        }
        let folder = to.join(event.file_name());
        private(&folder)?;
        for key in fs::read_dir(event.path())? {
            let key = key?;
            if key.path().extension().is_some_and(|extension| extension == "pem") {
                let copy = folder.join(key.file_name());
                fs::copy(key.path(), &copy)?;
                fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
                File::open(&copy)?.sync_all()?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(data: &Path) -> Secrets {
        Secrets::of(data, EventId::from_random([1; 16]))
    }

    #[test]
    fn a_key_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = secrets(dir.path());
        let (id, key) = secrets.create(|_| false).unwrap();
        assert_eq!(secrets.load(id).unwrap().unwrap().to_bytes(), key.to_bytes());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&secrets.folder), mode(&secrets.path(id))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&secrets.folder).unwrap().count(), 1, "no draft is left");
        secrets.remove(id).unwrap();
        secrets.remove(id).unwrap();
        assert!(secrets.load(id).unwrap().is_none());
    }

    #[test]
    fn an_exposed_a_broken_and_another_key_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = secrets(dir.path());
        let ((one, _), (other, _)) = (secrets.create(|_| false).unwrap(), secrets.create(|_| false).unwrap());
        fs::copy(secrets.path(other), secrets.path(one)).unwrap();
        assert!(matches!(secrets.load(one), Err(SecretError::Malformed { .. })));
        fs::write(secrets.path(one), "not a key").unwrap();
        assert!(matches!(secrets.load(one), Err(SecretError::Malformed { .. })));
        fs::set_permissions(secrets.path(one), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(secrets.load(one), Err(SecretError::Exposed { .. })));
        assert!(secrets.load(other).unwrap().is_some(), "one bad key costs one key");
    }
}
