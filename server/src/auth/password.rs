//! Passwords: argon2id (RFC 9106), with the parameters that OWASP recommends, 19 MiB and two passes.
//!
//! Somebody who is not known and somebody whose password is wrong cost the same: both are checked against a hash, the
//! unknown one against one that nobody's password has.

use std::sync::OnceLock;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{Error, PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// How many are checked at once: each takes 19 MiB and a core for some ten milliseconds.
const AT_ONCE: usize = 2;

/// How many characters a password may have.
pub const LENGTH: std::ops::RangeInclusive<usize> = 10..=200;

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed")]
pub struct PasswordError;

/// Hashes and checks passwords, a few at once.
#[derive(Debug)]
pub struct Passwords {
    turns: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

fn argon() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn hash(password: &str) -> Result<String, Error> {
    let salt = SaltString::generate(&mut OsRng);
    Ok(argon().hash_password(password.as_bytes(), &salt)?.to_string())
}

/// The hash of a password that nobody has.
fn nobodys() -> &'static str {
    static NOBODYS: OnceLock<String> = OnceLock::new();
    NOBODYS.get_or_init(|| hash(&format!("{:032x}", rand::random::<u128>())).unwrap_or_default())
}

impl Passwords {
    /// What is kept of a password, as a PHC string.
    ///
    /// # Errors
    /// If the system has no randomness or no memory.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let _turn = self.turns.acquire().await;
        let hashed = tokio::task::spawn_blocking(move || hash(&password)).await;
        hashed.map_err(|_| PasswordError)?.map_err(|_| PasswordError)
    }

    /// Whether it is the password that was kept; of somebody who is not known it never is, and that takes as long.
    pub async fn is_right(&self, password: String, kept: Option<String>) -> bool {
        let _turn = self.turns.acquire().await;
        let check = move || {
            let text = kept.as_deref().unwrap_or_else(|| nobodys());
            let parsed = PasswordHash::new(text);
            let fits = parsed.is_ok_and(|kept| argon().verify_password(password.as_bytes(), &kept).is_ok());
            fits && kept.is_some()
        };
        tokio::task::spawn_blocking(check).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let passwords = Passwords::default();
        let kept = passwords.hash("correct horse battery".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(passwords.hash("correct horse battery".to_owned()).await.unwrap(), kept, "salted");
        let right =
            async |password: &str, kept: Option<&String>| passwords.is_right(password.to_owned(), kept.cloned()).await;
        assert!(right("correct horse battery", Some(&kept)).await);
        assert!(!right("correct horse batterx", Some(&kept)).await);
        assert!(!right("correct horse battery", Some(&"not a hash".to_owned())).await);
        assert!(!right("correct horse battery", None).await);
    }
}
