//! One signing key and its file. Which keys there are and what each is for is said in [`ring`](super::ring).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rand::Rng;
use sha2::{Digest, Sha256};

/// The folder of the keys in the data directory.
pub const FOLDER: &str = "keys";

/// The file of the first signing key in that folder: PKCS #8 (RFC 8410) as PEM, mode 0600.
pub const FILE: &str = "signing.pem";

/// Why the signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the signing key {} cannot be read or written: run muster as the user who owns the data directory", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no Ed25519 key.
    #[error("{} is not a signing key: restore it from a backup, or remove it and enrol all devices again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("other users can read the signing key {}: run chmod 600 on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
}

/// The signing key. It is never printed.
pub struct ServerKey {
    signing: SigningKey,
    id: String,
}

impl std::fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerKey({})", self.id)
    }
}

impl ServerKey {
    /// A key of these 32 secret bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let digest = Sha256::digest(signing.verifying_key().as_bytes());
        let id = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { signing, id }
    }

    /// The key of a data directory, made if it is not there yet.
    ///
    /// # Errors
    /// If the file cannot be read or made, is no key, or can be read by other users.
    pub fn load_or_create(data: &Path) -> Result<Self, KeyError> {
        let path = data.join(FOLDER).join(FILE);
        match Self::load(&path) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            loaded => return loaded,
        }
        create(&path, &Self::random())?;
        // What is on the disk counts: another process may have been faster.
        Self::load(&path)
    }

    /// A new key, which is on no disk yet.
    #[must_use]
    pub fn random() -> Self {
        Self::from_seed(&rand::rng().random())
    }

    /// The key in this file.
    ///
    /// # Errors
    /// If the file is not there, cannot be read, is no key, or can be read by other users.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned() });
        }
        let pem = fs::read_to_string(path).map_err(failed)?;
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| KeyError::Malformed { path: path.to_owned() })?;
        Ok(Self::from_seed(key.as_bytes()))
    }

    /// The key's id (`kid`): the first 8 bytes of the SHA-256 of the public key, in hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The private key as PKCS #8.
    pub(super) fn to_pkcs8(&self) -> Option<Vec<u8>> {
        self.signing.to_pkcs8_der().ok().map(|document| document.as_bytes().to_vec())
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }
}

/// Writes the key where none is: whole or not at all, and never over another.
pub(super) fn create(path: &Path, key: &ServerKey) -> Result<(), KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let pem = key.signing.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Malformed { path: path.to_owned() })?;
    write_private(path, pem.as_bytes(), |draft, path| match fs::hard_link(draft, path) {
        // A link is refused where a file is, unlike a rename.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(draft),
        Err(error) => Err(error),
        Ok(()) => fs::remove_file(draft),
    })
    .map_err(failed)
}

/// Writes a file that only its owner can read, whole or not at all: a draft first, which `place` then puts where it belongs.
pub(super) fn write_private(
    path: &Path,
    bytes: &[u8],
    place: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!("{name}.{:08x}.tmp", rand::rng().random::<u32>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| place(&draft, path));
    if written.is_err() {
        // The draft holds a secret and is of no use.
        drop(fs::remove_file(&draft));
    }
    written?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let made = ServerKey::load_or_create(dir.path()).unwrap();
        let again = ServerKey::load_or_create(dir.path()).unwrap();
        assert_eq!(made.public(), again.public());
        assert_eq!((made.id(), made.id().len()), (again.id(), 16));
        let folder = dir.path().join(FOLDER);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no draft is left");
        assert!(!format!("{made:?}").contains("signing"));
    }

    #[test]
    fn two_that_start_at_once_end_with_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<String> = std::thread::scope(|scope| {
            let start = || ServerKey::load_or_create(dir.path()).unwrap().id().to_owned();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn an_exposed_a_broken_and_a_missing_key_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FOLDER).join(FILE);
        assert!(matches!(ServerKey::load(&path), Err(KeyError::File { .. })));
        ServerKey::load_or_create(dir.path()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(ServerKey::load_or_create(dir.path()), Err(KeyError::Exposed { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "not a key").unwrap();
        assert!(matches!(ServerKey::load_or_create(dir.path()), Err(KeyError::Malformed { .. })));
    }
}
