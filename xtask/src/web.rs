//! `cargo xtask web`: the core as WebAssembly, the app around it, and what the server carries of both.
//!
//! The module is built with Rust's own target where rustup has it. Without, Debian's `rustc-web` builds the standard library
//! along from `rust-web-src`. SQLite's C needs a clang that writes WebAssembly. `wasm-opt` is left out: it made the module 12 %
//! smaller as it is and not a byte smaller compressed (5.0 MB, 1.78 MB; November 2026), and took two minutes.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::error::Error;
use crate::npm;
use crate::setup;
use crate::workspace::{Profile, Workspace, beside, run as run_program, succeeds};

const TARGET: &str = "wasm32-unknown-unknown";

/// Parts of SQLite that nothing here uses, left out as far as its own build allows.
const SQLITE_FLAGS: &str = "-USQLITE_ENABLE_SESSION -USQLITE_ENABLE_PREUPDATE_HOOK -USQLITE_ENABLE_RTREE \
    -USQLITE_ENABLE_MATH_FUNCTIONS -USQLITE_ENABLE_BYTECODE_VTAB -USQLITE_ENABLE_DBPAGE_VTAB \
    -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_STMTVTAB -USQLITE_ENABLE_COLUMN_METADATA \
    -USQLITE_ENABLE_OFFSET_SQL_FUNC -USQLITE_ENABLE_UNKNOWN_SQL_FUNCTION -DSQLITE_DEFAULT_PAGE_SIZE=4096";

/// The types of the core as the app is checked with, in the repository and as they were just made.
const TYPES: &str = "web/src/core/wasm/muster_web.d.ts";

/// What to build.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build the core only: the module and its types
    #[arg(long)]
    core: bool,
    /// Then try it in browsers: the core, the screens, whole days, the door in Firefox and by Lighthouse
    #[arg(long)]
    check: bool,
}

/// Builds the app, for servers that are built afterwards.
///
/// # Errors
/// When setup or a build fails.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    setup::run_for_web()?;
    let workspace = Workspace::find()?;
    if args.check {
        carried(&workspace)?;
        workspace.build_all()?;
        screens(&workspace)?;
        stories(&workspace)?;
        lighthouse(&workspace)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.core { core(&workspace) } else { build(&workspace) }?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the core and the app around it, for servers that are built afterwards.
///
/// # Errors
/// When a build fails.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Error> {
    core(workspace)?;
    app(workspace)
}

/// Builds what a server carries, before any server is built, and looks whether the module's types in the repository are its
/// own. The profile is that of what is shipped: most of the time is compiling what the module is made of, which a quicker one
/// takes as long for (3.6 minutes against 3.5 beside other work; November 2026), and phones meet none but this. The programs
/// that write code from it are tested beside it.
///
/// # Errors
/// [`Error::Stale`] when they are not; when a build fails.
pub(crate) fn carried(workspace: &Workspace) -> Result<(), Error> {
    let types = workspace.path(TYPES);
    let read = || fs::read(&types).map_err(|source| Error::File { path: types.clone(), source });
    let kept = read()?;
    // Both end with a long while in which one core of the machine has nothing to do.
    beside(workspace, core, Workspace::try_generators)?;
    if read()? != kept {
        return Err(Error::Stale(TYPES));
    }
    app(workspace)
}

/// The screens on made data: stories at them, and whether each looks as approved and hinders nobody.
///
/// # Errors
/// When the build fails, or there is something against a screen.
pub(crate) fn screens(workspace: &Workspace) -> Result<(), Error> {
    npm::install(&web(workspace))?;
    script(workspace, &["build:fake"])?;
    script(workspace, &["test:browser"])?;
    script(workspace, &["screens"])
}

/// The core's stories in a browser, with the module that [`carried`] has built; whole days, and days on which something goes
/// wrong, with the app as the server that the tests have built carries it; and the door's story in another browser. Three files
/// of them at a time: each waits for its clocks, and for servers and browsers that begin.
///
/// # Errors
/// When the page around the core cannot be built or a story fails.
pub(crate) fn stories(workspace: &Workspace) -> Result<(), Error> {
    harness(workspace)?;
    run_program(&mut against_server(workspace, &["test:stories"]))
}

/// What Lighthouse says of the door, with the app as [`stories`] have it: what does not depend on how busy this machine is. How fast
/// it is, `cargo xtask bench web` asks.
///
/// # Errors
/// When it is less than what we ship.
pub(crate) fn lighthouse(workspace: &Workspace) -> Result<(), Error> {
    npm::install(&web(workspace))?;
    run_program(&mut against_server(workspace, &["lighthouse", "--", "accessibility", "best-practices"]))
}

/// A script of the app's, with the server that the tests have built.
fn against_server(workspace: &Workspace, words: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent"]).args(words).current_dir(web(workspace));
    npm.env("MUSTER_SERVER", muster(workspace, Profile::Dev)).env_remove("MUSTER_HTTP_WEB_DIR");
    npm
}

/// Checks the app's types and format, and tries those of its parts that need no browser.
///
/// # Errors
/// When npm cannot install what it needs, or a check fails.
pub(crate) fn parts(workspace: &Workspace) -> Result<(), Error> {
    npm::install(&web(workspace))?;
    script(workspace, &["check"])?;
    script(workspace, &["test"])
}

fn script(workspace: &Workspace, words: &[&str]) -> Result<(), Error> {
    run_program(Command::new("npm").args(["run", "--silent"]).args(words).current_dir(web(workspace)))
}

/// Builds the page that has the core and nothing else, for tests and measurements.
///
/// # Errors
/// When npm or the build fails.
pub(crate) fn harness(workspace: &Workspace) -> Result<(), Error> {
    npm::install(&web(workspace))?;
    let mut vite = Command::new("npx");
    vite.args(["vite", "build", "--logLevel", "warn", "--config", "tests/harness/vite.config.ts"]);
    run_program(vite.current_dir(web(workspace)))
}

/// The server's binary.
pub(crate) fn muster(workspace: &Workspace, profile: Profile) -> PathBuf {
    workspace.built(profile, &format!("muster{}", env::consts::EXE_SUFFIX))
}

pub(crate) fn web(workspace: &Workspace) -> PathBuf {
    workspace.path("web")
}

/// Builds the module with its JavaScript and its types into the app's source.
///
/// # Errors
/// When the target cannot be had or a build fails.
pub(crate) fn core(workspace: &Workspace) -> Result<(), Error> {
    let mut build = workspace.cargo(["build", "--package=muster-web", "--lib", "--profile=web", "--target", TARGET]);
    toolchain(&mut build)?;
    run_program(build.env("SQLITE_WASM_RS_FLAGS", SQLITE_FLAGS))?;
    let bindgen = workspace.generator("muster-web-bindgen")?;
    let module = workspace.target().join(TARGET).join("web/muster_web.wasm");
    run_program(Command::new(bindgen).arg(module).arg(workspace.path("web/src/core/wasm")))
}

/// Builds the app and puts it, compressed, where the server's build takes it from.
fn app(workspace: &Workspace) -> Result<(), Error> {
    npm::install(&web(workspace))?;
    script(workspace, &["build"])?;
    run_program(Command::new("node").arg("tools/embed.mjs").current_dir(web(workspace)))
}

/// Has a cargo build for the browser with what this machine has.
fn toolchain(build: &mut Command) -> Result<(), Error> {
    if has_target() {
        return Ok(());
    }
    if succeeds(Command::new("rustup").args(["target", "add", TARGET])) && has_target() {
        return Ok(());
    }
    let linker = ["/usr/bin/wasm-ld", "/usr/bin/lld"].into_iter().map(Path::new).find(|path| path.exists());
    let (true, Some(linker)) = (Path::new(DEBIANS_STD).exists(), linker) else {
        return Err(Error::NotReady(vec![
            "  Rust for WebAssembly is missing: run `rustup target add wasm32-unknown-unknown`, or \
             `sudo apt-get install rustc-web rust-web-src lld` (Debian 12 or later)"
                .to_owned(),
        ]));
    };
    // Features of cargo that are not stable yet: Debian's compiler comes without a standard library for this target.
    build.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1").env("RUSTC", "/usr/bin/rustc");
    build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", OsString::from(linker));
    Ok(())
}

/// The standard library's source, as Debian's `rust-web-src` has it.
const DEBIANS_STD: &str = "/usr/lib/rustlib/src/rust/library/std";

/// Whether the compiler in use has the standard library for the browser.
fn has_target() -> bool {
    let mut asked = Command::new("rustc");
    asked.args(["--print", "target-libdir", "--target", TARGET]).stderr(Stdio::null());
    let Ok(told) = asked.output() else { return false };
    let folder = PathBuf::from(String::from_utf8_lossy(&told.stdout).trim());
    fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some())
}
