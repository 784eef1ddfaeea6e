//! Encryption at rest: SQLCipher encrypts every page of the database and of its log (AES-256, each page authenticated) with
//! a key that the app gives.
//!
//! The key is never written down here. The app keeps it where the system keeps keys (Android Keystore, iOS Keychain), drawn
//! at random for each database.

use std::fmt;

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::failed;
use crate::store::StoreError;

/// The 256 bits with which a database is encrypted. Draw them at random; they are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseKey([u8; 32]);

impl fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseKey(..)")
    }
}

impl DatabaseKey {
    /// A key of these bits.
    #[must_use]
    pub const fn new(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// Gives the key to a connection that has read and written nothing yet.
    ///
    /// # Errors
    /// [`StoreError::NoEncryption`] if SQLite is not SQLCipher: it would ignore the key and write plain text.
    /// [`StoreError::Key`] if it does not fit.
    pub(super) fn unlock(&self, connection: &Connection) -> Result<(), StoreError> {
        let version: Option<String> =
            connection.query_row("PRAGMA cipher_version", [], |row| row.get(0)).optional().map_err(failed)?;
        if version.is_none() {
            return Err(StoreError::NoEncryption);
        }
        connection.execute_batch(&self.pragma()).map_err(failed)?;
        let readable = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        readable.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StoreError::Key,
            _ => failed(error),
        })
    }

    /// As SQLCipher takes a key that needs no derivation.
    fn pragma(&self) -> String {
        let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("PRAGMA key = \"x'{hex}'\"")
    }
}

#[cfg(all(test, not(feature = "sqlcipher")))]
mod tests_without {
    use super::*;
    use crate::store::sqlite::SqliteStore;

    #[test]
    fn a_build_that_cannot_encrypt_takes_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let opened = SqliteStore::open_with_key(&dir.path().join("event.db"), Some(&DatabaseKey::new([7; 32])));
        assert!(matches!(opened, Err(StoreError::NoEncryption)), "{opened:?}");
    }
}

#[cfg(all(test, feature = "sqlcipher"))]
mod tests {
    use std::path::Path;

    use muster_model::document::{DocKind, DocRef};

    use super::*;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{Store, StoreRead, Write, WriteBatch};

    fn holds(dir: &Path, bytes: &[u8]) -> bool {
        let files = std::fs::read_dir(dir).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        files.into_iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
    }

    fn write(store: &mut SqliteStore, name: &str) {
        let chunk = Write::AppendChunk(DocRef::shard(DocKind::Roster, 0), name.repeat(2_000).into_bytes());
        store.commit(&WriteBatch { writes: vec![chunk], ..WriteBatch::default() }).unwrap();
    }

    #[test]
    fn without_the_key_no_byte_of_a_name_is_in_the_files() {
        let (plain, secret) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (name, key) = ("Zvirbulis", DatabaseKey::new([7; 32]));
        let mut open = SqliteStore::open(&plain.path().join("event.db")).unwrap();
        write(&mut open, name);
        assert!(holds(plain.path(), name.as_bytes()), "what the test looks for is found where it is");
        let path = secret.path().join("event.db");
        let mut store = SqliteStore::open_with_key(&path, Some(&key)).unwrap();
        write(&mut store, name);
        assert!(!holds(secret.path(), name.as_bytes()), "neither in the database nor in its log");
        assert!(!holds(secret.path(), b"SQLite format 3"), "not even that it is one");
        drop(store);
        assert!(!holds(secret.path(), name.as_bytes()));
        let store = SqliteStore::open_with_key(&path, Some(&key)).unwrap();
        assert_eq!(store.chunks(&DocRef::shard(DocKind::Roster, 0)).unwrap().concat().len(), 18_000);
    }

    #[test]
    fn another_key_and_none_are_refused_and_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("event.db");
        let key = DatabaseKey::new([7; 32]);
        write(&mut SqliteStore::open_with_key(&path, Some(&key)).unwrap(), "Zvirbulis");
        let before = std::fs::read(&path).unwrap();
        let wrong = SqliteStore::open_with_key(&path, Some(&DatabaseKey::new([8; 32])));
        assert!(matches!(wrong, Err(StoreError::Key)), "{wrong:?}");
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Damaged { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        SqliteStore::open_with_key(&path, Some(&key)).unwrap();
        // One that was never encrypted.
        let plain = dir.path().join("plain.db");
        write(&mut SqliteStore::open(&plain).unwrap(), "Zvirbulis");
        assert!(matches!(SqliteStore::open_with_key(&plain, Some(&key)), Err(StoreError::Key)));
    }

    #[test]
    fn what_is_forgotten_is_scrubbed_and_the_rest_stays_encrypted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("event.db");
        let key = DatabaseKey::new([7; 32]);
        let mut store = SqliteStore::open_with_key(&path, Some(&key)).unwrap();
        write(&mut store, "Zvirbulis");
        store.commit(&WriteBatch { writes: vec![Write::Wipe], ..WriteBatch::default() }).unwrap();
        write(&mut store, "Balodis");
        drop(store);
        assert!(!holds(dir.path(), b"Balodis"));
        let store = SqliteStore::open_with_key(&path, Some(&key)).unwrap();
        assert_eq!(store.chunks(&DocRef::shard(DocKind::Roster, 0)).unwrap().len(), 1);
    }

    #[test]
    fn a_key_shows_in_no_log() {
        assert_eq!(format!("{:?}", DatabaseKey::new([0xab; 32])), "DatabaseKey(..)");
    }
}
