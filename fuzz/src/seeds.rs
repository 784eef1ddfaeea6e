//! Files of a corpus.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The folder of all corpora in the source tree.
#[must_use]
pub fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Writes inputs into a folder, each under a name that follows from what is in it.
///
/// # Errors
/// If the folder or a file cannot be written.
pub fn write(folder: &Path, inputs: &[Vec<u8>]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    inputs.iter().try_for_each(|input| std::fs::write(folder.join(name(input)), input))
}

fn name(input: &[u8]) -> String {
    hex::encode(Sha256::digest(input).iter().take(8).copied().collect::<Vec<u8>>())
}
