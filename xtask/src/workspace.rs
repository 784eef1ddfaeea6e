//! The workspace on disk, and how to run programs in it.

use std::env;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use cargo_metadata::MetadataCommand;

use crate::error::Error;

/// What `cargo run` sets for xtask itself. A nested cargo must not inherit it: build scripts that watch these
/// variables (ring's does) would run again in every change between `cargo xtask` and plain `cargo`.
const OWN_VARIABLES: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_NAME", "CARGO_PRIMARY_"];

/// Programs that write code from what is built. What they are made of is as much again as the server is, and nothing else
/// uses it: they stand aside from what is said to the whole workspace, and are built for a moment's work, as xtask is.
const GENERATORS: [&str; 2] = ["muster-bindgen", "muster-web-bindgen"];

/// Cargo's variable that says whether it builds incrementally.
const INCREMENTAL: &str = "CARGO_INCREMENTAL";

/// Where the workspace and its build products are.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    /// Whether cargo has built incrementally here, as it does for somebody who works on the sources. Where it has not, as in a
    /// fresh clone, it is not begun: our own crates and their tests take 201 s then instead of 251 (November 2026).
    incremental: bool,
}

/// How binaries are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As the tests are: quick to build once they are.
    Dev,
    /// As they are shipped.
    Release,
}

impl Profile {
    const fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

impl Workspace {
    /// Finds the workspace that xtask was built from, with the target directory that cargo uses now
    /// (`CARGO_TARGET_DIR` and cargo's configuration included).
    ///
    /// # Errors
    /// [`Error::Metadata`] when cargo cannot read the workspace.
    pub(crate) fn find() -> Result<Self, Error> {
        let metadata = MetadataCommand::new().manifest_path(own_manifest()).no_deps().exec()?;
        let target = metadata.target_directory.into_std_path_buf();
        let incremental = target.join("debug/incremental").exists();
        Ok(Self { root: metadata.workspace_root.into_std_path_buf(), target, incremental })
    }

    /// A path given relative to the workspace's root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder of all that is built.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where cargo puts a binary or library of this file name.
    pub(crate) fn built(&self, profile: Profile, file_name: &str) -> PathBuf {
        self.target.join(profile.folder()).join(file_name)
    }

    /// A `cargo` to run in the workspace's root.
    pub(crate) fn cargo<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root).args(args);
        if !self.incremental && env::var_os(INCREMENTAL).is_none() {
            command.env(INCREMENTAL, "0");
        }
        command
    }

    /// A `cargo` command for every crate of the workspace but the generators.
    pub(crate) fn cargo_for_all(&self, command: &str) -> Command {
        let mut cargo = self.cargo([command, "--workspace"]);
        cargo.args(GENERATORS.map(|name| format!("--exclude={name}")));
        cargo
    }

    /// Builds a generator and returns its path. Both are built, as [`Self::try_generators`] has them: one alone is made of
    /// crates with other features, so anew.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub(crate) fn generator(&self, name: &str) -> Result<PathBuf, Error> {
        run(self.cargo(["build", "--profile=task"]).args(GENERATORS.map(|name| format!("--package={name}"))))?;
        Ok(self.target.join("task").join(format!("{name}{}", env::consts::EXE_SUFFIX)))
    }

    /// Tests the generators, with clippy as their compiler: to check what they are made of once more for clippy alone takes
    /// longer than all the rest of this. Its warnings are errors there, as their sources say.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub(crate) fn try_generators(&self) -> Result<(), Error> {
        let mut test = self.cargo(["test", "--profile=task"]);
        test.args(GENERATORS.map(|name| format!("--package={name}")));
        run(test.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver"))
    }

    /// Builds binaries, given as `(package, binary)`, and returns their paths in the same order.
    ///
    /// For tests, all of the workspace's are built, as [`Self::build_all`] says.
    ///
    /// # Errors
    /// [`Error::Failed`] when the build fails, [`Error::Start`] when there is no cargo.
    pub(crate) fn build<const N: usize>(
        &self,
        profile: Profile,
        binaries: [(&str, &str); N],
    ) -> Result<[PathBuf; N], Error> {
        match profile {
            Profile::Dev => self.build_all()?,
            Profile::Release => {
                let mut command = self.cargo(["build", "--release"]);
                for (package, binary) in binaries {
                    command.args(["--package", package, "--bin", binary]);
                }
                run(&mut command)?;
            }
        }
        Ok(binaries.map(|(_, binary)| self.built(profile, &format!("{binary}{}", env::consts::EXE_SUFFIX))))
    }

    /// Builds every library, binary and test. For another selection cargo would build most of the dependencies again, with the
    /// features that only those need; without the tests it would build our libraries twice.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub(crate) fn build_all(&self) -> Result<(), Error> {
        run(self.cargo_for_all("build").args(["--lib", "--bins", "--tests"]))
    }
}

/// xtask's own manifest: the start for everything that looks at the workspace.
pub(crate) fn own_manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")
}

/// The cargo that started xtask, without the variables meant for xtask alone.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if OWN_VARIABLES.iter().any(|own| name.to_string_lossy().starts_with(own)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end with the caller's terminal.
///
/// # Errors
/// [`Error::Start`] when it cannot be started, [`Error::Failed`] when it ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|source| Error::Start { command: shown(command), source })?;
    if status.success() { Ok(()) } else { Err(Error::Failed { command: shown(command), status }) }
}

/// Takes two actions side by side; when both have failed, the first tells.
///
/// # Errors
/// Those of the actions.
pub(crate) fn beside(
    workspace: &Workspace,
    one: impl FnOnce(&Workspace) -> Result<(), Error>,
    other: impl FnOnce(&Workspace) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let other = scope.spawn(|| other(workspace));
        let done = one(workspace);
        let other = other.join().unwrap_or_else(|panic| resume_unwind(panic));
        done.and(other)
    })
}

/// Whether a program can be started and is content, with nothing shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Lets a program take this one's place, so that its exit code and every signal (Ctrl-C above all) are its own.
///
/// # Errors
/// [`Error::Start`] when it cannot be started.
#[cfg(unix)]
pub(crate) fn become_program(command: &mut Command) -> Result<ExitCode, Error> {
    use std::os::unix::process::CommandExt as _;
    let source = command.exec();
    Err(Error::Start { command: shown(command), source })
}

/// Runs a program to its end and passes on its exit code, where a process cannot be replaced by another.
///
/// # Errors
/// [`Error::Start`] when it cannot be started.
#[cfg(not(unix))]
pub(crate) fn become_program(command: &mut Command) -> Result<ExitCode, Error> {
    let status = command.status().map_err(|source| Error::Start { command: shown(command), source })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// A command as one would type it, for messages.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["doc", "--no-deps"]);
        assert_eq!(shown(&command), "cargo doc --no-deps");
    }

    #[test]
    fn a_nested_cargo_does_not_inherit_what_was_set_for_xtask() {
        // `cargo test` sets these for this process, as `cargo run` does.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let removed: Vec<_> =
            cargo().get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name.to_owned()).collect();
        assert!(removed.contains(&"CARGO_PKG_NAME".into()));
        assert!(removed.contains(&"CARGO_MANIFEST_DIR".into()));
        assert!(!removed.contains(&"CARGO_HOME".into()));
    }

    #[test]
    fn two_beside_each_other_are_both_taken_and_either_may_fail() {
        let workspace = Workspace::find().unwrap();
        let no = |_: &Workspace| Err(Error::Seeds("no".into()));
        assert!(beside(&workspace, |_| Ok(()), |_| Ok(())).is_ok());
        assert!(beside(&workspace, no, |_| Ok(())).is_err() && beside(&workspace, |_| Ok(()), no).is_err());
    }

    #[test]
    fn cargo_builds_incrementally_where_it_has_before() {
        let set = |incremental| {
            let workspace = Workspace { incremental, ..Workspace::find().unwrap() };
            workspace
                .cargo(["build"])
                .get_envs()
                .any(|(name, value)| name == INCREMENTAL && value == Some("0".as_ref()))
        };
        assert!(!set(true));
        // Who says it in the environment is asked first.
        assert_eq!(set(false), env::var_os(INCREMENTAL).is_none());
    }

    #[test]
    fn failure_and_absence_are_told_apart() {
        let missing = run(&mut Command::new("no-such-program-here"));
        assert!(matches!(missing, Err(Error::Start { .. })));
        let failing = run(cargo().arg("--no-such-option").stderr(Stdio::null()));
        assert!(matches!(failing, Err(Error::Failed { .. })));
        assert!(run(cargo().arg("--version").stdout(Stdio::null())).is_ok());
    }
}
