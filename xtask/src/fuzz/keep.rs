//! Choosing what is kept of all that was found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Places, TIMEOUT_S, files};
use crate::error::Error;
use crate::workspace::run as run_program;

/// The most bytes of what is kept for a target.
const MOST_BYTES: u64 = 90_000;

/// How the name of a file begins that was wrong once: it is kept whatever it reaches.
const FOUND: &str = "found-";

/// Keeps the fewest inputs that reach everything, the smallest first, as far as there is room.
///
/// # Errors
/// If the target fails on one of the inputs, or a file cannot be read or written.
pub(super) fn choose(program: &Path, places: &Places, scratch: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    if scratch.exists() {
        fs::remove_dir_all(scratch).map_err(failed(scratch))?;
    }
    fs::create_dir_all(scratch).map_err(failed(scratch))?;
    let mut merge = Command::new(program);
    merge.arg("-merge=1").arg(format!("-timeout={TIMEOUT_S}"));
    run_program(merge.arg(scratch).arg(&places.kept).arg(&places.found))?;
    let (once_wrong, others): (Vec<PathBuf>, Vec<PathBuf>) =
        files(&places.kept)?.into_iter().partition(|path| was_wrong(path));
    let mut bytes = 0;
    for path in &once_wrong {
        bytes += fs::metadata(path).map_err(failed(path))?.len();
    }
    let known = once_wrong.iter().map(fs::read).collect::<Result<Vec<_>, _>>().map_err(failed(&places.kept))?;
    let mut reaching = Vec::new();
    for path in files(scratch)? {
        let input = fs::read(&path).map_err(failed(&path))?;
        if !known.contains(&input) {
            reaching.push((u64::try_from(input.len()).unwrap_or(u64::MAX), path));
        }
    }
    reaching.sort();
    for path in &others {
        fs::remove_file(path).map_err(failed(path))?;
    }
    let all = reaching.len();
    let mut kept = 0_usize;
    for (size, path) in reaching {
        bytes += size;
        if bytes > MOST_BYTES {
            break;
        }
        if let Some(name) = path.file_name() {
            fs::copy(&path, places.kept.join(name)).map_err(failed(&path))?;
            kept += 1;
        }
    }
    println!("kept {kept} of {all} inputs that reach something of their own, and {} that were wrong once", known.len());
    Ok(())
}

fn was_wrong(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(FOUND))
}
