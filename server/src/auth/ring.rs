//! The signing keys of a data directory: the newest signs, older ones still verify until their last token has ended.
//!
//! A directory that never changed its key has the first one alone, `signing.pem`. A change writes the new key to a file
//! named after it, then `ring.json`, which says which keys count; what it does not name does not.

use std::fs;
use std::path::Path;

use muster_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys::{self, FILE, FOLDER, KeyError, ServerKey};

/// The list of the keys, in their folder.
const RING_FILE: &str = "ring.json";

/// One key and what it is still for.
#[derive(Debug)]
pub struct RingKey {
    /// The key.
    pub key: ServerKey,
    /// Its file in the folder.
    file: String,
    /// When it was made; `None` for a first key, whose making nobody wrote down.
    pub created_at: Option<Timestamp>,
    /// Until when tokens may run that it signed; `None` for the one that signs.
    pub verifies_until: Option<Timestamp>,
}

/// The signing keys, the newest last.
#[derive(Debug)]
pub struct KeyRing {
    issuer: String,
    older: Vec<RingKey>,
    newest: RingKey,
}

#[derive(Serialize, Deserialize)]
struct Listed {
    id: String,
    file: String,
    created_at_ms: Option<i64>,
    verifies_until_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct RingFile {
    issuer: String,
    keys: Vec<Listed>,
}

impl KeyRing {
    /// A ring of one key.
    #[must_use]
    pub fn of(key: ServerKey) -> Self {
        let issuer = format!("muster:{}", key.id());
        let newest = RingKey { key, file: FILE.to_owned(), created_at: None, verifies_until: None };
        Self { issuer, older: Vec::new(), newest }
    }

    /// The keys of a data directory; a first one is made if there is none.
    ///
    /// # Errors
    /// If a file cannot be read or made, is not what it should be, or can be read by other users.
    pub fn load_or_create(data: &Path) -> Result<Self, KeyError> {
        match Self::listed(data)? {
            Some(ring) => Ok(ring),
            None => Ok(Self::of(ServerKey::load_or_create(data)?)),
        }
    }

    /// The keys of a data directory.
    ///
    /// # Errors
    /// As [`load_or_create`](Self::load_or_create), and if there is no key.
    pub fn load(data: &Path) -> Result<Self, KeyError> {
        match Self::listed(data)? {
            Some(ring) => Ok(ring),
            None => Ok(Self::of(ServerKey::load(&data.join(FOLDER).join(FILE))?)),
        }
    }

    fn listed(data: &Path) -> Result<Option<Self>, KeyError> {
        let folder = data.join(FOLDER);
        let path = folder.join(RING_FILE);
        let malformed = || KeyError::Malformed { path: path.clone() };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(KeyError::File { path, source }),
        };
        let RingFile { issuer, keys } = serde_json::from_slice(&text).map_err(|_| malformed())?;
        let mut ring = Vec::new();
        for Listed { id, file, created_at_ms, verifies_until_ms } in keys {
            let key = ServerKey::load(&folder.join(&file))?;
            if key.id() != id {
                return Err(malformed());
            }
            let at = |ms: Option<i64>| ms.map(Timestamp::from_ms);
            ring.push(RingKey { key, file, created_at: at(created_at_ms), verifies_until: at(verifies_until_ms) });
        }
        let newest = ring.pop().filter(|newest| newest.verifies_until.is_none()).ok_or_else(malformed)?;
        Ok(Some(Self { issuer, older: ring, newest }))
    }

    /// Makes a new key, which signs from now on. Those before verify tokens that end by `verifies_until`; what ended before
    /// `now` is forgotten, its file too.
    ///
    /// # Errors
    /// If a file cannot be written. Then the ring on the disk is what it was.
    pub fn rotate(self, data: &Path, now: Timestamp, verifies_until: Timestamp) -> Result<Self, KeyError> {
        let folder = data.join(FOLDER);
        let key = ServerKey::random();
        let file = format!("{}.pem", key.id());
        keys::create(&folder.join(&file), &key)?;
        let Self { issuer, mut older, newest } = self;
        older.push(RingKey { verifies_until: Some(verifies_until), ..newest });
        let (older, ended): (Vec<_>, Vec<_>) =
            older.into_iter().partition(|one| one.verifies_until.is_none_or(|until| until > now));
        let newest = RingKey { key, file, created_at: Some(now), verifies_until: None };
        let ring = Self { issuer, older, newest };
        ring.write(&folder)?;
        for one in ended {
            // The ring does not name it any more; that its file stays costs nothing but the file.
            if let Err(error) = fs::remove_file(folder.join(&one.file)) {
                tracing::warn!(key = one.key.id(), %error, "the file of an ended key could not be removed");
            }
        }
        Ok(ring)
    }

    fn write(&self, folder: &Path) -> Result<(), KeyError> {
        let path = folder.join(RING_FILE);
        let listed = |one: &RingKey| Listed {
            id: one.key.id().to_owned(),
            file: one.file.clone(),
            created_at_ms: one.created_at.map(Timestamp::ms),
            verifies_until_ms: one.verifies_until.map(Timestamp::ms),
        };
        let file = RingFile { issuer: self.issuer.clone(), keys: self.keys().map(listed).collect() };
        let failed = |source| KeyError::File { path: path.clone(), source };
        let text = serde_json::to_vec_pretty(&file).map_err(|error| failed(error.into()))?;
        keys::write_private(&path, &text, |draft, path| fs::rename(draft, path)).map_err(failed)
    }

    /// Whom tokens name as their issuer: the first key's id, whatever key signs.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key that signs.
    #[must_use]
    pub const fn newest(&self) -> &ServerKey {
        &self.newest.key
    }

    /// All keys, the newest last.
    pub fn keys(&self) -> impl Iterator<Item = &RingKey> {
        self.older.iter().chain(std::iter::once(&self.newest))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn ids(ring: &KeyRing) -> Vec<String> {
        ring.keys().map(|one| one.key.id().to_owned()).collect()
    }

    fn files(data: &Path) -> Vec<String> {
        let entries = fs::read_dir(data.join(FOLDER)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_key_signs_and_the_old_ones_are_kept_until_their_last_token_ends() {
        let dir = tempfile::tempdir().unwrap();
        let first = KeyRing::load_or_create(dir.path()).unwrap();
        let (issuer, first_id) = (first.issuer().to_owned(), first.newest().id().to_owned());
        assert_eq!(files(dir.path()), [FILE], "a directory of before has no list");

        let second = first.rotate(dir.path(), at(1_000), at(2_000)).unwrap();
        let second_id = second.newest().id().to_owned();
        assert_eq!(ids(&second), [first_id.clone(), second_id.clone()]);
        let loaded = KeyRing::load(dir.path()).unwrap();
        assert_eq!((ids(&loaded), loaded.issuer()), (ids(&second), issuer.as_str()));
        assert_eq!(loaded.keys().next().unwrap().verifies_until, Some(at(2_000)));

        let third = second.rotate(dir.path(), at(2_000), at(3_000)).unwrap();
        assert_eq!(ids(&third), [second_id.clone(), third.newest().id().to_owned()], "the first has ended");
        assert_eq!(third.issuer(), issuer);
        let mut kept = vec![format!("{second_id}.pem"), format!("{}.pem", third.newest().id()), RING_FILE.to_owned()];
        kept.sort();
        assert_eq!(files(dir.path()), kept, "its file too");
        for name in kept {
            let mode = fs::metadata(dir.path().join(FOLDER).join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_list_that_does_not_fit_its_keys_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        KeyRing::load_or_create(dir.path()).unwrap().rotate(dir.path(), at(1), at(2)).unwrap();
        let path = dir.path().join(FOLDER).join(RING_FILE);
        let good = fs::read_to_string(&path).unwrap();
        let other = ServerKey::random();
        for text in ["", "{}", r#"{"issuer":"x","keys":[]}"#, &good.replace(FILE, "missing.pem")] {
            fs::write(&path, text).unwrap();
            assert!(KeyRing::load_or_create(dir.path()).is_err(), "{text}");
        }
        let file: RingFile = serde_json::from_str(&good).unwrap();
        fs::write(&path, good.replace(&file.keys[1].id, other.id())).unwrap();
        assert!(KeyRing::load_or_create(dir.path()).is_err(), "another key's id");
    }
}
