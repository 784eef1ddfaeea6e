//! `cargo xtask fuzz`: looks for bytes that break what must hold, guided by the code that they reach.
//!
//! libFuzzer comes as source in `libfuzzer-sys`; the instruments are a pass of LLVM that stable Rust can switch on, so no
//! other toolchain is needed. What is built with them lies in `target/fuzz`, apart from everything else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::setup;
use crate::workspace::{Workspace, run as run_program, shown};

mod keep;
#[cfg(test)]
mod tests;

/// Counts for every edge of the code, and the operands of comparisons, for libFuzzer to read.
const INSTRUMENTS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// The crate with the targets, one binary each.
const CRATE: &str = "fuzz/libfuzzer";

/// A single input may take this long, in seconds, on a machine that others use too.
const TIMEOUT_S: u32 = 20;

/// A process may hold this much, in MiB; targets themselves check what an input costs.
const MEMORY_MIB: u32 = 2_048;

/// Which target, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The target
    #[arg(required_unless_present_any = ["list", "seeds"])]
    target: Option<String>,
    /// Say what targets there are
    #[arg(long, exclusive = true)]
    list: bool,
    /// Write the inputs that fuzzing begins with into fuzz/corpus anew
    #[arg(long, exclusive = true)]
    seeds: bool,
    /// For how long
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Run one input, as it was found
    #[arg(long, value_name = "FILE", conflicts_with = "minutes")]
    replay: Option<PathBuf>,
    /// Then choose from all that was found what is kept in fuzz/corpus
    #[arg(long, conflicts_with = "replay")]
    keep: bool,
}

/// A target, as its file in the crate of targets says.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    name: String,
    about: String,
}

/// Where a target's files are.
struct Places {
    /// In the source tree: what is kept.
    kept: PathBuf,
    /// Under `target`: what was found to reach something new.
    found: PathBuf,
    /// Under `target`: what broke something, was slow or took too much memory.
    artifacts: PathBuf,
}

/// Does what was asked.
///
/// # Errors
/// If there is no such target, the build fails, or something was found.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let workspace = Workspace::find()?;
    let targets = targets(&workspace.path(CRATE))?;
    if args.list {
        targets.iter().for_each(|target| println!("{:<10} {}", target.name, target.about));
        return Ok(ExitCode::SUCCESS);
    }
    setup::run()?;
    if args.seeds {
        let mut seeds = workspace.cargo(["run", "--quiet", "--package", "muster-fuzz", "--bin", "muster-fuzz-seeds"]);
        return run_program(&mut seeds).map(|()| ExitCode::SUCCESS);
    }
    let name = args.target.as_deref().unwrap_or_default();
    let target = targets.iter().find(|target| target.name == name).ok_or_else(|| unknown(name, &targets))?;
    let program = build(&workspace, target)?;
    if let Some(input) = &args.replay {
        let mut replay = Command::new(&program);
        return run_program(replay.arg(format!("-timeout={TIMEOUT_S}")).arg(input)).map(|()| ExitCode::SUCCESS);
    }
    let places = places(&workspace, target)?;
    look(&program, target, &places, args.minutes)?;
    if args.keep {
        keep::choose(&program, &places, &workspace.target().join("fuzz/chosen").join(&target.name))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str, targets: &[Target]) -> Error {
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    Error::Fuzz(format!("there is no target {name:?}: take one of {}", names.join(", ")))
}

/// The targets of a crate: a binary each, that says in its first line what it is.
fn targets(folder: &Path) -> Result<Vec<Target>, Error> {
    let folder = folder.join("src/bin");
    let mut targets = Vec::new();
    for path in files(&folder)? {
        let text = fs::read_to_string(&path).map_err(|source| Error::File { path: path.clone(), source })?;
        let about = text.lines().next().and_then(|line| line.strip_prefix("//! ")).unwrap_or_default().to_owned();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            targets.push(Target { name: name.to_owned(), about });
        }
    }
    Ok(targets)
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source: io::Error| Error::File { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut files =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

fn places(workspace: &Workspace, target: &Target) -> Result<Places, Error> {
    let under = |folder: &str| workspace.target().join("fuzz").join(folder).join(&target.name);
    let kept = workspace.path("fuzz/corpus").join(&target.name);
    let places = Places { kept, found: under("found"), artifacts: under("artifacts") };
    for path in [&places.kept, &places.found, &places.artifacts] {
        fs::create_dir_all(path).map_err(|source| Error::File { path: path.clone(), source })?;
    }
    Ok(places)
}

/// Builds a target with its instruments. They are for the machine's own platform alone: named as a target, so that build
/// scripts and macros are built without.
fn build(workspace: &Workspace, target: &Target) -> Result<PathBuf, Error> {
    let platform = platform(workspace)?;
    let folder = workspace.target().join("fuzz/build");
    let mut cargo = workspace.cargo(["build", "--release", "--target", &platform, "--bin", &target.name]);
    cargo.arg("--manifest-path").arg(workspace.path(CRATE).join("Cargo.toml"));
    run_program(cargo.env("RUSTFLAGS", INSTRUMENTS).env("CARGO_TARGET_DIR", &folder))?;
    Ok(folder.join(platform).join("release").join(format!("{}{}", target.name, std::env::consts::EXE_SUFFIX)))
}

/// This machine's platform, as `rustc` calls it.
fn platform(workspace: &Workspace) -> Result<String, Error> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.arg("-vV").current_dir(workspace.path("."));
    let output = rustc.output().map_err(|source| Error::Start { command: shown(&rustc), source })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or(Error::Failed { command: shown(&rustc), status: output.status })
}

/// Looks for as long as was asked, or until something is found.
fn look(program: &Path, target: &Target, places: &Places, minutes: u32) -> Result<(), Error> {
    let mut fuzzer = Command::new(program);
    fuzzer.arg(&places.found).arg(&places.kept);
    fuzzer.arg(format!("-max_total_time={}", u64::from(minutes).saturating_mul(60)));
    fuzzer.arg(format!("-timeout={TIMEOUT_S}")).arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    fuzzer.arg(format!("-artifact_prefix={}/", places.artifacts.display()));
    fuzzer.args(["-print_final_stats=1", "-use_value_profile=1", "-reload=0"]);
    let before = files(&places.artifacts)?;
    let ended = run_program(&mut fuzzer);
    let new: Vec<PathBuf> = files(&places.artifacts)?.into_iter().filter(|path| !before.contains(path)).collect();
    match ended {
        Ok(()) => Ok(()),
        Err(error) if new.is_empty() => Err(error),
        Err(_) => Err(Error::Fuzz(told(target, places, &new))),
    }
}

/// What was found, and what to do with it.
fn told(target: &Target, places: &Places, found: &[PathBuf]) -> String {
    let name = &target.name;
    let mut lines = vec![format!("{name}: something was found")];
    for path in found {
        lines.push(format!("  look at it:  cargo xtask fuzz {name} --replay {}", path.display()));
    }
    lines.push(format!(
        "  when it is mended, copy it to {}/found-WHAT, so that the tests replay it",
        places.kept.display()
    ));
    lines.join("\n")
}
