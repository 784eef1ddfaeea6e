//! Names of the parties: peers and their storage.

use std::fmt;
use std::sync::Arc;

/// The longest id of a peer or a storage, in bytes. JavaScript peers use some 20 to 50.
pub const MAX_ID_BYTES: usize = 512;

/// A text that is no id: empty or longer than [`MAX_ID_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to {MAX_ID_BYTES} bytes, this one has {bytes}")]
pub struct IdError {
    /// How many bytes the text had.
    pub bytes: usize,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes a text.
            ///
            /// # Errors
            /// [`IdError`] when it is empty or longer than [`MAX_ID_BYTES`].
            pub fn new(text: &str) -> Result<Self, IdError> {
                if text.is_empty() || text.len() > MAX_ID_BYTES {
                    return Err(IdError { bytes: text.len() });
                }
                Ok(Self(Arc::from(text)))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// One end of a connection, chosen by itself, arbitrary text (`peer-x7k2`, `storage-server-host`).
    PeerId
}
text_id! {
    /// What a peer writes to, stable over its restarts: UUID text.
    StorageId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_bounded() {
        assert_eq!(PeerId::new("").unwrap_err().bytes, 0);
        assert!(PeerId::new(&"x".repeat(MAX_ID_BYTES)).is_ok());
        assert!(StorageId::new(&"x".repeat(MAX_ID_BYTES + 1)).is_err());
        assert_eq!("gate-b".parse::<PeerId>().unwrap().to_string(), "gate-b");
    }
}
