//! The key of an encrypted database.

use std::sync::Arc;

use muster_client_core::store::sqlite;

use crate::error::MusterError;

/// What a database is encrypted with: 32 bytes that the app draws at random for each database, and keeps where the system
/// keeps keys (Android Keystore, iOS Keychain). A handle and not plain bytes, so that no language prints it by chance.
#[derive(Debug, PartialEq, Eq, uniffi::Object)]
pub struct DatabaseKey {
    bits: sqlite::DatabaseKey,
}

#[uniffi::export]
impl DatabaseKey {
    /// A key of these bytes.
    ///
    /// # Errors
    /// `bad_parameter` unless there are 32 of them.
    #[uniffi::constructor]
    pub fn new(bytes: Vec<u8>) -> Result<Arc<Self>, MusterError> {
        let bits: [u8; 32] =
            bytes.try_into().map_err(|_| MusterError::bad_parameter("a key of a database has 32 bytes"))?;
        Ok(Arc::new(Self { bits: sqlite::DatabaseKey::new(bits) }))
    }
}

impl DatabaseKey {
    pub(crate) fn bits(&self) -> sqlite::DatabaseKey {
        self.bits.clone()
    }
}
