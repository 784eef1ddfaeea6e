//! Writes the inputs that fuzzing begins with, made by Muster's own code, into a folder for each target.

use std::io;
use std::path::PathBuf;

use muster_fuzz::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(seeds::corpora, PathBuf::from);
    TARGETS.iter().try_for_each(|target| seeds::write(&folder.join(target.name), &(target.seeds)()))
}
